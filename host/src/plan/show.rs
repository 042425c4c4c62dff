//! The plan as text: grouped, and short where much is done.

use std::fmt;

use super::{Base, Plan};
use crate::{report::event::RootChange, state::disk::Owner};

/// More lines of one kind are counted, not shown.
const SHOWN: usize = 20;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.base {
            Base::Anew(Owner::Foreign(tool)) => {
                writeln!(f, "node_modules was made by {tool}: it is built anew aside, then swapped")?;
            }
            Base::Anew(Owner::Ours) => {
                writeln!(f, "store or layout settings have changed: node_modules is built anew aside, then swapped")?;
            }
            Base::Anew(_) => {
                writeln!(f, "node_modules was not finished: it is built anew aside, then swapped")?;
            }
            Base::Empty | Base::Update if self.is_empty() => return writeln!(f, "Nothing to do"),
            Base::Empty | Base::Update => {}
        }
        writeln!(f, "Packages: +{} -{}", self.changes.added, self.changes.removed)?;
        let relinked = self.slots.len() - self.changes.added;
        if relinked > 0 {
            writeln!(f, "Packages to build again: {relinked}")?;
        }
        show_roots(f, "-", &self.changes.roots_removed)?;
        show_roots(f, "+", &self.changes.roots_added)?;
        let repaired: usize = self.roots.iter().map(|root| root.links.put.len()).sum();
        let hoisted = if self.base == Base::Update { self.hoisted.put.len() } else { self.tree.hoisted.len() };
        writeln!(f, "Links in projects: {repaired}; hoisted links: {hoisted}")?;
        for slot in self.removed_slots.iter().take(SHOWN) {
            writeln!(f, "remove .pnpm/{slot}")?;
        }
        if self.removed_slots.len() > SHOWN {
            writeln!(f, "... and {} more to remove", self.removed_slots.len() - SHOWN)?;
        }
        Ok(())
    }
}

fn show_roots(f: &mut fmt::Formatter<'_>, sign: &str, roots: &[RootChange]) -> fmt::Result {
    for root in roots.iter().take(SHOWN) {
        writeln!(f, "{sign} {} {}", root.name, root.version.as_deref().unwrap_or("(linked)"))?;
    }
    if roots.len() > SHOWN {
        writeln!(f, "{sign} ... and {} more", roots.len() - SHOWN)?;
    }
    Ok(())
}
