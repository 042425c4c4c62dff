//! Finds out what a package asks for that was read off the lockfile, where the ranges count: if what stands below it is
//! not led to where it is locked, or would follow a higher version that a project has chosen.

use std::rc::Rc;
use std::task::Poll;

use crate::facts::Waits;

use super::super::context::Context;
use super::super::edges::{children_of, shadowed};
use super::super::pins::Pins;
use super::super::tree::Resolved;
use super::super::wanted::{self, Wanted};
use super::{From, Parent, Walker};

impl Walker {
    /// Replaces what was read off the lockfile by what the registry says, above edges whose ranges count. What cannot be
    /// had stays as it is locked.
    pub(super) async fn know_ranges(&self, ctx: &Context, from: From, parents: &mut [Parent]) {
        let counts = |parent: &Parent| self.ranges_count(ctx, from, parent);
        let mut open: Vec<(usize, Waits)> =
            (0..parents.len()).filter(|at| counts(&parents[*at])).map(|at| (at, Waits::default())).collect();
        std::future::poll_fn(|_| {
            open.retain_mut(|(at, waits)| {
                let parent = &mut parents[*at];
                match ctx.facts.look(waits, || wanted::resolve(ctx, as_locked(from, parent), &[])) {
                    Poll::Pending => return true,
                    Poll::Ready(Ok(found)) if found.id == parent.seed.resolved.id => {
                        // The lockfile does not say which of its peers the package would bring itself.
                        parent.seed.shadowed = shadowed(ctx, &found.manifest, &parent.aliases);
                        parent.seed.resolved = found;
                    }
                    Poll::Ready(_) => {}
                }
                false
            });
            if open.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn ranges_count(&self, ctx: &Context, from: From, parent: &Parent) -> bool {
        let Resolved { id, manifest, .. } = &*parent.seed.resolved;
        if !self.subtrees.single.has_read(&parent.seed.resolved) {
            return false;
        }
        Pins::below(ctx, parent.seed.edge.prior, id).is_none()
            || children_of(ctx, manifest)
                .iter()
                .any(|edge| self.direct.is_above(ctx, from.importer, edge.alias, edge.specifier))
    }
}

/// The package once more, by its exact version.
fn as_locked(from: From, parent: &Parent) -> Wanted {
    let resolved: &Rc<Resolved> = &parent.seed.resolved;
    Wanted {
        alias: resolved.name,
        specifier: resolved.version,
        optional: parent.seed.edge.optional,
        injected: false,
        direct: false,
        importer: from.importer,
        base: from.importer,
        likely: false,
    }
}
