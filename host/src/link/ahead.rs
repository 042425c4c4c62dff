//! Fills the folders of packages while it is still being resolved who needs them: the component keeps one processor
//! busy and the store's files are there already, so that the other would be idle.
//!
//! ```text
//! .wasi-pm-tmp/ahead/<number>/...files     filled by one thread that everything else goes before
//!         │ one rename, where the package has a slot
//!         ▼
//! .wasi-pm-tmp/new/<slot>/node_modules/<name>
//! ```
//! Nothing of it can be reached, and what nobody needs in the end goes with the work bench. A package that cannot be
//! placed is left to the one parallel pass, which tells why.

use std::{
    collections::HashMap,
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread::{self, JoinHandle},
};

use store::Store;
use wit::Integrity;

use crate::{
    graph::{Snapshot, Source},
    link::{Bench, Contents, Folder, Import, early::Place, files::Files, source},
    timings::{Lane, Timings},
};

/// Where and how packages are filled ahead.
#[derive(Debug, Clone)]
pub struct AheadOptions {
    /// The folder of the project.
    pub project: PathBuf,
    /// Where packages are.
    pub store: Store,
    /// How files are brought in.
    pub import: Import,
    /// Files are checked before they are linked.
    pub verify: bool,
    /// Takes the time of each package.
    pub timings: Timings,
}

/// A package of the store that will probably be needed.
#[derive(Debug)]
pub struct Expected {
    /// `name@version`, for the record of times.
    pub package_id: String,
    /// Its key in the store.
    pub integrity: Integrity,
    /// What is in it.
    pub contents: Arc<Contents>,
}

/// The thread that fills packages.
#[derive(Debug)]
pub struct Ahead {
    sender: Sender<Option<Expected>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<Option<Place>>>,
}

impl Ahead {
    /// Starts it.
    ///
    /// # Errors
    /// The system grants no thread.
    pub fn start(options: AheadOptions) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = is_over.clone();
        let thread =
            thread::Builder::new().name("ahead".to_owned()).spawn(move || fill_all(&options, &receiver, &seen))?;
        Ok(Self { sender, is_over, thread: Some(thread) })
    }

    /// Tells it of packages, from any thread.
    pub fn teller(&self) -> impl Fn(Expected) + Send + Sync + 'static {
        let sender = self.sender.clone();
        move |expected| drop(sender.send(Some(expected))) // nobody hears of it any more: then it is not needed
    }

    /// What it has filled by now: the package that it is at is the last one.
    pub(super) fn finish(mut self) -> Option<Place> {
        self.stop()
    }

    fn stop(&mut self) -> Option<Place> {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = self.sender.send(None); // it may be waiting
        self.thread.take().and_then(|thread| thread.join().ok()).flatten()
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        if let Some(place) = self.stop() {
            place.clean();
        }
    }
}

fn fill_all(options: &AheadOptions, receiver: &Receiver<Option<Expected>>, is_over: &AtomicBool) -> Option<Place> {
    // What the component waits for goes before this. Elsewhere the number would be that of the whole process.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, 19);
    let mut place = None;
    while let Ok(Some(expected)) = receiver.recv() {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let _span = options.timings.span(Lane::Link, || expected.package_id.clone());
        if place.is_none() {
            place = Place::new(&options.project, options.import);
        }
        let Some(place) = &mut place else { break };
        if place.fill(options, &expected, is_over).is_err() {
            break;
        }
    }
    place
}

impl Place {
    /// Fills one package, unless it is over before all of it is there; an error where something is in the way of all.
    fn fill(&mut self, options: &AheadOptions, expected: &Expected, is_over: &AtomicBool) -> io::Result<()> {
        let integrity = expected.integrity.to_string();
        if self.ahead.0.get_mut().unwrap_or_else(PoisonError::into_inner).contains_key(&integrity) {
            return Ok(());
        }
        let Ok(store) = source::open(&options.store, &expected.integrity) else { return Ok(()) };
        let folder = self.bench.ahead()?;
        let number = self.ahead.0.get_mut().unwrap_or_else(PoisonError::into_inner).len().to_string();
        let home = folder.make_new(&number)?;
        let is_checked = options.verify && !expected.contents.is_new;
        let files = Files { contents: &expected.contents, store: &store, importer: &self.importer, is_checked };
        let is_over = |_: &str| is_over.load(Ordering::Relaxed); // the rest is left out then, and all of it removed
        if files.place(&home, is_over).is_err() || is_over("") {
            return folder.remove_tree(&number);
        }
        let filled = self.ahead.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        filled.insert(integrity, number);
        Ok(())
    }
}

/// The folders that are filled, by integrity.
#[derive(Debug, Default)]
pub(super) struct Filled(Mutex<HashMap<String, String>>);

impl Filled {
    /// Moves a snapshot's package to where it belongs, the end of a way; `false` if it is not here, or cannot be moved.
    pub(super) fn give(&self, bench: &Bench, snapshot: &Snapshot, into: &Folder, way: &str) -> bool {
        let Source::Registry { integrity: Some(integrity), .. } = &snapshot.source else { return false };
        if snapshot.patch.is_some() {
            return false;
        }
        let Ok(integrity) = Integrity::parse(integrity) else { return false };
        let number = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&integrity.to_string());
        let moved = number.map(|number| bench.ahead()?.move_below(&number, into, way));
        moved.is_some_and(|moved| moved.is_ok())
    }
}
