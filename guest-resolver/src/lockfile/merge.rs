//! A lockfile in which git has left conflicts: both sides are read, and what they pin is put together as pnpm does it.
//! Of two versions the higher one wins, of anything else what comes in; what nothing reaches any more is dropped.

use std::collections::{BTreeMap, BTreeSet};

use super::Lockfile;
use super::model::{Importer, ImporterDependency, Snapshot, dep_path_of, package_key};
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

/// Puts two lockfiles together.
pub(super) fn merge(ours: Lockfile, theirs: Lockfile) -> Lockfile {
    let mut ignored = ours.ignored_optional_dependencies;
    for name in theirs.ignored_optional_dependencies {
        if !ignored.contains(&name) {
            ignored.push(name);
        }
    }
    let mut merged = Lockfile {
        importers: merge_maps(ours.importers, theirs.importers, importer),
        packages: merge_maps(ours.packages, theirs.packages, |_, theirs| theirs),
        snapshots: merge_maps(ours.snapshots, theirs.snapshots, snapshot),
        catalogs: merge_maps(ours.catalogs, theirs.catalogs, |ours, theirs| {
            merge_maps(ours, theirs, |_, theirs| theirs)
        }),
        time: merge_maps(ours.time, theirs.time, |_, theirs| theirs),
        ignored_optional_dependencies: ignored,
        ..theirs
    };
    prune(&mut merged);
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

fn importer(ours: Importer, theirs: Importer) -> Importer {
    let both = |ours: ImporterDependency, theirs: ImporterDependency| ImporterDependency {
        version: higher(ours.version, theirs.version),
        specifier: theirs.specifier,
    };
    Importer {
        dependencies: merge_maps(ours.dependencies, theirs.dependencies, both),
        dev_dependencies: merge_maps(ours.dev_dependencies, theirs.dev_dependencies, both),
        optional_dependencies: merge_maps(ours.optional_dependencies, theirs.optional_dependencies, both),
        ..theirs
    }
}

fn snapshot(ours: Snapshot, theirs: Snapshot) -> Snapshot {
    Snapshot {
        dependencies: merge_maps(ours.dependencies, theirs.dependencies, higher),
        optional_dependencies: merge_maps(ours.optional_dependencies, theirs.optional_dependencies, higher),
        ..theirs
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

/// Drops what no project reaches.
fn prune(lockfile: &mut Lockfile) {
    let mut open: Vec<String> = Vec::new();
    for importer in lockfile.importers.values() {
        let groups = [&importer.dependencies, &importer.dev_dependencies, &importer.optional_dependencies];
        let edges = groups.into_iter().flatten();
        open.extend(edges.filter_map(|(alias, held)| dep_path_of(alias, &held.version)));
    }
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
