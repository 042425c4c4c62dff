//! `mergeGitBranchLockfiles`: the lockfiles of branches go into the common one and then away. They are removed last,
//! and only those that were there at the start: whatever fails before leaves all of them.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use super::{Failures, Install, placement};
use crate::{diagnostic::Diagnostic, report::LogLevel};

/// The lockfiles of branches that are to be merged.
pub(super) struct Branches {
    paths: Vec<PathBuf>,
}

impl Branches {
    /// Finds them; none where nothing is to be merged.
    pub(super) fn find(install: &Install<'_>) -> Result<Self, Failures> {
        let project = &install.context.config.project;
        let paths = project.branch_lockfiles().map_err(|error| unreadable(&project.root, &error))?;
        Ok(Self { paths })
    }

    /// Their texts by file name. Without a common lockfile there is nothing that they could be merged into: as pnpm
    /// does it, they are not read then.
    pub(super) fn texts(&self, install: &Install<'_>, has_common: bool) -> Result<BTreeMap<String, String>, Failures> {
        if !has_common {
            for path in &self.paths {
                let name = name(path);
                install.message(LogLevel::Warn, format!("There is no lockfile that {name} can be merged into"));
            }
            return Ok(BTreeMap::new());
        }
        let read = |path: &PathBuf| match placement::lockfile_text(path) {
            Ok(text) => Ok((name(path), text)),
            Err(error) => Err(unreadable(path, &error)),
        };
        self.paths.iter().map(read).collect()
    }

    /// Removes them; for when the merged lockfile is written.
    pub(super) fn remove(self) -> Result<(), Failures> {
        for path in &self.paths {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed("ERR_PNPM_CLEAN_GIT_BRANCH_LOCKFILES", "removed", path, &error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn unreadable(path: &Path, error: &io::Error) -> Failures {
    failed("ERR_PNPM_LOCKFILE_READ_FILE", "read", path, error)
}

fn failed(code: &str, what: &str, path: &Path, error: &io::Error) -> Failures {
    let mut diagnostic = Diagnostic::new(code, format!("{} cannot be {what}", path.display()));
    diagnostic.causes.push(error.to_string());
    vec![diagnostic]
}
