//! What a visit leaves for later ones: packages that no context can change, and the variants of the others with the
//! providers they were seen with.

use std::rc::Rc;

use crate::intern::{NumberMap, NumberSet, Symbol};
use crate::resolve::tree::{NodeId, PackageId};
use crate::resolve::walk::Direct;

use super::circles::Circles;
use super::missing::{Link, Missing, Summary};
use super::refs::{ByName, ParentRef, Refs, get};
use super::visit::{Output, Visit};

/// A variant of a package, and what it takes to be it.
#[derive(Debug)]
pub(super) struct Cached {
    pub(super) external: Rc<ByName<NodeId>>,
    pub(super) missing: Rc<ByName<Missing>>,
    /// What is missing without the package's own peers.
    pub(super) missing_below: Rc<ByName<Missing>>,
    pub(super) summary: Option<Rc<Summary>>,
    pub(super) path: PathId,
    /// The node it was seen at.
    pub(super) node: NodeId,
}

/// A package with the peers it sees, while names are not final: equal numbers, equal variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct PathId(u32);

/// What visits leave for later ones.
#[derive(Debug, Default)]
pub struct Caches {
    pub(super) paths: NumberMap<(PackageId, Vec<PathId>), PathId>,
    pub(super) path_of: NumberMap<NodeId, PathId>,
    pub(super) pure: NumberMap<PackageId, PathId>,
    pub(super) variants: NumberMap<PackageId, Vec<Cached>>,
    pub(super) parents_of: NumberMap<NodeId, Refs>,
    /// Names of peers that form circles, told by the variants and what they were seen with.
    pub(super) circles: Circles,
    pub(super) canonical: NumberMap<PackageId, NodeId>,
    /// Paths that name a provider which had not been visited: which of its variants it would be was open.
    pub(super) tentative: NumberSet<PathId>,
}

impl Caches {
    /// With room for so many packages.
    pub fn of(packages: usize) -> Self {
        let mut caches = Self::default();
        caches.paths.reserve(packages);
        caches.path_of.reserve(packages);
        caches.pure.reserve(packages);
        caches.variants.reserve(packages);
        caches
    }
}

impl Visit<'_> {
    /// The variant of a package that no context can change.
    pub(super) fn context_free(&mut self, package: PackageId, depth: i32) -> Option<PathId> {
        if depth == -1 {
            return Some(self.path(package, Vec::new()));
        }
        let path = *self.caches.pure.get(&package)?;
        let known = self.options.discovery || self.least_depth.get(&path).is_some_and(|least| *least <= depth);
        (known && self.tree.package(package).peers.is_empty()).then_some(path)
    }

    /// Takes a variant from the cache: from now on the node stands for the one that was visited.
    pub(super) fn hit(&mut self, node: NodeId, (package, at): (PackageId, usize), link: Option<&Rc<Link>>) -> Output {
        let cached = &self.caches.variants[&package][at];
        let output = Output {
            external: Rc::clone(&cached.external),
            provided: Vec::new(),
            missing: Rc::clone(&cached.missing),
            summary: cached.summary.clone(),
        };
        let (path, model) = (cached.path, cached.node);
        if !output.missing.is_empty() {
            let below = Rc::clone(&cached.missing_below);
            let peers = Rc::clone(&self.tree.package(package).peers);
            let lacking =
                peers.iter().filter(|(name, _)| output.missing.binary_search_by_key(name, |(held, _)| *held).is_ok());
            for (name, peer) in lacking {
                self.report(*name, Missing::of(peer), package, link);
            }
            let chain = Some(Rc::new(Link { package, parent: link.cloned() }));
            for (name, missing) in below.iter() {
                self.report(*name, missing.clone(), package, chain.as_ref());
            }
        }
        self.remember(node, path);
        if !self.options.discovery {
            self.models.insert(node, model);
        }
        let depth = self.tree.node(node).depth;
        if let Some(least) = self.least_depth.get_mut(&path) {
            *least = depth.min(*least);
        }
        output
    }

    pub(super) fn full_hit(&self, refs: &Refs, package: PackageId) -> Option<(PackageId, usize)> {
        let variants = self.caches.variants.get(&package)?;
        let fits = |cached: &Cached| {
            cached
                .external
                .iter()
                .all(|(name, held)| get(refs, *name).is_some_and(|current| self.same(current.node, *held)))
                && cached.missing.iter().all(|(name, _)| get(refs, *name).is_none())
                && self.still_holds(package, cached)
        };
        variants.iter().position(fits).map(|at| (package, at))
    }

    /// A hit without making nodes: only where none of the package's own children provides a name in question.
    pub(super) fn quick_hit(&mut self, refs: &Refs, package: PackageId) -> Option<(PackageId, usize)> {
        self.caches.variants.get(&package)?;
        let brought = self.brought(package);
        let variants = self.caches.variants.get(&package)?;
        let child = |name: Symbol| match get(&brought, name) {
            Some((first, more)) => (Some(*first), *more),
            None => (None, false),
        };
        let fits = |cached: &Cached| {
            cached.external.iter().all(|(name, held)| match (get(refs, *name), child(*name)) {
                (Some(current), (None, _)) => self.same(current.node, *held),
                (None, (Some(below), false)) => {
                    self.tree.node(*held).package == below
                        && (self.caches.pure.contains_key(&below) || self.tree.package(below).leaf)
                }
                _ => false,
            }) && cached.missing.iter().all(|(name, _)| get(refs, *name).is_none() && child(*name).0.is_none())
                && self.still_holds(package, cached)
        };
        variants.iter().position(fits).map(|at| (package, at))
    }

    /// Whether the providers of a variant are named as they were when it was seen. One that was still being visited
    /// then may see peers itself by now: discovery looks again below a package whose variant names it by less.
    fn still_holds(&self, package: PackageId, cached: &Cached) -> bool {
        if !self.options.discovery || !self.caches.tentative.contains(&cached.path) {
            return true;
        }
        let bare = |provider: NodeId| self.caches.paths.get(&(self.tree.node(provider).package, Vec::new())).copied();
        let parts = cached.external.iter().map(|(_, provider)| self.named(*provider).or_else(|| bare(*provider)));
        let Some(mut parts) = parts.collect::<Option<Vec<PathId>>>() else { return false };
        parts.sort_unstable_by_key(|part| part.0);
        self.caches.paths.get(&(package, parts)) == Some(&cached.path)
    }

    /// The peers' names that a package's own children have: the first child of each, and whether there are more.
    pub(super) fn brought(&mut self, package: PackageId) -> Rc<ByName<(PackageId, bool)>> {
        if let Some(known) = self.brought.get(&package) {
            return Rc::clone(known);
        }
        let mut found: ByName<(PackageId, bool)> = Vec::new();
        let edges = self.tree.edges(package).iter();
        for edge in edges.filter(|edge| !self.tree.cuts(&self.components, package, edge.package)) {
            let real = self.tree.package(edge.package).resolved.name;
            let names = [Some(edge.alias), (real != edge.alias).then_some(real)];
            for name in names.into_iter().flatten().filter(|name| self.tree.peer_names.contains(name)) {
                match found.binary_search_by_key(&name, |(held, _)| *held) {
                    Ok(at) => found[at].1.1 = true,
                    Err(at) => found.insert(at, (name, (edge.package, false))),
                }
            }
        }
        let found = Rc::new(found);
        self.brought.insert(package, Rc::clone(&found));
        found
    }

    /// Whether two providers come to the same. In a circle of names their contexts do not tell, for these hold
    /// providers of which the same is asked.
    fn same(&self, current: NodeId, held: NodeId) -> bool {
        let (current, held) = (self.model(current), self.model(held));
        if current == held {
            return true;
        }
        let paths = (self.caches.path_of.get(&current), self.caches.path_of.get(&held));
        if let (Some(a), Some(b)) = paths
            && a == b
            && !(self.is_foreign(held) && self.caches.tentative.contains(a))
        {
            return true;
        }
        let package = self.tree.node(current).package;
        let circular = || self.caches.circles.hold(self.tree.package(package).resolved.name);
        package == self.tree.node(held).package
            && (self.caches.pure.contains_key(&package) || self.same_parents(held, current) && !circular())
    }

    /// Whether a node was visited for another project: then a path that was open does not tell what it came to here.
    fn is_foreign(&self, node: NodeId) -> bool {
        self.visited.get(&node).is_some_and(|project| *project != self.project)
    }

    /// The node that a node stands for: itself, or the one whose variant it took.
    fn model(&self, node: NodeId) -> NodeId {
        self.models.get(&node).copied().unwrap_or(node)
    }

    fn same_parents(&self, held: NodeId, current: NodeId) -> bool {
        let (Some(held), Some(current)) = (self.caches.parents_of.get(&held), self.caches.parents_of.get(&current))
        else {
            return false;
        };
        let named = |refs: &Refs| -> Vec<(Symbol, ParentRef)> {
            refs.iter().filter(|(name, _)| self.tree.peer_names.contains(name)).copied().collect()
        };
        let (held, current) = (named(held), named(current));
        if held.len() != current.len() {
            return false;
        }
        let deepest = current.iter().map(|(_, info)| info.depth).max().unwrap_or(0);
        let plain = held.iter().chain(&current).all(|(_, info)| info.occurrence == 0);
        held.iter().zip(&current).all(|((name, old), (other, new))| {
            let package = self.tree.node(old.node).package;
            name == other
                && package == self.tree.node(new.node).package
                && (plain || new.depth == deepest || self.caches.pure.contains_key(&package))
        })
    }

    pub(super) fn remember_parents(&mut self, dep: &Direct, parents: &Refs) {
        if self.is_relevant(dep.alias, dep.node) {
            self.caches.parents_of.insert(dep.node, Rc::clone(parents));
        }
    }

    pub(super) fn remember(&mut self, node: NodeId, path: PathId) {
        if !self.options.discovery
            || self.caches.parents_of.contains_key(&node)
            || self.options.providers.contains(&node)
        {
            self.caches.path_of.insert(node, path);
            self.visited.entry(node).or_insert(self.project);
        }
    }

    pub(super) fn provisional(&mut self, node: NodeId) -> PathId {
        self.named(node).unwrap_or_else(|| self.path(self.tree.node(node).package, Vec::new()))
    }

    /// The path by which dependents name a node that has been visited.
    fn named(&self, node: NodeId) -> Option<PathId> {
        self.caches.path_of.get(&node).copied().filter(|_| !self.ctx.settings.peers.dedupe_peers)
    }

    /// Whether a provider's own path is open, or hangs on one that is.
    pub(super) fn is_open(&self, provider: NodeId) -> bool {
        match self.caches.path_of.get(&provider) {
            Some(path) => self.caches.tentative.contains(path),
            None => {
                let package = self.tree.node(provider).package;
                !self.tree.package(package).leaf && !self.caches.pure.contains_key(&package)
            }
        }
    }

    pub(super) fn path(&mut self, package: PackageId, mut parts: Vec<PathId>) -> PathId {
        parts.sort_unstable_by_key(|part| part.0);
        let next = PathId(u32::try_from(self.caches.paths.len()).expect("the budget is below 4 billion"));
        *self.caches.paths.entry((package, parts)).or_insert(next)
    }
}
