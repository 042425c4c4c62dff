//! The floor under an installation: a program that knows the whole tree and only makes its folders, hard links and
//! symbolic links, on as many threads as there are. Where packages or metadata are cold it also fetches them, verifies
//! and unpacks the tarballs, inflates the packuments, and links while it waits. An installer with such a tree does all
//! that, and more.

mod unpack;

use std::{
    ffi::OsString,
    fs,
    os::fd::{AsFd as _, OwnedFd},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, mkdirat, openat, symlinkat};
use unpack::{Bodies, Unpacker};

use crate::{contender::Run, registry::Asked};

/// Its name in the table.
pub(crate) const FLOOR: &str = "floor";

/// What is in a folder, and below it.
enum Entry {
    Folder(OsString, Vec<Self>),
    /// A file, by its name and by that of its bytes in the part's flat folder.
    File(OsString, String),
    Link(OsString, PathBuf),
}

/// What one thread makes at a time: a slot, or all that is beside the slots.
struct Part {
    flat: PathBuf,
    /// Below `node_modules`.
    folder: PathBuf,
    entries: Vec<Entry>,
}

/// A tree to be made again and again.
pub(crate) struct Floor {
    parts: Vec<Part>,
    paths: Vec<String>,
    folder: PathBuf,
    made: u32,
}

impl Floor {
    /// Of the `node_modules` that an isolated install has left; `folder` is scratch on the same disk; `fetched` is what
    /// has to be fetched.
    ///
    /// # Errors
    /// If it cannot be read, or is no such tree.
    pub(crate) fn of(modules: &Path, folder: &Path, fetched: &Asked) -> Result<Self> {
        let slots = fs::read_dir(modules.join(".pnpm")).context("there is no virtual store")?;
        let mut slots: Vec<OsString> = slots.map(|entry| Ok(entry?.file_name())).collect::<Result<_>>()?;
        slots.retain(|slot| modules.join(".pnpm").join(slot).is_dir());
        let folders = slots.iter().map(|slot| Path::new(".pnpm").join(slot)).chain([PathBuf::new()]);
        let mut parts = Vec::new();
        for (at, below) in folders.enumerate() {
            let flat = folder.join("flat").join(at.to_string());
            fs::create_dir_all(&flat)?;
            let entries = read(&modules.join(&below), &flat, &mut 0)?;
            parts.push(Part { flat, folder: below, entries });
        }
        ensure!(parts.len() > 1, "there are no slots");
        // The largest first, so that all threads end together.
        parts.sort_by_key(|part| std::cmp::Reverse(count(&part.entries)));
        let paths = [fetched.packuments.as_slice(), &fetched.tarballs].concat();
        Ok(Self { parts, paths, folder: folder.to_owned(), made: 0 })
    }

    /// Makes the tree once; what is fetched comes from the registry at `url`, `far` if it answers late.
    ///
    /// # Errors
    /// If the system refuses something, or a path is not to be had.
    pub(crate) fn measure(&mut self, url: &str, far: bool) -> Result<Run> {
        self.made += 1;
        let target = self.folder.join(format!("made/{}", self.made));
        let store = self.folder.join(format!("made/{}-store", self.made));
        fs::create_dir_all(target.join(".pnpm"))?;
        fs::create_dir_all(&store)?;
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let next = AtomicUsize::new(0);
        let start = Instant::now();
        thread::scope(|scope| {
            // The last worker closes it, also where all have failed: then nobody waits to hand a body over.
            let bodies = Arc::new(unpack::fetch(scope, url, far, &self.paths));
            let (next, target, store, this) = (&next, &target, &store, &*self);
            let work = |bodies: Arc<Bodies>| scope.spawn(move || this.work(&bodies, next, target, store));
            let running: Vec<_> = (1..threads).map(|_| bodies.clone()).map(work).collect();
            let own = this.work(&bodies, next, target, store);
            drop(bodies);
            running.into_iter().map(|thread| thread.join().expect("it does not panic")).fold(own, Result::and)
        })?;
        let wall = start.elapsed().as_secs_f64() * 1000.0;
        Ok(Run { wall, cpu: 0.0, peak: 0.0, requests: (0, 0) })
    }

    /// What one thread does: what has arrived comes first, links fill the time until more does.
    fn work(&self, bodies: &Bodies, next: &AtomicUsize, target: &Path, store: &Path) -> Result<()> {
        let mut unpacker = Unpacker::new();
        loop {
            if let Some(body) = bodies.arrived() {
                unpacker.unpack(&body?, store)?;
            } else if let Some(part) = self.parts.get(next.fetch_add(1, Ordering::Relaxed)) {
                part.make(target)?;
            } else if let Some(body) = bodies.wait() {
                unpacker.unpack(&body?, store)?;
            } else {
                return Ok(());
            }
        }
    }

    /// Deletes what was made, untimed.
    pub(crate) fn sweep(&self) {
        fs::remove_dir_all(self.folder.join("made")).ok();
    }
}

impl Part {
    fn make(&self, target: &Path) -> Result<()> {
        let into = target.join(&self.folder);
        if !self.folder.as_os_str().is_empty() {
            fs::create_dir(&into)?;
        }
        make(&self.entries, &open(CWD, &self.flat)?, &open(CWD, &into)?, Path::new(""))?;
        Ok(())
    }
}

fn count(entries: &[Entry]) -> usize {
    let below = entries.iter().map(|entry| if let Entry::Folder(_, below) = entry { count(below) } else { 0 });
    entries.len() + below.sum::<usize>()
}

/// Reads a folder, and links its files into a flat one, as a store has them. The virtual store is left to its slots.
fn read(folder: &Path, flat: &Path, files: &mut usize) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (name, path, kind) = (entry.file_name(), entry.path(), entry.file_type()?);
        if kind.is_symlink() {
            entries.push(Entry::Link(name, fs::read_link(&path)?));
        } else if kind.is_file() {
            *files += 1;
            let stored = files.to_string();
            fs::hard_link(&path, flat.join(&stored))?;
            entries.push(Entry::File(name, stored));
        } else if name != ".pnpm" {
            entries.push(Entry::Folder(name, read(&path, flat, files)?));
        }
    }
    Ok(entries)
}

fn open(parent: impl std::os::fd::AsFd, name: impl rustix::path::Arg) -> rustix::io::Result<OwnedFd> {
    openat(parent, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// So many entries pay for a handle of their folder; fewer are named on the way.
const HANDLED: usize = 8;

/// Makes entries in the folder that is at `prefix` below `into`.
fn make(entries: &[Entry], flat: &OwnedFd, into: &OwnedFd, prefix: &Path) -> rustix::io::Result<()> {
    for entry in entries {
        match entry {
            Entry::Folder(name, below) => {
                let path = prefix.join(name);
                mkdirat(into, &path, Mode::from_raw_mode(0o755))?;
                if count(below) < HANDLED {
                    make(below, flat, into, &path)?;
                } else {
                    make(below, flat, &open(into.as_fd(), &path)?, Path::new(""))?;
                }
            }
            Entry::File(name, stored) => linkat(flat, stored, into, prefix.join(name), AtFlags::empty())?,
            Entry::Link(name, target) => symlinkat(target, into, prefix.join(name))?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
