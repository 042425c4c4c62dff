//! Finds out what a package asks for that was read off the lockfile, where the ranges count: if what stands below it is
//! not led to where it is locked, or would follow a higher version that a project has chosen.

use std::rc::Rc;
use std::task::Poll;

use wit::guest::wasi_pm::resolver::types::Failure;

use crate::facts::Waits;

use super::super::context::Context;
use super::super::edges::{children_of, shadowed};
use super::super::explain;
use super::super::pins::Pins;
use super::super::tree::Resolved;
use super::super::wanted::{self, Wanted};
use super::decide::way;
use super::{From, Parent, Seed, Walker};

impl Walker {
    /// Replaces what was read off the lockfile by what the registry says, above edges whose ranges count. What is not
    /// there any more, and what may not be asked for, stays as it is locked.
    ///
    /// # Errors
    /// If the registry says nothing: another time it would, and lead elsewhere. The first in order.
    pub(super) async fn know_ranges(&self, ctx: &Context, from: From, parents: &mut [Parent]) -> Result<(), Failure> {
        let counts = |parent: &Parent| self.ranges_count(ctx, from, parent);
        let mut open: Vec<(usize, Waits)> =
            (0..parents.len()).filter(|at| counts(&parents[*at])).map(|at| (at, Waits::default())).collect();
        let mut failed: Option<(usize, Failure)> = None;
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
                    Poll::Ready(Err(failure)) if !parent.seed.edge.optional && !explain::is_absence(&failure) => {
                        if failed.as_ref().is_none_or(|(first, _)| *at < *first) {
                            failed = Some((*at, failure));
                        }
                    }
                    Poll::Ready(_) => {}
                }
                false
            });
            if open.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        let Some((at, failure)) = failed else { return Ok(()) };
        let Seed { edge, ancestors, .. } = &parents[at].seed;
        Err(explain::by_whom(failure, way(ctx, from, ancestors.as_ref(), edge, &self.tree)))
    }

    fn ranges_count(&self, ctx: &Context, from: From, parent: &Parent) -> bool {
        let Resolved { id, manifest, as_locked, .. } = &*parent.seed.resolved;
        if !as_locked {
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
