//! Fewer variants: where one variant of a package has all that another has, the other is dropped.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::intern::{NumberSet, Symbol, TextMap, TextSet};

use super::finish::{Graph, Placed, Segment, suffixed};
use super::refs::get;

/// Dep-paths of the projects' dependencies: by project, in order, alias by number.
pub type DirectPaths = BTreeMap<String, Vec<(Symbol, Rc<str>)>>;

/// Optional peers that variants are to stay without, by dep-path: a project that has the variant passed over what there
/// is, for its own peers do not fit.
pub type Unbound = TextMap<Rc<str>, NumberSet<Symbol>>;

/// Merges variants that differ only in what the smaller lacks, then drops what nothing reaches. `limit` is how long the
/// peers of a dep-path may be before their hash stands for them.
pub fn dedupe(graph: &mut Graph, direct: &mut DirectPaths, unbound: &Unbound, limit: usize) {
    let mut by_package: BTreeMap<u32, Vec<Rc<str>>> = BTreeMap::new();
    for (path, placed) in &graph.placed {
        by_package.entry(placed.package.0).or_default().push(Rc::clone(path));
    }
    let mut groups: Vec<Vec<Rc<str>>> = by_package.into_values().filter(|variants| variants.len() > 1).collect();
    let mut merged: TextMap<Rc<str>, Rc<str>> = TextMap::default();
    loop {
        let mut found: TextMap<Rc<str>, Rc<str>> = TextMap::default();
        groups = groups.into_iter().filter_map(|variants| merge(graph, variants, unbound, &mut found)).collect();
        if found.is_empty() {
            break;
        }
        for placed in graph.placed.values_mut() {
            redirect(placed.children.iter_mut().map(|(_, path)| path), &found);
        }
        merged.extend(found);
    }
    if merged.is_empty() {
        return;
    }
    for paths in direct.values_mut() {
        redirect(paths.iter_mut().map(|(_, path)| path), &merged);
    }
    prune(graph, direct);
    rename(graph, direct, merged, limit);
}

/// Whoever names a variant that was taken in by another, names that one from now on; and who names these, and so on.
fn rename(graph: &mut Graph, direct: &mut DirectPaths, mut renamed: TextMap<Rc<str>, Rc<str>>, limit: usize) {
    while !renamed.is_empty() {
        let stale = |segment: &Segment| segment.is_path && renamed.contains_key(&segment.text);
        let mut affected: Vec<Rc<str>> = graph
            .placed
            .iter()
            .filter(|(_, placed)| placed.segments.iter().any(stale))
            .map(|(path, _)| Rc::clone(path))
            .collect();
        affected.sort_unstable();
        let mut next: TextMap<Rc<str>, Rc<str>> = TextMap::default();
        for path in affected {
            let mut placed = graph.placed.remove(&path).expect("it was found there");
            let mut segments = placed.segments.to_vec();
            redirect(segments.iter_mut().filter(|segment| segment.is_path).map(|segment| &mut segment.text), &renamed);
            let new = suffixed(&placed.id, &segments, limit);
            placed.segments = segments.into();
            graph.placed.entry(Rc::clone(&new)).or_insert(placed);
            next.insert(path, new);
        }
        for placed in graph.placed.values_mut() {
            redirect(placed.children.iter_mut().map(|(_, path)| path), &next);
        }
        for paths in direct.values_mut() {
            redirect(paths.iter_mut().map(|(_, path)| path), &next);
        }
        renamed = next;
    }
}

/// Links a project's dependency that is a copy of another project, where the copy would hold nothing but what that
/// project has itself. `target` is the project that a package is a copy of.
pub fn dedupe_injected(
    graph: &mut Graph,
    direct: &mut DirectPaths,
    target: impl Fn(crate::resolve::tree::PackageId) -> Option<Rc<str>>,
) {
    let mut linked: Vec<(String, usize, Rc<str>)> = Vec::new();
    for (importer, paths) in direct.iter() {
        for (at, (_, path)) in paths.iter().enumerate() {
            let Some(placed) = graph.placed.get(path) else { continue };
            let Some(project) = target(placed.package) else { continue };
            let Some(own) = direct.get(&*project) else { continue };
            let has = |(alias, child): &(Symbol, Rc<str>)| {
                own.iter().any(|(name, path)| name == alias && stands_for(graph, path, child))
            };
            if placed.children.iter().all(has) {
                linked.push((importer.clone(), at, format!("link:{project}").into()));
            }
        }
    }
    for (importer, at, path) in &linked {
        if let Some(paths) = direct.get_mut(importer) {
            paths[*at].1 = Rc::clone(path);
        }
    }
    if !linked.is_empty() {
        prune(graph, direct);
    }
}

/// What a project has may be another variant of the package than the copy would have, if it has all of that one.
fn stands_for(graph: &Graph, own: &Rc<str>, child: &Rc<str>) -> bool {
    own == child
        || match (graph.placed.get(own), graph.placed.get(child)) {
            (Some(larger), Some(smaller)) => {
                larger.package == smaller.package && has_all(graph, own, child, &mut TextSet::default())
            }
            _ => false,
        }
}

fn redirect<'a>(paths: impl Iterator<Item = &'a mut Rc<str>>, merged: &TextMap<Rc<str>, Rc<str>>) {
    for path in paths {
        if let Some(target) = merged.get(path) {
            *path = Rc::clone(target);
        }
    }
}

/// Merges the variants of one package; gives back those that neither took in another nor were taken in.
fn merge(
    graph: &Graph,
    variants: Vec<Rc<str>>,
    unbound: &Unbound,
    found: &mut TextMap<Rc<str>, Rc<str>>,
) -> Option<Vec<Rc<str>>> {
    let binds = |large: &Rc<str>, small: &Rc<str>| {
        let gained = |name: &Symbol| {
            graph.placed[large].resolved_peers.contains(name) && !graph.placed[small].resolved_peers.contains(name)
        };
        unbound.get(small).is_some_and(|names| names.iter().any(gained))
    };
    let by_size = |a: &Rc<str>, b: &Rc<str>| size(&graph.placed[a]).cmp(&size(&graph.placed[b])).then_with(|| a.cmp(b));
    let mut left: TextSet<Rc<str>> = variants.iter().cloned().collect();
    let mut current = variants;
    current.sort_by(by_size);
    while let Some(largest) = current.pop() {
        let mut next = Vec::new();
        while let Some(candidate) = current.pop() {
            if !binds(&largest, &candidate) && has_all(graph, &largest, &candidate, &mut TextSet::default()) {
                left.remove(&largest);
                left.remove(&candidate);
                found.insert(candidate, Rc::clone(&largest));
            } else {
                next.push(candidate);
            }
        }
        current = next;
        current.sort_by(by_size);
    }
    let mut left: Vec<Rc<str>> = left.into_iter().collect();
    left.sort();
    (!left.is_empty()).then_some(left)
}

fn size(placed: &Placed) -> usize {
    placed.children.len() + placed.resolved_peers.len()
}

/// Whether one variant of a package has all peers and all children of another. A child may be a larger variant too; what
/// is asked about already counts as true, so that variants in a circle are taken in together.
fn has_all<'a>(graph: &'a Graph, larger: &'a str, smaller: &'a str, asked: &mut TextSet<(&'a str, &'a str)>) -> bool {
    let (Some(large), Some(small)) = (graph.placed.get(larger), graph.placed.get(smaller)) else { return false };
    if !asked.insert((larger, smaller)) {
        return true;
    }
    let taken_in = |alias: Symbol, path: &'a str, asked: &mut TextSet<(&'a str, &'a str)>| {
        get(&large.children, alias).is_some_and(|other| has_all(graph, other, path, asked))
    };
    large.package == small.package
        && size(large) >= size(small)
        && small.resolved_peers.iter().all(|peer| large.resolved_peers.contains(peer))
        && small
            .children
            .iter()
            .all(|(alias, path)| large.children.iter().any(|(_, other)| other == path) || taken_in(*alias, path, asked))
}

/// Drops what no project reaches.
pub fn prune(graph: &mut Graph, direct: &DirectPaths) {
    let reached = graph.reached(direct.values().flatten().map(|(_, path)| Rc::clone(path)));
    graph.placed.retain(|path, _| reached.contains(path));
}

impl Graph {
    /// What some of `roots` are or depend on.
    pub fn reached(&self, roots: impl Iterator<Item = Rc<str>>) -> TextSet<Rc<str>> {
        let mut reached: TextSet<Rc<str>> = TextSet::default();
        let mut open: Vec<Rc<str>> = roots.collect();
        while let Some(path) = open.pop() {
            if let Some(placed) = self.placed.get(&path)
                && reached.insert(path)
            {
                open.extend(placed.children.iter().map(|(_, path)| Rc::clone(path)));
            }
        }
        reached
    }
}
