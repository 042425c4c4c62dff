//! What is to be placed: remembered from an earlier run, placed from a lockfile that fits, or resolved anew. The one
//! step that starts the component.

use std::{io, path::Path, sync::Arc};

use wit::ImporterId;

use super::{
    Branches, Failures, Install, Network,
    ahead::{self, Starter},
    change,
    excludes::TOO_YOUNG,
    known,
    known::Known,
    local, moved_on, one, packages, packuments, project_document,
    verify::{self, Locked},
};
use crate::{
    config::LockfileUse,
    diagnostic::Diagnostic,
    engine::{self, Intent, Limits, Placed, Project, ResolveError, Saved},
    graph::{Failure, Notice, PeerIssue, Placement},
    limited::{self, Links},
    link::{Early, shared::Marks},
    platform::Detecting,
    remember::{Inputs, Key, Memory},
    report::{self, Event, LogLevel, event::Stage},
};

/// The code of peer issues, and of a conflict among them.
const PEER_ISSUES: &str = "ERR_PNPM_PEER_DEP_ISSUES";

/// The largest lockfile, bytes.
const MAX_LOCKFILE: u64 = 64 << 20;

/// What is to be placed.
pub(super) struct Found {
    pub(super) placement: Placement,
    /// What of it was locked before: nothing has held it to age and trust yet.
    pub(super) locked: Locked,
    /// What has been linked meanwhile.
    pub(super) early: Early,
    /// What was read of shared slots meanwhile.
    pub(super) marks: Marks,
    /// What the component still makes.
    pub(super) rest: Option<Rest>,
}

/// The end of a resolution: the texts of the lockfile, and what is told.
pub(super) struct Rest {
    project: Project,
    rest: engine::Rest,
}

impl Rest {
    /// Has something done when the component has ended, if it does.
    pub(super) fn afterwards(&mut self, work: impl FnOnce() + Send + 'static) {
        self.rest.afterwards(work);
    }
}

/// Finds the placement.
pub(super) fn find(install: &Install<'_>, network: &Network<'_>, branches: &Branches) -> Result<Found, Failures> {
    let config = &install.context.config;
    let platform = begin_platform(install);
    let lockfile = read_lockfile(install)?;
    let mut project = project(install, network, lockfile, &platform)?;
    project.settings.lockfile.branches = branches.texts(install, project.lockfile.is_some())?;
    install.event(Event::Context {
        current_lockfile_exists: config.layout.virtual_store_dir.join("lock.yaml").exists(),
        store_dir: config.directories.store.join("v1").display().to_string(),
        virtual_store_dir: config.layout.virtual_store_dir.display().to_string(),
    });
    install.stage(Stage::ImportingStarted);
    let mode = config.install.lockfile;
    let has_lockfile = project.lockfile.is_some();
    if project.lockfile.as_deref().is_some_and(has_conflict) {
        let name = config.project.lockfile_name.as_str();
        install.message(LogLevel::Info, format!("Merge conflict detected in {name}; both sides are merged"));
    }
    if mode == LockfileUse::Frozen && !has_lockfile {
        return Err(vec![no_lockfile()]);
    }
    let is_used = has_lockfile && mode != LockfileUse::Resolve && config.install.change.is_none();
    // While Node tells its version, the network is not left idle.
    let is_begun =
        is_used && platform.is_asking() && !is_merged(&project) && begin(install, network, &project)?.is_none();
    project.platform.node = project.platform.node.or_else(|| platform.finish().node);
    if is_used {
        match from_lockfile(install, network, &project, is_begun)? {
            Ok(placement) if let Some(drift) = local::drift(install, &placement) => {
                if mode != LockfileUse::PreferFrozen {
                    return Err(vec![drift]);
                }
                install.message(LogLevel::Debug, format!("The lockfile does not fit: {}", drift.message));
            }
            Ok(placement) => {
                install.message(LogLevel::Info, "Lockfile is up to date, resolution step is skipped");
                tell(install, &placement);
                let has_any = true;
                let locked = Locked { lockfile: project.lockfile, has_any, known: None };
                let (early, marks) = (Early::default(), Marks::default());
                return Ok(Found { placement, locked, early, marks, rest: None });
            }
            Err(drifts) if mode != LockfileUse::PreferFrozen => return Err(failures(drifts)),
            Err(drifts) => {
                let drift = drifts.first().map(|drift| drift.message.as_str()).unwrap_or_default();
                install.message(LogLevel::Debug, format!("The lockfile does not fit: {drift}"));
            }
        }
    }
    resolve(install, network, project)
}

/// The text of `pnpm-lock.yaml`; an empty one counts as none.
fn read_lockfile(install: &Install<'_>) -> Result<Option<String>, Failures> {
    let path = install.context.config.project.lockfile_to_read();
    match lockfile_text(&path) {
        Ok(text) if text.trim().is_empty() => Ok(None),
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let mut diagnostic =
                Diagnostic::new("ERR_PNPM_LOCKFILE_READ_FILE", format!("{} cannot be read", path.display()));
            diagnostic.causes.push(error.to_string());
            Err(vec![diagnostic])
        }
    }
}

/// The text of a lockfile, which must be a file and not larger than one may be.
pub(super) fn lockfile_text(path: &Path) -> io::Result<String> {
    limited::read_text(path, MAX_LOCKFILE, Links::Followed)
}

/// Whether git has left a conflict in the lockfile, which the component then merges.
fn has_conflict(lockfile: &str) -> bool {
    lockfile.lines().any(|line| line.starts_with("<<<<<<< "))
}

/// Node is asked for its version unless that is configured or remembered.
fn begin_platform(install: &Install<'_>) -> Detecting {
    let config = &install.context.config;
    let path = install.environment.get("PATH").map(AsRef::as_ref).filter(|_| config.node_version.is_none());
    let mut platform = Detecting::begin(path, &config.directories.cache);
    if let Some(version) = &config.node_version {
        platform.known.node = Some(version.trim_start_matches('v').to_owned());
    }
    platform
}

fn project(
    install: &Install<'_>,
    network: &Network<'_>,
    lockfile: Option<String>,
    platform: &Detecting,
) -> Result<Project, Failures> {
    let config = &install.context.config;
    let platform = platform.known.clone();
    let mut settings = config.settings.clone();
    if settings.registries.default.is_empty() {
        settings.registries = network.settings()?.registries.clone();
    }
    if let Some(part) = lockfile.as_deref().and_then(|text| part(install, text)) {
        settings.selection.importers = Some(part);
    }
    let importers: Vec<(ImporterId, String)> = config
        .project
        .importers
        .iter()
        .map(|importer| (importer.id.clone(), importer.manifest.text.to_string()))
        .collect();
    for importer in &config.project.importers {
        let (prefix, manifest) = (importer.dir.display().to_string(), importer.manifest.text.to_string());
        install.event(Event::ManifestInitial { prefix, manifest });
    }
    let installs = if config.install.repair { Intent::Fix } else { Intent::Install };
    let intent = change::intent(config)?.unwrap_or(installs);
    settings.saving = change::saving(config);
    Ok(Project { importers, lockfile, settings, platform, intent })
}

/// The projects that are here, if a frozen lockfile names others too.
fn part(install: &Install<'_>, lockfile: &str) -> Option<Vec<String>> {
    let config = &install.context.config;
    let document = config.install.lockfile.is_frozen().then(|| project_document::of(lockfile))?;
    config.project.part_of(document)
}

/// Whether a part of what the lockfile names was installed: the next run that is not frozen has to look again.
pub(super) fn is_part(install: &Install<'_>) -> bool {
    let config = &install.context.config;
    let lockfile = || lockfile_text(&config.project.lockfile_to_read());
    config.install.lockfile.is_frozen() && lockfile().is_ok_and(|text| part(install, &text).is_some())
}

/// What is merged is written anew, and no file has its text before.
fn is_merged(project: &Project) -> bool {
    project.lockfile.as_deref().is_some_and(has_conflict) || !project.settings.lockfile.branches.is_empty()
}

/// Starts the downloads of a lockfile that is not seen to be outdated; else in what it is.
fn begin(install: &Install<'_>, network: &Network<'_>, project: &Project) -> Result<Option<Failure>, Failures> {
    let lockfile = project.lockfile.as_deref().unwrap_or_default();
    let prefers = install.context.config.install.lockfile == LockfileUse::PreferFrozen;
    if prefers && let Some(message) = moved_on::find(lockfile, &project.importers, &project.settings) {
        let code = "ERR_PNPM_OUTDATED_LOCKFILE".to_owned();
        return Ok(Some(Failure { code, message, facts: Vec::new(), chain: Vec::new(), hint: None }));
    }
    ahead::start(install, network, lockfile, &project.platform)?;
    Ok(None)
}

/// The placement of a lockfile that fits, or in what it does not. `is_begun`: its downloads are under way.
fn from_lockfile(
    install: &Install<'_>,
    network: &Network<'_>,
    project: &Project,
    is_begun: bool,
) -> Result<Result<Placement, Vec<Failure>>, Failures> {
    let memory = Memory::new(&install.context.config.directories.cache);
    let key = Key::of(&Inputs {
        component: engine::digest(),
        lockfile: project.lockfile.as_deref().unwrap_or_default(),
        importers: &project.importers,
        settings: &project.settings,
        platform: &project.platform,
    });
    let is_merged = is_merged(project);
    let recalled = {
        let _phase = install.phase("recall");
        if is_merged { None } else { memory.recall(key) }
    };
    if let Some(placement) = recalled {
        ahead::start_placed(install, network, &placement)?;
        return Ok(Ok(placement));
    }
    if !is_begun
        && !is_merged
        && let Some(drift) = begin(install, network, project)?
    {
        return Ok(Err(vec![drift]));
    }
    let _phase = install.phase("place");
    match engine::place(project, Limits::default()).map_err(of_engine)? {
        Placed::Fits(placement) => {
            if !is_merged && let Err(error) = memory.keep(key, &placement) {
                install.message(LogLevel::Debug, format!("The placement cannot be remembered: {error}"));
            }
            Ok(Ok(*placement))
        }
        Placed::Outdated(drifts) => Ok(Err(drifts)),
    }
}

fn resolve(install: &Install<'_>, network: &Network<'_>, mut project: Project) -> Result<Found, Failures> {
    install.stage(Stage::ResolutionStarted);
    let registry = network.registry()?;
    if project.lockfile.is_none() && project.intent == Intent::Install {
        packuments::read_ahead(install, registry);
    }
    let config = &install.context.config;
    let known = project.lockfile.as_deref().map(|lockfile| Known::of(install, lockfile));
    project.settings.lockfile.complete = Some(known.as_ref().is_some_and(|known| known.is_complete));
    let (mut store, mut filler, mut starter) = (None, None, None);
    if !config.install.lockfile_only && !config.install.dry_run {
        let store = store.insert(packages::open_store(install)?);
        filler = ahead::filler(install, store);
        let starter = starter.insert(Arc::new(Starter::new(install, network, store, filler.as_ref())?));
        registry.send_downloads_to(starter.clone());
    }
    let (placement, rest) = {
        let _phase = install.phase("resolve");
        engine::lay_out(&project, &network.oracle(store)?, Limits::default()).map_err(of_engine)?
    };
    let has_any = project.lockfile.is_some() || !project.settings.lockfile.branches.is_empty();
    let locked = Locked { lockfile: project.lockfile.clone(), has_any, known };
    let (early, marks) = (Early::begun(filler), starter.map(|starter| starter.marks()).unwrap_or_default());
    Ok(Found { placement, locked, early, marks, rest: Some(Rest { project, rest }) })
}

/// Waits for the end of the resolution, if there was one, and completes the placement with it; what is written besides
/// the lockfile.
pub(super) fn complete(
    install: &Install<'_>,
    placement: &mut Placement,
    rest: Option<Rest>,
) -> Result<Saved, Failures> {
    let Some(Rest { project, rest }) = rest else { return Ok(Saved::default()) };
    let (saved, crossings) = {
        let _phase = install.phase("lockfile");
        rest.finish(&project, placement).map_err(of_engine)?
    };
    install.message(
        LogLevel::Debug,
        format!(
            "The component was called {} times, asked {} questions and was given {} bytes",
            crossings.calls, crossings.requests, crossings.bytes_in
        ),
    );
    install.stage(Stage::ResolutionDone);
    if placement.lockfile.is_none() {
        placement.lockfile = project.lockfile;
    }
    tell(install, placement);
    Ok(saved)
}

fn tell(install: &Install<'_>, placement: &Placement) {
    let prefix = &install.prefix;
    for notice in &placement.notices {
        install.event(match notice.clone() {
            Notice::Deprecated { name, version, message, depth, .. } => {
                Event::Deprecated { prefix: prefix.clone(), name, version, message, depth }
            }
            Notice::PeerIssue(_) => continue,
            Notice::Other(failure)
                if [PEER_ISSUES, TOO_YOUNG, known::COMPLETE, verify::HELD].contains(&failure.code.as_str()) =>
            {
                continue;
            }
            Notice::Other(failure) => {
                Event::Message { level: LogLevel::Warn, prefix: prefix.clone(), message: failure.message }
            }
        });
    }
    let peers = peer_issues(placement);
    if !peers.is_empty() && !install.context.config.settings.peers.strict_peer_dependencies {
        install.event(Event::PeerIssues(peers));
    }
}

/// What the resolver has told of peers: the issues, and separately which of the missing ones are in conflict.
fn peer_issues(placement: &Placement) -> Vec<PeerIssue> {
    let conflict = |notice: &Notice, issue: &PeerIssue| match notice {
        Notice::Other(failure) if failure.code == PEER_ISSUES => {
            let fact =
                |name: &str| failure.facts.iter().find(|(held, _)| held == name).map(|(_, value)| value.as_str());
            fact("importer") == Some(&issue.importer) && fact("peer") == Some(&issue.peer)
        }
        _ => false,
    };
    let issues = placement.notices.iter().filter_map(|notice| match notice {
        Notice::PeerIssue(issue) => Some(PeerIssue {
            conflict: issue.found.is_none() && placement.notices.iter().any(|notice| conflict(notice, issue)),
            ..issue.clone()
        }),
        _ => None,
    });
    issues.collect()
}

/// The error that peer issues are with `strictPeerDependencies`, after everything is installed.
pub(super) fn strict_peers(install: &Install<'_>, placement: &Placement) -> Result<(), Failures> {
    let issues = peer_issues(placement);
    if issues.is_empty() || !install.context.config.settings.peers.strict_peer_dependencies {
        return Ok(());
    }
    Err(vec![report::unmet_peers(&issues)])
}

fn no_lockfile() -> Diagnostic {
    Diagnostic::new("ERR_PNPM_NO_LOCKFILE", "Cannot install with a frozen lockfile because there is no pnpm-lock.yaml")
        .with_hint("Run `wasi-pm install --no-frozen-lockfile` once and commit the lockfile it writes")
}

fn of_engine(error: ResolveError) -> Failures {
    match error {
        ResolveError::Failures(list) => failures(list),
        ResolveError::Engine(error) => one(error),
    }
}

fn failures(list: Vec<Failure>) -> Failures {
    list.into_iter().map(Into::into).collect()
}
