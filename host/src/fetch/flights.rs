//! The flights: which packages are being had, which are there, and who waits for them.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use super::{FetchError, ImportFailure};

/// How a flight ends.
pub(super) type Outcome<I> = Result<Arc<I>, FetchError>;

/// All flights of a command, by the key of what is had.
pub(super) struct Flights<I> {
    state: Mutex<State<I>>,
    landed: Condvar,
}

struct State<I> {
    by_key: HashMap<String, Flight<I>>,
    /// The keys of those that landed, in the order in which they did.
    log: Vec<String>,
}

enum Flight<I> {
    Under,
    Landed(Outcome<I>),
}

impl<I> Default for Flights<I> {
    fn default() -> Self {
        Self { state: Mutex::new(State { by_key: HashMap::new(), log: Vec::new() }), landed: Condvar::new() }
    }
}

impl<I> Flights<I> {
    fn state(&self) -> MutexGuard<'_, State<I>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if this flight is new: the caller must see to it that it lands.
    pub(super) fn take_off(&self, key: &str) -> bool {
        let mut state = self.state();
        if state.by_key.contains_key(key) {
            return false;
        }
        state.by_key.insert(key.to_owned(), Flight::Under);
        true
    }

    /// Knows nothing of this flight any more.
    pub(super) fn forget(&self, key: &str) {
        self.state().by_key.remove(key);
    }

    fn land(&self, key: String, outcome: Outcome<I>) {
        let mut state = self.state();
        state.log.push(key.clone());
        state.by_key.insert(key, Flight::Landed(outcome));
        drop(state);
        self.landed.notify_all();
    }

    /// Waits until all of these have landed: how, in the order of the keys. As long as one is under way, `landed` is
    /// told of packages that are there, by the number of the key.
    pub(super) fn wait(&self, keys: &[String], mut landed: impl FnMut(usize, &Arc<I>)) -> Vec<Outcome<I>> {
        let mut open: HashMap<&str, Vec<usize>> = HashMap::with_capacity(keys.len());
        for (at, key) in keys.iter().enumerate() {
            open.entry(key).or_default().push(at);
        }
        let mut outcomes: Vec<Option<Outcome<I>>> = keys.iter().map(|_| None).collect();
        let (mut seen, mut untold) = (0, VecDeque::new());
        let mut flights = self.state();
        loop {
            for key in &flights.log[seen..] {
                // One that was forgotten since is in the log once more when it lands again.
                let Some(Flight::Landed(outcome)) = flights.by_key.get(key) else { continue };
                for at in open.remove(key.as_str()).into_iter().flatten() {
                    outcomes[at] = Some(outcome.clone());
                    untold.push_back(at);
                }
            }
            seen = flights.log.len();
            if open.is_empty() {
                break;
            }
            let Some(at) = untold.pop_front() else {
                flights = self.landed.wait(flights).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(flights);
            if let Some(Ok(index)) = &outcomes[at] {
                landed(at, index);
            }
            flights = self.state();
        }
        outcomes.into_iter().flatten().collect()
    }
}

/// The duty to land a flight: whoever loses it, by a panic or because the network's threads have gone, lands it with
/// an error, so that nobody waits for ever.
pub(super) struct Landing<I> {
    flights: Arc<Flights<I>>,
    key: Option<String>,
    package: String,
}

impl<I> Landing<I> {
    /// Of a flight that has taken off; `package` is named by the error of one that is lost.
    pub(super) fn new(flights: &Arc<Flights<I>>, key: String, package: String) -> Self {
        Self { flights: flights.clone(), key: Some(key), package }
    }

    /// Lands it.
    pub(super) fn land(mut self, outcome: Outcome<I>) {
        if let Some(key) = self.key.take() {
            self.flights.land(key, outcome);
        }
    }
}

impl<I> Drop for Landing<I> {
    fn drop(&mut self) {
        let Some(key) = self.key.take() else { return };
        let source = ImportFailure {
            code: "ERR_WASI_PM_INTERRUPTED",
            message: "the work on it ended before it was done".to_owned(),
        };
        let package = std::mem::take(&mut self.package);
        self.flights.land(key, Err(FetchError::Import { package, url: String::new(), source }));
    }
}
