//! The peers that the existing lockfile gives the dependencies of a project: they stay theirs where versions of them
//! are added to the project again.

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::intern::{NumberMap, NumberSet, Symbol};
use crate::lockfile::Lockfile;
use crate::lockfile::model::{dep_path_of, package_key};

use super::context::Context;

/// Peers of the dependencies of one project.
#[derive(Debug, Default)]
pub(super) struct LockedPeers {
    versions: NumberMap<Symbol, BTreeSet<String>>,
    below: NumberMap<Symbol, Rc<NumberSet<Symbol>>>,
}

impl LockedPeers {
    /// As the lockfile has them; of a project that it does not know, the peers of all packages.
    pub(super) fn of(ctx: &Context, id: &str) -> Self {
        let mut all = Self::default();
        let Some(lockfile) = &ctx.lockfile else { return all };
        let Some(importer) = lockfile.importers.get(id) else {
            for key in lockfile.snapshots.keys() {
                all.add(ctx, peers_in(lockfile, key));
            }
            return all;
        };
        for group in [&importer.dependencies, &importer.optional_dependencies, &importer.dev_dependencies] {
            for (alias, held) in group {
                let Some(key) = dep_path_of(alias, &held.version) else { continue };
                let names = all.add(ctx, peers_in(lockfile, &key));
                if !names.is_empty() {
                    all.below.insert(ctx.symbol(alias), Rc::new(names));
                }
            }
        }
        all
    }

    fn add(&mut self, ctx: &Context, peers: Vec<(String, String)>) -> NumberSet<Symbol> {
        let peers = peers.into_iter().map(|(name, version)| (ctx.symbol(&name), version));
        peers
            .map(|(name, version)| {
                self.versions.entry(name).or_default().insert(version);
                name
            })
            .collect()
    }

    /// The names of all.
    pub(super) fn names(&self) -> NumberSet<Symbol> {
        self.versions.keys().copied().collect()
    }

    /// The names of those of one dependency; `None` if it has none.
    pub(super) fn below(&self, alias: Symbol) -> Option<Rc<NumberSet<Symbol>>> {
        self.below.get(&alias).cloned()
    }

    /// Whether a version may be added: one that is locked, if any is.
    pub(super) fn allow(&self, name: Symbol, version: &str) -> bool {
        self.versions.get(&name).is_none_or(|locked| locked.contains(version))
    }
}

/// Name and version of each peer that a key of `snapshots` names; of a suffix that was shortened, those that stand
/// among its dependencies.
fn peers_in(lockfile: &Lockfile, key: &str) -> Vec<(String, String)> {
    let suffix = &key[package_key(key).len()..];
    let segments = suffix.match_indices('(').filter_map(|(at, _)| suffix[at + 1..].split(['(', ')']).next());
    let named: Vec<(String, String)> = segments
        .filter_map(|segment| segment.rsplit_once('@'))
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, version)| (name.to_owned(), version.to_owned()))
        .collect();
    let hash = suffix.rsplit_once('(').and_then(|(_, tail)| tail.strip_suffix(')'));
    let is_short = hash.is_some_and(|hash| hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if !named.is_empty() || !is_short {
        return named;
    }
    let (Some(snapshot), Some(package)) = (lockfile.snapshots.get(key), lockfile.packages.get(package_key(key))) else {
        return Vec::new();
    };
    let held = snapshot.dependencies.iter().chain(&snapshot.optional_dependencies);
    held.filter(|(name, value)| package.peer_dependencies.contains_key(*name) && !value.contains(':'))
        .map(|(name, value)| (name.clone(), package_key(value).to_owned()))
        .collect()
}
