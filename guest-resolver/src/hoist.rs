//! Which dependencies of dependencies are lifted, and where to: into the virtual store's own `node_modules` (private),
//! so that packages find what they forgot to declare, or into the root's (public). pnpm's choice and order
//! (pnpm-behaviour 1.6): the first that claims an alias, by depth and then by slot, has it; capitals do not count.

pub mod pattern;

use std::borrow::Cow;

pub use pattern::Patterns;

use crate::intern::{TextMap, TextSet};

/// A snapshot, as far as hoisting looks at it.
#[derive(Debug, Clone)]
pub struct HoistNode<'i, 'a> {
    /// Its folder in the virtual store.
    pub slot: &'i str,
    /// Alias and index of its dependencies, then of its optional ones, each by alias.
    pub children: &'i [(&'a str, u32)],
    /// It is not placed: it claims no alias, but what is below it is looked at.
    pub skipped: bool,
}

/// What hoisting chooses from.
#[derive(Debug)]
pub struct HoistInput<'i, 'a> {
    /// All wanted snapshots.
    pub nodes: &'i [HoistNode<'i, 'a>],
    /// By importer, in their order: alias and index of direct dependencies, as [`HoistInput::nodes`] has them.
    pub roots: &'i [Vec<(&'a str, u32)>],
    /// Which of `roots` is the root project.
    pub root: Option<usize>,
    /// Other projects of the workspace: name and importer. Empty if `hoistWorkspacePackages` is off.
    pub projects: &'i [(&'a str, &'a str)],
    /// What is lifted into the virtual store.
    pub private: &'i Patterns,
    /// What is lifted into the root; asked first.
    pub public: &'i Patterns,
}

/// A dependency that is lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hoisted<'a> {
    /// The folder name.
    pub alias: &'a str,
    /// What is lifted.
    pub target: HoistTarget<'a>,
    /// Into the root's `node_modules`.
    pub public: bool,
}

/// What is lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoistTarget<'a> {
    /// A snapshot, by index.
    Snapshot(u32),
    /// A project of the workspace, by importer.
    Project(&'a str),
}

/// Chooses.
#[must_use]
pub fn hoist<'a>(input: &HoistInput<'_, 'a>) -> Vec<Hoisted<'a>> {
    if input.nodes.is_empty() || input.private.is_empty() && input.public.is_empty() {
        return Vec::new();
    }
    let root = input.root.map(|at| input.roots[at].as_slice()).unwrap_or_default();
    let mut chooser =
        Chooser { input, taken: root.iter().map(|(alias, _)| lower(alias)).collect(), chosen: Vec::new() };
    for (alias, node) in direct(input) {
        chooser.consider(alias, HoistTarget::Snapshot(node));
    }
    for (name, importer) in input.projects {
        chooser.consider(name, HoistTarget::Project(importer));
    }
    for node in walk(input) {
        for (alias, child) in input.nodes[node as usize].children {
            chooser.consider(alias, HoistTarget::Snapshot(*child));
        }
    }
    chooser.chosen
}

struct Chooser<'i, 'a> {
    input: &'i HoistInput<'i, 'a>,
    /// Aliases in lower case.
    taken: TextSet<Cow<'a, str>>,
    chosen: Vec<Hoisted<'a>>,
}

impl<'a> Chooser<'_, 'a> {
    fn consider(&mut self, alias: &'a str, target: HoistTarget<'a>) {
        let key = lower(alias);
        if self.taken.contains(&key) {
            return;
        }
        let public = self.input.public.matches(alias);
        if !public && !self.input.private.matches(alias) {
            return;
        }
        if matches!(target, HoistTarget::Snapshot(node) if self.input.nodes[node as usize].skipped) {
            return;
        }
        self.taken.insert(key);
        self.chosen.push(Hoisted { alias, target, public });
    }
}

fn lower(alias: &str) -> Cow<'_, str> {
    if alias.bytes().any(|b| b.is_ascii_uppercase()) { Cow::Owned(alias.to_lowercase()) } else { Cow::Borrowed(alias) }
}

/// The direct dependencies of all importers; the first importer with an alias has it. Those that are named like a
/// project come first.
fn direct<'a>(input: &HoistInput<'_, 'a>) -> Vec<(&'a str, u32)> {
    let mut seen = TextSet::default();
    let all = input.roots.iter().flatten().filter(|(alias, _)| seen.insert(*alias)).copied();
    let mut all: Vec<(&str, u32)> = all.collect();
    let places: TextMap<&str, usize> = input.projects.iter().enumerate().map(|(at, (name, _))| (*name, at)).collect();
    all.sort_by_key(|(alias, _)| places.get(alias).copied().unwrap_or(usize::MAX));
    all
}

/// All nodes by depth and slot. A depth is that of pnpm's walk: depth first over groups of siblings, each node once, at
/// the place where it is met first; it is not the shortest distance.
fn walk(input: &HoistInput<'_, '_>) -> Vec<u32> {
    let mut seen = vec![false; input.nodes.len()];
    let mut fresh = |children: &[(&str, u32)]| -> Vec<u32> {
        children
            .iter()
            .map(|(_, node)| *node)
            .filter(|node| !std::mem::replace(&mut seen[*node as usize], true))
            .collect()
    };
    let mut first = Vec::new();
    for importer in input.roots {
        first.extend(fresh(importer));
    }
    let mut order: Vec<(u32, u32)> = Vec::with_capacity(input.nodes.len());
    let mut groups = vec![(first, 0)];
    while let Some((group, depth)) = groups.pop() {
        order.extend(group.iter().map(|node| (depth, *node)));
        let below: Vec<Vec<u32>> = group.iter().map(|node| fresh(input.nodes[*node as usize].children)).collect();
        groups.extend(below.into_iter().rev().filter(|group| !group.is_empty()).map(|group| (group, depth + 1)));
    }
    order.sort_by(|(depth, node), (other_depth, other)| {
        depth.cmp(other_depth).then_with(|| input.nodes[*node as usize].slot.cmp(input.nodes[*other as usize].slot))
    });
    order.into_iter().map(|(_, node)| node).collect()
}

#[cfg(test)]
mod tests;
