//! A package of a registry that a placement holds, and what is wrong with it.

use wit::{PackageName, settings::Registries};

use super::{Failures, Network, one};
use crate::{
    facts::{Answer, Metadata, Reason, Unavailable},
    graph::{Snapshot, Source},
    registry::{registry_for, tarball_url},
    verify::{Rules, Violation, bind, same_tarball},
};

/// A package to be verified.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) name: PackageName,
    pub(super) version: String,
    pub(super) registry: Option<String>,
    /// Where the lockfile has it from, if that is not where its registry keeps tarballs.
    pub(super) tarball: Option<String>,
    /// It is held to age and trust.
    pub(super) is_judged: bool,
    /// The lockfile names an address, be it the usual one.
    pub(super) is_addressed: bool,
}

impl Entry {
    /// What is to be verified of a package under these rules.
    pub(super) fn of(
        network: &Network<'_>,
        rules: Option<&Rules<'_>>,
        snapshot: &Snapshot,
    ) -> Result<Option<Self>, Failures> {
        let Source::Registry { registry, tarball, .. } = &snapshot.source else { return Ok(None) };
        let is_addressed = tarball.is_some();
        let tarball = match tarball {
            Some(tarball) => elsewhere(&network.settings()?.registries, snapshot, registry.as_deref(), tarball)?,
            None => None,
        };
        let is_judged = rules.is_some_and(|rules| rules.concern(snapshot.name.as_str(), &snapshot.version));
        let is_held = is_judged || tarball.is_some();
        Ok(is_held.then(|| {
            let (name, version, registry) = (snapshot.name.clone(), snapshot.version.clone(), registry.clone());
            Self { name, version, registry, tarball, is_judged, is_addressed }
        }))
    }

    /// `name@version`.
    pub(super) fn package_id(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// All of it, without line breaks.
    pub(super) fn line(&self) -> String {
        let text = (&self.name, &self.version, &self.registry, &self.tarball, self.is_judged);
        serde_json::to_string(&text).expect("texts and a flag are JSON")
    }

    pub(super) fn judge(&self, rules: Option<&Rules<'_>>, answer: &Answer) -> Option<Violation> {
        let (name, version) = (self.name.as_str(), self.version.as_str());
        let metadata = match answer {
            Answer::Metadata(metadata) => Some(metadata),
            Answer::Unavailable(why) if self.tarball.is_some() || why.reason != Reason::NotFound => {
                return Some(self.unavailable(why));
            }
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
        let code = match why.reason {
            Reason::Offline => "ERR_PNPM_NO_OFFLINE_META",
            _ => "ERR_PNPM_META_FETCH_FAIL",
        };
        let what = if self.tarball.is_some() { "the tarball URL of " } else { "" };
        Violation { code, message: format!("{what}{name}@{version} could not be checked{detail}") }
    }
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
