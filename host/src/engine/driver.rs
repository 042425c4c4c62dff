//! Runs the component for the rest of the program: a whole resolution, or a lockfile placed as it stands, each in a
//! sandbox of its own. Who calls waits, so it is never done on an async worker.

use std::{
    collections::HashSet,
    sync::mpsc::{Receiver, Sender, channel},
    time::{Duration, Instant},
};

use wasmtime::component::ResourceAny;
use wit::{
    ImporterId,
    host::{
        Resolver, exports::wasi_pm::resolver::lockfile, exports::wasi_pm::resolver::resolution as wire,
        wasi_pm::resolver::types,
    },
    settings::Settings,
};

use super::{
    convert,
    error::EngineError,
    intent::Intent,
    limits::Limits,
    sandbox::{self, Called, Sandbox},
    saved::{self, Saved},
};
use crate::{
    facts::{Answer, Oracle, Reply, RequestId, Work},
    graph::{Failure, Placement, Snapshot},
    platform::Platform,
};

/// All that a session knows at its start.
#[derive(Debug, Clone)]
pub struct Project {
    /// Each project of the workspace with the JSON text of its `package.json`.
    pub importers: Vec<(ImporterId, String)>,
    /// The text of the existing lockfile.
    pub lockfile: Option<String>,
    /// What else changes the outcome.
    pub settings: Settings,
    /// What packages are chosen for.
    pub platform: Platform,
    /// What the user asked for.
    pub intent: Intent,
}

/// Why there is no outcome.
#[derive(Debug)]
pub enum ResolveError {
    /// The component says why.
    Failures(Vec<Failure>),
    /// The component itself failed.
    Engine(EngineError),
}

impl From<EngineError> for ResolveError {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

/// How often and how heavily the boundary was crossed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Crossings {
    /// Calls into the component.
    pub calls: u64,
    /// Requests it made.
    pub requests: u64,
    /// Bytes of manifests, lists and texts that went in.
    pub bytes_in: u64,
    /// What its memory has grown to, bytes.
    pub memory: u64,
}

/// A resolution that succeeded.
#[derive(Debug)]
pub struct Resolved {
    /// What it came to.
    pub placement: Placement,
    /// What is written besides the lockfile.
    pub saved: Saved,
    /// What it cost at the boundary.
    pub crossings: Crossings,
}

/// The answer to [`place`].
#[derive(Debug)]
pub enum Placed {
    /// The lockfile fits.
    Fits(Box<Placement>),
    /// Manifests or settings have moved on.
    Outdated(Outdated),
}

/// In what a lockfile no longer fits: one failure each.
pub type Outdated = Vec<Failure>;

/// Resolves a project; `oracle` finds out what the component needs to know.
///
/// # Errors
/// [`ResolveError`].
pub fn resolve(project: &Project, oracle: &dyn Oracle, limits: Limits) -> Result<Resolved, ResolveError> {
    let (mut placement, rest) = lay_out(project, oracle, limits)?;
    let (saved, crossings) = rest.finish(project, &mut placement)?;
    Ok(Resolved { placement, saved, crossings })
}

/// [`resolve`], up to where each package goes: the placement still lacks notices and the texts of lockfiles, which the
/// component makes meanwhile.
///
/// # Errors
/// [`ResolveError`].
pub fn lay_out(project: &Project, oracle: &dyn Oracle, limits: Limits) -> Result<(Placement, Rest), ResolveError> {
    Session::open(sandbox::start(limits)?, project, limits)?.run(project, oracle)
}

/// Checks the project's lockfile and, if it fits, places it.
///
/// # Errors
/// [`ResolveError`]; a lockfile that is missing or unreadable is among its failures.
pub fn place(project: &Project, limits: Limits) -> Result<Placed, ResolveError> {
    let mut sandbox = sandbox::start(limits)?;
    let input = convert::project(project).map_err(|detail| sandbox.invalid(detail))?;
    let placed =
        sandbox.call(input, |store, resolver, input| resolver.wasi_pm_resolver_lockfile().call_place(store, input))?;
    match placed.map_err(|list| ResolveError::Failures(convert::failures(list)))? {
        lockfile::Placed::Outdated(list) => Ok(Placed::Outdated(convert::failures(list))),
        lockfile::Placed::Fits(it) => {
            let snapshots = it.snapshots.iter().map(convert::snapshot).collect::<Result<_, _>>();
            let placement = snapshots.and_then(|list| convert::placement(project, list, &it.layout));
            let mut placement = placement.map_err(|detail| sandbox.invalid(detail))?;
            convert::complete(&mut placement, it.outcome);
            Ok(Placed::Fits(Box::new(placement)))
        }
    }
}

/// Only the check: in what the lockfile does not fit.
///
/// # Errors
/// As [`place`].
pub fn check(project: &Project, limits: Limits) -> Result<Outdated, ResolveError> {
    let mut sandbox = sandbox::start(limits)?;
    let input = convert::project(project).map_err(|detail| sandbox.invalid(detail))?;
    let drifts =
        sandbox.call(input, |store, resolver, input| resolver.wasi_pm_resolver_lockfile().call_check(store, input))?;
    drifts.map(convert::failures).map_err(|list| ResolveError::Failures(convert::failures(list)))
}

/// So many requests are passed on before the component gets what has been answered of them.
const PASSED_ON: usize = 32;
/// So many replies are enough to call the component while it has nothing else to do.
const ENOUGH: usize = 8;
/// So many snapshots come with one answer at most.
const MOST_SNAPSHOTS: usize = 1024;
/// So long it may have nothing to do though there are replies.
const A_MOMENT: Duration = Duration::from_micros(200);

type Advanced = Called<Result<wire::Progress, Vec<types::Failure>>>;

/// The end of a resolution, under way in the component.
#[must_use]
pub struct Rest {
    session: Session,
    outcome: Option<wire::Outcome>,
    called: Option<Advanced>,
}

impl Rest {
    /// Has something done on the component's thread as soon as its last call has ended: there is a processor for it then.
    /// It may never be done, where the call does not end.
    pub fn afterwards(&mut self, work: impl FnOnce() + Send + 'static) {
        self.session.sandbox.afterwards(work);
    }

    /// Waits for it, and completes the placement; what is written besides the lockfile, and what all has cost.
    ///
    /// # Errors
    /// [`ResolveError`].
    pub fn finish(self, project: &Project, placement: &mut Placement) -> Result<(Saved, Crossings), ResolveError> {
        let Self { mut session, outcome, called } = self;
        let mut outcome = match (outcome, called) {
            (Some(outcome), _) => outcome,
            (None, Some(called)) => {
                let progress = session.sandbox.finish(&called)?;
                session.crossings.calls += 1;
                let progress = progress.map_err(|list| ResolveError::Failures(convert::failures(list)))?;
                end(progress).map_err(|detail| session.sandbox.invalid(detail))?
            }
            (None, None) => return Err(session.sandbox.invalid(NO_END).into()),
        };
        let saved = saved::check(project, &mut outcome).map_err(|detail| session.sandbox.invalid(detail))?;
        convert::complete(placement, outcome);
        Ok((saved, Crossings { memory: session.sandbox.memory(), ..session.crossings }))
    }
}

const NO_END: &str = "it has said what goes where and does not end";

/// The outcome of the last progress, which holds nothing else.
fn end(progress: wire::Progress) -> Result<wire::Outcome, &'static str> {
    let wire::Progress { requests, downloads, snapshots, layout, outcome } = progress;
    if !requests.is_empty() || !downloads.is_empty() || !snapshots.is_empty() || layout.is_some() {
        return Err("it goes on after it has said what goes where");
    }
    outcome.ok_or(NO_END)
}

/// It says what goes where.
fn is_placing(progress: &wire::Progress) -> bool {
    !progress.snapshots.is_empty() || progress.layout.is_some()
}

/// From the first snapshots on nothing is asked, and each progress carries some, or the layout.
fn check_batch(progress: &wire::Progress) -> Result<(), &'static str> {
    if !is_placing(progress) {
        return Err("it has begun to say what goes where and does not go on with it");
    }
    if !progress.requests.is_empty() {
        return Err("it asks after it has begun to say what goes where");
    }
    if progress.snapshots.len() > MOST_SNAPSHOTS {
        return Err("it hands out more snapshots at once than it may");
    }
    Ok(())
}

struct Session {
    sandbox: Sandbox<Resolver>,
    handle: ResourceAny,
    limits: Limits,
    used: HashSet<RequestId>,
    open: HashSet<RequestId>,
    snapshots: Vec<Snapshot>,
    kept: usize,
    downloads: usize,
    crossings: Crossings,
    /// What has been taken. It is freed at the end and by the thread that made it: it would have to wait for the same
    /// memory that the next is made in.
    spent: Vec<wire::Progress>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.sandbox.free(std::mem::take(&mut self.spent));
    }
}

impl Session {
    fn open(mut sandbox: Sandbox<Resolver>, project: &Project, limits: Limits) -> Result<Self, ResolveError> {
        let input = convert::project(project).map_err(|detail| sandbox.invalid(detail))?;
        let manifests: usize = project.importers.iter().map(|(_, text)| text.len()).sum();
        let bytes_in = manifests + input.settings.len() + input.lockfile.as_ref().map_or(0, String::len);
        let answer = sandbox.call(input, |store, resolver, input| {
            resolver.wasi_pm_resolver_resolution().session().call_open(store, input)
        })?;
        let handle = answer.map_err(|list| ResolveError::Failures(convert::failures(list)))?;
        let crossings = Crossings { calls: 1, requests: 0, bytes_in: bytes_in as u64, memory: 0 };
        let (used, open, snapshots) = (HashSet::new(), HashSet::new(), Vec::new());
        let (kept, downloads, spent) = (0, 0, Vec::new());
        Ok(Self { sandbox, handle, limits, used, open, snapshots, kept, downloads, crossings, spent })
    }

    /// Answers questions until the layout is there.
    fn run(mut self, project: &Project, oracle: &dyn Oracle) -> Result<(Placement, Rest), ResolveError> {
        let (sender, receiver) = channel();
        let _helping = Helping(oracle);
        let mut called = self.advance(Vec::new());
        loop {
            let progress = self.finish(&called, oracle)?;
            let progress = progress.map_err(|list| ResolveError::Failures(convert::failures(list)))?;
            if is_placing(&progress) {
                return self.take_placement(project, progress, oracle);
            }
            if progress.outcome.is_some() {
                return Err(self.sandbox.invalid("it ends before it has said what goes where").into());
            }
            let has_asked = !progress.requests.is_empty();
            // It works on at what has been answered meanwhile while its requests are passed on.
            let mut ahead = None;
            for requests in progress.requests.chunks(PASSED_ON) {
                self.ask(requests, oracle, &sender)?;
                if ahead.is_none() {
                    let answered = self.answered(receiver.try_iter());
                    ahead = (!answered.is_empty()).then(|| self.advance(answered));
                }
            }
            self.download(&progress.downloads, oracle)?;
            self.spent.push(progress);
            if self.open.is_empty() && !has_asked && ahead.is_none() {
                return Err(self.sandbox.invalid("it neither asks nor ends").into());
            }
            called = match ahead {
                Some(called) => called,
                None => {
                    let replies = self.wait(&receiver, oracle);
                    self.advance(replies)
                }
            };
        }
    }

    /// Takes the snapshots, from the first batch on, and the layout. The next batches are made while one is taken.
    fn take_placement(
        mut self,
        project: &Project,
        mut progress: wire::Progress,
        oracle: &dyn Oracle,
    ) -> Result<(Placement, Rest), ResolveError> {
        let mut called = progress.outcome.is_none().then(|| self.advance_to_the_end());
        loop {
            check_batch(&progress).map_err(|detail| self.sandbox.invalid(detail))?;
            self.download(&progress.downloads, oracle)?;
            self.keep(&progress.snapshots)?;
            if let Some(layout) = &progress.layout {
                let placement = convert::placement(project, std::mem::take(&mut self.snapshots), layout)
                    .map_err(|detail| self.sandbox.invalid(detail))?;
                let outcome = progress.outcome.take();
                self.spent.push(progress);
                return Ok((placement, Rest { session: self, outcome, called }));
            }
            let Some(series) = called.take_if(|_| progress.outcome.is_none()) else {
                return Err(self.sandbox.invalid("it ends before it has said what goes where").into());
            };
            let next = self.finish(&series, oracle)?;
            self.crossings.calls += 1;
            let next = next.map_err(|list| ResolveError::Failures(convert::failures(list)))?;
            self.spent.push(std::mem::replace(&mut progress, next));
            called = Some(series);
        }
    }

    /// Calls it with nothing new until it ends.
    fn advance_to_the_end(&mut self) -> Advanced {
        let handle = self.handle;
        self.sandbox.begin_series(
            move |store, resolver| resolver.wasi_pm_resolver_resolution().session().call_advance(store, handle, &[]),
            |answer| answer.as_ref().is_ok_and(|progress| progress.outcome.is_none()),
        )
    }

    fn advance(&mut self, replies: Vec<wire::Reply>) -> Advanced {
        self.crossings.calls += 1;
        let handle = self.handle;
        self.sandbox.begin(replies, move |store, resolver, replies| {
            resolver.wasi_pm_resolver_resolution().session().call_advance(store, handle, replies)
        })
    }

    fn ask(
        &mut self,
        requests: &[wire::NumberedRequest],
        oracle: &dyn Oracle,
        replies: &Sender<(RequestId, Answer)>,
    ) -> Result<(), EngineError> {
        for numbered in requests {
            if !self.used.insert(numbered.id) || self.used.len() > self.limits.requests {
                return Err(self.sandbox.invalid("it asks twice with one number, or too often"));
            }
            let request = convert::request(&numbered.request).map_err(|detail| self.sandbox.invalid(detail))?;
            self.open.insert(numbered.id);
            self.crossings.requests += 1;
            oracle.ask(request, Reply::new(numbered.id, replies));
        }
        Ok(())
    }

    fn download(&mut self, downloads: &[wire::Download], oracle: &dyn Oracle) -> Result<(), EngineError> {
        self.downloads += downloads.len();
        if self.downloads > self.limits.snapshots {
            return Err(self.sandbox.invalid("it wants too many downloads"));
        }
        if !downloads.is_empty() {
            let converted: Result<_, _> = downloads.iter().map(convert::download).collect();
            oracle.download(converted.map_err(|detail| self.sandbox.invalid(detail))?);
        }
        Ok(())
    }

    fn keep(&mut self, batch: &[wire::Snapshot]) -> Result<(), EngineError> {
        if self.snapshots.len() + batch.len() > self.limits.snapshots {
            return Err(self.sandbox.invalid("it places too many packages"));
        }
        for snapshot in batch {
            let snapshot = convert::snapshot(snapshot).map_err(|detail| self.sandbox.invalid(detail))?;
            self.kept += convert::weight(&snapshot);
            if self.kept > self.limits.kept {
                return Err(self.sandbox.invalid("what it places takes too much memory"));
            }
            self.snapshots.push(snapshot);
        }
        Ok(())
    }

    /// Waits for the end of a call, and helps meanwhile to find what was asked for, or prepares what has been placed.
    fn finish<T>(&mut self, called: &Called<T>, oracle: &dyn Oracle) -> Result<T, EngineError> {
        loop {
            if let Some(answer) = self.sandbox.look(called) {
                return answer;
            }
            if !oracle.help(Work::Anything) && !oracle.prepare(&self.snapshots) {
                oracle.stop_helping();
                return self.sandbox.finish(called);
            }
        }
    }

    /// Waits for a reply and helps meanwhile; takes all that are there.
    fn wait(&mut self, replies: &Receiver<(RequestId, Answer)>, oracle: &dyn Oracle) -> Vec<wire::Reply> {
        let mut taken: Vec<_> = replies.try_iter().collect();
        let start = Instant::now();
        let helps = |count| match count {
            0 => oracle.help(Work::Anything),
            // What else was asked for is found before it is called, if that takes but a moment, and nothing besides.
            1..ENOUGH => start.elapsed() < A_MOMENT && oracle.help(Work::Answers),
            _ => false,
        };
        while helps(taken.len()) {
            taken.extend(replies.try_iter());
        }
        if taken.is_empty() {
            oracle.stop_helping();
            // The session holds a sender itself, so that `recv` cannot fail; each open request is answered, if only by
            // the drop of its `Reply`.
            taken.extend(replies.recv());
        }
        self.answered(taken.into_iter().chain(replies.try_iter()))
    }

    fn answered(&mut self, replies: impl Iterator<Item = (RequestId, Answer)>) -> Vec<wire::Reply> {
        let mut taken = Vec::new();
        for (id, answer) in replies {
            if self.open.remove(&id) {
                self.crossings.bytes_in += size(&answer);
                taken.push(convert::reply(id, answer));
            }
        }
        taken
    }
}

/// However a session ends, its thread helps no more.
struct Helping<'a>(&'a dyn Oracle);

impl Drop for Helping<'_> {
    fn drop(&mut self) {
        self.0.stop_helping();
    }
}

/// Roughly what crosses.
fn size(answer: &Answer) -> u64 {
    let bytes = match answer {
        Answer::Metadata(it) => {
            let manifests: usize = it.manifests.iter().map(|(_, text)| text.len()).sum();
            it.versions.len() + it.times.as_ref().map_or(0, String::len) + manifests
        }
        Answer::Manifest(text) | Answer::Resolved { manifest: text, .. } => text.len(),
        Answer::Unavailable(_) => 0,
    };
    bytes as u64
}

#[cfg(test)]
mod tests;
