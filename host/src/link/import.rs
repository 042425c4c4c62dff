//! One file from the store into a package's folder: hard link, reflink or copy, the next one where that cannot be.
//!
//! ```text
//! Auto          hard link ─▶ reflink ─▶ copy
//! Hardlink      hard link ─────────────▶ copy
//! CloneOrCopy                reflink ─▶ copy
//! Clone                      reflink                an error where the file system has none
//! Copy                                  copy
//! ```
//! What the file systems cannot do is not tried again in the run; EMLINK stands for the one file.

use std::{
    fs::File,
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::{fs::RawMode, io::Errno};

use crate::{
    link::{Folder, Kind, StoreFile},
    report::event::ImportMethod,
};

/// How files come into `node_modules` (`packageImportMethod`). Empty files are always made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Import {
    /// Hard links, else reflinks, else copies, as pnpm has it on Linux.
    Auto,
    /// Hard links, else copies.
    Hardlink,
    /// Reflinks only: files that share their data until one of them is written. Linux only.
    Clone,
    /// Copies only; a file system that shares data may let these share it too.
    Copy,
    /// Reflinks, else copies.
    CloneOrCopy,
}

/// How files are brought in; shared by all jobs of a run.
#[derive(Debug)]
pub struct Importer {
    import: Import,
    links: AtomicBool,
    clones: AtomicBool,
}

/// Why one file could not be brought in.
#[derive(Debug)]
pub(crate) enum ImportFailure {
    /// The store's file is not what the index says.
    Damaged(String),
    /// There are no reflinks between store and project, and nothing else is wanted.
    NoClones(io::Error),
    /// The system refused.
    Io(io::Error),
}

impl Importer {
    /// With what is wanted.
    #[must_use]
    pub fn new(import: Import) -> Self {
        let links = matches!(import, Import::Auto | Import::Hardlink);
        let clones = matches!(import, Import::Auto | Import::Clone | Import::CloneOrCopy);
        Self { import, links: AtomicBool::new(links), clones: AtomicBool::new(clones) }
    }

    /// The method in use.
    #[must_use]
    pub fn method(&self) -> ImportMethod {
        match (self.links.load(Ordering::Relaxed), self.clones.load(Ordering::Relaxed)) {
            (true, _) => ImportMethod::Hardlink,
            (false, true) => ImportMethod::Clone,
            (false, false) => ImportMethod::Copy,
        }
    }

    /// Brings in one file under a new name, at the end of a way ([`Folder`]). Empty files are made, not linked: all of
    /// them would share one inode and run into the file system's limit of links. Where the system refuses, the store's
    /// file is looked at: was it that?
    pub(crate) fn place(
        &self,
        store: &Folder,
        file: &StoreFile,
        into: &Folder,
        way: &str,
        make_executable: bool,
    ) -> Result<(), ImportFailure> {
        self.try_place(store, file, into, way, make_executable).map_err(|error| {
            let refused = if self.import == Import::Clone && has_no_clones(&error) {
                ImportFailure::NoClones
            } else {
                ImportFailure::Io
            };
            check(store, file).err().unwrap_or_else(|| refused(error))
        })
    }

    fn try_place(
        &self,
        store: &Folder,
        file: &StoreFile,
        into: &Folder,
        way: &str,
        make_executable: bool,
    ) -> io::Result<()> {
        let mode = if file.executable || make_executable { 0o755 } else { 0o644 };
        if file.size == 0 {
            return into.create_below(way, mode).map(drop);
        }
        let needs_own_mode = make_executable && !file.executable;
        if !needs_own_mode && self.links.load(Ordering::Relaxed) {
            let Err(error) = into.link_from(store, &file.blob, way) else { return Ok(()) };
            match Errno::from_io_error(&error) {
                Some(Errno::MLINK) => {}
                Some(Errno::XDEV | Errno::PERM | Errno::OPNOTSUPP) => self.links.store(false, Ordering::Relaxed),
                _ => return Err(error),
            }
        }
        self.fill(store, file, into, way, mode)
    }

    /// Makes a file of its own.
    fn fill(&self, store: &Folder, file: &StoreFile, into: &Folder, way: &str, mode: RawMode) -> io::Result<()> {
        let mut source = store.read(&file.blob)?;
        let mut target = into.create_below(way, mode)?;
        if self.clones.load(Ordering::Relaxed) {
            match clone(&source, &target) {
                Err(error) if self.import != Import::Clone && has_no_clones(&error) => {
                    self.clones.store(false, Ordering::Relaxed);
                }
                cloned => return cloned,
            }
        }
        io::copy(&mut source, &mut target).map(drop)
    }
}

#[cfg(target_os = "linux")]
fn clone(source: &File, target: &File) -> io::Result<()> {
    Ok(rustix::fs::ioctl_ficlone(target, source)?)
}

#[cfg(not(target_os = "linux"))]
fn clone(_: &File, _: &File) -> io::Result<()> {
    Err(Errno::OPNOTSUPP.into())
}

/// The file systems are at fault, not the file. `ioctl_ficlone(2)` names the first three; file systems in user space
/// and sandboxes answer with the others.
fn has_no_clones(error: &io::Error) -> bool {
    let no_clones = [Errno::OPNOTSUPP, Errno::XDEV, Errno::INVAL, Errno::NOTTY, Errno::NOSYS, Errno::PERM];
    Errno::from_io_error(error).is_some_and(|errno| no_clones.contains(&errno))
}

/// Whether a file of the store has the size and the type that its index says.
pub(crate) fn check(store: &Folder, file: &StoreFile) -> Result<(), ImportFailure> {
    match store.kind(&file.blob).map_err(ImportFailure::Io)? {
        Some(Kind::File(size)) if size == file.size => Ok(()),
        Some(Kind::File(size)) => {
            Err(ImportFailure::Damaged(format!("{} has {size} bytes, not {}", file.path, file.size)))
        }
        Some(_) => Err(ImportFailure::Damaged(format!("{} is no regular file", file.path))),
        None => Err(ImportFailure::Damaged(format!("{} is missing", file.path))),
    }
}

#[cfg(test)]
mod tests;
