//! Has packages: finds them in the store, gathers them on this machine, or sends for them.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use rayon::prelude::*;
use tokio::sync::Semaphore;
use wit::Integrity;

use super::{
    FetchError, FetchJob, MAX_TARBALL, News, PackageStore, Step,
    arrivals::Arrivals,
    flights::{Flights, Landing, Outcome},
    job::Place,
};
use crate::{
    limited::{self, Links},
    registry::{Budget, Http, NetworkMode},
    report::event::{Event, LogLevel},
    timings::{self, Timings},
};

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

/// What a fetcher is.
pub(super) struct Inner<S: PackageStore> {
    pub(super) http: Arc<Http>,
    pub(super) store: Arc<S>,
    pub(super) options: FetchOptions,
    flights: Arc<Flights<S::Index>>,
    pub(super) budget: Budget,
    pool: OnceLock<rayon::ThreadPool>,
    pub(super) arrived: Arrivals<S>,
    pub(super) streams: Arc<Semaphore>,
}

impl<S: PackageStore> Fetcher<S> {
    /// A fetcher that has started nothing yet.
    #[must_use]
    pub fn new(http: Arc<Http>, store: Arc<S>, options: FetchOptions) -> Self {
        Self(Arc::new(Inner {
            http,
            store,
            options,
            flights: Arc::default(),
            budget: Budget::default(),
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
                    if inner.flights.take_off(&key)
                        && let Some(index) = inner.have(key, &job)
                    {
                        found(&job, &index);
                    }
                }
            });
        });
    }

    /// Where packages are kept.
    #[must_use]
    pub fn store(&self) -> &S {
        &self.0.store
    }

    /// Looks for this package again the next time it is wanted: what the store had of it is gone.
    pub fn forget(&self, job: &FetchJob) {
        self.0.flights.forget(&job.key());
        if let Ok(Some(integrity)) = job.integrity() {
            self.0.store.forget(&integrity);
        }
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
        let mine: Vec<(&String, &FetchJob)> =
            keys.iter().zip(jobs).filter(|(key, _)| self.0.flights.take_off(key)).collect();
        let inner = &self.0;
        let have = |(key, job): &(&String, &FetchJob)| drop(inner.have((*key).clone(), job));
        // The pool may be busy with what was started before, and the last to be asked for must not come last of all.
        if mine.len() <= FEW && mine.iter().all(|(_, job)| matches!(job.source, crate::graph::Source::Registry { .. }))
        {
            mine.iter().for_each(have);
        } else {
            inner.pool().install(|| mine.par_iter().with_min_len(8).for_each(have));
        }
        let mut outcomes = inner.flights.wait(&keys, landed);
        let is_missing = |(job, outcome): (&FetchJob, &Outcome<S::Index>)| !job.optional && outcome.is_err();
        if jobs.iter().zip(&outcomes).any(is_missing) {
            share_missing(&mut outcomes);
        } else {
            // What is wanted is there, so these are really left out.
            let left_out = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
            left_out.for_each(|error| inner.warn(format!("optional package left out: {error}")));
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
    pub(super) fn pool(&self) -> &rayon::ThreadPool {
        self.pool.get_or_init(|| {
            rayon::ThreadPoolBuilder::new()
                .thread_name(|at| format!("import-{at}"))
                // The panic itself has been told; `Landing` sees to it that nobody waits for the lost job.
                .panic_handler(drop)
                .build()
                .expect("the system grants a thread per processor")
        })
    }

    /// On the pool: finds it in the store, or sends for it. What was found.
    fn have(self: &Arc<Self>, key: String, job: &FetchJob) -> Option<Arc<S::Index>> {
        let landing = Landing::new(&self.flights, key, job.package_id());
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

    fn send_for(self: &Arc<Self>, landing: Landing<S::Index>, job: &FetchJob, integrity: Option<Integrity>) {
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
        let tarball = limited::read(&file, MAX_TARBALL, Links::Followed).map_err(|error| FetchError::Local {
            package: job.package_id(),
            path: file.display().to_string(),
            detail: error.to_string(),
        })?;
        let verified = self.verify(vec![(tarball, integrity)]).pop().expect("as many come out as go in");
        self.import(job, path, verified)
    }

    pub(super) fn tell_step(&self, job: &FetchJob, step: Step) {
        if let Some(news) = &self.options.news {
            news.tell(job, step);
        }
    }

    fn warn(&self, message: String) {
        let prefix = self.options.requester.clone();
        self.http.report().event(Event::Message { level: LogLevel::Warn, prefix, message });
    }
}
