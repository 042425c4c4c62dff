//! `install` and `ci`: the pipeline, a list of named steps.
//!
//! ```text
//! inputs ─▶ up to date? ── yes ─▶ done: no lock, no component, no network
//!    │ no
//!    ▼
//! lock ─▶ lockfile ─▶ placement: remembered, placed from the lockfile, or resolved   (downloads start meanwhile)
//!    ▼
//! plan ─▶ packages into the store ─▶ link ─▶ lockfile, scripts, state ─▶ summary
//! ```
//! Where each project has a lockfile of its own, all but the summary happens once for each.
//! Nothing that can be reached under `node_modules` changes before every package is in the store.

mod ahead;
mod branches;
mod change;
mod cycles;
mod excludes;
mod finish;
mod inputs;
mod known;
mod lifecycle;
mod link;
mod local;
mod moved_on;
mod network;
mod order;
mod packages;
mod packuments;
mod placed_groups;
mod placement;
mod project_document;
mod projects;
mod saved;
mod separate;
mod verify;

use std::thread;

pub use self::change::{intent, saving};
use self::{
    branches::Branches,
    inputs::Inputs,
    network::{Clients, Network},
    placement::{Found, Rest},
};
use super::{Context, Failures, guard};
use crate::{
    config::{Config, Environment},
    diagnostic::Diagnostic,
    engine::Saved,
    graph::Placement,
    link::{
        Early,
        shared::{self, Marks},
    },
    plan::{self, Base, Plan},
    report::{Event, LogLevel, event::Stage},
    state::{
        Disk, Layout,
        disk::{Before, Reading},
        project_lock::ProjectLock,
        record::ignored_builds_error,
        up_to_date::{self, Verdict},
    },
    timings::{Lane, SpanGuard},
};

/// One installation: what every step is given.
struct Install<'a> {
    context: &'a Context,
    environment: &'a Environment,
    /// The root's folder, for events.
    prefix: String,
    /// It is one of several; what is said at the end is said once, after the last.
    is_part: bool,
}

/// Installs.
///
/// # Errors
/// What stopped it. `ERR_PNPM_IGNORED_BUILDS` comes after everything is installed.
pub(super) fn run(context: &Context, environment: &Environment) -> Result<(), Failures> {
    let install = Install::new(context, environment);
    let config = &context.config;
    change::check(config)?;
    install.announce();
    change::intent(config)?;
    if change::finds_nothing(config) {
        install.message(LogLevel::Info, "There is nothing to change");
        return Ok(());
    }
    if config.project.has_own_lockfiles {
        return separate::run(&install);
    }
    let context = &Context { config: placed_groups::choose(&context.config), ..context.clone() };
    let (install, config) = (Install::new(context, environment), &context.config);
    let inputs = Inputs::gather(config, environment);
    if let Some(ignored_builds) = install.up_to_date(&inputs) {
        install.message(LogLevel::Info, "Already up to date");
        return install.end(&ignored_builds);
    }
    guard::watch_signals();
    cycles::check(&install)?;
    let ignored_builds = installation(&install, &inputs, &Clients::default())?;
    if config.install.dry_run { Ok(()) } else { install.end(&ignored_builds) }
}

/// Installs what is not up to date; the packages whose scripts did not run.
fn installation(install: &Install<'_>, inputs: &Inputs, clients: &Clients) -> Result<Vec<String>, Failures> {
    let config = &install.context.config;
    let changes_nothing = config.install.lockfile_only || config.install.dry_run;
    let _lock = if changes_nothing { None } else { Some(install.lock()?) };
    let seen = inputs.look()?;
    saved::check_unchanged(install, &seen)?;
    if !changes_nothing {
        lifecycle::before(install)?;
    }
    let layout = projects::layout(config);
    let before = if config.install.lockfile_only { None } else { Reading::begin(&layout) };
    let network = Network::new(install, clients);
    let branches = Branches::find(install)?;
    let Found { mut placement, locked, mut early, marks, mut rest } = placement::find(install, &network, &branches)?;
    if config.install.lockfile_only {
        let saved = placement::complete(install, &mut placement, rest)?;
        let verified = verify::start(install, &network, &placement, locked)?.finish(install)?;
        lockfile_only(install, &placement, &saved)?;
        verified.remember(install, &network, &placement)?;
        branches.remove()?;
        return Ok(Vec::new());
    }
    let _hold = if changes_nothing { None } else { shared::hold(&layout).map_err(one)? };
    // Beside the component, which makes the text of the lockfile.
    let plan = install.plan(&placement, &layout, (before, &marks), (&mut early, rest.as_mut()))?;
    let saved = placement::complete(install, &mut placement, rest)?;
    // Only now is it known what the resolver has held to the rules.
    let verification = verify::start(install, &network, &placement, locked)?;
    saved::check_catalogs(install, &saved)?;
    if config.install.dry_run {
        verification.finish(install)?;
        excludes::remember(install, &placement)?;
        install.event(Event::Plan(plan.to_string().lines().map(ToOwned::to_owned).collect()));
        return Ok(Vec::new());
    }
    install.tell_what_is_added(&placement, &plan);
    let store = packages::open_store(install)?;
    verification.ask_but_for(&placement, || packages::needed(&placement, &plan));
    let (packages, plan) = packages::have(install, &network, &store, &layout, (&mut placement, plan, early))?;
    let verified = verification.finish(install)?;
    let told = finish::Told::new(install, &placement, &plan, &layout, &packages.0);
    let linked = link::carry_out(install, &network, (&placement, &plan), &layout, packages, &told.modules_yaml)?;
    let recorded = (&placement, &saved, told);
    let ignored_builds = finish::record(install, recorded, &plan, &layout, linked, inputs, seen)?;
    verified.remember(install, &network, &placement)?;
    network.settle();
    placement::strict_peers(install, &placement)?;
    if install.undecided(&ignored_builds).is_none() {
        branches.remove()?;
    }
    leave(install, (network.into_connections(), placement, plan));
    Ok(ignored_builds)
}

/// Writes what an installation without packages writes.
fn lockfile_only(install: &Install<'_>, placement: &Placement, saved: &Saved) -> Result<(), Failures> {
    saved::check_catalogs(install, saved)?;
    let together = guard::together();
    excludes::remember(install, placement)?;
    saved::write(install, saved)?;
    finish::write_lockfile(install, placement)?;
    drop(together);
    install.stage(Stage::ImportingDone);
    placement::strict_peers(install, placement)
}

/// Leaves memory to the end of the process, which frees it with less work; but for an installation that others follow.
fn leave<T>(install: &Install<'_>, left: T) {
    if install.is_part {
        drop(left);
    } else {
        std::mem::forget(left);
    }
}

impl<'a> Install<'a> {
    fn new(context: &'a Context, environment: &'a Environment) -> Self {
        let prefix = context.config.project.root.display().to_string();
        Self { context, environment, prefix, is_part: false }
    }
}

impl Install<'_> {
    fn event(&self, event: Event) {
        self.context.report.event(event);
    }

    fn message(&self, level: LogLevel, message: impl Into<String>) {
        self.event(Event::Message { level, prefix: self.prefix.clone(), message: message.into() });
    }

    fn stage(&self, stage: Stage) {
        if self.is_part && stage == Stage::ImportingDone {
            return;
        }
        self.event(Event::Stage { prefix: self.prefix.clone(), stage });
    }

    /// Takes the time of a step.
    fn phase(&self, name: &'static str) -> SpanGuard {
        self.context.timings.span(Lane::Phase, || name.to_owned())
    }

    fn announce(&self) {
        let project = &self.context.config.project;
        let count = project.importers.len();
        self.event(Event::Scope {
            selected: count,
            total: project.is_workspace.then_some(count),
            workspace: project.is_workspace.then(|| self.prefix.clone()),
        });
    }

    /// The ignored builds of the last run, if nothing has changed since.
    fn up_to_date(&self, inputs: &Inputs) -> Option<Vec<String>> {
        let _phase = self.phase("up to date?");
        let install = &self.context.config.install;
        let merges = self.context.config.project.merges_lockfiles();
        let may_end = install.optimistic_repeat && !install.force && !install.clean && !merges;
        if !may_end
            || install.change.is_some()
            || install.repair
            || install.dry_run
            || install.lockfile_only
            || local::is_wanted(self)
        {
            return None;
        }
        let root = &self.context.config.project.root;
        match up_to_date::check(root, inputs.settings, &inputs.files, &inputs.projects) {
            Verdict::UpToDate { ignored_builds } => Some(ignored_builds),
            Verdict::Stale(reason) => {
                self.message(LogLevel::Debug, format!("Not up to date: {reason}"));
                None
            }
        }
    }

    fn lock(&self) -> Result<ProjectLock, Failures> {
        ProjectLock::acquire(&self.context.config.project.root, self.context.report.as_ref()).map_err(one)
    }

    /// Compares what is wanted with what is there. With `--force`, and for `ci`, nothing that is there counts.
    /// What can be made out of reach meanwhile is begun, but for a run that changes nothing.
    fn plan(
        &self,
        placement: &Placement,
        layout: &Layout,
        (before, marks): (Option<Reading>, &Marks),
        (early, rest): (&mut Early, Option<&mut Rest>),
    ) -> Result<Plan, Failures> {
        let _phase = self.phase("plan");
        let mut before = before.map_or_else(|| Before::read(layout), |reading| reading.finish(layout)).map_err(one)?;
        let Config { install, layout: options, .. } = self.context.config.as_ref();
        if install.force || install.clean {
            before.discount();
        }
        let wanted = plan::wanted(placement, layout);
        if !install.dry_run && Base::of(before.holds(), &wanted) != Base::Update {
            early.hoist(&layout.lockfile_dir, options.import, &wanted.hoisted, |work| match rest {
                Some(rest) => rest.afterwards(work),
                None => drop(thread::Builder::new().name("hoist".to_owned()).spawn(work)),
            });
        }
        let disk = Disk::after(before, layout, placement, marks).map_err(one)?;
        Ok(Plan::new(placement, layout, wanted, disk))
    }

    fn tell_what_is_added(&self, placement: &Placement, plan: &Plan) {
        for skipped in &placement.skipped {
            self.event(Event::SkippedOptional { prefix: self.prefix.clone(), skipped: skipped.clone() });
        }
        self.event(Event::Stats { prefix: self.prefix.clone(), added: Some(plan.changes.added), removed: None });
        for snapshot in &placement.snapshots {
            let package_id = format!("{}@{}", snapshot.name, snapshot.version);
            self.event(Event::Resolved { package_id, requester: self.prefix.clone() });
        }
    }

    /// The error that scripts which were passed over are where `strictDepBuilds` wants them decided.
    fn undecided(&self, ignored_builds: &[String]) -> Option<Diagnostic> {
        let strict = self.context.config.scripts.strict_dep_builds && !self.context.config.scripts.ignore;
        ignored_builds_error(ignored_builds).filter(|_| strict)
    }

    /// The last lines; an error if scripts are undecided.
    fn end(&self, ignored_builds: &[String]) -> Result<(), Failures> {
        let failure = self.undecided(ignored_builds);
        self.event(Event::Summary { prefix: self.prefix.clone() });
        let (started_at, ended_at) = (self.environment.now, crate::config::environment::now());
        self.event(Event::ExecutionTime { started_at, ended_at });
        failure.map_or(Ok(()), |failure| Err(vec![failure]))
    }
}

/// The one reason why a step failed.
fn one(error: impl Into<Diagnostic>) -> Failures {
    vec![error.into()]
}
