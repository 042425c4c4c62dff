//! Who may use the network next. Two lanes share the connections: metadata, where somebody waits for each answer, and
//! tarballs, where only the end counts. Either may use all but a quarter of the connections, so that neither waits for
//! the other to be done; tarballs go longest first. As long as nobody has asked for metadata, tarballs may use them all: a
//! far line is filled with small ones only by many at once.

use std::{
    collections::{BinaryHeap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// A packument.
    Metadata,
    /// A tarball, with its expected size in bytes.
    Tarball(u64),
}

/// The two lanes.
#[derive(Debug)]
pub(super) struct Lanes {
    total: usize,
    each: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    metadata: usize,
    tarballs: usize,
    waiting_metadata: VecDeque<oneshot::Sender<Permit>>,
    waiting_tarballs: BinaryHeap<Waiting>,
    counter: u64,
    /// Somebody has asked for metadata.
    is_shared: bool,
}

#[derive(Debug)]
struct Waiting {
    size: u64,
    order: u64,
    wake: oneshot::Sender<Permit>,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Waiting {}
impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.size.cmp(&other.size).then(other.order.cmp(&self.order))
    }
}

/// A connection one may use until this is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    lanes: Arc<Lanes>,
    tarball: bool,
}

impl Lanes {
    pub(super) fn new(total: usize) -> Arc<Self> {
        let total = total.max(2);
        Arc::new(Self { total, each: total - (total / 4).max(1), state: Mutex::default() })
    }

    /// Waits for a connection.
    pub(super) async fn acquire(self: &Arc<Self>, lane: Lane) -> Permit {
        let waiter = {
            let mut state = self.lock();
            let (wake, waiter) = oneshot::channel();
            match lane {
                Lane::Metadata => {
                    state.is_shared = true;
                    state.waiting_metadata.push_back(wake);
                }
                Lane::Tarball(size) => {
                    state.counter += 1;
                    let order = state.counter;
                    state.waiting_tarballs.push(Waiting { size, order, wake });
                }
            }
            self.grant(state);
            waiter
        };
        waiter.await.expect("whoever waits is granted a permit before the lanes go away, because it holds them")
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands out what is free, metadata first. A waiter that has gone gives its permit back at once by dropping it,
    /// which must happen outside the lock.
    fn grant(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let mut granted = Vec::new();
        let tarballs = if state.is_shared { self.each } else { self.total };
        while state.metadata + state.tarballs < self.total {
            if state.metadata < self.each
                && let Some(wake) = state.waiting_metadata.pop_front()
            {
                state.metadata += 1;
                granted.push((wake, Permit { lanes: self.clone(), tarball: false }));
            } else if state.tarballs < tarballs
                && let Some(waiting) = state.waiting_tarballs.pop()
            {
                state.tarballs += 1;
                granted.push((waiting.wake, Permit { lanes: self.clone(), tarball: true }));
            } else {
                break;
            }
        }
        drop(state);
        for (wake, permit) in granted {
            drop(wake.send(permit));
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.lanes.lock();
        if self.tarball {
            state.tarballs -= 1;
        } else {
            state.metadata -= 1;
        }
        self.lanes.grant(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn metadata_does_not_wait_for_a_queue_of_tarballs() {
        let lanes = Lanes::new(4);
        drop(lanes.acquire(Lane::Metadata).await);
        let held = [lanes.acquire(Lane::Tarball(1)).await, lanes.acquire(Lane::Tarball(1)).await];
        let third = lanes.acquire(Lane::Tarball(1)).await;
        let fourth = tokio::spawn({
            let lanes = lanes.clone();
            async move { lanes.acquire(Lane::Tarball(1)).await }
        });
        tokio::task::yield_now().await;
        let metadata = lanes.acquire(Lane::Metadata).await;
        assert!(!fourth.is_finished());
        drop((held, third, metadata));
        fourth.await.expect("it is granted once others are done");
    }

    #[tokio::test]
    async fn tarballs_have_all_connections_until_metadata_is_asked_for() {
        let lanes = Lanes::new(4);
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(lanes.acquire(Lane::Tarball(1)).await);
        }
        let metadata = tokio::spawn({
            let lanes = lanes.clone();
            async move { lanes.acquire(Lane::Metadata).await }
        });
        let fifth = tokio::spawn({
            let lanes = lanes.clone();
            async move { lanes.acquire(Lane::Tarball(1)).await }
        });
        tokio::task::yield_now().await;
        held.pop();
        let metadata = metadata.await.expect("the first that is free is for it");
        held.pop();
        assert!(!fifth.is_finished(), "tarballs have no more than three now");
        drop((held, metadata));
        fifth.await.expect("it is granted once others are done");
    }

    #[tokio::test]
    async fn the_largest_tarball_goes_first() {
        let lanes = Lanes::new(2);
        drop(lanes.acquire(Lane::Metadata).await);
        let held = lanes.acquire(Lane::Tarball(0)).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for size in [5, 50, 20] {
            let (lanes, order) = (lanes.clone(), order.clone());
            tasks.push(tokio::spawn(async move {
                let _permit = lanes.acquire(Lane::Tarball(size)).await;
                order.lock().expect("no panic").push(size);
            }));
        }
        tokio::task::yield_now().await;
        drop(held);
        for task in tasks {
            task.await.expect("no panic");
        }
        assert_eq!(*order.lock().expect("no panic"), [50, 20, 5]);
    }
}
