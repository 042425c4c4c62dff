//! A folder for one checkout. Many runs share the cache, also those of containers that count their processes alike: a
//! folder is made under a name that nobody else has, what stands is never touched unless nobody holds it, and it is held
//! by a lock for as long as it is in use. So what killed runs left can be told from what is at work.

use std::{
    fs::{self, File, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Once,
};

use super::super::ExoticError;
use crate::cache;

/// A name is taken by a sweep that looks at it, or by chance; not so often.
const ATTEMPTS: usize = 100;

/// A folder for one checkout; it goes when it is dropped.
pub(super) struct Checkout {
    pub(super) folder: PathBuf,
    /// Locked, where the file system can.
    _held: File,
}

impl Checkout {
    /// An empty one. The first of a process has what killed ones left removed.
    pub(super) fn new(cache_dir: &Path) -> Result<Self, ExoticError> {
        static ONCE: Once = Once::new();
        let all = cache_dir.join("v1").join("git");
        ONCE.call_once(|| sweep(&all));
        make(&all).map_err(|error| {
            ExoticError::new("ERR_PNPM_GIT_FETCHER_IO", format!("no folder can be made in {}: {error}", all.display()))
        })
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        // What cannot be removed now is swept later.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn make(all: &Path) -> io::Result<Checkout> {
    fs::create_dir_all(all)?;
    for _ in 0..ATTEMPTS {
        let folder = all.join(cache::unused_name());
        match fs::create_dir(&folder) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        }
        // A sweep may have seen it before it was locked.
        match File::open(&folder).and_then(|held| Ok((hold(&held)?, held))) {
            Ok((true, held)) if is_at(&held, &folder) => return Ok(Checkout { folder, _held: held }),
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

/// Locks a folder of our own; false if somebody else has. Where locks are not known nobody sweeps either.
fn hold(folder: &File) -> io::Result<bool> {
    match folder.try_lock() {
        Ok(()) | Err(TryLockError::Error(_)) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
    }
}

/// Whether an open folder still stands under its name.
fn is_at(held: &File, folder: &Path) -> bool {
    let identity = |found: fs::Metadata| (found.dev(), found.ino());
    match (held.metadata(), fs::symlink_metadata(folder)) {
        (Ok(held), Ok(found)) => identity(held) == identity(found),
        _ => false,
    }
}

/// Removes what nobody holds; what cannot be removed stays for the next one.
fn sweep(all: &Path) {
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir())
            && let Ok(left) = File::open(entry.path())
            && left.try_lock().is_ok()
        {
            let _ = fs::remove_dir_all(entry.path()); // held until it is gone
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkout_touches_no_other_one_and_goes_with_its_end() {
        let cache = tempfile::tempdir().unwrap();
        let all = cache.path().join("v1/git");
        let others: Vec<PathBuf> = (0..50).map(|at| all.join(format!("{}-{at}", std::process::id()))).collect();
        let held: Vec<File> = others
            .iter()
            .map(|other| {
                fs::create_dir_all(other).unwrap();
                fs::write(other.join("file"), "of another container").unwrap();
                let held = File::open(other).unwrap();
                held.try_lock().unwrap();
                held
            })
            .collect();
        let (one, two) = (Checkout::new(cache.path()).unwrap(), Checkout::new(cache.path()).unwrap());
        assert_ne!(one.folder, two.folder);
        fs::write(one.folder.join("file"), "mine").unwrap();
        sweep(&all);
        assert!(one.folder.join("file").exists() && two.folder.exists());
        let gone = one.folder.clone();
        drop(one);
        assert!(!gone.exists() && two.folder.exists());
        assert!(others.iter().all(|other| other.join("file").exists()));
        drop(held);
    }

    #[test]
    fn what_nobody_holds_is_swept() {
        let cache = tempfile::tempdir().unwrap();
        let left = cache.path().join("left");
        fs::create_dir_all(left.join("deep")).unwrap();
        fs::write(cache.path().join("file"), "").unwrap();
        sweep(cache.path());
        assert!(!left.exists() && cache.path().join("file").exists());
        assert!(make(cache.path()).is_ok());
    }
}
