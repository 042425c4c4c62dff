//! What stands among shared slots, looked at before it is known which of them are wanted: a resolution that picks a
//! version has time to spare, and none is left when it ends.

use std::{collections::HashMap, path::Path};

use wit::PackageName;

use super::{Hold, MARK, lock};
use crate::link::Folder;

/// So many slots of one version are looked at; where there are more, the others are when they turn out to be wanted.
const FEW: usize = 4;

/// The folder of shared slots, which `store prune` leaves alone as long as this lives.
#[derive(Debug)]
pub struct Standing {
    links: Folder,
    _hold: Hold,
}

/// Marks by slot, as they were read while `store prune` was kept away.
#[derive(Debug, Default)]
pub struct Marks(HashMap<String, String>);

impl Standing {
    /// `None` if there is no such folder yet.
    #[must_use]
    pub fn open(links: &Path) -> Option<Self> {
        let links = Folder::open_path(links).ok()?;
        let hold = lock(&links).ok()?;
        Some(Self { links, _hold: hold })
    }

    /// Some slot of this version has a name here: most likely the one that will be wanted.
    #[must_use]
    pub fn has(&self, name: &PackageName, version: &str) -> bool {
        self.links.has_folder_below(&way(name, version))
    }

    /// As [`Standing::has`], and notes the marks of its slots.
    pub fn look(&self, name: &PackageName, version: &str, marks: &mut Marks) -> bool {
        let way = way(name, version);
        let Ok(slots) = self.links.open_below_to_list(&way) else { return false };
        let names = slots.first_names(FEW).unwrap_or_default();
        for name in &names {
            if let Some(mark) = slots.read_link_below(name, MARK) {
                marks.0.insert(format!("{way}/{name}"), mark);
            }
        }
        !names.is_empty()
    }
}

impl Marks {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The mark of a slot, if it was looked at and had one.
    pub(super) fn of(&self, slot: &str) -> Option<&str> {
        self.0.get(slot).map(String::as_str)
    }
}

/// From the folder of shared slots to those of a version.
fn way(name: &PackageName, version: &str) -> String {
    let unscoped = if name.scope().is_some() { "" } else { "@/" };
    format!("{unscoped}{name}/{version}")
}
