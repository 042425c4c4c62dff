//! One resolution as the host drives it: requests out, replies in, in any order, until the outcome. Owns the future of
//! [`crate::resolve`] and polls it when new facts are there. Of a command, the future of [`crate::command`] comes
//! first.

mod open;

use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use wit::guest::exports::wasi_pm::resolver::resolution::{
    Intent, Layout, Notice, Outcome, Progress, Project, Reply, Snapshot,
};
use wit::guest::wasi_pm::resolver::types::Failure;

use crate::absorb;
use crate::boundary;
use crate::command::{self, Plan};
use crate::lockfile::{self, Lockfile};
use crate::manifest::Manifest;
use crate::peer_issues;
use crate::place;
use crate::resolve::context::{self, Context};
use crate::resolve::prefetch::Prefetch;
use crate::resolve::wanted::failure;
use crate::resolve::{self, Resolution};

type Running = Pin<Box<dyn Future<Output = Result<Resolution, Vec<Failure>>>>>;
type Preparing = Pin<Box<dyn Future<Output = Result<Plan, Failure>>>>;

/// How many snapshots come in one call: the host reads them while the next are made, the sooner the fewer come first.
const BATCH: usize = 128;

/// One resolution.
pub struct Session {
    given: Project,
    context: Rc<Context>,
    prefetch: Rc<Prefetch>,
    /// The existing lockfile with what the manifests changed, where nothing has to be resolved for that.
    absorbed: Option<Lockfile>,
    /// What a command finds out beforehand.
    preparing: Option<Preparing>,
    /// What it writes.
    plan: Option<Plan>,
    running: Option<Running>,
    finished: Option<Finished>,
    /// What has served its purpose: freed with the session, since the host waits for each answer. A component is thrown
    /// away with all its memory.
    spent: Vec<Box<dyn Any>>,
}

/// What is left to hand out.
struct Finished {
    snapshots: std::vec::IntoIter<Snapshot>,
    layout: Option<Layout>,
    /// Without what is made only when the last snapshot has gone out.
    outcome: Outcome,
    lockfile: Lockfile,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("ended", &(self.running.is_none() && self.preparing.is_none()))
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Checks the project.
    ///
    /// # Errors
    /// If settings, a manifest or the lockfile cannot be read.
    pub fn open(project: Project) -> Result<Self, Vec<Failure>> {
        let context = Rc::new(open::context(&project, open::Begun::default())?);
        let is_command = command::is_one(&project.intent);
        let mut session = Self {
            given: project,
            context,
            prefetch: Rc::default(),
            absorbed: None,
            preparing: None,
            plan: None,
            running: None,
            finished: None,
            spent: Vec::new(),
        };
        if is_command {
            let (ctx, given) = (Rc::clone(&session.context), session.given.clone());
            session.preparing = Some(Box::pin(async move { command::prepare(&ctx, &given).await }));
        } else {
            session.begin()?;
        }
        Ok(session)
    }

    /// Begins to resolve, or finds that nothing has to be resolved.
    fn begin(&mut self) -> Result<(), Vec<Failure>> {
        let (ctx, ahead) = (Rc::clone(&self.context), Rc::clone(&self.prefetch));
        let running = async move { resolve::resolve(&ctx, &ahead).await.map_err(|failure| vec![failure]) };
        self.absorbed = absorbed(&self.given, &self.context, self.plan.as_ref())?;
        self.running = Some(Box::pin(running));
        Ok(())
    }

    /// Goes on with what a command has found out: the project as it will be, and all facts that are known.
    fn go_on(&mut self, mut plan: Plan) -> Result<(), Vec<Failure>> {
        plan.apply(&mut self.given).map_err(|failure| vec![failure])?;
        let nothing = Rc::new(open::nothing(&self.given)?);
        let Ok(context) = Rc::try_unwrap(std::mem::replace(&mut self.context, nothing)) else {
            return Err(vec![failure("ERR_WASI_PM_BUG", "what a command has found out is still in use".to_owned())]);
        };
        let root = &context.settings.workspace.root;
        let root = context.project(root).map(|root| root.written.clone());
        let begun = open::Begun {
            before: Some(open::Before { root, lockfile: context.lockfile }),
            symbols: context.symbols,
            facts: context.facts,
            downloads: context.downloads.into_inner(),
            offered: context.offered.into_inner(),
            anew: plan.anew.take(),
            anew_of: std::mem::take(&mut plan.anew_of),
            anew_is_direct: plan.direct,
            anew_direct: std::mem::take(&mut plan.anew_direct),
            movers: std::mem::take(&mut plan.movers),
            unpreferred: std::mem::take(&mut plan.unpreferred),
            named: std::mem::take(&mut plan.named),
            expected: plan.expected.clone(),
        };
        self.context = Rc::new(open::context(&self.given, begun)?);
        self.plan = Some(plan);
        self.begin()
    }

    /// Takes replies and goes on as far as the facts reach.
    ///
    /// # Errors
    /// Why the project cannot be resolved; the session is at its end then.
    pub fn advance(&mut self, replies: Vec<Reply>) -> Result<Progress, Vec<Failure>> {
        for reply in replies {
            self.context.facts.accept(reply);
        }
        if let Some(preparing) = &mut self.preparing {
            match preparing.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop())) {
                Poll::Pending => return Ok(self.pending()),
                Poll::Ready(ended) => {
                    self.preparing = None;
                    self.go_on(ended.map_err(|failure| vec![failure])?)?;
                }
            }
        }
        if let Some(lockfile) = self.absorbed.take() {
            self.running = None;
            let told = resolve::as_locked::tell_complete(&self.context, false);
            self.finished = Some(self.hand_out(lockfile, told.into_iter().collect())?);
        }
        if self.finished.is_some() {
            return Ok(self.next_batch());
        }
        let Some(running) = &mut self.running else {
            return Err(vec![failure("ERR_WASI_PM_SESSION_ENDED", "the session is at its end".to_owned())]);
        };
        match running.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop())) {
            Poll::Pending => {
                self.prefetch.run(&self.context);
                Ok(self.pending())
            }
            Poll::Ready(ended) => {
                let running = self.running.take();
                let resolution = ended?;
                self.finished = Some(self.finish(&resolution)?);
                self.spent.push(Box::new((running, resolution)));
                Ok(self.next_batch())
            }
        }
    }

    fn pending(&self) -> Progress {
        Progress {
            requests: self.context.facts.take_requests(),
            downloads: self.context.downloads.take(),
            snapshots: Vec::new(),
            layout: None,
            outcome: None,
        }
    }

    /// The last calls: snapshots by the batch, the layout with the last, then the outcome.
    fn next_batch(&mut self) -> Progress {
        let downloads = self.context.downloads.take();
        let (mut snapshots, mut layout) = (Vec::new(), None);
        if let Some(finished) = &mut self.finished {
            snapshots.extend(finished.snapshots.by_ref().take(BATCH));
            layout = finished.layout.take_if(|_| finished.snapshots.len() == 0);
        }
        let finished = if snapshots.is_empty() { self.finished.take() } else { None };
        let outcome = finished.map(|finished| {
            let (outcome, lockfile) = self.outcome(finished);
            self.spent.push(Box::new(lockfile));
            outcome
        });
        Progress { requests: Vec::new(), downloads, snapshots, layout, outcome }
    }

    fn finish(&mut self, resolution: &Resolution) -> Result<Finished, Vec<Failure>> {
        let too_young = resolve::immature::find(&self.context, resolution).map_err(|failure| vec![failure])?;
        let unused = resolve::patches::unused(&self.context, resolution).map_err(|failure| vec![failure])?;
        let complete = resolve::as_locked::tell_complete(&self.context, true);
        let held = resolve::held::tell(&self.context, resolution);
        let told = too_young.into_iter().map(Notice::Other).chain(unused).chain(complete).chain(held).collect();
        let mut lockfile = resolve::to_lockfile::build(&self.context, resolution);
        if let Some(plan) = &mut self.plan {
            command::bump::follow(&mut lockfile, plan);
        }
        let mut finished = self.hand_out(lockfile, told)?;
        if let Some(layout) = &mut finished.layout {
            layout.skipped.extend(self.context.skipped.take());
        }
        Ok(finished)
    }

    /// A new lockfile, placed if more than the file is wanted, with what the resolution told.
    fn hand_out(&self, lockfile: Lockfile, told: Vec<Notice>) -> Result<Finished, Vec<Failure>> {
        let settings = &self.context.settings;
        let (snapshots, layout, mut outcome) = if settings.selection.lockfile_only {
            // The host holds what stays locked to age and trust, though nothing is linked.
            let is_held = self.given.lockfile.is_some() && (self.context.age.is_some() || self.context.trust.is_some());
            let snapshots = if is_held { self.snapshots_anywhere(&lockfile)? } else { Vec::new() };
            (snapshots, empty_layout(), empty_outcome())
        } else {
            let projects = self.projects();
            let placement = boundary::place_in(&lockfile, (settings, &projects), &self.given.platform)?;
            (boundary::snapshots(&placement), boundary::layout(&placement), boundary::outcome(&placement, None))
        };
        outcome.notices.extend(told);
        Ok(Finished { snapshots: snapshots.into_iter(), layout: Some(layout), outcome, lockfile })
    }

    /// The snapshots of a lockfile that need not run here.
    fn snapshots_anywhere(&self, lockfile: &Lockfile) -> Result<Vec<Snapshot>, Vec<Failure>> {
        let mut settings = self.context.settings.clone();
        settings.selection.engine_strict = false;
        let projects = self.projects();
        Ok(boundary::snapshots(&boundary::place_in(lockfile, (&settings, &projects), &self.given.platform)?))
    }

    /// The projects of the workspace, as placing needs them.
    fn projects(&self) -> BTreeMap<String, place::Project> {
        let project = |project: &context::Project| {
            let Manifest { name, version, .. } = &project.written;
            (project.id.clone(), place::Project { name: name.clone(), version: version.clone() })
        };
        self.context.workspace().map(project).collect()
    }

    /// The outcome with the text of the lockfile, if it is another one, and with what is wrong with peers.
    fn outcome(&self, finished: Finished) -> (Outcome, Lockfile) {
        let Finished { mut outcome, lockfile, .. } = finished;
        let text = lockfile::write(&lockfile);
        outcome.lockfile = (self.given.lockfile.as_deref() != Some(text.as_str())).then_some(text);
        let rules = &self.context.settings.peers.peer_dependency_rules;
        outcome.notices.extend(peer_issues::find(&lockfile, &self.context.projects, rules));
        outcome.notices.extend(self.context.notices.take());
        if let Some(plan) = &self.plan {
            plan.tell(&mut outcome);
        }
        (outcome, lockfile)
    }
}

/// The existing lockfile with what the manifests changed; `None` if that has to be resolved.
fn absorbed(given: &Project, context: &Context, plan: Option<&Plan>) -> Result<Option<Lockfile>, Vec<Failure>> {
    let absorbs = plan.map_or(matches!(given.intent, Intent::Install), |plan| plan.absorbs);
    let Some(lockfile) = context.lockfile.as_ref().filter(|_| absorbs) else { return Ok(None) };
    let written = context.projects.iter().map(|(id, project)| (id.clone(), &project.written)).collect();
    let manifests = &boundary::parse(given)?.manifests;
    // Of an installation the host has seen to that.
    let fits = || lockfile::check(lockfile, &context.settings, manifests).is_ok_and(|drifts| drifts.is_empty());
    if plan.is_some() && !context.settings.lockfile.always_resolve && fits() {
        return Ok(Some(lockfile.clone()).filter(|lockfile| plan.is_none_or(|plan| plan.accepts(lockfile))));
    }
    let wanted = absorb::Wanted { settings: &context.settings, written: &written, manifests };
    Ok(absorb::absorb(lockfile, wanted).filter(|lockfile| plan.is_none_or(|plan| plan.accepts(lockfile))))
}

fn empty_layout() -> Layout {
    Layout { roots: Vec::new(), hoisted: Vec::new(), skipped: Vec::new() }
}

fn empty_outcome() -> Outcome {
    Outcome { lockfile: None, current_lockfile: None, notices: Vec::new(), manifests: Vec::new(), catalogs: Vec::new() }
}

#[cfg(test)]
mod tests;
