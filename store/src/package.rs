//! Packages that are in the store: finding them, and opening them for the linker.

use std::{
    io,
    path::{Path, PathBuf},
};

use cap_std::fs::{Dir, MetadataExt as _};
use wit::Integrity;

use crate::{
    Store,
    index::{FileEntry, INDEX, PackageIndex},
    key::Key,
    staged::ASIDE,
};

/// The store could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the package at {} in the store", path.display())]
pub struct ReadError {
    /// The folder of the package.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

impl ReadError {
    /// What it is for the system: [`io::ErrorKind::NotFound`] if the package is gone.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

/// A file of the store is not what its index says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// It is not there, or cannot be looked at.
    #[error("{path} is missing: {reason}")]
    Missing {
        /// The path in the package.
        path: String,
        /// The system's words.
        reason: String,
    },
    /// It is a link, a folder or something else.
    #[error("{path} is no regular file")]
    NoFile {
        /// The path in the package.
        path: String,
    },
    /// Its size differs.
    #[error("{path} has {found} bytes, not {wanted}")]
    Size {
        /// The path in the package.
        path: String,
        /// As the index says, bytes.
        wanted: u64,
        /// As it is, bytes.
        found: u64,
    },
    /// Its content differs.
    #[error("{path} has another content")]
    Content {
        /// The path in the package.
        path: String,
    },
}

/// The open folder of a package. Files are reached through it by single names.
#[derive(Debug)]
pub struct PackageDir {
    pub(crate) dir: Dir,
}

impl From<PackageDir> for Dir {
    fn from(package: PackageDir) -> Self {
        package.dir
    }
}

impl PackageDir {
    /// The folder: blobs lie in it by their names.
    #[must_use]
    pub fn dir(&self) -> &Dir {
        &self.dir
    }

    /// Is the file there, regular, and of the recorded size? One system call; the content is checked by
    /// [`Store::status`].
    ///
    /// # Errors
    /// [`Damage`], for which the package is to be set aside with [`Store::quarantine`] and fetched again.
    pub fn check(&self, file: &FileEntry) -> Result<(), Damage> {
        let path = || file.path.clone();
        let found = self
            .dir
            .symlink_metadata(&file.blob)
            .map_err(|error| Damage::Missing { path: path(), reason: error.to_string() })?;
        if !found.is_file() {
            return Err(Damage::NoFile { path: path() });
        }
        if found.size() != file.size {
            return Err(Damage::Size { path: path(), wanted: file.size, found: found.size() });
        }
        Ok(())
    }
}

impl Store {
    /// The index of the package with this integrity; `None` if it is not there. A package whose index cannot be
    /// understood is set aside, so that it is fetched again.
    ///
    /// # Errors
    /// [`ReadError`] if the disk fails.
    pub fn find(&self, integrity: &Integrity) -> Result<Option<PackageIndex>, ReadError> {
        for key in Key::each(integrity) {
            if let Some(index) = self.find_one(&key)? {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    fn find_one(&self, key: &Key) -> Result<Option<PackageIndex>, ReadError> {
        let path = key.path();
        match self.packages().read(Path::new(&path).join(INDEX)) {
            Ok(bytes) => {
                let index = PackageIndex::decode(&bytes);
                if index.is_none() {
                    self.set_aside(key);
                }
                Ok(index)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if self.packages().is_dir(&path) {
                    self.set_aside(key); // a folder without an index would be in the way of a new import
                }
                Ok(None)
            }
            Err(source) => Err(ReadError { path: self.path().join("packages").join(path), source }),
        }
    }

    /// Opens a package that [`Store::find`] found.
    ///
    /// # Errors
    /// [`ReadError`] if it is gone, and then its kind is [`io::ErrorKind::NotFound`]; or if it is there and may not or
    /// cannot be opened: want of permission, too many open files, a failing disk.
    pub fn open_package(&self, integrity: &Integrity) -> Result<PackageDir, ReadError> {
        let mut failed = None;
        for path in Key::each(integrity).map(|key| key.path()) {
            match self.packages().open_dir(&path) {
                Ok(dir) => return Ok(PackageDir { dir }),
                // That it is not there under another digest must not hide why it cannot be read under one.
                Err(source) if source.kind() == io::ErrorKind::NotFound && failed.is_some() => {}
                Err(source) => failed = Some(ReadError { path: self.path().join("packages").join(path), source }),
            }
        }
        let none = || ReadError { path: self.path().to_owned(), source: io::ErrorKind::NotFound.into() };
        Err(failed.unwrap_or_else(none))
    }

    /// Takes a damaged package out of the store, so that it is fetched again. Trees that hold hard links to its files
    /// keep them.
    pub fn quarantine(&self, integrity: &Integrity) {
        Key::each(integrity).for_each(|key| self.set_aside(&key));
    }

    /// Moves a package out of the way in one step, then removes it. Another process may be quicker: that is as good.
    pub(crate) fn set_aside(&self, key: &Key) {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let aside = format!("{ASIDE}{}-{}-{}", std::process::id(), now.as_nanos(), key.shard);
        if self.packages().rename(key.path(), self.staging(), &aside).is_ok() {
            // What cannot be removed now is pruned later.
            let _ = self.staging().remove_dir_all(&aside);
        }
    }
}
