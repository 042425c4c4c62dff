//! Takes over what the lockfile holds whole: packages and nodes down to the last, without a level of their own. Where
//! something below needs what the project now asks otherwise for, it is picked anew and walked like any other.

use std::collections::VecDeque;
use std::rc::Rc;

use wit::guest::wasi_pm::resolver::types::Failure;

use crate::intern::Symbol;
use crate::lockfile::model::{package_key, split_key};

use super::super::context::{Context, MAX_DEPTH, over_budget};
use super::super::edges::{Aliases, Edge};
use super::super::tree::{ChildEdge, NodeId, Origin, PackageId, Resolved};
use super::super::{commit, subtree};
use super::decide::decide;
use super::owners::{Owner, Terms};
use super::{Ancestors, Chain, From, Parent, Seed, Walker};

/// One package that is taken over.
struct Taken {
    key: Rc<str>,
    package: PackageId,
    node: NodeId,
    ancestors: Ancestors,
    depth: i32,
    optional: bool,
    aliases: Rc<Aliases>,
}

/// Its children, once it owns them; those that are picked anew are filled in later.
struct Owned {
    taken: Taken,
    owner: Owner,
    children: Vec<(ChildEdge, Option<NodeId>)>,
}

/// An edge below a package that is taken over and must be picked anew.
struct Anew {
    edge: Edge,
    /// Which of the owned packages asks, and for which of its children.
    place: (usize, usize),
    chain: Ancestors,
    depth: i32,
    optional: bool,
    aliases: Rc<Aliases>,
}

impl Walker {
    /// Takes over what is below those of `seeds` that the lockfile holds; gives what has to be walked below them.
    pub(super) async fn take_over<'a>(
        &mut self,
        ctx: &Context,
        from: From,
        seeds: &[Seed],
        aliases: impl Fn(usize) -> &'a Rc<Aliases>,
    ) -> Result<Vec<Parent>, Failure> {
        let roots = seeds.iter().enumerate().filter_map(|(at, seed)| {
            Some(Taken {
                key: Rc::clone(seed.taken.as_ref()?),
                package: seed.package,
                node: seed.node,
                ancestors: seed.ancestors.clone(),
                depth: seed.depth,
                optional: seed.optional,
                aliases: Rc::clone(aliases(at)),
            })
        });
        let open: Vec<Taken> = roots.collect();
        if open.is_empty() {
            return Ok(Vec::new());
        }
        let (mut owned, anew) = self.take_down(ctx, from, open)?;
        let fresh = self.pick_anew(ctx, from, &anew, &mut owned).await?;
        for Owned { taken, owner, children } in owned {
            if !self.still_owns(taken.package, &owner) {
                continue;
            }
            let terms = Terms { shadowed: Rc::from([]), prior: Some(ctx.symbol(&taken.key)), moves: from.moves };
            let known = || children.iter().filter_map(|(edge, node)| Some((*edge, (*node)?)));
            let edges = known().map(|(edge, _)| edge).collect();
            let nodes = known().map(|(edge, node)| (edge.alias, node)).collect();
            self.set_children((taken.package, taken.node), terms, edges, nodes);
        }
        let scopes: Vec<Rc<Aliases>> = fresh.iter().map(|(at, _)| Rc::clone(&anew[*at].aliases)).collect();
        let mut frontier = Vec::new();
        for ((_, seed), scope) in fresh.into_iter().zip(scopes) {
            frontier.extend(self.settle(ctx, from, vec![seed], None, &scope));
        }
        Ok(frontier)
    }

    fn take_down(&mut self, ctx: &Context, from: From, open: Vec<Taken>) -> Result<(Vec<Owned>, Vec<Anew>), Failure> {
        let (mut owned, mut anew) = (Vec::new(), Vec::new());
        // Level by level: who comes first keeps a package. Deeper first, each later way to it would take it over again,
        // with all that is below it.
        let mut open = VecDeque::from(open);
        while let Some(taken) = open.pop_front() {
            ctx.spend(1)?;
            if taken.depth > MAX_DEPTH {
                return Err(over_budget("a chain of dependencies is longer than 1000"));
            }
            let Ok(owner) =
                self.claim_for(from, taken.package, (taken.depth, &taken.ancestors), &Rc::from([] as [Symbol; 0]))
            else {
                continue;
            };
            let chain = Some(Rc::new(Chain { package: taken.package, parent: taken.ancestors.clone() }));
            let mut children = Vec::new();
            for edge in subtree::edges(ctx, &taken.key) {
                let (depth, optional, aliases) = (taken.depth + 1, taken.optional, Rc::clone(&taken.aliases));
                let resolved = self.subtrees.resolved(&edge.key);
                if self.repeats(&chain, &resolved) {
                    continue;
                }
                let place = (owned.len(), children.len());
                if self.subtrees.needs_changed(ctx, &edge.key) {
                    let child = ChildEdge { alias: edge.alias, package: taken.package, optional: edge.optional };
                    children.push((child, None));
                    let edge = exact(ctx, edge.alias, &resolved, ctx.symbol(&edge.key));
                    anew.push(Anew { edge, place, chain: chain.clone(), depth, optional, aliases });
                    continue;
                }
                let package = self.package(ctx, resolved, optional, &[]);
                let node = self.tree.node_for(package, depth, true);
                if self.tree.package(package).leaf {
                    self.tree.nodes[node.0 as usize].prior = Some(ctx.symbol(&edge.key));
                }
                children.push((ChildEdge { alias: edge.alias, package, optional: edge.optional }, Some(node)));
                open.push_back(Taken {
                    key: edge.key,
                    package,
                    node,
                    ancestors: chain.clone(),
                    depth,
                    optional,
                    aliases,
                });
            }
            owned.push(Owned { taken, owner, children });
        }
        Ok((owned, anew))
    }

    /// Picks the versions that are locked once more, for the sake of what is below them.
    async fn pick_anew(
        &mut self,
        ctx: &Context,
        from: From,
        anew: &[Anew],
        owned: &mut [Owned],
    ) -> Result<Vec<(usize, Seed)>, Failure> {
        let asked: Vec<(usize, Edge)> = anew.iter().enumerate().map(|(at, it)| (at, it.edge.clone())).collect();
        let place = |at: usize| (anew[at].chain.as_ref(), anew[at].depth);
        let decided = decide(ctx, from, &asked, |_| None, place, (&self.tree, &self.subtrees)).await?;
        let place = |at: usize| (anew[at].chain.clone(), anew[at].depth, anew[at].optional);
        let mut by_edge = Vec::new();
        let mut seeds = self.seed(ctx, asked, decided, place, |at| &anew[at].aliases, &mut by_edge)?;
        self.reach(ctx, &seeds);
        self.anew.extend(seeds.iter().map(|seed| seed.package));
        self.assign_owners(from, &mut seeds);
        let fresh: Vec<(usize, Seed)> = by_edge.into_iter().zip(seeds).collect();
        for (at, seed) in &fresh {
            let (parent, child) = anew[*at].place;
            let (edge, node) = &mut owned[parent].children[child];
            (edge.package, *node) = (seed.package, Some(seed.node));
        }
        Ok(fresh)
    }
}

/// An edge to a locked version or commit and nowhere else.
fn exact(ctx: &Context, alias: Symbol, resolved: &Resolved, prior: Symbol) -> Edge {
    let plain = package_key(&resolved.id);
    let commit = match (&resolved.origin, split_key(plain)) {
        (Origin::Pinned(resolution), Some((_, version))) => commit::specifier(version, resolution),
        _ => None,
    };
    let specifier = match plain.strip_prefix(&*ctx.text(alias)).and_then(|rest| rest.strip_prefix('@')) {
        _ if commit.is_some() => commit.unwrap_or_default(),
        Some(version) => version.to_owned(),
        None => format!("npm:{plain}"),
    };
    Edge { alias, specifier: ctx.symbol(&specifier), optional: false, injected: false, prior: Some(prior), anew: false }
}
