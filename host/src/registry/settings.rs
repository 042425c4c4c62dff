//! Everything the network needs to know, as one value that `config` fills.

use std::{path::PathBuf, time::Duration};

use wit::settings::Registries;

use crate::config::{
    credentials::Credentials,
    npmrc::{ProxySettings, TlsSettings},
};

/// How registries are reached.
#[derive(Debug, Clone)]
pub struct NetworkSettings {
    /// Addresses by scope and name.
    pub registries: Registries,
    /// What goes with which address.
    pub credentials: Credentials,
    /// Proxies.
    pub proxy: ProxySettings,
    /// Whom TLS trusts.
    pub tls: TlsSettings,
    /// What happens after a failure that may pass.
    pub retry: RetryPolicy,
    /// When a request is given up.
    pub timeouts: Timeouts,
    /// Requests at once.
    pub concurrency: usize,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// Whether the network may be used.
    pub mode: NetworkMode,
    /// The folder of all caches; ours is `v1/metadata` in it.
    pub cache_dir: PathBuf,
    /// Milliseconds since 1970 at the start of the command.
    pub now: u64,
}

impl NetworkSettings {
    /// The defaults, with the cache in `cache_dir`.
    #[must_use]
    pub fn new(registries: Registries, cache_dir: PathBuf, now: u64) -> Self {
        Self {
            registries,
            credentials: Credentials::default(),
            proxy: ProxySettings::default(),
            tls: TlsSettings::default(),
            retry: RetryPolicy::default(),
            timeouts: Timeouts::default(),
            concurrency: 64,
            user_agent: concat!("wasi-pm/", env!("CARGO_PKG_VERSION")).to_owned(),
            mode: NetworkMode::Online,
            cache_dir,
            now,
        }
    }
}

/// Whether the network may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkMode {
    /// Cached metadata is asked about again when it is no longer fresh.
    Online,
    /// Cached metadata is asked about again in any case.
    Revalidate,
    /// Cached metadata is used however old it is.
    PreferOffline,
    /// Nothing is asked.
    Offline,
}

/// What happens after a failure that may pass: attempt `n` waits about `min * factor^(n-1)`, at most `max`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    /// Attempts after the first.
    pub retries: u32,
    /// By how much the wait grows.
    pub factor: f64,
    /// The first wait.
    pub min: Duration,
    /// The longest wait.
    pub max: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { retries: 2, factor: 4.0, min: Duration::from_millis(250), max: Duration::from_secs(8) }
    }
}

/// When a request is given up. There is no limit for a whole request: a large file on a slow line may take its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To connect.
    pub connect: Duration,
    /// From the request to the head of the answer.
    pub headers: Duration,
    /// Without progress of a kilobyte of body.
    pub stall: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let connect = Duration::from_secs(10);
        Self { connect, headers: Duration::from_secs(60), stall: Duration::from_secs(15) }
    }
}
