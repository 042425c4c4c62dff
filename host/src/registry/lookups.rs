//! Packuments that are to be looked for on disk. A few readers take one after the other, and not the whole pool: the
//! component keeps a processor busy, and a thread more than there are processors left would only take turns with it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    thread,
};

use super::{
    load,
    oracle::{Inner, Key, lock},
};

/// Those that wait, and how many readers are at work.
#[derive(Default)]
pub(super) struct Lookups(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: VecDeque<Key>,
    readers: usize,
}

impl Lookups {
    /// The next one; without one the reader is none any more.
    fn next(&self) -> Option<Key> {
        let mut state = lock(&self.0);
        let next = state.waiting.pop_front();
        if next.is_none() {
            state.readers -= 1;
        }
        next
    }
}

/// Has a packument looked for on the pool.
pub(super) fn look_up(inner: &Arc<Inner>, key: Key) {
    let most = inner.pool().current_num_threads() - 1; // it has two at least
    let mut state = lock(&inner.lookups.0);
    state.waiting.push_back(key);
    if state.readers < most {
        state.readers += 1;
        drop(state);
        start_reader(inner);
    }
}

fn start_reader(inner: &Arc<Inner>) {
    let inner = inner.clone();
    let pool = inner.clone();
    pool.pool().spawn(move || {
        let reader = Reader(&inner);
        while let Some(key) = reader.0.lookups.next() {
            load::start(reader.0, key);
        }
    });
}

/// A reader at work: if it panics, another one goes on with what waits.
struct Reader<'a>(&'a Arc<Inner>);

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            start_reader(self.0);
        }
    }
}

#[cfg(test)]
mod tests;
