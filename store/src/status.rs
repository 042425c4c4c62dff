//! `store status`: every file of the store, compared with the digest it is filed under. Files of packages of the former
//! form are filed under digests that are not computed any more: only their sizes are compared, and that is told.

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

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Packages that are not what their index says, sorted by name.
    pub damaged: Vec<Damaged>,
    /// Of so many other packages no more than the sizes of their files could be compared.
    pub by_size: usize,
}

/// What was found of one package.
enum Found {
    Whole,
    SizesOnly,
    Damaged(Damaged),
}

impl Store {
    /// Reads every file of every package and compares it with its digest; in parallel.
    ///
    /// # Errors
    /// If the folders of the store cannot be listed.
    pub fn status(&self) -> io::Result<Status> {
        let found: Vec<Found> = self.keys()?.par_iter().map(|key| self.verify(key)).collect();
        let mut status = Status::default();
        for found in found {
            match found {
                Found::Whole => {}
                Found::SizesOnly => status.by_size += 1,
                Found::Damaged(damaged) => status.damaged.push(damaged),
            }
        }
        status.damaged.sort_by(|a, b| a.package.cmp(&b.package));
        Ok(status)
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

    fn verify(&self, key: &Key) -> Found {
        let bytes = self.packages().read(Path::new(&key.path()).join(INDEX)).unwrap_or_default();
        let opened = self.packages().open_dir(key.path()).ok();
        let (Some(index), Some(dir)) = (PackageIndex::decode(&bytes), opened) else {
            return Found::Damaged(Damaged { package: key.path(), damage: Vec::new() });
        };
        let package = PackageDir { dir };
        let names_contents = PackageIndex::names_contents(&bytes);
        let held_to = if names_contents { compare } else { PackageDir::check };
        let damage: Vec<Damage> = index.files.iter().filter_map(|file| held_to(&package, file).err()).collect();
        match damage.is_empty() {
            true if names_contents => Found::Whole,
            true => Found::SizesOnly,
            false => Found::Damaged(Damaged { package: format!("{}@{}", index.name, index.version), damage }),
        }
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
