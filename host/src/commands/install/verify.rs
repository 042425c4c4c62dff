//! Holds a lockfile to what its registry says and its user has set, before anything is linked: that a tarball it names
//! is the registry's, in every mode; that what is placed as it stands is old enough and trusted. The metadata is asked
//! for while packages are fetched; what has passed is remembered by digest, so that nothing is asked again.

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    path::PathBuf,
    sync::mpsc::{self, Receiver},
};

use wit::{PackageName, settings::Registries};

use super::{Failures, Install, Network, one};
use crate::{
    diagnostic::Diagnostic,
    facts::{Answer, Metadata, MetadataRequest, Oracle as _, Reply, Request, RequestId, Unavailable},
    graph::{Placement, Snapshot, Source},
    registry::{registry_for, tarball_url},
    verify::{Rules, Violation, bind, same_tarball},
};

/// Raised by a change of what is checked.
const FORM: &str = "verified 3";
/// So many violations are shown.
const SHOWN: usize = 20;

/// A verification under way.
pub(super) struct Verification {
    asked: Vec<Entry>,
    answers: Receiver<(RequestId, Answer)>,
    verdict: PathBuf,
}

/// What of a placement was locked before: the resolver has held to age and trust what it picked, and nothing else.
pub(super) enum Locked {
    /// All of it.
    All,
    /// What this lockfile names.
    By(String),
    /// There was no lockfile.
    Nothing,
}

impl Locked {
    /// Whether it has a package.
    fn has(&self) -> impl Fn(&Snapshot) -> bool {
        let keys = if let Self::By(lockfile) = self { keys(lockfile) } else { HashSet::new() };
        move |snapshot| match self {
            Self::All => true,
            Self::By(_) => keys.contains(format!("{}@{}", snapshot.name, snapshot.version).as_str()),
            Self::Nothing => false,
        }
    }
}

/// All that may be the key of a package, whoever wrote the lockfile.
fn keys(lockfile: &str) -> HashSet<&str> {
    lockfile.split([' ', '\n', '\r', '\'', '"', ':', '(', ')', '{', ',']).filter(|word| word.contains('@')).collect()
}

/// A package to be verified.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    name: PackageName,
    version: String,
    registry: Option<String>,
    /// Where the lockfile has it from, if that is not where its registry keeps tarballs.
    tarball: Option<String>,
    /// It is held to age and trust.
    is_judged: bool,
}

/// Asks for what is needed; `None` where nothing is to be verified, or has been.
pub(super) fn start(
    install: &Install<'_>,
    network: &Network<'_>,
    placement: &Placement,
    locked: &Locked,
) -> Result<Option<Verification>, Failures> {
    let config = &install.context.config;
    let policy = &config.settings.policy;
    if config.install.trust_lockfile {
        return Ok(None);
    }
    // Without rules nobody need know what was locked.
    let is_locked = Rules::new(policy, 1).map(|_| locked.has());
    let mut entries = BTreeSet::new();
    for snapshot in &placement.snapshots {
        let Source::Registry { registry, tarball, .. } = &snapshot.source else { continue };
        let tarball = match tarball {
            Some(tarball) => elsewhere(&network.settings()?.registries, snapshot, registry.as_deref(), tarball)?,
            None => None,
        };
        let is_judged = is_locked.as_ref().is_some_and(|is_locked| is_locked(snapshot));
        if is_judged || tarball.is_some() {
            let (name, version) = (snapshot.name.clone(), snapshot.version.clone());
            entries.insert(Entry { name, version, registry: registry.clone(), tarball, is_judged });
        }
    }
    if entries.is_empty() {
        return Ok(None);
    }
    let is_any_judged = entries.iter().any(|entry| entry.is_judged);
    let policy = if is_any_judged { serde_json::to_string(policy).unwrap_or_default() } else { String::new() };
    let verdict = config.directories.cache.join("v1").join("verified").join(digest(&policy, &entries));
    if verdict.exists() {
        return Ok(None);
    }
    let oracle = network.registry()?;
    let (replies, answers) = mpsc::channel();
    for (id, entry) in (0..).zip(&entries) {
        let request = MetadataRequest {
            name: entry.name.clone(),
            registry: entry.registry.clone(),
            full: entry.is_judged,
            wanted: entry.tarball.is_some().then(|| entry.version.clone()),
            likely: false,
        };
        oracle.ask(Request::Metadata(request), Reply::new(id, &replies));
    }
    Ok(Some(Verification { asked: entries.into_iter().collect(), answers, verdict }))
}

/// The absolute address of a tarball that is not where the registry keeps that version.
fn elsewhere(
    registries: &Registries,
    snapshot: &Snapshot,
    named: Option<&str>,
    tarball: &str,
) -> Result<Option<String>, Failures> {
    let registry = registry_for(registries, &snapshot.name, named).map_err(one)?;
    let absolute = registry.join(tarball).map_or_else(|_| tarball.to_owned(), Into::into);
    let canonical = tarball_url(&registry, &snapshot.name, &snapshot.version);
    Ok((!same_tarball(&absolute, &canonical)).then_some(absolute))
}

/// Names what was verified, and under which policy.
fn digest(policy: &str, entries: &BTreeSet<Entry>) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut part = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    };
    part(FORM);
    part(policy);
    for Entry { name, version, registry, tarball, is_judged } in entries {
        part(name.as_str());
        part(version);
        part(registry.as_deref().unwrap_or_default());
        part(tarball.as_deref().unwrap_or_default());
        part(if *is_judged { "judged" } else { "" });
    }
    hasher.finalize().to_hex().to_string()
}

/// Waits for the answers and judges.
pub(super) fn finish(verification: Option<Verification>, install: &Install<'_>) -> Result<(), Failures> {
    let Some(Verification { asked, answers, verdict }) = verification else { return Ok(()) };
    let _phase = install.phase("verify");
    let policy = &install.context.config.settings.policy;
    let rules = Rules::new(policy, install.environment.now);
    let mut found = Vec::new();
    for (id, answer) in answers.iter().take(asked.len()) {
        let Some(entry) = asked.get(id as usize) else { continue };
        found.extend(entry.judge(rules.as_ref().filter(|_| entry.is_judged), &answer));
    }
    if found.is_empty() {
        // Without the note it is verified once more.
        let folder = verdict.parent().map_or(Ok(()), fs::create_dir_all);
        drop(folder.and_then(|()| fs::write(&verdict, b"")));
        return Ok(());
    }
    Err(vec![refusal(found)])
}

impl Entry {
    fn judge(&self, rules: Option<&Rules<'_>>, answer: &Answer) -> Option<Violation> {
        let (name, version) = (self.name.as_str(), self.version.as_str());
        let metadata = match answer {
            Answer::Metadata(metadata) => Some(metadata),
            Answer::Unavailable(why) if self.tarball.is_some() => return Some(self.unavailable(why)),
            _ => None,
        };
        let manifest = |metadata: &'_ Metadata| metadata.manifests.iter().position(|(held, _)| held == version);
        let bound = self.tarball.as_deref().and_then(|tarball| {
            let line = metadata.and_then(|metadata| Some((metadata, manifest(metadata)?)));
            bind(name, version, tarball, line.map(|(metadata, at)| metadata.manifests[at].1.as_slice()))
        });
        bound.or_else(|| rules?.judge(name, version, metadata))
    }

    /// That nobody answers is no sign that somebody meddled.
    fn unavailable(&self, why: &Unavailable) -> Violation {
        let detail = why.detail.clone().or_else(|| Some(format!("{} {}", why.url.as_ref()?, why.status?)));
        let (name, version) = (&self.name, &self.version);
        let detail = detail.map(|detail| format!(": {detail}")).unwrap_or_default();
        Violation {
            code: "ERR_PNPM_META_FETCH_FAIL",
            message: format!("the tarball URL of {name}@{version} could not be checked{detail}"),
        }
    }
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
