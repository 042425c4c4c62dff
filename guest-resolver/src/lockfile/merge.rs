//! Lockfiles put together as pnpm does it: both sides of one in which git has left conflicts, or the common one and
//! those of branches. Of two versions the higher one wins. Of anything else mostly what comes in, but each field has
//! pnpm's rule. What nothing reaches any more is dropped of a conflict, and kept of branches.

use std::collections::{BTreeMap, BTreeSet};

use super::Lockfile;
use super::model::{
    CatalogEntry, Importer, ImporterDependency, LockfileSettings, OtherFields, Package, Snapshot, dep_path_of,
    package_key,
};
use crate::semver::Version;

/// Whether git has left a conflict in the text.
#[must_use]
pub fn has_conflict(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("<<<<<<< "))
}

/// The texts of both sides: ours and what comes in. `None` if the marks do not pair.
pub(super) fn sides(text: &str) -> Option<(String, String)> {
    #[derive(PartialEq)]
    enum At {
        Common,
        Ours,
        Base,
        Theirs,
    }
    let (mut ours, mut theirs, mut at) =
        (String::with_capacity(text.len()), String::with_capacity(text.len()), At::Common);
    for line in text.split_inclusive('\n') {
        let mark = line.get(..7).filter(|_| line.len() == 7 || line[7..].starts_with([' ', '\r', '\n']));
        at = match (mark, at) {
            (Some("<<<<<<<"), At::Common) => At::Ours,
            (Some("|||||||"), At::Ours) => At::Base,
            (Some("======="), At::Ours | At::Base) => At::Theirs,
            (Some(">>>>>>>"), At::Theirs) => At::Common,
            (Some("<<<<<<<" | "|||||||" | "=======" | ">>>>>>>"), _) => return None,
            (_, at) => {
                if at == At::Common || at == At::Ours {
                    ours.push_str(line);
                }
                if at == At::Common || at == At::Theirs {
                    theirs.push_str(line);
                }
                at
            }
        };
    }
    (at == At::Common).then_some((ours, theirs))
}

/// Puts two lockfiles together, as pnpm does it: nothing is dropped but what it does not carry over of projects.
pub(super) fn merge(ours: Lockfile, theirs: Lockfile) -> Lockfile {
    let mut ignored = ours.ignored_optional_dependencies;
    for name in theirs.ignored_optional_dependencies {
        if !ignored.contains(&name) {
            ignored.push(name);
        }
    }
    let mut overrides = ours.overrides;
    overrides.extend(theirs.overrides);
    let mut merged = Lockfile {
        settings: settings(ours.settings, theirs.settings),
        catalogs: merge_maps(ours.catalogs, theirs.catalogs, |ours, theirs| merge_maps(ours, theirs, catalog_entry)),
        overrides,
        package_extensions_checksum: ours.package_extensions_checksum.or(theirs.package_extensions_checksum),
        pnpmfile_checksum: ours.pnpmfile_checksum.or(theirs.pnpmfile_checksum),
        patched_dependencies: merge_maps(ours.patched_dependencies, theirs.patched_dependencies, |_, theirs| theirs),
        importers: merge_maps(ours.importers, theirs.importers, importer),
        packages: merge_maps(ours.packages, theirs.packages, package),
        ignored_optional_dependencies: ignored,
        snapshots: merge_maps(ours.snapshots, theirs.snapshots, snapshot),
        time: merge_maps(ours.time, theirs.time, |_, theirs| theirs),
        environment_document: ours.environment_document,
        other: other(ours.other, theirs.other),
    };
    for importer in merged.importers.values_mut() {
        importer.dependencies_meta.clear();
        importer.publish_directory = None;
    }
    let direct: BTreeSet<String> =
        merged.importers.values().flat_map(direct).map(|path| package_key(&path).to_owned()).collect();
    merged.time.retain(|key, _| direct.contains(key));
    merged
}

fn merge_maps<T>(
    ours: BTreeMap<String, T>,
    theirs: BTreeMap<String, T>,
    both: impl Fn(T, T) -> T,
) -> BTreeMap<String, T> {
    let mut merged = ours;
    for (key, theirs) in theirs {
        let value = match merged.remove(&key) {
            Some(ours) => both(ours, theirs),
            None => theirs,
        };
        merged.insert(key, value);
    }
    merged
}

/// What one side has switched on is on; of two lengths ours counts.
fn settings(ours: LockfileSettings, theirs: LockfileSettings) -> LockfileSettings {
    let either = |ours: Option<bool>, theirs: Option<bool>| match (ours, theirs) {
        (Some(ours), Some(theirs)) => Some(ours || theirs),
        _ => ours.or(theirs),
    };
    LockfileSettings {
        auto_install_peers: either(ours.auto_install_peers, theirs.auto_install_peers),
        dedupe_peers: either(ours.dedupe_peers, theirs.dedupe_peers),
        exclude_links_from_lockfile: either(ours.exclude_links_from_lockfile, theirs.exclude_links_from_lockfile),
        inject_workspace_packages: either(ours.inject_workspace_packages, theirs.inject_workspace_packages),
        peers_suffix_max_length: ours.peers_suffix_max_length.or(theirs.peers_suffix_max_length),
        other: other(ours.other, theirs.other),
    }
}

/// Unknown fields: of two with one name ours counts.
fn other(mut ours: OtherFields, theirs: OtherFields) -> OtherFields {
    for (name, text) in theirs {
        if !ours.iter().any(|(held, _)| *held == name) {
            ours.push((name, text));
        }
    }
    ours
}

fn catalog_entry(ours: CatalogEntry, theirs: CatalogEntry) -> CatalogEntry {
    CatalogEntry { specifier: theirs.specifier, version: higher(ours.version, theirs.version) }
}

fn importer(ours: Importer, theirs: Importer) -> Importer {
    let both = |ours: ImporterDependency, theirs: ImporterDependency| ImporterDependency {
        version: higher(ours.version, theirs.version),
        specifier: theirs.specifier,
    };
    Importer {
        dependencies: merge_maps(ours.dependencies, theirs.dependencies, both),
        dev_dependencies: merge_maps(ours.dev_dependencies, theirs.dev_dependencies, both),
        optional_dependencies: merge_maps(ours.optional_dependencies, theirs.optional_dependencies, both),
        other: other(ours.other, theirs.other),
        ..Importer::default()
    }
}

/// Field by field: what comes in, or else what is there.
fn package(ours: Package, theirs: Package) -> Package {
    Package {
        resolution: theirs.resolution,
        version: theirs.version.or(ours.version),
        engines: if theirs.engines.is_empty() { ours.engines } else { theirs.engines },
        cpu: filled(ours.cpu, theirs.cpu),
        os: filled(ours.os, theirs.os),
        libc: filled(ours.libc, theirs.libc),
        deprecated: theirs.deprecated.or(ours.deprecated),
        has_bin: ours.has_bin || theirs.has_bin,
        bundled_dependencies: theirs.bundled_dependencies.or(ours.bundled_dependencies),
        peer_dependencies: match theirs.peer_dependencies.is_empty() {
            true => ours.peer_dependencies,
            false => theirs.peer_dependencies,
        },
        optional_peers: filled(ours.optional_peers, theirs.optional_peers),
        other: other(theirs.other, ours.other),
    }
}

fn filled(ours: Vec<String>, theirs: Vec<String>) -> Vec<String> {
    if theirs.is_empty() { ours } else { theirs }
}

fn snapshot(ours: Snapshot, theirs: Snapshot) -> Snapshot {
    Snapshot {
        dependencies: merge_maps(ours.dependencies, theirs.dependencies, higher),
        optional_dependencies: merge_maps(ours.optional_dependencies, theirs.optional_dependencies, higher),
        transitive_peer_dependencies: filled(ours.transitive_peer_dependencies, theirs.transitive_peer_dependencies),
        optional: ours.optional || theirs.optional,
        other: other(theirs.other, ours.other),
    }
}

/// The reference with the higher version, peers aside; what comes in where one of the two is no version.
fn higher(ours: String, theirs: String) -> String {
    let version = |text: &str| Version::parse(text.split('(').next().unwrap_or(text));
    match (version(&ours), version(&theirs)) {
        (Some(left), Some(right)) if left > right => ours,
        _ => theirs,
    }
}

/// What a project depends on, as dep-paths.
fn direct(importer: &Importer) -> impl Iterator<Item = String> {
    let groups = [&importer.dependencies, &importer.dev_dependencies, &importer.optional_dependencies];
    groups.into_iter().flatten().filter_map(|(alias, held)| dep_path_of(alias, &held.version))
}

/// Drops what no project reaches.
pub(super) fn prune(lockfile: &mut Lockfile) {
    let mut open: Vec<String> = lockfile.importers.values().flat_map(direct).collect();
    let mut reached: BTreeSet<String> = BTreeSet::new();
    while let Some(path) = open.pop() {
        let Some(snapshot) = lockfile.snapshots.get(&path) else { continue };
        if reached.insert(path) {
            let edges = snapshot.dependencies.iter().chain(&snapshot.optional_dependencies);
            open.extend(edges.filter_map(|(alias, value)| dep_path_of(alias, value)));
        }
    }
    let packages: BTreeSet<&str> = reached.iter().map(|path| package_key(path)).collect();
    lockfile.packages.retain(|key, _| packages.contains(key.as_str()));
    lockfile.time.retain(|key, _| packages.contains(key.as_str()));
    lockfile.snapshots.retain(|path, _| reached.contains(path));
}

#[cfg(test)]
mod tests;
