//! `store prune`: what no tree links to any more, and what killed processes left behind.
//!
//! A package is in use while any of its files has a second hard link. It is safe beside running installs: a package
//! younger than an hour is left alone, and an install that finds one gone fetches it again.

use std::{
    io,
    path::Path,
    time::{Duration, SystemTime},
};

use cap_std::fs::{Dir, Metadata, MetadataExt as _};
use rayon::prelude::*;

use crate::{Store, index::INDEX, key::Key};

/// What was freed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Packages removed.
    pub packages: u64,
    /// Bytes of their files.
    pub bytes: u64,
}

/// A package this young may be about to be linked.
const YOUNG: Duration = Duration::from_secs(60 * 60);
/// Left-overs of this age belong to no running process.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

impl Store {
    /// Removes what is unused at the instant `now`.
    ///
    /// # Errors
    /// If the folders of the store cannot be listed or changed.
    pub fn prune(&self, now: SystemTime) -> io::Result<Pruned> {
        let swept = self.sweep(now, |_| true);
        let freed: Vec<u64> = self.keys()?.par_iter().filter_map(|key| self.prune_package(key, now)).collect();
        swept.map(|()| Pruned { packages: freed.len() as u64, bytes: freed.iter().sum() })
    }

    /// Removes what killed processes left of packages that they were making, under the names that are meant. What
    /// cannot be removed is left, and the first reason told at the end.
    pub(crate) fn sweep(&self, now: SystemTime, is_meant: impl Fn(&str) -> bool) -> io::Result<()> {
        let mut swept = Ok(());
        for entry in self.staging().entries()? {
            let entry = entry?;
            let Ok(found) = entry.metadata() else { continue };
            let name = entry.file_name();
            if is_meant(&name.to_string_lossy()) && older(&found, now, STALE) {
                let staging = self.staging();
                let removed = if found.is_dir() { staging.remove_dir_all(name) } else { staging.remove_file(name) };
                swept = swept.and(removed.or_else(|error| match error.kind() {
                    io::ErrorKind::NotFound => Ok(()), // another process sweeps too
                    _ => Err(error),
                }));
            }
        }
        swept
    }

    fn prune_package(&self, key: &Key, now: SystemTime) -> Option<u64> {
        let dir = self.packages().open_dir(key.path()).ok()?;
        if !older(&dir.dir_metadata().ok()?, now, YOUNG) {
            return None;
        }
        let bytes = unused_bytes(&dir)?;
        self.set_aside(key);
        Some(bytes)
    }
}

fn older(found: &Metadata, now: SystemTime, age: Duration) -> bool {
    let Ok(modified) = found.modified() else { return false };
    now.duration_since(modified.into_std()).is_ok_and(|passed| passed > age)
}

/// The sum of the sizes; `None` if a file is linked from elsewhere.
fn unused_bytes(dir: &Dir) -> Option<u64> {
    let mut bytes = 0;
    for entry in dir.entries().ok()? {
        let entry = entry.ok()?;
        let found = dir.symlink_metadata(entry.file_name()).ok()?;
        let is_index = Path::new(&entry.file_name()) == Path::new(INDEX);
        if !is_index && found.nlink() > 1 {
            return None;
        }
        bytes += found.len();
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
