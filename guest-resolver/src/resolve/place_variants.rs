//! The variants of each package, by the peers that its occurrences see; those that may be one are one.

use std::rc::Rc;

use wit::guest::wasi_pm::resolver::types::Failure;

use crate::intern::Symbol;
use crate::peers::dedupe::{DirectPaths, Unbound, dedupe, dedupe_injected};
use crate::peers::finish::Finish;
use crate::peers::{Caches, Chosen, Graph, Visit, VisitOptions};

use super::Resolution;
use super::context::Context;
use super::start::State;
use super::tree::{Origin, Tree};

/// Places what the projects came to.
pub(super) fn place(ctx: &Context, mut tree: Tree, states: &[State]) -> Result<Resolution, Failure> {
    let components = tree.components();
    let providers = states.iter().flat_map(|state| state.providers.iter().copied()).collect();
    let options = VisitOptions { providers, ..VisitOptions::default() };
    let caches = Caches::of(tree.packages.len());
    let mut visit = Visit::new(ctx, &mut tree, caches, components, options);
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
