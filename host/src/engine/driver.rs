//! Runs the component for the rest of the program: a whole resolution, or a lockfile placed as it stands, each in a
//! sandbox of its own. Who calls waits, so it is never done on an async worker.

use std::{
    collections::HashSet,
    sync::mpsc::{Receiver, Sender, channel},
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
    facts::{Answer, Oracle, Reply, RequestId},
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
    Session::open(sandbox::start(limits)?, project, limits)?.run(oracle)
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
            let snapshots = it.snapshots.into_iter().map(convert::snapshot).collect::<Result<_, _>>();
            let placement = snapshots.and_then(|list| convert::placement(project, list, it.outcome));
            Ok(Placed::Fits(Box::new(placement.map_err(|detail| sandbox.invalid(detail))?)))
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

struct Session<'a> {
    sandbox: Sandbox<Resolver>,
    project: &'a Project,
    handle: ResourceAny,
    limits: Limits,
    used: HashSet<RequestId>,
    open: HashSet<RequestId>,
    snapshots: Vec<Snapshot>,
    kept: usize,
    downloads: usize,
    crossings: Crossings,
}

impl<'a> Session<'a> {
    fn open(mut sandbox: Sandbox<Resolver>, project: &'a Project, limits: Limits) -> Result<Self, ResolveError> {
        let input = convert::project(project).map_err(|detail| sandbox.invalid(detail))?;
        let manifests: usize = project.importers.iter().map(|(_, text)| text.len()).sum();
        let bytes_in = manifests + input.settings.len() + input.lockfile.as_ref().map_or(0, String::len);
        let answer = sandbox.call(input, |store, resolver, input| {
            resolver.wasi_pm_resolver_resolution().session().call_open(store, input)
        })?;
        let handle = answer.map_err(|list| ResolveError::Failures(convert::failures(list)))?;
        let crossings = Crossings { calls: 1, requests: 0, bytes_in: bytes_in as u64, memory: 0 };
        let (used, open, snapshots) = (HashSet::new(), HashSet::new(), Vec::new());
        Ok(Self { sandbox, project, handle, limits, used, open, snapshots, kept: 0, downloads: 0, crossings })
    }

    fn run(mut self, oracle: &dyn Oracle) -> Result<Resolved, ResolveError> {
        let (sender, receiver) = channel();
        let mut called = self.advance(Vec::new());
        loop {
            let progress = self.sandbox.finish(&called)?;
            let progress = progress.map_err(|list| ResolveError::Failures(convert::failures(list)))?;
            let moved = !progress.snapshots.is_empty() || !progress.requests.is_empty();
            // It works on while its requests are passed on: at the next batch, or at what has been answered meanwhile.
            let mut ahead =
                (!progress.snapshots.is_empty() && progress.outcome.is_none()).then(|| self.advance(Vec::new()));
            let mut requests = progress.requests.into_iter();
            while requests.len() > 0 {
                self.ask(requests.by_ref().take(PASSED_ON), oracle, &sender)?;
                if ahead.is_none() && progress.outcome.is_none() {
                    let answered = self.answered(receiver.try_iter());
                    ahead = (!answered.is_empty()).then(|| self.advance(answered));
                }
            }
            self.download(progress.downloads, oracle)?;
            self.keep(progress.snapshots)?;
            if let Some(outcome) = progress.outcome {
                let mut outcome = outcome;
                let saved = saved::check(self.project, &mut outcome).map_err(|detail| self.sandbox.invalid(detail))?;
                let placement = convert::placement(self.project, self.snapshots, outcome)
                    .map_err(|detail| self.sandbox.invalid(detail))?;
                let crossings = Crossings { memory: self.sandbox.memory(), ..self.crossings };
                return Ok(Resolved { placement, saved, crossings });
            }
            if self.open.is_empty() && !moved && ahead.is_none() {
                return Err(self.sandbox.invalid("it neither asks nor ends").into());
            }
            called = match ahead {
                Some(called) => called,
                None => {
                    let replies = self.wait(&receiver);
                    self.advance(replies)
                }
            };
        }
    }

    fn advance(&mut self, replies: Vec<wire::Reply>) -> Called<Result<wire::Progress, Vec<types::Failure>>> {
        self.crossings.calls += 1;
        let handle = self.handle;
        self.sandbox.begin(replies, move |store, resolver, replies| {
            resolver.wasi_pm_resolver_resolution().session().call_advance(store, handle, replies)
        })
    }

    fn ask(
        &mut self,
        requests: impl Iterator<Item = wire::NumberedRequest>,
        oracle: &dyn Oracle,
        replies: &Sender<(RequestId, Answer)>,
    ) -> Result<(), EngineError> {
        for numbered in requests {
            if !self.used.insert(numbered.id) || self.used.len() > self.limits.requests {
                return Err(self.sandbox.invalid("it asks twice with one number, or too often"));
            }
            let request = convert::request(numbered.request).map_err(|detail| self.sandbox.invalid(detail))?;
            self.open.insert(numbered.id);
            self.crossings.requests += 1;
            oracle.ask(request, Reply::new(numbered.id, replies));
        }
        Ok(())
    }

    fn download(&mut self, downloads: Vec<wire::Download>, oracle: &dyn Oracle) -> Result<(), EngineError> {
        self.downloads += downloads.len();
        if self.downloads > self.limits.snapshots {
            return Err(self.sandbox.invalid("it wants too many downloads"));
        }
        if !downloads.is_empty() {
            let converted: Result<_, _> = downloads.into_iter().map(convert::download).collect();
            oracle.download(converted.map_err(|detail| self.sandbox.invalid(detail))?);
        }
        Ok(())
    }

    fn keep(&mut self, batch: Vec<wire::Snapshot>) -> Result<(), EngineError> {
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

    /// Waits for one reply, then takes all that are there.
    fn wait(&mut self, replies: &Receiver<(RequestId, Answer)>) -> Vec<wire::Reply> {
        // The session holds a sender itself, so that `recv` cannot fail; each open request is answered, if only by the
        // drop of its `Reply`.
        let first = replies.recv().ok();
        self.answered(first.into_iter().chain(replies.try_iter()))
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
