//! The graph under construction: packages by identity, the children of each package once, and the nodes of the tree
//! that peers are resolved on. A node is one occurrence of a package; packages that lead nowhere share one node.

use std::rc::Rc;

use crate::intern::{NumberMap, NumberSet, Symbol, Symbols, TextMap};
use crate::manifest::Manifest;

/// A package by its place in [`Tree::packages`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackageId(pub u32);

/// A node by its place in [`Tree::nodes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// Where the bytes of a package come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// A registry; a named one by its alias.
    Registry(Option<String>),
    /// A folder that is linked, relative to the lockfile's.
    Link(String),
    /// A folder that is copied, relative to the lockfile's.
    Directory(String),
    /// A tarball or a commit that no registry vouches for, pinned.
    Pinned(crate::lockfile::model::Resolution),
}

/// What an edge resolved to.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// The identity without peers: `name@1.0.0`, `link:packages/a`.
    pub id: Rc<str>,
    /// The real name.
    pub name: Symbol,
    /// The version; of a link, its identity.
    pub version: Symbol,
    /// The manifest after all hooks.
    pub manifest: Rc<Manifest>,
    /// Where its bytes come from.
    pub origin: Origin,
    /// It was read off the lockfile, so its dependencies are asked for as they are locked, not as it asks for them
    /// itself.
    pub as_locked: bool,
}

impl Resolved {
    /// It is a linked folder, not a package.
    pub fn is_link(&self) -> bool {
        matches!(self.origin, Origin::Link(_))
    }
}

/// A peer that a package asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The range, as written.
    pub range: Rc<str>,
    /// It may be missing.
    pub optional: bool,
}

/// A package that is part of the graph.
#[derive(Debug, Clone)]
pub struct Package {
    /// What it resolved to.
    pub resolved: Rc<Resolved>,
    /// Its peers, by name in code-unit order.
    pub peers: Rc<[(Symbol, Peer)]>,
    /// Every edge seen so far is optional.
    pub optional: bool,
    /// It leads to no other package.
    pub leaf: bool,
}

/// An edge of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChildEdge {
    /// The key in the manifest.
    pub alias: Symbol,
    /// Where it leads.
    pub package: PackageId,
    /// It is in `optionalDependencies`.
    pub optional: bool,
}

/// The children of a node, by alias in code-unit order.
pub type ChildNodes = Rc<[(Symbol, NodeId)]>;

/// One occurrence of a package.
#[derive(Debug, Clone)]
pub struct Node {
    /// The package.
    pub package: PackageId,
    /// Its children; `None`: as [`Tree::children`] has them, not given nodes yet.
    pub children: Option<ChildNodes>,
    /// The distance from the importer; -1 for links.
    pub depth: i32,
    /// The walk of dependencies made it, not the resolution of peers.
    pub walked: bool,
    /// The key under which the existing lockfile has it, if it was reached where it is locked; of a node that is
    /// shared, one such key.
    pub prior: Option<Symbol>,
    /// The peers that the existing lockfile gives this direct dependency.
    pub locked_peers: Option<Rc<NumberSet<Symbol>>>,
}

/// The graph under construction.
#[derive(Debug, Default)]
pub struct Tree {
    /// All packages, in the order in which they were decided.
    pub packages: Vec<Package>,
    /// The children of each package, where they are known.
    pub children: Vec<Option<Rc<[ChildEdge]>>>,
    /// All nodes.
    pub nodes: Vec<Node>,
    /// Every name that some package asks for as a peer.
    pub peer_names: NumberSet<Symbol>,
    by_id: TextMap<Rc<str>, PackageId>,
    leaves: NumberMap<PackageId, NodeId>,
    nodes_of: Vec<Vec<NodeId>>,
    /// Which circle each package is in, for as long as no edge changes.
    components: Option<Rc<[u32]>>,
}

impl Tree {
    /// The package with this identity.
    pub fn find(&self, id: &str) -> Option<PackageId> {
        self.by_id.get(id).copied()
    }

    /// A package.
    pub fn package(&self, id: PackageId) -> &Package {
        &self.packages[id.0 as usize]
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// The package of a node.
    pub fn package_of(&self, id: NodeId) -> &Package {
        self.package(self.node(id).package)
    }

    /// The edges of a package; none while they are not known.
    pub fn edges(&self, id: PackageId) -> &[ChildEdge] {
        self.children[id.0 as usize].as_deref().unwrap_or_default()
    }

    /// Adds a package; it must be new.
    pub fn add_package(&mut self, package: Package) -> PackageId {
        let id = PackageId(u32::try_from(self.packages.len()).expect("the budget is below 4 billion"));
        self.by_id.insert(Rc::clone(&package.resolved.id), id);
        self.peer_names.extend(package.peers.iter().map(|(name, _)| *name));
        self.packages.push(package);
        self.children.push(None);
        self.nodes_of.push(Vec::new());
        self.components = None;
        id
    }

    /// Sets the edges of a package. True if it had others.
    pub fn set_edges(&mut self, id: PackageId, edges: Rc<[ChildEdge]>) -> bool {
        let held = &mut self.children[id.0 as usize];
        if held.as_ref() == Some(&edges) {
            return false;
        }
        self.components = None;
        held.replace(edges).is_some()
    }

    /// Replaces the peers of a package, where another parent decides what they are.
    pub fn set_peers(&mut self, id: PackageId, peers: Rc<[(Symbol, Peer)]>) {
        self.peer_names.extend(peers.iter().map(|(name, _)| *name));
        self.packages[id.0 as usize].peers = peers;
    }

    /// A node for an occurrence of a package: the shared one of a leaf, else a new one.
    pub fn node_for(&mut self, package: PackageId, depth: i32, walked: bool) -> NodeId {
        let leaf = self.package(package).leaf;
        if leaf && let Some(&shared) = self.leaves.get(&package) {
            let node = &mut self.nodes[shared.0 as usize];
            node.depth = node.depth.min(depth);
            node.walked |= walked;
            return shared;
        }
        let id = NodeId(u32::try_from(self.nodes.len()).expect("the budget is below 4 billion"));
        self.nodes.push(Node { package, children: None, depth, walked, prior: None, locked_peers: None });
        if leaf {
            self.leaves.insert(package, id);
        }
        if walked {
            self.nodes_of[package.0 as usize].push(id);
        }
        id
    }

    /// The node that all occurrences of a package share which leads to no other.
    pub fn leaf(&self, package: PackageId) -> Option<NodeId> {
        self.leaves.get(&package).copied()
    }

    /// Takes the nodes of a package's children away from all its nodes but one. True if any had some.
    pub fn forget_child_nodes(&mut self, package: PackageId, except: NodeId) -> bool {
        let mut any = false;
        for node in &self.nodes_of[package.0 as usize] {
            if *node != except {
                any |= self.nodes[node.0 as usize].children.take().is_some();
            }
        }
        any
    }

    /// Which strongly connected component each package is in. Edges inside one are cut where they lead to a package
    /// whose identity is not greater, so that no path meets a package twice.
    pub fn components(&mut self) -> Rc<[u32]> {
        let find = || {
            components(self.packages.len(), |at| {
                self.children[at].as_deref().unwrap_or_default().iter().map(|e| e.package.0 as usize)
            })
        };
        Rc::clone(self.components.get_or_insert_with(|| find().into()))
    }

    /// Whether an edge is cut: it leads to the package itself, or back inside a cycle.
    pub fn cuts(&self, components: &[u32], from: PackageId, to: PackageId) -> bool {
        from == to
            || (components[from.0 as usize] == components[to.0 as usize]
                && self.package(to).resolved.id <= self.package(from).resolved.id)
    }
}

/// Tarjan's strongly connected components, without recursion: a component number for each node.
pub fn components<I: Iterator<Item = usize>>(count: usize, next: impl Fn(usize) -> I) -> Vec<u32> {
    const NEW: u32 = u32::MAX;
    let (mut index, mut low, mut component) = (vec![NEW; count], vec![0; count], vec![NEW; count]);
    let (mut stack, mut found, mut given) = (Vec::new(), 0_u32, 0_u32);
    for root in 0..count {
        if index[root] != NEW {
            continue;
        }
        let mut work = vec![(root, next(root))];
        (index[root], low[root]) = (given, given);
        given += 1;
        stack.push(root);
        while let Some((node, targets)) = work.last_mut() {
            let node = *node;
            if let Some(target) = targets.next() {
                if index[target] == NEW {
                    (index[target], low[target]) = (given, given);
                    given += 1;
                    stack.push(target);
                    work.push((target, next(target)));
                } else if component[target] == NEW {
                    low[node] = low[node].min(index[target]);
                }
                continue;
            }
            work.pop();
            if let Some((parent, _)) = work.last() {
                low[*parent] = low[*parent].min(low[node]);
            }
            if low[node] == index[node] {
                while let Some(member) = stack.pop() {
                    component[member] = found;
                    if member == node {
                        break;
                    }
                }
                found += 1;
            }
        }
    }
    component
}

/// Sorts by the text of a number.
pub fn sort_by_text<T>(items: &mut [T], symbols: &Symbols, key: impl Fn(&T) -> Symbol) {
    items.sort_by_cached_key(|item| symbols.text(key(item)));
}
