//! The key of a package: where it lies, from what it was asked for by. One invariant: a key is hexadecimal digits and
//! an optional algorithm, so it can be used as path components as it is.

use wit::{Integrity, names::Algorithm};

use crate::digest::hex;

/// Names one package of the store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// The first byte, two hexadecimal digits: a folder of `packages`.
    pub(crate) shard: String,
    /// The rest, and the algorithm unless it is sha512.
    pub(crate) name: String,
}

/// So many bytes of a digest make the key: 256 bits are as good as the whole, and shorter paths are faster.
const BYTES: usize = 32;

impl Key {
    /// The keys of the packages whose tarballs have this integrity: one for each digest, in their order. A package is
    /// only ever filed under the digest that its own bytes have, so that nobody can put other bytes under it.
    pub(crate) fn each(integrity: &Integrity) -> impl Iterator<Item = Self> {
        integrity.digests.iter().map(|digest| Self::of(integrity.algorithm, digest))
    }

    /// The key of the package whose tarball has this digest.
    #[must_use]
    pub fn of(algorithm: Algorithm, digest: &[u8]) -> Self {
        let hex = hex(&digest[..digest.len().min(BYTES)]);
        let (shard, rest) = hex.split_at(hex.len().min(2));
        let name = match algorithm {
            Algorithm::Sha512 => rest.to_owned(),
            weaker => format!("{rest}-{}", weaker.name()),
        };
        Self { shard: shard.to_owned(), name }
    }

    /// `<shard>/<name>`: relative to `packages`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}", self.shard, self.name)
    }
}
