//! Replaces entries of a `node_modules` folder in one step each: the new one is made aside, renamed or exchanged into
//! place, and the old one kept until the end: nothing is removed before what takes its place stands. A link or file is
//! there at every moment. So is a folder, or what a folder takes the place of, where the file system can exchange
//! (`renameat2(2)`); elsewhere, and for a link in the place of a scope, its name is missing between two renames.

use std::{
    io::{self, Write as _},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use rustix::fs::RawMode;

use crate::link::{Folder, Kind, LinkError};

/// The folder of things on their way in or out.
pub(crate) const BENCH: &str = ".wasi-pm-tmp";

/// The work bench of one `node_modules` folder. It is set up when the first thing is laid on it: most projects of a
/// workspace need none.
#[derive(Debug)]
pub struct Bench {
    modules: Folder,
    made: OnceLock<Made>,
    count: AtomicU32,
}

#[derive(Debug)]
struct Made {
    folder: Folder,
    staging: Folder,
    old: Folder,
    ahead: OnceLock<Folder>,
}

impl Bench {
    /// Of this folder. What a killed run left there is removed, nothing of it was ever reachable.
    ///
    /// # Errors
    /// [`LinkError::Io`].
    pub fn new(modules: Folder) -> Result<Self, LinkError> {
        modules.remove_tree(BENCH).map_err(LinkError::io("prepare", BENCH))?;
        Ok(Self { modules, made: OnceLock::new(), count: AtomicU32::new(0) })
    }

    /// The `node_modules` it belongs to.
    pub fn modules(&self) -> &Folder {
        &self.modules
    }

    /// Where new slots are built.
    ///
    /// # Errors
    /// [`LinkError::Io`].
    pub fn staging(&self) -> Result<&Folder, LinkError> {
        self.made().map(|made| &made.staging).map_err(LinkError::io("prepare", BENCH))
    }

    /// Where packages are filled before they have a slot.
    pub(super) fn ahead(&self) -> io::Result<&Folder> {
        let made = self.made()?;
        if made.ahead.get().is_none() {
            let folder = made.folder.make("ahead")?;
            let _ = made.ahead.set(folder); // or another thread was faster
        }
        made.ahead.get().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Something lies on it, which has to be cleaned up in the end.
    pub(crate) fn is_used(&self) -> bool {
        self.made.get().is_some()
    }

    fn made(&self) -> io::Result<&Made> {
        if let Some(made) = self.made.get() {
            return Ok(made);
        }
        let folder = self.modules.make(BENCH)?;
        let (staging, old) = (folder.make("new")?, folder.make("old")?);
        Ok(self.made.get_or_init(|| Made { folder, staging, old, ahead: OnceLock::new() }))
    }

    /// Puts a folder or link that stands in `from` under a name of `to`, whatever is there.
    pub(crate) fn put(&self, from: &Folder, from_name: &str, to: &Folder, name: &str) -> Result<(), LinkError> {
        self.try_put(from, from_name, to, name).map_err(LinkError::io("replace", name))
    }

    fn try_put(&self, from: &Folder, from_name: &str, to: &Folder, name: &str) -> io::Result<()> {
        match (to.kind(name)?, from.kind(from_name)?) {
            (None, _) | (Some(Kind::Symlink | Kind::File(_)), Some(Kind::Symlink | Kind::File(_))) => {
                from.rename_to(from_name, to, name)
            }
            _ => {
                if from.exchange(from_name, to, name).is_ok() {
                    return self.retire_from(from, from_name);
                }
                self.retire_from(to, name)?;
                from.rename_to(from_name, to, name)
            }
        }
    }

    /// Puts the whole staging folder in place of a folder.
    pub(crate) fn put_staging(&self, name: &str) -> Result<(), LinkError> {
        let made = self.made().map_err(LinkError::io("prepare", BENCH))?;
        self.put(&made.folder, "new", &self.modules, name)
    }

    /// Points a link somewhere, whatever was there.
    pub(crate) fn put_link(&self, to: &Folder, name: &str, target: &str) -> Result<(), LinkError> {
        match to.symlink(target, name) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(LinkError::io("link", name)(error)),
        }
        if to.read_link(name).is_some_and(|held| held == target) {
            return Ok(());
        }
        let aside = self.fresh_name();
        let laid = || -> io::Result<&Folder> {
            let folder = &self.made()?.folder;
            folder.symlink(target, &aside).map(|()| folder)
        };
        self.put(laid().map_err(LinkError::io("link", name))?, &aside, to, name)
    }

    /// Writes a file, whatever was there.
    pub(crate) fn put_file(&self, to: &Folder, name: &str, bytes: &[u8], mode: RawMode) -> Result<(), LinkError> {
        let aside = self.fresh_name();
        let written = || -> io::Result<&Folder> {
            let folder = &self.made()?.folder;
            folder.create(&aside, mode)?.write_all(bytes).map(|()| folder)
        };
        self.put(written().map_err(LinkError::io("write", name))?, &aside, to, name)
    }

    /// Takes an entry away; it is removed at the end.
    pub(crate) fn retire(&self, from: &Folder, name: &str) -> Result<(), LinkError> {
        self.retire_from(from, name).map_err(LinkError::io("remove", name))
    }

    fn retire_from(&self, from: &Folder, name: &str) -> io::Result<()> {
        match from.rename_to(name, &self.made()?.old, &self.fresh_name()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    fn fresh_name(&self) -> String {
        format!("{}", self.count.fetch_add(1, Ordering::Relaxed))
    }

    /// Removes everything on it. What cannot be removed now is removed by the next run.
    pub fn clean(self) {
        if self.is_used() {
            let _ = self.modules.remove_tree(BENCH);
        }
    }
}
