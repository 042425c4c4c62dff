//! The flights: who is being fetched, who is done, and who waits.

use std::{
    collections::{HashMap, VecDeque},
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
};

use rayon::prelude::*;
use sha2::{Digest, Sha512};
use tokio::sync::Semaphore;
use wit::{Integrity, names::Algorithm};

use super::{
    FetchError, FetchJob, ImportFailure, News, PackageStore, Step,
    arrivals::{Arrivals, Arrived, Content, Next, Verified},
    incoming::{Incoming, WATCHED_FROM},
    job::Place,
};
use crate::{
    registry::{BUDGET_KIB, Http, Lane, NetworkMode, Query, Started, Watch, tarball_in, without_secrets},
    report::event::{Event, LogLevel},
    timings::{self, Timings},
};

/// The largest tarball, packed, bytes.
const MAX_TARBALL: usize = 1 << 30;

/// So many packages are looked up where they are asked for: one takes some twenty microseconds.
const FEW: usize = 64;
/// So many packages at most are taken in while they come: each holds a buffer and an inflater.
const STREAMS: usize = 8;

/// How packages are fetched.
#[derive(Debug, Clone, Default)]
pub struct FetchOptions {
    /// The project's folder, for events.
    pub requester: String,
    /// What `file:` tarballs are relative to.
    pub lockfile_dir: PathBuf,
    /// A package without integrity is taken as it comes.
    pub allow_missing_integrity: bool,
    /// Records downloads and imports.
    pub timings: Timings,
    /// Told what becomes of packages, if anybody wants to know.
    pub news: Option<News>,
}

/// Gets packages into the store. Cloning it is cheap.
pub struct Fetcher<S: PackageStore>(Arc<Inner<S>>);

impl<S: PackageStore> Clone for Fetcher<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

struct Inner<S: PackageStore> {
    http: Arc<Http>,
    store: Arc<S>,
    options: FetchOptions,
    flights: Mutex<Flights<S::Index>>,
    landed: Condvar,
    budget: Arc<Semaphore>,
    pool: OnceLock<rayon::ThreadPool>,
    arrived: Arrivals<S>,
    streams: Arc<Semaphore>,
}

type Outcome<I> = Result<Arc<I>, FetchError>;

enum Flight<I> {
    Under,
    Landed(Outcome<I>),
}

struct Flights<I> {
    by_key: HashMap<String, Flight<I>>,
    /// The keys of those that landed, in the order in which they did.
    log: Vec<String>,
}

impl<S: PackageStore> Fetcher<S> {
    /// A fetcher that has started nothing yet.
    #[must_use]
    pub fn new(http: Arc<Http>, store: Arc<S>, options: FetchOptions) -> Self {
        Self(Arc::new(Inner {
            http,
            store,
            options,
            flights: Mutex::new(Flights { by_key: HashMap::new(), log: Vec::new() }),
            landed: Condvar::new(),
            budget: Arc::new(Semaphore::new(BUDGET_KIB as usize)),
            pool: OnceLock::new(),
            arrived: Arrivals::default(),
            streams: Arc::new(Semaphore::new(STREAMS)),
        }))
    }

    /// Starts to have packages that will probably be needed; returns at once, since who calls has better things to do:
    /// even whether they are needed is asked on the pool. Sources that are not fetched, and those without integrity,
    /// wait for the plan. `found` hears of those that the store has.
    pub fn start(
        &self,
        jobs: Vec<FetchJob>,
        is_needed: impl Fn(&FetchJob) -> bool + Send + Sync + 'static,
        found: impl Fn(&FetchJob, &S::Index) + Send + Sync + 'static,
    ) {
        let inner = self.0.clone();
        self.0.pool().spawn_fifo(move || {
            jobs.into_par_iter().with_min_len(4).for_each(|job| {
                let is_fetched = matches!(job.source, crate::graph::Source::Registry { integrity: Some(_), .. });
                if is_fetched && is_needed(&job) {
                    let key = job.key();
                    if inner.take_off(&key)
                        && let Some(index) = inner.have(key, &job)
                    {
                        found(&job, &index);
                    }
                }
            });
        });
    }

    /// Looks for this package again the next time it is wanted: what the store had of it is gone.
    pub fn forget(&self, job: &FetchJob) {
        self.0.flights().by_key.remove(&job.key());
    }

    /// Has all packages, and says for each, in the order of the jobs, where it is or why it could not be had.
    #[must_use]
    pub fn finish(&self, jobs: &[FetchJob]) -> Vec<Outcome<S::Index>> {
        self.finish_telling(jobs, |_, _| {})
    }

    /// As [`Fetcher::finish`]. As long as something is on its way, `landed` is told of packages that are there, by the
    /// number of the job, on the thread that waits.
    pub fn finish_telling(
        &self,
        jobs: &[FetchJob],
        landed: impl FnMut(usize, &Arc<S::Index>),
    ) -> Vec<Outcome<S::Index>> {
        let keys: Vec<String> = jobs.iter().map(FetchJob::key).collect();
        let mine: Vec<(&String, &FetchJob)> = keys.iter().zip(jobs).filter(|(key, _)| self.0.take_off(key)).collect();
        let inner = &self.0;
        let have = |(key, job): &(&String, &FetchJob)| drop(inner.have((*key).clone(), job));
        // The pool may be busy with what was started before, and the last to be asked for must not come last of all.
        if mine.len() <= FEW && mine.iter().all(|(_, job)| matches!(job.source, crate::graph::Source::Registry { .. }))
        {
            mine.iter().for_each(have);
        } else {
            inner.pool().install(|| mine.par_iter().with_min_len(8).for_each(have));
        }
        let mut outcomes = inner.wait(&keys, landed);
        share_missing(&mut outcomes);
        for (job, outcome) in jobs.iter().zip(&outcomes) {
            if let Err(error) = outcome
                && job.optional
            {
                inner.warn(format!("optional package left out: {error}"));
            }
        }
        outcomes
    }
}

/// Every error for want of a network names all that is missing, so that the first one shown tells the whole story.
fn share_missing<I>(outcomes: &mut [Outcome<I>]) {
    let mut all: Vec<String> = Vec::new();
    for outcome in outcomes.iter() {
        if let Err(FetchError::Offline { missing }) = outcome {
            all.extend_from_slice(missing);
        }
    }
    all.sort_unstable();
    all.dedup();
    for outcome in outcomes {
        if let Err(FetchError::Offline { missing }) = outcome {
            missing.clone_from(&all);
        }
    }
}

impl<S: PackageStore> Inner<S> {
    fn pool(&self) -> &rayon::ThreadPool {
        self.pool.get_or_init(|| {
            rayon::ThreadPoolBuilder::new()
                .thread_name(|at| format!("import-{at}"))
                // The panic itself has been told; `Landing` sees to it that nobody waits for the lost job.
                .panic_handler(drop)
                .build()
                .expect("the system grants a thread per processor")
        })
    }

    fn flights(&self) -> MutexGuard<'_, Flights<S::Index>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if this flight is new: the caller must see to it that it lands.
    fn take_off(&self, key: &str) -> bool {
        let mut flights = self.flights();
        if flights.by_key.contains_key(key) {
            return false;
        }
        flights.by_key.insert(key.to_owned(), Flight::Under);
        true
    }

    fn land(&self, key: String, outcome: Outcome<S::Index>) {
        let mut flights = self.flights();
        flights.log.push(key.clone());
        flights.by_key.insert(key, Flight::Landed(outcome));
        drop(flights);
        self.landed.notify_all();
    }

    fn wait(&self, keys: &[String], mut landed: impl FnMut(usize, &Arc<S::Index>)) -> Vec<Outcome<S::Index>> {
        let mut open: HashMap<&str, Vec<usize>> = HashMap::with_capacity(keys.len());
        for (at, key) in keys.iter().enumerate() {
            open.entry(key).or_default().push(at);
        }
        let mut outcomes: Vec<Option<Outcome<S::Index>>> = keys.iter().map(|_| None).collect();
        let (mut seen, mut untold) = (0, VecDeque::new());
        let mut flights = self.flights();
        loop {
            for key in &flights.log[seen..] {
                // One that was forgotten since is in the log once more when it lands again.
                let Some(Flight::Landed(outcome)) = flights.by_key.get(key) else { continue };
                for at in open.remove(key.as_str()).into_iter().flatten() {
                    outcomes[at] = Some(outcome.clone());
                    untold.push_back(at);
                }
            }
            seen = flights.log.len();
            if open.is_empty() {
                break;
            }
            let Some(at) = untold.pop_front() else {
                flights = self.landed.wait(flights).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(flights);
            if let Some(Ok(index)) = &outcomes[at] {
                landed(at, index);
            }
            flights = self.flights();
        }
        outcomes.into_iter().flatten().collect()
    }

    /// On the pool: finds it in the store, or sends for it. What was found.
    fn have(self: &Arc<Self>, key: String, job: &FetchJob) -> Option<Arc<S::Index>> {
        let landing = Landing { inner: self.clone(), key: Some(key), package: job.package_id() };
        let integrity = match job.integrity() {
            Ok(integrity) => integrity,
            Err(error) => {
                landing.land(Err(error));
                return None;
            }
        };
        let findable = integrity.as_ref().filter(|_| !job.is_gathered());
        let Some(index) = findable.and_then(|integrity| self.store.find(integrity)).map(Arc::new) else {
            self.send_for(landing, job, integrity);
            return None;
        };
        self.tell_step(job, Step::Found);
        let requester = self.options.requester.clone();
        self.http.report().event(Event::FoundInStore { package_id: job.package_id(), requester });
        landing.land(Ok(index.clone()));
        Some(index)
    }

    fn send_for(self: &Arc<Self>, landing: Landing<S>, job: &FetchJob, integrity: Option<Integrity>) {
        if job.is_gathered() {
            return landing.land(self.gather(job));
        }
        let place = match job.place(&self.http.settings().registries) {
            Ok(place) => place,
            Err(error) => return landing.land(Err(error)),
        };
        if integrity.is_none() && !self.options.allow_missing_integrity && matches!(place, Place::Remote(_)) {
            return landing.land(Err(FetchError::NoIntegrity { package: job.package_id() }));
        }
        match place {
            Place::Local(path) => landing.land(self.local(job, &path, integrity)),
            Place::Remote(_) if self.http.settings().mode == NetworkMode::Offline => {
                landing.land(Err(FetchError::Offline { missing: vec![job.package_id()] }));
            }
            Place::Remote(url) => self.download(landing, job.clone(), url, integrity),
        }
    }

    /// A folder, a commit, an archive of a git host: the store has it under the digest of its files.
    fn gather(&self, job: &FetchJob) -> Outcome<S::Index> {
        let mut span = self.options.timings.span(timings::Lane::Import, || job.package_id());
        let gathered = self.store.gather(&job.source);
        span.bytes(0);
        gathered.map(Arc::new).map_err(|source| FetchError::Gather { package: job.package_id(), source })
    }

    fn local(&self, job: &FetchJob, path: &str, integrity: Option<Integrity>) -> Outcome<S::Index> {
        let file = self.options.lockfile_dir.join(path);
        let tarball = std::fs::read(&file).map_err(|error| FetchError::Local {
            package: job.package_id(),
            path: file.display().to_string(),
            detail: error.to_string(),
        })?;
        let verified = self.verify(vec![(tarball, integrity)]).pop().expect("as many come out as go in");
        self.import(job, path, verified)
    }

    fn download(self: &Arc<Self>, landing: Landing<S>, job: FetchJob, url: reqwest::Url, integrity: Option<Integrity>) {
        self.tell_step(&job, Step::Asked);
        let inner = self.clone();
        self.http.spawn(async move {
            let shown = without_secrets(url.as_str());
            let incoming = Arc::new(OnceLock::new());
            let query = inner.query(&job, url, inner.started(&job, integrity.as_ref(), incoming.clone()));
            let mut span = inner.options.timings.span(timings::Lane::Download, || job.package_id());
            let answer = inner.http.get(&query).await;
            span.bytes(answer.as_ref().map_or(0, |response| response.body.len() as u64));
            drop(span);
            if answer.is_ok() {
                inner.tell_step(&job, Step::Served);
            }
            drop(query); // it holds what is incoming too
            let incoming = Arc::into_inner(incoming).and_then(OnceLock::into_inner);
            inner.queue(Arrived::new(job, shown, answer, integrity, landing).watched(incoming));
        });
    }

    /// Tells of each attempt. A large tarball is taken in when it comes for the first time, and left in `incoming`.
    fn started(
        self: &Arc<Self>,
        job: &FetchJob,
        integrity: Option<&Integrity>,
        incoming: Arc<OnceLock<Arc<Incoming<S>>>>,
    ) -> Started {
        let (inner, package_id) = (self.clone(), job.package_id());
        let is_common = integrity.is_some_and(|integrity| integrity.algorithm == Algorithm::Sha512);
        Box::new(move |attempt, size| {
            inner.http.report().event(Event::FetchStarted { package_id: package_id.clone(), attempt, size });
            let is_large = size.is_some_and(|size| size >= WATCHED_FROM);
            let is_watched = is_large && is_common && incoming.get().is_none();
            is_watched.then(|| inner.watch(incoming.get_or_init(|| Arc::new(Incoming::new(inner.streams.clone())))))
        })
    }

    /// Has the pool work on what has come of a tarball, where it has nothing better to do.
    fn watch(self: &Arc<Self>, incoming: &Arc<Incoming<S>>) -> Watch {
        let (inner, body, incoming) = (self.clone(), incoming.body().clone(), incoming.clone());
        let more = move || {
            if incoming.claim() {
                let (inner, incoming) = (inner.clone(), incoming.clone());
                let pool = inner.clone();
                pool.pool().spawn_fifo(move || {
                    incoming.advance(&*inner.store, || inner.arrived.is_empty() && incoming.is_slow())
                });
            }
        };
        Watch { body, more: Box::new(more) }
    }

    /// On the network's threads: leaves an answer to the pool.
    fn queue(self: &Arc<Self>, arrived: Arrived<S>) {
        self.arrived.push(arrived);
        let inner = self.clone();
        self.pool().spawn_fifo(move || inner.take_in());
    }

    /// On the pool: takes in the largest one, so that no thread is left with a long one when the others have nothing
    /// more to do. Unless it has been verified with others already, it is verified with what else waits.
    fn take_in(self: &Arc<Self>) {
        let Some(Next { mut group, large: _large }) = self.arrived.next() else { return };
        if self.land_watched(&mut group) {
            return;
        }
        self.verify_all(&mut group);
        let mut verified = group.into_iter();
        let largest = verified.next();
        for other in verified {
            self.queue(other);
        }
        let Some(Arrived { job, shown, content, landing, memory: _memory, .. }) = largest else { return };
        let outcome = match content {
            Content::Verified(verified) => self.take(&job, &shown, verified),
            Content::Failed(source) => Err(FetchError::Registry { package: job.package_id(), source }),
            Content::Body(_) => return, // it has just been verified
        };
        landing.land(outcome);
    }

    /// Lands one that was worked on while it came, unless that was of no use: then it is as any other.
    fn land_watched(&self, group: &mut Vec<Arrived<S>>) -> bool {
        let Some(first) = group.first_mut() else { return false };
        let Some(incoming) = first.begun() else { return false };
        let Arrived { job, content: Content::Body(body), integrity: Some(integrity), .. } = first else { return false };
        let mut span = self.options.timings.span(timings::Lane::Import, || job.package_id());
        span.bytes(body.len() as u64);
        let Some(index) = incoming.end(&*self.store, body, integrity) else { return false };
        drop(span);
        let Arrived { job, size, content, landing, memory, .. } = group.remove(0);
        self.tell(&job, size as u64);
        drop((content, memory));
        landing.land(Ok(Arc::new(index)));
        true
    }

    fn verify_all(&self, group: &mut [Arrived<S>]) {
        let bodies = group.iter_mut().filter_map(|arrived| {
            let Content::Body(body) = &mut arrived.content else { return None };
            let body = std::mem::take(body);
            let tarball = if arrived.is_packed { tarball_in(body, MAX_TARBALL) } else { body };
            Some((tarball, arrived.integrity.clone()))
        });
        let bodies: Vec<_> = bodies.collect();
        if bodies.is_empty() {
            return;
        }
        let mut verified = self.verify(bodies).into_iter();
        for arrived in group.iter_mut().filter(|arrived| matches!(arrived.content, Content::Body(_))) {
            arrived.content = Content::Verified(verified.next().expect("as many come out as go in"));
        }
    }

    fn query(&self, job: &FetchJob, url: reqwest::Url, started: Started) -> Query {
        Query {
            url,
            lane: Lane::Tarball(job.size_hint.unwrap_or(0)),
            accept: "*/*",
            encoding: "identity",
            headers: reqwest::header::HeaderMap::new(),
            cap: MAX_TARBALL,
            budget: Some(self.budget.clone()),
            started: Some(started),
        }
    }

    fn take(&self, job: &FetchJob, url: &str, verified: Verified<S>) -> Outcome<S::Index> {
        let bytes = verified.bytes;
        let index = self.import(job, url, verified)?;
        self.tell(job, bytes);
        Ok(index)
    }

    fn tell(&self, job: &FetchJob, bytes: u64) {
        let requester = self.options.requester.clone();
        self.http.report().event(Event::Fetched { package_id: job.package_id(), requester, bytes });
    }

    /// Verifies tarballs; one without integrity is taken as it comes.
    fn verify(&self, tarballs: Vec<(Vec<u8>, Option<Integrity>)>) -> Vec<Verified<S>> {
        let sizes: Vec<u64> = tarballs.iter().map(|(tarball, _)| tarball.len() as u64).collect();
        let promised = tarballs.into_iter().map(|(tarball, integrity)| {
            let own = |tarball: &[u8]| Integrity {
                algorithm: Algorithm::Sha512,
                digests: vec![Sha512::digest(tarball).to_vec().into()],
            };
            let integrity = integrity.unwrap_or_else(|| own(&tarball));
            (tarball, integrity)
        });
        let verified = self.store.verify(promised.collect());
        verified.into_iter().zip(sizes).map(|(tarball, bytes)| Verified { tarball, bytes }).collect()
    }

    fn import(&self, job: &FetchJob, from: &str, verified: Verified<S>) -> Outcome<S::Index> {
        let mut span = self.options.timings.span(timings::Lane::Import, || job.package_id());
        span.bytes(verified.bytes);
        let imported = verified.tarball.and_then(|tarball| self.store.import(tarball)).map(Arc::new);
        imported.map_err(|source| FetchError::Import { package: job.package_id(), url: from.to_owned(), source })
    }

    fn tell_step(&self, job: &FetchJob, step: Step) {
        if let Some(news) = &self.options.news {
            news.tell(job, step);
        }
    }

    fn warn(&self, message: String) {
        let prefix = self.options.requester.clone();
        self.http.report().event(Event::Message { level: LogLevel::Warn, prefix, message });
    }
}

/// The duty to land a flight: whoever loses it, by a panic or because the network's threads have gone, lands it with
/// an error, so that nobody waits for ever.
pub(super) struct Landing<S: PackageStore> {
    inner: Arc<Inner<S>>,
    key: Option<String>,
    package: String,
}

impl<S: PackageStore> Landing<S> {
    fn land(mut self, outcome: Outcome<S::Index>) {
        if let Some(key) = self.key.take() {
            self.inner.land(key, outcome);
        }
    }
}

impl<S: PackageStore> Drop for Landing<S> {
    fn drop(&mut self) {
        let Some(key) = self.key.take() else { return };
        let source = ImportFailure {
            code: "ERR_WASI_PM_INTERRUPTED",
            message: "the work on it ended before it was done".to_owned(),
        };
        let package = std::mem::take(&mut self.package);
        self.inner.land(key, Err(FetchError::Import { package, url: String::new(), source }));
    }
}
