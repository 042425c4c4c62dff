//! One file from the store into a package's folder: hard link, or copy where that cannot be.
//!
//! ```text
//! Hardlink ── EXDEV, EPERM, EOPNOTSUPP ──▶ Copy, for the rest of the run
//!    └─────── EMLINK ──▶ Copy, for this file
//! ```

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::{fs::RawMode, io::Errno};

use crate::{
    link::{Folder, Kind, StoreFile},
    report::event::ImportMethod,
};

/// How files are brought in; shared by all jobs of a run.
#[derive(Debug)]
pub struct Importer {
    copy: AtomicBool,
}

/// Why one file could not be brought in.
#[derive(Debug)]
pub(crate) enum ImportFailure {
    /// The store's file is not what the index says.
    Damaged(String),
    /// The system refused.
    Io(io::Error),
}

impl Importer {
    /// With the method to begin with.
    #[must_use]
    pub fn new(method: ImportMethod) -> Self {
        Self { copy: AtomicBool::new(method == ImportMethod::Copy) }
    }

    /// The method in use.
    #[must_use]
    pub fn method(&self) -> ImportMethod {
        if self.copy.load(Ordering::Relaxed) { ImportMethod::Copy } else { ImportMethod::Hardlink }
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
        self.try_place(store, file, into, way, make_executable)
            .map_err(|error| check(store, file).err().unwrap_or(ImportFailure::Io(error)))
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
        let must_copy = make_executable && !file.executable;
        if !must_copy && !self.copy.load(Ordering::Relaxed) {
            let Err(error) = into.link_from(store, &file.blob, way) else { return Ok(()) };
            match Errno::from_io_error(&error) {
                Some(Errno::MLINK) => {}
                Some(Errno::XDEV | Errno::PERM | Errno::OPNOTSUPP) => self.copy.store(true, Ordering::Relaxed),
                _ => return Err(error),
            }
        }
        copy(store, file, into, way, mode)
    }
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

fn copy(store: &Folder, file: &StoreFile, into: &Folder, way: &str, mode: RawMode) -> io::Result<()> {
    let mut source = store.read(&file.blob)?;
    let mut target = into.create_below(way, mode)?;
    io::copy(&mut source, &mut target).map(drop)
}
