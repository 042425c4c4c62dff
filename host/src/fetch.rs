//! Tarballs into the store, each once.
//!
//! ```text
//! hint (resolution) ─┐                                   ┌─▶ found
//!                    ├─▶ one flight per integrity ─ find ┤
//! plan (finish) ─────┘                                   └─▶ download (network threads) ─▶ import (CPU pool)
//!                                                        └ large, slow, pool idle ─▶ stream (CPU pool) ─┘
//! ```
//! Invariant: no package is looked up, downloaded or imported twice in a command, and bodies that wait for the CPU
//! never hold more than a fixed amount of memory, but for one of unknown length at a time.

mod arrivals;
mod download;
mod error;
mod fetcher;
mod flights;
mod incoming;
mod job;
mod news;
#[cfg(test)]
mod tests;

pub use error::{FetchError, ImportFailure};
pub use fetcher::{FetchOptions, Fetcher};
pub use job::FetchJob;
pub use news::{Event, News, Step};

use wit::Integrity;

use crate::graph::Source;

/// The largest tarball, packed, bytes.
pub(crate) const MAX_TARBALL: u64 = 1 << 30;

/// The store as the fetcher sees it. All methods are called from the CPU pool, for several packages at once.
pub trait PackageStore: Send + Sync + 'static {
    /// What the store knows of a package.
    type Index: Send + Sync + 'static;
    /// A tarball that has the integrity that was promised.
    type Verified: Send + 'static;
    /// The package with this integrity, if it is there and whole.
    fn find(&self, integrity: &Integrity) -> Option<Self::Index>;
    /// What was found of this package counts no more: it is looked for again.
    fn forget(&self, _integrity: &Integrity) {}
    /// Holds tarballs to their integrity; for those that have another, [`ImportFailure`] at their place.
    fn verify(&self, tarballs: Vec<(Vec<u8>, Integrity)>) -> Vec<Result<Self::Verified, ImportFailure>>;
    /// Takes a tarball in.
    ///
    /// # Errors
    /// [`ImportFailure`]; the store is as it was.
    fn import(&self, tarball: Self::Verified) -> Result<Self::Index, ImportFailure>;
    /// A package that is taken in while its tarball comes. It is removed unless it is finished.
    type Stream: Send + 'static;
    /// Begins to take in a tarball of which nothing has come yet; `None`: this store or this time it cannot be.
    fn stream(&self) -> Option<Self::Stream>;
    /// Takes the next bytes; `None`: the whole is to be imported.
    fn feed(&self, stream: &mut Self::Stream, bytes: &[u8]) -> Option<()>;
    /// The tarball has come. `None` unless it has this integrity and is as others are: the whole is to be verified and
    /// imported, which tells what is wrong.
    fn finish(&self, stream: Self::Stream, integrity: &Integrity) -> Option<Self::Index>;
    /// Has a package that no digest of a tarball stands for: a folder, a commit, an archive that a git host makes.
    ///
    /// # Errors
    /// [`ImportFailure`]; the store is as it was.
    fn gather(&self, source: &Source) -> Result<Self::Index, ImportFailure>;
}
