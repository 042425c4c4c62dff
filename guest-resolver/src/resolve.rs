//! From projects to a lockfile: the walk of each project, peers added until none is missing, variants placed.
//!
//! One `async fn` in canonical order over the table of facts; it waits in one place, [`walk`], so the outcome depends
//! on the facts alone.

mod as_locked;
mod commit;
pub mod context;
pub mod cutoff;
pub mod edges;
pub mod exotic;
pub mod explain;
pub mod hoist;
pub mod hooks;
pub mod immature;
mod locked_peers;
pub(crate) mod own_peers;
pub mod patches;
pub mod paths;
mod pins;
pub mod preferences;
pub mod prefetch;
mod reuse;
mod subtree;
pub mod to_lockfile;
pub mod tree;
mod unvouched;
pub mod walk;
pub mod wanted;

use std::collections::BTreeMap;
use std::rc::Rc;

use wit::guest::wasi_pm::resolver::types::Failure;

use crate::catalogs;
use crate::intern::{NumberMap, NumberSet, Symbol};
use crate::manifest::Manifest;
use crate::peers::dedupe::{DirectPaths, Unbound, dedupe, dedupe_injected};
use crate::peers::finish::Finish;
use crate::peers::missing::Summary;
use crate::peers::{Caches, Chosen, Discovery, Graph, Refs, Scope, Visit, VisitOptions};

use context::Context;
use edges::Edge;
use hoist::{Lacking, RootDependency, Sight};
use locked_peers::LockedPeers;
use prefetch::Prefetch;
use subtree::Subtrees;
use tree::{NodeId, Origin, PackageId, Tree};
use walk::{Direct, From, Walker};

/// What a resolution comes to.
#[derive(Debug)]
pub struct Resolution {
    /// Packages and their children.
    pub tree: Tree,
    /// What is placed.
    pub graph: Graph,
    /// The dep-paths of the projects' dependencies.
    pub direct: DirectPaths,
}

/// Where one project stands.
#[derive(Debug)]
struct State {
    id: String,
    from: From,
    direct: Vec<Direct>,
    /// How many of them the manifest names; the others were added.
    declared: usize,
    aliases: NumberSet<Symbol>,
    providers: NumberSet<NodeId>,
    added_optional: NumberSet<NodeId>,
    /// Optional peers that are not added because what there is does not fit the project.
    passed_over: NumberSet<Symbol>,
    missing: Vec<(Symbol, Lacking)>,
    optional: BTreeMap<Rc<str>, Vec<Rc<str>>>,
    locked: LockedPeers,
    visited: usize,
    rewrites: Option<u64>,
    settled: bool,
}

/// Caches of discovery, for as long as no children are decided anew.
#[derive(Debug, Default)]
struct Peers {
    caches: Caches,
    rewrites: u64,
    owner_missing: NumberMap<PackageId, Vec<Symbol>>,
    recorded: NumberMap<PackageId, usize>,
}

/// Resolves all projects.
///
/// # Errors
/// The first failure in order.
pub async fn resolve(ctx: &Context, prefetch: &Prefetch) -> Result<Resolution, Failure> {
    patches::check(&ctx.settings.rules.patched_dependencies)?;
    let mut wanted = Vec::new();
    for (id, project) in &ctx.projects {
        let mut edges = direct_edges(ctx, &project.manifest)?;
        pins::of_importer(ctx, id, &mut edges);
        wanted.push((id.clone(), edges));
    }
    let subtrees = Subtrees::new(ctx, &wanted);
    for (id, edges) in &wanted {
        let importer = ctx.symbol(id);
        prefetch.add(importer, edges.iter().filter(|edge| !subtrees.says(ctx, edge)));
    }
    cutoff::settle(ctx, &wanted).await;
    let mut walker = Walker::new(subtrees);
    for (order, (id, edges)) in wanted.iter().enumerate() {
        walker.look_ahead(ctx, From { project: order, importer: ctx.symbol(id), declared: true }, edges).await?;
    }
    let mut states = Vec::new();
    for (order, (id, edges)) in wanted.into_iter().enumerate() {
        states.push(start(ctx, &mut walker, order, id, edges).await?);
    }
    let roots = root_dependencies(ctx, &walker.tree, &states);
    add_peers(ctx, &mut walker, &mut states, &roots).await?;
    place(ctx, walker.tree, &states)
}

async fn start(
    ctx: &Context,
    walker: &mut Walker,
    order: usize,
    id: String,
    edges: Vec<Edge>,
) -> Result<State, Failure> {
    let from = From { project: order, importer: ctx.symbol(&id), declared: true };
    let mut aliases: NumberSet<Symbol> = edges.iter().map(|edge| edge.alias).collect();
    let direct = walker.extend(ctx, from, edges, aliases.clone()).await?;
    aliases.extend(direct.iter().map(|dep| dep.alias));
    let locked = LockedPeers::of(ctx, &id);
    for dep in &direct {
        let held = locked.below(dep.alias).filter(|_| !walker.subtrees.has_changed(from.importer, dep.alias));
        if held.is_some() {
            walker.tree.nodes[dep.node.0 as usize].locked_peers = held;
        }
    }
    Ok(State {
        id,
        from: From { declared: false, ..from },
        declared: direct.len(),
        direct,
        aliases,
        providers: NumberSet::default(),
        added_optional: NumberSet::default(),
        passed_over: NumberSet::default(),
        missing: Vec::new(),
        optional: BTreeMap::new(),
        locked,
        visited: 0,
        rewrites: None,
        settled: false,
    })
}

/// The edges of a project: peers if they are installed, then dev, prod and optional, each replacing the ones before.
pub fn direct_edges(ctx: &Context, manifest: &Manifest) -> Result<Vec<Edge>, Failure> {
    let mut ranges: indexmap::IndexMap<&String, &String> = indexmap::IndexMap::new();
    if ctx.settings.peers.auto_install_peers {
        ranges.extend(&manifest.peer_dependencies);
    }
    for group in [&manifest.dev_dependencies, &manifest.dependencies, &manifest.optional_dependencies] {
        ranges.extend(group);
    }
    let mut edges = Vec::with_capacity(ranges.len());
    for (alias, text) in ranges {
        if wit::Alias::parse(alias).is_err() {
            let shown: String = alias.chars().take(120).collect();
            let message = format!("The current package contains a dependency with an invalid name: {shown:?}");
            return Err(wanted::failure("ERR_PNPM_INVALID_DEPENDENCY_NAME", message));
        }
        let specifier = catalogs::resolve(&ctx.settings.rules.catalogs, alias, text)
            .map_err(|error| explain::hinted(wanted::failure(error.code(), error.to_string())))?
            .unwrap_or(text);
        edges.push(Edge {
            alias: ctx.symbol(alias),
            specifier: ctx.symbol(specifier),
            optional: manifest.optional_dependencies.contains_key(alias),
            injected: manifest.injected.contains(alias),
            prior: None,
        });
    }
    Ok(edges)
}

fn root_dependencies(ctx: &Context, tree: &Tree, states: &[State]) -> Vec<RootDependency> {
    let Some(root) = states.iter().find(|state| state.id == ".") else { return Vec::new() };
    let Ok(edges) = direct_edges(ctx, &ctx.projects["."].manifest) else { return Vec::new() };
    let named = root.direct.iter().filter_map(|dep| {
        let edge = edges.iter().find(|edge| edge.alias == dep.alias)?;
        let resolved = &tree.package_of(dep.node).resolved;
        let text = ctx.text(edge.specifier);
        let local = ["link:", "file:", "workspace:."].iter().any(|protocol| text.starts_with(protocol));
        let specifier = if local {
            resolved.manifest.version.as_deref().map(|version| ctx.symbol(version))
        } else {
            Some(edge.specifier)
        };
        Some(RootDependency { alias: dep.alias, name: resolved.name, specifier: specifier? })
    });
    named.collect()
}

/// Adds missing peers to the projects until none is missing that can be had.
async fn add_peers(
    ctx: &Context,
    walker: &mut Walker,
    states: &mut [State],
    roots: &[RootDependency],
) -> Result<(), Failure> {
    let rules = &ctx.settings.peers;
    if !rules.auto_install_peers && !rules.dedupe_peer_dependents {
        return Ok(());
    }
    let mut peers = Peers::default();
    let mut first = Vec::new();
    for state in states.iter_mut() {
        first.push(discover(ctx, walker, state, &mut peers, None)?);
    }
    for (state, mut found) in states.iter_mut().zip(first) {
        let scope = scope(ctx, walker, state, &peers, roots);
        found.0.issues.retain(|issue| !scope.covers(issue.peer, issue.chain.as_ref()));
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
        owners: walker.owners.clone(),
        missing: peers.owner_missing.clone(),
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
        peers.caches = Caches::default();
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
    let components: Rc<[u32]> = walker.tree.components().into();
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
    for (package, owner) in &walker.owners {
        if *owner == project && peers.recorded.get(package) != Some(&project) {
            peers.recorded.insert(*package, project);
            peers.owner_missing.insert(*package, missing.get(package).cloned().unwrap_or_default());
        }
    }
    for (package, names) in missing {
        peers.owner_missing.entry(*package).or_insert_with(|| names.clone());
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
        let missing = found.issues.iter().filter(|issue| issue.found.is_none());
        state.missing.extend(missing.map(|issue| {
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
        })
        .collect();
    state.aliases.extend(edges.iter().map(|edge| edge.alias));
    let new = walker.extend(ctx, state.from, edges, state.aliases.clone()).await?;
    state.direct.extend(new);
    Ok(())
}

fn place(ctx: &Context, mut tree: Tree, states: &[State]) -> Result<Resolution, Failure> {
    let components: Rc<[u32]> = tree.components().into();
    let providers = states.iter().flat_map(|state| state.providers.iter().copied()).collect();
    let options = VisitOptions { providers, ..VisitOptions::default() };
    let mut visit = Visit::new(ctx, &mut tree, Caches::default(), components, options);
    let root = states.iter().find(|state| state.id == "." && ctx.settings.peers.resolve_peers_from_workspace_root);
    let root_parents = root.map(|root| visit.parents(&root.direct)).unwrap_or_default();
    for state in states {
        visit.options.added_optional = state.added_optional.clone();
        visit.options.chosen = chosen(visit.tree, [Some(state), root]);
        let mut parents = root_parents.clone();
        for (name, own) in visit.parents(&state.direct) {
            match parents.binary_search_by_key(&name, |(held, _)| *held) {
                Ok(at) => parents[at].1 = own,
                Err(at) => parents.insert(at, (name, own)),
            }
        }
        visit.project(&Rc::new(parents), &state.direct)?;
    }
    let mut finish = Finish::new(ctx, visit);
    let mut direct = DirectPaths::new();
    for state in states {
        let paths = state.direct.iter().map(|dep| (dep.alias, finish.dep_path(dep.node))).collect();
        direct.insert(state.id.clone(), paths);
    }
    let mut graph = finish.graph();
    if ctx.settings.workspace.dedupe_injected_deps {
        dedupe_injected(&mut graph, &mut direct, |package| match &tree.package(package).resolved.origin {
            Origin::Directory(folder) if ctx.projects.contains_key(folder) => Some(folder.as_str().into()),
            _ => None,
        });
    }
    if ctx.settings.peers.dedupe_peer_dependents {
        let unbound = unbound(&tree, &graph, &direct, states);
        dedupe(&mut graph, &mut direct, &unbound, ctx.settings.peers.peers_suffix_max_length as usize);
    }
    Ok(Resolution { tree, graph, direct })
}

/// What may come before locked peers, of a project and of the root.
fn chosen(tree: &Tree, states: [Option<&State>; 2]) -> Chosen {
    let mut chosen = Chosen::default();
    for state in states.into_iter().flatten() {
        let declared = state.direct[..state.declared].iter().map(|dep| dep.node);
        chosen.newly.extend(declared.filter(|node| tree.node(*node).prior.is_none()));
        chosen.direct.extend(&state.direct);
    }
    chosen
}

/// Which variants are to stay without the optional peers that the projects which have them passed over.
fn unbound(tree: &Tree, graph: &Graph, direct: &DirectPaths, states: &[State]) -> Unbound {
    let mut found = Unbound::default();
    for state in states.iter().filter(|state| !state.passed_over.is_empty()) {
        for path in graph.reached(direct[&state.id].iter().map(|(_, path)| Rc::clone(path))) {
            let peers = &tree.package(graph.placed[&path].package).peers;
            let names = peers.iter().filter(|(name, peer)| peer.optional && state.passed_over.contains(name));
            let names: Vec<Symbol> = names.map(|(name, _)| *name).collect();
            if !names.is_empty() {
                found.entry(path).or_default().extend(names);
            }
        }
    }
    found
}
