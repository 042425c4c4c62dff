//! What no project uses any more in the global virtual store, and which projects there are: each one that uses it is
//! registered by a link in `<store>/projects`, named by a digest of its folder, as pnpm does. What a project uses
//! stands in its own record; a project that has none because an installation was cut off stops the sweep.
//!
//! Where slots stand in another folder than the store's (`globalVirtualStoreDir`), the store knows it by a link in
//! `<store>/links-elsewhere`. Several stores may have it, so it has its own list of projects too, and since a
//! stranger's settings can name it, nothing is removed there but what bears the mark of a slot.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use crate::{
    link::{
        Folder, LinkError,
        shared::{TEMPORARY, has_mark, open_lock},
    },
    state::{Layout, MODULES, Tree, VIRTUAL_STORE},
};

const PROJECTS: &str = "projects";
const LINKS: &str = "links";
/// In the store: the folders of slots that are not its own.
const ELSEWHERE: &str = "links-elsewhere";
/// In a folder of slots that is not the store's: the projects that use it.
const PROJECTS_ELSEWHERE: &str = ".wasi-pm-projects";

/// Registers a project that uses the global virtual store; nothing happens where slots are not shared.
///
/// # Errors
/// [`LinkError::Io`].
pub fn register(layout: &Layout) -> Result<(), LinkError> {
    let Some(links) = &layout.global else { return Ok(()) };
    let (project, store) = (layout.root(), Path::new(&layout.store_dir));
    let made = || -> io::Result<()> {
        note(store, PROJECTS, &project)?;
        if Path::new(links) == store.join(LINKS) {
            return Ok(());
        }
        note(store, ELSEWHERE, links)?;
        note(Path::new(links), PROJECTS_ELSEWHERE, &project)
    };
    made().map_err(LinkError::io("register in", &layout.store_dir))
}

/// Makes a link to a folder in the list `list` of `home`, named by a digest.
fn note(home: &Path, list: &str, folder: &str) -> io::Result<()> {
    let name = store::hex(&Sha256::digest(folder.as_bytes())[..16]);
    std::fs::create_dir_all(home)?;
    let list = Folder::open_path(home)?.make(list)?;
    if list.read_link(&name).is_some_and(|held| held == folder) {
        return Ok(());
    }
    list.remove_file(&name)?;
    match list.symlink(folder, &name) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// What a sweep found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swept {
    /// So many slots were removed.
    Removed(usize),
    /// Nothing was: it is not known what this project uses.
    Unknown(PathBuf),
}

/// A folder of slots that is about to be swept: no installation is at work there.
struct Place {
    links: Folder,
    /// Lives as long as this.
    _lock: File,
    /// It is the store's own: nobody else has put anything there.
    is_own: bool,
}

/// Removes slots that no registered project uses, and what killed processes left. Waits for running installations.
///
/// # Errors
/// As the system's calls.
pub fn sweep(store: &Path) -> io::Result<Swept> {
    let mut used = HashSet::new();
    let mut places = Vec::new();
    for (links, is_own) in folders(store)? {
        let lock = open_lock(&links)?;
        lock.lock()?;
        if !is_own && let Err(project) = note_used(&links, PROJECTS_ELSEWHERE, &mut used)? {
            return Ok(Swept::Unknown(project));
        }
        places.push(Place { links, _lock: lock, is_own });
    }
    if let Err(project) = note_used_in(store, &mut used)? {
        return Ok(Swept::Unknown(project));
    }
    places.iter().try_fold(0, |removed, place| Ok(removed + place.sweep(&used)?)).map(Swept::Removed)
}

/// The folders of slots that there are, the store's own first, the others in the order of their names, so that two
/// sweeps never wait for each other.
fn folders(store: &Path) -> io::Result<Vec<(Folder, bool)>> {
    let own = Folder::open_path(&store.join(LINKS)).ok().map(|links| (links, true));
    let mut folders: Vec<_> = own.into_iter().collect();
    let Ok(elsewhere) = Folder::open_path(&store.join(ELSEWHERE)) else { return Ok(folders) };
    for name in elsewhere.names()? {
        let Some(path) = elsewhere.read_link(&name) else { continue };
        match Folder::open_path(Path::new(&path)) {
            Ok(links) => folders.push((links, false)),
            Err(error) if error.kind() == ErrorKind::NotFound => elsewhere.remove_file(&name)?,
            Err(_) => {} // somebody else's by now
        }
    }
    Ok(folders)
}

impl Place {
    fn sweep(&self, used: &HashSet<String>) -> io::Result<usize> {
        let links = &self.links;
        links.remove_tree(TEMPORARY)?;
        let away = links.make(TEMPORARY)?;
        let mut removed = 0;
        for scope in links.names()?.iter().filter(|name| name.starts_with('@')) {
            let Ok(names) = links.open(scope) else { continue };
            for name in names.names()? {
                let Ok(versions) = names.open(&name) else { continue };
                for version in versions.names()? {
                    let Ok(slots) = versions.open(&version) else { continue };
                    for slot in slots.names()? {
                        let is_used = used.contains(&format!("{scope}/{name}/{version}/{slot}"));
                        if !is_used && (self.is_own || slots.open(&slot).is_ok_and(|slot| has_mark(&slot))) {
                            // Aside first: a slot is never seen in part.
                            slots.rename_to(&slot, &away, &removed.to_string())?;
                            removed += 1;
                        }
                    }
                    versions.remove_if_empty(&version);
                }
                names.remove_if_empty(&name);
            }
            links.remove_if_empty(scope);
        }
        links.remove_tree(TEMPORARY)?;
        Ok(removed)
    }
}

/// The slots of the projects that the store knows, or the one that does not tell.
fn note_used_in(store: &Path, used: &mut HashSet<String>) -> io::Result<Result<(), PathBuf>> {
    Folder::open_path(store).map_or(Ok(Ok(())), |store| note_used(&store, PROJECTS, used))
}

/// The slots of the projects of a list, or the one that does not tell.
fn note_used(home: &Folder, list: &str, used: &mut HashSet<String>) -> io::Result<Result<(), PathBuf>> {
    let Ok(projects) = home.open(list) else { return Ok(Ok(())) };
    for name in projects.names()? {
        let Some(project) = projects.read_link(&name).map(PathBuf::from) else { continue };
        match std::fs::symlink_metadata(project.join(MODULES).join(VIRTUAL_STORE)) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                projects.remove_file(&name)?;
                continue;
            }
            Err(_) => return Ok(Err(project)),
            Ok(_) => {}
        }
        let folder = Folder::open_path(&project.join(MODULES)).and_then(|modules| modules.open(VIRTUAL_STORE));
        match folder.ok().as_ref().and_then(Tree::read) {
            Some(tree) => used.extend(tree.slots.keys().cloned()),
            None => return Ok(Err(project)),
        }
    }
    Ok(Ok(()))
}
