//! What no project uses any more in the global virtual store, and which projects there are: each one that uses it is
//! registered by a link in `<store>/projects`, named by a digest of its folder, as pnpm does. What a project uses
//! stands in its own record; a project that has none because an installation was cut off stops the sweep.

use std::{
    collections::HashSet,
    fmt::Write as _,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use crate::{
    link::{
        Folder, LinkError,
        shared::{TEMPORARY, open_lock},
    },
    state::{Layout, MODULES, Tree, VIRTUAL_STORE},
};

const PROJECTS: &str = "projects";
const LINKS: &str = "links";

/// Registers a project that uses the global virtual store; nothing happens where slots are not shared.
///
/// # Errors
/// [`LinkError::Io`].
pub fn register(layout: &Layout) -> Result<(), LinkError> {
    if layout.global.is_none() {
        return Ok(());
    }
    let project = layout.root();
    let mut name = String::new();
    for byte in &Sha256::digest(project.as_bytes())[..16] {
        write!(name, "{byte:02x}").expect("a String takes all that is written");
    }
    let made = || -> io::Result<()> {
        std::fs::create_dir_all(&layout.store_dir)?;
        let projects = Folder::open_path(Path::new(&layout.store_dir))?.make(PROJECTS)?;
        if projects.read_link(&name).is_some_and(|held| held == project) {
            return Ok(());
        }
        projects.remove_file(&name)?;
        match projects.symlink(&project, &name) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }
    };
    made().map_err(LinkError::io("register in", &layout.store_dir))
}

/// What a sweep found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swept {
    /// So many slots were removed.
    Removed(usize),
    /// Nothing was: it is not known what this project uses.
    Unknown(PathBuf),
}

/// Removes slots that no registered project uses, and what killed processes left. Waits for running installations.
///
/// # Errors
/// As the system's calls.
pub fn sweep(store: &Path) -> io::Result<Swept> {
    let Ok(links) = Folder::open_path(&store.join(LINKS)) else { return Ok(Swept::Removed(0)) };
    let lock = open_lock(&links)?;
    lock.lock()?;
    links.remove_tree(TEMPORARY)?;
    let used = match used(store)? {
        Ok(used) => used,
        Err(project) => return Ok(Swept::Unknown(project)),
    };
    let away = links.make(TEMPORARY)?;
    let mut removed = 0;
    for scope in links.names()?.iter().filter(|name| name.starts_with('@')) {
        let Ok(names) = links.open(scope) else { continue };
        for name in names.names()? {
            let Ok(versions) = names.open(&name) else { continue };
            for version in versions.names()? {
                let Ok(slots) = versions.open(&version) else { continue };
                for slot in slots.names()? {
                    if !used.contains(&format!("{scope}/{name}/{version}/{slot}")) {
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
    Ok(Swept::Removed(removed))
}

/// The slots of all registered projects, or the project that does not tell.
fn used(store: &Path) -> io::Result<Result<HashSet<String>, PathBuf>> {
    let mut used = HashSet::new();
    let Ok(projects) = Folder::open_path(&store.join(PROJECTS)) else { return Ok(Ok(used)) };
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
            Some(tree) => used.extend(tree.slots.into_keys()),
            None => return Ok(Err(project)),
        }
    }
    Ok(Ok(used))
}
