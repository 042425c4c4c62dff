//! Answers a session's questions: each packument is found once, in memory, on disk or in the registry, however many
//! ask for it. The cache is read by whoever waits and helps, and on a small pool of its own, where answers are decoded
//! too; the network has threads of its own; a manifest of a packument at hand is answered on the spot.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
};

use reqwest::Url;
use wit::PackageName;

use super::{
    Http, NetworkMode, RegistryError,
    held::{Gone, Packument},
    load,
    lookups::{self, Lookups},
    urls,
};
use crate::{
    facts::{Answer, Download, MetadataRequest, Oracle, Reason, Reply, Request, Unavailable, Work},
    graph::Snapshot,
    report::event::{Event, LogLevel},
    timings::Timings,
};

/// Takes downloads that a session expects to need; methods as those of [`Oracle`].
pub trait Downloader: Send + Sync {
    /// Starts them.
    fn start(&self, downloads: Vec<Download>);
    /// Does a piece of that.
    fn help(&self) -> bool {
        false
    }
    /// Does a piece of what will have to be done for the snapshots of a placement, of which these have come.
    fn prepare(&self, _come: &[Snapshot]) -> bool {
        false
    }
    /// Nobody helps any more.
    fn stop_helping(&self) {}
}

/// The registries of a command: metadata for a session. Cloning it is cheap.
#[derive(Clone)]
pub struct Registry(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) http: Arc<Http>,
    pub(super) timings: Timings,
    state: Mutex<State>,
    sources: Mutex<HashMap<Which, Arc<Source>>>,
    downloader: OnceLock<Arc<dyn Downloader>>,
    pool: OnceLock<rayon::ThreadPool>,
    pub(super) lookups: Lookups,
    writing: Mutex<usize>,
    written: Condvar,
}

/// A named registry and a scope: together they lead to a [`Source`].
type Which = (Option<String>, Option<String>);

/// One registry.
pub(super) struct Source {
    pub(super) url: Url,
    pub(super) folder: PathBuf,
    /// Whether it dates the heads of packuments, as soon as it has shown one.
    pub(super) is_dated: OnceLock<bool>,
}

/// One packument.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) name: PackageName,
    pub(super) named: Option<String>,
    pub(super) full: bool,
}

#[derive(Default)]
struct State {
    slots: HashMap<Key, Slot>,
}

enum Slot {
    Pending(Vec<Waiter>),
    Ready(Arc<Packument>),
    Failed(Unavailable),
}

struct Waiter {
    want: Want,
    reply: Reply,
}

enum Want {
    Metadata { wanted: Option<String> },
    Manifest { version: String },
}

impl Registry {
    /// Registries reached over `http`.
    #[must_use]
    pub fn new(http: Arc<Http>, timings: Timings) -> Self {
        Self(Arc::new(Inner {
            http,
            timings,
            state: Mutex::default(),
            sources: Mutex::default(),
            downloader: OnceLock::new(),
            pool: OnceLock::new(),
            lookups: Lookups::default(),
            writing: Mutex::new(0),
            written: Condvar::new(),
        }))
    }

    /// Where [`Oracle::download`] goes; without it downloads wait for the plan. Only the first call counts.
    pub fn send_downloads_to(&self, downloader: Arc<dyn Downloader>) {
        drop(self.0.downloader.set(downloader));
    }

    /// Asks for metadata of which the registry has had a say in this run, where the network may be used at all.
    pub fn ask_confirmed(&self, request: MetadataRequest, reply: Reply) {
        let MetadataRequest { name, registry, full, wanted, likely: _ } = request;
        let key = Key { name, named: registry, full };
        let mut state = lock(&self.0.state);
        let is_unconfirmed = |slot: &Slot| matches!(slot, Slot::Ready(packument) if !packument.is_confirmed());
        if self.0.http.settings().mode != NetworkMode::Offline && state.slots.get(&key).is_some_and(is_unconfirmed) {
            state.slots.insert(key.clone(), Slot::Pending(Vec::new()));
            let (inner, key) = (self.0.clone(), key.clone());
            self.0.pool().spawn(move || load::confirm(&inner, key));
        }
        drop(state);
        self.want(key, Waiter { want: Want::Metadata { wanted }, reply });
    }

    /// Waits until all metadata is on disk. Called once before the process ends.
    pub fn settle(&self) {
        let mut writing = lock(&self.0.writing);
        while *writing > 0 {
            writing = self.0.written.wait(writing).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn want(&self, key: Key, waiter: Waiter) {
        let mut state = lock(&self.0.state);
        match state.slots.get_mut(&key) {
            Some(Slot::Pending(waiters)) => waiters.push(waiter),
            Some(Slot::Ready(packument)) => {
                let packument = packument.clone();
                drop(state);
                self.0.reply(&key, &packument, waiter);
                packument.answered();
            }
            Some(Slot::Failed(why)) => {
                let answer = Answer::Unavailable(why.clone());
                drop(state);
                waiter.reply.give(answer);
            }
            None => {
                state.slots.insert(key.clone(), Slot::Pending(vec![waiter]));
                drop(state);
                lookups::look_up(&self.0, key);
            }
        }
    }

    /// Reads packuments from disk that will probably be asked for, beside what follows: by name and form, as `which`
    /// says on a thread of its own. For what is not there, or has to be asked for again, nobody is asked.
    pub fn read_ahead(&self, which: impl FnOnce() -> Vec<(PackageName, bool)> + Send + 'static) {
        if self.0.http.settings().mode != NetworkMode::Revalidate {
            let key = |(name, full)| Key { name, named: None, full };
            lookups::read_ahead(&self.0, move || which().into_iter().map(key).collect());
        }
    }

    /// The form of a packument that is at hand or on its way, for a manifest of it.
    fn form_at_hand(&self, name: &PackageName, named: Option<&String>) -> Key {
        let state = lock(&self.0.state);
        let key = |full| Key { name: name.clone(), named: named.cloned(), full };
        let full = match state.slots.get(&key(true)) {
            None => false,
            Some(Slot::Ready(_)) => true,
            Some(Slot::Pending(waiters)) if !waiters.is_empty() => true,
            // It has come to nothing, or may: nobody has asked for what is only read ahead.
            Some(Slot::Pending(_) | Slot::Failed(_)) => !state.slots.contains_key(&key(false)),
        };
        key(full)
    }
}

impl Oracle for Registry {
    fn ask(&self, request: Request, reply: Reply) {
        match request {
            Request::Metadata(MetadataRequest { name, registry, full, wanted, likely: _ }) => {
                self.want(Key { name, named: registry, full }, Waiter { want: Want::Metadata { wanted }, reply });
            }
            Request::Manifest { name, registry, version } => {
                let key = self.form_at_hand(&name, registry.as_ref());
                self.want(key, Waiter { want: Want::Manifest { version }, reply });
            }
            Request::Git(text) | Request::Tarball(text) => reply.give(not_yet(&text)),
            Request::Custom { .. } => reply.give(Answer::Unavailable(Unavailable::by_no_plugin())),
            Request::Local { path, .. } => reply.give(not_yet(&path)),
        }
    }

    fn download(&self, downloads: Vec<Download>) {
        if let Some(downloader) = self.0.downloader.get() {
            downloader.start(downloads);
        }
    }

    fn help(&self, with: Work) -> bool {
        let starts = || self.0.downloader.get().is_some_and(|downloader| downloader.help());
        lookups::help(&self.0, with) || with == Work::Anything && starts()
    }

    fn prepare(&self, come: &[Snapshot]) -> bool {
        self.0.downloader.get().is_some_and(|downloader| downloader.prepare(come))
    }

    fn stop_helping(&self) {
        lookups::stop_helping(&self.0);
        if let Some(downloader) = self.0.downloader.get() {
            downloader.stop_helping();
        }
    }
}

impl Inner {
    /// The packument is at hand or on its way, in one form or the other.
    pub(super) fn expects(&self, name: &PackageName, named: Option<&str>) -> bool {
        let state = lock(&self.state);
        let key = |full| Key { name: name.clone(), named: named.map(str::to_owned), full };
        [false, true].into_iter().any(|full| state.slots.contains_key(&key(full)))
    }

    /// The pool for disk reads and decoding.
    pub(super) fn pool(&self) -> &rayon::ThreadPool {
        self.pool.get_or_init(|| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads())
                .thread_name(|at| format!("metadata-{at}"))
                // The panic itself has been told; whoever waits is answered by the job's promise.
                .panic_handler(drop)
                .build()
                .expect("the system grants a few threads")
        })
    }

    /// The registry of a package, and its folder in the cache: keyed by address and by who asks.
    pub(super) fn source(&self, key: &Key) -> Result<Arc<Source>, RegistryError> {
        let which = (key.named.clone(), key.name.scope().map(str::to_owned));
        if let Some(found) = lock(&self.sources).get(&which) {
            return Ok(found.clone());
        }
        let settings = self.http.settings();
        let url = urls::registry_for(&settings.registries, &key.name, key.named.as_deref())?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(url.as_str().as_bytes());
        if let Some(identity) = settings.credentials.identity(&url) {
            hasher.update(b"\0").update(identity.as_bytes());
        }
        let host: String = url
            .host_str()
            .unwrap_or_default()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '_' })
            .take(100)
            .collect();
        let folder = format!("{host}-{}", &hasher.finalize().to_hex()[..16]);
        let folder = settings.cache_dir.join("v1").join("metadata").join(folder);
        let source = Arc::new(Source { url, folder, is_dated: OnceLock::new() });
        lock(&self.sources).insert(which, source.clone());
        Ok(source)
    }

    /// Begins to look for a packument that nobody has asked for; `false`: somebody has.
    pub(super) fn claim(&self, key: &Key) -> bool {
        let mut state = lock(&self.state);
        let is_new = !state.slots.contains_key(key);
        if is_new {
            state.slots.insert(key.clone(), Slot::Pending(Vec::new()));
        }
        is_new
    }

    /// Ends that as if nobody had; `false`: somebody waits for it by now.
    pub(super) fn give_up(&self, key: &Key) -> bool {
        let mut state = lock(&self.state);
        let is_alone = matches!(state.slots.get(key), Some(Slot::Pending(waiters)) if waiters.is_empty());
        if is_alone {
            state.slots.remove(key);
        }
        is_alone
    }

    /// Tells everybody who waits for a packument what became of it.
    pub(super) fn finish(self: &Arc<Self>, key: &Key, found: Result<Arc<Packument>, &RegistryError>) {
        let slot = match &found {
            Ok(packument) => Slot::Ready(packument.clone()),
            Err(error) => Slot::Failed(error.unavailable()),
        };
        let before = lock(&self.state).slots.insert(key.clone(), slot);
        let Some(Slot::Pending(waiters)) = before else { return };
        let is_wanted = !waiters.is_empty();
        for waiter in waiters {
            match &found {
                Ok(packument) => self.reply(key, packument, waiter),
                Err(error) => waiter.reply.give(Answer::Unavailable(error.unavailable())),
            }
        }
        if let Ok(packument) = found
            && is_wanted
        {
            packument.answered();
        }
    }

    fn reply(self: &Arc<Self>, key: &Key, packument: &Arc<Packument>, waiter: Waiter) {
        let answer = match &waiter.want {
            Want::Metadata { wanted } => Answer::Metadata(packument.metadata(wanted.as_deref())),
            Want::Manifest { version } => match packument.manifest(version) {
                Ok(Some(manifest)) => Answer::Manifest(manifest),
                Ok(None) => Answer::Unavailable(Unavailable {
                    reason: Reason::NotFound,
                    url: None,
                    status: None,
                    detail: Some(format!("the registry has no version {version}")),
                }),
                Err(Gone) => return self.look_again(key, packument, waiter),
            },
        };
        waiter.reply.give(answer);
    }

    /// Asks the registry for a packument whose manifests have gone from the disk. The answer is in memory when the
    /// waiter is served, so this comes to an end whatever other processes do to the cache.
    fn look_again(self: &Arc<Self>, key: &Key, gone: &Arc<Packument>, waiter: Waiter) {
        let mut state = lock(&self.state);
        match state.slots.get_mut(key) {
            Some(Slot::Pending(waiters)) => waiters.push(waiter),
            Some(Slot::Ready(held)) if !Arc::ptr_eq(held, gone) => {
                let held = held.clone();
                drop(state);
                self.reply(key, &held, waiter);
            }
            _ => {
                state.slots.insert(key.clone(), Slot::Pending(vec![waiter]));
                drop(state);
                let (inner, key) = (self.clone(), key.clone());
                self.pool().spawn(move || load::anew(&inner, key));
            }
        }
    }

    /// Counts a write to the cache, for [`Registry::settle`].
    pub(super) fn writing(self: &Arc<Self>) -> Writing {
        *lock(&self.writing) += 1;
        Writing(self.clone())
    }

    pub(super) fn warn(&self, message: String) {
        let prefix = String::new();
        self.http.report().event(Event::Message { level: LogLevel::Warn, prefix, message });
    }
}

/// How many threads the pool has, which is made when the first of them is needed: two at least.
pub(super) fn threads() -> usize {
    // To find it out takes a dozen calls.
    static THREADS: OnceLock<usize> = OnceLock::new();
    *THREADS.get_or_init(|| std::thread::available_parallelism().map_or(2, |count| count.get().clamp(2, 4)))
}

/// A write that is under way.
pub(super) struct Writing(Arc<Inner>);

impl Drop for Writing {
    fn drop(&mut self) {
        *lock(&self.0.writing) -= 1;
        self.0.written.notify_all();
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn not_yet(what: &str) -> Answer {
    Answer::Unavailable(Unavailable {
        reason: Reason::Invalid,
        url: None,
        status: None,
        detail: Some(format!("{} is not supported yet", urls::without_secrets(what))),
    })
}

#[cfg(test)]
mod tests;
