//! A large tarball that is taken in while it comes. Nobody waits here: each time some of it has come, the pool does
//! what can be done, if nothing whole waits and the body takes its time. So from a fast registry, where the CPU is what
//! is lacking, tarballs are imported whole, which takes less of it, and from a slow one most of the work is done when
//! the last byte comes.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wit::Integrity;

use super::PackageStore;
use crate::registry::{End, Growing};

/// Tarballs that are announced to be shorter are not worth it, bytes.
pub(super) const WATCHED_FROM: u64 = 768 << 10;
/// A body that has been coming for so long comes slowly. Bit by bit takes half as much of the CPU again as the whole.
const SLOW: Duration = Duration::from_millis(100);
/// What is taken in at a time, bytes.
const PIECE: usize = 128 << 10;
/// If less than this part was taken in while it came, the whole is imported: inflating bit by bit takes twice as long.
const WORTH: usize = 4;

/// A tarball on its way; it exists only where it may be of use.
pub(super) struct Incoming<S: PackageStore> {
    body: Arc<Growing>,
    is_queued: AtomicBool,
    is_begun: AtomicBool,
    progress: Mutex<Progress<S>>,
}

enum Progress<S: PackageStore> {
    /// Nothing has been done yet; streams are counted.
    Idle(Arc<Semaphore>),
    Under(Under<S>),
    /// The whole is to be imported.
    Over,
}

struct Under<S: PackageStore> {
    stream: S::Stream,
    taken: usize,
    piece: Vec<u8>,
    _counted: OwnedSemaphorePermit,
}

impl<S: PackageStore> Incoming<S> {
    /// One of which nothing has come; it is taken in bit by bit if there is room for one more.
    pub(super) fn new(room: Arc<Semaphore>) -> Self {
        let progress = Mutex::new(Progress::Idle(room));
        Self { body: Arc::default(), is_queued: AtomicBool::default(), is_begun: AtomicBool::default(), progress }
    }

    /// What has come of it.
    pub(super) fn body(&self) -> &Arc<Growing> {
        &self.body
    }

    /// All of it has come here, and some of it has been taken in.
    pub(super) fn is_of_use(&self) -> bool {
        self.is_begun.load(Ordering::Acquire) && self.body.end() == Some(End::Whole)
    }

    /// It comes slowly, so that there is time to take it in meanwhile.
    pub(super) fn is_slow(&self) -> bool {
        self.body.age() >= SLOW
    }

    /// Whoever asks is to have it taken in: there is more, and nobody has been sent for it yet.
    pub(super) fn claim(&self) -> bool {
        !self.is_queued.swap(true, Ordering::AcqRel)
    }

    /// Takes in what has come, as long as there is time; of what broke off, lets go at once.
    pub(super) fn advance(&self, store: &S, has_time: impl Fn() -> bool) {
        self.is_queued.store(false, Ordering::Release);
        let mut progress = self.lock();
        match self.body.end() {
            None => {
                while has_time() && progress.step(store, &self.body) {
                    self.is_begun.store(true, Ordering::Release); // all may have come before this ends
                }
            }
            Some(End::Whole) => {} // the rest is for `end`
            Some(End::Broken) => *progress = Progress::Over,
        }
        if matches!(*progress, Progress::Over) {
            self.is_begun.store(false, Ordering::Release);
        }
    }

    /// Takes in the rest, and publishes the package. `None`: the whole is to be imported.
    pub(super) fn end(&self, store: &S, body: &[u8], integrity: &Integrity) -> Option<S::Index> {
        let progress = std::mem::replace(&mut *self.lock(), Progress::Over);
        let Progress::Under(Under { mut stream, taken, .. }) = progress else { return None };
        if taken < body.len() / WORTH {
            return None;
        }
        store.feed(&mut stream, body.get(taken..)?)?;
        store.finish(stream, integrity)
    }

    fn lock(&self) -> MutexGuard<'_, Progress<S>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: PackageStore> Progress<S> {
    /// Takes in one piece; false if there is nothing to do.
    fn step(&mut self, store: &S, body: &Growing) -> bool {
        if let Self::Idle(room) = self {
            let Ok(counted) = room.clone().try_acquire_owned() else { return false };
            *self = match store.stream() {
                Some(stream) => {
                    Self::Under(Under { stream, taken: 0, piece: Vec::with_capacity(PIECE), _counted: counted })
                }
                None => Self::Over,
            };
        }
        let Self::Under(under) = self else { return false };
        if !body.copy(under.taken, &mut under.piece) {
            return false;
        }
        under.taken += under.piece.len();
        let is_fed = store.feed(&mut under.stream, &under.piece).is_some();
        if !is_fed {
            *self = Self::Over;
        }
        is_fed
    }
}

#[cfg(test)]
mod tests;
