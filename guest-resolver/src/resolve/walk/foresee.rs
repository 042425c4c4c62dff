//! Who asks first. The project that is the first to come to a package is the first to ask for what lies below it, and
//! for what would lie below that if no version chosen above counted, down to the last: its preferences decide for all
//! projects that come to the same edges later.

use std::rc::Rc;
use std::task::Poll;

use wit::guest::wasi_pm::resolver::types::Failure;

use crate::facts::Waits;
use crate::intern::Symbol;
use crate::specifier::Specifier;

use super::super::context::{Context, MAX_DEPTH};
use super::super::edges::{Edge, Shadowed, children_of};
use super::super::pins::Pins;
use super::super::tree::{PackageId, Resolved};
use super::super::wanted::{self, Wanted};
use super::{From, Seed, Walker};

/// A package that a project has come to.
#[derive(Debug)]
pub(super) struct Reached {
    package: PackageId,
    resolved: Rc<Resolved>,
    shadowed: Shadowed,
    /// What the lockfile has for the edge that leads to it.
    prior: Option<Symbol>,
    depth: i32,
}

impl Walker {
    /// Notes what a level of the walk has come to, until it is [foreseen](Self::foresee).
    pub(super) fn reach(&mut self, ctx: &Context, seeds: &[Seed]) {
        if ctx.projects.len() < 2 {
            return;
        }
        let walked = seeds.iter().filter(|seed| seed.taken.is_none() && !seed.resolved.is_link());
        self.reached.push(
            walked
                .map(|seed| Reached {
                    package: seed.package,
                    resolved: Rc::clone(&seed.resolved),
                    shadowed: Rc::clone(&seed.shadowed),
                    prior: seed.edge.prior,
                    depth: seed.depth,
                })
                .collect(),
        );
    }

    /// Notes that a project has come to what lies below all that it has reached; waits for the facts that tell what
    /// this is. Done once for all levels, because as long as one project is walked nobody else asks.
    ///
    /// # Errors
    /// The graph is too large to be meant.
    pub(super) async fn foresee(&mut self, ctx: &Context, from: From) -> Result<(), Failure> {
        for level in std::mem::take(&mut self.reached) {
            self.foresee_level(ctx, from, &level).await?;
        }
        Ok(())
    }

    async fn foresee_level(&mut self, ctx: &Context, from: From, level: &[Reached]) -> Result<(), Failure> {
        let mut open: Vec<Open> = Vec::new();
        for reached in level {
            if !self.foreseen.insert(Rc::clone(&reached.resolved.id)) {
                continue;
            }
            let edges = self.all_edges(ctx, reached.package, &reached.resolved);
            let seen = edges.iter().filter(|edge| edge.optional || !reached.shadowed.contains(&edge.alias));
            // What lies below a locked package is locked too: it is waited for no longer than the walk itself does.
            if Pins::below(ctx, reached.prior, &reached.resolved.id).is_some() {
                seen.for_each(|edge| wanted::foresee(ctx, from.importer, edge));
            } else {
                ask(ctx, from, (seen, reached.depth + 1), &mut open);
            }
        }
        std::future::poll_fn(|_| {
            let mut waiting = Vec::new();
            while let Some((edge, depth, mut waits)) = open.pop() {
                match ctx.facts.look(&mut waits, || wanted::resolve(ctx, likely(from, &edge), &[])) {
                    Poll::Pending => waiting.push((edge, depth, waits)),
                    // Of a graph that never ends the walk itself says so.
                    Poll::Ready(Ok(found)) if depth < MAX_DEPTH && self.foreseen.insert(found.id.clone()) => {
                        ctx.spend(1)?;
                        let peers = &found.manifest.peer_dependencies;
                        let below = children_of(ctx, &found.manifest);
                        let seen =
                            below.iter().filter(|edge| edge.optional || !peers.contains_key(&*ctx.text(edge.alias)));
                        ask(ctx, from, (seen, depth + 1), &mut open);
                    }
                    Poll::Ready(_) => {}
                }
            }
            open = waiting;
            if open.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending }
        })
        .await
    }
}

/// An edge that is looked at, how far it is from the project, and what it waits for.
type Open = (Edge, i32, Waits);

/// Asks for edges, and leaves those open that lead to a registry.
fn ask<'a>(ctx: &Context, from: From, (edges, depth): (impl Iterator<Item = &'a Edge>, i32), open: &mut Vec<Open>) {
    for edge in edges {
        wanted::foresee(ctx, from.importer, edge);
        if matches!(&*ctx.specifier(edge.alias, edge.specifier), Specifier::Registry { .. }) {
            open.push((edge.clone(), depth, Waits::default()));
        }
    }
}

/// An edge of which nothing is known but who asks.
fn likely(from: From, edge: &Edge) -> Wanted {
    Wanted {
        alias: edge.alias,
        specifier: edge.specifier,
        optional: edge.optional,
        injected: false,
        direct: false,
        importer: from.importer,
        base: from.importer,
        likely: true,
    }
}
