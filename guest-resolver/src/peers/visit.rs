//! The depth-first visit that finds each node's peers. Three shortcuts keep it linear on real graphs: a package with
//! nothing but pure packages below it is visited once; a package seen with the same providers is taken from the cache;
//! cycles are cut inside strongly connected components. An explicit stack stands for recursion.

use std::cell::RefCell;
use std::rc::Rc;

use wit::guest::wasi_pm::resolver::types::Failure;

use crate::intern::{NumberMap, NumberSet, Symbol};
use crate::lockfile::model::Snapshot;
use crate::resolve::context::Context;
use crate::resolve::tree::{NodeId, PackageId, Tree};
use crate::resolve::walk::Direct;

use super::cache::{Cached, Caches, PathId};
use super::locked::Chosen;
use super::missing::{Issue, Link, Missing, Scope, Summary, add_missing};
use super::refs::{ByName, Refs, get, put};

/// What the visit of a node yields.
#[derive(Debug, Clone, Default)]
pub struct Output {
    pub(super) external: Rc<ByName<NodeId>>,
    /// Providers that were found below, by name.
    pub provided: ByName<NodeId>,
    pub(super) missing: Rc<ByName<Missing>>,
    /// What is missing below.
    pub summary: Option<Rc<Summary>>,
}

/// What a final visit records of a node.
#[derive(Debug)]
pub struct Record {
    /// The node.
    pub node: NodeId,
    /// Its children and own peers, by alias.
    pub edges: ByName<NodeId>,
    /// Peers it hands through.
    pub transitive: Vec<Symbol>,
    /// Its depth.
    pub depth: i32,
}

/// How to visit.
#[derive(Debug, Clone, Default)]
pub struct VisitOptions {
    /// Only what is missing is wanted; nodes made on the way lose their children again.
    pub discovery: bool,
    /// Dependencies of projects that stand for providers found below.
    pub providers: NumberSet<NodeId>,
    /// Optional peers that were added to the project.
    pub added_optional: NumberSet<NodeId>,
    /// Providers that may come before locked peers.
    pub chosen: Chosen,
    /// Which missing peers do not count.
    pub scope: Option<Rc<Scope>>,
}

/// What one project's discovery found.
#[derive(Debug, Default)]
pub struct Discovery {
    /// Missing peers.
    pub issues: Vec<Issue>,
    /// Providers found below, by name.
    pub provided: ByName<NodeId>,
    /// What is missing below each dependency.
    pub summaries: Vec<Rc<Summary>>,
}

/// One visit of the tree, over one or more projects.
#[derive(Debug)]
pub struct Visit<'a> {
    pub(super) ctx: &'a Context,
    /// The tree; gains nodes.
    pub tree: &'a mut Tree,
    /// The caches; hand them to the next visit if the tree has not been rewritten.
    pub caches: Caches,
    /// How to visit.
    pub options: VisitOptions,
    pub(super) components: Rc<[u32]>,
    /// Visited nodes, with the project that was the first to.
    pub(super) visited: NumberMap<NodeId, u32>,
    pub(super) project: u32,
    /// Peers of each visited node, from outside.
    pub external: NumberMap<NodeId, Rc<ByName<NodeId>>>,
    /// For nodes that took a variant from the cache: the node it was seen at.
    pub(super) models: NumberMap<NodeId, NodeId>,
    /// What a final visit recorded, in order.
    pub records: Vec<Record>,
    /// Missing peers.
    pub issues: Vec<Issue>,
    pub(super) least_depth: NumberMap<PathId, i32>,
    pub(super) realized: Vec<NodeId>,
    pub(super) pending: Vec<NodeId>,
    pub(super) draining: bool,
    /// By package, which peers' names its own children have; the first child, and whether there are more.
    pub(super) brought: NumberMap<PackageId, Rc<ByName<(PackageId, bool)>>>,
    /// By key, what the existing lockfile has of a node.
    pub(super) snapshots: RefCell<NumberMap<Symbol, Option<&'a Snapshot>>>,
}

struct Frame {
    node: NodeId,
    package: PackageId,
    refs: Refs,
    link: Option<Rc<Link>>,
    children: Rc<[(Symbol, NodeId)]>,
    order: Vec<u32>,
    cursor: usize,
    external: ByName<NodeId>,
    provided: ByName<NodeId>,
    missing: ByName<Missing>,
    summaries: Vec<Rc<Summary>>,
}

enum Entered {
    Done(Output),
    Open(Box<Frame>),
}

impl<'a> Visit<'a> {
    /// Prepares a visit.
    pub fn new(
        ctx: &'a Context,
        tree: &'a mut Tree,
        caches: Caches,
        components: Rc<[u32]>,
        options: VisitOptions,
    ) -> Self {
        Self {
            ctx,
            tree,
            caches,
            options,
            components,
            visited: NumberMap::default(),
            project: 0,
            external: NumberMap::default(),
            models: NumberMap::default(),
            records: Vec::new(),
            issues: Vec::new(),
            least_depth: NumberMap::default(),
            realized: Vec::new(),
            pending: Vec::new(),
            draining: false,
            brought: NumberMap::default(),
            snapshots: RefCell::default(),
        }
    }

    /// Visits dependencies of a project that sees `parents`.
    ///
    /// # Errors
    /// If the graph is over the budget.
    pub fn project(&mut self, parents: &Refs, direct: &[Direct]) -> Result<Discovery, Failure> {
        let mut found = Discovery::default();
        self.project += 1;
        let (provided, own): (Vec<&Direct>, Vec<&Direct>) =
            direct.iter().partition(|dep| self.options.providers.contains(&dep.node));
        for dep in &own {
            self.remember_parents(dep, parents);
        }
        for dep in own {
            self.root(dep.node, parents, &mut found)?;
        }
        for dep in provided {
            if !self.visited.contains_key(&dep.node) {
                self.remember_parents(dep, parents);
                self.root(dep.node, parents, &mut found)?;
            }
        }
        self.drain(parents)?;
        found.issues = std::mem::take(&mut self.issues);
        Ok(found)
    }

    /// Undoes what discovery did to the tree, and gives the caches back.
    pub fn end(mut self) -> Caches {
        for node in std::mem::take(&mut self.realized) {
            self.tree.nodes[node.0 as usize].children = None;
        }
        self.caches
    }

    fn root(&mut self, node: NodeId, parents: &Refs, found: &mut Discovery) -> Result<(), Failure> {
        let output = self.visit(node, parents)?;
        for (name, provider) in output.provided {
            put(&mut found.provided, name, provider);
        }
        if let Some(summary) = output.summary
            && !found.summaries.iter().any(|held| Rc::ptr_eq(held, &summary))
        {
            found.summaries.push(summary);
        }
        Ok(())
    }

    fn drain(&mut self, parents: &Refs) -> Result<(), Failure> {
        self.draining = true;
        while let Some(node) = self.pending.pop() {
            if !self.visited.contains_key(&node) {
                self.visit(node, parents)?;
            }
        }
        self.draining = false;
        Ok(())
    }

    fn visit(&mut self, root: NodeId, parents: &Refs) -> Result<Output, Failure> {
        let mut stack: Vec<Box<Frame>> = match self.enter(root, parents, None)? {
            Entered::Done(output) => return Ok(output),
            Entered::Open(frame) => vec![frame],
        };
        loop {
            let frame = stack.last_mut().expect("the loop ends when the root is left");
            let next = frame.order.get(frame.cursor).map(|at| frame.children[*at as usize].1);
            frame.cursor += 1;
            let output = match next {
                Some(child) => match self.enter(child, &frame.refs, frame.link.as_ref())? {
                    Entered::Done(output) => output,
                    Entered::Open(below) => {
                        stack.push(below);
                        continue;
                    }
                },
                None => {
                    let left = stack.pop().expect("it was the last one");
                    self.leave(*left)
                }
            };
            match stack.last_mut() {
                Some(above) => above.absorb(output),
                None => return Ok(output),
            }
        }
    }

    fn enter(&mut self, node: NodeId, above: &Refs, link: Option<&Rc<Link>>) -> Result<Entered, Failure> {
        self.ctx.spend(1)?;
        let (package, depth) = (self.tree.node(node).package, self.tree.node(node).depth);
        if let Some(path) = self.context_free(package, depth) {
            self.remember(node, path);
            return Ok(Entered::Done(Output::default()));
        }
        let plain = self.tree.node(node).locked_peers.is_none() && self.locked(node).is_none();
        if plain
            && self.tree.node(node).children.is_none()
            && let Some(at) = self.quick_hit(above, package)
        {
            return Ok(Entered::Done(self.hit(node, at, link)));
        }
        let providers = self.preview(node, package, depth);
        let mut refs = self.refs_below(node, above, &providers);
        self.pin_locked(node, &mut refs);
        for (_, provider) in &providers {
            self.caches.parents_of.insert(*provider, Rc::clone(&refs));
        }
        if let Some(at) = self.full_hit(&refs, package) {
            return Ok(Entered::Done(self.hit(node, at, link)));
        }
        let children = self.children(node, package, depth, &providers);
        self.ctx.spend(children.len() as u64)?;
        let visits = |at: &usize| !self.tree.cuts(&self.components, package, self.tree.node(children[*at].1).package);
        let seen = |at: &usize| get(&refs, children[*at].0).is_some();
        let all: Vec<usize> = (0..children.len()).filter(visits).collect();
        let order = all.iter().filter(|at| seen(at)).chain(all.iter().filter(|at| !seen(at)));
        let order = order.map(|at| u32::try_from(*at).expect("a manifest is shorter than 4 GiB")).collect();
        let link = Some(Rc::new(Link { package, parent: link.cloned() }));
        Ok(Entered::Open(Box::new(Frame {
            node,
            package,
            refs,
            link,
            children,
            order,
            cursor: 0,
            external: Vec::new(),
            provided: Vec::new(),
            missing: Vec::new(),
            summaries: Vec::new(),
        })))
    }

    fn leave(&mut self, frame: Frame) -> Output {
        let Frame { node, package, refs, link, children, external, mut provided, missing, mut summaries, .. } = frame;
        let outer = link.as_ref().and_then(|link| link.parent.clone());
        let peers = Rc::clone(&self.tree.package(package).peers);
        let mut own: ByName<NodeId> = Vec::new();
        let mut all_missing = missing.clone();
        for (name, peer) in peers.iter() {
            match get(&refs, *name) {
                Some(provider) => put(&mut own, *name, provider.node),
                None => {
                    let lacking = Missing::of(peer);
                    self.report(*name, lacking.clone(), package, outer.as_ref());
                    add_missing(&mut all_missing, *name, lacking);
                }
            }
        }
        let mut all = external;
        for (name, provider) in &own {
            put(&mut all, *name, *provider);
            put(&mut provided, *name, *provider);
        }
        // Nodes that discovery made on the way are gone before anyone could point out providers from there.
        if !self.tree.node(node).walked {
            provided.clear();
        }
        // A package is no peer of itself; another version of it is.
        all.retain(|(_, provider)| self.tree.node(*provider).package != package);
        let parts = all.iter().map(|(_, provider)| self.provisional(*provider)).collect();
        let path = self.path(package, parts);
        if all.iter().any(|(_, provider)| self.is_open(*provider)) {
            self.caches.tentative.insert(path);
        }
        self.remember(node, path);
        let own_missing = (!missing.is_empty()).then(|| (package, missing.iter().map(|(name, _)| *name).collect()));
        let summary = match (own_missing, summaries.len()) {
            (None, 0) => None,
            (None, 1) => summaries.pop(),
            (own, _) => Some(Rc::new(Summary { own, below: summaries })),
        };
        let (all, all_missing, missing_below) = (Rc::new(all), Rc::new(all_missing), Rc::new(missing));
        self.caches.circles.note(self.tree.package(package).resolved.name, all.iter().map(|(name, _)| *name));
        self.external.insert(node, Rc::clone(&all));
        if !self.options.discovery {
            self.record(node, package, &children, &own, &all, &all_missing, path);
        }
        if all.is_empty() && all_missing.is_empty() {
            self.caches.pure.insert(package, path);
        } else {
            let cached = Cached {
                external: Rc::clone(&all),
                missing: Rc::clone(&all_missing),
                missing_below,
                summary: summary.clone(),
                path,
                node,
            };
            self.caches.variants.entry(package).or_default().push(cached);
        }
        let brings = |name: Symbol| children.iter().any(|(alias, _)| *alias == name);
        let outside: ByName<NodeId> = all.iter().filter(|(name, _)| !brings(*name)).copied().collect();
        Output { external: Rc::new(outside), provided, missing: all_missing, summary }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one record, all at hand in one place")]
    fn record(
        &mut self,
        node: NodeId,
        package: PackageId,
        children: &[(Symbol, NodeId)],
        own: &ByName<NodeId>,
        all: &ByName<NodeId>,
        missing: &ByName<Missing>,
        path: PathId,
    ) {
        let depth = self.tree.node(node).depth;
        let mut edges: ByName<NodeId> = Vec::new();
        for (alias, child) in children {
            let below = self.tree.node(*child).package;
            let cut = !self.caches.path_of.contains_key(child) && self.tree.cuts(&self.components, package, below);
            let child = if cut { self.canonical(below, depth + 1) } else { *child };
            put(&mut edges, *alias, child);
        }
        for (name, provider) in own {
            put(&mut edges, *name, *provider);
        }
        let peers = &self.tree.package(package).peers;
        let through = all.iter().map(|(name, _)| *name).chain(missing.iter().map(|(name, _)| *name));
        let transitive = through.filter(|name| !peers.iter().any(|(peer, _)| peer == name)).collect();
        let least = self.least_depth.entry(path).or_insert(depth);
        *least = depth.min(*least);
        self.records.push(Record { node, edges, transitive, depth });
    }

    pub(super) fn report(&mut self, peer: Symbol, missing: Missing, package: PackageId, chain: Option<&Rc<Link>>) {
        let is_wanted = self.options.discovery && !self.draining;
        if !is_wanted || self.options.scope.as_ref().is_some_and(|scope| scope.covers(peer, chain)) {
            return;
        }
        self.issues.push(Issue { peer, missing, chain: chain.cloned(), package });
    }
}

impl Frame {
    fn absorb(&mut self, output: Output) {
        if let Some(summary) = output.summary
            && !self.summaries.iter().any(|held| Rc::ptr_eq(held, &summary))
        {
            self.summaries.push(summary);
        }
        for (name, provider) in output.provided {
            put(&mut self.provided, name, provider);
        }
        for (name, provider) in output.external.iter() {
            match self.external.binary_search_by_key(name, |(held, _)| *held) {
                Ok(at) => self.external[at].1 = *provider,
                // What a child came to need is looked for among the children once, not once a child.
                Err(at) if !self.order.iter().any(|at| self.children[*at as usize].0 == *name) => {
                    self.external.insert(at, (*name, *provider));
                }
                Err(_) => {}
            }
        }
        for (name, missing) in output.missing.iter() {
            add_missing(&mut self.missing, *name, missing.clone());
        }
    }
}
