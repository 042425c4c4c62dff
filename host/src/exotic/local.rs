//! Folders and tarballs on the user's disk.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use store::Limits;

use super::{ExoticError, Sources, remote};
use crate::{
    fetch::MAX_TARBALL,
    graph::Source,
    limited::{self, Links},
};

type Found = Result<(Source, Vec<u8>), ExoticError>;

impl Sources {
    /// What is at a path: absolute, from the user's home, or relative to the lockfile's folder.
    pub(super) fn local(&self, path: &str) -> Found {
        let at = match (path.strip_prefix("~/"), &self.around.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => self.around.root.join(path),
        };
        let shown = relative(&self.around.root, &at)
            .ok_or_else(|| ExoticError::new("ERR_WASI_PM_BAD_PATH", format!("{} is not UTF-8", at.display())))?;
        if is_tarball(&shown) { self.local_tarball(&at, &shown) } else { folder(&at, shown) }
    }

    fn local_tarball(&self, at: &Path, shown: &str) -> Found {
        let bytes = limited::read(at, MAX_TARBALL, Links::Followed).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => missing(at),
            _ => ExoticError::new("ERR_PNPM_TARBALL_READ_LOCAL_TARBALL", format!("{}: {error}", at.display())),
        })?;
        let manifest = self.manifest_in(&bytes)?;
        let url = format!("file:{shown}");
        let integrity = Some(remote::integrity(&bytes).to_string());
        Ok((Source::Tarball { url, integrity, git_hosted: false, path: None }, manifest))
    }
}

fn folder(at: &Path, shown: String) -> Found {
    let kind = fs::metadata(at).map_err(|_| missing(at))?;
    if !kind.is_dir() {
        let message = format!("Could not install from \"{}\" as it is not a directory", at.display());
        return Err(ExoticError::new("ERR_PNPM_NOT_PACKAGE_DIRECTORY", message));
    }
    let manifest = match limited::read(&at.join("package.json"), Limits::default().manifest, Links::Followed) {
        Ok(manifest) => manifest,
        // pnpm takes a folder without a manifest for a package of the folder's name.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let name = at.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            serde_json::json!({ "name": name, "version": "0.0.0" }).to_string().into_bytes()
        }
        Err(error) => {
            let message = format!("{} cannot be read: {error}", at.join("package.json").display());
            return Err(ExoticError::new("ERR_PNPM_BAD_PACKAGE_JSON", message));
        }
    };
    Ok((Source::Directory(shown), manifest))
}

fn missing(at: &Path) -> ExoticError {
    let message = format!("Could not install from \"{}\" as it does not exist", at.display());
    ExoticError::new("ERR_PNPM_LINKED_PKG_DIR_NOT_FOUND", message)
}

fn is_tarball(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    [".tgz", ".tar.gz", ".tar"].iter().any(|ending| lower.ends_with(ending))
}

/// `at` as seen from `root`, with `/`; no disk is asked. `None` if it is not UTF-8.
fn relative(root: &Path, at: &Path) -> Option<String> {
    let (root, at) = (normal(root), normal(at));
    let shared = root.components().zip(at.components()).take_while(|(a, b)| a == b).count();
    let up = root.components().skip(shared).map(|_| Some(".."));
    let down = at.components().skip(shared).map(|part| part.as_os_str().to_str());
    let parts: Vec<&str> = up.chain(down).collect::<Option<_>>()?;
    Some(if parts.is_empty() { ".".to_owned() } else { parts.join("/") })
}

fn normal(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_as_seen_from_the_lockfile() {
        let seen = |at: &str| relative(Path::new("/home/u/project"), Path::new(at)).unwrap();
        assert_eq!(seen("/home/u/project/lib"), "lib");
        assert_eq!(seen("/home/u/project/./a/../lib"), "lib");
        assert_eq!(seen("/home/u/other"), "../other");
        assert_eq!(seen("/srv/x.tgz"), "../../../srv/x.tgz");
        assert_eq!(seen("/home/u/project"), ".");
    }
}
