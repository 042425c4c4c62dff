//! What a commit or an archive came to: a note in the cache that leads to the package in the store. It is a cache; a
//! note that is damaged, or whose package is gone, counts as none.

use std::{fs, path::PathBuf};

use store::{Imported, Store};
use wit::Integrity;

use crate::cache;

/// One note.
pub(super) struct Note {
    path: PathBuf,
}

impl Note {
    /// Of what this key names; its parts are kept apart.
    pub(super) fn new(cache_dir: &std::path::Path, key: &[&str]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in key {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        Self { path: cache_dir.join("v1").join("exotic").join(hasher.finalize().to_hex().as_str()) }
    }

    /// The package, if it is known and in the store.
    pub(super) fn recall(&self, store: &Store) -> Option<Imported> {
        let integrity = Integrity::parse(fs::read_to_string(&self.path).ok()?.trim()).ok()?;
        let index = store.find(&integrity).ok().flatten()?;
        Some(Imported { index, integrity, is_new: false })
    }

    /// Remembers it. Without a cache that can be written the next run looks again.
    pub(super) fn keep(&self, integrity: &Integrity) {
        drop(cache::replace(&self.path, &[integrity.to_string().as_bytes()]));
    }
}
