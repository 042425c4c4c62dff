//! Edges, direct dependencies and hoisted packages, with indices of what is placed.

use super::{
    Group, HoistedLink, PlaceContext, RootLink, Target,
    graph::{self, Graph, Node, Root, own_slot},
};
use crate::{
    hoist::{HoistInput, HoistNode, HoistTarget, Hoisted, Patterns, hoist},
    lockfile::join,
};

type Numbers = [Option<u32>];

/// The edges of a node by alias; those to what is left out are left out.
pub(super) fn of_node<'a>(node: &Node<'a>, numbers: &Numbers) -> Vec<(&'a str, Target)> {
    let edges = node.children.iter();
    let edges = edges.filter_map(|(alias, child)| Some((*alias, Target::Snapshot(numbers[*child as usize]?))));
    let all = node.snapshot.dependencies.iter().chain(&node.snapshot.optional_dependencies);
    let links = all.filter_map(|(alias, value)| {
        let target = value.strip_prefix("link:")?;
        Some((alias.as_str(), Target::Directory(join(".", target).unwrap_or_else(|| target.to_owned()))))
    });
    let mut dependencies: Vec<(&str, Target)> = edges.chain(links).collect();
    dependencies.sort_by_key(|(alias, _)| *alias);
    dependencies.dedup_by_key(|(alias, _)| *alias);
    dependencies
}

/// What goes into each selected project's `node_modules`.
pub(super) fn roots<'a>(
    graph: &Graph<'a>,
    context: &PlaceContext<'a>,
    numbers: &Numbers,
) -> Vec<(&'a str, Vec<RootLink<'a>>)> {
    let mut all: Vec<(&str, Vec<RootLink<'a>>)> = Vec::with_capacity(graph.roots.len());
    for (importer, roots) in &graph.roots {
        let mut links: Vec<RootLink<'a>> =
            roots.iter().filter_map(|root| root_link(graph, context, numbers, importer, root)).collect();
        links.sort_by_key(|link| (link.alias, rank(link.group)));
        links.dedup_by_key(|link| link.alias);
        let at_root = all.first().filter(|(first, _)| context.settings.workspace.dedupe_direct_deps && *first == ".");
        if let Some((_, at_root)) = at_root {
            links.retain(|link| !at_root.iter().any(|root| root.alias == link.alias && root.target == link.target));
        }
        all.push((importer, links));
    }
    all
}

/// Optional over production over development.
fn rank(group: Group) -> u8 {
    match group {
        Group::Optional => 0,
        Group::Prod => 1,
        Group::Dev => 2,
    }
}

fn root_link<'a>(
    graph: &Graph<'a>,
    context: &PlaceContext<'a>,
    numbers: &Numbers,
    importer: &str,
    root: &Root<'a>,
) -> Option<RootLink<'a>> {
    let (alias, group) = (root.alias, root.group);
    if let Some(at) = root.node {
        let node = &graph.nodes[at as usize];
        let target = Target::Snapshot(numbers[at as usize]?);
        return Some(RootLink { alias, real_name: node.name, version: Some(graph::version(node)), group, target });
    }
    let target = root.dependency.version.strip_prefix("link:")?;
    let directory = join(importer, target).unwrap_or_else(|| target.to_owned());
    let project = context.projects.get(directory.as_str());
    let real_name = project.and_then(|project| project.name.as_deref()).unwrap_or(alias);
    let version = project.and_then(|project| project.version.as_deref());
    Some(RootLink { alias, real_name, version, group, target: Target::Directory(directory) })
}

/// What is lifted. `slots` are, as far as they are known, those in a virtual store of the project's own, by which
/// packages are told apart where they are shared too.
pub(super) fn hoisted<'a>(
    graph: &Graph<'a>,
    context: &PlaceContext<'a>,
    numbers: &Numbers,
    mut slots: Vec<String>,
) -> Vec<HoistedLink<'a>> {
    let layout = &context.settings.layout;
    let (private, public) = (Patterns::new(&layout.hoist_pattern), Patterns::new(&layout.public_hoist_pattern));
    for (node, slot) in graph.nodes.iter().zip(&mut slots).filter(|(node, slot)| node.wanted && slot.is_empty()) {
        *slot = own_slot(node.dep_path, context);
    }
    let nodes: Vec<HoistNode<'_, 'a>> = graph
        .nodes
        .iter()
        .zip(&slots)
        .map(|(node, slot)| HoistNode { slot, children: &node.children, skipped: !node.placed })
        .collect();
    let roots: Vec<Vec<(&'a str, u32)>> = graph
        .roots
        .values()
        .map(|roots| roots.iter().filter_map(|root| Some((root.alias, root.node?))).collect())
        .collect();
    let neighbours = &context.settings.workspace.neighbours;
    let lifted = |id: &str| layout.hoist_workspace_packages && id != "." && !neighbours.contains_key(id);
    let projects = context.projects.iter().filter(|(id, _)| lifted(id));
    let projects: Vec<(&'a str, &'a str)> =
        projects.filter_map(|(id, project)| Some((project.name.as_deref()?, id.as_str()))).collect();
    let input = HoistInput {
        nodes: &nodes,
        roots: &roots,
        root: graph.roots.keys().position(|id| *id == "."),
        projects: &projects,
        private: &private,
        public: &public,
    };
    let link = |hoisted: Hoisted<'a>| {
        let (owner, target) = match hoisted.target {
            HoistTarget::Snapshot(at) => (graph.nodes[at as usize].dep_path, Target::Snapshot(numbers[at as usize]?)),
            HoistTarget::Project(id) => (id, Target::Directory(id.to_owned())),
        };
        Some(HoistedLink { alias: hoisted.alias, owner, target, public: hoisted.public })
    };
    hoist(&input).into_iter().filter_map(link).collect()
}
