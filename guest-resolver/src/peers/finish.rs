//! From visited nodes to one graph: final dep-paths, nodes of one dep-path merged. Providers that depend on each other
//! in a circle are named by name and version alone.

use std::collections::{BTreeSet, hash_map::Entry};
use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use crate::intern::{NumberMap, NumberSet, Symbol, TextMap};
use crate::resolve::context::Context;
use crate::resolve::tree::{NodeId, Origin, PackageId, Tree, components, sort_by_text};

use super::refs::{ByName, get, put, put_new};
use super::visit::{Record, Visit};

/// One variant of a package, placed.
#[derive(Debug, Clone)]
pub struct Placed {
    /// The package.
    pub package: PackageId,
    /// Where its edges lead: dep-paths, by alias.
    pub children: ByName<Rc<str>>,
    /// Peers it hands through.
    pub transitive: BTreeSet<Symbol>,
    /// Peers it sees.
    pub resolved_peers: Vec<Symbol>,
    /// The distance from the nearest project.
    pub depth: i32,
    /// The package's own part of its dep-path.
    pub(super) id: Rc<str>,
    /// Peers named in its dep-path.
    pub(super) segments: Rc<[Segment]>,
}

/// A peer, as a dep-path names it.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) name: Symbol,
    pub(super) text: Rc<str>,
    /// The text is a dep-path; else it tells no more than name and version.
    pub(super) is_path: bool,
}

/// Everything that is placed, by dep-path.
#[derive(Debug, Default)]
pub struct Graph {
    /// By dep-path.
    pub placed: TextMap<Rc<str>, Placed>,
}

/// What tells the variants of a package apart: the package, and by name which variant of which provider it sees. A
/// provider that sees none itself counts by its package.
type Sight = (PackageId, Vec<(Symbol, Result<u32, PackageId>)>);

/// Turns nodes into dep-paths.
#[derive(Debug)]
pub struct Finish<'a> {
    ctx: &'a Context,
    tree: &'a Tree,
    external: NumberMap<NodeId, Rc<ByName<NodeId>>>,
    /// For nodes that took a variant from the cache: the node it was seen at, which they stand for in all.
    models: NumberMap<NodeId, NodeId>,
    records: Vec<Record>,
    component: NumberMap<NodeId, u32>,
    cyclic: NumberSet<Symbol>,
    paths: NumberMap<NodeId, Path>,
    /// The same for a package and a list of providers that many nodes share, by its address.
    shared: NumberMap<(PackageId, usize), Path>,
}

/// A dep-path and the peers that it names.
type Path = (Rc<str>, Rc<[Segment]>);

impl<'a> Finish<'a> {
    /// Takes a final visit.
    pub fn new(ctx: &'a Context, visit: Visit<'a>) -> Self {
        let Visit { tree, mut external, models, records, caches, .. } = visit;
        for list in external.values_mut() {
            if list.iter().any(|(_, provider)| models.contains_key(provider)) {
                for (_, provider) in Rc::make_mut(list) {
                    *provider = models.get(provider).copied().unwrap_or(*provider);
                }
            }
        }
        let mut finish = Self {
            ctx,
            tree,
            external,
            models,
            records,
            component: NumberMap::default(),
            cyclic: caches.circles.names(),
            paths: NumberMap::default(),
            shared: NumberMap::default(),
        };
        finish.find_cycles();
        finish.tell_variants_apart();
        finish
    }

    /// A provider that is named by name and version alone does not tell which of its variants it is. Where there are
    /// several, whoever names it so sees the peers too in which they differ.
    fn tell_variants_apart(&mut self) {
        let mut nodes: Vec<NodeId> = self.external.keys().copied().collect();
        nodes.sort_unstable();
        let circular =
            |node: &NodeId| self.external[node].iter().any(|(name, it)| self.by_name_only(*node, *name, *it));
        if self.ctx.settings.peers.dedupe_peers || !nodes.iter().any(circular) {
            return;
        }
        let mut gained: NumberMap<NodeId, Vec<Symbol>> = NumberMap::default();
        let mut differing = None;
        // What is gained tells more variants apart: those that come later at once, those before in the next round.
        let mut settled = false;
        while !settled {
            settled = true;
            for node in &nodes {
                let more = self.behind_providers(*node, differing.get_or_insert_with(|| self.differing_peers(&nodes)));
                if more.is_empty() {
                    continue;
                }
                settled = false;
                differing = None;
                let list = Rc::make_mut(self.external.get_mut(node).expect("it is one of its keys"));
                for (name, provider) in more {
                    put(list, name, provider);
                    gained.entry(*node).or_default().push(name);
                }
            }
        }
        for record in &mut self.records {
            record.transitive.extend(gained.get(&record.node).into_iter().flatten());
        }
    }

    /// By package, the peers in which its variants differ.
    fn differing_peers(&self, nodes: &[NodeId]) -> NumberMap<PackageId, NumberSet<Symbol>> {
        let variants = self.variants(nodes);
        let variant = |node: &NodeId| variants.get(node).copied().ok_or(self.tree.node(*node).package);
        let mut first: NumberMap<PackageId, NodeId> = NumberMap::default();
        let mut differing: NumberMap<PackageId, NumberSet<Symbol>> = NumberMap::default();
        for node in nodes {
            let package = self.tree.node(*node).package;
            let model = *first.entry(package).or_insert(*node);
            if variant(&model) == variant(node) {
                continue;
            }
            let sides = [&self.external[&model], &self.external[node]];
            for (at, (name, provider)) in
                sides.iter().enumerate().flat_map(|(at, side)| side.iter().map(move |it| (at, it)))
            {
                let same = get(sides[1 - at], *name).is_some_and(|other| variant(other) == variant(provider));
                if !same {
                    differing.entry(package).or_default().insert(*name);
                }
            }
        }
        differing
    }

    /// Numbers for `nodes`: equal ones for nodes of one package that see the same variants of the same providers,
    /// however far one looks.
    fn variants(&self, nodes: &[NodeId]) -> NumberMap<NodeId, u32> {
        let sees = |node: &&NodeId| !self.external[*node].is_empty();
        let mut variants: NumberMap<NodeId, u32> = nodes.iter().filter(sees).map(|node| (*node, 0)).collect();
        let mut count = 0;
        loop {
            let mut known: NumberMap<Sight, u32> = NumberMap::default();
            let mut next: NumberMap<NodeId, u32> = NumberMap::default();
            for node in nodes.iter().filter(sees) {
                let seen = self.external[node].iter().map(|(name, provider)| {
                    (*name, variants.get(provider).copied().ok_or(self.tree.node(*provider).package))
                });
                let number = u32::try_from(known.len()).expect("the budget is below 4 billion");
                let key = (self.tree.node(*node).package, seen.collect());
                next.insert(*node, *known.entry(key).or_insert(number));
            }
            variants = next;
            if known.len() == count {
                return variants;
            }
            count = known.len();
        }
    }

    /// What those providers see that a node names too vaguely, as far as it matters and the node does not see it yet;
    /// of several that see the same peer the first by name.
    fn behind_providers(&self, node: NodeId, differing: &NumberMap<PackageId, NumberSet<Symbol>>) -> ByName<NodeId> {
        let own = &self.external[&node];
        let package = self.tree.node(node).package;
        let mut more = Vec::new();
        let vague = own.iter().filter(|(name, provider)| self.by_name_only(node, *name, *provider));
        let mut vague: Vec<(Symbol, NodeId)> = vague.copied().collect();
        sort_by_text(&mut vague, &self.ctx.symbols, |(name, _)| *name);
        for (_, provider) in &vague {
            let Some(differing) = differing.get(&self.tree.node(*provider).package) else { continue };
            for (name, seen) in self.external.get(provider).into_iter().flat_map(|list| list.iter()) {
                let wanted = differing.contains(name) && get(own, *name).is_none();
                if wanted && self.tree.node(*seen).package != package {
                    put_new(&mut more, *name, || *seen);
                }
            }
        }
        more
    }

    /// The dep-path of a node.
    pub fn dep_path(&mut self, node: NodeId) -> Rc<str> {
        let node = self.models.get(&node).copied().unwrap_or(node);
        if let Some((path, _)) = self.paths.get(&node) {
            return Rc::clone(path);
        }
        // Post-order over providers; what is open already counts by its identity alone.
        let mut open: Vec<NodeId> = vec![node];
        let mut entered: NumberSet<NodeId> = NumberSet::default();
        while let Some(&top) = open.last() {
            if self.paths.contains_key(&top) {
                open.pop();
                continue;
            }
            let before = open.len();
            if entered.insert(top) {
                let providers: Vec<NodeId> = self
                    .external
                    .get(&top)
                    .map(|list| list.iter().map(|(_, node)| *node).collect())
                    .unwrap_or_default();
                for (at, provider) in providers.into_iter().enumerate() {
                    let name = self.external[&top][at].0;
                    if !self.by_name_only(top, name, provider)
                        && !self.paths.contains_key(&provider)
                        && !entered.contains(&provider)
                    {
                        open.push(provider);
                    }
                }
            }
            if open.len() == before {
                open.pop();
                let path = self.compose(top);
                self.paths.insert(top, path);
            }
        }
        Rc::clone(&self.paths[&node].0)
    }

    fn compose(&mut self, node: NodeId) -> Path {
        let package = self.tree.node(node).package;
        let id = Rc::clone(&self.tree.package(package).resolved.id);
        let Some(providers) = self.external.get(&node).filter(|list| !list.is_empty()) else {
            return (id, Rc::from([]));
        };
        // Only what is named by name and version alone depends on the node itself: on the circle that it is in. The
        // lists stay where they are while the paths made from them are kept.
        let vague = providers.iter().any(|(name, provider)| self.by_name_only(node, *name, *provider));
        let key = (package, Rc::as_ptr(providers) as usize);
        if let Some(known) = self.shared.get(&key).filter(|_| !vague) {
            return known.clone();
        }
        let segments: Rc<[Segment]> =
            providers.iter().map(|(name, provider)| self.segment(node, *name, *provider)).collect();
        let limit = self.ctx.settings.peers.peers_suffix_max_length as usize;
        let path = (suffixed(&id, &segments, limit), segments);
        if !vague {
            self.shared.insert(key, path.clone());
        }
        path
    }

    fn segment(&self, node: NodeId, name: Symbol, provider: NodeId) -> Segment {
        let resolved = &self.tree.package_of(provider).resolved;
        if let Origin::Link(folder) = &resolved.origin {
            let text = format!("{}@{}", self.ctx.text(name), link_version(folder)).into();
            return Segment { name, text, is_path: false };
        }
        let name_only = self.by_name_only(node, name, provider);
        let text = match self.paths.get(&provider) {
            Some((path, _)) if !name_only => Rc::clone(path),
            None if !name_only => Rc::clone(&resolved.id),
            _ => {
                let version = self.ctx.text(resolved.version);
                match &resolved.origin {
                    Origin::Registry(Some(alias)) => format!("{}@{alias}:{version}", self.ctx.text(resolved.name)),
                    _ => format!("{}@{version}", self.ctx.text(resolved.name)),
                }
                .into()
            }
        };
        Segment { name: resolved.name, text, is_path: !name_only }
    }

    fn by_name_only(&self, node: NodeId, name: Symbol, provider: NodeId) -> bool {
        self.ctx.settings.peers.dedupe_peers
            || self.cyclic.contains(&name)
            || self.component.get(&node).is_some_and(|own| self.component.get(&provider) == Some(own))
    }

    /// Nodes whose providers form a circle.
    fn find_cycles(&mut self) {
        let mut members: Vec<NodeId> =
            self.external.iter().filter(|(_, list)| !list.is_empty()).map(|(node, _)| *node).collect();
        members.sort_unstable();
        let place: NumberMap<NodeId, usize> = members.iter().enumerate().map(|(at, node)| (*node, at)).collect();
        let next = |at: usize| {
            let targets: Vec<usize> =
                self.external[&members[at]].iter().filter_map(|(_, node)| place.get(node).copied()).collect();
            targets.into_iter()
        };
        let found = components(members.len(), next);
        self.component = members.iter().zip(found).map(|(node, component)| (*node, component)).collect();
    }

    /// The graph of everything visited.
    pub fn graph(mut self) -> Graph {
        let records = std::mem::take(&mut self.records);
        let mut least: TextMap<Rc<str>, i32> = TextMap::default();
        let mut nodes: Vec<NodeId> = self.external.keys().chain(self.models.keys()).copied().collect();
        nodes.sort_unstable();
        for node in nodes {
            let (path, depth) = (self.dep_path(node), self.tree.node(node).depth);
            let held = least.entry(path).or_insert(depth);
            *held = depth.min(*held);
        }
        let mut transitive: TextMap<Rc<str>, BTreeSet<Symbol>> = TextMap::default();
        for record in &records {
            let path = self.dep_path(record.node);
            transitive.entry(path).or_default().extend(&record.transitive);
        }
        let named: TextMap<Rc<str>, Rc<[Segment]>> = self.paths.values().cloned().collect();
        let mut graph = Graph::default();
        for record in records {
            let path = self.dep_path(record.node);
            let mut new = self.placed(&record);
            new.depth = least.get(&path).copied().unwrap_or(new.depth);
            match graph.placed.entry(path) {
                Entry::Vacant(place) => drop(place.insert(new)),
                Entry::Occupied(mut place) => {
                    let kept = place.get_mut();
                    let other = if new.depth < kept.depth { std::mem::replace(kept, new) } else { new };
                    kept.transitive.extend(&other.transitive);
                    self.merge_children(kept, other.children, &named, &transitive);
                }
            }
        }
        graph
    }

    fn placed(&mut self, record: &Record) -> Placed {
        let package = self.tree.node(record.node).package;
        let children = record.edges.iter().map(|(alias, child)| (*alias, self.dep_path(*child))).collect();
        let peers = self.external.get(&record.node).map(|list| list.iter().map(|(name, _)| *name).collect());
        let segments = self.paths.get(&record.node).map_or_else(|| Rc::from([]), |(_, segments)| Rc::clone(segments));
        let transitive = record.transitive.iter().copied().collect();
        Placed {
            package,
            children,
            transitive,
            resolved_peers: peers.unwrap_or_default(),
            depth: record.depth,
            id: Rc::clone(&self.tree.package(package).resolved.id),
            segments,
        }
    }

    /// Of two targets of one edge the one counts whose peers the package can name; of these the one with more.
    fn merge_children(
        &self,
        kept: &mut Placed,
        others: ByName<Rc<str>>,
        named: &TextMap<Rc<str>, Rc<[Segment]>>,
        transitive: &TextMap<Rc<str>, BTreeSet<Symbol>>,
    ) {
        let mut available: NumberSet<Symbol> = kept.segments.iter().map(|segment| segment.name).collect();
        available.insert(self.tree.package(kept.package).resolved.name);
        let segments =
            |path: &str| named.get(path).into_iter().flat_map(|segments| segments.iter().map(|segment| segment.name));
        let foreign = |path: &str| {
            let through = transitive.get(path);
            segments(path)
                .filter(|name| !available.contains(name) && through.is_none_or(|names| !names.contains(name)))
                .count()
        };
        for (alias, candidate) in others {
            let Some(current) = get(&kept.children, alias).cloned() else {
                put(&mut kept.children, alias, candidate);
                continue;
            };
            if current == candidate {
                continue;
            }
            let (mine, theirs) = (foreign(&current), foreign(&candidate));
            let count = |path: &str| segments(path).filter(|name| available.contains(name)).count();
            if theirs < mine || theirs == mine && theirs == 0 && count(&candidate) > count(&current) {
                put(&mut kept.children, alias, candidate);
            }
        }
    }
}

/// The dep-path of a package that names these peers.
pub(super) fn suffixed(id: &str, segments: &[Segment], limit: usize) -> Rc<str> {
    let mut texts: Vec<&str> = segments.iter().map(|segment| &*segment.text).collect();
    texts.sort_unstable();
    let body = texts.join(")(");
    let suffix = if body.len() > limit { short_hash(&body) } else { body };
    format!("{id}({suffix})").into()
}

/// The first 32 hexadecimal digits of the sha256.
pub fn short_hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// How a linked folder stands in a dep-path: what cannot be in a file name becomes `+`.
fn link_version(folder: &str) -> String {
    let mut text = String::new();
    for char in folder.trim_start_matches('.').chars() {
        if char.is_control() || "\"*+/:<>?\\|".contains(char) {
            if !text.is_empty() && !text.ends_with('+') {
                text.push('+');
            }
        } else {
            text.push(char);
        }
    }
    let kept = text.trim_end_matches(['+', '.']);
    if kept.is_empty() { "+".to_owned() } else { kept.to_owned() }
}
