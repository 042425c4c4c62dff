//! Writes the state files once everything stands: each aside, then renamed; ours last, so that a run that is cut off
//! is never taken for a complete one.

use serde_json::{Map, Value};

use crate::{
    diagnostic::Diagnostic,
    graph::{Snapshot, SnapshotIndex},
    link::{Folder, Job, LinkError, Linked, open_modules},
    state::{
        Layout, VIRTUAL_STORE, modules_yaml,
        tree::TREE_FILE,
        workspace_state::{self, Project},
    },
};

/// What the state files say beyond the tree.
#[derive(Debug)]
pub struct Record<'a> {
    /// Where.
    pub layout: &'a Layout,
    /// The text of `.modules.yaml`.
    pub modules_yaml: &'a modules_yaml::Text,
    /// The text of `.pnpm/lock.yaml`; empty: nothing is locked.
    pub current_lockfile: &'a str,
    /// All projects.
    pub projects: &'a [Project],
    /// The settings pnpm compares, in its names.
    pub settings: &'a Map<String, Value>,
    /// Not all projects were installed.
    pub filtered: bool,
    /// Milliseconds since 1970.
    pub now: u64,
}

/// Writes `.modules.yaml`, `.pnpm/lock.yaml`, pnpm's workspace state and our record of the tree.
///
/// # Errors
/// [`LinkError::Io`].
pub fn record(record: &Record<'_>, linked: &Linked) -> Result<(), LinkError> {
    let modules = open_modules(&record.layout.lockfile_dir)?;
    let virtual_store = modules.make(VIRTUAL_STORE).map_err(LinkError::io("make", VIRTUAL_STORE))?;
    write(&modules, modules_yaml::FILE, record.modules_yaml.as_str().as_bytes())?;
    if record.current_lockfile.is_empty() {
        virtual_store.remove_file("lock.yaml").map_err(LinkError::io("remove", "lock.yaml"))?;
    } else {
        write(&virtual_store, "lock.yaml", record.current_lockfile.as_bytes())?;
    }
    let workspace = workspace_state::text(record.projects, record.settings, record.filtered, record.now);
    write(&modules, workspace_state::FILE, workspace.as_bytes())?;
    write(&virtual_store, TREE_FILE, &linked.record)
}

/// Replaces a file in one step.
pub(super) fn write(folder: &Folder, name: &str, bytes: &[u8]) -> Result<(), LinkError> {
    use std::io::Write as _;
    let aside = format!("{name}.wasi-pm-new");
    let written = || {
        folder.remove_file(&aside)?;
        folder.create(&aside, 0o644)?.write_all(bytes)?;
        folder.rename_to(&aside, folder, name)
    };
    written().map_err(LinkError::io("write", name))
}

/// Packages that would run scripts and did not: sorted `name@version`. `allowed` says what the settings have on a name:
/// `Some(false)` means that the user knows and does not want to hear of it.
#[must_use]
pub fn ignored_builds(job: &Job<'_>, allowed: impl Fn(&str, &str) -> Option<bool>) -> Vec<String> {
    let mut ignored: Vec<String> = with_scripts(job)
        .filter(|snapshot| allowed(snapshot.name.as_str(), &snapshot.version) != Some(false))
        .map(|snapshot| format!("{}@{}", snapshot.name, snapshot.version))
        .collect();
    ignored.sort_unstable();
    ignored.dedup();
    ignored
}

/// Packages that would run scripts, whatever the settings have on them: sorted dep-paths.
#[must_use]
pub fn pending_builds(job: &Job<'_>) -> Vec<String> {
    let mut pending: Vec<String> = with_scripts(job).map(|snapshot| snapshot.dep_path.to_string()).collect();
    pending.sort_unstable();
    pending
}

fn with_scripts<'a>(job: &'a Job<'_>) -> impl Iterator<Item = &'a Snapshot> {
    let snapshots = (0..).zip(&job.placement.snapshots);
    let has_scripts = |index: SnapshotIndex, snapshot: &Snapshot| {
        snapshot.requires_build.unwrap_or(false) || job.source.contents(index).requires_build
    };
    snapshots.filter(move |(index, snapshot)| has_scripts(*index, snapshot)).map(|(_, snapshot)| snapshot)
}

/// What `strictDepBuilds` makes of ignored builds, once everything is on disk; `None`: there are none.
#[must_use]
pub fn ignored_builds_error(ignored: &[String]) -> Option<Diagnostic> {
    let message = format!("Ignored build scripts: {}", ignored.join(", "));
    let error = || {
        Diagnostic::new("ERR_PNPM_IGNORED_BUILDS", message).with_hint(
        "packages are installed, their scripts did not run; say so on purpose with `allowBuilds: { <package>: false }` \
         in pnpm-workspace.yaml, or set `strictDepBuilds: false`",
    )
    };
    (!ignored.is_empty()).then(error)
}
