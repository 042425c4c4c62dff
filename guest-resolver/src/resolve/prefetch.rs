//! Looks ahead: as soon as a manifest is known, what its dependencies will need is asked for, although decisions above
//! may still be pending. What it finds decides nothing.

use std::cell::RefCell;
use std::task::Poll;

use crate::facts::Waits;
use crate::intern::NumberSet;
use crate::intern::Symbol;
use crate::specifier::Specifier;

use super::context::Context;
use super::cutoff;
use super::edges::{Edge, children_of};
use super::wanted::{self, Wanted};

/// Edges that have been looked at, and those that still wait for a fact.
#[derive(Debug, Default)]
pub struct Prefetch {
    seen: RefCell<NumberSet<(Symbol, Symbol, bool)>>,
    waiting: RefCell<Vec<(Symbol, Edge, Waits)>>,
}

impl Prefetch {
    /// Looks at edges of a project.
    pub fn add<'a>(&self, importer: Symbol, edges: impl Iterator<Item = &'a Edge>) {
        let mut waiting = self.waiting.borrow_mut();
        let mut seen = self.seen.borrow_mut();
        waiting.extend(
            edges
                .filter(|edge| seen.insert((edge.alias, edge.specifier, edge.optional)))
                .map(|edge| (importer, edge.clone(), Waits::default())),
        );
    }

    /// Goes on as far as the facts reach.
    pub fn run(&self, ctx: &Context) {
        if cutoff::is_open(ctx) {
            return;
        }
        let mut open = self.waiting.take();
        let mut still = Vec::new();
        while let Some((importer, edge, mut waits)) = open.pop() {
            if !matches!(&*ctx.specifier(edge.alias, edge.specifier), Specifier::Registry { .. }) {
                continue;
            }
            let wanted = Wanted {
                alias: edge.alias,
                specifier: edge.specifier,
                optional: edge.optional,
                injected: false,
                direct: false,
                importer,
                base: importer,
                likely: true,
            };
            match ctx.facts.look(&mut waits, || wanted::resolve(ctx, wanted, &[])) {
                Poll::Pending => still.push((importer, edge, waits)),
                Poll::Ready(Err(_)) => {}
                Poll::Ready(Ok(resolved)) => {
                    let mut seen = self.seen.borrow_mut();
                    let below = children_of(ctx, &resolved.manifest);
                    let shadowed = |edge: &Edge| {
                        !edge.optional && resolved.manifest.peer_dependencies.contains_key(&*ctx.text(edge.alias))
                    };
                    open.extend(
                        below
                            .iter()
                            .filter(|edge| !shadowed(edge))
                            .filter(|edge| seen.insert((edge.alias, edge.specifier, edge.optional)))
                            .map(|edge| (importer, edge.clone(), Waits::default())),
                    );
                }
            }
        }
        *self.waiting.borrow_mut() = still;
    }
}
