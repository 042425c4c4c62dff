//! A folder as a package: the files that `npm publish` would take, read into memory for the store. Nothing is run, no
//! link is followed.

mod ignore;
mod list;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use store::{Limits, SourceFile};

use crate::limited::{self, Links};

/// Why a folder cannot be packed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PackError {
    /// The disk, or a name that is not UTF-8.
    #[error("{} cannot be read: {source}", path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// More or larger files than a package may have.
    #[error("{} is larger than a package may be: {what}", path.display())]
    TooLarge {
        /// What.
        path: PathBuf,
        /// Which limit.
        what: &'static str,
    },
}

/// The files of the package in this folder.
///
/// # Errors
/// [`PackError`].
pub(crate) fn folder(root: &Path, limits: &Limits) -> Result<Vec<SourceFile>, PackError> {
    let mut paths = BTreeSet::new();
    let has_bundled = limited::read(&root.join("package.json"), limits.manifest, Links::Refused)
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok())
        .is_some_and(|manifest| !list::bundled(&manifest).is_empty());
    let mut walk = Walk { root, limits, has_bundled, paths: &mut paths };
    walk.enter("", 0)?;
    // Only what the walk has listed, which is no link and not below one.
    let read = |path: &str| {
        paths.contains(path).then(|| limited::read_text(&root.join(path), limits.manifest, Links::Refused).ok())?
    };
    let wanted = list::Folder { paths: &paths, read: &read }.list();
    let mut files = Vec::with_capacity(wanted.len());
    let mut total = 0;
    for path in wanted {
        let file = read_file(root, &path, limits)?;
        total += file.data.len() as u64;
        if total > limits.unpacked {
            return Err(PackError::TooLarge { path: root.to_owned(), what: "unpacked size" });
        }
        files.push(file);
    }
    Ok(files)
}

/// The files of the package in a folder of files that are in memory; `None` if there is no such folder.
pub(crate) fn files(all: Vec<SourceFile>, inside: Option<&str>) -> Option<Vec<SourceFile>> {
    let prefix = match inside.map(|path| path.trim_matches('/')).filter(|path| !path.is_empty()) {
        Some(path) => format!("{path}/"),
        None => String::new(),
    };
    let below = all.into_iter().filter(|file| file.path.starts_with(&prefix));
    let mut below: Vec<SourceFile> =
        below.map(|file| SourceFile { path: file.path[prefix.len()..].to_owned(), ..file }).collect();
    if below.is_empty() && !prefix.is_empty() {
        return None;
    }
    let paths: BTreeSet<String> = below.iter().map(|file| file.path.clone()).collect();
    let read = |path: &str| {
        let file = below.iter().find(|file| file.path == path)?;
        String::from_utf8(file.data.clone()).ok()
    };
    let wanted = list::Folder { paths: &paths, read: &read }.list();
    below.retain(|file| wanted.contains(&file.path));
    Some(below)
}

fn read_file(root: &Path, path: &str, limits: &Limits) -> Result<SourceFile, PackError> {
    use std::os::unix::fs::PermissionsExt as _;
    let at = root.join(path);
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::FileTooLarge => PackError::TooLarge { path: at.clone(), what: "size of a file" },
        _ => PackError::Read { path: at.clone(), source },
    };
    let (file, length) = limited::open(&at, Links::Refused).map_err(failed)?;
    let executable = file.metadata().map_err(failed)?.permissions().mode() & 0o111 != 0;
    let data = limited::read_open(&file, length, limits.entry).map_err(failed)?;
    Ok(SourceFile { path: path.to_owned(), data, executable })
}

/// Lists the regular files of a folder.
struct Walk<'a> {
    root: &'a Path,
    limits: &'a Limits,
    has_bundled: bool,
    paths: &'a mut BTreeSet<String>,
}

impl Walk<'_> {
    fn enter(&mut self, below: &str, depth: usize) -> Result<(), PackError> {
        let at = self.root.join(below);
        let failed = |source| PackError::Read { path: at.clone(), source };
        if depth > self.limits.depth {
            return Err(PackError::TooLarge { path: at, what: "depth of a path" });
        }
        for entry in fs::read_dir(&at).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            let Ok(name) = entry.file_name().into_string() else {
                return Err(failed(io::Error::other("a name in it is not UTF-8")));
            };
            let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
            if kind.is_dir() {
                let own_modules = depth == 0 && name == "node_modules" && !self.has_bundled;
                if !own_modules && !list::CONTROL.contains(&name.as_str()) {
                    self.enter(&path, depth + 1)?;
                }
            } else if kind.is_file() {
                self.paths.insert(path);
                if self.paths.len() > self.limits.entries {
                    return Err(PackError::TooLarge { path: self.root.to_owned(), what: "entries" });
                }
            }
        }
        Ok(())
    }
}
