//! Lockfile to placement: which snapshots this platform, these groups and these projects want, the folder of each, its
//! edges as indices, what goes into each project's `node_modules`, what is hoisted, what is left out and why. Used for
//! a lockfile as it stands and for one that was just resolved. The order of everything follows from the lockfile alone.

mod current;
mod global;
mod graph;
mod links;

use std::{borrow::Cow, collections::BTreeMap};

use wit::settings::Settings;

use crate::{
    intern::TextMap,
    lockfile::{Lockfile, LockfileError, model::Package},
    platform::Machine,
};
use global::Names;
use graph::Graph;

/// A project of the workspace, as its manifest has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Project {
    /// `name`.
    pub name: Option<String>,
    /// `version`.
    pub version: Option<String>,
}

/// All that a placement depends on beside the lockfile.
#[derive(Debug, Clone, Copy)]
pub struct PlaceContext<'a> {
    /// Selection, layout and engine rules.
    pub settings: &'a Settings,
    /// What packages are chosen for.
    pub platform: Machine<'a>,
    /// By importer.
    pub projects: &'a BTreeMap<String, Project>,
}

/// Why a package does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// `engines`, not the platform.
    pub engine: bool,
    /// Wanted and present, for people.
    pub detail: String,
}

/// Where an edge leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A snapshot, by its place among those that are placed.
    Snapshot(u32),
    /// A folder relative to the lockfile's.
    Directory(String),
}

/// A snapshot that is placed.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed<'a> {
    /// Its key in `snapshots`.
    pub dep_path: &'a str,
    /// Its folder in the virtual store.
    pub slot: String,
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// What follows the name in its key in `packages`.
    pub id: &'a str,
    /// Its entry in `packages`.
    pub package: &'a Package,
    /// Its dependencies by alias.
    pub dependencies: Vec<(&'a str, Target)>,
    /// Reached over optional edges only.
    pub optional: bool,
    /// The sha256 of the patch to apply.
    pub patch: Option<&'a str>,
}

/// The field of the manifest that an edge comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// `dependencies`.
    Prod,
    /// `devDependencies`.
    Dev,
    /// `optionalDependencies`.
    Optional,
}

/// A direct dependency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootLink<'a> {
    /// The key in the manifest.
    pub alias: &'a str,
    /// The name of the package behind it.
    pub real_name: &'a str,
    /// Its version.
    pub version: Option<&'a str>,
    /// The field of the manifest.
    pub group: Group,
    /// Where it leads.
    pub target: Target,
}

/// An optional package that is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped<'a> {
    /// Its key in `snapshots`.
    pub dep_path: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Why: its own misfit, or that of the package that alone leads to it.
    pub misfit: Misfit,
    /// Who asked for it, as dep-paths; importers are not among them.
    pub parents: Vec<&'a str>,
}

/// A deprecated package that is placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deprecated<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// The registry's words.
    pub message: &'a str,
    /// The first importer that leads to it.
    pub importer: &'a str,
    /// 0: directly.
    pub depth: u32,
}

/// A package that is lifted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoistedLink<'a> {
    /// The folder name.
    pub alias: &'a str,
    /// The dep-path of a snapshot, the importer of a project.
    pub owner: &'a str,
    /// Where it leads.
    pub target: Target,
    /// Into the root's `node_modules`.
    pub public: bool,
}

/// What goes where beside the snapshots, and what is told of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout<'a> {
    /// By importer, selected ones only.
    pub roots: Vec<(&'a str, Vec<RootLink<'a>>)>,
    /// In pnpm's order.
    pub hoisted: Vec<HoistedLink<'a>>,
    /// By dep-path.
    pub skipped: Vec<Skipped<'a>>,
    /// By depth, then by dep-path.
    pub deprecated: Vec<Deprecated<'a>>,
    /// Packages that do not fit but are no option: dep-path and misfit.
    pub misfits: Vec<(&'a str, Misfit)>,
    /// The text for `node_modules/.pnpm/lock.yaml`; `None` if it equals the lockfile's.
    pub current_lockfile: Option<String>,
}

/// A lockfile that is being placed: its snapshots by dep-path, one after the other, so that the first can be used while
/// the others are made; then the [`Layout`].
pub struct Placing<'a> {
    context: PlaceContext<'a>,
    graph: Graph<'a>,
    /// By node: its place among those that are placed.
    numbers: Vec<Option<u32>>,
    names: Option<Names<'a>>,
    /// The node that comes next.
    next: usize,
    /// How many are still to come.
    left: usize,
    /// By node: the slot of each that has come.
    slots: Vec<String>,
}

impl<'a> Placing<'a> {
    /// Begins with a lockfile that was read or made here: all its references lead somewhere.
    ///
    /// # Errors
    /// Under `engineStrict` a package that does not fit.
    pub fn begin(lockfile: &'a Lockfile, context: PlaceContext<'a>) -> Result<Self, LockfileError> {
        let (graph, names) = Graph::new(lockfile, &context)?;
        let numbers = graph.numbers();
        let left = numbers.iter().flatten().count();
        let slots = vec![String::new(); graph.nodes.len()];
        Ok(Self { context, graph, numbers, names, next: 0, left, slots })
    }

    /// What goes where, once all snapshots have come.
    ///
    /// # Errors
    /// Two snapshots with one folder.
    pub fn finish(self) -> Result<Layout<'a>, LockfileError> {
        let Self { context, graph, numbers, names, slots, .. } = self;
        refuse_collisions(&graph, &slots)?;
        let own_slots = if names.is_none() { slots } else { vec![String::new(); slots.len()] };
        Ok(Layout {
            roots: links::roots(&graph, &context, &numbers),
            hoisted: links::hoisted(&graph, &context, &numbers, own_slots),
            skipped: graph.skipped(),
            deprecated: graph.deprecated(&context),
            misfits: graph.misfits(),
            current_lockfile: current::current_lockfile(&graph, &context),
        })
    }

    fn slot(&mut self, at: usize) -> String {
        match &mut self.names {
            Some(names) => names.name(&self.graph.nodes, at),
            None => graph::own_slot(self.graph.nodes[at].dep_path, &self.context),
        }
    }
}

impl<'a> Iterator for Placing<'a> {
    type Item = Placed<'a>;

    fn next(&mut self) -> Option<Placed<'a>> {
        while let Some(number) = self.numbers.get(self.next) {
            let at = self.next;
            self.next += 1;
            if number.is_none() {
                continue;
            }
            self.left -= 1;
            self.slots[at] = self.slot(at);
            let node = &self.graph.nodes[at];
            return Some(graph::placed(node, self.slots[at].clone(), links::of_node(node, &self.numbers)));
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Placing<'_> {}

/// File systems that do not tell capitals apart would put both into one folder.
fn refuse_collisions<'a>(graph: &Graph<'_>, slots: &'a [String]) -> Result<(), LockfileError> {
    let lower = |slot: &'a str| match slot.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
        true => Cow::Owned(slot.to_lowercase()),
        false => Cow::Borrowed(slot),
    };
    let mut seen = TextMap::with_capacity_and_hasher(slots.len(), Default::default());
    for (node, slot) in graph.nodes.iter().zip(slots).filter(|(node, _)| node.placed) {
        let dep_path = node.dep_path;
        if let Some(other) = seen.insert(lower(slot), dep_path) {
            let message = format!("{other} and {dep_path} would share the folder {slot}");
            return Err(LockfileError::new(crate::lockfile::error::SLOT_COLLISION, message)
                .fact("one", other)
                .fact("other", dep_path)
                .hint("Nothing was installed: these two packages cannot stand in one project"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
