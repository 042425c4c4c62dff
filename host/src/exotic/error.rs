//! What can go wrong with a package that no registry vouches for.

use crate::{
    facts::{Reason, Unavailable},
    pack::PackError,
    registry::RegistryError,
};

/// Why such a package could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ExoticError {
    /// The stable code.
    pub(crate) code: &'static str,
    /// One sentence.
    pub(crate) message: String,
    reason: Reason,
}

impl ExoticError {
    pub(super) fn new(code: &'static str, message: String) -> Self {
        Self { code, message, reason: Reason::Invalid }
    }

    pub(super) fn offline(what: &str) -> Self {
        let message = format!("the network may not be used, and the store lacks {what}");
        Self { code: "ERR_PNPM_NO_OFFLINE_TARBALL", message, reason: Reason::Offline }
    }

    pub(super) fn unsupported(what: &str) -> Self {
        let shown: String = what.chars().filter(|c| !c.is_control()).take(200).collect();
        Self::new("ERR_PNPM_SPEC_NOT_SUPPORTED_BY_ANY_RESOLVER", format!("{shown} isn't supported"))
    }

    pub(super) fn import(error: &store::ImportError) -> Self {
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Self::new(error.code(), format!("{error}{cause}"))
    }

    pub(super) fn rejected(error: &store::Rejection) -> Self {
        Self::new(error.code(), error.to_string())
    }

    pub(super) fn network(error: &RegistryError) -> Self {
        use crate::diagnostic::Diagnose as _;
        let code = match error {
            RegistryError::Network { .. } => "ERR_PNPM_TARBALL_FETCH",
            RegistryError::Offline { .. } => "ERR_PNPM_NO_OFFLINE_TARBALL",
            other => other.code(),
        };
        Self { code, message: error.to_string(), reason: error.unavailable().reason }
    }

    /// As a session is told.
    pub(super) fn unavailable(&self) -> Unavailable {
        let detail = Some(format!("{}: {}", self.code, self.message));
        Unavailable { reason: self.reason, url: None, status: None, detail }
    }
}

impl From<PackError> for ExoticError {
    fn from(error: PackError) -> Self {
        let code = match error {
            PackError::Read { .. } => "ERR_PNPM_DIRECTORY_FETCHER_IO",
            PackError::TooLarge { .. } => "ERR_PNPM_TARBALL_TOO_LARGE",
        };
        Self::new(code, error.to_string())
    }
}
