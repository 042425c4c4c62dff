//! Patches of packages (`patchedDependencies`): read and hashed with the configuration, applied in memory to the files
//! of a package while its slot is made. Nothing that stands on disk is changed: what a patch touches is written as a
//! new file, never through a hard link into the store.
//!
//! A patch is as little trusted as a package: its paths are held to the package's folder, and it makes no links.

mod hunks;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use diffy::patch_set::{FileMode, FileOperation, FilePatch, ParseOptions, PatchSet};
use sha2::{Digest as _, Sha256};

use crate::{
    diagnostic::Diagnose,
    limited::{self, Links},
};

/// The largest patch file, bytes.
const MAX_PATCH: u64 = 64 << 20;

/// A patch file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// Where it stands.
    pub path: PathBuf,
    /// The sha256 of its text, hexadecimal, as the lockfile has it.
    pub hash: String,
    text: String,
}

/// What becomes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It has these bytes.
    Write {
        /// All of them.
        bytes: Vec<u8>,
        /// It can be executed.
        executable: bool,
    },
    /// It is gone.
    Delete,
}

/// Why a patch cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    /// The file is no patch.
    #[error("Applying patch {} failed: {detail}", path.display())]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The lockfile names a patch that the configuration does not.
    #[error("There is no patch {hash} for {package}")]
    Missing {
        /// The package.
        package: String,
        /// Of the patch.
        hash: String,
    },
    /// It does not fit the package.
    #[error("Could not apply patch {} to {package}: {detail}", path.display())]
    Failed {
        /// Which file.
        path: PathBuf,
        /// The package.
        package: String,
        /// Where, and why.
        detail: String,
    },
}

impl Diagnose for PatchError {
    fn code(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "ERR_PNPM_INVALID_PATCH",
            Self::Missing { .. } => "ERR_PNPM_PATCH_NOT_FOUND",
            Self::Failed { .. } => "ERR_PNPM_PATCH_FAILED",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { .. } => Some("name it in patchedDependencies".to_owned()),
            Self::Invalid { .. } => Some("patches are what `git diff` prints".to_owned()),
            Self::Failed { .. } => Some(
                "make the patch anew for this version of the package, or narrow its key in patchedDependencies".into(),
            ),
        }
    }
}

/// A file of the package as it is published: its bytes and whether it can be executed; `None`: there is none.
pub type Read<'a> = dyn FnMut(&str) -> io::Result<Option<(Vec<u8>, bool)>> + 'a;

impl Patch {
    /// Reads a patch file.
    ///
    /// # Errors
    /// It is not there, is no file, or is too large.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(Self::new(path.to_owned(), &limited::read(path, MAX_PATCH, Links::Followed)?))
    }

    fn new(path: PathBuf, bytes: &[u8]) -> Self {
        // Git may have changed the ends of lines: the same patch has one hash everywhere.
        let written = String::from_utf8_lossy(bytes);
        let text = written.replace("\r\n", "\n");
        let hash = store::hex(&Sha256::digest(text.as_bytes()));
        // Only where it changed the first line has it changed them all; otherwise the ends are those of the patched
        // file.
        let changed = written.split('\n').next().is_some_and(|first| first.ends_with('\r'));
        let text = if changed { text } else { written.into_owned() };
        Self { path, hash, text }
    }

    /// What becomes of the files that it touches, by path.
    ///
    /// # Errors
    /// [`PatchError`].
    pub fn apply(&self, package: &str, read: &mut Read<'_>) -> Result<BTreeMap<String, Change>, PatchError> {
        let mut work = Work { read, changes: BTreeMap::new() };
        for file in PatchSet::parse(&self.text, ParseOptions::gitdiff()) {
            let file =
                file.map_err(|error| PatchError::Invalid { path: self.path.clone(), detail: error.to_string() })?;
            work.file(&file).map_err(|detail| {
                let (path, package) = (self.path.clone(), package.to_owned());
                PatchError::Failed { path, package, detail }
            })?;
        }
        Ok(work.changes)
    }
}

struct Work<'a, 'b> {
    read: &'a mut Read<'b>,
    changes: BTreeMap<String, Change>,
}

impl Work<'_, '_> {
    fn file(&mut self, file: &FilePatch<'_, str>) -> Result<(), String> {
        if [file.old_mode(), file.new_mode()].into_iter().flatten().any(|mode| !is_file(*mode)) {
            return Err("patches make no links".to_owned());
        }
        let text = file.patch().as_text().ok_or("binary patches are not supported")?;
        match file.operation().strip_prefix(1) {
            FileOperation::Create(path) => {
                let path = inside(&path)?;
                let bytes = hunks::apply("", text).map_err(|why| format!("{path}: {why}"))?.into_bytes();
                match self.now(path)? {
                    Some((held, _)) if held != bytes => Err(format!("{path} is there already")),
                    _ => {
                        self.write(path, bytes, file.new_mode() == Some(&FileMode::Executable));
                        Ok(())
                    }
                }
            }
            FileOperation::Delete(path) => {
                let path = inside(&path)?;
                let Some((held, _)) = self.now(path)? else { return Ok(()) };
                let rest =
                    hunks::apply(&String::from_utf8_lossy(&held), text).map_err(|why| format!("{path}: {why}"))?;
                if !rest.is_empty() {
                    return Err(format!("{path} is not the file that is to be removed"));
                }
                self.changes.insert(path.to_owned(), Change::Delete);
                Ok(())
            }
            FileOperation::Modify { modified, .. } => {
                let path = inside(&modified)?;
                self.rewrite(path, path, file)
            }
            FileOperation::Rename { from, to } => {
                let (from, to) = (inside(&from)?, inside(&to)?);
                self.rewrite(from, to, file)?;
                self.changes.insert(from.to_owned(), Change::Delete);
                Ok(())
            }
            FileOperation::Copy { from, to } => self.rewrite(inside(&from)?, inside(&to)?, file),
        }
    }

    /// Makes a file of another one, or of itself.
    fn rewrite(&mut self, from: &str, to: &str, file: &FilePatch<'_, str>) -> Result<(), String> {
        let (held, executable) = self.now(from)?.ok_or_else(|| format!("there is no {from}"))?;
        if from != to && self.now(to)?.is_some() {
            return Err(format!("{to} is there already"));
        }
        let text = file.patch().as_text().ok_or("binary patches are not supported")?;
        let executable = file.new_mode().map_or(executable, |mode| *mode == FileMode::Executable);
        // Bytes that are no text are kept where nothing but the name or the mode changes.
        let bytes = match text.hunks() {
            [] => held,
            _ => {
                let held = String::from_utf8_lossy(&held).into_owned();
                match hunks::apply(&held, text) {
                    Ok(made) => made.into_bytes(),
                    // It is as the patch would make it: the publisher has taken the change over.
                    Err(_) if hunks::apply(&held, &text.reverse()).is_ok() => held.into_bytes(),
                    Err(why) => return Err(format!("{from}: {why}")),
                }
            }
        };
        self.write(to, bytes, executable);
        Ok(())
    }

    /// A file as it stands after what was applied before.
    fn now(&mut self, path: &str) -> Result<Option<(Vec<u8>, bool)>, String> {
        match self.changes.get(path) {
            Some(Change::Write { bytes, executable }) => Ok(Some((bytes.clone(), *executable))),
            Some(Change::Delete) => Ok(None),
            None => (self.read)(path).map_err(|error| format!("{path}: {error}")),
        }
    }

    fn write(&mut self, path: &str, bytes: Vec<u8>, executable: bool) {
        self.changes.insert(path.to_owned(), Change::Write { bytes, executable });
    }
}

fn is_file(mode: FileMode) -> bool {
    matches!(mode, FileMode::Regular | FileMode::Executable)
}

/// A path that stays inside the package and leads to no other one.
fn inside(path: &str) -> Result<&str, String> {
    let is_plain = |part: &str| !matches!(part, "" | "." | ".." | "node_modules");
    if path.split('/').all(is_plain) && !path.contains(['\\', ':', '\0']) {
        return Ok(path);
    }
    Err(format!("{:?} leads out of the package", path.chars().take(200).collect::<String>()))
}

#[cfg(test)]
mod tests;
