//! What stands among shared slots, looked at before it is known which of them are wanted: a resolution that picks a
//! version has time to spare, and none is left when it ends.

use std::{collections::HashMap, path::Path};

use wit::PackageName;

use super::{BUILD, Hold, MARK, open_lock, seal};
use crate::{
    graph::{Snapshot, SnapshotIndex, Target},
    link::{Folder, folder::Identity},
};

/// So many slots of one version are looked at; where there are more, the others are when they turn out to be wanted.
const FEW: usize = 4;

/// The folder of shared slots.
#[derive(Debug)]
pub struct Standing {
    links: Folder,
    /// `store prune` leaves it alone as long as this lives; `None` where it is at work already.
    hold: Option<Hold>,
}

/// Marks by slot, as they were read while `store prune` was kept away.
#[derive(Debug, Default)]
pub struct Marks {
    by_slot: HashMap<String, Mark>,
    /// The folder of shared slots that they are of.
    folder: Option<Identity>,
    /// So many snapshots of the placement have been held to their marks.
    judged: usize,
}

/// What a slot says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) text: String,
    /// It says that the slot has the links that are wanted.
    pub(super) is_right: bool,
}

impl Standing {
    /// `None` if there is no such folder yet. It is not waited for.
    #[must_use]
    pub fn open(links: &Path) -> Option<Self> {
        let links = Folder::open_path(links).ok()?;
        let lock = open_lock(&links).ok();
        let hold = lock.and_then(|file| file.try_lock_shared().is_ok().then(|| Hold(file)));
        Some(Self { links, hold })
    }

    /// Some slot of this version has a name here: most likely the one that will be wanted.
    #[must_use]
    pub fn has(&self, name: &PackageName, version: &str) -> bool {
        self.links.has_folder_below(&way(name, version))
    }

    /// Some slot of this version stands, and is complete as far as that is seen; notes the marks of those that are.
    pub fn look(&self, name: &PackageName, version: &str, marks: &mut Marks) -> bool {
        if self.hold.is_none() {
            return self.has(name, version);
        }
        let way = way(name, version);
        let Ok(slots) = self.links.open_way(&way) else { return false };
        let names = slots.first_names(FEW).unwrap_or_default();
        let known = marks.by_slot.len();
        for name in &names {
            if let Some(mark) = slots.read_link_below(name, MARK) {
                marks.by_slot.insert(format!("{way}/{name}"), Mark { text: mark, is_right: false });
            }
        }
        if marks.folder.is_none() {
            marks.folder = self.links.identity().ok();
        }
        names.len() == FEW || marks.by_slot.len() > known
    }
}

impl Marks {
    /// The mark of a slot, if it was looked at and had one.
    pub(crate) fn get(&self, slot: &str) -> Option<&Mark> {
        self.by_slot.get(slot)
    }

    /// Holds the next of the snapshots of a placement, of which these have come, to its mark; `false`: there is none that
    /// could be, because what it depends on has not come yet.
    pub fn judge_next(&mut self, come: &[Snapshot]) -> bool {
        let Some(snapshot) = come.get(self.judged) else { return false };
        let has_come = |target: &Target| !matches!(target, Target::Snapshot(to) if *to as usize >= come.len());
        if !snapshot.dependencies.iter().all(|link| has_come(&link.target)) {
            return false;
        }
        if let Some(mark) = self.by_slot.get_mut(snapshot.slot.as_str())
            && let Ok(index) = SnapshotIndex::try_from(self.judged)
        {
            mark.is_right = mark.text == seal(come, index, mark.text.ends_with(BUILD));
        }
        self.judged += 1;
        true
    }

    /// They are of this folder, and of no other that has taken its place since.
    pub(super) fn are_of(&self, links: &Folder) -> bool {
        self.folder.is_some_and(|folder| links.identity().is_ok_and(|identity| identity == folder))
    }
}

/// From the folder of shared slots to those of a version.
fn way(name: &PackageName, version: &str) -> String {
    let unscoped = if name.scope().is_some() { "" } else { "@/" };
    format!("{unscoped}{name}/{version}")
}
