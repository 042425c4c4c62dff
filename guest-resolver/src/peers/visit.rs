//! The depth-first visit that finds each node's peers. Three shortcuts keep it linear on real graphs: a package with
//! nothing but pure packages below it is visited once; a package seen with the same providers is taken from the cache;
//! cycles are cut inside strongly connected components. An explicit stack stands for recursion.

use std::rc::Rc;

use wit::guest::wasi_pm::resolver::types::Failure;

use crate::intern::{NumberMap, NumberSet, Symbol};
use crate::resolve::context::Context;
use crate::resolve::tree::{NodeId, PackageId, Tree};
use crate::resolve::walk::Direct;
use crate::semver::{Range, Version};

use super::refs::{ByName, ParentRef, Refs, get, put, put_new};

/// A peer that nobody provides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The range, as written.
    pub range: Rc<str>,
    /// It may be missing.
    pub optional: bool,
}

/// A peer that is missing somewhere, or of a version that does not fit.
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
    /// What is there.
    pub found: Option<Symbol>,
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
    own: Option<(PackageId, Vec<Symbol>)>,
    below: Vec<Rc<Summary>>,
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

/// What the visit of a node yields.
#[derive(Debug, Clone, Default)]
pub struct Output {
    external: Rc<ByName<NodeId>>,
    /// Providers that were found below, by name.
    pub provided: ByName<NodeId>,
    missing: Rc<ByName<Missing>>,
    /// What is missing below.
    pub summary: Option<Rc<Summary>>,
}

#[derive(Debug)]
struct Cached {
    external: Rc<ByName<NodeId>>,
    missing: Rc<ByName<Missing>>,
    summary: Option<Rc<Summary>>,
    path: PathId,
}

/// A package with the peers it sees, while names are not final: equal numbers, equal variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PathId(u32);

/// What visits leave for later ones.
#[derive(Debug, Default)]
pub struct Caches {
    paths: NumberMap<(PackageId, Vec<PathId>), PathId>,
    path_of: NumberMap<NodeId, PathId>,
    pure: NumberMap<PackageId, PathId>,
    variants: NumberMap<PackageId, Vec<Cached>>,
    parents_of: NumberMap<NodeId, Refs>,
    canonical: NumberMap<PackageId, NodeId>,
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

/// Which missing peers a project need not care for: another project owns the package and was not missing them.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// The project.
    pub project: usize,
    /// Whose occurrence decides a package's children.
    pub owners: NumberMap<PackageId, usize>,
    /// What was missing below each package in its owner's first visit.
    pub missing: NumberMap<PackageId, Vec<Symbol>>,
    /// Peers of the project's dependencies in the existing lockfile.
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

/// How to visit.
#[derive(Debug, Clone, Default)]
pub struct VisitOptions {
    /// Only what is missing is wanted; nodes made on the way lose their children again.
    pub discovery: bool,
    /// Dependencies of projects that stand for providers found below.
    pub providers: NumberSet<NodeId>,
    /// Optional peers that were added to the project.
    pub added_optional: NumberSet<NodeId>,
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
    ctx: &'a Context,
    /// The tree; gains nodes.
    pub tree: &'a mut Tree,
    /// The caches; hand them to the next visit if the tree has not been rewritten.
    pub caches: Caches,
    /// How to visit.
    pub options: VisitOptions,
    components: Rc<[u32]>,
    visited: NumberSet<NodeId>,
    /// Peers of each visited node, from outside.
    pub external: NumberMap<NodeId, Rc<ByName<NodeId>>>,
    /// What a final visit recorded, in order.
    pub records: Vec<Record>,
    /// Missing and unfit peers.
    pub issues: Vec<Issue>,
    least_depth: NumberMap<PathId, i32>,
    realized: Vec<NodeId>,
    pending: Vec<NodeId>,
    draining: bool,
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
            visited: NumberSet::default(),
            external: NumberMap::default(),
            records: Vec::new(),
            issues: Vec::new(),
            least_depth: NumberMap::default(),
            realized: Vec::new(),
            pending: Vec::new(),
            draining: false,
        }
    }

    /// Visits dependencies of a project that sees `parents`.
    ///
    /// # Errors
    /// If the graph is over the budget.
    pub fn project(&mut self, parents: &Refs, direct: &[Direct]) -> Result<Discovery, Failure> {
        let mut found = Discovery::default();
        let (provided, own): (Vec<&Direct>, Vec<&Direct>) =
            direct.iter().partition(|dep| self.options.providers.contains(&dep.node));
        for dep in &own {
            self.remember_parents(dep, parents);
        }
        for dep in own {
            self.root(dep.node, parents, &mut found)?;
        }
        if !self.options.discovery {
            self.drain(parents)?;
        }
        for dep in provided {
            if !self.visited.contains(&dep.node) {
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

    /// What a project's dependencies provide.
    pub fn parents(&self, direct: &[Direct]) -> ByName<ParentRef> {
        let mut refs = Vec::new();
        for dep in direct {
            if self.is_relevant(dep.alias, dep.node) {
                let depth = self.tree.node(dep.node).depth;
                self.provide(&mut refs, dep.alias, dep.node, depth);
            }
        }
        refs
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
            if !self.visited.contains(&node) {
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
        let plain = self.tree.node(node).locked_peers.is_none();
        if plain
            && self.tree.node(node).children.is_none()
            && let Some(at) = self.quick_hit(above, package)
        {
            return Ok(Entered::Done(self.hit(node, at, link)));
        }
        let providers = self.preview(node, package, depth);
        let refs = self.refs_below(node, above, &providers);
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

    /// The variant of a package that no context can change.
    fn context_free(&mut self, package: PackageId, depth: i32) -> Option<PathId> {
        if depth == -1 {
            return Some(self.path(package, Vec::new()));
        }
        let path = *self.caches.pure.get(&package)?;
        let known = self.options.discovery || self.least_depth.get(&path).is_some_and(|least| *least <= depth);
        (known && self.tree.package(package).peers.is_empty()).then_some(path)
    }

    fn leave(&mut self, frame: Frame) -> Output {
        let Frame {
            node, package, refs, link, children, order, external, mut provided, missing, mut summaries, ..
        } = frame;
        let outer = link.as_ref().and_then(|link| link.parent.clone());
        let peers = Rc::clone(&self.tree.package(package).peers);
        let mut own: ByName<NodeId> = Vec::new();
        let mut all_missing = missing.clone();
        for (name, peer) in peers.iter() {
            let lacking = Missing { range: Rc::clone(&peer.range), optional: peer.optional };
            match get(&refs, *name) {
                Some(provider) => {
                    self.check(*name, &lacking, provider, package, outer.as_ref());
                    put(&mut own, *name, provider.node);
                }
                None => {
                    self.report(*name, lacking.clone(), package, outer.as_ref());
                    add_missing(&mut all_missing, *name, lacking);
                }
            }
        }
        let mut all = external;
        for (name, provider) in &own {
            put(&mut all, *name, *provider);
            // Nodes that discovery made on the way are gone before anyone could stand for them, or point them out.
            if self.tree.node(*provider).walked {
                put(&mut provided, *name, *provider);
            }
        }
        if !self.tree.node(node).walked {
            provided.clear();
        }
        // A package is no peer of itself; another version of it is.
        all.retain(|(_, provider)| self.tree.node(*provider).package != package);
        let parts = all.iter().map(|(_, provider)| self.provisional(*provider)).collect();
        let path = self.path(package, parts);
        self.remember(node, path);
        let own_missing = (!missing.is_empty()).then(|| (package, missing.iter().map(|(name, _)| *name).collect()));
        let summary = match (own_missing, summaries.len()) {
            (None, 0) => None,
            (None, 1) => summaries.pop(),
            (own, _) => Some(Rc::new(Summary { own, below: summaries })),
        };
        let (all, all_missing) = (Rc::new(all), Rc::new(all_missing));
        if self.options.discovery {
            let depth = self.tree.node(node).depth;
            for (_, child) in children.iter() {
                let below = self.tree.node(*child).package;
                if !self.caches.path_of.contains_key(child) && self.tree.cuts(&self.components, package, below) {
                    self.canonical(below, depth + 1);
                }
            }
        } else {
            self.external.insert(node, Rc::clone(&all));
            self.record(node, package, &children, &own, &all, &all_missing, path);
        }
        if all.is_empty() && all_missing.is_empty() {
            self.caches.pure.insert(package, path);
        } else {
            let cached =
                Cached { external: Rc::clone(&all), missing: Rc::clone(&all_missing), summary: summary.clone(), path };
            self.caches.variants.entry(package).or_default().push(cached);
        }
        let brings = |name: Symbol| order.iter().any(|at| children[*at as usize].0 == name);
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

    fn hit(&mut self, node: NodeId, (package, at): (PackageId, usize), link: Option<&Rc<Link>>) -> Output {
        let cached = &self.caches.variants[&package][at];
        let output = Output {
            external: Rc::clone(&cached.external),
            provided: Vec::new(),
            missing: Rc::clone(&cached.missing),
            summary: cached.summary.clone(),
        };
        let path = cached.path;
        if !output.missing.is_empty() {
            let chain = Some(Rc::new(Link { package, parent: link.cloned() }));
            let peers = Rc::clone(&self.tree.package(package).peers);
            for (name, missing) in output.missing.iter() {
                let is_own = peers.iter().any(|(peer, _)| peer == name);
                self.report(*name, missing.clone(), package, if is_own { link } else { chain.as_ref() });
            }
        }
        self.remember(node, path);
        if !self.options.discovery {
            self.external.insert(node, Rc::clone(&output.external));
        }
        let depth = self.tree.node(node).depth;
        if let Some(least) = self.least_depth.get_mut(&path) {
            *least = depth.min(*least);
        }
        output
    }

    fn full_hit(&self, refs: &Refs, package: PackageId) -> Option<(PackageId, usize)> {
        let variants = self.caches.variants.get(&package)?;
        let fits = |cached: &Cached| {
            cached
                .external
                .iter()
                .all(|(name, held)| get(refs, *name).is_some_and(|current| self.same(current.node, *held)))
                && cached.missing.iter().all(|(name, _)| get(refs, *name).is_none())
        };
        variants.iter().position(fits).map(|at| (package, at))
    }

    /// A hit without making nodes: only where none of the package's own children provides a name in question.
    fn quick_hit(&self, refs: &Refs, package: PackageId) -> Option<(PackageId, usize)> {
        let variants = self.caches.variants.get(&package)?;
        let edges = self.tree.edges(package);
        let child = |name: Symbol| {
            let mut provides = edges.iter().filter(|edge| {
                !self.tree.cuts(&self.components, package, edge.package)
                    && (edge.alias == name || self.tree.package(edge.package).resolved.name == name)
            });
            (provides.next().map(|edge| edge.package), provides.next().is_some())
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
        };
        variants.iter().position(fits).map(|at| (package, at))
    }

    /// Whether two providers come to the same.
    fn same(&self, current: NodeId, held: NodeId) -> bool {
        if current == held {
            return true;
        }
        let paths = (self.caches.path_of.get(&current), self.caches.path_of.get(&held));
        if let (Some(a), Some(b)) = paths
            && a == b
        {
            return true;
        }
        let package = self.tree.node(current).package;
        package == self.tree.node(held).package
            && (self.caches.pure.contains_key(&package) || self.same_parents(held, current))
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

    fn is_relevant(&self, alias: Symbol, node: NodeId) -> bool {
        self.tree.peer_names.contains(&alias)
            || self.tree.peer_names.contains(&self.tree.package_of(node).resolved.name)
    }

    fn remember_parents(&mut self, dep: &Direct, parents: &Refs) {
        if self.is_relevant(dep.alias, dep.node) {
            self.caches.parents_of.insert(dep.node, Rc::clone(parents));
        }
    }

    fn remember(&mut self, node: NodeId, path: PathId) {
        if !self.options.discovery
            || self.caches.parents_of.contains_key(&node)
            || self.options.providers.contains(&node)
        {
            self.caches.path_of.insert(node, path);
            self.visited.insert(node);
        }
    }

    fn provisional(&mut self, node: NodeId) -> PathId {
        match self.caches.path_of.get(&node) {
            Some(path) if !self.ctx.settings.peers.dedupe_peers => *path,
            _ => self.path(self.tree.node(node).package, Vec::new()),
        }
    }

    fn path(&mut self, package: PackageId, mut parts: Vec<PathId>) -> PathId {
        parts.sort_unstable_by_key(|part| part.0);
        let next = PathId(u32::try_from(self.caches.paths.len()).expect("the budget is below 4 billion"));
        *self.caches.paths.entry((package, parts)).or_insert(next)
    }

    /// The children of a node that peers may resolve to; they get nodes.
    fn preview(&mut self, node: NodeId, package: PackageId, depth: i32) -> ByName<NodeId> {
        if let Some(children) = &self.tree.node(node).children {
            let relevant = children.iter().filter(|(alias, child)| self.is_relevant(*alias, *child));
            let mut found = Vec::new();
            for (alias, child) in relevant {
                put(&mut found, *alias, *child);
            }
            return found;
        }
        let names = &self.tree.peer_names;
        let relevant: Vec<(Symbol, PackageId)> = self
            .tree
            .edges(package)
            .iter()
            .filter(|edge| {
                names.contains(&edge.alias) || names.contains(&self.tree.package(edge.package).resolved.name)
            })
            .filter(|edge| !self.tree.cuts(&self.components, package, edge.package))
            .map(|edge| (edge.alias, edge.package))
            .collect();
        let mut found = Vec::new();
        for (alias, below) in relevant {
            let child = self.child_node(below, depth + 1);
            put(&mut found, alias, child);
        }
        found
    }

    fn child_node(&mut self, package: PackageId, depth: i32) -> NodeId {
        self.tree.node_for(package, depth, false)
    }

    fn children(
        &mut self,
        node: NodeId,
        package: PackageId,
        depth: i32,
        previewed: &ByName<NodeId>,
    ) -> Rc<[(Symbol, NodeId)]> {
        if let Some(known) = &self.tree.node(node).children {
            return Rc::clone(known);
        }
        let Some(edges) = self.tree.children[package.0 as usize].clone() else { return Rc::from([]) };
        let mut children = Vec::with_capacity(edges.len());
        for edge in edges.iter() {
            if edge.package == package {
                continue;
            }
            let child = if self.tree.cuts(&self.components, package, edge.package) {
                self.canonical(edge.package, depth + 1)
            } else if let Some(known) = get(previewed, edge.alias) {
                *known
            } else {
                self.child_node(edge.package, depth + 1)
            };
            children.push((edge.alias, child));
        }
        let children: Rc<[(Symbol, NodeId)]> = children.into();
        self.tree.nodes[node.0 as usize].children = Some(Rc::clone(&children));
        if self.options.discovery {
            self.realized.push(node);
        }
        children
    }

    /// The one node that edges back into a cycle lead to.
    fn canonical(&mut self, package: PackageId, depth: i32) -> NodeId {
        if self.tree.package(package).leaf {
            return self.child_node(package, depth);
        }
        if let Some(known) = self.caches.canonical.get(&package) {
            return *known;
        }
        let node = self.child_node(package, depth);
        self.caches.canonical.insert(package, node);
        self.pending.push(node);
        node
    }

    fn refs_below(&self, node: NodeId, above: &Refs, providers: &ByName<NodeId>) -> Refs {
        let mut refs = Rc::clone(above);
        if let Some(locked) = &self.tree.node(node).locked_peers {
            let keeps = |(name, held): &&(Symbol, ParentRef)| {
                !self.options.added_optional.contains(&held.node) || locked.contains(name)
            };
            refs = Rc::new(above.iter().filter(keeps).copied().collect());
        }
        if providers.is_empty() {
            return refs;
        }
        let mut own: ByName<ParentRef> = Vec::new();
        // By alias text, because of two that provide one name the first counts.
        let mut ordered: Vec<(Symbol, NodeId)> = providers.clone();
        crate::resolve::tree::sort_by_text(&mut ordered, &self.ctx.symbols, |(alias, _)| *alias);
        for (alias, child) in ordered {
            self.provide(&mut own, alias, child, self.tree.node(child).depth);
        }
        let list = Rc::make_mut(&mut refs);
        let before = list.clone();
        for (name, mut new) in own.iter().copied() {
            let Some(held) = get(&before, name) else {
                put_new(list, name, || new);
                continue;
            };
            if !self.refs_match(held, &new) || self.breaks_diamond(&before, &own, held, &new, node) {
                new.occurrence = held.occurrence + 1;
                put(list, name, new);
            }
        }
        refs
    }

    fn refs_match(&self, held: &ParentRef, new: &ParentRef) -> bool {
        let (a, b) = (&self.tree.package_of(held.node).resolved, &self.tree.package_of(new.node).resolved);
        a.version == b.version && held.alias == new.alias && a.name == b.name
    }

    /// The provider from above sees other peers than the node's own child of that package would, and a sibling asks
    /// for both: then the own child counts.
    fn breaks_diamond(
        &self,
        above: &ByName<ParentRef>,
        own: &ByName<ParentRef>,
        held: &ParentRef,
        new: &ParentRef,
        node: NodeId,
    ) -> bool {
        if held.node == new.node {
            return false;
        }
        let Some(inherited) = self.caches.parents_of.get(&held.node) else { return false };
        let provider = self.tree.package_of(new.node);
        let current = |name: Symbol| get(own, name).or_else(|| get(above, name));
        let conflicts: Vec<Symbol> = provider
            .peers
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| match (get(inherited, *name), current(*name)) {
                (Some(then), Some(now)) => self.tree.node(then.node).package != self.tree.node(now.node).package,
                _ => false,
            })
            .collect();
        if conflicts.is_empty() {
            return false;
        }
        let asks =
            |package: PackageId, name: Symbol| self.tree.package(package).peers.iter().any(|(peer, _)| *peer == name);
        let both =
            |child: PackageId| asks(child, provider.resolved.name) && conflicts.iter().any(|name| asks(child, *name));
        match &self.tree.node(node).children {
            Some(children) => children.iter().any(|(_, child)| both(self.tree.node(*child).package)),
            None => self.tree.edges(self.tree.node(node).package).iter().any(|edge| both(edge.package)),
        }
    }

    fn provide(&self, refs: &mut ByName<ParentRef>, alias: Symbol, node: NodeId, depth: i32) {
        let real = self.tree.package_of(node).resolved.name;
        let new = ParentRef { node, alias: (alias != real).then_some(alias), depth, occurrence: 0 };
        self.provide_as(refs, alias, new);
        if alias != real {
            self.provide_as(refs, real, new);
        }
    }

    /// Under its own key a package comes before one that merely has the name; of two of these the higher counts.
    fn provide_as(&self, refs: &mut ByName<ParentRef>, name: Symbol, new: ParentRef) {
        if let Some(held) = get(refs, name) {
            let by_name = |provider: &ParentRef| provider.alias.is_some_and(|alias| alias != name);
            if !by_name(held) || by_name(&new) && !self.is_higher(&new, held) {
                return;
            }
        }
        put(refs, name, new);
    }

    fn is_higher(&self, new: &ParentRef, held: &ParentRef) -> bool {
        let text = |provider: &ParentRef| self.ctx.text(self.tree.package_of(provider.node).resolved.version);
        let (new, held) = (text(new), text(held));
        match (Version::parse_loose(&new), Version::parse_loose(&held)) {
            (Some(new), Some(held)) => new > held,
            _ => new > held,
        }
    }

    fn check(
        &mut self,
        peer: Symbol,
        wanted: &Missing,
        provider: &ParentRef,
        package: PackageId,
        chain: Option<&Rc<Link>>,
    ) {
        if self.draining || self.options.discovery || &*wanted.range == "*" {
            return;
        }
        let found = self.tree.package_of(provider.node).resolved.version;
        let range = peer_range(&wanted.range);
        let fits = match (Version::parse_loose(&self.ctx.text(found)), Range::parse_loose(&range)) {
            (Some(version), Ok(range)) => range.satisfies_as_peer(&version),
            _ => *self.ctx.text(found) == *range,
        };
        if !fits {
            self.issues.push(Issue {
                peer,
                missing: wanted.clone(),
                chain: chain.cloned(),
                package,
                found: Some(found),
            });
        }
    }

    fn report(&mut self, peer: Symbol, missing: Missing, package: PackageId, chain: Option<&Rc<Link>>) {
        if self.draining || self.options.scope.as_ref().is_some_and(|scope| scope.covers(peer, chain)) {
            return;
        }
        self.issues.push(Issue { peer, missing, chain: chain.cloned(), package, found: None });
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

/// Notes what is missing, sorted by name, besides what is missing under this name already: all ranges count.
fn add_missing(list: &mut ByName<Missing>, name: Symbol, missing: Missing) {
    let start = list.partition_point(|(held, _)| *held < name);
    let known = list[start..].iter().take_while(|(held, _)| *held == name).any(|(_, held)| *held == missing);
    if !known {
        list.insert(start, (name, missing));
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
            if !self.order.iter().any(|at| self.children[*at as usize].0 == *name) {
                put(&mut self.external, *name, *provider);
            }
        }
        for (name, missing) in output.missing.iter() {
            add_missing(&mut self.missing, *name, missing.clone());
        }
    }
}
