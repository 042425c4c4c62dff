//! Who is asked for what. A package that is only held to the release age and is fetched from its registry needs no more
//! than the date of its packument, which is asked for once a name, while tarballs come:
//!
//! ```text
//!            ┌ asked for ─▶ Expected ─ served ─▶ Served ─ its packument is old ─▶ Settled
//! Waits ─────┤                 └─────── no date, or a young one ──┐                  ▲
//!            └ in the store, not fetched, more than age to prove ─┴─▶ Asked ─────────┘
//!                                    confirmed where its version is not named, full where that tells more ◀┘
//! ```
//! The store proves nothing of what its registry holds, so what lies there is looked for in the packument itself.
//! Nobody waits here but for the end; whoever brings news takes the next step.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use wit::{PackageName, settings::Policy};

use super::{Entry, Failures, Install, Network};
use crate::{
    facts::{Answer, MetadataRequest, Oracle as _, Reply, Request},
    fetch::{Event, Step},
    registry::Registry,
    verify::{Rules, Violation, names},
};

/// Packages of which something is to be found out.
pub(super) struct Asking(Arc<Shared>);

struct Shared {
    registry: Registry,
    policy: Policy,
    now: u64,
    entries: Vec<Entry>,
    /// Those that may pass by a date.
    by_package: HashMap<(String, Option<String>), usize>,
    /// The entries of one name, and which of these each one is in.
    groups: Vec<Vec<usize>>,
    group_of: Vec<usize>,
    state: Mutex<State>,
    settled: Condvar,
}

struct State {
    of: Vec<Standing>,
    /// When the packument of a group last changed.
    dates: Vec<Date>,
    /// So many are not settled.
    open: usize,
    found: Vec<Violation>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Waits,
    Expected,
    Served,
    Asked { is_full: bool, is_confirmed: bool },
    Settled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Date {
    Unasked,
    Asked,
    Told(Option<i64>),
}

impl Asking {
    /// Asks for all that no date can settle, and listens to what becomes of the others.
    pub(super) fn start(install: &Install<'_>, network: &Network<'_>, entries: Vec<Entry>) -> Result<Self, Failures> {
        let (policy, now) = (install.context.config.settings.policy.clone(), install.environment.now);
        let registry = network.registry()?.clone();
        let shared = Arc::new(Shared::new(registry, policy, now, entries));
        let may_wait: HashSet<usize> = shared.by_package.values().copied().collect();
        (0..shared.entries.len()).filter(|at| !may_wait.contains(at)).for_each(|at| shared.ask(at));
        let listening = Arc::downgrade(&shared);
        network.news().listen(move |event| listening.upgrade().iter().for_each(|shared| shared.hear(event)));
        Ok(Self(shared))
    }

    /// Asks for what still waits, but for these packages.
    pub(super) fn ask_but_for(&self, fetched: &HashSet<String>) {
        for (at, entry) in (0..).zip(&self.0.entries) {
            if self.0.stands(at, &[Standing::Waits]) && !fetched.contains(&entry.package_id()) {
                self.0.ask(at);
            }
        }
    }

    /// All is fetched: asks for what was not served, waits for all that was asked for, and says what is wrong.
    pub(super) fn finish(self) -> Vec<Violation> {
        let shared = self.0;
        let unserved = |at: &usize| shared.stands(*at, &[Standing::Waits, Standing::Expected]);
        (0..shared.entries.len()).filter(unserved).for_each(|at| shared.ask(at));
        let mut state = shared.state();
        while state.open > 0 {
            state = shared.settled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::take(&mut state.found)
    }
}

impl Shared {
    fn new(registry: Registry, policy: Policy, now: u64, entries: Vec<Entry>) -> Self {
        let rules = Rules::new(&policy, now);
        let may_wait = |entry: &Entry| {
            let passes = |rules: &Rules<'_>| rules.may_pass_by_date(entry.name.as_str(), &entry.version);
            !entry.is_addressed && rules.as_ref().is_some_and(passes)
        };
        let waiting = (0..).zip(&entries).filter(|(_, entry)| may_wait(entry));
        let by_package = waiting.map(|(at, entry)| ((entry.package_id(), entry.registry.clone()), at)).collect();
        let mut groups: BTreeMap<(&PackageName, &Option<String>), Vec<usize>> = BTreeMap::new();
        for (at, entry) in (0..).zip(&entries) {
            groups.entry((&entry.name, &entry.registry)).or_default().push(at);
        }
        let groups: Vec<Vec<usize>> = groups.into_values().collect();
        let mut group_of = vec![0; entries.len()];
        for (group, members) in groups.iter().enumerate() {
            members.iter().for_each(|at| group_of[*at] = group);
        }
        let (of, dates) = (vec![Standing::Waits; entries.len()], vec![Date::Unasked; groups.len()]);
        let state = Mutex::new(State { of, dates, open: entries.len(), found: Vec::new() });
        Self { registry, policy, now, entries, by_package, groups, group_of, state, settled: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stands(&self, at: usize, standings: &[Standing]) -> bool {
        standings.contains(&self.state().of[at])
    }

    fn rules(&self) -> Option<Rules<'_>> {
        Rules::new(&self.policy, self.now)
    }

    /// A package is a step further.
    fn hear(self: &Arc<Self>, event: &Event) {
        let Some(&at) = self.by_package.get(&(event.package_id.clone(), event.registry.clone())) else { return };
        let mut state = self.state();
        // Of two threads the one that tells of the later step may come first.
        state.of[at] = match (state.of[at], event.step) {
            (Standing::Waits, Step::Asked) => Standing::Expected,
            (Standing::Waits | Standing::Expected, Step::Served) => Standing::Served,
            (Standing::Waits, Step::Found) => {
                drop(state);
                return self.ask(at);
            }
            _ => return,
        };
        let group = self.group_of[at];
        match state.dates[group] {
            Date::Unasked => {
                state.dates[group] = Date::Asked;
                drop(state);
                let entry = &self.entries[at];
                let shared = self.clone();
                let told = move |modified| shared.hear_date(group, modified);
                self.registry.ask_modified(&entry.name, entry.registry.as_deref(), told);
            }
            Date::Asked => {}
            Date::Told(modified) => {
                let asks = !self.settle_by(&mut state, at, modified);
                drop(state);
                if asks {
                    self.ask(at);
                }
            }
        }
    }

    /// The packument of a group last changed then.
    fn hear_date(self: &Arc<Self>, group: usize, modified: Option<i64>) {
        let mut state = self.state();
        state.dates[group] = Date::Told(modified);
        let members = self.groups[group].iter().copied();
        let asks: Vec<usize> = members.filter(|at| !self.settle_by(&mut state, *at, modified)).collect();
        drop(state);
        asks.into_iter().for_each(|at| self.ask(at));
    }

    /// Settles one that is served, if its packument is old; false if one that is to pass so cannot.
    fn settle_by(&self, state: &mut State, at: usize, modified: Option<i64>) -> bool {
        let entry = &self.entries[at];
        let is_old = modified
            .zip(self.rules())
            .is_some_and(|(modified, rules)| rules.pass_by_date(entry.name.as_str(), &entry.version, modified));
        match state.of[at] {
            Standing::Expected => is_old,
            Standing::Served if is_old => {
                self.settle(state, at, None);
                true
            }
            Standing::Served => false,
            Standing::Waits | Standing::Asked { .. } | Standing::Settled => true,
        }
    }

    fn settle(&self, state: &mut State, at: usize, found: Option<Violation>) {
        state.of[at] = Standing::Settled;
        state.found.extend(found);
        state.open -= 1;
        if state.open == 0 {
            self.settled.notify_all();
        }
    }

    /// Asks for the packument, if that has not been done.
    fn ask(self: &Arc<Self>, at: usize) {
        let state = self.state();
        if matches!(state.of[at], Standing::Waits | Standing::Expected | Standing::Served) {
            self.send(state, at, false, false);
        }
    }

    /// Asks for it in this form.
    fn send(self: &Arc<Self>, mut state: MutexGuard<'_, State>, at: usize, is_full: bool, is_confirmed: bool) {
        state.of[at] = Standing::Asked { is_full, is_confirmed };
        drop(state); // an answer that is at hand comes at once
        let entry = &self.entries[at];
        let request = MetadataRequest {
            name: entry.name.clone(),
            registry: entry.registry.clone(),
            full: is_full,
            wanted: entry.tarball.is_some().then(|| entry.version.clone()),
            likely: false,
        };
        let shared = self.clone();
        let reply = Reply::calling(move |answer| shared.take(at, &answer));
        if is_confirmed {
            self.registry.ask_confirmed(request, reply);
        } else {
            self.registry.ask(Request::Metadata(request), reply);
        }
    }

    /// Judges by an answer, or asks for one that tells more.
    fn take(self: &Arc<Self>, at: usize, answer: &Answer) {
        let entry = &self.entries[at];
        let rules = self.rules().filter(|_| entry.is_judged);
        let mut state = self.state();
        let Standing::Asked { is_full, is_confirmed } = state.of[at] else { return };
        if let Answer::Metadata(metadata) = answer {
            if !is_confirmed && !names(metadata, &entry.version) {
                return self.send(state, at, is_full, true);
            }
            let needs_full = |rules: &Rules<'_>| rules.need_full(entry.name.as_str(), &entry.version, metadata);
            if !is_full && rules.as_ref().is_some_and(needs_full) {
                return self.send(state, at, true, false);
            }
        }
        drop(state);
        let found = entry.judge(rules.as_ref(), answer);
        state = self.state();
        self.settle(&mut state, at, found);
    }
}
