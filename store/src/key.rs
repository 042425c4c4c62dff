//! The key of a package: where it lies, from what it was asked for by. One invariant: a key is hexadecimal digits and
//! an optional algorithm, so it can be used as path components as it is.

use std::fmt::Write as _;

use wit::{Integrity, names::Algorithm};

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
    /// The key of the package whose tarball has this integrity. Of several digests the first counts.
    #[must_use]
    pub fn of(integrity: &Integrity) -> Self {
        let digest = integrity.digests.first().map_or(&[][..], |digest| digest);
        let hex = digest.iter().take(BYTES).fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}"); // writing to a string cannot fail
            hex
        });
        let (shard, rest) = hex.split_at(hex.len().min(2));
        let name = match integrity.algorithm {
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
