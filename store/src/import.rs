//! From the bytes of a tarball to a published package: verify, unpack, stage, rename. All or nothing.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use wit::{Integrity, names::Algorithm};

use crate::{
    Store,
    bins::bins,
    blob::{Blobs, Hasher, blob},
    digest::{Verified, compare, digest},
    gunzip,
    index::{FileEntry, INDEX, PackageIndex},
    key::Key,
    manifest::Manifest,
    staged::Staged,
    tarball::{self, Contents, Limits, Rejection},
};

/// What came of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// What the package holds.
    pub index: PackageIndex,
    /// What its tarball hashes to: the value to lock where nobody stated one.
    pub integrity: Integrity,
    /// This import has written its files; else somebody was faster, and they are as good as any that were found.
    pub is_new: bool,
}

/// A tarball could not be imported; the store is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The bytes are not those that were promised.
    #[error("the tarball does not have the integrity that was promised: wanted {wanted}, got {found}")]
    Integrity {
        /// What was promised.
        wanted: Integrity,
        /// What the bytes hash to.
        found: Integrity,
    },
    /// The bytes are no package.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The disk failed.
    #[error("cannot write the package to the store at {}", store.display())]
    Write {
        /// The store.
        store: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl ImportError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Integrity { .. } => "ERR_PNPM_TARBALL_INTEGRITY",
            Self::Rejected(rejection) => rejection.code(),
            Self::Write { .. } => "ERR_PNPM_TARBALL_IO_ERROR",
        }
    }
}

impl Store {
    /// Imports a tarball that must have this integrity. If the package is there already, it stays as it is.
    ///
    /// # Errors
    /// [`ImportError`]; all but a failing disk are final for these bytes.
    pub fn import(&self, tarball: &[u8], expected: &Integrity, limits: &Limits) -> Result<Imported, ImportError> {
        self.unpack(tarball, compare(digest(tarball, expected.algorithm), expected)?, limits)
    }

    /// Imports a tarball that has been verified, maybe together with others.
    ///
    /// # Errors
    /// [`ImportError`], never for integrity.
    pub fn import_verified(&self, verified: &Verified, limits: &Limits) -> Result<Imported, ImportError> {
        self.unpack(&verified.tarball, verified.integrity.clone(), limits)
    }

    /// Imports a tarball that nobody vouches for, and tells what it hashes to.
    ///
    /// # Errors
    /// [`ImportError`], never for integrity.
    pub fn import_unverified(&self, tarball: &[u8], limits: &Limits) -> Result<Imported, ImportError> {
        let digests = vec![digest(tarball, Algorithm::Sha512)];
        self.unpack(tarball, Integrity { algorithm: Algorithm::Sha512, digests }, limits)
    }

    fn unpack(&self, tarball: &[u8], integrity: Integrity, limits: &Limits) -> Result<Imported, ImportError> {
        gunzip::with_tar(tarball, limits, |tar| {
            let contents = tarball::read(tar, limits)?;
            Ok(self.keep(&contents, integrity, limits))
        })?
    }

    /// Stages and publishes, under the one digest that is given.
    pub(crate) fn keep(
        &self,
        contents: &Contents<'_>,
        integrity: Integrity,
        limits: &Limits,
    ) -> Result<Imported, ImportError> {
        let key = Key::of(integrity.algorithm, &integrity.digests[0]);
        let (staged, index) = stage(self, contents, limits)?;
        let is_new = staged.publish(&key).map_err(self.unwritten())?;
        Ok(Imported { index, integrity, is_new })
    }

    fn unwritten(&self) -> impl Fn(io::Error) -> ImportError {
        |source| ImportError::Write { store: self.path().to_owned(), source }
    }
}

/// Writes all files and the index into a staged folder.
fn stage(store: &Store, contents: &Contents<'_>, limits: &Limits) -> Result<(Staged, PackageIndex), ImportError> {
    let failed = store.unwritten();
    let staged = Staged::new(store).map_err(&failed)?;
    let mut blobs = Blobs::with_capacity(contents.files.len());
    let mut files = Vec::with_capacity(contents.files.len());
    for (at, file) in contents.files.iter().enumerate() {
        let name = blob(Hasher::oneshot(file.data), file.executable);
        match blobs.take(&name, at).map(|first| &contents.files[first]) {
            None => {
                let created = blobs.create(&staged.dir, &name, file.executable);
                created.and_then(|mut created| created.write_all(file.data)).map_err(&failed)?;
            }
            Some(first) if first.data == file.data => {}
            Some(first) => {
                return Err(Rejection::Forged { one: first.path.to_string(), other: file.path.to_string() }.into());
            }
        }
        files.push(FileEntry {
            path: file.path.clone().into_owned(),
            blob: name,
            size: file.data.len() as u64,
            executable: file.executable,
        });
    }
    let manifest = contents.files.iter().find(|file| file.path == MANIFEST).map_or(&[][..], |file| file.data);
    let index = describe(manifest, files, contents.skipped, limits);
    let written = blobs.create(&staged.dir, INDEX, false).and_then(|mut file| file.write_all(&index.encode()));
    written.map_err(&failed)?;
    Ok((staged, index))
}

/// Where a package says what it is.
pub(crate) const MANIFEST: &str = "package.json";

/// The index of these files, one of which has this text as the package's manifest.
pub(crate) fn describe(text: &[u8], files: Vec<FileEntry>, skipped_entries: u32, limits: &Limits) -> PackageIndex {
    let manifest = if text.len() as u64 > limits.manifest { Manifest::default() } else { Manifest::parse(text) };
    PackageIndex {
        bins: bins(&manifest, &files),
        requires_build: manifest.has_install_script || files.iter().any(|file| file.path == "binding.gyp"),
        name: manifest.name,
        version: manifest.version,
        files,
        skipped_entries,
    }
}

#[cfg(test)]
pub(crate) mod tests;
