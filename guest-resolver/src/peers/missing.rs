//! Peers that nobody provides: where they are missing, in which range, and whose business that is.

use std::rc::Rc;

use crate::intern::{NumberMap, NumberSet, Symbol};
use crate::resolve::tree::{PackageId, Peer};
use crate::semver::intersection;

use super::refs::ByName;

/// A peer that nobody provides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The range, as written.
    pub range: Rc<str>,
    /// It may be missing.
    pub optional: bool,
}

impl Missing {
    /// A package's own peer.
    pub(super) fn of(peer: &Peer) -> Self {
        Self { range: Rc::clone(&peer.range), optional: peer.optional }
    }
}

/// A peer that is missing somewhere.
#[derive(Debug, Clone)]
pub struct Issue {
    /// The peer.
    pub peer: Symbol,
    /// What is asked for.
    pub missing: Missing,
    /// The packages above the one that asks, from the nearest up.
    pub chain: Option<Rc<Link>>,
    /// The package that asks; unknown where a cache answered for it.
    pub package: PackageId,
}

/// The packages above a node.
#[derive(Debug)]
pub struct Link {
    /// The package.
    pub package: PackageId,
    /// The one above it.
    pub parent: Option<Rc<Link>>,
}

/// The peers that are missing below each package of a subtree.
#[derive(Debug)]
pub struct Summary {
    pub(super) own: Option<(PackageId, Vec<Symbol>)>,
    pub(super) below: Vec<Rc<Summary>>,
}

impl Summary {
    /// Missing peers by package, over all of `roots`.
    pub fn by_package(roots: &[Rc<Self>]) -> NumberMap<PackageId, Vec<Symbol>> {
        let mut found: NumberMap<PackageId, Vec<Symbol>> = NumberMap::default();
        let mut seen: NumberSet<usize> = NumberSet::default();
        let mut open: Vec<&Rc<Self>> = roots.iter().collect();
        while let Some(summary) = open.pop() {
            if !seen.insert(Rc::as_ptr(summary) as usize) {
                continue;
            }
            if let Some((package, names)) = &summary.own {
                found.entry(*package).or_default().extend(names);
            }
            open.extend(&summary.below);
        }
        found
    }
}

/// Which missing peers a project need not care for: another project owns the package and was not missing them.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// The project.
    pub project: usize,
    /// Whose occurrence decides a package's children.
    pub owners: Rc<NumberMap<PackageId, usize>>,
    /// What was missing below each package in its owner's first visit.
    pub missing: Rc<NumberMap<PackageId, Vec<Symbol>>>,
    /// Peers of the project's dependencies in the existing lockfile that the root has: these are there for it again.
    pub locked: NumberSet<Symbol>,
}

impl Scope {
    /// Whether the missing `peer` is another project's business.
    pub fn covers(&self, peer: Symbol, chain: Option<&Rc<Link>>) -> bool {
        if self.locked.contains(&peer) {
            return false;
        }
        let mut link = chain;
        while let Some(current) = link {
            let elsewhere = self.owners.get(&current.package).is_some_and(|owner| *owner != self.project);
            if elsewhere && self.missing.get(&current.package).is_some_and(|names| !names.contains(&peer)) {
                return true;
            }
            link = current.parent.as_ref();
        }
        false
    }
}

/// The range of a peer without `workspace:`; what follows it may be no range at all.
pub fn peer_range(range: &str) -> std::borrow::Cow<'_, str> {
    match range.strip_prefix("workspace:") {
        None => range.into(),
        Some("*" | "^" | "~" | "") => "*".into(),
        Some(rest) => rest.into(),
    }
}

/// Notes what is missing, sorted by name, with what is missing under this name already. What is needed hides what is
/// not; of two ranges that are needed the part counts that both accept, or the first if there is none; of those that
/// are not needed all count.
pub(super) fn add_missing(list: &mut ByName<Missing>, name: Symbol, new: Missing) {
    let start = list.partition_point(|(held, _)| *held < name);
    let end = start + list[start..].iter().take_while(|(held, _)| *held == name).count();
    if list[start..end].iter().any(|(_, held)| *held == new) {
        return;
    }
    match list[start..end].first() {
        Some((_, held)) if !held.optional => {
            if !new.optional
                && let Some(both) = intersection(&[&held.range, &new.range])
            {
                list[start].1.range = both.into();
            }
        }
        Some(_) if !new.optional => drop(list.splice(start..end, [(name, new)])),
        _ => list.insert(end, (name, new)),
    }
}
