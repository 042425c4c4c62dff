//! Peers that the existing lockfile gives a package which is reached where it is locked: they stay, though another
//! provider would be seen now. Only packages that lead to no other stay so: what others are hangs on what they see.

use std::rc::Rc;

use crate::intern::{NumberSet, Symbol};
use crate::lockfile::model::{Snapshot, dep_path_of, package_key};
use crate::resolve::tree::NodeId;
use crate::resolve::walk::Direct;
use crate::semver::{Range, Version};

use super::missing::peer_range;
use super::refs::{ParentRef, Refs, get, put};
use super::visit::Visit;

/// The providers of a project that may come before locked ones.
#[derive(Debug, Clone, Default)]
pub struct Chosen {
    /// Dependencies of the project and of the workspace's root, added ones too.
    pub direct: Vec<Direct>,
    /// Those that a manifest names and the lockfile does not have yet.
    pub newly: NumberSet<NodeId>,
}

impl<'a> Visit<'a> {
    /// What the existing lockfile has of a node that asks for peers. Nothing in discovery, which looks for what is
    /// missing without it.
    pub(super) fn locked(&self, node: NodeId) -> Option<&'a Snapshot> {
        let asks = !self.options.discovery && !self.tree.package_of(node).peers.is_empty();
        let prior = self.tree.node(node).prior.filter(|_| asks)?;
        if let Some(known) = self.snapshots.borrow().get(&prior) {
            return *known;
        }
        let found = self.ctx.lockfile.as_ref()?.snapshots.get(&*self.ctx.text(prior));
        self.snapshots.borrow_mut().insert(prior, found);
        found
    }

    /// Puts the locked peers of a node in the place of what it sees, where they are still there and fit.
    pub(super) fn pin_locked(&self, node: NodeId, refs: &mut Refs) {
        let Some(snapshot) = self.locked(node) else { return };
        for (name, peer) in self.tree.package_of(node).peers.iter() {
            let Some(provider) = self.locked_provider(snapshot, *name) else { continue };
            let seen = get(refs, *name).map(|seen| seen.node);
            let stays = seen.is_none_or(|seen| seen != provider && !self.comes_before_locked(*name, seen));
            if stays && self.fits(provider, &peer.range) {
                let depth = self.tree.node(provider).depth;
                put(Rc::make_mut(refs), *name, ParentRef { node: provider, alias: None, depth, occurrence: 0 });
            }
        }
    }

    fn locked_provider(&self, snapshot: &Snapshot, name: Symbol) -> Option<NodeId> {
        let text = self.ctx.text(name);
        let value = snapshot.dependencies.get(&*text).or_else(|| snapshot.optional_dependencies.get(&*text))?;
        let path = dep_path_of(&text, value).filter(|path| package_key(path) == path.as_str())?;
        let provider = self.tree.leaf(self.tree.find(&path)?)?;
        self.tree.node(provider).prior.is_some().then_some(provider)
    }

    fn fits(&self, provider: NodeId, range: &str) -> bool {
        let version = Version::parse_loose(&self.ctx.text(self.tree.package_of(provider).resolved.version));
        let range = Range::parse_loose(&peer_range(range));
        version.is_some_and(|version| range.is_ok_and(|range| range.satisfies_as_peer(&version)))
    }

    /// Whether what a node sees comes before what is locked: a dependency of the project or the root under another
    /// name, one that a manifest names newly, or what a package above brings that was not locked there.
    fn comes_before_locked(&self, name: Symbol, seen: NodeId) -> bool {
        let mut direct = self.options.chosen.direct.iter().filter(|dep| dep.node == seen).peekable();
        if direct.peek().is_none() {
            return self.tree.node(seen).prior.is_none();
        }
        self.options.chosen.newly.contains(&seen) || direct.any(|dep| dep.alias != name)
    }
}
