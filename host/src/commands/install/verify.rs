//! Holds a lockfile to what its registry says and its user has set, before anything is linked: that a tarball it names
//! is the registry's, in every mode; that what is placed as it stands is old enough and trusted. The registry is asked
//! while packages are fetched, for no more than it takes. What has passed is remembered, so that nothing is asked
//! again.

mod asking;
mod entry;

use std::collections::{BTreeSet, HashSet};

use wit::settings::{Policy, Registries};

use self::{asking::Asking, entry::Entry};
use super::{Failures, Install, Network, excludes, known, known::Known, one, placement};
use crate::{
    diagnostic::Diagnostic,
    graph::{Notice, Placement, Snapshot, SnapshotIndex, Source},
    verify::{Rules, Violation},
};

/// The codes of what could not be asked for.
const UNANSWERED: [&str; 2] = ["ERR_PNPM_NO_OFFLINE_META", "ERR_PNPM_META_FETCH_FAIL"];
/// So many violations are shown.
const SHOWN: usize = 20;

/// The code of what the resolver tells of what it has held to age and trust itself; its facts are registries and
/// packages.
pub(super) const HELD: &str = "WASI_PM_HELD";

/// What a placement was made from.
pub(super) struct Locked {
    /// The lockfile of the project.
    pub(super) lockfile: Option<String>,
    /// There was one, or another one of a branch: what the resolver does not tell of has to be held to the rules here.
    pub(super) has_any: bool,
    /// What is known of the lockfile, if it was looked up.
    pub(super) known: Option<Known>,
}

/// What the resolver has held to the rules: registries, empty for the usual one, and packages.
fn picked(placement: &Placement) -> HashSet<(&str, &str)> {
    let facts = placement.notices.iter().filter_map(|notice| match notice {
        Notice::Other(failure) if failure.code == HELD => Some(&failure.facts),
        _ => None,
    });
    facts.flatten().map(|(registry, package)| (registry.as_str(), package.as_str())).collect()
}

/// A verification under way.
pub(super) struct Verification {
    /// What of the placement was locked.
    locked: Locked,
    /// What it is held to; empty: nothing.
    policy: String,
    /// What was held to it before.
    known: Known,
    /// Something of it is not known of this lockfile.
    is_news: bool,
    asking: Option<Asking>,
}

/// Asks for what no date of a packument can tell.
pub(super) fn start(
    install: &Install<'_>,
    network: &Network<'_>,
    placement: &Placement,
    mut locked: Locked,
) -> Result<Verification, Failures> {
    let config = &install.context.config;
    if config.install.trust_lockfile {
        let known = locked.known.take().unwrap_or_default();
        return Ok(Verification { locked, policy: String::new(), known, is_news: false, asking: None });
    }
    let rules = Rules::new(&config.settings.policy, install.environment.now);
    let mut entries = open(network, rules.as_ref().filter(|_| locked.has_any), placement)?;
    let policy = match rules.is_some() || !entries.is_empty() {
        true => policy(&config.settings.policy, &network.settings()?.registries),
        false => String::new(),
    };
    let known = locked.known.take().or_else(|| {
        let lockfile = locked.lockfile.as_deref().filter(|_| !entries.is_empty())?;
        Some(Known::of(install, lockfile))
    });
    let known = known.unwrap_or_default();
    known.take_from(&mut entries, &policy);
    let is_news = !entries.is_empty();
    // Of what is new in a lockfile the most part is in the tree that stands already.
    let standing = config.layout.virtual_store_dir.join("lock.yaml");
    if !entries.is_empty()
        && let Ok(lockfile) = placement::lockfile_text(&standing)
    {
        Known::of(install, &lockfile).take_from(&mut entries, &policy);
    }
    let asking = match entries.is_empty() {
        true => None,
        false => Some(Asking::start(install, network, entries.into_iter().collect())?),
    };
    Ok(Verification { locked, policy, known, is_news, asking })
}

/// What is placed and nobody has held to these rules yet.
fn open(network: &Network<'_>, rules: Option<&Rules<'_>>, placement: &Placement) -> Result<BTreeSet<Entry>, Failures> {
    let picked = if rules.is_some() { picked(placement) } else { HashSet::new() };
    let is_picked = |snapshot: &Snapshot| {
        let Source::Registry { registry, .. } = &snapshot.source else { return false };
        let package = format!("{}@{}", snapshot.name, snapshot.version);
        picked.contains(&(registry.as_deref().unwrap_or_default(), package.as_str()))
    };
    let mut entries = BTreeSet::new();
    for snapshot in &placement.snapshots {
        let rules = rules.filter(|_| picked.is_empty() || !is_picked(snapshot));
        entries.extend(Entry::of(network, rules, snapshot)?);
    }
    Ok(entries)
}

impl Known {
    /// Leaves what was held to this policy out of what is to be verified.
    fn take_from(&self, entries: &mut BTreeSet<Entry>, policy: &str) {
        if self.policy == policy {
            entries.retain(|entry| !self.held.contains(&entry.line()));
        }
    }
}

impl Verification {
    /// Asks for what is not fetched either: no registry will serve it.
    pub(super) fn ask_but_for(&self, placement: &Placement, fetched: impl FnOnce() -> BTreeSet<SnapshotIndex>) {
        let Some(asking) = &self.asking else { return };
        let fetched = fetched();
        let snapshots = fetched.iter().filter_map(|at| placement.snapshots.get(*at as usize));
        let fetched: HashSet<String> = snapshots.map(|it| format!("{}@{}", it.name, it.version)).collect();
        asking.ask_but_for(&fetched);
    }

    /// Waits for what is still to be told, and judges.
    pub(super) fn finish(self, install: &Install<'_>) -> Result<Verified, Failures> {
        let Self { locked, policy, known, is_news, asking } = self;
        if let Some(asking) = asking {
            let _phase = install.phase("verify");
            let found = asking.finish();
            if !found.is_empty() {
                return Err(vec![refusal(found)]);
            }
        }
        Ok(Verified { locked, policy, known, is_news })
    }
}

/// A placement that holds.
pub(super) struct Verified {
    locked: Locked,
    policy: String,
    known: Known,
    /// Something of it was not known of this lockfile before.
    is_news: bool,
}

impl Verified {
    /// Remembers what is known of the lockfile now.
    pub(super) fn remember(
        self,
        install: &Install<'_>,
        network: &Network<'_>,
        placement: &Placement,
    ) -> Result<(), Failures> {
        let Self { locked, policy, known, is_news } = self;
        let Some(lockfile) = placement.lockfile.as_ref().or(locked.lockfile.as_ref()) else { return Ok(()) };
        let is_same = locked.lockfile.as_ref() == Some(lockfile);
        if is_same && !is_news {
            return Ok(());
        }
        let is_complete = known::is_complete(placement) || is_same && known.is_complete;
        let now = Known { is_complete, held: held(install, network, placement, &policy)?, policy };
        let says_something = now.is_complete || !now.held.is_empty();
        if says_something && !(is_same && now == known) {
            now.remember(install, lockfile);
            // What stands in the tree without what was left out.
            if let Some(current) = placement.current_lockfile.as_ref().filter(|current| *current != lockfile) {
                now.remember(install, current);
            }
        }
        Ok(())
    }
}

/// All of a placement that was held to the policy without an exception, by the resolver or here.
fn held(
    install: &Install<'_>,
    network: &Network<'_>,
    placement: &Placement,
    policy: &str,
) -> Result<HashSet<String>, Failures> {
    if policy.is_empty() {
        return Ok(HashSet::new());
    }
    let rules = Rules::new(&install.context.config.settings.policy, install.environment.now);
    let young: HashSet<(String, String)> = placement.notices.iter().filter_map(excludes::too_young).collect();
    let mut held = HashSet::new();
    for snapshot in &placement.snapshots {
        let (name, version) = (snapshot.name.as_str(), snapshot.version.as_str());
        let is_exception = rules.as_ref().is_some_and(|rules| !rules.make_no_exception(name, version))
            || young.contains(&(name.to_owned(), version.to_owned()));
        if !is_exception {
            held.extend(Entry::of(network, rules.as_ref(), snapshot)?.map(|entry| entry.line()));
        }
    }
    Ok(held)
}

/// Names what packages are held to: exceptions aside, for what they let pass is not remembered.
fn policy(policy: &Policy, registries: &Registries) -> String {
    let policy = Policy {
        minimum_release_age_exclude: Vec::new(),
        minimum_release_age_strict: false,
        trust_policy_exclude: Vec::new(),
        ..policy.clone()
    };
    let text = serde_json::to_string(&(policy, registries)).expect("settings have string keys only");
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

fn refusal(mut found: Vec<Violation>) -> Diagnostic {
    found.sort_by(|a, b| a.message.cmp(&b.message));
    let code = match found.iter().all(|violation| violation.code == found[0].code) {
        true => found[0].code,
        false => "ERR_PNPM_LOCKFILE_RESOLUTION_VERIFICATION",
    };
    let count = if found.len() == 1 { "1 entry".to_owned() } else { format!("{} entries", found.len()) };
    let mut diagnostic = Diagnostic::new(code, format!("{count} of the lockfile failed verification"));
    let mut lines: Vec<String> = found.iter().take(SHOWN).map(|violation| violation.message.clone()).collect();
    if found.len() > SHOWN {
        lines.push(format!("and {} more", found.len() - SHOWN));
    }
    diagnostic.causes.push(lines.join("\n"));
    if found.iter().all(|violation| UNANSWERED.contains(&violation.code)) {
        return diagnostic.with_hint(
            "Nobody could be asked; see to the network or the credentials, or name what you trust in \
             minimumReleaseAgeExclude, or pass --trust-lockfile",
        );
    }
    diagnostic.with_hint(
        "Look at recent changes of pnpm-lock.yaml; if they are meant, exclude these versions from the policy, or remove \
         the lockfile to resolve anew",
    )
}
