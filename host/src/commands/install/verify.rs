//! Holds a lockfile that is placed as it stands to the policies that its user has set. The metadata is asked for while
//! packages are fetched, and judged before anything is linked; a lockfile that has passed is remembered by digest, so
//! that nothing is asked again.

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    sync::mpsc::{self, Receiver},
};

use super::{Failures, Install, Network};
use crate::{
    diagnostic::Diagnostic,
    facts::{Answer, MetadataRequest, Oracle as _, Request, RequestId},
    graph::{Placement, Source},
    verify::Rules,
};

/// Raised by a change of what is checked.
const FORM: &str = "verified 1";
/// So many violations are shown.
const SHOWN: usize = 20;

/// A verification under way.
pub(super) struct Verification {
    asked: Vec<(wit::PackageName, String)>,
    answers: Receiver<(RequestId, Answer)>,
    verdict: PathBuf,
}

/// Asks for what is needed; `None` where nothing is to be verified, or has been.
pub(super) fn start(
    install: &Install<'_>,
    network: &Network<'_>,
    placement: &Placement,
) -> Result<Option<Verification>, Failures> {
    let config = &install.context.config;
    let policy = &config.settings.policy;
    // A placement with a lockfile of its own has just been resolved under the same policies.
    if config.install.trust_lockfile || placement.lockfile.is_some() || Rules::new(policy, 1).is_none() {
        return Ok(None);
    }
    let lockfile = fs::read(config.project.lockfile()).unwrap_or_default();
    let mut hasher = blake3::Hasher::new();
    let policy = serde_json::to_vec(policy).unwrap_or_default();
    for part in [FORM.as_bytes(), &lockfile, &policy] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    let verdict = config.directories.cache.join("v1").join("verified").join(hasher.finalize().to_hex().as_str());
    if verdict.exists() {
        return Ok(None);
    }
    let registry = network.registry()?;
    let (replies, answers) = mpsc::channel();
    let mut asked = Vec::new();
    let mut seen = BTreeSet::new();
    for snapshot in &placement.snapshots {
        let Source::Registry { registry: named, .. } = &snapshot.source else { continue };
        if !seen.insert((snapshot.name.to_string(), snapshot.version.clone(), named.clone())) {
            continue;
        }
        let id = RequestId::try_from(asked.len()).unwrap_or(RequestId::MAX);
        asked.push((snapshot.name.clone(), snapshot.version.clone()));
        let request = MetadataRequest {
            name: snapshot.name.clone(),
            registry: named.clone(),
            full: true,
            wanted: None,
            likely: false,
        };
        registry.ask(id, Request::Metadata(request), &replies);
    }
    Ok(Some(Verification { asked, answers, verdict }))
}

impl Verification {
    /// Waits for the answers and judges.
    pub(super) fn finish(self, install: &Install<'_>) -> Result<(), Failures> {
        let _phase = install.phase("verify");
        let policy = &install.context.config.settings.policy;
        let Some(rules) = Rules::new(policy, install.environment.now) else { return Ok(()) };
        let mut found = Vec::new();
        for (id, answer) in self.answers.iter().take(self.asked.len()) {
            let Some((name, version)) = self.asked.get(id as usize) else { continue };
            let metadata = if let Answer::Metadata(metadata) = &answer { Some(metadata) } else { None };
            found.extend(rules.judge(name.as_str(), version, metadata));
        }
        if found.is_empty() {
            // Without the note it is verified once more.
            let folder = self.verdict.parent().map_or(Ok(()), fs::create_dir_all);
            drop(folder.and_then(|()| fs::write(&self.verdict, b"")));
            return Ok(());
        }
        found.sort_by(|a, b| a.message.cmp(&b.message));
        let count = if found.len() == 1 { "1 entry".to_owned() } else { format!("{} entries", found.len()) };
        let mut diagnostic = Diagnostic::new(found[0].code, format!("{count} of the lockfile failed verification"));
        let mut lines: Vec<String> = found.iter().take(SHOWN).map(|violation| violation.message.clone()).collect();
        if found.len() > SHOWN {
            lines.push(format!("and {} more", found.len() - SHOWN));
        }
        diagnostic.causes.push(lines.join("\n"));
        Err(vec![diagnostic.with_hint(
            "Look at recent changes of pnpm-lock.yaml; if they are meant, exclude these versions from the policy, \
             or remove the lockfile to resolve anew",
        )])
    }
}
