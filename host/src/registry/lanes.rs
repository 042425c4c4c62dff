//! Who may use the network next. Three lanes share the connections: metadata, where somebody waits for each answer;
//! heads of packuments and tarballs, where only the end of all of them counts. Each may use all but a quarter of the
//! connections, so that none waits for another to be done; heads fewer while tarballs wait. Tarballs go longest first,
//! and may use them all for as long as nobody has asked for anything else: a far line is filled with small ones only by
//! many at once.

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
    /// The head of a packument.
    Head,
    /// A tarball, with its expected size in bytes.
    Tarball(u64),
}

/// The lanes.
#[derive(Debug)]
pub(super) struct Lanes {
    total: usize,
    each: usize,
    /// Heads while tarballs wait, so that these keep the line busy from the beginning to the end. Of 64 connections:
    /// half made a restore of 1,343 packages over 50 ms and 200 Mbit/s longer by a tenth, a quarter by a third, these
    /// by 2 %.
    heads: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    metadata: usize,
    heads: usize,
    tarballs: usize,
    waiting_metadata: VecDeque<oneshot::Sender<Permit>>,
    waiting_heads: VecDeque<oneshot::Sender<Permit>>,
    waiting_tarballs: BinaryHeap<Waiting>,
    counter: u64,
    /// Somebody has asked for metadata or a head.
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
    lane: Lane,
}

impl Lanes {
    pub(super) fn new(total: usize) -> Arc<Self> {
        let total = total.max(2);
        let (each, heads) = (total - (total / 4).max(1), (total * 3 / 8).max(1));
        Arc::new(Self { total, each, heads, state: Mutex::default() })
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
                Lane::Head => {
                    state.is_shared = true;
                    state.waiting_heads.push_back(wake);
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
        let permit = |lane| Permit { lanes: self.clone(), lane };
        let most_tarballs = if state.is_shared { self.each } else { self.total };
        while state.metadata + state.heads + state.tarballs < self.total {
            let most_heads = if state.waiting_tarballs.is_empty() { self.each } else { self.heads };
            if state.metadata < self.each
                && let Some(wake) = state.waiting_metadata.pop_front()
            {
                state.metadata += 1;
                granted.push((wake, permit(Lane::Metadata)));
            } else if state.heads < most_heads
                && (state.waiting_tarballs.is_empty() || state.metadata + state.heads < self.each)
                && let Some(wake) = state.waiting_heads.pop_front()
            {
                state.heads += 1;
                granted.push((wake, permit(Lane::Head)));
            } else if state.tarballs < most_tarballs
                && let Some(waiting) = state.waiting_tarballs.pop()
            {
                state.tarballs += 1;
                granted.push((waiting.wake, permit(Lane::Tarball(waiting.size))));
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
        match self.lane {
            Lane::Metadata => state.metadata -= 1,
            Lane::Head => state.heads -= 1,
            Lane::Tarball(_) => state.tarballs -= 1,
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
    async fn metadata_and_heads_together_leave_room_for_tarballs() {
        let lanes = Lanes::new(16);
        let (mut metadata, mut heads) = (Vec::new(), Vec::new());
        for _ in 0..12 {
            metadata.push(lanes.acquire(Lane::Metadata).await);
        }
        for _ in 0..4 {
            heads.push(lanes.acquire(Lane::Head).await);
        }
        let wait = |lane| {
            let lanes = lanes.clone();
            tokio::spawn(async move { lanes.acquire(lane).await })
        };
        let (head, tarball) = (wait(Lane::Head), wait(Lane::Tarball(1)));
        tokio::task::yield_now().await;
        heads.pop();
        let tarball = tarball.await.expect("the first that is free is for it");
        assert!(!head.is_finished());
        drop((metadata, tarball));
        head.await.expect("it is granted once others are done");
    }

    #[tokio::test]
    async fn heads_leave_room_for_tarballs_that_wait_and_take_what_they_leave() {
        let lanes = Lanes::new(16);
        let granted = Arc::new(Mutex::new(Vec::new()));
        let ask = |lane| {
            let (lanes, granted) = (lanes.clone(), granted.clone());
            tokio::spawn(async move {
                let permit = lanes.acquire(lane).await;
                granted.lock().expect("no panic").push((lane, permit));
            })
        };
        let count = |lane: Lane| granted.lock().expect("no panic").iter().filter(|(held, _)| *held == lane).count();
        let tarball = Lane::Tarball(0);
        drop(lanes.acquire(Lane::Metadata).await);
        let tasks: Vec<_> = [tarball; 20].into_iter().chain([Lane::Head; 20]).map(ask).collect();
        let settle = async || {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        };
        let end_one = |lane| {
            let ended = granted.lock().expect("no panic").iter().position(|(held, _)| *held == lane);
            drop(granted.lock().expect("no panic").remove(ended.expect("there is one")));
        };
        settle().await;
        assert_eq!((count(tarball), count(Lane::Head)), (12, 4));
        for expected in [(11, 5), (10, 6), (10, 6)] {
            end_one(tarball);
            settle().await;
            assert_eq!((count(tarball), count(Lane::Head)), expected);
        }
        for _ in 0..13 {
            end_one(tarball);
            settle().await;
        }
        assert_eq!((count(tarball), count(Lane::Head)), (4, 12), "no tarball waits any more");
        while tasks.iter().any(|task| !task.is_finished()) {
            end_one(Lane::Head);
            settle().await;
        }
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
