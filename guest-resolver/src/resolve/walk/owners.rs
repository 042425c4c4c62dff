//! Which occurrence of a package decides its children: one below a project that lets go of locked versions, then the
//! one that is nearest to a project; ties go to the earlier project, then to the lesser path.

use std::cmp::Ordering;
use std::rc::Rc;

use crate::intern::{NumberMap, Symbol};
use crate::pick::ABOVE_WEIGHT;

use super::super::context::Context;
use super::super::edges::{Aliases, Shadowed, shadowed};
use super::super::tree::{ChildEdge, Origin, PackageId, Resolved};
use super::{Ancestors, Chain, From, Overlay, Parent, Seed, Walker};

/// The occurrence that decides the children of a package.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    moves: bool,
    depth: i32,
    project: usize,
    ancestors: Ancestors,
}

impl Owner {
    /// An occurrence below a project.
    pub(super) fn new(from: From, depth: i32, ancestors: &Ancestors) -> Self {
        Self { moves: from.moves, depth, project: from.project, ancestors: ancestors.clone() }
    }
}

/// Who has claimed a package.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) owner: Owner,
    shadowed: Shadowed,
}

/// What the children of a package were decided under. The versions chosen above are no part of it: an occurrence that
/// takes a package over leaves its children as they are, unless its own terms differ.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) shadowed: Shadowed,
    pub(super) prior: Option<Symbol>,
    /// The project lets go of locked versions.
    pub(super) moves: bool,
}

impl Terms {
    pub(super) fn hold_for(&self, from: From, seed: &Seed) -> bool {
        let is_same = self.prior == seed.edge.prior && self.moves == from.moves;
        self.shadowed == seed.shadowed && (is_same || seed.edge.prior.is_none() && !from.moves)
    }
}

impl Walker {
    /// Of the occurrences of a package in this level the first in path order may decide its children, if no other has.
    pub(super) fn assign_owners(&mut self, from: From, seeds: &mut [Seed]) {
        let mut best: NumberMap<PackageId, usize> = NumberMap::default();
        for at in 0..seeds.len() {
            let seed = &seeds[at];
            if seed.taken.is_some() || self.tree.package(seed.package).resolved.is_link() {
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
        match self.claim_for(from, seed.package, (seed.depth, &seed.ancestors), &seed.shadowed) {
            Ok(_) => seed.owns = true,
            Err(shadowed) => seed.shadowed = shadowed,
        }
    }

    /// Claims a package for an occurrence, if no better one has; else what its owner has shadowed.
    pub(super) fn claim_for(
        &mut self,
        from: From,
        package: PackageId,
        (depth, ancestors): (i32, &Ancestors),
        shadowed: &Shadowed,
    ) -> Result<Owner, Shadowed> {
        let owner = Owner::new(from, depth, ancestors);
        if let Some(held) = self.claims.get(&package)
            && !self.wins(&owner, &held.owner)
        {
            return Err(Rc::clone(&held.shadowed));
        }
        self.own(from, package);
        self.claims.insert(package, Claimed { owner: owner.clone(), shadowed: Rc::clone(shadowed) });
        Ok(owner)
    }

    /// What is missing below a package is the business of the project that owns it: where that is another one now, all
    /// look again.
    fn own(&mut self, from: From, package: PackageId) {
        let before = self.owners.get(&package).copied();
        if before != Some(from.project) {
            Rc::make_mut(&mut self.owners).insert(package, from.project);
            self.rewrites += u64::from(before.is_some());
        }
    }

    /// Whether an occurrence still owns its package.
    pub(super) fn still_owns(&self, package: PackageId, owner: &Owner) -> bool {
        let current = &self.claims[&package].owner;
        current.depth == owner.depth
            && current.project == owner.project
            && self.compare(&current.ancestors, &owner.ancestors).is_eq()
    }

    fn wins(&self, new: &Owner, held: &Owner) -> bool {
        match (!new.moves, new.depth, new.project).cmp(&(!held.moves, held.depth, held.project)) {
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
    pub(super) fn settle(
        &mut self,
        ctx: &Context,
        from: From,
        seeds: Vec<Seed>,
        overlay: Option<&Rc<Overlay>>,
        aliases: &Rc<Aliases>,
    ) -> Vec<Parent> {
        let mut frontier = Vec::new();
        for seed in seeds.into_iter().filter(|seed| seed.owns) {
            // A copied folder is decided anew by every occurrence that takes it over: it is no package of a registry.
            let is_folder = matches!(seed.resolved.origin, Origin::Directory(_));
            let chain = Some(Rc::new(Chain { package: seed.package, parent: seed.ancestors.clone() }));
            let parent = Parent { seed, overlay: overlay.cloned(), aliases: Rc::clone(aliases), chain };
            let decided = self.decided.get(&parent.seed.package);
            if !is_folder && decided.is_some_and(|terms| terms.hold_for(from, &parent.seed)) {
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
            let below: Vec<Seed> = edges.iter().filter_map(|edge| self.nearer(ctx, from, &above, edge)).collect();
            self.hand_over(&above.seed, &edges, &below);
            if below.is_empty() {
                continue;
            }
            let overlay = self.level_overlay(above.overlay, below.iter(), ABOVE_WEIGHT);
            let names = edges.iter().map(|edge| edge.alias).collect();
            let aliases = Rc::new(Aliases { names, parent: Some(above.aliases) });
            for seed in below {
                let stands = self.decided.get(&seed.package).is_none_or(|terms| terms.shadowed == seed.shadowed);
                let chain = Some(Rc::new(Chain { package: seed.package, parent: seed.ancestors.clone() }));
                let parent = Parent { seed, overlay: overlay.clone(), aliases: Rc::clone(&aliases), chain };
                if stands { open.push(parent) } else { frontier.push(parent) }
            }
        }
    }

    /// Who takes a package over has nodes for its children from now on, and no other occurrence has: what is provided
    /// below those stands for no project any more.
    fn hand_over(&mut self, seed: &Seed, edges: &[ChildEdge], below: &[Seed]) {
        if self.tree.node(seed.node).children.is_none() {
            let own =
                |edge: &ChildEdge| below.iter().find(|child| child.edge.alias == edge.alias).map(|child| child.node);
            let mut nodes = Vec::with_capacity(edges.len());
            for edge in edges.iter().filter(|edge| edge.package != seed.package) {
                let node = own(edge).unwrap_or_else(|| self.tree.node_for(edge.package, seed.depth + 1, true));
                nodes.push((edge.alias, node));
            }
            self.tree.nodes[seed.node.0 as usize].children = Some(nodes.into());
        }
        self.tree.forget_child_nodes(seed.package, seed.node);
    }

    /// The occurrence at an edge below `above`, if it is nearer than the one that owns its package.
    fn nearer(&mut self, ctx: &Context, from: From, above: &Parent, edge: &ChildEdge) -> Option<Seed> {
        let depth = above.seed.depth + 1;
        let owner = Owner::new(from, depth, &above.chain);
        self.claims.get(&edge.package).filter(|held| self.wins(&owner, &held.owner))?;
        let resolved = Rc::clone(&self.tree.package(edge.package).resolved);
        if self.waits_below_taken(edge.package, &resolved) {
            return None;
        }
        let shadowed = shadowed(ctx, &resolved.manifest, &above.aliases);
        self.own(from, edge.package);
        self.claims.insert(edge.package, Claimed { owner, shadowed: Rc::clone(&shadowed) });
        let asked = self.all_edges(ctx, above.seed.package, &above.seed.resolved);
        let asked = asked.iter().find(|it| it.alias == edge.alias).cloned()?;
        Some(Seed {
            edge: asked,
            resolved,
            package: edge.package,
            node: self.tree.node_for(edge.package, depth, true),
            ancestors: above.chain.clone(),
            depth,
            optional: edge.optional || above.seed.optional,
            shadowed,
            owns: true,
            taken: None,
        })
    }

    /// Whether a package below one that was taken over has still to be walked: whoever does that goes on.
    fn waits_below_taken(&self, package: PackageId, resolved: &Resolved) -> bool {
        self.anew.contains(&package) && !resolved.manifest.is_leaf() && !self.decided.contains_key(&package)
    }
}
