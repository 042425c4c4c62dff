//! Replaces entries of a `node_modules` folder in one step each: the new one is made aside, renamed or exchanged into
//! place, and the old one kept until the end. No name that should be there is ever missing, and nothing is removed
//! before what takes its place stands.

use std::{
    io::{self, Write as _},
    sync::atomic::{AtomicU32, Ordering},
};

use rustix::fs::RawMode;

use crate::link::{Folder, Kind, LinkError};

/// The folder of things on their way in or out.
pub(crate) const BENCH: &str = ".wasi-pm-tmp";

/// The work bench of one `node_modules` folder.
#[derive(Debug)]
pub struct Bench {
    modules: Folder,
    folder: Folder,
    staging: Folder,
    old: Folder,
    count: AtomicU32,
}

impl Bench {
    /// Sets it up; what a killed run left there is removed, nothing of it was ever reachable.
    ///
    /// # Errors
    /// [`LinkError::Io`].
    pub fn new(modules: Folder) -> Result<Self, LinkError> {
        let made = || -> io::Result<_> {
            modules.remove_tree(BENCH)?;
            let folder = modules.make(BENCH)?;
            let (staging, old) = (folder.make("new")?, folder.make("old")?);
            Ok((folder, staging, old))
        };
        let (folder, staging, old) = made().map_err(LinkError::io("prepare", BENCH))?;
        Ok(Self { modules, folder, staging, old, count: AtomicU32::new(0) })
    }

    /// The `node_modules` it belongs to.
    pub fn modules(&self) -> &Folder {
        &self.modules
    }

    /// Where new slots are built.
    pub fn staging(&self) -> &Folder {
        &self.staging
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
        self.put(&self.folder, "new", &self.modules, name)
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
        self.folder.symlink(target, &aside).map_err(LinkError::io("link", name))?;
        self.put(&self.folder, &aside, to, name)
    }

    /// Writes a file, whatever was there.
    pub(crate) fn put_file(&self, to: &Folder, name: &str, bytes: &[u8], mode: RawMode) -> Result<(), LinkError> {
        let aside = self.fresh_name();
        let written = || self.folder.create(&aside, mode)?.write_all(bytes);
        written().map_err(LinkError::io("write", name))?;
        self.put(&self.folder, &aside, to, name)
    }

    /// Takes an entry away; it is removed at the end.
    pub(crate) fn retire(&self, from: &Folder, name: &str) -> Result<(), LinkError> {
        self.retire_from(from, name).map_err(LinkError::io("remove", name))
    }

    fn retire_from(&self, from: &Folder, name: &str) -> io::Result<()> {
        match from.rename_to(name, &self.old, &self.fresh_name()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    fn fresh_name(&self) -> String {
        format!("{}", self.count.fetch_add(1, Ordering::Relaxed))
    }

    /// Removes everything on it. What cannot be removed now is removed by the next run.
    pub fn clean(self) {
        let _ = self.modules.remove_tree(BENCH);
    }
}
