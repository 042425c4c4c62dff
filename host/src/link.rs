//! Carries a [`Plan`] out: the one parallel pass that makes `node_modules`.
//!
//! ```text
//! 0 ahead   files of packages that are there while it is still resolved who needs them: on a thread of its own
//!   early   slots of packages that are there while others are still fetched: on the thread that waits
//! 1 build   every other new or changed slot in node_modules/.wasi-pm-tmp/new    rayon, biggest first; nothing reachable
//! 2 commit  .wasi-pm-state removed, the tree record reduced               from here on only renames and links
//! 3 swap    slots, or the whole virtual store, renamed into place         old ones go to .wasi-pm-tmp/old
//! 4 links   projects', shims, hoisted ones of a store that stands         each one replaced in one step
//! 5 (state) the caller records the outcome                                state::record
//! 6 clean   .wasi-pm-tmp removed                                          last: removal is slow and may be cut off
//! ```
//! A virtual store that is new as a whole has its hoisted links and shims before it is swapped in. Where slots are shared
//! nothing of a project leads to it, so that 4 need not wait for 3.
//!
//! Whatever is killed before 2 leaves the old tree as it was, and what fails before 2 nothing but that; after 2 the record
//! says what can be relied on, and the next run does the rest. A damaged file of the store shows up in 1.

mod ahead;
pub mod bins;
mod early;
mod error;
mod files;
mod folder;
mod import;
mod patched;
pub mod relative;
pub mod shared;
mod shim;
mod slot;
mod source;
mod swap;
pub mod sweep;
mod trees;

use std::{collections::HashSet, path::Path, sync::Arc};

use rayon::prelude::*;

pub use ahead::{Ahead, AheadOptions, Expected};
pub use early::{Arriving, Early};
pub use error::LinkError;
pub use folder::{Folder, Kind};
pub use import::{Import, Importer};
pub use source::{Bin, Contents, PackageSource, StoreFile, Stored};
pub(crate) use swap::BENCH;
pub use swap::Bench;

use ahead::Filled;
use early::{Begun, Hoisting};

use crate::{
    beside::beside,
    graph::{Placement, Snapshot, SnapshotIndex},
    patch::Patch,
    plan::{Base, Plan},
    report::{Event, Report, event::ImportMethod},
    state::{
        Layout, MODULES, Stamps, Tree, VIRTUAL_STORE, modules_yaml,
        tree::{PackageRecord, TREE_FILE},
        up_to_date,
    },
    timings::{Lane, Timings},
};

/// What linking needs to know.
pub struct Job<'a> {
    /// What is wanted.
    pub placement: &'a Placement,
    /// What is to be done.
    pub plan: &'a Plan,
    /// Where.
    pub layout: &'a Layout,
    /// The store.
    pub source: &'a dyn PackageSource,
    /// The patches that snapshots name.
    pub patches: &'a [Patch],
    /// How files are brought in.
    pub import: Import,
    /// Files that this run has not written are checked before they are linked.
    pub verify: bool,
    /// Hears of each package.
    pub report: &'a dyn Report,
    /// Takes the time of each package.
    pub timings: &'a Timings,
}

/// What linking leaves: to be recorded, then cleaned up.
#[must_use]
#[derive(Debug)]
pub struct Linked {
    /// Our record of what stands in `node_modules` now, encoded.
    pub record: Vec<u8>,
    /// How files were brought in.
    pub method: ImportMethod,
    benches: Vec<Bench>,
    publisher: Option<shared::Publisher>,
}

impl Linked {
    /// Removes what was replaced. Call it after the outcome is recorded.
    pub fn clean(self) {
        for bench in self.benches {
            bench.clean();
        }
        if let Some(publisher) = self.publisher {
            publisher.clean();
        }
    }
}

/// Makes `node_modules` what the plan says. Packages must all be in the store; some slots may stand already.
/// `modules_yaml` is what the caller will write into that file.
///
/// # Errors
/// [`LinkError::Damaged`] before anything reachable has changed; else what the system refused.
pub fn link(job: &Job<'_>, early: Early, modules_yaml: &modules_yaml::Text) -> Result<Linked, LinkError> {
    let mut begun = match early.hand_over() {
        Some(begun) => begun,
        None => {
            let bench = Bench::new(open_modules(&job.layout.lockfile_dir)?)?;
            let (importer, ahead, built) = (Importer::new(job.import), Filled::default(), HashSet::new());
            Begun { bench, importer, ahead, publisher: None, built, hoisting: None }
        }
    };
    let bins = bins::Catalogue::new(job.placement, job.layout, job.source);
    if let Err(error) = build(job, &mut begun, &bins).and_then(|()| commit(job, &begun.bench)) {
        begun.clean(); // nothing of it can be reached, and nothing that could be lies there
        return Err(error);
    }
    place(job, begun, &bins, modules_yaml)
}

/// Step 1.
fn build(job: &Job<'_>, begun: &mut Begun, bins: &bins::Catalogue<'_>) -> Result<(), LinkError> {
    sweep::register(job.layout)?;
    if let (Some(links), None, false) = (&job.layout.global, &begun.publisher, job.plan.slots.is_empty()) {
        begun.publisher = Some(shared::Publisher::new(links)?);
    }
    let hoisting = if job.layout.global.is_none() { begun.hoisting.take() } else { None };
    let Begun { bench, importer, ahead, publisher, built, .. } = &*begun;
    let staging = publisher.as_ref().map_or_else(|| bench.staging(), |publisher| Ok(publisher.staging()))?;
    let builder = slot::Builder::new(job, staging, importer).taking(bench, ahead);
    let build_slots = || build_slots(job, &builder, publisher.as_ref(), bins, built);
    if job.layout.global.is_some() {
        return build_slots();
    }
    let (slots, hoisted) = rayon::join(build_slots, || hoist(job, bench, hoisting));
    slots.and(hoisted)
}

/// The hoisted links of a new virtual store, which somebody may make already.
fn hoist(job: &Job<'_>, bench: &Bench, begun: Option<Hoisting>) -> Result<(), LinkError> {
    let Some(begun) = begun else { return trees::build_hoisted(job, bench) };
    begun.finish().map_err(LinkError::io("hoist in", job.layout.virtual_store()))
}

/// Steps 3 and 4.
fn place(
    job: &Job<'_>,
    begun: Begun,
    bins: &bins::Catalogue<'_>,
    modules_yaml: &modules_yaml::Text,
) -> Result<Linked, LinkError> {
    let Begun { bench, importer, publisher, hoisting, .. } = begun;
    let place_shims = |virtual_store: &Folder| trees::place_hoisted(job, &bench, virtual_store, bins);
    let place_roots = || trees::place_roots(job, &bench, bins);
    let swap = || trees::place_virtual_store(job, &bench);
    // Nothing of a project leads to its virtual store where slots are shared: neither has to wait for the other.
    let (virtual_store, record, mut benches) = match (job.plan.base, job.layout.global.is_some()) {
        (Base::Update, is_shared) => {
            let virtual_store = swap()?;
            let (shims, roots) = match is_shared {
                true => beside(|| place_shims(&virtual_store), place_roots),
                false => (place_shims(&virtual_store), place_roots()),
            };
            let (shims, (of_roots, benches)) = (shims?, roots?);
            (virtual_store, record(job, modules_yaml, of_roots.into_iter().chain(shims)), benches)
        }
        (Base::Empty | Base::Anew(_), false) => {
            let shims = place_shims(bench.staging()?)?;
            let virtual_store = swap()?;
            let (of_roots, benches) = place_roots()?;
            (virtual_store, record(job, modules_yaml, of_roots.into_iter().chain(shims)), benches)
        }
        (Base::Empty | Base::Anew(_), true) => {
            let staging = bench.staging()?;
            let (shims, roots) = beside(|| place_shims(staging), place_roots);
            let (shims, (of_roots, benches)) = (shims?, roots?);
            let record = record(job, modules_yaml, of_roots.into_iter().chain(shims));
            // Somebody may have been at them until now.
            hoist(job, &bench, hoisting)?;
            (swap()?, record, benches)
        }
    };
    trees::retire_slots(job, &bench, &virtual_store)?;
    benches.push(bench);
    Ok(Linked { record, method: importer.method(), benches, publisher })
}

/// Our record of what stands now.
fn record(job: &Job<'_>, modules_yaml: &modules_yaml::Text, shims: impl Iterator<Item = trees::Shims>) -> Vec<u8> {
    let mut tree = Tree { modules_yaml: modules_yaml.digest(), ..job.plan.tree.clone() };
    note_packages(job, &mut tree);
    shims.for_each(|shims| shims.note(&mut tree));
    tree.encode()
}

/// `node_modules` of a project, made where it is missing; never one that is a link.
pub(crate) fn open_modules(project: &Path) -> Result<Folder, LinkError> {
    let path = project.join(MODULES);
    let folder = Folder::open_path(project).map_err(LinkError::io("open", project))?;
    if folder.kind(MODULES).map_err(LinkError::io("read", &path))? == Some(Kind::Symlink) {
        return Err(LinkError::ModulesIsSymlink { path });
    }
    folder.make(MODULES).map_err(LinkError::io("make", &path))
}

/// Slots. Jobs are sorted by size, so that the last ones are small and both threads end together.
fn build_slots(
    job: &Job<'_>,
    builder: &slot::Builder<'_>,
    publisher: Option<&shared::Publisher>,
    bins: &bins::Catalogue<'_>,
    built: &HashSet<SnapshotIndex>,
) -> Result<(), LinkError> {
    let mut work: Vec<_> = job.plan.slots.iter().map(|change| change.snapshot).collect();
    if work.is_empty() {
        return Ok(()); // and no pool is made
    }
    work.sort_by_cached_key(|index| std::cmp::Reverse(job.source.contents(*index).files.len()));
    let requester = job.layout.root();
    let slots = job.layout.slots();
    // One package at a time: a chunk of many would be stolen as a whole, and packages differ by a factor of 1000.
    work.par_iter().with_max_len(1).try_for_each(|&index| {
        let snapshot = &job.placement.snapshots[index as usize];
        let _span = job.timings.span(Lane::Link, || package_id(snapshot));
        let home = if built.contains(&index) { None } else { builder.build(index)? };
        bins.write_slot_shims(index, || home.map_or_else(|| builder.home(index), Ok))?;
        if let Some(publisher) = publisher {
            let requires_build = job.source.contents(index).requires_build;
            publisher.publish(job.placement, job.layout, index, requires_build)?;
        }
        let to = format!("{slots}/{}/node_modules/{}", snapshot.slot, snapshot.name);
        let method = builder.method();
        job.report.event(Event::Imported { requester: requester.clone(), to, method });
        Ok(())
    })
}

/// So that the next run need not look into the store for what it leaves as it is. Shared slots tell it themselves.
fn note_packages(job: &Job<'_>, tree: &mut Tree) {
    if job.layout.global.is_some() {
        return;
    }
    let slots = Arc::make_mut(&mut tree.slots);
    for (index, snapshot) in (0..).zip(&job.placement.snapshots) {
        if let Some(record) = slots.get_mut(snapshot.slot.as_str()) {
            let contents = job.source.contents(index);
            record.package = PackageRecord { builds: contents.requires_build, bins: !contents.bins.is_empty() };
        }
    }
}

/// `name@version`.
fn package_id(snapshot: &Snapshot) -> String {
    format!("{}@{}", snapshot.name, snapshot.version)
}

/// Step 2: what is about to change is no longer vouched for.
fn commit(job: &Job<'_>, bench: &Bench) -> Result<(), LinkError> {
    let modules = bench.modules();
    let (before, stamps) = &job.plan.before;
    if job.plan.base == Base::Update && !stamps.same_tree(&Stamps::look(&job.layout.lockfile_dir)) {
        return Err(LinkError::Changed { path: job.layout.lockfile_dir.join(MODULES) });
    }
    modules.remove_file(up_to_date::FILE).map_err(LinkError::io("remove", up_to_date::FILE))?;
    let Ok(virtual_store) = modules.open(VIRTUAL_STORE) else { return Ok(()) };
    if job.plan.base != Base::Update {
        return virtual_store.remove_file(TREE_FILE).map_err(LinkError::io("remove", TREE_FILE));
    }
    let Some(mut tree) = before.clone() else { return Ok(()) };
    let (slots, hoisted) = (Arc::make_mut(&mut tree.slots), Arc::make_mut(&mut tree.hoisted));
    for change in &job.plan.slots {
        slots.remove(job.placement.snapshots[change.snapshot as usize].slot.as_str());
    }
    for slot in &job.plan.removed_slots {
        slots.remove(slot);
    }
    for alias in job.plan.hoisted.put.iter().map(|(alias, _)| alias) {
        hoisted.remove(alias);
    }
    bench.put_file(&virtual_store, TREE_FILE, &tree.encode(), 0o644)
}

#[cfg(test)]
mod tests;
