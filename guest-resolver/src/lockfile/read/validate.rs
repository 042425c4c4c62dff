//! What a lockfile must hold to before anything in it becomes a path or an address: every name is a name, every
//! reference leads somewhere, every resolution has the shape its key promises.

use std::collections::BTreeMap;

use wit::{Alias, BadName, ImporterId, Integrity, PackageName, Version};

use crate::lockfile::{
    Lockfile,
    error::{
        INVALID_NAME, LINK_OUTSIDE, LockfileError, MISSING_DEPENDENCY, MISSING_INTEGRITY, RESTORE, SHAPE_MISMATCH,
    },
    model::{Package, Resolution, is_named, package_key, split_key},
};

/// Checks all of it.
pub(super) fn validate(lockfile: &Lockfile, neighbours: &BTreeMap<String, String>) -> Result<(), LockfileError> {
    let is_project = |base: &str, target: &str| {
        let folder = join(base, target);
        folder.is_some_and(|folder| lockfile.importers.contains_key(&folder) || neighbours.contains_key(&folder))
    };
    for (key, package) in &lockfile.packages {
        check_package(key, package)?;
    }
    let mut references = References { lockfile, path: String::new() };
    for (id, importer) in &lockfile.importers {
        ImporterId::check(id).map_err(|bad| LockfileError::broken(bad.to_string()))?;
        for group in [&importer.dependencies, &importer.dev_dependencies, &importer.optional_dependencies] {
            for (alias, dependency) in group {
                references.check(id, alias, &dependency.version)?;
                if let Some(target) = dependency.version.strip_prefix("link:")
                    && !is_project(id, target)
                {
                    check_importer_link(lockfile, id, &dependency.specifier, target)?;
                }
            }
        }
    }
    for (dep_path, snapshot) in &lockfile.snapshots {
        if !lockfile.packages.contains_key(package_key(dep_path)) {
            return Err(missing(dep_path, "packages", package_key(dep_path)));
        }
        for (alias, value) in snapshot.dependencies.iter().chain(&snapshot.optional_dependencies) {
            references.check(dep_path, alias, value)?;
            if let Some(target) = value.strip_prefix("link:")
                && !is_project(".", target)
            {
                check_snapshot_link(lockfile, dep_path, target)?;
            }
        }
    }
    Ok(())
}

struct References<'a> {
    lockfile: &'a Lockfile,
    /// One buffer for all look-ups.
    path: String,
}

impl References<'_> {
    fn check(&mut self, owner: &str, alias: &str, value: &str) -> Result<(), LockfileError> {
        Alias::check(alias).map_err(|bad| invalid_name(&bad))?;
        if value.starts_with("link:") {
            return Ok(());
        }
        self.path.clear();
        if !is_named(value) {
            self.path.push_str(alias);
            self.path.push('@');
        }
        self.path.push_str(value);
        if self.lockfile.snapshots.contains_key(self.path.as_str()) {
            return Ok(());
        }
        Err(missing(owner, "snapshots", &self.path))
    }
}

fn missing(owner: &str, section: &str, wanted: &str) -> LockfileError {
    LockfileError::new(MISSING_DEPENDENCY, format!("the lockfile is incomplete: {section} has no entry {wanted}"))
        .fact("entry", wanted)
        .fact("named by", owner)
        .hint(RESTORE)
}

fn invalid_name(bad: &BadName) -> LockfileError {
    LockfileError::new(INVALID_NAME, format!("the lockfile names a dependency badly: {bad}"))
        .fact("name", bad.value.as_str())
        .hint("Nothing was installed: find out who changed pnpm-lock.yaml, then restore it from version control")
}

fn check_package(key: &str, package: &Package) -> Result<(), LockfileError> {
    let (name, id) = split_key(key).ok_or_else(|| LockfileError::broken(format!("{key} is no name and version")))?;
    PackageName::check(name).map_err(|bad| invalid_name(&bad))?;
    let from_registry = Version::check(id).is_ok();
    let mismatch = |reason: &str| {
        LockfileError::new(SHAPE_MISMATCH, format!("the lockfile's resolution of {key} is not to be trusted: {reason}"))
            .fact("package", key)
            .hint(RESTORE)
    };
    match &package.resolution {
        Resolution::Git { .. } | Resolution::Directory(_) | Resolution::Custom { .. } if from_registry => {
            Err(mismatch("a version of a registry has the bytes of a folder, a repository or a plugin"))
        }
        Resolution::Git { commit, repo, .. } => {
            let hexadecimal = matches!(commit.len(), 40 | 64) && commit.bytes().all(|b| b.is_ascii_hexdigit());
            match hexadecimal && !repo.starts_with('-') && !repo.contains("::") {
                true => Ok(()),
                false => Err(mismatch("the commit or the repository is malformed")),
            }
        }
        Resolution::Directory(directory) => match id.strip_prefix("file:") == Some(directory.as_str()) {
            true => Ok(()),
            false => Err(mismatch("its folder is not the one that its key names")),
        },
        Resolution::Tarball { integrity: Some(integrity), .. }
        | Resolution::Custom { integrity: Some(integrity), .. } => match Integrity::check(integrity) {
            Ok(()) => Ok(()),
            Err(bad) => {
                Err(LockfileError::new(MISSING_INTEGRITY, format!("{key}: {bad}")).fact("package", key).hint(RESTORE))
            }
        },
        // What the entry says of itself (`gitHosted`) does not count: whoever changed it could say so of anything.
        Resolution::Tarball { tarball, .. } => {
            let pinned = tarball.as_deref().is_some_and(|url| url.starts_with("file:") || is_host_archive(url));
            match pinned && !from_registry {
                true => Ok(()),
                false => Err(LockfileError::new(MISSING_INTEGRITY, format!("the lockfile has no integrity for {key}"))
                    .fact("package", key)
                    .hint("Restore the integrity from version control, or delete pnpm-lock.yaml and install again")),
            }
        }
        Resolution::Custom { .. } | Resolution::Other { .. } => Ok(()),
    }
}

/// An archive that a git host makes of a commit: the whole commit stands where the host reads it, so that the address
/// always leads to the same files.
fn is_host_archive(url: &str) -> bool {
    let Some((host, rest)) = url.strip_prefix("https://").and_then(|rest| rest.split_once('/')) else { return false };
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let commit = |text: &str| text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match (host.to_ascii_lowercase().as_str(), parts.as_slice()) {
        ("codeload.github.com", [_, _, "tar.gz", reference]) => commit(reference),
        ("bitbucket.org", [_, _, "get", file]) => file.strip_suffix(".tar.gz").is_some_and(commit),
        ("gitlab.com", ["api", "v4", "projects", _, "repository", "archive.tar.gz"]) => {
            query.split('&').find_map(|part| part.strip_prefix("ref=")).is_some_and(commit)
        }
        ("gitlab.com", [_, _, .., "-", "archive", reference, file]) => commit(reference) && file.ends_with(".tar.gz"),
        _ => false,
    }
}

/// A link of a project that does not lead to another one is asked for in its manifest.
fn check_importer_link(lockfile: &Lockfile, id: &str, specifier: &str, target: &str) -> Result<(), LockfileError> {
    let asked =
        ["link:", "file:", "workspace:", "catalog:", ".", "/", "~"].iter().any(|start| specifier.starts_with(start));
    if asked || is_overridden(lockfile) {
        return Ok(());
    }
    Err(link_outside(id, target))
}

/// A link of a package that does not lead to a project is relative to the lockfile and stays below it.
fn check_snapshot_link(lockfile: &Lockfile, dep_path: &str, target: &str) -> Result<(), LockfileError> {
    let inside = join(".", target).is_some_and(|path| !path.starts_with(".."));
    if inside || is_overridden(lockfile) {
        return Ok(());
    }
    Err(link_outside(dep_path, target))
}

fn is_overridden(lockfile: &Lockfile) -> bool {
    lockfile.overrides.values().any(|value| value.starts_with("link:") || value.starts_with("file:"))
}

fn link_outside(owner: &str, target: &str) -> LockfileError {
    LockfileError::new(LINK_OUTSIDE, format!("the lockfile links {target} into {owner}, which no manifest asks for"))
        .fact("owner", owner)
        .fact("target", target)
        .hint("Restore pnpm-lock.yaml from version control, or ask for the folder with link: in the manifest")
}

/// `target` from `base`, both relative to the lockfile; `None` for absolute ones.
pub(crate) fn join(base: &str, target: &str) -> Option<String> {
    if target.starts_with('/') || target.contains('\\') || target.get(1..2) == Some(":") {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(target.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    Some(if parts.is_empty() { ".".to_owned() } else { parts.join("/") })
}
