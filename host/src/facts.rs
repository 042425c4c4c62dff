//! What a session asks for and what it is told, in the host's own words: the contract between `engine`, which drives
//! the component, and `registry`, which finds things out. `engine::convert` turns these into WIT records and back.

use std::{fmt, sync::mpsc::Sender};

use wit::PackageName;

use crate::graph::{Snapshot, Source};

/// Names one request of one session.
pub type RequestId = u32;

/// What a session needs to know.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// The versions of a package.
    Metadata(MetadataRequest),
    /// The manifest of one version that the metadata did not carry. It is answered from the packument already at hand.
    Manifest {
        /// Its name.
        name: PackageName,
        /// A named registry.
        registry: Option<String>,
        /// Its version.
        version: String,
    },
    /// The commit and manifest behind a git specifier.
    Git(String),
    /// The integrity and manifest of a remote tarball.
    Tarball(String),
    /// The manifest of a local folder or tarball, relative to an importer.
    Local {
        /// Whose manifest names it.
        importer: String,
        /// As the specifier has it.
        path: String,
    },
    /// A specifier that a plugin claims.
    Custom {
        /// The key in the manifest.
        alias: String,
        /// The value in the manifest.
        specifier: String,
    },
}

/// The versions of one package.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MetadataRequest {
    /// Its name.
    pub name: PackageName,
    /// A named registry.
    pub registry: Option<String>,
    /// A full packument is needed (publish times, libc, trust evidence).
    pub full: bool,
    /// The version whose manifest is best sent along, or how it begins: `7.` stands for the highest release of 7.
    pub wanted: Option<String>,
    /// A prefetch: its failure matters only once it is asked for in earnest.
    pub likely: bool,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// To [`Request::Metadata`].
    Metadata(Metadata),
    /// To [`Request::Manifest`]: JSON text.
    Manifest(Vec<u8>),
    /// To the others.
    Resolved {
        /// Where its bytes come from, pinned.
        source: Source,
        /// Its `package.json`.
        manifest: Vec<u8>,
    },
    /// It could not be had.
    Unavailable(Unavailable),
}

/// A package as its registry describes it; fields as in `wit/resolver/resolution.wit`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata {
    /// Every version, one a line, in the registry's order.
    pub versions: String,
    /// Tags and what they point to.
    pub dist_tags: Vec<(String, String)>,
    /// Publish times, line by line beside `versions`.
    pub times: Option<String>,
    /// When the packument last changed.
    pub modified: Option<String>,
    /// It has all that a full packument has.
    pub full: bool,
    /// Lines of versions with a deprecation notice.
    pub deprecated: Vec<u32>,
    /// Trust evidence by line: 0 none, 1 provenance, 2 trusted publisher, 3 staged publish.
    pub trust: Option<Vec<u8>>,
    /// JSON text by version.
    pub manifests: Vec<(String, Vec<u8>)>,
}

/// Why something could not be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable {
    /// The kind of reason.
    pub reason: Reason,
    /// Where it was asked for, without credentials.
    pub url: Option<String>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// In the words of the lower layer.
    pub detail: Option<String>,
}

impl Unavailable {
    /// The answer to a specifier that no plugin takes.
    #[must_use]
    pub fn by_no_plugin() -> Self {
        Self { reason: Reason::Plugin, url: None, status: None, detail: None }
    }
}

/// The kind of reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is not there.
    NotFound,
    /// Not in the cache, and the network may not be used.
    Offline,
    /// 401.
    Unauthorized,
    /// 403.
    Forbidden,
    /// The network or the server failed, after all retries.
    Network,
    /// The bytes do not hash to what was promised.
    Integrity,
    /// It came, but is not what it should be.
    Invalid,
    /// Over a limit.
    TooLarge,
    /// A policy of the user forbids it.
    Policy,
    /// git failed.
    Git,
    /// A plugin failed.
    Plugin,
}

/// A package to fetch ahead, because it is very likely part of the outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct Download {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: String,
    /// Where its bytes come from.
    pub source: Source,
    /// Large ones first; bytes.
    pub size_hint: Option<u64>,
}

/// The duty to answer one request, exactly once: dropped without an answer, in a panic or by an oversight, it says that
/// there is none, so that no session waits for ever.
pub struct Reply(Option<To>);

/// Who is answered.
enum To {
    Channel(RequestId, Sender<(RequestId, Answer)>),
    Call(Box<dyn FnOnce(Answer) + Send>),
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reply").field(&self.0.is_some()).finish()
    }
}

impl Reply {
    /// To the request of this number, on this channel.
    #[must_use]
    pub fn new(id: RequestId, to: &Sender<(RequestId, Answer)>) -> Self {
        Self(Some(To::Channel(id, to.clone())))
    }

    /// To a function, which is called on any thread and must not wait.
    #[must_use]
    pub fn calling(function: impl FnOnce(Answer) + Send + 'static) -> Self {
        Self(Some(To::Call(Box::new(function))))
    }

    /// Answers. A session that has ended takes no answers.
    pub fn give(mut self, answer: Answer) {
        self.send(answer);
    }

    fn send(&mut self, answer: Answer) {
        match self.0.take() {
            Some(To::Channel(id, to)) => drop(to.send((id, answer))),
            Some(To::Call(function)) => function(answer),
            None => {}
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.send(Answer::Unavailable(Unavailable {
            reason: Reason::Network,
            url: None,
            status: None,
            detail: Some("the work on it ended before it was done".to_owned()),
        }));
    }
}

/// What somebody helps with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// What answers a question that was asked.
    Answers,
    /// Anything there is, what answers a question first.
    Anything,
}

/// Who finds things out for a session. All methods but `help` return at once.
pub trait Oracle: Send + Sync {
    /// Starts to answer; the reply may be given from any thread, in any order.
    fn ask(&self, request: Request, reply: Reply);
    /// Starts downloads that will probably be needed: all that one call of the session named.
    fn download(&self, downloads: Vec<Download>);
    /// Does a piece of the work on the thread of whoever would only wait for it; `false`: there is none. Who calls it
    /// calls it again soon, or [`stop_helping`](Self::stop_helping).
    fn help(&self, _with: Work) -> bool {
        false
    }
    /// Does a piece of what will have to be done for the snapshots of a placement, of which these have come, while others
    /// are waited for; `false`: there is none.
    fn prepare(&self, _come: &[Snapshot]) -> bool {
        false
    }
    /// Who has helped waits for something else from now on: others do what there is.
    fn stop_helping(&self) {}
}
