//! The resolver as plain Rust: the same project and the same facts as the component gets, without the boundary. The
//! only file of the tests that knows both the guest's records and the host's types.

pub use guest_resolver::resolve::as_locked::COMPLETE;
use guest_resolver::{boundary, session::Session};
use host::{
    engine::{self, Intent},
    facts::{self, MetadataRequest},
    graph,
};
use wit::{
    PackageName,
    guest::{
        exports::wasi_pm::resolver::{
            lockfile::Placed,
            resolution::{self as wire, NumberedRequest, Reply, Snapshot},
        },
        wasi_pm::resolver::types::{self, Failure, Platform},
    },
};

use crate::oracle::Answers;

/// What a resolution, or a lockfile that is placed, comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The text of the new lockfile; `None`: the old one holds.
    pub lockfile: Option<String>,
    /// Identity and slot of each package.
    pub snapshots: Vec<(String, String)>,
    /// What is left out.
    pub skipped: Vec<String>,
    /// Peer issues: who asks, as `name@version`, and for what.
    pub peer_issues: Vec<(String, String)>,
    /// The lockfile is told to lack nothing.
    pub complete: bool,
    /// What is written besides the lockfile.
    pub saved: engine::Saved,
}

/// The codes of what went wrong.
pub type Codes = Vec<String>;

/// In which order open requests are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// All at once, as they were asked.
    AsAsked,
    /// One at a time, the youngest first.
    YoungestFirst,
}

/// Resolves.
///
/// # Errors
/// The codes of its failures.
///
/// # Panics
/// If the session waits for nothing.
pub fn resolve(project: &engine::Project, facts: &dyn Answers, order: Order) -> Result<Made, Codes> {
    let mut session = Session::open(record(project)).map_err(codes)?;
    let (mut open, mut replies, mut snapshots, mut layout) = (Vec::new(), Vec::new(), Vec::new(), None);
    loop {
        let progress = session.advance(replies).map_err(codes)?;
        let is_placing = !progress.snapshots.is_empty() || progress.layout.is_some();
        snapshots.extend(progress.snapshots.iter().map(identity));
        layout = progress.layout.or(layout);
        if let Some(outcome) = progress.outcome {
            return Ok(made(layout.expect("the layout comes before the outcome"), outcome, snapshots));
        }
        open.extend(progress.requests);
        assert!(is_placing || !open.is_empty(), "it neither asks nor ends");
        let now = match order {
            Order::AsAsked => std::mem::take(&mut open),
            Order::YoungestFirst => open.pop().into_iter().collect(),
        };
        replies = now.into_iter().map(|asked| reply(facts, asked)).collect();
    }
}

/// Places the lockfile as it stands; if it does not fit, the codes of why.
///
/// # Errors
/// The codes of its failures.
pub fn place(project: &engine::Project) -> Result<Result<Made, Codes>, Codes> {
    match boundary::place_lockfile(&record(project)).map_err(codes)? {
        Placed::Outdated(drifts) => Ok(Err(codes(drifts))),
        Placed::Fits(it) => Ok(Ok(made(it.layout, it.outcome, it.snapshots.iter().map(identity).collect()))),
    }
}

fn made(layout: wire::Layout, outcome: wire::Outcome, snapshots: Vec<(String, String)>) -> Made {
    let issue = |notice: wire::Notice| match notice {
        wire::Notice::PeerIssue(mut issue) => Some((issue.chain.pop().unwrap_or_default(), issue.peer)),
        _ => None,
    };
    let told = |notice: &wire::Notice| matches!(notice, wire::Notice::Other(it) if it.code == COMPLETE);
    Made {
        complete: outcome.notices.iter().any(told),
        lockfile: outcome.lockfile,
        snapshots,
        skipped: layout.skipped.into_iter().map(|skipped| skipped.name).collect(),
        peer_issues: outcome.notices.into_iter().filter_map(issue).collect(),
        saved: engine::Saved {
            manifests: outcome.manifests.into_iter().map(manifest).collect(),
            catalogs: outcome.catalogs.into_iter().map(entry).collect(),
        },
    }
}

fn manifest(it: wire::Importer) -> (wit::ImporterId, String) {
    (wit::ImporterId::parse(&it.id).expect("the session names projects that it was given"), it.manifest)
}

fn entry(it: wire::CatalogEntry) -> engine::CatalogEntry {
    engine::CatalogEntry { catalog: it.catalog, alias: it.alias, specifier: it.specifier }
}

/// What both ways of placing can be compared by.
fn identity(snapshot: &Snapshot) -> (String, String) {
    (snapshot.dep_path.clone(), snapshot.slot.clone())
}

fn codes(failures: Vec<Failure>) -> Codes {
    failures.into_iter().map(|failure| failure.code).collect()
}

/// A project as the guest takes it.
///
/// # Panics
/// If the settings cannot be written as JSON.
#[must_use]
pub fn record(project: &engine::Project) -> wire::Project {
    let importer =
        |(id, manifest): &(wit::ImporterId, String)| wire::Importer { id: id.to_string(), manifest: manifest.clone() };
    let platform = project.platform.clone();
    wire::Project {
        importers: project.importers.iter().map(importer).collect(),
        lockfile: project.lockfile.clone(),
        settings: serde_json::to_string(&project.settings).expect("settings have string keys only"),
        platform: Platform { os: platform.os, cpu: platform.cpu, libc: platform.libc, node: platform.node },
        intent: match &project.intent {
            Intent::Install => wire::Intent::Install,
            Intent::Update(it) => wire::Intent::Update(wire::Update {
                importers: ids(&it.importers),
                selectors: it.selectors.clone(),
                groups: it.groups.iter().copied().map(group).collect(),
                latest: it.latest,
                workspace: it.workspace,
                save: it.save,
                direct: it.direct,
            }),
            Intent::Add(it) => wire::Intent::Add(wire::Addition {
                importers: ids(&it.importers),
                packages: it.packages.clone(),
                groups: it.groups.iter().copied().map(group).collect(),
                workspace: it.workspace,
            }),
            Intent::Remove(it) => wire::Intent::Remove(wire::Removal {
                importers: ids(&it.importers),
                names: it.names.clone(),
                group: it.group.map(group),
                strict: it.strict,
            }),
            Intent::Dedupe => wire::Intent::Dedupe,
            Intent::Fix => wire::Intent::Fix,
        },
    }
}

fn ids(importers: &[wit::ImporterId]) -> Vec<String> {
    importers.iter().map(ToString::to_string).collect()
}

fn group(group: graph::Group) -> types::DependencyGroup {
    match group {
        graph::Group::Prod => types::DependencyGroup::Prod,
        graph::Group::Dev => types::DependencyGroup::Dev,
        graph::Group::Optional => types::DependencyGroup::Optional,
        graph::Group::Peer => types::DependencyGroup::Peer,
    }
}

/// What is known of a request, as the guest takes it.
pub(crate) fn reply(facts: &dyn Answers, asked: NumberedRequest) -> Reply {
    let not_found =
        || wire::Unavailable { reason: wire::UnavailableReason::NotFound, url: None, status: Some(404), detail: None };
    let answer = match request(asked.request).map(|request| facts.answer(&request)) {
        Some(facts::Answer::Metadata(it)) => wire::Answer::Metadata(wire::Metadata {
            versions: it.versions,
            dist_tags: it.dist_tags,
            times: it.times,
            modified: it.modified,
            full: it.full,
            deprecated: it.deprecated,
            trust: it.trust,
            manifests: it.manifests,
        }),
        Some(facts::Answer::Manifest(text)) => wire::Answer::Manifest(text),
        Some(facts::Answer::Resolved { source: graph::Source::Directory(folder), manifest }) => {
            wire::Answer::Resolved(wire::ResolvedPackage { source: types::Source::Directory(folder), manifest })
        }
        Some(facts::Answer::Resolved { source: graph::Source::Custom { plugin, value, integrity }, manifest }) => {
            let source = types::Source::Custom(types::CustomSource { plugin, value, integrity });
            wire::Answer::Resolved(wire::ResolvedPackage { source, manifest })
        }
        Some(facts::Answer::Unavailable(why)) if why.reason == facts::Reason::Plugin => {
            let reason = wire::UnavailableReason::Plugin;
            wire::Answer::Unavailable(wire::Unavailable { reason, url: None, status: None, detail: why.detail })
        }
        // The facts of a world are found or not; they know no other reason.
        Some(facts::Answer::Resolved { .. } | facts::Answer::Unavailable(_)) | None => {
            wire::Answer::Unavailable(not_found())
        }
    };
    Reply { id: asked.id, answer }
}

/// What a world can be asked; `None` for what it never has.
fn request(request: wire::Request) -> Option<facts::Request> {
    match request {
        wire::Request::Metadata(it) => Some(facts::Request::Metadata(MetadataRequest {
            name: PackageName::parse(&it.name).ok()?,
            registry: it.registry,
            full: it.full,
            wanted: it.wanted,
            likely: it.likely,
        })),
        wire::Request::Manifest(it) => Some(facts::Request::Manifest {
            name: PackageName::parse(&it.name).ok()?,
            registry: it.registry,
            version: it.version,
        }),
        wire::Request::Local(it) => Some(facts::Request::Local { importer: it.importer, path: it.path }),
        wire::Request::Custom(it) => Some(facts::Request::Custom { alias: it.alias, specifier: it.specifier }),
        wire::Request::Git(_) | wire::Request::Tarball(_) => None,
    }
}
