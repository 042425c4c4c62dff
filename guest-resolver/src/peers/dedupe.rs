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
    let mut below = Below::Same;
    loop {
        let mut found: TextMap<Rc<str>, Rc<str>> = TextMap::default();
        let compare = Compare { graph, unbound, below };
        groups = groups.into_iter().filter_map(|variants| compare.merge(variants, &mut found)).collect();
        below = match (found.is_empty(), below) {
            (true, Below::Same) => Below::Larger,
            (true, Below::Larger) => break,
            (false, _) => Below::Same,
        };
        for placed in graph.placed.values_mut() {
            redirect(placed.children.iter_mut().map(|(_, path)| path), &found);
        }
        redirect(merged.values_mut(), &found);
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
                let compare = Compare { graph, unbound: &Unbound::default(), below: Below::Larger };
                larger.package == smaller.package && compare.has_all(own, child, &mut TextSet::default())
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

/// What a variant may have in place of another's child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Below {
    /// The same: who is taken in takes all above along, variant by variant.
    Same,
    /// A larger variant too. What is asked about already counts as true, so that variants in a circle are taken in
    /// together.
    Larger,
}

/// How variants are compared.
struct Compare<'a> {
    graph: &'a Graph,
    unbound: &'a Unbound,
    below: Below,
}

impl<'a> Compare<'a> {
    /// Merges the variants of one package; gives back those that are left, if they are several.
    fn merge(&self, variants: Vec<Rc<str>>, found: &mut TextMap<Rc<str>, Rc<str>>) -> Option<Vec<Rc<str>>> {
        let mut left = Vec::new();
        let mut current = variants;
        current.sort_by_key(|path| (size(&self.graph.placed[path]), Rc::clone(path)));
        while let Some(largest) = current.pop() {
            current.retain(|candidate| {
                let stays = !self.has_all(&largest, candidate, &mut TextSet::default());
                if !stays {
                    found.insert(Rc::clone(candidate), Rc::clone(&largest));
                }
                stays
            });
            left.push(largest);
        }
        (left.len() > 1).then_some(left)
    }

    /// Whether one variant of a package has all peers and all children of another, and may stand for it.
    fn has_all<'b>(&self, larger: &'b str, smaller: &'b str, asked: &mut TextSet<(&'b str, &'b str)>) -> bool
    where
        'a: 'b,
    {
        let placed = &self.graph.placed;
        let (Some(large), Some(small)) = (placed.get(larger), placed.get(smaller)) else { return false };
        if !asked.insert((larger, smaller)) {
            return true;
        }
        let taken_in = |alias: Symbol, path: &'b str, asked: &mut TextSet<(&'b str, &'b str)>| {
            get(&large.children, alias).is_some_and(|other| self.has_all(other, path, asked))
        };
        large.package == small.package
            && size(large) >= size(small)
            && !self.is_bound(smaller, large, small)
            && small.resolved_peers.iter().all(|peer| large.resolved_peers.contains(peer))
            && small.children.iter().all(|(alias, path)| {
                large.children.iter().any(|(_, other)| other == path)
                    || self.below == Below::Larger && taken_in(*alias, path, asked)
            })
    }

    /// Whether the smaller variant is to stay without a peer that the larger has.
    fn is_bound(&self, smaller: &str, large: &Placed, small: &Placed) -> bool {
        let gained = |name: &Symbol| large.resolved_peers.contains(name) && !small.resolved_peers.contains(name);
        self.unbound.get(smaller).is_some_and(|names| names.iter().any(gained))
    }
}

fn size(placed: &Placed) -> usize {
    placed.children.len() + placed.resolved_peers.len()
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
