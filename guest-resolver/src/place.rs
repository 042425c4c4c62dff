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
    hoist::Hoisted,
    intern::TextMap,
    lockfile::{Lockfile, LockfileError, model::Package},
    platform::Machine,
};
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
    /// A snapshot, by its place in [`Placement::snapshots`].
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

/// A lockfile, placed.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement<'a> {
    /// By dep-path.
    pub snapshots: Vec<Placed<'a>>,
    /// By importer, selected ones only.
    pub roots: Vec<(&'a str, Vec<RootLink<'a>>)>,
    /// In pnpm's order; snapshots by their place in [`Placement::snapshots`].
    pub hoisted: Vec<Hoisted<'a>>,
    /// By dep-path.
    pub skipped: Vec<Skipped<'a>>,
    /// By depth, then by dep-path.
    pub deprecated: Vec<Deprecated<'a>>,
    /// Packages that do not fit but are no option: dep-path and misfit.
    pub misfits: Vec<(&'a str, Misfit)>,
    /// The text for `node_modules/.pnpm/lock.yaml`; `None` if it equals the lockfile's.
    pub current_lockfile: Option<String>,
}

/// Places a lockfile that was read or made here: all its references lead somewhere.
///
/// # Errors
/// Two snapshots with one folder; under `engineStrict` a package that does not fit.
pub fn place<'a>(lockfile: &'a Lockfile, context: &PlaceContext<'a>) -> Result<Placement<'a>, LockfileError> {
    let graph = Graph::new(lockfile, context)?;
    let numbers = graph.numbers();
    let snapshots = links::snapshots(&graph, &numbers);
    refuse_collisions(&snapshots)?;
    Ok(Placement {
        roots: links::roots(&graph, context, &numbers),
        hoisted: links::hoisted(&graph, context, &numbers),
        skipped: graph.skipped(),
        deprecated: graph.deprecated(context),
        misfits: graph.misfits(),
        current_lockfile: current::current_lockfile(&graph, context),
        snapshots,
    })
}

/// File systems that do not tell capitals apart would put both into one folder.
fn refuse_collisions<'a>(snapshots: &'a [Placed<'_>]) -> Result<(), LockfileError> {
    let lower = |slot: &'a str| match slot.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
        true => Cow::Owned(slot.to_lowercase()),
        false => Cow::Borrowed(slot),
    };
    let mut seen = TextMap::with_capacity_and_hasher(snapshots.len(), Default::default());
    for snapshot in snapshots {
        if let Some(other) = seen.insert(lower(&snapshot.slot), snapshot.dep_path) {
            let message = format!("{other} and {} would share the folder {}", snapshot.dep_path, snapshot.slot);
            return Err(LockfileError::new(crate::lockfile::error::SLOT_COLLISION, message)
                .fact("one", other)
                .fact("other", snapshot.dep_path)
                .hint("Nothing was installed: these two packages cannot stand in one project"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
