//! What stands among shared slots, looked at before it is known which of them are wanted: a resolution that picks a
//! version has time to spare, and none is left when it ends.

use std::{collections::HashMap, path::Path};

use wit::PackageName;

use super::{Hold, MARK, open_lock};
use crate::link::{Folder, folder::Identity};

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
    by_slot: HashMap<String, String>,
    /// The folder of shared slots that they are of.
    folder: Option<Identity>,
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
                marks.by_slot.insert(format!("{way}/{name}"), mark);
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
    #[must_use]
    pub fn of(&self, slot: &str) -> Option<&str> {
        self.by_slot.get(slot).map(String::as_str)
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
