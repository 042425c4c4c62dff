//! Peers that projects lack, added to them until none is missing that can be had: the required ones of all projects
//! first, then the optional ones that something else brings anyway.

use std::collections::BTreeMap;
use std::rc::Rc;

use wit::guest::wasi_pm::resolver::types::Failure;

use crate::intern::{NumberMap, Symbol};
use crate::peers::missing::Summary;
use crate::peers::{Caches, Discovery, Refs, Scope, Visit, VisitOptions};

use super::context::Context;
use super::edges::Edge;
use super::hoist::{self, Lacking, RootDependency, Sight};
use super::start::State;
use super::tree::{self, NodeId, PackageId, Tree};
use super::walk::{Direct, Walker};

/// Caches of discovery, for as long as no children are decided anew.
#[derive(Debug, Default)]
struct Peers {
    caches: Caches,
    rewrites: u64,
    owner_missing: Rc<NumberMap<PackageId, Vec<Symbol>>>,
    recorded: NumberMap<PackageId, usize>,
}

/// Adds missing peers to the projects until none is missing that can be had.
pub(super) async fn add_peers(
    ctx: &Context,
    walker: &mut Walker,
    states: &mut [State],
    roots: &[RootDependency],
) -> Result<(), Failure> {
    let rules = &ctx.settings.peers;
    if !rules.auto_install_peers && !rules.dedupe_peer_dependents {
        return Ok(());
    }
    let caches = Caches::of(walker.tree.packages.len());
    let mut peers = Peers { caches, rewrites: walker.rewrites, ..Peers::default() };
    let mut first = Vec::new();
    for state in states.iter_mut() {
        first.push(discover(ctx, walker, state, &mut peers, None)?);
    }
    for (state, mut found) in states.iter_mut().zip(first) {
        let scope = scope(ctx, walker, state, &peers, roots);
        found.0.issues.retain(|issue| !scope.covers(issue.peer, issue.chain.as_ref()));
        drop(scope); // what it shares is copied where it changes
        add_required(ctx, walker, state, &mut peers, roots, Some(found)).await?;
    }
    for state in states.iter_mut() {
        if state.rewrites != Some(walker.rewrites) {
            state.optional.clear();
            add_required(ctx, walker, state, &mut peers, roots, None).await?;
        }
    }
    loop {
        let mut any = false;
        for at in 0..states.len() {
            let at_root = at_root(ctx, states);
            any |= add_optional(ctx, walker, &mut states[at], roots, &at_root).await?;
        }
        // Another project may have decided anew what stands below this one's dependencies.
        let stale = states.iter().any(|state| state.rewrites != Some(walker.rewrites));
        if !any && !stale {
            return Ok(());
        }
        for state in states.iter_mut() {
            if !state.settled || state.rewrites != Some(walker.rewrites) {
                state.optional.clear();
                add_required(ctx, walker, state, &mut peers, roots, None).await?;
            }
        }
    }
}

fn scope(ctx: &Context, walker: &Walker, state: &State, peers: &Peers, roots: &[RootDependency]) -> Rc<Scope> {
    let from_root = ctx.settings.peers.resolve_peers_from_workspace_root;
    let at_root = |name: &Symbol| from_root && roots.iter().any(|root| root.alias == *name || root.name == *name);
    Rc::new(Scope {
        project: state.from.project,
        owners: Rc::clone(&walker.owners),
        missing: Rc::clone(&peers.owner_missing),
        locked: state.locked.names().into_iter().filter(at_root).collect(),
    })
}

/// What a project lacks; true if all its dependencies were visited.
fn discover(
    ctx: &Context,
    walker: &mut Walker,
    state: &mut State,
    peers: &mut Peers,
    scope: Option<Rc<Scope>>,
) -> Result<(Discovery, bool), Failure> {
    if peers.rewrites != walker.rewrites {
        peers.caches = Caches::of(walker.tree.packages.len());
        peers.rewrites = walker.rewrites;
    }
    let full = state.visited == 0 || state.rewrites != Some(walker.rewrites);
    let new = if full { 0 } else { state.visited };
    let options = VisitOptions {
        discovery: true,
        providers: state.providers.clone(),
        added_optional: state.added_optional.clone(),
        scope,
        ..VisitOptions::default()
    };
    let components = walker.tree.components();
    let mut visit = Visit::new(ctx, &mut walker.tree, std::mem::take(&mut peers.caches), components, options);
    let parents: Refs = Rc::new(visit.parents(&state.direct));
    let found = visit.project(&parents, &state.direct[new..])?;
    peers.caches = visit.end();
    state.visited = state.direct.len();
    state.rewrites = Some(walker.rewrites);
    remember_owner(walker, state, peers, &Summary::by_package(&found.summaries));
    Ok((found, full))
}

/// What is missing below a package counts as its first owner found it.
fn remember_owner(walker: &Walker, state: &State, peers: &mut Peers, missing: &NumberMap<PackageId, Vec<Symbol>>) {
    let project = state.from.project;
    let owner_missing = Rc::make_mut(&mut peers.owner_missing);
    if peers.recorded.is_empty() {
        peers.recorded.reserve(walker.owners.len());
        owner_missing.reserve(walker.owners.len());
    }
    for (package, owner) in walker.owners.iter() {
        if *owner == project && peers.recorded.get(package) != Some(&project) {
            peers.recorded.insert(*package, project);
            owner_missing.insert(*package, missing.get(package).cloned().unwrap_or_default());
        }
    }
    for (package, names) in missing {
        owner_missing.entry(*package).or_insert_with(|| names.clone());
    }
}

async fn add_required(
    ctx: &Context,
    walker: &mut Walker,
    state: &mut State,
    peers: &mut Peers,
    roots: &[RootDependency],
    mut first: Option<(Discovery, bool)>,
) -> Result<(), Failure> {
    loop {
        let (found, full) = match first.take() {
            Some(found) => found,
            None => {
                let scope = scope(ctx, walker, state, peers, roots);
                discover(ctx, walker, state, peers, Some(scope))?
            }
        };
        if full {
            state.missing.clear();
        }
        state.missing.extend(found.issues.iter().map(|issue| {
            (issue.peer, Lacking { range: Rc::clone(&issue.missing.range), optional: issue.missing.optional })
        }));
        let lacking = hoist::partition(ctx, &state.missing, &state.aliases);
        stand_for_providers(ctx, &walker.tree, state, &found, &lacking.required);
        // What a provider stands for now is added no more.
        let still = lacking.optional.into_iter().filter(|(name, _)| !state.aliases.contains(&ctx.symbol(name)));
        for (name, ranges) in still {
            let held = state.optional.entry(name).or_default();
            for range in ranges {
                if !held.contains(&range) {
                    held.push(range);
                }
            }
        }
        if lacking.required.is_empty() {
            state.settled = true;
            return Ok(());
        }
        let versions = hoist::versions_in(ctx, walker, state.from.importer, lacking.required.keys(), None);
        let added = hoist::required(ctx, &lacking.required, &versions, roots);
        if added.is_empty() {
            return Ok(());
        }
        extend(ctx, walker, state, added).await?;
    }
}

/// Providers that were found deeper stand for the project's own, where it has none of that name: of each name the one
/// that was found last, unless discovery made it on the way.
fn stand_for_providers(
    ctx: &Context,
    tree: &Tree,
    state: &mut State,
    found: &Discovery,
    required: &BTreeMap<Rc<str>, Rc<str>>,
) {
    if !ctx.settings.peers.auto_install_peers {
        return;
    }
    let mut provided = found.provided.clone();
    tree::sort_by_text(&mut provided, &ctx.symbols, |(name, _)| *name);
    for (alias, node) in provided {
        let known =
            !tree.node(node).walked || state.aliases.contains(&alias) || required.contains_key(&ctx.text(alias));
        if known {
            continue;
        }
        state.direct.push(Direct { alias, node });
        state.providers.insert(node);
        state.aliases.insert(alias);
    }
}

/// The dependencies of the workspace's root, where they may serve as peers everywhere.
fn at_root(ctx: &Context, states: &[State]) -> Vec<Direct> {
    let root = states.iter().find(|state| state.id == "." && ctx.settings.peers.resolve_peers_from_workspace_root);
    root.map(|root| root.direct.clone()).unwrap_or_default()
}

async fn add_optional(
    ctx: &Context,
    walker: &mut Walker,
    state: &mut State,
    roots: &[RootDependency],
    at_root: &[Direct],
) -> Result<bool, Failure> {
    if state.optional.is_empty() {
        return Ok(false);
    }
    // Who does not dedupe has no reason to follow other projects in what is optional, but for the root.
    let nodes = |direct: &[Direct]| direct.iter().map(|dep| dep.node).collect();
    let own = || Sight { below: nodes(&state.direct), at: nodes(at_root) };
    let sight = (!ctx.settings.peers.dedupe_peer_dependents).then(own);
    let mut versions = hoist::versions_in(ctx, walker, state.from.importer, state.optional.keys(), sight.as_ref());
    let all = hoist::optional(ctx, &state.optional, &versions, roots, &state.locked);
    hoist::drop_unfit(ctx, &walker.tree, &state.direct, at_root, &mut versions);
    let added = hoist::optional(ctx, &state.optional, &versions, roots, &state.locked);
    state.passed_over.extend(all.keys().filter(|name| !added.contains_key(*name)).map(|name| ctx.symbol(name)));
    if added.is_empty() {
        return Ok(false);
    }
    let before = state.direct.len();
    extend(ctx, walker, state, added).await?;
    let new: Vec<NodeId> = state.direct[before..].iter().map(|dep| dep.node).collect();
    state.added_optional.extend(new);
    state.settled = false;
    Ok(true)
}

async fn extend(
    ctx: &Context,
    walker: &mut Walker,
    state: &mut State,
    added: BTreeMap<Rc<str>, String>,
) -> Result<(), Failure> {
    let edges: Vec<Edge> = added
        .into_iter()
        .map(|(name, specifier)| Edge {
            alias: ctx.symbol(&name),
            specifier: ctx.symbol(&specifier),
            optional: false,
            injected: false,
            prior: None,
            anew: false,
        })
        .collect();
    state.aliases.extend(edges.iter().map(|edge| edge.alias));
    let new = walker.extend(ctx, state.from, edges, state.aliases.clone()).await?;
    state.direct.extend(new);
    Ok(())
}
