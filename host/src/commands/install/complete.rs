//! Remembers of lockfiles, by digest, that they lack nothing their packages ask for: the resolver has told so of what it
//! made. Only such a one is read off where another command resolves it again; one that somebody else wrote or changed is
//! asked for, as an optional dependency may be missing in it that can be had by now.

use std::{fs, path::PathBuf};

use super::Install;
use crate::graph::{Notice, Placement};

/// The code of what the resolver tells.
pub(super) const COMPLETE: &str = "WASI_PM_LOCKFILE_COMPLETE";

/// Whether a lockfile is known to lack nothing.
pub(super) fn is_known(install: &Install<'_>, lockfile: Option<&str>) -> bool {
    lockfile.is_some_and(|text| note(install, text).exists())
}

/// Remembers a new lockfile, if it is told that it lacks nothing. Without the note all is asked for once more.
pub(super) fn remember(install: &Install<'_>, placement: &Placement) {
    let told = |notice: &Notice| matches!(notice, Notice::Other(failure) if failure.code == COMPLETE);
    let config = &install.context.config.install;
    let Some(text) = placement.lockfile.as_deref().filter(|_| !config.dry_run) else { return };
    if placement.notices.iter().any(told) {
        let note = note(install, text);
        let folder = note.parent().map_or(Ok(()), fs::create_dir_all);
        drop(folder.and_then(|()| fs::write(&note, b"")));
    }
}

fn note(install: &Install<'_>, lockfile: &str) -> PathBuf {
    let folder = install.context.config.directories.cache.join("v1").join("complete");
    folder.join(blake3::hash(lockfile.as_bytes()).to_hex().as_str())
}
