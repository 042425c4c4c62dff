//! From the network into the store: the network's threads leave what has come to the CPU pool, which verifies and
//! imports it, the largest first.

use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha512};
use wit::{Integrity, names::Algorithm};

use super::{
    FetchError, FetchJob, MAX_TARBALL, PackageStore, Step,
    arrivals::{Arrived, Content, Next, Verified},
    fetcher::Inner,
    flights::{Landing, Outcome},
    incoming::{Incoming, WATCHED_FROM},
};
use crate::{
    registry::{Lane, Query, Started, Watch, tarball_in, without_secrets},
    report::event::Event,
    timings,
};

impl<S: PackageStore> Inner<S> {
    pub(super) fn download(
        self: &Arc<Self>,
        landing: Landing<S::Index>,
        job: FetchJob,
        url: reqwest::Url,
        integrity: Option<Integrity>,
    ) {
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
            let tarball = if arrived.is_packed { tarball_in(body, MAX_TARBALL as usize) } else { body };
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
            cap: MAX_TARBALL as usize,
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
    pub(super) fn verify(&self, tarballs: Vec<(Vec<u8>, Option<Integrity>)>) -> Vec<Verified<S>> {
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

    pub(super) fn import(&self, job: &FetchJob, from: &str, verified: Verified<S>) -> Outcome<S::Index> {
        let mut span = self.options.timings.span(timings::Lane::Import, || job.package_id());
        span.bytes(verified.bytes);
        let imported = verified.tarball.and_then(|tarball| self.store.import(tarball)).map(Arc::new);
        imported.map_err(|source| FetchError::Import { package: job.package_id(), url: from.to_owned(), source })
    }
}
