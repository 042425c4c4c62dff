//! Packages that come as files, not as a tarball with a promised digest: copied folders, git checkouts. They are filed
//! under a digest of their paths, modes and contents, so that equal files are one package.

use std::borrow::Cow;

use sha2::Digest as _;
use wit::{Integrity, names::Algorithm};

use crate::{
    ImportError, Imported, Store, gunzip,
    tarball::{self, Contents, File, Limits, Rejection},
};

/// A file on its way into the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Below the package, `/` between its components.
    pub path: String,
    /// Its content.
    pub data: Vec<u8>,
    /// It may be executed.
    pub executable: bool,
}

/// In front of what is hashed: no tarball begins like this, so nobody's tarball has such a digest.
const DOMAIN: &[u8] = b"wasi-pm files 1\n";

/// The files of a tarball, by path; links and the like are left out.
///
/// # Errors
/// [`Rejection`], as for an import.
pub fn unpack(tarball: &[u8], limits: &Limits) -> Result<Vec<SourceFile>, Rejection> {
    gunzip::with_tar(tarball, limits, |tar| {
        let files = tarball::read(tar, limits)?.files;
        let own = |file: File<'_>| SourceFile {
            path: file.path.into_owned(),
            data: file.data.to_vec(),
            executable: file.executable,
        };
        Ok(files.into_iter().map(own).collect())
    })
}

impl Store {
    /// Imports files, and tells under what digest they are kept.
    ///
    /// # Errors
    /// [`ImportError`] for a path that is refused, a limit, and a failing disk.
    pub fn import_files(&self, files: &[SourceFile], limits: &Limits) -> Result<Imported, ImportError> {
        let contents = Contents { files: checked(files, limits)?, skipped: 0 };
        let digests = vec![digest(&contents.files)];
        let integrity = Integrity { algorithm: Algorithm::Sha512, digests };
        self.keep(&contents, integrity, limits)
    }
}

/// The same rules as for the entries of a tarball, in the order of paths.
fn checked<'a>(files: &'a [SourceFile], limits: &Limits) -> Result<Vec<File<'a>>, Rejection> {
    if files.len() > limits.entries {
        return Err(Rejection::TooLarge { what: "entries", limit: limits.entries as u64 });
    }
    let mut total = 0;
    let mut all = Vec::with_capacity(files.len());
    for file in files {
        total += file.data.len() as u64;
        if total > limits.unpacked {
            return Err(Rejection::TooLarge { what: "unpacked size", limit: limits.unpacked });
        }
        let below = format!("package/{}", file.path);
        let path = Cow::Owned(tarball::below_package(below.as_bytes(), limits)?.into_owned());
        all.push(File { path, data: &file.data, executable: file.executable });
    }
    tarball::unique(all)
}

fn digest(files: &[File<'_>]) -> Box<[u8]> {
    let mut hasher = sha2::Sha512::new_with_prefix(DOMAIN);
    for file in files {
        for part in [file.path.as_bytes(), &[u8::from(file.executable)], file.data] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    }
    hasher.finalize().as_slice().into()
}

#[cfg(test)]
mod tests;
