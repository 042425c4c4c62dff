//! Why a package could not be had.

use crate::{diagnostic::Diagnose, registry::RegistryError};

/// The store refused a tarball.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ImportFailure {
    /// The stable code.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
}

/// Why a package could not be had. It names the package as `name@version`.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FetchError {
    /// The registry or the network failed.
    #[error("{package} could not be fetched")]
    Registry {
        /// Which.
        package: String,
        /// Why.
        source: RegistryError,
    },
    /// The tarball is not what was promised, or is damaged.
    #[error("{package} from {url} cannot be used")]
    Import {
        /// Which.
        package: String,
        /// From where, without credentials.
        url: String,
        /// Why.
        source: ImportFailure,
    },
    /// Nothing says what the tarball should hash to.
    #[error("{package} has no integrity: nothing says what its tarball should contain")]
    NoIntegrity {
        /// Which.
        package: String,
    },
    /// The integrity cannot be read.
    #[error("{package} has an integrity that cannot be read")]
    BadIntegrity {
        /// Which.
        package: String,
        /// Why.
        source: wit::BadName,
    },
    /// Not in the store, and the network may not be used.
    #[error("the network may not be used, and the store lacks {}", missing.join(", "))]
    Offline {
        /// All that is missing, `name@version`.
        missing: Vec<String>,
    },
    /// A local tarball cannot be read.
    #[error("the tarball of {package} at {path} cannot be read: {detail}")]
    Local {
        /// Which.
        package: String,
        /// Where.
        path: String,
        /// Why.
        detail: String,
    },
    /// A folder, a commit or an archive cannot be had.
    #[error("{package}: {source}")]
    Gather {
        /// Which.
        package: String,
        /// Why.
        source: ImportFailure,
    },
    /// What a plugin has resolved, and none is there to fetch.
    #[error("{package} cannot be fetched: its resolution is of the type \"{kind}\", which only a plugin can handle")]
    Custom {
        /// Which.
        package: String,
        /// The type.
        kind: String,
    },
    /// A source that this version does not fetch.
    #[error("{package} comes from {what}, which cannot be fetched yet")]
    Unsupported {
        /// Which.
        package: String,
        /// What it is.
        what: String,
    },
}

impl Diagnose for FetchError {
    fn code(&self) -> &'static str {
        match self {
            Self::Registry { source: RegistryError::Network { .. }, .. } => "ERR_PNPM_TARBALL_FETCH",
            Self::Registry { source: RegistryError::Invalid { .. }, .. } => "ERR_PNPM_TARBALL_EXTRACT",
            Self::Registry { source, .. } => source.code(),
            Self::Import { source, .. } | Self::Gather { source, .. } => source.code,
            Self::NoIntegrity { .. } => "ERR_PNPM_MISSING_TARBALL_INTEGRITY",
            Self::BadIntegrity { .. } => "ERR_WASI_PM_BAD_INTEGRITY",
            Self::Offline { .. } => "ERR_PNPM_NO_OFFLINE_TARBALL",
            Self::Local { .. } => "ERR_PNPM_TARBALL_FETCH",
            Self::Custom { .. } => "ERR_PNPM_UNSUPPORTED_RESOLUTION_TYPE",
            Self::Unsupported { .. } => "ERR_WASI_PM_UNSUPPORTED_SOURCE",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Registry { source, .. } => source.hint(),
            Self::Offline { .. } => Some("run once without --offline".to_owned()),
            Self::Custom { .. } => Some("Leave the package out: this version of wasi-pm loads no plugins".to_owned()),
            _ => None,
        }
    }
}
