//! One package to have: what it is, where its bytes are, and what they must hash to.

use reqwest::Url;
use wit::{Integrity, PackageName, settings::Registries};

use super::FetchError;
use crate::{
    facts::Download,
    graph::{Snapshot, Source},
    registry::{RegistryError, may_follow, parse_url, registry_for, tarball_url, without_secrets},
};

/// What the type of a resolution begins with that only a plugin can read.
const CUSTOM: &str = "custom:";

/// One package to have.
#[derive(Debug, Clone, PartialEq)]
pub struct FetchJob {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: String,
    /// Where its bytes come from.
    pub source: Source,
    /// Large ones first; bytes.
    pub size_hint: Option<u64>,
    /// A failure is told as a warning.
    pub optional: bool,
}

impl From<&Snapshot> for FetchJob {
    fn from(snapshot: &Snapshot) -> Self {
        Self {
            name: snapshot.name.clone(),
            version: snapshot.version.clone(),
            source: snapshot.source.clone(),
            size_hint: None,
            optional: snapshot.optional,
        }
    }
}

impl From<Download> for FetchJob {
    fn from(download: Download) -> Self {
        let Download { name, version, source, size_hint } = download;
        Self { name, version, source, size_hint, optional: false }
    }
}

/// Where bytes are.
#[derive(Debug)]
pub(super) enum Place {
    Remote(Url),
    /// Relative to the lockfile's folder.
    Local(String),
}

impl FetchJob {
    /// `name@version`.
    #[must_use]
    pub fn package_id(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// What makes two jobs the same: the integrity, or the source where there is none.
    pub(super) fn key(&self) -> String {
        match &self.source {
            source if self.is_gathered() => format!("{source:?}"),
            Source::Registry { integrity: Some(integrity), .. }
            | Source::Tarball { integrity: Some(integrity), .. } => integrity.clone(),
            Source::Tarball { url, path, .. } => format!("{url}#{}", path.as_deref().unwrap_or_default()),
            source => format!("{}@{} {source:?}", self.name, self.version),
        }
    }

    /// Its files are chosen from a folder, a commit or an archive.
    pub(super) fn is_gathered(&self) -> bool {
        match &self.source {
            Source::Directory(_) | Source::Git { .. } => true,
            Source::Tarball { git_hosted, path, .. } => *git_hosted || path.is_some(),
            Source::Registry { .. } | Source::Unsupported(_) | Source::Custom { .. } => false,
        }
    }

    /// The integrity; `None` if there is none.
    pub(super) fn integrity(&self) -> Result<Option<Integrity>, FetchError> {
        match &self.source {
            Source::Registry { integrity, .. } | Source::Tarball { integrity, .. } => integrity
                .as_deref()
                .map(Integrity::parse)
                .transpose()
                .map_err(|source| FetchError::BadIntegrity { package: self.package_id(), source }),
            _ => Ok(None),
        }
    }

    /// Where its bytes are.
    pub(super) fn place(&self, registries: &Registries) -> Result<Place, FetchError> {
        let package = self.package_id();
        let unsupported = |what: &str| FetchError::Unsupported { package: package.clone(), what: what.to_owned() };
        match &self.source {
            Source::Registry { registry, tarball, .. } => self
                .in_registry(registries, registry.as_deref(), tarball.as_deref())
                .map(Place::Remote)
                .map_err(|source| FetchError::Registry { package: package.clone(), source }),
            Source::Tarball { url, .. } => match url.strip_prefix("file:") {
                Some(path) => Ok(Place::Local(path.to_owned())),
                None => parse_url(url)
                    .map(Place::Remote)
                    .map_err(|source| FetchError::Registry { package: package.clone(), source }),
            },
            Source::Git { .. } => Err(unsupported("a git repository")),
            Source::Directory(_) => Err(unsupported("a folder")),
            Source::Unsupported(kind) if kind.starts_with(CUSTOM) => {
                Err(FetchError::Custom { package, kind: kind.clone() })
            }
            Source::Unsupported(what) => Err(unsupported(what)),
            Source::Custom { plugin, .. } => Err(FetchError::Custom { package, kind: format!("{CUSTOM}{plugin}") }),
        }
    }

    fn in_registry(
        &self,
        registries: &Registries,
        named: Option<&str>,
        tarball: Option<&str>,
    ) -> Result<Url, RegistryError> {
        let registry = registry_for(registries, &self.name, named)?;
        let Some(tarball) = tarball else {
            return parse_url(&tarball_url(&registry, &self.name, &self.version));
        };
        // Registries name tarballs by absolute addresses; lockfiles may hold them relative to the registry.
        let mut url = match registry.join(tarball) {
            Ok(joined) => parse_url(joined.as_str())?,
            Err(_) => parse_url(tarball)?,
        };
        let downgraded = registry.scheme() == "https" && url.scheme() == "http";
        if downgraded && url.host_str() == registry.host_str() && url.port().is_none() {
            // It cannot fail: both schemes are special and the address has no port.
            let _ = url.set_scheme("https");
        }
        may_follow(&registry, &url)
            .map_err(|reason| RegistryError::BadUrl { url: without_secrets(url.as_str()), reason })?;
        Ok(url)
    }
}
