//! The graph below the projects after their edges have moved: what nothing reaches goes, what only optional edges reach
//! is optional.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::catalogs::catalog_name;
use crate::lockfile::Lockfile;
use crate::lockfile::model::{Package, dep_path_of, package_key, split_key};
use crate::semver::Version;

/// What happened to the edges.
#[derive(Debug, Default)]
pub(super) struct Edits {
    /// Where edges that are gone led, as the suffix of peers names it: `name@version`, or `name@` for any version.
    dropped: BTreeSet<String>,
    /// The dep-paths at these edges.
    ends: Vec<String>,
    /// An edge was added, or moved into or out of the optional ones.
    pub(super) stale_flags: bool,
}

impl Edits {
    /// An edge of a project is gone.
    pub(super) fn drop_edge(&mut self, alias: &str, value: &str) {
        let any = |name: &str| format!("{name}@");
        let Some(key) = dep_path_of(alias, value) else {
            self.dropped.insert(any(alias));
            return;
        };
        let plain = package_key(&key);
        let Some((name, text)) = split_key(plain) else { return };
        let version = text.rsplit_once(':').map_or(text, |(_, version)| version);
        let named = Version::parse(version).is_some();
        self.dropped.insert(if named { plain.to_owned() } else { any(name) });
        self.ends.push(key);
    }

    /// Puts the graph in order; `None` if the name of a package that stays holds one that is gone, or if one with peers
    /// stays that was below an edge that is gone.
    pub(super) fn finish(&self, lockfile: &mut Lockfile) -> Option<()> {
        if !self.dropped.is_empty() {
            let below = all_below(lockfile, self.ends.clone());
            prune(lockfile);
            let independent = |path: &String| self.absent_from(&path[package_key(path).len()..]);
            let met_otherwise = |path: &String| lockfile.packages.get(package_key(path)).is_some_and(asks_for_peers);
            if !lockfile.snapshots.keys().all(independent) || below.iter().any(met_otherwise) {
                return None;
            }
            prune_catalogs(lockfile);
        }
        if !self.dropped.is_empty() || self.stale_flags {
            flag_optional(lockfile);
        }
        Some(())
    }

    /// Whether a suffix of peers names nothing that is gone, at any depth. What a suffix that was shortened names is
    /// not known.
    fn absent_from(&self, peers: &str) -> bool {
        let mut named = peers.split(['(', ')']).filter(|peer| !peer.is_empty() && !peer.starts_with("patch_hash="));
        named.all(|peer| match split_key(peer) {
            Some((name, _)) => !self.dropped.contains(peer) && !self.dropped.contains(&format!("{name}@")),
            None => false,
        })
    }
}

fn edges(lockfile: &Lockfile) -> Vec<(String, bool)> {
    let mut all = Vec::new();
    for importer in lockfile.importers.values() {
        let groups = [
            (&importer.dependencies, false),
            (&importer.dev_dependencies, false),
            (&importer.optional_dependencies, true),
        ];
        for (group, optional) in groups {
            let paths = group.iter().filter_map(|(alias, held)| dep_path_of(alias, &held.version));
            all.extend(paths.map(|path| (path, optional)));
        }
    }
    all
}

/// All that projects reach, each with whether that was over an optional edge.
fn reached(lockfile: &Lockfile) -> HashSet<(String, bool)> {
    let mut open = edges(lockfile);
    let mut seen = HashSet::new();
    while let Some((path, optional)) = open.pop() {
        if !seen.insert((path.clone(), optional)) {
            continue;
        }
        let Some(snapshot) = lockfile.snapshots.get(&path) else { continue };
        for (group, optional) in [(&snapshot.dependencies, optional), (&snapshot.optional_dependencies, true)] {
            let paths = group.iter().filter_map(|(alias, value)| dep_path_of(alias, value));
            open.extend(paths.map(|path| (path, optional)));
        }
    }
    seen
}

/// Whether a package or one below it asks for peers: then what it is depends on who leads to it.
pub(super) fn has_peers_below(lockfile: &Lockfile, path: &str) -> bool {
    any_below(lockfile, vec![path.to_owned()], asks_for_peers)
}

/// Whether one of some packages or one below them asks for a peer of this name, in whatever range.
pub(super) fn asks_below(lockfile: &Lockfile, paths: Vec<String>, peer: &str) -> bool {
    any_below(lockfile, paths, |package| {
        package.peer_dependencies.contains_key(peer) || package.optional_peers.iter().any(|name| name == peer)
    })
}

fn asks_for_peers(package: &Package) -> bool {
    !package.peer_dependencies.is_empty() || !package.optional_peers.is_empty()
}

fn any_below(lockfile: &Lockfile, paths: Vec<String>, holds: impl Fn(&Package) -> bool) -> bool {
    !walk_below(lockfile, paths, |path| !lockfile.packages.get(package_key(path)).is_some_and(&holds)).1
}

/// These dep-paths and all that they lead to.
fn all_below(lockfile: &Lockfile, open: Vec<String>) -> HashSet<String> {
    walk_below(lockfile, open, |_| true).0
}

/// Walks down from dep-paths as long as `goes_on` says so: what was seen, and whether that is all.
fn walk_below(lockfile: &Lockfile, mut open: Vec<String>, goes_on: impl Fn(&str) -> bool) -> (HashSet<String>, bool) {
    let mut seen = HashSet::new();
    while let Some(path) = open.pop() {
        if seen.contains(&path) {
            continue;
        }
        if !goes_on(&path) {
            return (seen, false);
        }
        if let Some(snapshot) = lockfile.snapshots.get(&path) {
            let all = snapshot.dependencies.iter().chain(&snapshot.optional_dependencies);
            open.extend(all.filter_map(|(alias, value)| dep_path_of(alias, value)));
        }
        seen.insert(path);
    }
    (seen, true)
}

fn prune(lockfile: &mut Lockfile) {
    let reached: HashSet<String> = reached(lockfile).into_iter().map(|(path, _)| path).collect();
    lockfile.snapshots.retain(|path, _| reached.contains(path));
    let packages: HashSet<&str> = reached.iter().map(|path| package_key(path)).collect();
    lockfile.packages.retain(|key, _| packages.contains(key.as_str()));
}

fn flag_optional(lockfile: &mut Lockfile) {
    let reached = reached(lockfile);
    for (path, snapshot) in &mut lockfile.snapshots {
        let by = |optional: bool| reached.contains(&(path.clone(), optional));
        snapshot.optional = by(true) && !by(false);
    }
}

/// Entries of catalogs that no project asks for any more go.
fn prune_catalogs(lockfile: &mut Lockfile) {
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for importer in lockfile.importers.values() {
        let groups = [&importer.dependencies, &importer.dev_dependencies, &importer.optional_dependencies];
        for (alias, held) in groups.into_iter().flatten() {
            if let Some(name) = catalog_name(&held.specifier) {
                used.entry(name.to_owned()).or_default().insert(alias.clone());
            }
        }
    }
    lockfile.catalogs.retain(|name, entries| {
        entries.retain(|alias, _| used.get(name).is_some_and(|used| used.contains(alias)));
        !entries.is_empty()
    });
}
