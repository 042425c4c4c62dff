//! Packuments that are to be looked for on disk. A few readers take one after the other, and not the whole pool: the
//! component keeps a processor busy, and a thread more than there are processors left would only take turns with it.
//! What nobody asks for yet, but somebody will, is read when nothing else waits, and from the disk alone.

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
    /// Those that will probably be asked for.
    ahead: VecDeque<Key>,
    /// How many of these, one after the other, were not to be had.
    missed: usize,
    readers: usize,
}

/// Where so many are not there, the others will not be either.
const IN_VAIN: usize = 8;

/// What a reader does next.
enum Next {
    /// Somebody waits for it.
    Asked(Key),
    /// Somebody will probably ask for it.
    Ahead(Key),
}

impl Lookups {
    /// The next one; without one the reader is none any more.
    fn next(&self) -> Option<Next> {
        let mut state = lock(&self.0);
        let next = match state.waiting.pop_front() {
            Some(key) => Some(Next::Asked(key)),
            None => state.ahead.pop_front().map(Next::Ahead),
        };
        if next.is_none() {
            state.readers -= 1;
        }
        next
    }

    /// Notes whether one that was read ahead was there.
    fn note(&self, is_there: bool) {
        let mut state = lock(&self.0);
        state.missed = if is_there { 0 } else { state.missed + 1 };
        if state.missed >= IN_VAIN {
            state.ahead.clear();
        }
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

/// Reads what will probably be asked for, as far as it is fresh on disk. On the pool `keys` says what that is.
pub(super) fn read_ahead(inner: &Arc<Inner>, keys: impl FnOnce() -> Vec<Key> + Send + 'static) {
    lock(&inner.lookups.0).readers += 1;
    let inner = inner.clone();
    let pool = inner.clone();
    pool.pool().spawn(move || {
        let reader = Reader(&inner);
        lock(&inner.lookups.0).ahead.extend(keys());
        reader.work();
    });
}

fn start_reader(inner: &Arc<Inner>) {
    let inner = inner.clone();
    let pool = inner.clone();
    pool.pool().spawn(move || Reader(&inner).work());
}

/// A reader at work: if it panics, another one goes on with what waits.
struct Reader<'a>(&'a Arc<Inner>);

impl Reader<'_> {
    fn work(&self) {
        while let Some(next) = self.0.lookups.next() {
            match next {
                Next::Asked(key) => load::start(self.0, key),
                Next::Ahead(key) => {
                    if self.0.claim(&key) {
                        self.0.lookups.note(load::start_ahead(self.0, key));
                    }
                }
            }
        }
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            start_reader(self.0);
        }
    }
}

#[cfg(test)]
mod tests;
