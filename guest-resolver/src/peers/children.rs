//! The children of a visited node get nodes of their own: those that peers may resolve to first, edges back into a
//! cycle one for all.

use std::rc::Rc;

use crate::intern::Symbol;
use crate::resolve::tree::{NodeId, PackageId};

use super::refs::{ByName, get, put};
use super::visit::Visit;

impl Visit<'_> {
    /// The children of a node that peers may resolve to; they get nodes.
    pub(super) fn preview(&mut self, node: NodeId, package: PackageId, depth: i32) -> ByName<NodeId> {
        if let Some(children) = &self.tree.node(node).children {
            let cut = |child: NodeId| self.tree.cuts(&self.components, package, self.tree.node(child).package);
            let relevant = children.iter().filter(|(alias, child)| self.is_relevant(*alias, *child) && !cut(*child));
            let mut found = Vec::new();
            for (alias, child) in relevant {
                put(&mut found, *alias, *child);
            }
            return found;
        }
        // Nodes are many, and the children of hardly any package may serve as peers.
        if self.brought(package).is_empty() {
            return Vec::new();
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

    pub(super) fn children(
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

    /// The one node that edges back into a cycle lead to. It is visited on its own when the variants are placed;
    /// discovery does not look behind such edges.
    pub(super) fn canonical(&mut self, package: PackageId, depth: i32) -> NodeId {
        if self.tree.package(package).leaf {
            return self.child_node(package, depth);
        }
        if let Some(known) = self.caches.canonical.get(&package) {
            return *known;
        }
        let node = self.child_node(package, depth);
        self.caches.canonical.insert(package, node);
        if !self.options.discovery {
            self.pending.push(node);
        }
        node
    }
}
