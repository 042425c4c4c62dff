//! The global virtual store: slots that projects share, each published by one rename, so that one that can be seen is
//! complete. Names come from a stranger's lockfile; they are checked components, and no link is followed on the way,
//! but to look at a mark.
//!
//! ```text
//! <links>/.wasi-pm-lock                            held shared by installations, alone by `store prune`
//!        /.wasi-pm-tmp/<n>/                        slots being made, and what was replaced
//!        /<@ or @scope>/<name>/<version>/<digest>/ a slot
//!                                 .wasi-pm -> 1-<digest of its links>[-build]
//!                                 node_modules/<name>/…files
//!                                             /<alias> -> ../../../…/<other slot>/node_modules/<other name>
//! ```
//! The mark `.wasi-pm` is the text of a link that leads nowhere: one call makes it, one reads it. A slot without it,
//! such as one that another tool has begun, is not trusted and built anew. Names do not tell which optional packages
//! were left out on a platform; so a slot whose mark differs is held to the links that are wanted, and one that is
//! built anew keeps the links that others wanted.

mod standing;

use std::{
    fs::File,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use rustix::io::Errno;

pub use self::standing::{Marks, Standing};

use crate::{
    graph::{Placement, Snapshot, SnapshotIndex, Target},
    link::{Folder, Kind, LinkError},
    plan::LinkTexts,
    state::{Layout, MODULES, tree::digest},
};

/// The lock; its presence tells the up-to-date check that the folder still stands.
pub const LOCK: &str = ".wasi-pm-lock";
/// Things on their way in or out.
pub(crate) const TEMPORARY: &str = ".wasi-pm-tmp";
const MARK: &str = ".wasi-pm";
const FORM: &str = "1-";
const BUILD: &str = "-build";

/// Keeps `store prune` away while it lives.
#[derive(Debug)]
pub struct Hold(#[expect(dead_code, reason = "the lock lives as long as the handle")] File);

/// The file that is locked.
#[must_use]
pub fn lock_file(links: &str) -> PathBuf {
    Path::new(links).join(LOCK)
}

/// Makes the folder of shared slots and keeps `store prune` away from it; `None` where slots are not shared.
///
/// # Errors
/// [`LinkError::Io`].
pub fn hold(layout: &Layout) -> Result<Option<Hold>, LinkError> {
    let Some(links) = &layout.global else { return Ok(None) };
    let held = || -> io::Result<File> {
        std::fs::create_dir_all(links)?;
        let file = open_lock(&Folder::open_path(Path::new(links))?)?;
        file.lock_shared()?;
        Ok(file)
    };
    held().map(|file| Some(Hold(file))).map_err(LinkError::io("lock", links))
}

pub(crate) fn open_lock(links: &Folder) -> io::Result<File> {
    links.lockable(LOCK).map(|(file, _)| file)
}

/// What a complete slot says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealed {
    /// Its package has scripts to run.
    pub requires_build: bool,
}

/// Reads marks.
#[derive(Debug)]
pub struct Reader<'a> {
    links: Folder,
    placement: &'a Placement,
    layout: &'a Layout,
    marks: Option<&'a Marks>,
}

impl<'a> Reader<'a> {
    /// `None` if there is no such folder yet, or slots are not shared.
    #[must_use]
    pub fn open(layout: &'a Layout, placement: &'a Placement) -> Option<Self> {
        let links = Folder::open_path(Path::new(layout.global.as_ref()?)).ok()?;
        Some(Self { links, placement, layout, marks: None })
    }

    /// Takes marks that are known already, if they are of the slots that stand here now.
    #[must_use]
    pub fn knowing(self, marks: &'a Marks) -> Self {
        let marks = Some(marks).filter(|marks| marks.are_of(&self.links));
        Self { marks, ..self }
    }

    /// What a slot says of itself, if it is complete and has all the links that are wanted.
    #[must_use]
    pub fn look(&self, index: SnapshotIndex) -> Option<Sealed> {
        let mark = self.links.read_link_below(self.slot(index), MARK)?;
        self.judge(index, &mark)
    }

    /// [`Reader::look`] at a slot whose mark is known; `None`: it is not.
    #[must_use]
    pub fn look_at_known(&self, index: SnapshotIndex) -> Option<Option<Sealed>> {
        let mark = self.marks?.get(self.slot(index))?;
        let requires_build = mark.text.ends_with(BUILD);
        Some(if mark.is_right { Some(Sealed { requires_build }) } else { self.judge(index, &mark.text) })
    }

    fn slot(&self, index: SnapshotIndex) -> &str {
        self.placement.snapshots[index as usize].slot.as_str()
    }

    fn judge(&self, index: SnapshotIndex, mark: &str) -> Option<Sealed> {
        let slot = self.slot(index);
        let requires_build = mark.ends_with(BUILD);
        if mark == seal(&self.placement.snapshots, index, requires_build) {
            return Some(Sealed { requires_build });
        }
        let modules = self.links.open_below(slot).ok()?.open(MODULES).ok()?;
        let wanted = links(self.placement, self.layout, index);
        let has = |(alias, target): &(&str, String)| {
            let held = match alias.split_once('/') {
                Some((scope, name)) => modules.open(scope).ok().and_then(|scope| scope.read_link(name)),
                None => modules.read_link(alias),
            };
            held.is_some_and(|held| held == *target)
        };
        (mark.starts_with(FORM) && wanted.iter().all(has)).then_some(Sealed { requires_build })
    }

    /// The package's own folder is in its slot still.
    fn has_package(&self, index: SnapshotIndex) -> bool {
        let snapshot = &self.placement.snapshots[index as usize];
        self.links.open_below(&format!("{}/{MODULES}/{}", snapshot.slot, snapshot.name)).is_ok()
    }
}

/// The text of a slot's mark.
fn seal(snapshots: &[Snapshot], index: SnapshotIndex, requires_build: bool) -> String {
    let links = &snapshots[index as usize].dependencies;
    let mut text = String::with_capacity(128 * links.len());
    for link in links {
        let target = match &link.target {
            Target::Snapshot(to) => snapshots[*to as usize].slot.as_str(),
            Target::Directory(folder) => folder.as_str(),
        };
        for part in [link.alias.as_str(), " ", target, "\n"] {
            text.push_str(part);
        }
    }
    let build = if requires_build { BUILD } else { "" };
    format!("{FORM}{}{build}", store::hex(&digest(text.as_bytes())))
}

/// The links of a slot: alias and text, its own folder left out.
pub(super) fn links<'a>(placement: &'a Placement, layout: &Layout, index: SnapshotIndex) -> Vec<(&'a str, String)> {
    let snapshot = &placement.snapshots[index as usize];
    let from = format!("{}/{}/{MODULES}", layout.slots(), snapshot.slot);
    let others = snapshot.dependencies.iter().filter(|link| link.alias.as_str() != snapshot.name.as_str());
    let texts = LinkTexts::new(placement, layout);
    others.map(|link| (link.alias.as_str(), texts.text(&from, link.alias.as_str(), &link.target))).collect()
}

/// Builds slots aside and publishes them.
#[derive(Debug)]
pub struct Publisher {
    links: Folder,
    /// Of this run alone.
    staging: Folder,
    name: String,
    retired: AtomicU32,
}

impl Publisher {
    /// In the folder of shared slots. What killed runs left there is removed: whoever is at work holds the lock of its
    /// own folder.
    ///
    /// # Errors
    /// [`LinkError::Io`].
    pub fn new(links: &str) -> Result<Self, LinkError> {
        let made = || -> io::Result<Self> {
            let folder = Folder::open_path(Path::new(links))?;
            let temporary = folder.make(TEMPORARY)?;
            clear(&temporary)?;
            for count in 0..1000 {
                let name = format!("{}-{count}", std::process::id());
                match temporary.make_new(&name) {
                    // It may have been taken for a left-over before it was opened or locked.
                    Ok(staging) if staging.try_lock().unwrap_or(true) && temporary.is_named(&name, &staging) => {
                        return Ok(Self { links: folder, staging, name, retired: AtomicU32::new(0) });
                    }
                    Ok(_) => {}
                    Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound) => {}
                    Err(error) => return Err(error),
                }
            }
            Err(ErrorKind::AlreadyExists.into())
        };
        made().map_err(LinkError::io("prepare", links))
    }

    /// Where slots are built, each under the number of its package.
    pub(super) fn staging(&self) -> &Folder {
        &self.staging
    }

    /// Marks a slot that was built as complete and gives it its name. Where another process was faster, its slot stays.
    pub(super) fn publish(
        &self,
        placement: &Placement,
        layout: &Layout,
        index: SnapshotIndex,
        requires_build: bool,
    ) -> Result<(), LinkError> {
        let snapshot = &placement.snapshots[index as usize];
        let slot = snapshot.slot.as_str();
        let replace = matches!(snapshot.source, crate::graph::Source::Directory(_));
        let published = || -> io::Result<()> {
            let (parents, name) = slot.rsplit_once('/').ok_or(ErrorKind::InvalidInput)?;
            let staged = index.to_string();
            self.staging.open(&staged)?.symlink(&seal(&placement.snapshots, index, requires_build), MARK)?;
            for _ in 0..100 {
                let folder = self.links.make_all(parents)?;
                match self.staging.rename_to(&staged, &folder, name) {
                    Ok(()) => return Ok(()),
                    // The folder was empty, and another process has tidied it away.
                    Err(error) if error.kind() == ErrorKind::NotFound => continue,
                    Err(error) if !is_taken(&error) => return Err(error),
                    Err(_) => {}
                }
                let reader = Reader::open(layout, placement);
                if !replace && reader.is_some_and(|reader| reader.look(index).is_some() && reader.has_package(index)) {
                    return Ok(());
                }
                self.keep_links(&staged, &folder, name, snapshot.name.as_str())?;
                return self.replace(&staged, &folder, name);
            }
            Err(ErrorKind::NotFound.into())
        };
        published().map_err(LinkError::io("publish", format!("{}/{slot}", layout.slots())))
    }

    /// Links of an older form of the slot that this run does not want: other projects may.
    fn keep_links(&self, staged: &str, folder: &Folder, name: &str, own: &str) -> io::Result<()> {
        let Ok(old) = folder.open(name) else { return Ok(()) };
        if old.read_link(MARK).is_none() {
            return Ok(());
        }
        let Ok(old) = old.open(MODULES) else { return Ok(()) };
        let new = self.staging.open(staged)?.open(MODULES)?;
        for alias in old.names()?.iter().filter(|alias| *alias != own) {
            copy_link(&old, &new, alias)?;
            if alias.starts_with('@')
                && let Ok(scope) = old.open(alias)
            {
                let into = new.make(alias)?;
                scope.names()?.iter().try_for_each(|inner| copy_link(&scope, &into, inner))?;
            }
        }
        Ok(())
    }

    fn replace(&self, staged: &str, folder: &Folder, name: &str) -> io::Result<()> {
        if self.staging.exchange(staged, folder, name).is_ok() {
            return Ok(());
        }
        let aside = format!("old-{}", self.retired.fetch_add(1, Ordering::Relaxed));
        folder.rename_to(name, &self.staging, &aside)?;
        self.staging.rename_to(staged, folder, name)
    }

    /// Removes what is left aside.
    pub fn clean(self) {
        if let Ok(temporary) = self.links.open(TEMPORARY) {
            let _ = temporary.remove_tree(&self.name);
        }
    }
}

/// Removes what killed runs left; what is not ours to remove stays. The lock is held over the removal and the name is
/// looked at under it: between the two it could come to stand for the folder of a run that is at work.
fn clear(temporary: &Folder) -> io::Result<()> {
    for name in temporary.names()? {
        let Ok(left) = temporary.open(&name) else { continue };
        if left.try_lock().unwrap_or(false) && temporary.is_named(&name, &left) {
            let _ = temporary.remove_tree(&name);
        }
    }
    Ok(())
}

/// A folder that was published as a slot, whatever it is by now.
pub(crate) fn has_mark(slot: &Folder) -> bool {
    slot.read_link(MARK).is_some_and(|mark| mark.starts_with(FORM))
}

fn copy_link(from: &Folder, to: &Folder, name: &str) -> io::Result<()> {
    match (from.kind(name)?, to.kind(name)?) {
        (Some(Kind::Symlink), None) => match from.read_link(name) {
            Some(target) => to.symlink(&target, name),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Something stands under the name.
fn is_taken(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR))
}

#[cfg(test)]
mod tests;
