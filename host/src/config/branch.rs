//! Lockfiles of git branches, `pnpm-lock.<branch>.yaml`: the branch that a folder is on, read from git's own files (no
//! program is started), whether its lockfile is one of its own, and which ones are merged into the common one.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use wit::wildcard;

use super::{Project, Values};
use crate::limited::{self, Links};

/// No file of git's that names a branch or a folder is longer, bytes.
const LONGEST: u64 = 16 << 10;

/// Decides which lockfile a project has, and whether those of branches are merged into it: where somebody says so, and
/// else on branches that a pattern names. What is merged goes into the common one.
pub(super) fn choose(project: &mut Project, values: &Values) {
    let patterns = values.list("mergeGitBranchLockfilesBranchPattern").unwrap_or_default();
    let merges = values.flag("mergeGitBranchLockfiles");
    let has_own = values.flag("gitBranchLockfile") == Some(true);
    let asks = has_own || merges.is_none() && !patterns.is_empty();
    let branch = if asks { current(&project.dir) } else { None };
    let named = |branch: &String| wildcard::takes(&patterns, branch);
    project.merges_branches = merges.unwrap_or_else(|| branch.as_ref().is_some_and(named));
    if let Some(branch) = branch.filter(|_| has_own && !project.merges_branches) {
        project.lockfile_name = lockfile_name(&branch);
    }
}

/// The lockfiles of branches in a folder, by name.
///
/// # Errors
/// The folder cannot be read.
pub(super) fn lockfiles(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let branch = name.to_str().and_then(|name| name.strip_prefix("pnpm-lock.")?.strip_suffix(".yaml"));
        if branch.is_some_and(|branch| !branch.is_empty()) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// The branch, or `None`: no repository, or no branch is checked out.
pub(super) fn current(folder: &Path) -> Option<String> {
    let head = folder.ancestors().find_map(git_folder)?.join("HEAD");
    let text = limited::read_text(&head, LONGEST, Links::Followed).ok()?;
    let branch = text.trim_end().strip_prefix("ref: refs/heads/")?;
    Some(branch.to_owned())
}

/// `.git` of a repository; of a work tree the folder that its `.git` names.
fn git_folder(folder: &Path) -> Option<PathBuf> {
    let git = folder.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let text = limited::read_text(&git, LONGEST, Links::Followed).ok()?;
    Some(folder.join(text.trim_end().strip_prefix("gitdir: ")?))
}

/// The name of a branch's lockfile. A branch may have letters that a file cannot have, and file systems may not tell
/// capitals apart: whatever is not plain becomes `!`, and letters are small.
pub(super) fn lockfile_name(branch: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_.-".contains(letter);
    let letters = branch.chars().map(|letter| if plain(letter) { letter.to_ascii_lowercase() } else { '!' });
    format!("pnpm-lock.{}.yaml", letters.collect::<String>())
}

#[cfg(test)]
mod tests;
