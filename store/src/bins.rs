//! The executables of a package: `bin` or `directories.bin` of its manifest, reduced to names that are safe as file
//! names and targets that are files of the package. What is not safe is dropped, as npm and pnpm do.

use serde_json::Value;

use crate::{index::FileEntry, manifest::Manifest};

/// No file system takes a longer name, in bytes.
const NAME_MAX: usize = 255;

/// Command name and path below the package, by name.
pub(crate) fn bins(manifest: &Manifest, files: &[FileEntry]) -> Vec<(String, String)> {
    let mut found = match &manifest.bin {
        Value::String(target) => one(&manifest.name, target, files).into_iter().collect(),
        Value::Object(named) => named.iter().filter_map(|(name, target)| one(name, target.as_str()?, files)).collect(),
        _ => manifest.bin_directory.as_deref().map(|folder| below(folder, files)).unwrap_or_default(),
    };
    found.sort();
    found.dedup_by(|a, b| a.0 == b.0);
    found
}

/// A command name and a target of a manifest, if both are safe: the rules that hold for packages, for manifests that
/// are not in the store.
#[must_use]
pub fn executable(name: &str, target: &str) -> Option<(String, String)> {
    Some((command_name(name)?.to_owned(), normal(target).filter(|path| !path.is_empty())?))
}

fn one(name: &str, target: &str, files: &[FileEntry]) -> Option<(String, String)> {
    let name = command_name(name)?;
    let target = normal(target)?;
    // npm lets a target leave out `.js`; a folder or a missing file is no executable.
    let known = |path: &str| files.binary_search_by(|file| file.path.as_str().cmp(path)).is_ok();
    let target = if known(&target) { target } else { Some(format!("{target}.js")).filter(|path| known(path))? };
    Some((name.to_owned(), target))
}

/// All files below `directories.bin`, each under its own name.
fn below(folder: &str, files: &[FileEntry]) -> Vec<(String, String)> {
    let Some(folder) = normal(folder) else { return Vec::new() };
    let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let inside = |file: &&FileEntry| file.path.starts_with(&prefix);
    let named = |file: &FileEntry| {
        let name = file.path.rsplit('/').next()?;
        Some((command_name(name)?.to_owned(), file.path.clone()))
    };
    files.iter().filter(inside).filter_map(named).collect()
}

/// The name of a command without its scope, if it is safe as a file name and on a command line: pnpm's rule, what
/// `encodeURIComponent` leaves as it is, or `$` alone.
#[must_use]
pub fn command_name(name: &str) -> Option<&str> {
    let name = match name.strip_prefix('@') {
        Some(scoped) => scoped.split_once('/')?.1,
        None => name,
    };
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte);
    let reserved = matches!(name, "" | "." | ".." | "node_modules");
    (name == "$" || !reserved && name.len() <= NAME_MAX && name.bytes().all(safe)).then_some(name)
}

/// Normal components only; `None` if the path leads out of the package.
fn normal(target: &str) -> Option<String> {
    if target.starts_with('/') || target.contains(['\\', '\0']) {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests;
