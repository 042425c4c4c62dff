//! The walk of the graph: level by level from a project's dependencies down, all edges of a level decided against the
//! versions that the levels above have chosen. The children of a package are resolved once, for the occurrence that is
//! nearest to a project; ties go to the earlier project, then to the lesser path.
//!
//! A level goes on when all its edges are decided (`decide`). What lies below is asked for meanwhile by
//! [`super::prefetch`]. What the lockfile holds whole is no level: it is taken over at once (`taken`).

mod decide;
mod foresee;
mod owners;
mod ranges;
mod taken;

use std::rc::Rc;

use wit::guest::wasi_pm::resolver::types::Failure;

use crate::intern::{NumberMap, NumberSet, Symbol, TextSet};
use crate::lockfile::model::package_key;
use crate::pick::{ABOVE_WEIGHT, DIRECT_WEIGHT};

use super::context::{Context, MAX_DEPTH, over_budget};
use super::edges::{Aliases, Edge, Shadowed, children_of, peers_of, shadowed};
use super::pins::{HigherDirect, Pins};
use super::subtree::Subtrees;
use super::tree::{ChildEdge, ChildNodes, NodeId, Origin, Package, PackageId, Resolved, Tree};

use decide::{Found, decide};
use owners::{Claimed, Owner, Terms};

/// A dependency of a project, in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Direct {
    /// The key in the manifest, or the name of the peer that was added.
    pub alias: Symbol,
    /// Its node.
    pub node: NodeId,
}

/// The packages from a project down to a node.
#[derive(Debug)]
pub struct Chain {
    package: PackageId,
    parent: Option<Rc<Chain>>,
}

type Ancestors = Option<Rc<Chain>>;

/// The packages of a chain, from the project down.
pub fn chain_to_root(mut chain: Option<&Rc<Chain>>) -> Vec<PackageId> {
    let mut all = Vec::new();
    while let Some(link) = chain {
        all.push(link.package);
        chain = link.parent.as_ref();
    }
    all.reverse();
    all
}

/// Versions chosen at one level, by real name, on top of those of the levels above.
#[derive(Debug)]
struct Overlay {
    /// Sorted.
    versions: Vec<(Symbol, Symbol)>,
    weight: u32,
    parent: Option<Rc<Overlay>>,
}

/// What the walks of all projects share.
#[derive(Debug, Default)]
pub struct Walker {
    /// The graph.
    pub tree: Tree,
    /// How often the children of a package were decided anew after others had taken them over.
    pub rewrites: u64,
    /// What the projects depend on, added peers among it.
    pub roots: Vec<PackageId>,
    /// The project whose occurrence decides the children of a package.
    pub owners: Rc<NumberMap<PackageId, usize>>,
    claims: NumberMap<PackageId, Claimed>,
    decided: NumberMap<PackageId, Terms>,
    edges: NumberMap<PackageId, Rc<[Edge]>>,
    /// Packages, by identity, that a project has come to or would come to.
    foreseen: TextSet<Rc<str>>,
    /// What the walk of the present project has come to, by level.
    reached: Vec<Vec<foresee::Reached>>,
    /// Packages below those that are taken over which are walked all the same.
    anew: NumberSet<PackageId>,
    /// What may be taken over from the lockfile.
    pub(super) subtrees: Subtrees,
    direct: HigherDirect,
}

/// Where a walk stands: which project, and whether its edges count as direct.
#[derive(Debug, Clone, Copy)]
pub struct From {
    /// The project by its place in the order of identities.
    pub project: usize,
    /// Its identity.
    pub importer: Symbol,
    /// The edges are the manifest's own, not added peers.
    pub declared: bool,
    /// The project lets go of locked versions.
    pub moves: bool,
}

impl From {
    /// The manifest of the project that has this place and identity.
    pub fn declared(ctx: &Context, project: usize, id: &str) -> Self {
        Self { project, importer: ctx.symbol(id), declared: true, moves: ctx.movers.contains(id) }
    }
}

struct Seed {
    edge: Edge,
    resolved: Rc<Resolved>,
    package: PackageId,
    node: NodeId,
    ancestors: Ancestors,
    depth: i32,
    optional: bool,
    shadowed: Shadowed,
    owns: bool,
    /// The lockfile holds it and all below it, under this key.
    taken: Option<Rc<str>>,
}

/// A package whose children are resolved next.
struct Parent {
    seed: Seed,
    overlay: Option<Rc<Overlay>>,
    aliases: Rc<Aliases>,
    chain: Ancestors,
}

impl Walker {
    /// Has walked nothing yet.
    pub(super) fn new(subtrees: Subtrees) -> Self {
        Self { subtrees, ..Self::default() }
    }

    /// Decides what a project now asks otherwise for, because what is locked below any project follows it.
    ///
    /// # Errors
    /// As [`Self::extend`].
    pub(super) async fn look_ahead(&mut self, ctx: &Context, from: From, edges: &[Edge]) -> Result<(), Failure> {
        if ctx.lockfile.is_none() {
            return Ok(());
        }
        let changed = edges.iter().filter(|edge| self.subtrees.has_changed(from.importer, edge.alias));
        let asked: Vec<(usize, Edge)> = changed.map(|edge| (0, edge.clone())).collect();
        let decided = decide(ctx, from, &asked, |_| None, |_| (None, 0), (&self.tree, &self.subtrees)).await?;
        for ((_, edge), found) in asked.iter().zip(decided) {
            let Some(found) = found else { continue };
            let resolved = self.resolved(&found);
            if matches!(resolved.origin, Origin::Registry(_)) {
                self.direct.add(ctx, None, &resolved);
                self.subtrees.note_renamed(ctx, edge, &resolved);
            }
        }
        Ok(())
    }

    fn resolved(&self, found: &Found) -> Rc<Resolved> {
        match found {
            Found::Picked(resolved) => Rc::clone(resolved),
            Found::Taken(key) => self.subtrees.resolved(key),
        }
    }

    /// Resolves edges of a project and all that lies below them; gives the nodes of the edges, in order.
    ///
    /// # Errors
    /// If a dependency that is not optional cannot be resolved; the first in order.
    pub async fn extend(
        &mut self,
        ctx: &Context,
        from: From,
        edges: Vec<Edge>,
        names: NumberSet<Symbol>,
    ) -> Result<Vec<Direct>, Failure> {
        let names = Rc::new(Aliases { names, parent: None });
        let asked: Vec<(usize, Edge)> = edges.into_iter().map(|edge| (0, edge)).collect();
        let decided = decide(ctx, from, &asked, |_| None, |_| (None, 0), (&self.tree, &self.subtrees)).await?;
        let mut seeds = self.seed(ctx, asked, decided, |_| (None, 0, false), |_| &names, &mut Vec::new())?;
        let mut frontier = self.take_over(ctx, from, &seeds, |_| &names).await?;
        self.reach(ctx, &seeds);
        self.assign_owners(from, &mut seeds);
        let direct = seeds.iter().map(|seed| Direct { alias: seed.edge.alias, node: seed.node }).collect();
        self.roots.extend(seeds.iter().map(|seed| seed.package));
        for seed in seeds.iter().filter(|seed| matches!(seed.resolved.origin, Origin::Registry(_))) {
            self.direct.add(ctx, Some(from.importer), &seed.resolved);
        }
        let overlay = self.level_overlay(None, seeds.iter(), if from.declared { DIRECT_WEIGHT } else { ABOVE_WEIGHT });
        let aliases = level_aliases(names, seeds.iter());
        frontier.extend(self.settle(ctx, from, seeds, overlay.as_ref(), &aliases));
        while !frontier.is_empty() {
            frontier = self.next_level(ctx, from, frontier).await?;
        }
        self.foresee(ctx, from).await?;
        Ok(direct)
    }

    async fn next_level(
        &mut self,
        ctx: &Context,
        from: From,
        mut parents: Vec<Parent>,
    ) -> Result<Vec<Parent>, Failure> {
        self.know_ranges(ctx, from, &mut parents).await?;
        let mut asked: Vec<(usize, Edge)> = Vec::new();
        for (at, parent) in parents.iter().enumerate() {
            let edges = self.edges_of(ctx, from, parent);
            asked.extend(edges.iter().map(|edge| (at, edge.clone())));
        }
        ctx.spend(asked.len() as u64 + parents.len() as u64)?;
        let decided = {
            let overlay = |at: usize| parents[at].overlay.as_ref();
            let place = |at: usize| (parents[at].chain.as_ref(), parents[at].seed.depth + 1);
            decide(ctx, from, &asked, overlay, place, (&self.tree, &self.subtrees)).await?
        };
        let mut by_parent: Vec<usize> = Vec::new();
        let mut seeds = {
            let place = |at: usize| (parents[at].chain.clone(), parents[at].seed.depth + 1, parents[at].seed.optional);
            self.seed(ctx, asked, decided, place, |at| &parents[at].aliases, &mut by_parent)?
        };
        let mut frontier = self.take_over(ctx, from, &seeds, |at| &parents[by_parent[at]].aliases).await?;
        self.reach(ctx, &seeds);
        self.assign_owners(from, &mut seeds);
        let mut below: Vec<Vec<Seed>> = parents.iter().map(|_| Vec::new()).collect();
        for (at, seed) in by_parent.into_iter().zip(seeds) {
            below[at].push(seed);
        }
        for (parent, seeds) in parents.into_iter().zip(below) {
            self.record(ctx, &parent, &seeds, from);
            let overlay = self.level_overlay(parent.overlay, seeds.iter(), ABOVE_WEIGHT);
            let aliases = level_aliases(parent.aliases, seeds.iter());
            frontier.extend(self.settle(ctx, from, seeds, overlay.as_ref(), &aliases));
        }
        Ok(frontier)
    }

    fn all_edges(&mut self, ctx: &Context, id: PackageId, resolved: &Rc<Resolved>) -> Rc<[Edge]> {
        if resolved.as_locked {
            return children_of(ctx, &resolved.manifest);
        }
        Rc::clone(self.edges.entry(id).or_insert_with(|| children_of(ctx, &resolved.manifest)))
    }

    fn edges_of(&mut self, ctx: &Context, from: From, parent: &Parent) -> Rc<[Edge]> {
        let all = self.all_edges(ctx, parent.seed.package, &parent.seed.resolved);
        let pins = Pins::below(ctx, parent.seed.edge.prior, &parent.seed.resolved.id);
        if parent.seed.shadowed.is_empty() && pins.is_none() {
            return all;
        }
        let shadowed = |edge: &&Edge| edge.optional || !parent.seed.shadowed.contains(&edge.alias);
        let pin = |edge: &Edge| match &pins {
            Some(pins) => pins.pin(ctx, from.importer, edge, |name, version, range| {
                self.direct.above(ctx, from.importer, name, version, range)
            }),
            None => edge.clone(),
        };
        all.iter().filter(shadowed).map(pin).collect()
    }

    fn seed<'a>(
        &mut self,
        ctx: &Context,
        asked: Vec<(usize, Edge)>,
        decided: Vec<Option<Found>>,
        place: impl Fn(usize) -> (Ancestors, i32, bool),
        aliases: impl Fn(usize) -> &'a Rc<Aliases>,
        by_parent: &mut Vec<usize>,
    ) -> Result<Vec<Seed>, Failure> {
        let mut seeds = Vec::with_capacity(asked.len());
        for ((at, edge), found) in asked.into_iter().zip(decided) {
            let Some(found) = found else { continue };
            let resolved = self.resolved(&found);
            let taken = if let Found::Taken(key) = found { Some(key) } else { None };
            let (ancestors, depth, parent_optional) = place(at);
            if depth > MAX_DEPTH {
                return Err(over_budget("a chain of dependencies is longer than 1000"));
            }
            let optional = edge.optional || parent_optional;
            if self.repeats(&ancestors, &resolved) {
                continue;
            }
            let shadowed = match taken {
                Some(_) => Rc::from([]),
                None => shadowed(ctx, &resolved.manifest, aliases(at)),
            };
            let package = self.package(ctx, Rc::clone(&resolved), optional, &shadowed);
            let node = self.tree.node_for(package, if resolved.is_link() { -1 } else { depth }, true);
            if edge.pinned().is_some_and(|prior| package_key(&ctx.text(prior)) == package_key(&resolved.id)) {
                self.tree.nodes[node.0 as usize].prior = edge.prior;
            }
            by_parent.push(at);
            seeds.push(Seed {
                edge,
                resolved,
                package,
                node,
                ancestors,
                depth,
                optional,
                shadowed,
                owns: false,
                taken,
            });
        }
        Ok(seeds)
    }

    /// Whether a package would stand directly below itself.
    fn repeats(&self, ancestors: &Ancestors, resolved: &Resolved) -> bool {
        ancestors.as_ref().is_some_and(|parent| self.tree.package(parent.package).resolved.id == resolved.id)
    }

    fn package(&mut self, ctx: &Context, resolved: Rc<Resolved>, optional: bool, shadowed: &[Symbol]) -> PackageId {
        if let Some(known) = self.tree.find(&resolved.id) {
            self.tree.packages[known.0 as usize].optional &= optional;
            return known;
        }
        let peers = if resolved.is_link() { Rc::from([]) } else { peers_of(ctx, &resolved.manifest, shadowed) };
        let leaf = resolved.is_link() || resolved.manifest.is_leaf();
        self.tree.add_package(Package { resolved, peers, optional, leaf })
    }

    fn record(&mut self, ctx: &Context, parent: &Parent, seeds: &[Seed], from: From) {
        let (id, seed) = (parent.seed.package, &parent.seed);
        let owner = Owner::new(from, seed.depth, &seed.ancestors);
        if !self.still_owns(id, &owner) {
            return;
        }
        let peers = peers_of(ctx, &seed.resolved.manifest, &seed.shadowed);
        if *peers != *self.tree.package(id).peers {
            self.tree.set_peers(id, peers);
        }
        let terms = Terms { shadowed: Rc::clone(&seed.shadowed), prior: seed.edge.prior, moves: from.moves };
        let edges = seeds
            .iter()
            .map(|seed| ChildEdge { alias: seed.edge.alias, package: seed.package, optional: seed.edge.optional })
            .collect();
        let children = seeds.iter().map(|seed| (seed.edge.alias, seed.node)).collect();
        self.set_children((id, seed.node), terms, edges, children);
    }

    fn set_children(
        &mut self,
        (id, node): (PackageId, NodeId),
        terms: Terms,
        edges: Rc<[ChildEdge]>,
        children: ChildNodes,
    ) {
        self.decided.insert(id, terms);
        let stale = self.tree.set_edges(id, edges);
        self.tree.nodes[node.0 as usize].children = Some(children);
        if stale && self.tree.forget_child_nodes(id, node) {
            self.rewrites += 1;
        }
    }

    fn level_overlay<'a>(
        &self,
        parent: Option<Rc<Overlay>>,
        seeds: impl Iterator<Item = &'a Seed>,
        weight: u32,
    ) -> Option<Rc<Overlay>> {
        let mut versions: Vec<(Symbol, Symbol)> = seeds
            .map(|seed| &seed.resolved)
            .filter(|resolved| matches!(resolved.origin, Origin::Registry(_)))
            .map(|resolved| (resolved.name, resolved.version))
            .collect();
        if versions.is_empty() {
            return parent;
        }
        versions.sort_unstable();
        versions.dedup();
        Some(Rc::new(Overlay { versions, weight, parent }))
    }
}

fn level_aliases<'a>(parent: Rc<Aliases>, seeds: impl Iterator<Item = &'a Seed>) -> Rc<Aliases> {
    let names: NumberSet<Symbol> = seeds.map(|seed| seed.edge.alias).collect();
    if names.is_empty() { parent } else { Rc::new(Aliases { names, parent: Some(parent) }) }
}
