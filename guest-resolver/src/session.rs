//! One resolution as the host drives it: requests out, replies in, in any order, until the outcome. Owns the future of
//! [`crate::resolve`] and polls it when new facts are there. Of a command, the future of [`crate::command`] comes
//! first.

mod handing;
mod open;

use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use wit::guest::exports::wasi_pm::resolver::resolution::{Intent, Notice, Outcome, Progress, Project, Reply};
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

use handing::{Batch, Extent, Given, Handing};

type Running = Pin<Box<dyn Future<Output = Result<Resolution, Vec<Failure>>>>>;
type Preparing = Pin<Box<dyn Future<Output = Result<Plan, Failure>>>>;

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
    handing: Option<Handing>,
    /// What has served its purpose: freed with the session, since the host waits for each answer. A component is thrown
    /// away with all its memory.
    spent: Vec<Box<dyn Any>>,
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
            handing: None,
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
            self.hand_out(lockfile, told.into_iter().collect());
        }
        if self.handing.is_some() {
            return self.next_batch();
        }
        let Some(running) = &mut self.running else {
            return Err(vec![ended()]);
        };
        match running.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop())) {
            Poll::Pending => {
                self.prefetch.run(&self.context);
                Ok(self.pending())
            }
            Poll::Ready(ended) => {
                let running = self.running.take();
                let resolution = ended?;
                self.finish(&resolution)?;
                self.spent.push(Box::new((running, resolution)));
                self.next_batch()
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

    /// The last calls: snapshots by the batch, the layout, the outcome.
    fn next_batch(&mut self) -> Result<Progress, Vec<Failure>> {
        let downloads = self.context.downloads.take();
        let Some(mut handing) = self.handing.take() else { return Err(vec![ended()]) };
        let (Batch { snapshots, layout }, ended) = handing.next()?;
        let outcome = match ended {
            None => {
                self.handing = Some(handing);
                None
            }
            Some((mut outcome, lockfile)) => {
                self.complete(&mut outcome, &lockfile);
                self.spent.push(Box::new((handing, lockfile)));
                Some(outcome)
            }
        };
        Ok(Progress { requests: Vec::new(), downloads, snapshots, layout, outcome })
    }

    fn finish(&mut self, resolution: &Resolution) -> Result<(), Vec<Failure>> {
        let too_young = resolve::immature::find(&self.context, resolution).map_err(|failure| vec![failure])?;
        let unused = resolve::patches::unused(&self.context, resolution).map_err(|failure| vec![failure])?;
        let complete = resolve::as_locked::tell_complete(&self.context, true);
        let held = resolve::held::tell(&self.context, resolution);
        let told = too_young.into_iter().map(Notice::Other).chain(unused).chain(complete).chain(held).collect();
        let mut lockfile = resolve::to_lockfile::build(&self.context, resolution);
        if let Some(plan) = &mut self.plan {
            command::bump::follow(&mut lockfile, plan);
        }
        self.hand_out(lockfile, told);
        Ok(())
    }

    /// Begins to hand out a new lockfile, placed if more than the file is wanted, with what the resolution told.
    fn hand_out(&mut self, lockfile: Lockfile, told: Vec<Notice>) {
        let is_held = self.given.lockfile.is_some() && (self.context.age.is_some() || self.context.trust.is_some());
        let extent = match self.context.settings.selection.lockfile_only {
            false => Extent::Placed,
            // The host holds what stays locked to age and trust, though nothing is linked.
            true if is_held => Extent::Anywhere,
            true => Extent::Nothing,
        };
        let (context, platform) = (Rc::clone(&self.context), self.given.platform.clone());
        let given = Given { context, platform, projects: self.projects(), extent, told };
        self.handing = Some(Handing::begin(lockfile, given));
    }

    /// The projects of the workspace, as placing needs them.
    fn projects(&self) -> BTreeMap<String, place::Project> {
        let project = |project: &context::Project| {
            let Manifest { name, version, .. } = &project.written;
            (project.id.clone(), place::Project { name: name.clone(), version: version.clone() })
        };
        self.context.workspace().map(project).collect()
    }

    /// Adds the text of the lockfile, if it is another one, and what is wrong with peers.
    fn complete(&self, outcome: &mut Outcome, lockfile: &Lockfile) {
        let text = lockfile::write(lockfile);
        outcome.lockfile = (self.given.lockfile.as_deref() != Some(text.as_str())).then_some(text);
        let rules = &self.context.settings.peers.peer_dependency_rules;
        outcome.notices.extend(peer_issues::find(lockfile, &self.context.projects, rules));
        outcome.notices.extend(self.context.notices.take());
        if let Some(plan) = &self.plan {
            plan.tell(outcome);
        }
    }
}

fn ended() -> Failure {
    failure("ERR_WASI_PM_SESSION_ENDED", "the session is at its end".to_owned())
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

#[cfg(test)]
mod tests;
