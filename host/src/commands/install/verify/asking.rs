//! Who is asked for what. A package that is only held to the release age waits for the date of its tarball: it is asked
//! for where nothing is fetched, where its registry dates nothing, and where the date is too young to tell.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver, Sender},
    },
};

use wit::settings::Policy;

use super::{Entry, Failures, Install, Network};
use crate::{
    facts::{Answer, MetadataRequest, Oracle as _, Reply, Request, RequestId},
    fetch::Dated,
    registry::Registry,
    verify::{Rules, Violation},
};

/// Packages of which something is to be found out.
pub(super) struct Asking {
    shared: Arc<Shared>,
    answers: Receiver<(RequestId, Answer)>,
}

struct Shared {
    registry: Registry,
    policy: Policy,
    now: u64,
    entries: Vec<Entry>,
    /// Those that wait for a date.
    by_package: HashMap<(String, Option<String>), usize>,
    state: Mutex<State>,
}

struct State {
    of: Vec<Standing>,
    /// So many answers are to come.
    open: usize,
    replies: Sender<(RequestId, Answer)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It waits for a date.
    Waits,
    Asked,
    AskedInFull,
    Passed,
}

impl Asking {
    /// Asks for all that no date can settle, and listens to the dates of the others.
    pub(super) fn start(install: &Install<'_>, network: &Network<'_>, entries: Vec<Entry>) -> Result<Self, Failures> {
        let (policy, now) = (install.context.config.settings.policy.clone(), install.environment.now);
        let (replies, answers) = mpsc::channel();
        let waits = {
            let rules = Rules::new(&policy, now);
            let by_date = |entry: &Entry| {
                let passes = |rules: &Rules<'_>| rules.may_pass_by_date(entry.name.as_str(), &entry.version);
                entry.tarball.is_none() && rules.as_ref().is_some_and(passes)
            };
            entries.iter().map(by_date).collect::<Vec<bool>>()
        };
        let waiting = (0..).zip(&entries).zip(&waits).filter(|(_, waits)| **waits);
        let by_package = waiting.map(|((at, entry), _)| ((entry.package_id(), entry.registry.clone()), at)).collect();
        let state = State { of: vec![Standing::Waits; entries.len()], open: 0, replies };
        let registry = network.registry()?.clone();
        let shared = Arc::new(Shared { registry, policy, now, entries, by_package, state: Mutex::new(state) });
        for (at, _) in (0..).zip(&waits).filter(|(_, waits)| !**waits) {
            shared.ask(at);
        }
        let listening = shared.clone();
        network.dates().listen(move |dated| listening.hear(dated));
        Ok(Self { shared, answers })
    }

    /// Asks for what still waits, but for these packages.
    pub(super) fn ask_but_for(&self, fetched: &HashSet<String>) {
        for (at, entry) in (0..).zip(&self.shared.entries) {
            if !fetched.contains(&entry.package_id()) {
                self.shared.ask(at);
            }
        }
    }

    /// Asks for all that still waits, and judges what comes.
    pub(super) fn finish(self) -> Vec<Violation> {
        let Self { shared, answers } = self;
        (0..shared.entries.len()).for_each(|at| shared.ask(at));
        let rules = Rules::new(&shared.policy, shared.now);
        let mut found = Vec::new();
        while shared.expects() {
            let (id, answer) = answers.recv().expect("the sender is kept with what is shared");
            let Some(entry) = shared.entries.get(id as usize) else { continue };
            let rules = rules.as_ref().filter(|_| entry.is_judged);
            if !shared.ask_in_full(id as usize, rules, &answer) {
                found.extend(entry.judge(rules, &answer));
            }
        }
        found
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an answer is to come; it is counted as come.
    fn expects(&self) -> bool {
        let mut state = self.state();
        let expects = state.open > 0;
        state.open = state.open.saturating_sub(1);
        expects
    }

    /// Asks for one that waits.
    fn ask(&self, at: usize) {
        let mut state = self.state();
        if state.of.get(at) == Some(&Standing::Waits) {
            self.send(&mut state, at, false);
        }
    }

    /// Asks for the full packument, if this one does not tell enough.
    fn ask_in_full(&self, at: usize, rules: Option<&Rules<'_>>, answer: &Answer) -> bool {
        let (Some(rules), Answer::Metadata(metadata)) = (rules, answer) else { return false };
        let entry = &self.entries[at];
        let mut state = self.state();
        let asks =
            state.of[at] != Standing::AskedInFull && rules.need_full(entry.name.as_str(), &entry.version, metadata);
        if asks {
            self.send(&mut state, at, true);
        }
        asks
    }

    fn send(&self, state: &mut State, at: usize, is_full: bool) {
        let entry = &self.entries[at];
        state.of[at] = if is_full { Standing::AskedInFull } else { Standing::Asked };
        state.open += 1;
        let request = MetadataRequest {
            name: entry.name.clone(),
            registry: entry.registry.clone(),
            full: is_full,
            wanted: entry.tarball.is_some().then(|| entry.version.clone()),
            likely: false,
        };
        let id = RequestId::try_from(at).expect("a placement's snapshots are numbered in 32 bits");
        self.registry.ask(Request::Metadata(request), Reply::new(id, &state.replies));
    }

    /// A package has come, or nothing was fetched of it.
    fn hear(&self, dated: &Dated) {
        let Some(&at) = self.by_package.get(&(dated.package_id.clone(), dated.registry.clone())) else { return };
        let entry = &self.entries[at];
        let passes = |modified| {
            Rules::new(&self.policy, self.now)
                .is_some_and(|rules| rules.pass_by_date(entry.name.as_str(), &entry.version, modified))
        };
        if dated.modified.is_some_and(passes) {
            let mut state = self.state();
            if state.of[at] == Standing::Waits {
                state.of[at] = Standing::Passed;
            }
        } else {
            self.ask(at);
        }
    }
}
