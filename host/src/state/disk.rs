//! What is on disk before a run: the facts that `plan` compares with what is wanted. Reads only.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    io::Read as _,
    path::Path,
    thread::{self, JoinHandle},
};

use rayon::prelude::*;

use crate::{
    graph::{ImporterLinks, Placement, SnapshotIndex, Target},
    link::{
        Folder, Kind, LinkError,
        shared::{self, Marks},
    },
    state::{Layout, MODULES, Stamps, Tree, VIRTUAL_STORE, modules_yaml, tree::digest},
};

/// So many marks of shared slots are read one after the other.
const FEW: usize = 64;
/// So many projects are read one after the other: no thread is woken for them.
const FEW_PROJECTS: usize = 8;

/// Who made the `node_modules` that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Owner {
    /// There is none.
    #[default]
    Nobody,
    /// We did, and nobody has been there since.
    Ours,
    /// We did, but did not finish.
    Unfinished,
    /// Another tool: its name.
    Foreign(&'static str),
}

/// What is on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disk {
    /// Who made it.
    pub owner: Owner,
    /// Our record, where it holds.
    pub tree: Option<Tree>,
    /// Our record of what is there, though all is to be made anew: what nobody wants any more has to go.
    pub former: Option<Tree>,
    /// The names in a virtual store of the project's own.
    pub slots: HashSet<String>,
    /// Of those that are wanted, which shared slots are complete; whether their packages have scripts to run.
    pub standing: BTreeMap<SnapshotIndex, bool>,
    /// By importer and alias: where the links of wanted and recorded names lead. A name without a link is absent.
    pub links: BTreeMap<String, BTreeMap<String, String>>,
    /// How it was when it was read.
    pub stamps: Stamps,
}

/// What can be read of it before it is known what is wanted.
#[derive(Debug, Default)]
pub struct Before {
    /// `None`: there is no `node_modules`.
    disk: Option<Disk>,
    stamps: Stamps,
}

impl Before {
    /// Reads it.
    ///
    /// # Errors
    /// [`LinkError::ModulesIsSymlink`] if `node_modules` is a link.
    pub fn read(layout: &Layout) -> Result<Self, LinkError> {
        let stamps = Stamps::look(&layout.lockfile_dir);
        let Some(modules) = open_modules(&layout.lockfile_dir)? else { return Ok(Self { disk: None, stamps }) };
        let mut disk = Disk { stamps, ..Disk::default() };
        let virtual_store = modules.open(VIRTUAL_STORE).ok();
        disk.tree = virtual_store.as_ref().and_then(Tree::read);
        disk.owner = owner(&modules, disk.tree.as_ref());
        if disk.owner != Owner::Ours {
            disk.tree = None;
        }
        if let Some(virtual_store) = virtual_store.filter(|_| layout.global.is_none()) {
            let names = virtual_store.names().map_err(LinkError::io("read", layout.virtual_store()))?;
            disk.slots = names.into_iter().collect();
        }
        Ok(Self { disk: Some(disk), stamps })
    }

    /// Our record, where it holds, and who made what is there.
    #[must_use]
    pub fn holds(&self) -> (Option<&Tree>, Owner) {
        self.disk.as_ref().map_or((None, Owner::Nobody), |disk| (disk.tree.as_ref(), disk.owner))
    }

    /// Nothing that is there counts any more.
    pub fn discount(&mut self) {
        self.disk.iter_mut().for_each(|disk| disk.former = disk.tree.take());
    }

    /// What was read, or what is there now if somebody else has changed it since.
    ///
    /// # Errors
    /// As [`Before::read`].
    pub fn or_again(self, layout: &Layout) -> Result<Self, LinkError> {
        if self.stamps == Stamps::look(&layout.lockfile_dir) { Ok(self) } else { Self::read(layout) }
    }
}

/// [`Before`], read on a thread of its own while it is found out what is wanted.
#[derive(Debug)]
pub struct Reading(JoinHandle<Result<Before, LinkError>>);

impl Reading {
    /// Begins; `None` where no thread is to be had.
    #[must_use]
    pub fn begin(layout: &Layout) -> Option<Self> {
        let layout = layout.clone();
        thread::Builder::new().name("disk".to_owned()).spawn(move || Before::read(&layout)).ok().map(Self)
    }

    /// Waits for the end. What somebody else has changed meanwhile is read again.
    ///
    /// # Errors
    /// As [`Before::read`].
    pub fn finish(self, layout: &Layout) -> Result<Before, LinkError> {
        let before = self.0.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        before.or_again(layout)
    }
}

impl Disk {
    /// Reads what is there.
    ///
    /// # Errors
    /// [`LinkError::ModulesIsSymlink`] if `node_modules` of a project is a link.
    pub fn read(layout: &Layout, placement: &Placement) -> Result<Self, LinkError> {
        Self::after(Before::read(layout)?, layout, placement, &Marks::default())
    }

    /// Reads the rest, but for marks of shared slots that are known.
    ///
    /// # Errors
    /// As [`Disk::read`].
    pub fn after(before: Before, layout: &Layout, placement: &Placement, marks: &Marks) -> Result<Self, LinkError> {
        let is_there = before.disk.is_some();
        let mut disk = before.disk.unwrap_or_default();
        disk.read_shared(layout, placement, marks);
        disk.forget_lost(layout, placement);
        if !is_there {
            return Ok(disk);
        }
        let read = |root: &ImporterLinks| {
            let links = disk.read_links(layout, root).transpose()?;
            Some(links.map(|links| (root.importer.as_str().to_owned(), links)))
        };
        let links: Result<Vec<_>, LinkError> = match placement.roots.as_slice() {
            few if few.len() <= FEW_PROJECTS => few.iter().filter_map(read).collect(),
            many => many.par_iter().with_min_len(FEW_PROJECTS).filter_map(read).collect(),
        };
        disk.links = links?.into_iter().collect();
        Ok(disk)
    }

    /// Where the links of one project lead; `None`: it has no `node_modules`.
    fn read_links(&self, layout: &Layout, root: &ImporterLinks) -> Result<Option<BTreeMap<String, String>>, LinkError> {
        let Some(modules) = open_modules(Path::new(&layout.project(&root.importer)))? else { return Ok(None) };
        let recorded = self.tree.as_ref().and_then(|tree| tree.roots.get(root.importer.as_str()));
        let recorded = recorded.into_iter().flat_map(|links| links.keys().map(String::as_str));
        let names: BTreeSet<&str> = root.links.iter().map(|link| link.alias.as_str()).chain(recorded).collect();
        let links = names.into_iter().filter_map(|name| Some((name.to_owned(), read_alias(&modules, name)?)));
        Ok(Some(links.collect()))
    }

    /// Slots of direct dependencies whose package somebody has removed do not count, and are built anew.
    fn forget_lost(&mut self, layout: &Layout, placement: &Placement) {
        let links = placement.roots.iter().flat_map(|root| &root.links);
        let snapshot = |target: &Target| match target {
            Target::Snapshot(index) => Some(*index),
            Target::Directory(_) => None,
        };
        let direct: BTreeSet<SnapshotIndex> = links.filter_map(|link| snapshot(&link.target)).collect();
        for index in direct {
            let snapshot = &placement.snapshots[index as usize];
            let slot = snapshot.slot.as_str();
            let counts = self.standing.contains_key(&index) || self.slots.contains(slot);
            if counts && !Path::new(&format!("{}/{slot}/{MODULES}/{}", layout.slots(), snapshot.name)).exists() {
                self.standing.remove(&index);
                self.slots.remove(slot);
            }
        }
    }

    fn read_shared(&mut self, layout: &Layout, placement: &Placement, marks: &Marks) {
        let Some(reader) = shared::Reader::open(layout, placement) else { return };
        let reader = reader.knowing(marks);
        let (mut standing, mut unknown) = (Vec::with_capacity(placement.snapshots.len()), Vec::new());
        for index in (0..).take(placement.snapshots.len()) {
            match reader.look_at_known(index) {
                Some(sealed) => standing.extend(sealed.map(|sealed| (index, sealed.requires_build))),
                None => unknown.push(index),
            }
        }
        let look = |index: SnapshotIndex| Some((index, reader.look(index)?.requires_build));
        // Where nearly all marks are known no other thread has to be woken.
        match unknown.len() {
            ..FEW => standing.extend(unknown.into_iter().filter_map(look)),
            _ => standing.par_extend(unknown.into_par_iter().with_min_len(32).filter_map(look)),
        }
        self.standing = standing.into_iter().collect();
    }
}

/// `node_modules` of a folder; `None`: there is none.
fn open_modules(project: &Path) -> Result<Option<Folder>, LinkError> {
    let Ok(folder) = Folder::open_path(project) else { return Ok(None) };
    let path = project.join(MODULES);
    match folder.kind(MODULES).map_err(LinkError::io("read", &path))? {
        Some(Kind::Symlink) => Err(LinkError::ModulesIsSymlink { path }),
        None => Ok(None),
        Some(_) => folder.open(MODULES).map(Some).map_err(LinkError::io("open", &path)),
    }
}

fn read_alias(modules: &Folder, alias: &str) -> Option<String> {
    match alias.split_once('/') {
        Some((scope, name)) => modules.open(scope).ok()?.read_link(name),
        None => modules.read_link(alias),
    }
}

fn owner(modules: &Folder, tree: Option<&Tree>) -> Owner {
    let mut text = Vec::new();
    if let Ok(file) = modules.read(modules_yaml::FILE) {
        let _ = file.take(64 << 20).read_to_end(&mut text);
    }
    let has = |name| matches!(modules.kind(name), Ok(Some(_)));
    if has(".package-lock.json") {
        return Owner::Foreign("npm");
    }
    if has(".yarn-state.yml") || has(".yarn-integrity") {
        return Owner::Foreign("yarn");
    }
    if has(".bun") {
        return Owner::Foreign("bun");
    }
    let by_us = text.windows(8).any(|part| part == b"wasi-pm@");
    match tree {
        Some(tree) if tree.modules_yaml == digest(&text) => Owner::Ours,
        Some(_) if text.is_empty() || by_us => Owner::Unfinished,
        Some(_) => Owner::Foreign("another tool"),
        None if !text.is_empty() && !by_us => Owner::Foreign("pnpm"),
        None => {
            let names = modules.names().unwrap_or_default();
            let foreign = names.iter().any(|name| !name.starts_with('.'));
            match (foreign && text.is_empty(), has(VIRTUAL_STORE)) {
                (_, true) => Owner::Unfinished,
                (true, false) => Owner::Foreign("another tool"),
                (false, false) => Owner::Nobody,
            }
        }
    }
}
