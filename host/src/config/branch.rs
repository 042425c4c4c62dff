//! The git branch that a folder is on, read from git's own files; no program is started. For `gitBranchLockfile`.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The branch, or `None`: no repository, or no branch is checked out.
pub(super) fn current(folder: &Path) -> Option<String> {
    let head = folder.ancestors().find_map(git_folder)?.join("HEAD");
    let text = fs::read_to_string(head).ok()?;
    let branch = text.trim_end().strip_prefix("ref: refs/heads/")?;
    Some(branch.to_owned())
}

/// `.git` of a repository; of a work tree the folder that its `.git` names.
fn git_folder(folder: &Path) -> Option<PathBuf> {
    let git = folder.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let text = fs::read_to_string(&git).ok()?;
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
