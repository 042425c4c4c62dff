//! `store status`: every byte of the store, compared with the digests it is filed under.

use std::{io, path::Path};

use rayon::prelude::*;

use crate::{
    Store,
    blob::{base, digest_of},
    index::{FileEntry, INDEX, PackageIndex},
    key::Key,
    package::{Damage, PackageDir},
};

/// A package that is not what its index says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    /// `name@version`; the folder where the index cannot be read.
    pub package: String,
    /// What is wrong with it; empty: the index cannot be read.
    pub damage: Vec<Damage>,
}

impl Store {
    /// Reads every file of every package and compares it with its digest; in parallel.
    ///
    /// # Errors
    /// If the folders of the store cannot be listed.
    pub fn status(&self) -> io::Result<Vec<Damaged>> {
        let mut found: Vec<Damaged> = self.keys()?.par_iter().filter_map(|key| self.verify(key)).collect();
        found.sort_by(|a, b| a.package.cmp(&b.package));
        Ok(found)
    }

    /// The keys of all packages.
    pub(crate) fn keys(&self) -> io::Result<Vec<Key>> {
        let mut keys = Vec::new();
        for shard in self.packages().entries()? {
            let shard = shard?;
            let Ok(name) = shard.file_name().into_string() else { continue };
            let Ok(dir) = shard.open_dir() else { continue };
            for package in dir.entries()? {
                if let Ok(package) = package?.file_name().into_string() {
                    keys.push(Key { shard: name.clone(), name: package });
                }
            }
        }
        Ok(keys)
    }

    fn verify(&self, key: &Key) -> Option<Damaged> {
        let bytes = self.packages().read(Path::new(&key.path()).join(INDEX)).unwrap_or_default();
        let opened = self.packages().open_dir(key.path()).ok();
        let (Some(index), Some(dir)) = (PackageIndex::decode(&bytes), opened) else {
            return Some(Damaged { package: key.path(), damage: Vec::new() });
        };
        let package = PackageDir { dir };
        // Of a package of the former form no more is known than the sizes.
        let held_to = if PackageIndex::names_contents(&bytes) { compare } else { PackageDir::check };
        let damage: Vec<Damage> = index.files.iter().filter_map(|file| held_to(&package, file).err()).collect();
        (!damage.is_empty()).then(|| Damaged { package: format!("{}@{}", index.name, index.version), damage })
    }
}

fn compare(package: &PackageDir, file: &FileEntry) -> Result<(), Damage> {
    package.check(file)?;
    let digest = package.dir().open(&file.blob).and_then(digest_of);
    let found =
        digest.map_err(|error| Damage::Missing { path: file.path.clone(), reason: error.to_string() }).map(base)?;
    if file.blob.starts_with(&found) { Ok(()) } else { Err(Damage::Content { path: file.path.clone() }) }
}

#[cfg(test)]
mod tests;
