//! What `link` needs of the store: for each snapshot its open folder and the list of what is in it.

use std::{io, sync::Arc};

use store::{PackageIndex, Store};
use wit::Integrity;

pub use store::FileEntry as StoreFile;

use crate::{graph::SnapshotIndex, link::Folder};

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
    /// This run has written its files: they need not be looked at before they are linked.
    pub is_new: bool,
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

impl From<PackageIndex> for Contents {
    fn from(index: PackageIndex) -> Self {
        let bins = index.bins.into_iter().map(|(name, path)| Bin { name, path }).collect();
        Self { files: index.files, bins, requires_build: index.requires_build, is_new: false }
    }
}

/// The packages of a placement in the [`Store`], in the order of its snapshots.
#[derive(Debug)]
pub struct Stored {
    store: Store,
    packages: Vec<(Option<Integrity>, Arc<Contents>)>,
}

impl Stored {
    /// With the key and contents of each snapshot's package; no key where nothing of it is needed.
    #[must_use]
    pub fn new(store: Store, packages: Vec<(Option<Integrity>, Arc<Contents>)>) -> Self {
        Self { store, packages }
    }

    /// The key of a snapshot's package: what is to be set aside and fetched again where it is damaged.
    #[must_use]
    pub fn integrity(&self, snapshot: SnapshotIndex) -> Option<&Integrity> {
        self.packages[snapshot as usize].0.as_ref()
    }
}

impl PackageSource for Stored {
    fn contents(&self, snapshot: SnapshotIndex) -> &Contents {
        &self.packages[snapshot as usize].1
    }

    fn open(&self, snapshot: SnapshotIndex) -> io::Result<Folder> {
        let integrity = self.integrity(snapshot).ok_or(io::ErrorKind::NotFound)?;
        open(&self.store, integrity)
    }
}

/// The folder of a package's blobs.
pub(super) fn open(store: &Store, integrity: &Integrity) -> io::Result<Folder> {
    let opened = store.open_package(integrity);
    Ok(cap_std::fs::Dir::from(opened.map_err(|error| io::Error::new(error.source.kind(), error))?).into())
}
