//! Builds slots while other packages are still on their way: the thread that waits for them would be idle otherwise,
//! and behind a slow line everything but the last packages is in place when the last byte comes.
//!
//! Only files and links of slots that nobody can reach yet are made, in the same staging folder that the one parallel
//! pass uses. A slot that fails here is left to that pass, which tells why; it also tells why hoisted links failed.
//! Unless the pass takes it over, nothing is left of it: `node_modules`, which holds the lock and so is there, is as it
//! was.

use std::{
    collections::{BTreeMap, HashSet},
    io,
    path::Path,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        mpsc::{Receiver, channel},
    },
};

use store::Store;
use wit::Integrity;

use crate::{
    graph::SnapshotIndex,
    link::{
        Bench, Folder, Import, Importer, Job, PackageSource,
        ahead::{Ahead, Filled},
        open_modules,
        shared::Publisher,
        slot,
        source::{self, Contents},
        trees,
    },
    state::MODULES,
    timings::Lane,
};

/// Slots that were built before all packages were there.
#[derive(Debug, Default)]
pub struct Early {
    /// Fills packages still; what it has made is taken over when the first slot is built.
    ahead: Option<Ahead>,
    place: Option<Place>,
    is_off: bool,
    built: HashSet<SnapshotIndex>,
    /// Makes the hoisted links of a new virtual store.
    hoisting: Option<Hoisting>,
}

/// Links that are made by whoever comes to it first: the thread that was asked for it, or the one that needs them. Once
/// this is dropped nobody is at them any more.
#[derive(Debug)]
pub(super) struct Hoisting {
    waiting: Arc<Mutex<Option<Links>>>,
    /// `None`: they are not waited for any more.
    made: Option<Receiver<io::Result<()>>>,
}

/// Links to be made in a folder: alias and target.
#[derive(Debug)]
struct Links {
    modules: Folder,
    links: Arc<BTreeMap<String, String>>,
}

/// Where slots are built before the one pass.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) bench: Bench,
    pub(super) importer: Importer,
    /// Packages that wait for their slots.
    pub(super) ahead: Filled,
    /// Where slots are built that projects share.
    publisher: Option<Publisher>,
}

/// What the one pass takes over.
pub(super) struct Begun {
    pub(super) bench: Bench,
    pub(super) importer: Importer,
    pub(super) ahead: Filled,
    pub(super) publisher: Option<Publisher>,
    /// Slots that stand already.
    pub(super) built: HashSet<SnapshotIndex>,
    /// Makes the hoisted links of a new virtual store.
    pub(super) hoisting: Option<Hoisting>,
}

impl Begun {
    /// Leaves everything as it was.
    pub(super) fn clean(self) {
        drop(self.hoisting);
        clean(self.bench, self.publisher);
    }
}

impl Early {
    /// Nothing is built yet, but packages are being filled.
    #[must_use]
    pub fn begun(ahead: Option<Ahead>) -> Self {
        Self { ahead, place: None, is_off: false, built: HashSet::new(), hoisting: None }
    }

    fn take_over(&mut self) {
        if let Some(ahead) = self.ahead.take() {
            self.place = ahead.finish();
        }
    }

    /// Has the hoisted links of a new virtual store made by `begin`, which is given the work for another thread. While
    /// packages are being filled there is no processor for it, and it is left to the pass.
    pub fn hoist(
        &mut self,
        project: &Path,
        import: Import,
        links: &Arc<BTreeMap<String, String>>,
        begin: impl FnOnce(Box<dyn FnOnce() + Send>),
    ) {
        if self.is_off || self.ahead.is_some() || self.hoisting.is_some() || links.is_empty() {
            return;
        }
        if self.place.is_none() {
            self.place = Place::new(project, import);
        }
        let Some(Ok(staging)) = self.place.as_ref().map(|place| place.bench.staging()) else { return };
        let Ok(modules) = staging.make(MODULES) else { return };
        let (hoisting, work) = Hoisting::new(Links { modules, links: Arc::clone(links) });
        self.hoisting = Some(hoisting);
        begin(Box::new(work));
    }

    /// Builds the slot of a package that has come, as far as that can be done without the others.
    pub fn build(&mut self, job: &Job<'_>, index: SnapshotIndex) {
        if self.is_off {
            return;
        }
        self.take_over();
        let Some((place, staging)) = Place::ready(&mut self.place, job) else {
            self.is_off = true;
            return;
        };
        let snapshot = &job.placement.snapshots[index as usize];
        let _span = job.timings.span(Lane::Link, || format!("{}@{}", snapshot.name, snapshot.version));
        let builder = slot::Builder::new(job, staging, &place.importer).taking(&place.bench, &place.ahead);
        if builder.build(index).is_ok() {
            self.built.insert(index);
        } else {
            self.is_off = staging.remove_tree(&slot::staged(job, index)).is_err();
        }
    }

    /// What the pass takes over; `None` where nothing was begun, or where something is left that should not be.
    pub(super) fn hand_over(mut self) -> Option<Begun> {
        self.take_over();
        if self.is_off {
            return None;
        }
        let (built, hoisting) = (std::mem::take(&mut self.built), self.hoisting.take());
        let Place { bench, importer, ahead, publisher } = self.place.take()?;
        Some(Begun { bench, importer, ahead, publisher, built, hoisting })
    }
}

impl Hoisting {
    /// With the work for another thread.
    fn new(links: Links) -> (Self, impl FnOnce() + Send + use<>) {
        let waiting = Arc::new(Mutex::new(Some(links)));
        let (sender, made) = channel();
        let taken = waiting.clone();
        let work = move || {
            if let Some(links) = take(&taken) {
                let _left = sender.send(links.make());
            }
        };
        (Self { waiting, made: Some(made) }, work)
    }

    /// Waits for the links, or makes them where nobody has begun.
    pub(super) fn finish(mut self) -> io::Result<()> {
        let made = self.made.take();
        match (take(&self.waiting), made) {
            (Some(links), _) => links.make(),
            (None, Some(made)) => made.recv().unwrap_or_else(|_| Err(io::Error::other("whoever made them panicked"))),
            (None, None) => Ok(()),
        }
    }
}

impl Drop for Hoisting {
    fn drop(&mut self) {
        if let Some(made) = self.made.take()
            && take(&self.waiting).is_none()
        {
            let _made_in_vain = made.recv();
        }
    }
}

fn take(waiting: &Mutex<Option<Links>>) -> Option<Links> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl Links {
    fn make(&self) -> io::Result<()> {
        trees::hoist(&self.modules, &self.links)
    }
}

impl Drop for Early {
    fn drop(&mut self) {
        self.take_over();
        drop(self.hoisting.take());
        if let Some(place) = self.place.take() {
            place.clean();
        }
    }
}

impl Place {
    pub(super) fn new(project: &Path, import: Import) -> Option<Self> {
        let bench = Bench::new(open_modules(project).ok()?).ok()?;
        let (importer, ahead) = (Importer::new(import), Filled::default());
        Some(Self { bench, importer, ahead, publisher: None })
    }

    /// The place, and the folder in it in which slots are built: that of the publisher where they are shared.
    fn ready<'a>(place: &'a mut Option<Self>, job: &Job<'_>) -> Option<(&'a Self, &'a Folder)> {
        if place.is_none() {
            *place = Self::new(&job.layout.lockfile_dir, job.import);
        }
        let place = place.as_mut()?;
        if let (Some(links), None) = (&job.layout.global, &place.publisher) {
            place.publisher = Some(Publisher::new(links).ok()?);
        }
        let place = &*place;
        let staging = place.publisher.as_ref().map_or_else(|| place.bench.staging(), |it| Ok(it.staging()));
        Some((place, staging.ok()?))
    }

    /// Leaves everything as it was.
    pub(super) fn clean(self) {
        clean(self.bench, self.publisher);
    }
}

fn clean(bench: Bench, publisher: Option<Publisher>) {
    bench.clean();
    if let Some(publisher) = publisher {
        publisher.clean();
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

    fn open(&self, snapshot: SnapshotIndex) -> io::Result<Folder> {
        let (integrity, _) = self.packages[snapshot as usize].get().ok_or(io::ErrorKind::NotFound)?;
        source::open(&self.store, integrity)
    }
}
