//! Where each project starts: the edges that its manifest names, walked, before any peer is added.

use std::collections::BTreeMap;
use std::rc::Rc;

use wit::guest::wasi_pm::resolver::types::Failure;

use crate::catalogs;
use crate::intern::{NumberSet, Symbol};
use crate::manifest::Manifest;

use super::context::Context;
use super::edges::Edge;
use super::hoist::{Lacking, RootDependency};
use super::locked_peers::LockedPeers;
use super::tree::{NodeId, Tree};
use super::walk::{Direct, From, Walker};
use super::{explain, wanted};

/// Where one project stands.
#[derive(Debug)]
pub(super) struct State {
    pub(super) id: String,
    pub(super) from: From,
    pub(super) direct: Vec<Direct>,
    /// How many of them the manifest names; the others were added.
    pub(super) declared: usize,
    pub(super) aliases: NumberSet<Symbol>,
    pub(super) providers: NumberSet<NodeId>,
    pub(super) added_optional: NumberSet<NodeId>,
    /// Optional peers that are not added because what there is does not fit the project.
    pub(super) passed_over: NumberSet<Symbol>,
    pub(super) missing: Vec<(Symbol, Lacking)>,
    pub(super) optional: BTreeMap<Rc<str>, Vec<Rc<str>>>,
    pub(super) locked: LockedPeers,
    pub(super) visited: usize,
    pub(super) rewrites: Option<u64>,
    pub(super) settled: bool,
}

/// Walks what a project asks for.
pub(super) async fn start(
    ctx: &Context,
    walker: &mut Walker,
    order: usize,
    id: String,
    edges: Vec<Edge>,
) -> Result<State, Failure> {
    let from = From::declared(ctx, order, &id);
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
pub(super) fn direct_edges(ctx: &Context, manifest: &Manifest) -> Result<Vec<Edge>, Failure> {
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
            anew: false,
        });
    }
    Ok(edges)
}

/// What the root of the workspace asks for itself.
pub(super) fn root_dependencies(ctx: &Context, tree: &Tree, states: &[State]) -> Vec<RootDependency> {
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
