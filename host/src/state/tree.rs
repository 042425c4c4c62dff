//! Our own record of what stands in `node_modules`: per slot a digest of what it is and of where its links lead, the
//! links of projects, the hoisted links. It lives in the virtual store, so that it is swapped together with it, and is
//! written when everything else is done; before a change it is written without what is about to change.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{graph::Group, link::Folder};

/// The file's name inside the virtual store.
pub const TREE_FILE: &str = ".wasi-pm-tree";
const MAGIC: &[u8] = b"wasi-pm tree 2\n";
const MAX_BYTES: u64 = 256 << 20;

/// Half of a BLAKE3 digest.
pub type Digest = [u8; 16];

/// What stands in `node_modules`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// The settings that shape the tree as a whole.
    pub shape: Digest,
    /// By slot.
    pub slots: Arc<BTreeMap<String, SlotRecord>>,
    /// By importer, then alias.
    pub roots: BTreeMap<String, BTreeMap<String, RootRecord>>,
    /// Private hoisted links: alias to target.
    pub hoisted: Arc<BTreeMap<String, String>>,
    /// Names of the shims in each importer's `.bin`; the key `.pnpm` is the virtual store's.
    pub bins: BTreeMap<String, Vec<String>>,
    /// Of `.modules.yaml`: another content means that another tool was here.
    pub modules_yaml: Digest,
}

/// One slot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotRecord {
    /// Of dep-path, source and patch.
    pub identity: Digest,
    /// Of the aliases and targets of its links.
    pub edges: Digest,
    /// What the next run would else have to look up in the store; nothing in a tree that no run has linked yet.
    pub package: PackageRecord,
}

/// What a package holds, as far as a run needs to know that does not touch it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageRecord {
    /// It has scripts that would run on installation.
    pub builds: bool,
    /// It has executables.
    pub bins: bool,
}

/// One link in a project's `node_modules`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootRecord {
    /// The link's text.
    pub target: String,
    /// The package behind it.
    pub real_name: String,
    /// Its version.
    pub version: Option<String>,
    /// The field of the manifest; `None`: hoisted publicly.
    pub group: Option<Group>,
}

impl Tree {
    /// Reads it from the virtual store; `None` if it is not there, torn or of another version.
    #[must_use]
    pub fn read(virtual_store: &Folder) -> Option<Self> {
        use std::io::Read as _;
        let file = virtual_store.read(TREE_FILE).ok()?;
        let mut bytes = Vec::new();
        file.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
        Self::decode(&bytes)
    }

    /// From its bytes.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let body = bytes.strip_prefix(MAGIC)?;
        let (checksum, body) = body.split_at_checked(16)?;
        (digest(body) == checksum).then(|| postcard::from_bytes(body).ok()).flatten()
    }

    /// To bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let start = [MAGIC, &Digest::default()].concat();
        let (checksum, body) = (MAGIC.len(), start.len());
        let mut bytes = postcard::to_extend(self, start).expect("a tree has no value that postcard cannot write");
        let digest = digest(&bytes[body..]);
        bytes[checksum..body].copy_from_slice(&digest);
        bytes
    }
}

/// Half of the BLAKE3 digest of some bytes.
#[must_use]
pub fn digest(bytes: &[u8]) -> Digest {
    let mut half = [0; 16];
    half.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
    half
}

#[cfg(test)]
mod tests {
    use super::Tree;

    #[test]
    fn a_tree_survives_a_round_trip_and_a_torn_one_is_refused() {
        let tree = Tree { shape: [7; 16], ..Tree::default() };
        let bytes = tree.encode();
        assert_eq!(Tree::decode(&bytes), Some(tree));
        assert_eq!(Tree::decode(&bytes[..bytes.len() - 1]), None);
        assert_eq!(Tree::decode(b"something else"), None);
    }
}
