//! Answers of the network that wait for the CPU: which one is next, and which are verified together.

use std::{
    cmp::Ordering,
    collections::BinaryHeap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use wit::Integrity;

use super::{FetchJob, ImportFailure, PackageStore, flights::Landing, incoming::Incoming};
use crate::registry::{Memory, RegistryError, Response};

/// So many bodies at most are verified together.
const GROUP: usize = 64;
/// And so many times the size of the largest one is wanted of them: as many go side by side.
const SIDE_BY_SIDE: usize = 8;
/// A tarball of so many bytes is large: it takes much memory to unpack, so one at a time does where others wait.
const LARGE: usize = 1 << 20;

/// All that wait.
pub(super) struct Arrivals<S: PackageStore>(Mutex<Waiting<S>>);

struct Waiting<S: PackageStore> {
    large: BinaryHeap<Arrived<S>>,
    small: BinaryHeap<Arrived<S>>,
    /// Somebody is at a large one.
    is_busy: bool,
}

/// What to do next: take the first one in.
pub(super) struct Next<'a, S: PackageStore> {
    /// Those that are to be verified together, unless the first one is verified already.
    pub(super) group: Vec<Arrived<S>>,
    /// To be kept until the first one is taken in.
    pub(super) large: Option<Large<'a, S>>,
}

/// Somebody is at a large one until this is dropped.
pub(super) struct Large<'a, S: PackageStore>(&'a Arrivals<S>);

impl<S: PackageStore> Drop for Large<'_, S> {
    fn drop(&mut self) {
        self.0.lock().is_busy = false;
    }
}

impl<S: PackageStore> Default for Arrivals<S> {
    fn default() -> Self {
        Self(Mutex::new(Waiting { large: BinaryHeap::new(), small: BinaryHeap::new(), is_busy: false }))
    }
}

impl<S: PackageStore> Arrivals<S> {
    fn lock(&self) -> MutexGuard<'_, Waiting<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more waits.
    pub(super) fn push(&self, arrived: Arrived<S>) {
        self.lock().push(arrived);
    }

    /// Nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        let waiting = self.lock();
        waiting.large.is_empty() && waiting.small.is_empty()
    }

    /// The largest one, but a small one while somebody is at a large one; others that are to be verified with it are at
    /// most half of all, so that other threads do not lack work meanwhile.
    pub(super) fn next(&self) -> Option<Next<'_, S>> {
        let mut waiting = self.lock();
        let first = waiting.pop()?;
        let is_first_large = first.size >= LARGE && !waiting.is_busy;
        let mut group = vec![first];
        waiting.join(&mut group);
        waiting.is_busy |= is_first_large;
        drop(waiting);
        Some(Next { group, large: is_first_large.then(|| Large(self)) })
    }
}

impl<S: PackageStore> Waiting<S> {
    fn push(&mut self, arrived: Arrived<S>) {
        if arrived.size < LARGE { self.small.push(arrived) } else { self.large.push(arrived) }
    }

    fn pop(&mut self) -> Option<Arrived<S>> {
        let (first, second) =
            if self.is_busy { (&mut self.small, &mut self.large) } else { (&mut self.large, &mut self.small) };
        first.pop().or_else(|| second.pop())
    }

    /// Adds others that wait to be verified.
    fn join(&mut self, group: &mut Vec<Arrived<S>>) {
        if !group[0].is_plain() {
            return;
        }
        let wanted = group[0].size * SIDE_BY_SIDE;
        let mut most = ((self.large.len() + self.small.len()) / 2).min(GROUP);
        let (mut bytes, mut others) = (0, Vec::new());
        while bytes < wanted
            && most > 0
            && let Some(next) = self.pop()
        {
            most -= 1;
            if next.is_plain() {
                bytes += next.size;
                group.push(next);
            } else {
                others.push(next);
            }
        }
        others.into_iter().for_each(|other| self.push(other));
    }
}

/// An answer that waits for the pool; larger ones are greater.
pub(super) struct Arrived<S: PackageStore> {
    pub(super) job: FetchJob,
    pub(super) shown: String,
    pub(super) size: usize,
    pub(super) content: Content<S>,
    /// The body may be compressed once more than the tarball is.
    pub(super) is_packed: bool,
    /// What has been done of it while it came. It goes to the pool with it, whether it is of use or not: to drop it may
    /// remove files, which the network must not wait for.
    pub(super) incoming: Option<Arc<Incoming<S>>>,
    pub(super) integrity: Option<Integrity>,
    pub(super) landing: Landing<S::Index>,
    pub(super) memory: Option<Memory>,
}

pub(super) enum Content<S: PackageStore> {
    Failed(RegistryError),
    Body(Vec<u8>),
    Verified(Verified<S>),
}

/// A tarball that was verified, or why it is not what was promised.
pub(super) struct Verified<S: PackageStore> {
    pub(super) tarball: Result<S::Verified, ImportFailure>,
    /// Its size, packed.
    pub(super) bytes: u64,
}

impl<S: PackageStore> Arrived<S> {
    pub(super) fn new(
        job: FetchJob,
        shown: String,
        answer: Result<Response, RegistryError>,
        integrity: Option<Integrity>,
        landing: Landing<S::Index>,
    ) -> Self {
        let is_packed = answer.as_ref().is_ok_and(Response::is_packed);
        let is_page = |body: &[u8]| body.trim_ascii_start().first() == Some(&b'<');
        let (size, content, memory) = match answer {
            Ok(Response { body, .. }) if is_page(&body) => {
                let detail = "the answer is a web page, not a tarball".to_owned();
                (0, Content::Failed(RegistryError::Invalid { url: shown.clone(), detail, html: true }), None)
            }
            Ok(Response { body, memory, .. }) => (body.len(), Content::Body(body), memory),
            Err(error) => (0, Content::Failed(error), None),
        };
        Self { job, shown, size, content, is_packed, incoming: None, integrity, landing, memory }
    }

    /// With what has been done of it while it came.
    pub(super) fn watched(self, incoming: Option<Arc<Incoming<S>>>) -> Self {
        Self { incoming, ..self }
    }

    /// What was done of it while it came, if that is of use; only once.
    pub(super) fn begun(&mut self) -> Option<Arc<Incoming<S>>> {
        self.incoming.take().filter(|incoming| incoming.is_of_use())
    }

    /// It is to be verified, and nobody has begun to while it came.
    fn is_plain(&self) -> bool {
        let is_begun = || self.incoming.as_ref().is_some_and(|incoming| incoming.is_of_use());
        matches!(self.content, Content::Body(_)) && !is_begun()
    }
}

impl<S: PackageStore> PartialEq for Arrived<S> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl<S: PackageStore> Eq for Arrived<S> {}
impl<S: PackageStore> PartialOrd for Arrived<S> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<S: PackageStore> Ord for Arrived<S> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.size.cmp(&other.size)
    }
}
