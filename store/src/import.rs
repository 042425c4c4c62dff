//! From the bytes of a tarball to a published package: verify, unpack, stage, rename. All or nothing.

use std::{
    collections::HashSet,
    io::{self, Write as _},
    path::PathBuf,
};

use cap_std::fs::Dir;
use rustix::fs::{Mode, OFlags, fchmod, fstat, openat};
use wit::{Integrity, names::Algorithm};

use crate::{
    Store,
    bins::bins,
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
        let kept = || {
            let (staged, index) = stage(self, contents, limits)?;
            Ok((index, staged.publish(&key)?))
        };
        let (index, is_new) = kept().map_err(|source| ImportError::Write { store: self.path().to_owned(), source })?;
        Ok(Imported { index, integrity, is_new })
    }
}

/// Writes all files and the index into a staged folder.
fn stage(store: &Store, contents: &Contents<'_>, limits: &Limits) -> io::Result<(Staged, PackageIndex)> {
    let staged = Staged::new(store)?;
    let mut writer = BlobWriter::default();
    writer.written.reserve(contents.files.len());
    let mut files = Vec::with_capacity(contents.files.len());
    for file in &contents.files {
        files.push(FileEntry {
            path: file.path.clone().into_owned(),
            blob: writer.write(&staged.dir, file.data, file.executable)?,
            size: file.data.len() as u64,
            executable: file.executable,
        });
    }
    let manifest = contents.files.iter().find(|file| file.path == MANIFEST).map_or(&[][..], |file| file.data);
    let index = describe(manifest, files, contents.skipped, limits);
    writer.create(&staged.dir, INDEX, false)?.write_all(&index.encode())?;
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

/// What a file is called in the folder of its package.
pub(crate) fn blob(digest: &blake3::Hash, executable: bool) -> String {
    let mut name = digest.to_hex()[..32].to_owned();
    if executable {
        name.push_str("-x");
    }
    name
}

/// Writes files under the digest of their content, each content once.
#[derive(Debug, Default)]
pub(crate) struct BlobWriter {
    pub(crate) written: HashSet<String>,
    /// Files get the wanted mode at creation: not so under an unusual umask. Found out with the first file.
    exact: Option<bool>,
}

impl BlobWriter {
    /// The name it is written under.
    pub(crate) fn write(&mut self, dir: &Dir, data: &[u8], executable: bool) -> io::Result<String> {
        let name = blob(&blake3::hash(data), executable);
        if self.written.insert(name.clone()) {
            self.create(dir, &name, executable)?.write_all(data)?;
        }
        Ok(name)
    }

    /// An empty file of this name and the right mode.
    pub(crate) fn create(&mut self, dir: &Dir, name: &str, executable: bool) -> io::Result<std::fs::File> {
        let mode = Mode::from_raw_mode(if executable { 0o755 } else { 0o644 });
        // The name is ours: digits and letters. So a plain call will do, which is cheaper than a confined one.
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = std::fs::File::from(openat(dir, name, flags, mode)?);
        if self.exact.is_none() {
            self.exact = Some(Mode::from_raw_mode(fstat(&file)?.st_mode) & Mode::from_raw_mode(0o777) == mode);
        }
        if self.exact == Some(false) {
            fchmod(&file, mode)?;
        }
        Ok(file)
    }
}

#[cfg(test)]
pub(crate) mod tests;
