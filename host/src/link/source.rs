//! What `link` needs of the store: for each snapshot its open folder and the list of what is in it.

use std::io;

use crate::{graph::SnapshotIndex, link::Folder};

/// A file of a package in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreFile {
    /// Where it goes, relative to the package, with `/`.
    pub path: String,
    /// Its name in the store's folder of the package: one component.
    pub blob: String,
    /// Bytes.
    pub size: u64,
    /// It is executable.
    pub executable: bool,
}

/// An executable that a manifest names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bin {
    /// The command.
    pub name: String,
    /// The file, relative to the package, with `/`.
    pub path: String,
}

/// What is in a package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// Its files; those of one folder side by side (sorted by path).
    pub files: Vec<StoreFile>,
    /// Its executables.
    pub bins: Vec<Bin>,
    /// It has scripts that would run on installation.
    pub requires_build: bool,
}

/// Where packages come from.
pub trait PackageSource: Sync {
    /// What is in the package of a snapshot.
    fn contents(&self, snapshot: SnapshotIndex) -> &Contents;
    /// The folder that holds its blobs.
    ///
    /// # Errors
    /// When it is not there any more.
    fn open(&self, snapshot: SnapshotIndex) -> io::Result<Folder>;
}
