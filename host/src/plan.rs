//! What is to be done to `node_modules`: a [`Placement`] compared with what is on disk gives a list of actions, which
//! `link` carries out and `--dry-run` prints. Pure: it reads nothing and changes nothing.

mod identity;
mod show;

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use crate::{
    graph::{ImporterLinks, Placement, RootLink, Snapshot, SnapshotIndex, Source, Target},
    link::relative::{join, relative},
    report::event::RootChange,
    state::{
        Disk, Layout, Stamps, Tree,
        disk::Owner,
        tree::{PackageRecord, RootRecord, SlotRecord},
    },
};

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What it starts from.
    pub base: Base,
    /// Packages to build or to link anew.
    pub slots: Vec<SlotChange>,
    /// Slots that stand and are used as they are, so that nothing of the store is needed for them; whether their
    /// packages have scripts to run.
    pub reused: BTreeMap<SnapshotIndex, bool>,
    /// Slots to remove; shared ones are left to `store prune`.
    pub removed_slots: Vec<String>,
    /// What changes in each project's `node_modules`, in the placement's order; all projects are named.
    pub roots: Vec<RootPlan>,
    /// What changes among the private hoisted links of a tree that is updated.
    pub hoisted: LinkPlan,
    /// The record of what stands there, where it holds, and how it was when it was read.
    pub before: (Option<Tree>, Stamps),
    /// What will stand there afterwards; names of shims and the digest of `.modules.yaml` are filled in by `link`
    /// and `state`.
    pub tree: Tree,
    /// Packages that come and go, with their direct names for the summary.
    pub changes: Changes,
}

/// What a plan starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// There is nothing yet.
    Empty,
    /// What is there cannot be built on: all is built aside and swapped. With who made it.
    Anew(Owner),
    /// A tree of ours.
    Update,
}

/// One slot to work on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotChange {
    /// Which package.
    pub snapshot: SnapshotIndex,
    /// What is done.
    pub action: SlotAction,
}

/// What is done to a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SlotAction {
    /// It is new.
    Create,
    /// Another content under the same name.
    Replace,
    /// The same content, other links: it is built anew too, since files are but links.
    Relink,
}

/// Symbolic links of one folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkPlan {
    /// Alias and target of those to make or to point elsewhere.
    pub put: Vec<(String, String)>,
    /// Aliases to remove.
    pub removed: Vec<String>,
}

/// What changes in one project's `node_modules`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootPlan {
    /// Whose: its place in the placement's `roots`; `None` for a project that is no longer there.
    pub root: Option<usize>,
    /// Whose.
    pub importer: String,
    /// Its links.
    pub links: LinkPlan,
}

/// What the user is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Packages that are added, or put in the place of others.
    pub added: usize,
    /// Packages that are removed, or have others in their place.
    pub removed: usize,
    /// Direct dependencies that come.
    pub roots_added: Vec<RootChange>,
    /// Direct dependencies that go.
    pub roots_removed: Vec<RootChange>,
}

impl Plan {
    /// Compares what is [`wanted`] with what is there.
    #[must_use]
    pub fn new(placement: &Placement, layout: &Layout, wanted: Tree, disk: Disk) -> Self {
        let plan = Self::differences(placement, layout, wanted, &disk);
        Self { before: (disk.tree, disk.stamps), ..plan }
    }

    fn differences(placement: &Placement, layout: &Layout, mut tree: Tree, disk: &Disk) -> Self {
        let base = Base::of((disk.tree.as_ref(), disk.owner), &tree);
        let previous = disk.tree.as_ref().filter(|_| base == Base::Update);
        let shared = layout.global.is_some();
        let nothing = Tree::default();
        let old = previous.unwrap_or(&nothing);
        // Links and shims of projects are replaced one by one, even where all is made anew.
        let there = disk.tree.as_ref().or(disk.former.as_ref()).unwrap_or(&nothing);
        tree.bins.clone_from(&there.bins);
        let slots = match shared {
            true => shared_slot_changes(placement, disk),
            false => slot_changes(placement, &tree, old, disk, base),
        };
        let removed_slots: Vec<String> =
            old.slots.keys().filter(|slot| !tree.slots.contains_key(*slot)).cloned().collect();
        let added = match shared {
            true => tree.slots.keys().filter(|slot| !old.slots.contains_key(*slot)).count(),
            false => slots.iter().filter(|change| change.action == SlotAction::Create).count(),
        };
        let replaced = slots.iter().filter(|change| is_replaced(placement, change)).count();
        let counts = (added + replaced, removed_slots.len() + replaced);
        let changes = changes(placement, layout, &tree, disk, counts);
        Self {
            base,
            roots: root_plans(placement, &tree, there, disk, base),
            hoisted: match base {
                Base::Update => difference(&old.hoisted, &tree.hoisted, |target| target, None),
                Base::Empty | Base::Anew(_) => LinkPlan::default(),
            },
            reused: if shared { reused(placement, disk) } else { untouched(placement, &slots, old) },
            slots,
            removed_slots: if shared { Vec::new() } else { removed_slots },
            before: (None, disk.stamps),
            tree,
            changes,
        }
    }

    /// There is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.base == Base::Update
            && self.slots.is_empty()
            && self.removed_slots.is_empty()
            && self.hoisted.is_empty()
            && self.roots.iter().all(|root| root.links.is_empty())
    }
}

impl Base {
    /// What is built on where this is there and that is wanted.
    #[must_use]
    pub fn of((there, owner): (Option<&Tree>, Owner), wanted: &Tree) -> Self {
        match (there.filter(|tree| tree.shape == wanted.shape), owner) {
            (Some(_), _) => Self::Update,
            (None, Owner::Nobody) => Self::Empty,
            (None, owner) => Self::Anew(owner),
        }
    }
}

impl LinkPlan {
    /// There is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.put.is_empty() && self.removed.is_empty()
    }
}

/// Makes the texts of links.
#[derive(Debug)]
pub struct LinkTexts<'a> {
    placement: &'a Placement,
    root: String,
    slots: String,
}

impl<'a> LinkTexts<'a> {
    /// For a placement that is laid out like this.
    #[must_use]
    pub fn new(placement: &'a Placement, layout: &Layout) -> Self {
        Self { placement, root: layout.root(), slots: layout.slots() }
    }

    /// The text of a link to a package or a project, from the folder `node_modules` at `from`, for an alias in it.
    #[must_use]
    pub fn text(&self, from: &str, alias: &str, target: &Target) -> String {
        let to = match target {
            Target::Snapshot(index) => {
                let snapshot = &self.placement.snapshots[*index as usize];
                format!("{}/{}/node_modules/{}", self.slots, snapshot.slot, snapshot.name)
            }
            Target::Directory(importer) => join(&self.root, importer.as_str()),
        };
        match alias.split_once('/') {
            Some((scope, _)) => relative(&format!("{from}/{scope}"), &to),
            None => relative(from, &to),
        }
    }
}

/// The texts of many links from one folder `node_modules`.
struct FolderTexts<'a> {
    texts: &'a LinkTexts<'a>,
    from: String,
    /// From it to the slots; `None`: it is among them, and the way to some is shorter.
    way: Option<String>,
}

impl<'a> FolderTexts<'a> {
    fn new(texts: &'a LinkTexts<'a>, from: String) -> Self {
        let below = from.strip_prefix(&texts.slots);
        let is_among = below.is_some_and(|below| below.starts_with('/') && below != "/node_modules");
        let is_around = texts.slots.starts_with(&format!("{from}/@"));
        let way = (!is_among && !is_around).then(|| relative(&from, &texts.slots));
        Self { texts, from, way }
    }

    fn text(&self, alias: &str, target: &Target) -> String {
        match (target, &self.way) {
            (Target::Snapshot(index), Some(way)) => {
                let snapshot = &self.texts.placement.snapshots[*index as usize];
                let up = if alias.contains('/') { "../" } else { "" };
                [up, way, "/", snapshot.slot.as_str(), "/node_modules/", snapshot.name.as_str()].concat()
            }
            _ => self.texts.text(&self.from, alias, target),
        }
    }
}

/// Whether other bytes take the place of a package. A copied folder is made anew in each run, and nobody is told.
fn is_replaced(placement: &Placement, change: &SlotChange) -> bool {
    let is_copy = || matches!(placement.snapshots[change.snapshot as usize].source, Source::Directory(_));
    change.action == SlotAction::Replace && !is_copy()
}

/// What will stand in `node_modules`.
#[must_use]
pub fn wanted(placement: &Placement, layout: &Layout) -> Tree {
    let shape = identity::shape(layout);
    let texts = LinkTexts::new(placement, layout);
    let mut tree = Tree { shape, ..Tree::default() };
    let slot = |snapshot: &Snapshot| {
        let record = match layout.global {
            Some(_) => SlotRecord::default(), // its name says all
            None => SlotRecord {
                identity: identity::content(snapshot),
                edges: identity::edges(snapshot, placement),
                package: PackageRecord::default(),
            },
        };
        (snapshot.slot.as_str().to_owned(), record)
    };
    tree.slots = Arc::new(placement.snapshots.iter().map(slot).collect());
    for ImporterLinks { importer, links } in &placement.roots {
        let texts = FolderTexts::new(&texts, layout.modules(importer));
        let record = |link: &RootLink| RootRecord {
            target: texts.text(link.alias.as_str(), &link.target),
            real_name: link.real_name.as_str().to_owned(),
            version: link.version.clone(),
            group: Some(link.group),
        };
        let records = links.iter().map(|link| (link.alias.as_str().to_owned(), record(link))).collect();
        tree.roots.insert(importer.as_str().to_owned(), records);
    }
    let private = FolderTexts::new(&texts, format!("{}/node_modules", layout.virtual_store()));
    let public = FolderTexts::new(&texts, format!("{}/node_modules", layout.root()));
    let mut hoisted = BTreeMap::new();
    for link in &placement.hoisted {
        let alias = link.alias.as_str();
        if !link.public {
            let target = private.text(alias, &link.target);
            hoisted.entry(alias.to_owned()).or_insert(target);
            continue;
        }
        let target = public.text(alias, &link.target);
        let record = RootRecord { target, real_name: alias.to_owned(), version: None, group: None };
        tree.roots.entry(".".to_owned()).or_default().entry(alias.to_owned()).or_insert(record);
    }
    tree.hoisted = Arc::new(hoisted);
    tree
}

fn slot_changes(placement: &Placement, wanted: &Tree, old: &Tree, disk: &Disk, base: Base) -> Vec<SlotChange> {
    let action = |slot: &str| {
        let Some(before) = old.slots.get(slot).filter(|_| base == Base::Update) else {
            return Some(SlotAction::Create);
        };
        let after = &wanted.slots[slot];
        if !disk.slots.contains(slot) {
            return Some(SlotAction::Create);
        }
        if before.identity != after.identity {
            return Some(SlotAction::Replace);
        }
        (before.edges != after.edges).then_some(SlotAction::Relink)
    };
    let mut seen = HashSet::new();
    let snapshots = (0..).zip(&placement.snapshots);
    snapshots
        .filter(|(_, snapshot)| seen.insert(snapshot.slot.as_str()))
        .filter_map(|(snapshot, at)| {
            let action = match (action(at.slot.as_str()), &at.source) {
                (None, Source::Directory(_)) => Some(SlotAction::Replace), // nothing says whether the folder changed
                (action, _) => action,
            };
            Some(SlotChange { snapshot, action: action? })
        })
        .collect()
}

/// Shared slots that are not complete, and those of folders, which may have changed.
fn shared_slot_changes(placement: &Placement, disk: &Disk) -> Vec<SlotChange> {
    let mut seen = HashSet::new();
    let snapshots = (0..).zip(&placement.snapshots);
    snapshots
        .filter_map(|(snapshot, at)| {
            let action = match (&at.source, disk.standing.contains_key(&snapshot)) {
                (Source::Directory(_), true) => SlotAction::Replace,
                (_, false) => SlotAction::Create,
                (_, true) => return None,
            };
            seen.insert(at.slot.as_str()).then_some(SlotChange { snapshot, action })
        })
        .collect()
}

fn reused(placement: &Placement, disk: &Disk) -> BTreeMap<SnapshotIndex, bool> {
    let is_folder = |index: SnapshotIndex| matches!(placement.snapshots[index as usize].source, Source::Directory(_));
    let standing = disk.standing.iter().filter(|(index, _)| !is_folder(**index));
    standing.map(|(index, builds)| (*index, *builds)).collect()
}

/// Slots of a project's own that stay as they are. Those with executables are left to the store, since `.bin` folders
/// are made anew.
fn untouched(placement: &Placement, changes: &[SlotChange], old: &Tree) -> BTreeMap<SnapshotIndex, bool> {
    let touched: HashSet<&str> =
        changes.iter().map(|change| placement.snapshots[change.snapshot as usize].slot.as_str()).collect();
    let standing = (0..).zip(&placement.snapshots).filter(|(_, at)| !touched.contains(at.slot.as_str()));
    let records = standing.filter_map(|(index, at)| Some((index, old.slots.get(at.slot.as_str())?.package)));
    records.filter(|(_, package)| !package.bins).map(|(index, package)| (index, package.builds)).collect()
}

fn root_plans(placement: &Placement, wanted: &Tree, old: &Tree, disk: &Disk, base: Base) -> Vec<RootPlan> {
    let nothing = BTreeMap::new();
    let mut plans = Vec::new();
    for (at, root) in placement.roots.iter().enumerate() {
        let importer = root.importer.as_str();
        let before = old.roots.get(importer).unwrap_or(&nothing);
        let after = wanted.roots.get(importer).unwrap_or(&nothing);
        let absent = BTreeMap::new();
        let on_disk = disk.links.get(importer).filter(|_| base == Base::Update).unwrap_or(&absent);
        let links = difference(before, after, |record| &record.target, Some(on_disk));
        plans.push(RootPlan { root: Some(at), importer: importer.to_owned(), links });
    }
    for (importer, records) in old.roots.iter().filter(|(importer, _)| !wanted.roots.contains_key(*importer)) {
        let links = LinkPlan { put: Vec::new(), removed: records.keys().cloned().collect() };
        plans.push(RootPlan { root: None, importer: importer.clone(), links });
    }
    plans
}

/// What leads from one set of links to another; with what the disk really has, also what is amiss there. `target` says
/// where a link leads.
fn difference<Link>(
    old: &BTreeMap<String, Link>,
    wanted: &BTreeMap<String, Link>,
    target: impl Fn(&Link) -> &String,
    disk: Option<&BTreeMap<String, String>>,
) -> LinkPlan {
    let holds = |alias: &String, wanted: &String| match disk {
        Some(disk) => disk.get(alias) == Some(wanted),
        None => old.get(alias).map(&target) == Some(wanted),
    };
    let put = wanted.iter().map(|(alias, link)| (alias, target(link))).filter(|(alias, target)| !holds(alias, target));
    LinkPlan {
        put: put.map(|(alias, target)| (alias.clone(), target.clone())).collect(),
        removed: old.keys().filter(|alias| !wanted.contains_key(*alias)).cloned().collect(),
    }
}

fn changes(
    placement: &Placement,
    layout: &Layout,
    wanted: &Tree,
    disk: &Disk,
    (added, removed): (usize, usize),
) -> Changes {
    let nothing = Tree::default();
    let old = disk.tree.as_ref().unwrap_or(&nothing);
    let at = layout.root();
    let mut changes = Changes { added, removed, ..Changes::default() };
    for root in &placement.roots {
        let prefix = join(&at, root.importer.as_str());
        let before = old.roots.get(root.importer.as_str());
        for link in &root.links {
            let was = before.and_then(|links| links.get(link.alias.as_str()));
            let now = wanted.roots.get(root.importer.as_str()).and_then(|links| links.get(link.alias.as_str()));
            if was.map(|record| &record.target) == now.map(|record| &record.target) {
                continue;
            }
            if let Some(was) = was {
                changes.roots_removed.push(removed_root(&prefix, link.alias.as_str(), was));
            }
            let version = link.version.clone();
            changes.roots_added.push(RootChange {
                prefix: prefix.clone(),
                name: link.alias.as_str().to_owned(),
                real_name: link.real_name.as_str().to_owned(),
                latest: link.latest.clone().filter(|latest| Some(latest) != version.as_ref()),
                version,
                group: Some(link.group),
                linked_from: match &link.target {
                    Target::Directory(importer) => Some(join(&at, importer.as_str())),
                    Target::Snapshot(_) => None,
                },
            });
        }
        let wanted = &wanted.roots[root.importer.as_str()];
        let before = before.or_else(|| disk.former.as_ref()?.roots.get(root.importer.as_str()));
        let gone = before.into_iter().flatten().filter(|(alias, _)| !wanted.contains_key(*alias));
        let gone = gone.filter(|(_, record)| record.group.is_some());
        changes.roots_removed.extend(gone.map(|(alias, record)| removed_root(&prefix, alias, record)));
    }
    changes
}

fn removed_root(prefix: &str, alias: &str, record: &RootRecord) -> RootChange {
    RootChange {
        prefix: prefix.to_owned(),
        name: alias.to_owned(),
        real_name: record.real_name.clone(),
        version: record.version.clone(),
        group: record.group,
        latest: None,
        linked_from: None,
    }
}

#[cfg(test)]
mod tests;
