//! Decides the edges of a level: the only place of the walk that waits.

use std::rc::Rc;
use std::task::Poll;

use wit::guest::exports::wasi_pm::resolver::resolution::{SkipReason, Skipped};
use wit::guest::wasi_pm::resolver::types::Failure;

use crate::facts::Waits;
use crate::specifier::{Specifier, Want};

use super::super::context::Context;
use super::super::edges::Edge;
use super::super::subtree::Subtrees;
use super::super::tree::{Resolved, Tree};
use super::super::wanted::{self, Chosen, Wanted};
use super::super::{exotic, explain, pins, unvouched};
use super::{Chain, From, Overlay, chain_to_root};

/// Where an edge leads.
#[derive(Debug)]
pub(super) enum Found {
    /// To a package that was picked.
    Picked(Rc<Resolved>),
    /// To one that the lockfile holds with all below it; its key there.
    Taken(Rc<str>),
}

/// Decides all edges of a level; waits for facts. `None`: an optional one that cannot be had.
pub(super) async fn decide<'a>(
    ctx: &Context,
    from: From,
    asked: &[(usize, Edge)],
    overlay: impl Fn(usize) -> Option<&'a Rc<Overlay>>,
    place: impl Fn(usize) -> (Option<&'a Rc<Chain>>, i32),
    (tree, subtrees): (&Tree, &Subtrees),
) -> Result<Vec<Option<Found>>, Failure> {
    let mut found: Vec<Option<Result<Found, Failure>>> = asked.iter().map(|_| None).collect();
    let mut waits = vec![Waits::default(); asked.len()];
    std::future::poll_fn(|_| {
        let mut all = true;
        for (((at, edge), slot), waits) in asked.iter().zip(&mut found).zip(&mut waits) {
            if slot.is_some() {
                continue;
            }
            let (chain, depth) = place(*at);
            let parent = chain.map(|link| &*tree.package(link.package).resolved);
            if let Some(refused) = exotic::refused(ctx, edge, parent) {
                *slot = Some(Err(refused));
                continue;
            }
            let lets_go = edge.anew || depth == 0 && ctx.lets_go_of(from.importer, edge.alias, edge.prior);
            let wanted = Wanted {
                alias: edge.alias,
                specifier: if depth == 0 && !lets_go { pins::of_direct(ctx, edge) } else { edge.specifier },
                optional: edge.optional,
                injected: edge.injected,
                direct: depth == 0 && from.declared,
                importer: from.importer,
                base: unvouched::base(ctx, from.importer, parent),
                likely: false,
            };
            let taken = subtrees.at(ctx, edge).filter(|_| !lets_go);
            if !lets_go
                && taken.is_none()
                && let Some(single) = subtrees.single.at(ctx, edge)
            {
                *slot = Some(Ok(Found::Picked(single)));
                continue;
            }
            let look = || match taken {
                Some(key) => subtrees.take(ctx, wanted, &key).map_ok(|()| Found::Taken(key)),
                None => wanted::resolve(ctx, wanted, &chosen_above(ctx, overlay(*at), edge)).map_ok(Found::Picked),
            };
            match ctx.facts.look(waits, look) {
                Poll::Ready(outcome) => *slot = Some(outcome),
                Poll::Pending => all = false,
            }
        }
        if all { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    let mut kept = Vec::with_capacity(asked.len());
    for ((at, edge), outcome) in asked.iter().zip(found) {
        let (chain, _) = place(*at);
        match outcome.expect("the level waits for all of its edges") {
            Ok(resolved) => kept.push(Some(resolved)),
            Err(failure) if edge.optional && failure.code != exotic::EXOTIC_SUBDEP => {
                skip(ctx, edge, &failure, chain, tree);
                kept.push(None);
            }
            Err(failure) => {
                return Err(explain::by_whom(failure, way(ctx, from, chain, edge, tree)));
            }
        }
    }
    Ok(kept)
}

/// From the project by way of what is above to the edge.
pub(super) fn way(ctx: &Context, from: From, chain: Option<&Rc<Chain>>, edge: &Edge, tree: &Tree) -> Vec<String> {
    std::iter::once(ctx.text(from.importer).to_string())
        .chain(chain_to_root(chain).into_iter().map(|id| tree.package(id).resolved.id.to_string()))
        .chain([format!("{}@{}", ctx.text(edge.alias), ctx.text(edge.specifier))])
        .collect()
}

fn chosen_above(ctx: &Context, overlay: Option<&Rc<Overlay>>, edge: &Edge) -> Vec<Chosen> {
    let Some(overlay) = overlay else { return Vec::new() };
    let name = match &*ctx.specifier(edge.alias, edge.specifier) {
        Specifier::Registry { name, want: Want::Range(_), .. } => ctx.name_of(edge.alias, name),
        _ => return Vec::new(),
    };
    // To pnpm what has alternatives is a range as a whole, and the package that of the key.
    let text = ctx.text(edge.specifier);
    let name = if text.starts_with("npm:") && text.contains("||") { edge.alias } else { name };
    let mut chosen: Vec<Chosen> = Vec::new();
    let mut level = Some(overlay);
    while let Some(current) = level {
        let start = current.versions.partition_point(|(held, _)| *held < name);
        let found = current.versions[start..].iter().take_while(|(held, _)| *held == name);
        chosen.extend(found.map(|(_, version)| Chosen { version: *version, weight: current.weight }));
        level = current.parent.as_ref();
    }
    chosen.sort_unstable_by_key(|chosen| (chosen.version, std::cmp::Reverse(chosen.weight)));
    chosen.dedup_by_key(|chosen| chosen.version);
    chosen
}

fn skip(ctx: &Context, edge: &Edge, failure: &Failure, chain: Option<&Rc<Chain>>, tree: &Tree) {
    let name = ctx.text(edge.alias);
    let dep_path = format!("{name}@{}", ctx.text(edge.specifier));
    let mut skipped = ctx.skipped.borrow_mut();
    if skipped.iter().any(|known| known.dep_path == dep_path) {
        return;
    }
    skipped.push(Skipped {
        dep_path,
        name: name.to_string(),
        version: None,
        reason: SkipReason::ResolutionFailure,
        detail: failure.message.clone(),
        parents: chain_to_root(chain).into_iter().map(|id| tree.package(id).resolved.id.to_string()).collect(),
    });
}
