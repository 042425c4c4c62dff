//! The floor under a restore from a hot store: a program that knows the whole tree and only makes its folders, hard
//! links and symbolic links, on as many threads as there are. No installer with such a tree can be faster.

use std::{
    ffi::OsString,
    fs,
    os::fd::{AsFd as _, OwnedFd},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, mkdirat, openat, symlinkat};

use crate::contender::Run;

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
    folder: PathBuf,
    made: u32,
}

impl Floor {
    /// Of the `node_modules` that an isolated install has left; `folder` is scratch on the same disk.
    ///
    /// # Errors
    /// If it cannot be read, or is no such tree.
    pub(crate) fn of(modules: &Path, folder: &Path) -> Result<Self> {
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
        Ok(Self { parts, folder: folder.to_owned(), made: 0 })
    }

    /// Makes the tree once.
    ///
    /// # Errors
    /// If the system refuses something.
    pub(crate) fn measure(&mut self) -> Result<Run> {
        self.made += 1;
        let target = self.folder.join(format!("made/{}", self.made));
        fs::create_dir_all(target.join(".pnpm"))?;
        let (next, threads) = (AtomicUsize::new(0), thread::available_parallelism().map_or(1, usize::from));
        let start = Instant::now();
        let work = || -> Result<()> {
            while let Some(part) = self.parts.get(next.fetch_add(1, Ordering::Relaxed)) {
                let into = target.join(&part.folder);
                if !part.folder.as_os_str().is_empty() {
                    fs::create_dir(&into)?;
                }
                make(&part.entries, &open(CWD, &part.flat)?, &open(CWD, &into)?)?;
            }
            Ok(())
        };
        thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            running.into_iter().try_for_each(|thread| thread.join().expect("it does not panic"))
        })?;
        let wall = start.elapsed().as_secs_f64() * 1000.0;
        Ok(Run { wall, cpu: 0.0, peak: 0.0, requests: (0, 0) })
    }

    /// Deletes what was made, untimed.
    pub(crate) fn sweep(&self) {
        fs::remove_dir_all(self.folder.join("made")).ok();
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

fn make(entries: &[Entry], flat: &OwnedFd, into: &OwnedFd) -> rustix::io::Result<()> {
    for entry in entries {
        match entry {
            Entry::Folder(name, below) => {
                mkdirat(into, name, Mode::from_raw_mode(0o755))?;
                make(below, flat, &open(into.as_fd(), name)?)?;
            }
            Entry::File(name, stored) => linkat(flat, stored, into, name, AtFlags::empty())?,
            Entry::Link(name, target) => symlinkat(target, into, name)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
