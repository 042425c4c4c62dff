//! Memory that bodies take while they come and wait for the CPU. A body whose length is known takes all of it before it
//! is read; one of unknown length takes more as it grows.
//!
//! Why it ends: nobody waits for more of the budget while it holds some. A body of unknown length that finds the budget
//! used up waits for the one turn to go beyond it. Whoever has the turn waits for nothing but its own bytes, which come
//! or stall, and the CPU, which waits for no network; with its end the turn goes on to the next. And whoever waits for
//! the budget before it is read holds nothing, and waits for those only.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// All bodies together, KiB.
const ALL: u32 = 96 * 1024;
/// What a body of unknown length takes at a time, KiB.
const PIECE: u32 = 1024;

/// What all bodies may take.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    kib: u32,
    free: Arc<Semaphore>,
    /// One at a time may be larger than the budget has room for.
    beyond: Arc<Semaphore>,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(ALL)
    }
}

/// What one body counts for, until it is dropped.
#[derive(Debug)]
pub(crate) struct Memory {
    budget: Budget,
    held: OwnedSemaphorePermit,
    /// It may grow without taking more: its length is known, or it has the turn.
    is_covered: bool,
    turn: Option<OwnedSemaphorePermit>,
}

impl Budget {
    fn new(kib: u32) -> Self {
        Self { kib, free: Arc::new(Semaphore::new(kib as usize)), beyond: Arc::new(Semaphore::new(1)) }
    }

    /// Waits until there is room for a body of this length; for the beginning of one of unknown length.
    pub(super) async fn reserve(&self, length: Option<u64>) -> Memory {
        let kib = length.map_or(PIECE, |length| u32::try_from(length / 1024 + 1).unwrap_or(u32::MAX));
        let held = self.free.clone().acquire_many_owned(kib.min(self.kib)).await;
        let held = held.expect("the budget is never closed");
        Memory { budget: self.clone(), held, is_covered: length.is_some(), turn: None }
    }
}

impl Memory {
    /// What it has taken, KiB.
    #[cfg(test)]
    pub(super) fn kib(&self) -> usize {
        self.held.num_permits()
    }

    /// Takes more, if need be, before the body has so many bytes; whether that had to be waited for.
    pub(super) async fn cover(&mut self, length: usize) -> bool {
        while !self.is_covered && self.held.num_permits() * 1024 < length {
            match self.budget.free.clone().try_acquire_many_owned(PIECE) {
                Ok(more) => self.held.merge(more),
                Err(_) => {
                    let turn = self.budget.beyond.clone().acquire_owned().await;
                    self.turn = Some(turn.expect("the turn is never closed"));
                    self.is_covered = true;
                    return true;
                }
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, task::Poll};

    use super::*;

    const MIB: usize = 1 << 20;

    /// Whether it waits for something.
    async fn waits(future: impl Future<Output = bool>) -> bool {
        let mut future = pin!(future);
        std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
    }

    #[tokio::test]
    async fn a_body_of_unknown_length_takes_more_as_it_grows() {
        let budget = Budget::new(4 * PIECE);
        let mut one = budget.reserve(None).await;
        assert!(!one.cover(3 * MIB).await);
        assert_eq!(budget.free.available_permits(), PIECE as usize);
        drop(one);
        assert_eq!(budget.free.available_permits(), 4 * PIECE as usize);
    }

    #[tokio::test]
    async fn one_at_a_time_goes_beyond_the_budget_and_all_end() {
        let budget = Budget::new(2 * PIECE);
        let (mut one, mut two) = (budget.reserve(None).await, budget.reserve(None).await);
        assert!(!one.cover(MIB).await && !two.cover(MIB).await);
        one.cover(1000 * MIB).await;
        assert!(waits(two.cover(MIB + 1)).await, "two bodies without measure");
        assert!(!waits(one.cover(2000 * MIB)).await);
        drop(one);
        assert!(!waits(two.cover(MIB + 1)).await);
    }

    #[tokio::test]
    async fn a_body_of_known_length_takes_all_at_once() {
        let budget = Budget::new(4 * PIECE);
        let mut one = budget.reserve(Some(1 << 40)).await;
        assert_eq!(budget.free.available_permits(), 0);
        assert!(!one.cover(usize::MAX).await);
    }
}
