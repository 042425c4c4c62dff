//! Folders and tarballs of the user's disk that projects depend on: they change without any manifest or lockfile of
//! the project changing, so they are looked at in every run.

use std::path::Path;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha512};
use store::Limits;
use wit::{Integrity, names::Algorithm};

use super::Install;
use crate::{
    diagnostic::Diagnostic,
    fetch::MAX_TARBALL,
    graph::{Placement, Snapshot, Source, Target},
    limited::{self, Links},
};

/// Whether a project asks for a folder that is copied or for a tarball on disk.
pub(super) fn is_wanted(install: &Install<'_>) -> bool {
    let config = &install.context.config;
    let rules = &config.settings.rules;
    let mut manifests = config.project.importers.iter();
    let in_manifests = manifests.any(|importer| {
        let groups = ["dependencies", "devDependencies", "optionalDependencies"];
        let mut all = groups.iter().flat_map(|group| importer.manifest.entries(group));
        all.any(|(_, specifier)| specifier.as_str().is_some_and(is_local))
    });
    let catalogs = rules.catalogs.values().flat_map(|catalog| catalog.values());
    let extended = rules.package_extensions.values();
    let extended = extended.flat_map(|more| more.dependencies.values().chain(more.optional_dependencies.values()));
    in_manifests || catalogs.chain(rules.overrides.values()).chain(extended).any(|text| is_local(text))
}

fn is_local(specifier: &str) -> bool {
    let lower = specifier.to_ascii_lowercase();
    let is_tarball = [".tgz", ".tar.gz", ".tar"].iter().any(|ending| lower.ends_with(ending));
    specifier.starts_with("file:")
        || specifier.starts_with(['.', '/'])
        || specifier.starts_with("~/")
        || is_tarball && !specifier.contains([':', '#'])
}

/// The first folder or tarball that is no longer what the lockfile was made from.
pub(super) fn drift(install: &Install<'_>, placement: &Placement) -> Option<Diagnostic> {
    let root = &install.context.config.project.root;
    let rules = &install.context.config.settings.rules;
    let rewritten = !rules.overrides.is_empty() || !rules.package_extensions.is_empty();
    let changed = placement.snapshots.iter().find(|snapshot| match &snapshot.source {
        Source::Tarball { url, integrity: Some(integrity), .. } => url
            .strip_prefix("file:")
            .and_then(|path| limited::read(&root.join(path), MAX_TARBALL, Links::Followed).ok())
            .is_some_and(|bytes| integrity_of(&bytes) != *integrity),
        Source::Directory(folder) if !rewritten => manifest_of(&root.join(folder))
            .and_then(|text| serde_json::from_slice(&text).ok())
            .is_some_and(|manifest| asks_for_other(&manifest, snapshot, placement)),
        _ => false,
    })?;
    let place = match &changed.source {
        Source::Directory(folder) => folder.as_str(),
        Source::Tarball { url, .. } => url.trim_start_matches("file:"),
        _ => "",
    };
    let message = format!("The local dependency \"{}\" at \"{place}\" is outdated in the lockfile", changed.name);
    let hint = "Install with --no-frozen-lockfile to update the lockfile";
    Some(Diagnostic::new("ERR_PNPM_OUTDATED_LOCKFILE", message).with_hint(hint))
}

/// The text of a folder's manifest, if it can be read; that it cannot is told when the folder is gathered.
fn manifest_of(folder: &Path) -> Option<Vec<u8>> {
    limited::read(&folder.join("package.json"), Limits::default().manifest, Links::Followed).ok()
}

fn integrity_of(bytes: &[u8]) -> String {
    let digests = vec![Sha512::digest(bytes).as_slice().into()];
    Integrity { algorithm: Algorithm::Sha512, digests }.to_string()
}

/// The names that a folder depends on are other ones, or an exact version is. Ranges are judged when it is resolved.
fn asks_for_other(manifest: &Map<String, Value>, snapshot: &Snapshot, placement: &Placement) -> bool {
    let field = |name: &str| manifest.get(name).and_then(Value::as_object);
    let has = |name: &str, alias: &str| field(name).is_some_and(|all| all.contains_key(alias));
    let held = |alias: &str| snapshot.dependencies.iter().find(|link| link.alias.as_str() == alias);
    let mut wanted = field("dependencies").into_iter().flatten();
    let missing = wanted.any(|(alias, specifier)| {
        if has("optionalDependencies", alias) || has("peerDependencies", alias) {
            return false;
        }
        match held(alias).map(|link| &link.target) {
            None => true,
            Some(Target::Snapshot(at)) => {
                let specifier = specifier.as_str().unwrap_or_default();
                wit::Version::check(specifier).is_ok() && placement.snapshots[*at as usize].version != specifier
            }
            Some(Target::Directory(_)) => false,
        }
    });
    let known = |alias: &str| {
        ["dependencies", "optionalDependencies", "peerDependencies", "peerDependenciesMeta"]
            .iter()
            .any(|group| has(group, alias))
    };
    missing || snapshot.dependencies.iter().any(|link| !known(link.alias.as_str()))
}
