//! Which providers a node's children see: those from above, and those that the node brings itself.

use std::rc::Rc;

use crate::intern::{NumberSet, Symbol};
use crate::resolve::tree::{NodeId, PackageId};
use crate::resolve::walk::Direct;
use crate::semver::Version;

use super::refs::{ByName, ParentRef, Refs, get, put, put_new};
use super::visit::Visit;

impl Visit<'_> {
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

    pub(super) fn is_relevant(&self, alias: Symbol, node: NodeId) -> bool {
        self.tree.peer_names.contains(&alias)
            || self.tree.peer_names.contains(&self.tree.package_of(node).resolved.name)
    }

    pub(super) fn refs_below(&self, node: NodeId, above: &Refs, providers: &ByName<NodeId>) -> Refs {
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

    /// The provider from above sees other peers than the node's own child of that package would, and something below
    /// asks for both: then the own child counts.
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
        let mut open = vec![self.tree.node(node).package];
        let mut seen: NumberSet<PackageId> = open.iter().copied().collect();
        while let Some(package) = open.pop() {
            for edge in self.tree.edges(package) {
                if both(edge.package) {
                    return true;
                }
                if seen.insert(edge.package) {
                    open.push(edge.package);
                }
            }
        }
        false
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
}
