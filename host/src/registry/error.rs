//! What goes wrong between us and a registry. Addresses in here carry no credentials.

use crate::{
    diagnostic::Diagnose,
    facts::{Reason, Unavailable},
};

use super::PackumentError;

/// Why something could not be had from a registry.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RegistryError {
    /// An answer that is final: 4xx, or a server error after all retries.
    #[error("{url} answered {status}{}", said(message))]
    Status {
        /// Where.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The registry's own words, if it has some.
        message: String,
        /// Whether it was told who asks.
        identity: Identity,
    },
    /// The connection failed, after all retries.
    #[error("{url} could not be reached: {detail}")]
    Network {
        /// Where.
        url: String,
        /// In the words of the lower layer.
        detail: String,
    },
    /// TLS does not trust the other side.
    #[error("the certificate of {url} is not trusted: {detail}")]
    Certificate {
        /// Where.
        url: String,
        /// In the words of the lower layer.
        detail: String,
    },
    /// A redirect that is not followed.
    #[error("{url} leads to an address that is not followed: {detail}")]
    Redirect {
        /// Where.
        url: String,
        /// Why not.
        detail: String,
    },
    /// The server asks to wait for longer than a minute.
    #[error("{url} asks to try again after {seconds} seconds")]
    RetryLater {
        /// Where.
        url: String,
        /// How long.
        seconds: u64,
    },
    /// It came, but is not what it should be.
    #[error("{url} sent something else than was asked for: {detail}")]
    Invalid {
        /// Where.
        url: String,
        /// What is wrong.
        detail: String,
        /// It is a web page.
        html: bool,
    },
    /// It is over a limit.
    #[error("the answer of {url} is larger than {limit} bytes")]
    TooLarge {
        /// Where.
        url: String,
        /// The limit, bytes.
        limit: usize,
    },
    /// Not in the cache, and the network may not be used.
    #[error("{what} is not in the cache, and the network may not be used")]
    Offline {
        /// The package.
        what: String,
    },
    /// An address that cannot be used.
    #[error("{url:?} cannot be used: {reason}")]
    BadUrl {
        /// As it was written, without credentials.
        url: String,
        /// Why.
        reason: &'static str,
    },
    /// A token helper failed, or a credential cannot be read.
    #[error("the credentials for {url} cannot be had: {detail}")]
    Credentials {
        /// Where.
        url: String,
        /// Why.
        detail: String,
    },
}

/// Whether a registry was told who asks. Where something is private, `404` may mean that it was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// No credentials are configured for the address.
    None,
    /// Credentials are configured, but were not sent, because the address is plain http.
    Withheld,
    /// Credentials were sent.
    Shown,
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "no credentials were sent",
            Self::Withheld => "credentials were held back",
            Self::Shown => "credentials were sent",
        })
    }
}

fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

impl Diagnose for RegistryError {
    fn code(&self) -> &'static str {
        match self {
            Self::Status { status: 401, .. } => "ERR_PNPM_FETCH_401",
            Self::Status { status: 403, .. } => "ERR_PNPM_FETCH_403",
            Self::Status { status: 404, .. } => "ERR_PNPM_FETCH_404",
            Self::Status { status: 500, .. } => "ERR_PNPM_FETCH_500",
            Self::Status { .. } => "ERR_PNPM_FETCH_STATUS",
            Self::Network { .. } => "ERR_PNPM_META_FETCH_FAIL",
            Self::Certificate { .. } => "ERR_WASI_PM_CERTIFICATE",
            Self::Redirect { .. } => "ERR_WASI_PM_REDIRECT",
            Self::RetryLater { .. } => "ERR_WASI_PM_RETRY_LATER",
            Self::Invalid { .. } => "ERR_PNPM_BROKEN_METADATA_JSON",
            Self::TooLarge { .. } => "ERR_WASI_PM_TOO_LARGE",
            Self::Offline { .. } => "ERR_PNPM_NO_OFFLINE_META",
            Self::BadUrl { .. } => "ERR_WASI_PM_BAD_URL",
            Self::Credentials { .. } => "ERR_WASI_PM_CREDENTIALS",
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Status { identity: Identity::Withheld, .. } => {
                "credentials are configured for this address, but they are sent over https only: \
                 use an https address for the registry"
            }
            Self::Status { status: 401 | 403, .. } => {
                "log in to the registry, or set a token for it in the user-level .npmrc"
            }
            Self::Status { status: 404, .. } => {
                "check the name; if the package is private, a token for its registry may be missing"
            }
            Self::Certificate { .. } => {
                "set cafile to the certificate of your company's authority in the user-level .npmrc"
            }
            Self::Invalid { html: true, .. } => "a proxy or a login page of the network may have answered in its place",
            Self::Offline { .. } => "run once without --offline",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl RegistryError {
    /// The same words as an answer to a session.
    #[must_use]
    pub fn unavailable(&self) -> Unavailable {
        let (reason, url, status) = match self {
            Self::Status { url, status, .. } => (
                match status {
                    401 => Reason::Unauthorized,
                    403 => Reason::Forbidden,
                    404 | 410 => Reason::NotFound,
                    _ => Reason::Network,
                },
                url,
                Some(*status),
            ),
            Self::Network { url, .. } | Self::Certificate { url, .. } | Self::Redirect { url, .. } => {
                (Reason::Network, url, None)
            }
            Self::RetryLater { url, .. } => (Reason::Network, url, Some(429)),
            Self::Invalid { url, .. } | Self::BadUrl { url, .. } => (Reason::Invalid, url, None),
            Self::Credentials { url, .. } => (Reason::Unauthorized, url, None),
            Self::TooLarge { url, .. } => (Reason::TooLarge, url, None),
            Self::Offline { .. } => {
                return Unavailable {
                    reason: Reason::Offline,
                    url: None,
                    status: None,
                    detail: Some(self.to_string()),
                };
            }
        };
        // The session has a hint of its own for a plain status.
        let hint = match self {
            Self::Status { identity: Identity::Withheld, .. } => self.hint(),
            Self::Status { status: 401 | 403 | 404, identity, .. } => Some(identity.to_string()),
            Self::Status { .. } => None,
            _ => self.hint(),
        };
        let detail = match hint {
            Some(hint) => format!("{self} ({hint})"),
            None => self.to_string(),
        };
        Unavailable { reason, url: Some(url.clone()), status, detail: Some(detail) }
    }

    /// From a body that is no packument.
    pub(super) fn from_packument(url: &str, error: &PackumentError) -> Self {
        let url = url.to_owned();
        match error {
            PackumentError::TooLarge(limit) => Self::TooLarge { url, limit: *limit },
            PackumentError::Html => Self::Invalid { url, detail: error.to_string(), html: true },
            _ => Self::Invalid { url, detail: error.to_string(), html: false },
        }
    }
}
