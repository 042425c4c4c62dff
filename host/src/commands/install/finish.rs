//! After linking: the lockfile, the projects' scripts, the state files, and the removal of what was replaced. The
//! state that lets the next run end early is written last.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
};

use serde_json::Value;
use wit::ImporterId;

use super::{Failures, Inputs, Install, excludes, guard, lifecycle, link, one, placement, projects, saved};
use crate::{
    beside::beside,
    config::Config,
    diagnostic::Diagnostic,
    engine::Saved,
    graph::{Placement, RootLink, SnapshotIndex, Target},
    limited::{self, Links},
    link::{Linked, Stored, shared},
    plan::Plan,
    replace,
    report::{Event, event::Stage},
    state::{
        self, Layout, MODULES, Record,
        modules_yaml::{self, Included},
        record::{ignored_builds, pending_builds},
        up_to_date::{self, Input, Project},
    },
};

/// What `.modules.yaml` says: it can be made before anything is linked.
pub(super) struct Told {
    /// Packages whose scripts did not run: sorted `name@version`.
    ignored_builds: Vec<String>,
    pub(super) modules_yaml: modules_yaml::Text,
}

impl Told {
    pub(super) fn new(
        install: &Install<'_>,
        placement: &Placement,
        plan: &Plan,
        layout: &Layout,
        stored: &Stored,
    ) -> Self {
        let job = link::job(install, placement, plan, layout, stored);
        let Config { scripts, settings, .. } = install.context.config.as_ref();
        let allow = &scripts.allow_builds;
        let (ignored, pending) = match scripts.ignore {
            // Whoever wants no scripts is not told of them; they are kept for later.
            true => (Vec::new(), pending_builds(&job)),
            false => {
                let allowed = |name: &str, version: &str| {
                    allow.get(&format!("{name}@{version}")).or_else(|| allow.get(name)).copied().flatten()
                };
                (ignored_builds(&job, allowed), Vec::new())
            }
        };
        let decided =
            allow.iter().filter_map(|(name, decision)| Some((name.clone(), Value::Bool((*decision)?)))).collect();
        let included = Included {
            dependencies: settings.selection.dependencies,
            dev_dependencies: settings.selection.dev_dependencies,
            optional_dependencies: settings.selection.optional_dependencies,
        };
        let now = crate::config::environment::now();
        let modules_yaml = modules_yaml::text(placement, layout, &included, (&ignored, &pending), &decided, now);
        Self { ignored_builds: ignored, modules_yaml }
    }
}

/// Records the outcome; the packages whose scripts did not run.
pub(super) fn record(
    install: &Install<'_>,
    (placement, saved, told): (&Placement, &Saved, Told),
    plan: &Plan,
    layout: &Layout,
    linked: Linked,
    inputs: &Inputs,
    seen: Vec<Input>,
) -> Result<Vec<String>, Failures> {
    let Told { ignored_builds: ignored, modules_yaml } = told;
    tell_what_changed(install, plan);
    let together = guard::together();
    excludes::remember(install, placement)?;
    let written = saved::write(install, saved)?;
    write_lockfile(install, placement)?;
    let is_remembered = !placement::is_part(install) && (written.is_empty() || !has_references(install));
    let look = || is_remembered.then(|| Remembered::look(install, placement, (inputs, &written), seen)).transpose();
    let (recorded, remembered) = beside(|| write_state(install, placement, layout, &modules_yaml, &linked), look);
    recorded?;
    drop(together);
    install.stage(Stage::ImportingDone);
    lifecycle::after(install)?;
    install.event(Event::IgnoredScripts(ignored.clone()));
    if let Some(remembered) = remembered? {
        remembered.write(install, inputs, &ignored)?;
    }
    let _phase = install.phase("clean");
    linked.clean();
    Ok(ignored)
}

fn tell_what_changed(install: &Install<'_>, plan: &Plan) {
    let removed = Some(plan.changes.removed);
    install.event(Event::Stats { prefix: install.prefix.clone(), added: None, removed });
    for change in &plan.changes.roots_removed {
        install.event(Event::RootRemoved(change.clone()));
    }
    for change in &plan.changes.roots_added {
        install.event(Event::RootAdded(change.clone()));
    }
}

/// Replaces `pnpm-lock.yaml` if it changes: written aside, synced, renamed. A lockfile that is a link is not written
/// through, because what it leads to is not ours.
pub(super) fn write_lockfile(install: &Install<'_>, placement: &Placement) -> Result<(), Failures> {
    let path = install.context.config.project.lockfile();
    let Some(text) = &placement.lockfile else { return Ok(()) };
    let config = &install.context.config;
    if config.install.lockfile.is_frozen() && !config.project.merges_lockfiles() && path.exists() {
        return Ok(()); // a conflict in it was merged for this run alone
    }
    // What is longer is another.
    if limited::read(&path, text.len() as u64, Links::Followed).is_ok_and(|old| old == text.as_bytes()) {
        return Ok(());
    }
    let failed = |code: &str, error: &io::Error| {
        let mut diagnostic = Diagnostic::new(code, format!("{} cannot be written", path.display()));
        diagnostic.causes.push(error.to_string());
        vec![diagnostic]
    };
    if path.is_symlink() {
        let error = io::Error::other("it is a symbolic link");
        return Err(failed("ERR_PNPM_LOCKFILE_WRITE_FILE", &error));
    }
    replace::file(&path, text).map_err(|error| failed("ERR_PNPM_LOCKFILE_WRITE_FILE", &error))
}

fn write_state(
    install: &Install<'_>,
    placement: &Placement,
    layout: &Layout,
    modules_yaml: &modules_yaml::Text,
    linked: &Linked,
) -> Result<(), Failures> {
    let _phase = install.phase("state");
    let config = &install.context.config;
    let lockfile = match (&placement.current_lockfile, &placement.lockfile) {
        (Some(text), _) | (None, Some(text)) => Cow::Borrowed(text),
        (None, None) => Cow::Owned(placement::lockfile_text(&config.project.lockfile_to_read()).unwrap_or_default()),
    };
    let record = Record {
        layout,
        modules_yaml,
        current_lockfile: &lockfile,
        projects: &projects::for_state(config),
        settings: &projects::settings_for_state(config),
        filtered: false,
        now: crate::config::environment::now(),
    };
    state::record(&record, linked).map_err(one)
}

/// Whether overrides refer to what the root's manifest asks for: they were read before a command changed it, and the
/// next run has to look again.
fn has_references(install: &Install<'_>) -> bool {
    install.context.config.settings.rules.overrides.values().any(|value| value.starts_with('$'))
}

/// The aliases under which packages stand in `node_modules` of a folder, but for those that stand elsewhere too: to look
/// at each package once is enough, and a workspace has each many times.
fn packages(folder: &Path, links: &[RootLink], seen: &mut HashSet<SnapshotIndex>) -> Vec<String> {
    let modules = folder.join(MODULES);
    let mut is_wanted = |link: &&RootLink| match link.target {
        Target::Snapshot(index) => seen.insert(index) && modules.join(link.alias.as_str()).exists(),
        Target::Directory(_) => false,
    };
    links.iter().filter(|link| is_wanted(link)).map(|link| link.alias.as_str().to_owned()).collect()
}

/// What this run was made from, for the next one to compare.
struct Remembered {
    files: Vec<Input>,
    projects: Vec<Project>,
}

impl Remembered {
    /// Looks again at the lockfile, because this run wrote it, and at manifests that it wrote; what scripts change after
    /// that is noticed by the next run.
    fn look(
        install: &Install<'_>,
        placement: &Placement,
        (inputs, written): (&Inputs, &[PathBuf]),
        mut files: Vec<Input>,
    ) -> Result<Self, Failures> {
        let project = &install.context.config.project;
        let lockfile = project.lockfile();
        let is_written = |path: &Path| path.as_os_str() == lockfile.as_os_str() || written.iter().any(|it| it == path);
        for input in files.iter_mut().filter(|input| is_written(&input.path)) {
            let path = input.path.clone();
            let looked = Input::look(path.clone()).map_err(crate::link::LinkError::io("read", &path));
            *input = looked.map_err(one)?;
        }
        let links: HashMap<&ImporterId, &[RootLink]> =
            placement.roots.iter().map(|root| (&root.importer, root.links.as_slice())).collect();
        let importers = project.importers.iter();
        let links: HashMap<&OsStr, &[RootLink]> =
            importers.filter_map(|it| Some((it.dir.as_os_str(), *links.get(&it.id)?))).collect();
        let mut seen_packages = HashSet::new();
        let projects = inputs.projects.iter().map(|folder| {
            let links = links.get(folder.as_os_str()).copied().unwrap_or_default();
            Project {
                folder: folder.clone(),
                has_modules: !links.is_empty(),
                packages: packages(folder, links, &mut seen_packages),
            }
        });
        Ok(Self { projects: projects.collect(), files })
    }

    /// The last thing that is written.
    fn write(self, install: &Install<'_>, inputs: &Inputs, ignored: &[String]) -> Result<(), Failures> {
        let config = &install.context.config;
        let shared = config.layout.global_virtual_store_dir.as_ref().map(|links| links.join(shared::LOCK));
        let Self { files, projects } = self;
        up_to_date::record_inputs(&config.project.root, inputs.settings, files, projects, ignored.to_vec(), shared)
            .map_err(one)
    }
}
