//! Holds a lockfile to what its registry says and its user has set, before anything is linked: that a tarball it names
//! is the registry's, in every mode; that what is placed as it stands is old enough and trusted. The registry is asked
//! while packages are fetched, and not for the age of what it dates as it serves it. What has passed is remembered, so
//! that nothing is asked again.

mod asking;
mod entry;

use std::collections::{BTreeSet, HashSet};

use wit::settings::{Policy, Registries};

use self::{asking::Asking, entry::Entry};
use super::{Failures, Install, Network, excludes, known, known::Known, one};
use crate::{
    diagnostic::Diagnostic,
    graph::{Placement, Snapshot, SnapshotIndex},
    verify::{Rules, Violation},
};

/// So many violations are shown.
const SHOWN: usize = 20;

/// What of a placement was locked before: the resolver has held to age and trust what it picked, and nothing else.
pub(super) struct Locked {
    /// The lockfile it comes from.
    pub(super) lockfile: Option<String>,
    /// All of it was.
    pub(super) is_all: bool,
    /// What is known of the lockfile, if it was looked up.
    pub(super) known: Option<Known>,
}

impl Locked {
    /// Whether it has a package.
    fn has(&self) -> impl Fn(&Snapshot) -> bool {
        let keys = self.lockfile.as_deref().filter(|_| !self.is_all).map(keys).unwrap_or_default();
        move |snapshot| self.is_all || keys.contains(format!("{}@{}", snapshot.name, snapshot.version).as_str())
    }
}

/// All that may be the key of a package, whoever wrote the lockfile.
fn keys(lockfile: &str) -> HashSet<&str> {
    lockfile.split([' ', '\n', '\r', '\'', '"', ':', '(', ')', '{', ',']).filter(|word| word.contains('@')).collect()
}

/// A verification under way.
pub(super) struct Verification {
    /// What of the placement was locked.
    locked: Locked,
    /// What it is held to; empty: nothing.
    policy: String,
    /// What was held to it before.
    known: Known,
    asking: Option<Asking>,
}

/// Asks for what no date of a tarball can tell.
pub(super) fn start(
    install: &Install<'_>,
    network: &Network<'_>,
    placement: &Placement,
    mut locked: Locked,
) -> Result<Verification, Failures> {
    let config = &install.context.config;
    if config.install.trust_lockfile {
        let known = locked.known.take().unwrap_or_default();
        return Ok(Verification { locked, policy: String::new(), known, asking: None });
    }
    let rules = Rules::new(&config.settings.policy, install.environment.now);
    let mut entries = BTreeSet::new();
    {
        // Without rules nobody need know what was locked.
        let is_locked = rules.as_ref().map(|_| locked.has());
        for snapshot in &placement.snapshots {
            let is_judged = is_locked.as_ref().is_some_and(|is_locked| is_locked(snapshot));
            entries.extend(Entry::of(network, rules.as_ref().filter(|_| is_judged), snapshot)?);
        }
    }
    let policy = match rules.is_some() || !entries.is_empty() {
        true => policy(&config.settings.policy, &network.settings()?.registries),
        false => String::new(),
    };
    let known = locked.known.take().or_else(|| {
        let lockfile = locked.lockfile.as_deref().filter(|_| !entries.is_empty())?;
        Some(Known::of(install, lockfile))
    });
    let known = known.unwrap_or_default();
    if known.policy == policy {
        entries.retain(|entry| !known.held.contains(&entry.line()));
    }
    let asking = match entries.is_empty() {
        true => None,
        false => Some(Asking::start(install, network, entries.into_iter().collect())?),
    };
    Ok(Verification { locked, policy, known, asking })
}

impl Verification {
    /// Asks for what is not fetched either: nothing of it will be dated.
    pub(super) fn ask_but_for(&self, placement: &Placement, fetched: impl FnOnce() -> BTreeSet<SnapshotIndex>) {
        let Some(asking) = &self.asking else { return };
        let fetched = fetched();
        let snapshots = fetched.iter().filter_map(|at| placement.snapshots.get(*at as usize));
        let fetched: HashSet<String> = snapshots.map(|it| format!("{}@{}", it.name, it.version)).collect();
        asking.ask_but_for(&fetched);
    }

    /// Waits for what is still to be told, and judges.
    pub(super) fn finish(self, install: &Install<'_>) -> Result<Verified, Failures> {
        let Self { locked, policy, known, asking } = self;
        let is_news = asking.is_some();
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
    /// Something of it was not known before.
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
    let text = serde_json::to_string(&(policy, registries)).unwrap_or_default();
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
    diagnostic.with_hint(
        "Look at recent changes of pnpm-lock.yaml; if they are meant, exclude these versions from the policy, or remove \
         the lockfile to resolve anew",
    )
}

#[cfg(test)]
mod tests {
    use super::keys;

    #[test]
    fn whole_keys_of_a_lockfile_are_found() {
        let lockfile =
            "packages:\n\n  '@s/a@1.0.0':\n    x\n\n  ba@1.0.0-rc.1:\n    x\nsnapshots:\n  c@1.0.0(p@2.0.0): {}\n";
        let mut found: Vec<&str> = keys(lockfile).into_iter().collect();
        found.sort_unstable();
        assert_eq!(found, ["@s/a@1.0.0", "ba@1.0.0-rc.1", "c@1.0.0", "p@2.0.0"]);
    }
}
