//! Packuments that are to be looked for on disk. A few readers take one after the other, and not the whole pool: the
//! component keeps a processor busy, and a thread more than there are processors left would only take turns with it.
//! One of them is whoever waits for the answers, if it helps: no other thread has to be woken then, nor wake it.
//! What nobody asks for yet, but somebody will, is read when nothing else waits, and from the disk alone.

use std::{
    collections::VecDeque,
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Mutex, MutexGuard},
    thread,
};

use super::{
    load,
    oracle::{Inner, Key, lock, threads},
};
use crate::facts::Work;

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
    /// Whoever waits for the answers is one more reader.
    is_helped: bool,
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

impl State {
    fn next(&mut self, with: Work) -> Option<Next> {
        match (self.waiting.pop_front(), with) {
            (Some(key), _) => Some(Next::Asked(key)),
            (None, Work::Anything) => self.ahead.pop_front().map(Next::Ahead),
            (None, Work::Answers) => None,
        }
    }
}

impl Lookups {
    /// The next one for a reader; without one, or where it is one too many, it is none any more.
    fn next(&self, most: usize) -> Option<Next> {
        let mut state = lock(&self.0);
        let is_left = state.readers <= most.saturating_sub(usize::from(state.is_helped));
        let next = if is_left { state.next(Work::Anything) } else { None };
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

/// So many readers at most are at work beside the component.
fn most_readers() -> usize {
    threads() - 1
}

/// Has a packument looked for.
pub(super) fn look_up(inner: &Arc<Inner>, key: Key) {
    let mut state = lock(&inner.lookups.0);
    state.waiting.push_back(key);
    start_reader_if_wanted(inner, state);
}

fn start_reader_if_wanted(inner: &Arc<Inner>, mut state: MutexGuard<'_, State>) {
    if !state.waiting.is_empty() && state.readers + usize::from(state.is_helped) < most_readers() {
        state.readers += 1;
        drop(state);
        start_reader(inner);
    }
}

/// Looks for one on the thread that calls; `false`: there is none to be looked for.
pub(super) fn help(inner: &Arc<Inner>, with: Work) -> bool {
    let mut state = lock(&inner.lookups.0);
    state.is_helped = true;
    let next = state.next(with);
    drop(state);
    let Some(next) = next else { return false };
    // As on the pool: the panic itself has been told, and whoever waits is answered by the job's promise.
    drop(panic::catch_unwind(AssertUnwindSafe(|| next.look(inner))));
    true
}

/// Whoever has helped does something else: others look for what is left.
pub(super) fn stop_helping(inner: &Arc<Inner>) {
    let mut state = lock(&inner.lookups.0);
    state.is_helped = false;
    start_reader_if_wanted(inner, state);
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
        while let Some(next) = self.0.lookups.next(most_readers()) {
            next.look(self.0);
        }
    }
}

impl Next {
    fn look(self, inner: &Arc<Inner>) {
        match self {
            Self::Asked(key) => load::start(inner, key),
            Self::Ahead(key) => {
                if inner.claim(&key) {
                    inner.lookups.note(load::start_ahead(inner, key));
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
