//! Builds slots while other packages are still on their way: the thread that waits for them would be idle otherwise,
//! and behind a slow line everything but the last packages is in place when the last byte comes.
//!
//! Only files and links of slots that nobody can reach yet are made, in the same staging folder that the one parallel
//! pass uses; what fails here is left to that pass, which tells why. Unless the pass takes it over, nothing is left of
//! it: the old `node_modules` is as it was, and one that was not there is not there again.

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use store::Store;
use wit::Integrity;

use crate::{
    graph::SnapshotIndex,
    link::{
        Bench, Folder, Importer, Job, PackageSource, open_modules, slot,
        source::{self, Contents},
    },
    state::MODULES,
    timings::Lane,
};

/// Slots that were built before all packages were there.
#[derive(Debug, Default)]
pub struct Early {
    place: Option<Place>,
    is_off: bool,
    built: HashSet<SnapshotIndex>,
}

#[derive(Debug)]
struct Place {
    bench: Bench,
    importer: Importer,
    project: PathBuf,
    had_modules: bool,
}

impl Early {
    /// Builds the slot of a package that has come, as far as that can be done without the others.
    pub fn build(&mut self, job: &Job<'_>, index: SnapshotIndex) {
        if self.is_off || job.layout.global.is_some() {
            return;
        }
        if self.place.is_none() {
            self.place = Place::new(job);
            self.is_off = self.place.is_none();
        }
        let Some(place) = &self.place else { return };
        let snapshot = &job.placement.snapshots[index as usize];
        let _span = job.timings.span(Lane::Link, || format!("{}@{}", snapshot.name, snapshot.version));
        let Ok(staging) = place.bench.staging() else {
            self.is_off = true;
            return;
        };
        if slot::Builder::new(job, staging, &place.importer).build(index).is_ok() {
            self.built.insert(index);
        } else {
            self.is_off = staging.remove_tree(snapshot.slot.as_str()).is_err();
        }
    }

    /// What the pass takes over: the bench, how files are brought in, and the slots that stand already. `None` where nothing was begun, or where
    /// something is left that should not be.
    pub(super) fn hand_over(mut self) -> Option<(Bench, Importer, HashSet<SnapshotIndex>)> {
        if self.is_off {
            return None;
        }
        let built = std::mem::take(&mut self.built);
        self.place.take().map(|place| (place.bench, place.importer, built))
    }
}

impl Drop for Early {
    fn drop(&mut self) {
        let Some(Place { bench, project, had_modules, .. }) = self.place.take() else { return };
        bench.clean();
        if !had_modules && let Ok(project) = Folder::open_path(&project) {
            project.remove_if_empty(MODULES);
        }
    }
}

impl Place {
    fn new(job: &Job<'_>) -> Option<Self> {
        let project = job.layout.lockfile_dir.clone();
        let had_modules = Folder::open_path(&project).ok()?.kind(MODULES).ok()?.is_some();
        let bench = Bench::new(open_modules(&project).ok()?).ok()?;
        Some(Self { bench, importer: Importer::new(job.method), project, had_modules })
    }
}

/// Packages as they come.
#[derive(Debug)]
pub struct Arriving {
    store: Store,
    packages: Vec<OnceLock<(Integrity, Arc<Contents>)>>,
    nothing: Contents,
}

impl Arriving {
    /// None has come yet.
    #[must_use]
    pub fn new(store: Store, count: usize) -> Self {
        Self { store, packages: (0..count).map(|_| OnceLock::new()).collect(), nothing: Contents::default() }
    }

    /// This one has come.
    pub fn put(&self, index: SnapshotIndex, integrity: &Integrity, contents: &Arc<Contents>) {
        self.packages[index as usize].get_or_init(|| (integrity.clone(), contents.clone()));
    }
}

impl PackageSource for Arriving {
    fn contents(&self, snapshot: SnapshotIndex) -> &Contents {
        self.packages[snapshot as usize].get().map_or(&self.nothing, |(_, contents)| contents)
    }

    fn open(&self, snapshot: SnapshotIndex) -> std::io::Result<Folder> {
        let (integrity, _) = self.packages[snapshot as usize].get().ok_or(std::io::ErrorKind::NotFound)?;
        source::open(&self.store, integrity)
    }
}
