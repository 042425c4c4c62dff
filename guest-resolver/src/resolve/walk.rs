//! The walk of the graph: level by level from a project's dependencies down, all edges of a level decided against the
//! versions that the levels above have chosen. The children of a package are resolved once, for the occurrence that is
//! nearest to a project; ties go to the earlier project, then to the lesser path.
//!
//! The only place that waits: a level goes on when all its edges are decided. What lies below is asked for meanwhile
//! by [`super::prefetch`].

use std::cmp::Ordering;
use std::rc::Rc;
use std::task::Poll;

use wit::guest::exports::wasi_pm::resolver::resolution::{SkipReason, Skipped};
use wit::guest::wasi_pm::resolver::types::Failure;

use crate::facts::Waits;
use crate::intern::{NumberMap, NumberSet, Symbol};
use crate::pick::DIRECT_WEIGHT;

use super::context::{Context, MAX_DEPTH, over_budget};
use super::edges::{Aliases, Edge, Shadowed, children_of, peers_of, shadowed};
use super::tree::{ChildEdge, NodeId, Origin, Package, PackageId, Resolved, Tree};
use super::wanted::{self, Chosen, Wanted};

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
    versions: Vec<(Symbol, Symbol)>,
    weight: u32,
    parent: Option<Rc<Overlay>>,
}

#[derive(Debug, Clone)]
struct Owner {
    depth: i32,
    project: usize,
    ancestors: Ancestors,
}

/// What the walks of all projects share.
#[derive(Debug, Default)]
pub struct Walker {
    /// The graph.
    pub tree: Tree,
    /// How often the children of a package were decided anew after others had taken them over.
    pub rewrites: u64,
    /// The project whose occurrence decides the children of a package.
    pub owners: NumberMap<PackageId, usize>,
    claims: NumberMap<PackageId, Claimed>,
    decided: NumberMap<PackageId, Terms>,
    edges: NumberMap<PackageId, Rc<[Edge]>>,
    foreseen: NumberSet<PackageId>,
}

#[derive(Debug)]
struct Claimed {
    owner: Owner,
    shadowed: Shadowed,
}

/// What the children of a package were decided under. The versions chosen above are no part of it: an occurrence that
/// takes a package over leaves its children as they are, unless its own terms differ.
#[derive(Debug)]
struct Terms {
    shadowed: Shadowed,
    prior: Option<Symbol>,
}

impl Terms {
    fn hold_for(&self, seed: &Seed) -> bool {
        self.shadowed == seed.shadowed && (self.prior == seed.edge.prior || seed.edge.prior.is_none())
    }
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
}

struct Seed {
    edge: Edge,
    package: PackageId,
    node: NodeId,
    ancestors: Ancestors,
    depth: i32,
    optional: bool,
    shadowed: Shadowed,
    owns: bool,
}

/// A package whose children are resolved next.
struct Parent {
    seed: Seed,
    overlay: Option<Rc<Overlay>>,
    aliases: Rc<Aliases>,
    chain: Ancestors,
}

impl Walker {
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
        let decided = decide(ctx, from, &asked, |_| None, |_| (None, 0), &self.tree).await?;
        let mut seeds = self.seed(ctx, asked, decided, |_| (None, 0, false), |_| &names)?;
        self.foresee(ctx, from, &seeds);
        self.assign_owners(from, &mut seeds);
        let direct = seeds.iter().map(|seed| Direct { alias: seed.edge.alias, node: seed.node }).collect();
        let overlay = self.level_overlay(None, seeds.iter(), if from.declared { DIRECT_WEIGHT } else { 1 });
        let aliases = level_aliases(names, seeds.iter());
        let mut frontier = self.settle(ctx, from, seeds, &overlay, &aliases);
        while !frontier.is_empty() {
            frontier = self.next_level(ctx, from, frontier).await?;
        }
        Ok(direct)
    }

    async fn next_level(&mut self, ctx: &Context, from: From, parents: Vec<Parent>) -> Result<Vec<Parent>, Failure> {
        let mut asked: Vec<(usize, Edge)> = Vec::new();
        for (at, parent) in parents.iter().enumerate() {
            let edges = self.edges_of(ctx, parent);
            asked.extend(edges.iter().map(|edge| (at, edge.clone())));
        }
        ctx.spend(asked.len() as u64 + parents.len() as u64)?;
        let decided = {
            let overlay = |at: usize| parents[at].overlay.as_ref();
            let place = |at: usize| (parents[at].chain.as_ref(), parents[at].seed.depth + 1);
            decide(ctx, from, &asked, overlay, place, &self.tree).await?
        };
        let mut by_parent: Vec<usize> = Vec::new();
        let kept: Vec<usize> =
            asked.iter().zip(&decided).filter(|(_, found)| found.is_some()).map(|((at, _), _)| *at).collect();
        let mut seeds = {
            let place = |at: usize| (parents[at].chain.clone(), parents[at].seed.depth + 1, parents[at].seed.optional);
            self.seed_below(ctx, asked, decided, place, |at| &parents[at].aliases, &mut by_parent)?
        };
        debug_assert!(by_parent.len() <= kept.len());
        self.foresee(ctx, from, &seeds);
        self.assign_owners(from, &mut seeds);
        let mut below: Vec<Vec<Seed>> = parents.iter().map(|_| Vec::new()).collect();
        for (at, seed) in by_parent.into_iter().zip(seeds) {
            below[at].push(seed);
        }
        let mut frontier = Vec::new();
        for (parent, seeds) in parents.into_iter().zip(below) {
            self.record(ctx, &parent, &seeds, from);
            let overlay = self.level_overlay(parent.overlay, seeds.iter(), 1);
            let aliases = level_aliases(parent.aliases, seeds.iter());
            frontier.extend(self.settle(ctx, from, seeds, &overlay, &aliases));
        }
        Ok(frontier)
    }

    /// Where there are several projects, the first that comes to a package is the first to ask for what lies below it.
    fn foresee(&mut self, ctx: &Context, from: From, seeds: &[Seed]) {
        if ctx.projects.len() < 2 {
            return;
        }
        for seed in seeds {
            if self.tree.package(seed.package).resolved.is_link() || !self.foreseen.insert(seed.package) {
                continue;
            }
            let edges = self.all_edges(ctx, seed.package);
            let seen = edges.iter().filter(|edge| edge.optional || !seed.shadowed.contains(&edge.alias));
            wanted::foresee(ctx, from.importer, seen);
        }
    }

    fn all_edges(&mut self, ctx: &Context, id: PackageId) -> Rc<[Edge]> {
        let manifest = &self.tree.packages[id.0 as usize].resolved.manifest;
        Rc::clone(self.edges.entry(id).or_insert_with(|| children_of(ctx, manifest).into()))
    }

    fn edges_of(&mut self, ctx: &Context, parent: &Parent) -> Rc<[Edge]> {
        let id = parent.seed.package;
        let all = self.all_edges(ctx, id);
        let pins = super::pins::Pins::below(ctx, parent.seed.edge.prior, &self.tree.package(id).resolved.id);
        if parent.seed.shadowed.is_empty() && pins.is_none() {
            return all;
        }
        let shadowed = |edge: &&Edge| edge.optional || !parent.seed.shadowed.contains(&edge.alias);
        all.iter()
            .filter(shadowed)
            .map(|edge| pins.as_ref().map_or_else(|| edge.clone(), |pins| pins.pin(ctx, edge)))
            .collect()
    }

    fn seed<'a>(
        &mut self,
        ctx: &Context,
        asked: Vec<(usize, Edge)>,
        decided: Vec<Option<Rc<Resolved>>>,
        place: impl Fn(usize) -> (Ancestors, i32, bool),
        aliases: impl Fn(usize) -> &'a Rc<Aliases>,
    ) -> Result<Vec<Seed>, Failure> {
        self.seed_below(ctx, asked, decided, place, aliases, &mut Vec::new())
    }

    fn seed_below<'a>(
        &mut self,
        ctx: &Context,
        asked: Vec<(usize, Edge)>,
        decided: Vec<Option<Rc<Resolved>>>,
        place: impl Fn(usize) -> (Ancestors, i32, bool),
        aliases: impl Fn(usize) -> &'a Rc<Aliases>,
        by_parent: &mut Vec<usize>,
    ) -> Result<Vec<Seed>, Failure> {
        let mut seeds = Vec::with_capacity(asked.len());
        for ((at, edge), resolved) in asked.into_iter().zip(decided) {
            let Some(resolved) = resolved else { continue };
            let (ancestors, depth, parent_optional) = place(at);
            if depth > MAX_DEPTH {
                return Err(over_budget("a chain of dependencies is longer than 1000"));
            }
            let optional = edge.optional || parent_optional;
            if let Some(parent) = &ancestors
                && self.tree.package(parent.package).resolved.id == resolved.id
            {
                continue;
            }
            let shadowed = shadowed(ctx, &resolved.manifest, aliases(at));
            let package = self.package(ctx, resolved, optional, &shadowed);
            let is_link = self.tree.package(package).resolved.is_link();
            let node = self.tree.node_for(package, if is_link { -1 } else { depth }, true);
            by_parent.push(at);
            seeds.push(Seed { edge, package, node, ancestors, depth, optional, shadowed, owns: false });
        }
        Ok(seeds)
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

    /// Of the occurrences of a package in this level the first in path order may decide its children, if no other has.
    fn assign_owners(&mut self, from: From, seeds: &mut [Seed]) {
        let mut best: NumberMap<PackageId, usize> = NumberMap::default();
        for at in 0..seeds.len() {
            let seed = &seeds[at];
            if self.tree.package(seed.package).resolved.is_link() {
                continue;
            }
            let held = *best.entry(seed.package).or_insert(at);
            let other = &seeds[held];
            if (other.depth, ()) > (seed.depth, ())
                || other.depth == seed.depth && self.compare(&seed.ancestors, &other.ancestors).is_lt()
            {
                best.insert(seed.package, at);
            }
        }
        for (at, seed) in seeds.iter_mut().enumerate() {
            if best.get(&seed.package) == Some(&at) {
                self.claim(from, seed);
            }
        }
    }

    fn claim(&mut self, from: From, seed: &mut Seed) {
        let owner = Owner { depth: seed.depth, project: from.project, ancestors: seed.ancestors.clone() };
        if let Some(held) = self.claims.get(&seed.package)
            && !self.wins(&owner, &held.owner)
        {
            seed.shadowed = Rc::clone(&held.shadowed);
            return;
        }
        seed.owns = true;
        self.owners.insert(seed.package, from.project);
        self.claims.insert(seed.package, Claimed { owner, shadowed: Rc::clone(&seed.shadowed) });
    }

    fn wins(&self, new: &Owner, held: &Owner) -> bool {
        match (new.depth, new.project).cmp(&(held.depth, held.project)) {
            Ordering::Equal => self.compare(&new.ancestors, &held.ancestors).is_lt(),
            order => order.is_lt(),
        }
    }

    /// Compares two paths of one length as lists of identities.
    fn compare(&self, left: &Ancestors, right: &Ancestors) -> Ordering {
        let (mut left, mut right, mut order) = (left.as_ref(), right.as_ref(), Ordering::Equal);
        while let (Some(a), Some(b)) = (left, right) {
            if Rc::ptr_eq(a, b) {
                break;
            }
            if a.package != b.package {
                order = self.tree.package(a.package).resolved.id.cmp(&self.tree.package(b.package).resolved.id);
            }
            (left, right) = (a.parent.as_ref(), b.parent.as_ref());
        }
        order
    }

    /// Sorts out whose children are resolved next: owners whose children are not decided on their terms yet.
    fn settle(
        &mut self,
        ctx: &Context,
        from: From,
        seeds: Vec<Seed>,
        overlay: &Option<Rc<Overlay>>,
        aliases: &Rc<Aliases>,
    ) -> Vec<Parent> {
        let mut frontier = Vec::new();
        for seed in seeds {
            if !seed.owns {
                continue;
            }
            // A copied folder is decided anew by every occurrence that takes it over: it is no package of a registry.
            let is_folder = matches!(self.tree.package(seed.package).resolved.origin, Origin::Directory(_));
            let chain = Some(Rc::new(Chain { package: seed.package, parent: seed.ancestors.clone() }));
            let parent = Parent { seed, overlay: overlay.clone(), aliases: Rc::clone(aliases), chain };
            let decided = self.decided.get(&parent.seed.package);
            if !is_folder && decided.is_some_and(|terms| terms.hold_for(&parent.seed)) {
                self.take_over_below(ctx, from, parent, &mut frontier);
            } else {
                frontier.push(parent);
            }
        }
        frontier
    }

    /// Who takes over a package whose children stand takes these over too, where it is nearer. Where other peers are in
    /// sight of a child than it was decided under, its own children are decided anew.
    fn take_over_below(&mut self, ctx: &Context, from: From, parent: Parent, frontier: &mut Vec<Parent>) {
        let mut open = vec![parent];
        while let Some(above) = open.pop() {
            let Some(edges) = self.tree.children[above.seed.package.0 as usize].clone() else { continue };
            let depth = above.seed.depth + 1;
            let mut below: Vec<Seed> = Vec::new();
            for edge in edges.iter() {
                let owner = Owner { depth, project: from.project, ancestors: above.chain.clone() };
                if !self.claims.get(&edge.package).is_some_and(|held| self.wins(&owner, &held.owner)) {
                    continue;
                }
                let manifest = &self.tree.package(edge.package).resolved.manifest;
                let shadowed = shadowed(ctx, manifest, &above.aliases);
                self.owners.insert(edge.package, from.project);
                self.claims.insert(edge.package, Claimed { owner, shadowed: Rc::clone(&shadowed) });
                let asked = self.all_edges(ctx, above.seed.package).iter().find(|it| it.alias == edge.alias).cloned();
                below.extend(asked.map(|asked| Seed {
                    edge: asked,
                    package: edge.package,
                    node: self.tree.node_for(edge.package, depth, true),
                    ancestors: above.chain.clone(),
                    depth,
                    optional: edge.optional || above.seed.optional,
                    shadowed,
                    owns: true,
                }));
            }
            if below.is_empty() {
                continue;
            }
            let overlay = self.level_overlay(above.overlay, below.iter(), 1);
            let aliases =
                Rc::new(Aliases { names: edges.iter().map(|edge| edge.alias).collect(), parent: Some(above.aliases) });
            for seed in below {
                let stands = self.decided.get(&seed.package).is_none_or(|terms| terms.shadowed == seed.shadowed);
                let chain = Some(Rc::new(Chain { package: seed.package, parent: seed.ancestors.clone() }));
                let parent = Parent { seed, overlay: overlay.clone(), aliases: Rc::clone(&aliases), chain };
                if stands { open.push(parent) } else { frontier.push(parent) }
            }
        }
    }

    fn record(&mut self, ctx: &Context, parent: &Parent, seeds: &[Seed], from: From) {
        let id = parent.seed.package;
        let current = &self.claims[&id].owner;
        let is_owner = current.depth == parent.seed.depth
            && current.project == from.project
            && self.compare(&current.ancestors, &parent.seed.ancestors).is_eq();
        if !is_owner {
            return;
        }
        let (shadowed, prior) = (Rc::clone(&parent.seed.shadowed), parent.seed.edge.prior);
        self.decided.insert(id, Terms { shadowed, prior });
        let peers = peers_of(ctx, &self.tree.package(id).resolved.manifest, &parent.seed.shadowed);
        if *peers != *self.tree.package(id).peers {
            self.tree.set_peers(id, peers);
        }
        let edges: Rc<[ChildEdge]> = seeds
            .iter()
            .map(|seed| ChildEdge { alias: seed.edge.alias, package: seed.package, optional: seed.edge.optional })
            .collect();
        let before = self.tree.children[id.0 as usize].replace(Rc::clone(&edges));
        let children = seeds.iter().map(|seed| (seed.edge.alias, seed.node)).collect();
        self.tree.nodes[parent.seed.node.0 as usize].children = Some(children);
        if before.is_some_and(|before| before != edges) && self.tree.forget_child_nodes(id, parent.seed.node) {
            self.rewrites += 1;
        }
    }

    fn level_overlay<'a>(
        &self,
        parent: Option<Rc<Overlay>>,
        seeds: impl Iterator<Item = &'a Seed>,
        weight: u32,
    ) -> Option<Rc<Overlay>> {
        let versions: Vec<(Symbol, Symbol)> = seeds
            .map(|seed| &self.tree.package(seed.package).resolved)
            .filter(|resolved| matches!(resolved.origin, Origin::Registry(_)))
            .map(|resolved| (resolved.name, resolved.version))
            .collect();
        if versions.is_empty() {
            return parent;
        }
        Some(Rc::new(Overlay { versions, weight, parent }))
    }
}

fn level_aliases<'a>(parent: Rc<Aliases>, seeds: impl Iterator<Item = &'a Seed>) -> Rc<Aliases> {
    let names: NumberSet<Symbol> = seeds.map(|seed| seed.edge.alias).collect();
    if names.is_empty() { parent } else { Rc::new(Aliases { names, parent: Some(parent) }) }
}

/// Decides all edges of a level; waits for facts. `None`: an optional one that cannot be had.
async fn decide<'a>(
    ctx: &Context,
    from: From,
    asked: &[(usize, Edge)],
    overlay: impl Fn(usize) -> Option<&'a Rc<Overlay>>,
    place: impl Fn(usize) -> (Option<&'a Rc<Chain>>, i32),
    tree: &Tree,
) -> Result<Vec<Option<Rc<Resolved>>>, Failure> {
    let mut found: Vec<Option<Result<Rc<Resolved>, Failure>>> = asked.iter().map(|_| None).collect();
    let mut waits = vec![Waits::default(); asked.len()];
    std::future::poll_fn(|_| {
        let mut all = true;
        for (((at, edge), slot), waits) in asked.iter().zip(&mut found).zip(&mut waits) {
            if slot.is_some() {
                continue;
            }
            let (chain, depth) = place(*at);
            let parent = chain.map(|link| &*tree.package(link.package).resolved);
            if let Some(refused) = super::exotic::refused(ctx, edge, parent) {
                *slot = Some(Err(refused));
                continue;
            }
            let wanted = Wanted {
                alias: edge.alias,
                specifier: edge.specifier,
                optional: edge.optional,
                injected: edge.injected,
                direct: depth == 0 && from.declared,
                importer: from.importer,
                base: super::unvouched::base(ctx, from.importer, parent),
                likely: false,
            };
            let look = || wanted::resolve(ctx, wanted, &chosen_above(ctx, overlay(*at), edge));
            match ctx.facts.look(waits, look) {
                Poll::Ready(outcome) => *slot = Some(outcome),
                Poll::Pending => all = false,
            }
        }
        if all { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    let mut kept = Vec::with_capacity(asked.len());
    for ((at, edge), outcome) in asked.iter().zip(found) {
        let (chain, _) = place(*at);
        match outcome.expect("the level waits for all of its edges") {
            Ok(resolved) => kept.push(Some(resolved)),
            Err(failure) if edge.optional && failure.code != super::exotic::EXOTIC_SUBDEP => {
                skip(ctx, edge, &failure, chain, tree);
                kept.push(None);
            }
            Err(failure) => {
                let chain = std::iter::once(ctx.text(from.importer).to_string())
                    .chain(chain_to_root(chain).into_iter().map(|id| tree.package(id).resolved.id.to_string()))
                    .chain([format!("{}@{}", ctx.text(edge.alias), ctx.text(edge.specifier))])
                    .collect();
                return Err(super::explain::by_whom(failure, chain));
            }
        }
    }
    Ok(kept)
}

fn chosen_above(ctx: &Context, overlay: Option<&Rc<Overlay>>, edge: &Edge) -> Vec<Chosen> {
    let Some(overlay) = overlay else { return Vec::new() };
    let name = match &*ctx.specifier(edge.alias, edge.specifier) {
        crate::specifier::Specifier::Registry { name, want: crate::specifier::Want::Range(_), .. } => ctx.symbol(name),
        _ => return Vec::new(),
    };
    // To pnpm what has alternatives is a range as a whole, and the package that of the key.
    let text = ctx.text(edge.specifier);
    let name = if text.starts_with("npm:") && text.contains("||") { edge.alias } else { name };
    let mut chosen: Vec<Chosen> = Vec::new();
    let mut level = Some(overlay);
    while let Some(current) = level {
        let found = current.versions.iter().filter(|(held, _)| *held == name);
        chosen.extend(found.map(|(_, version)| Chosen { version: *version, weight: current.weight }));
        level = current.parent.as_ref();
    }
    chosen.sort_unstable_by_key(|chosen| (chosen.version, std::cmp::Reverse(chosen.weight)));
    chosen.dedup_by_key(|chosen| chosen.version);
    chosen
}

fn skip(ctx: &Context, edge: &Edge, failure: &Failure, chain: Option<&Rc<Chain>>, tree: &Tree) {
    let name = ctx.text(edge.alias);
    let dep_path = format!("{name}@{}", ctx.text(edge.specifier));
    let mut skipped = ctx.skipped.borrow_mut();
    if skipped.iter().any(|known| known.dep_path == dep_path) {
        return;
    }
    skipped.push(Skipped {
        dep_path,
        name: name.to_string(),
        version: None,
        reason: SkipReason::ResolutionFailure,
        detail: failure.message.clone(),
        parents: chain_to_root(chain).into_iter().map(|id| tree.package(id).resolved.id.to_string()).collect(),
    });
}
