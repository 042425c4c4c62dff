//! The npm registry: HTTP, credentials, packuments as byte spans, their cache on disk.
//!
//! ```text
//! engine ─ ask ─▶ oracle ─▶ memory ─▶ cache (disk) ─▶ http ─▶ the registry
//!                   │                                  ▲
//!                   └─ download ─▶ fetch ── tarballs ──┘   two lanes: metadata for latency, tarballs for throughput
//! ```
//! Nothing here starts a thread or opens a socket before the first request that needs one.

mod addresses;
mod body;
mod budget;
mod cache;
mod connect;
mod default;
mod error;
mod held;
mod helper;
mod http;
mod lanes;
mod load;
mod lookups;
mod manifest;
mod modified;
mod oracle;
mod packument;
mod retry;
mod settings;
mod spans;
#[cfg(test)]
pub(crate) mod testing;
mod tls;
mod urls;

pub(crate) use body::{End, Growing, Watch, tarball_in};
pub(crate) use budget::{Budget, Memory};
pub use cache::MAX_FRESH;
pub use connect::{Surroundings, connect};
pub use default::{DefaultRegistryError, default_registry};
pub use error::RegistryError;
pub use held::{Gone, Packument};
pub use http::{Http, Response};
pub(crate) use http::{Query, Started};
pub use lanes::Lane;
pub use oracle::{Downloader, Registry};
pub use packument::PackumentError;
pub use settings::{NetworkMode, NetworkSettings, RetryPolicy, Timeouts};
pub(crate) use urls::{may_follow, parse as parse_url};
pub use urls::{registry_for, tarball_url, without_secrets};
