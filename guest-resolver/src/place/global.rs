//! Names of slots in a global virtual store, equal to pnpm's: `<scope or @>/<name>/<version>/<digest>`, where the
//! digest covers the package and all that it reaches, so that equal slots have equal names in every project.
//!
//! ```text
//! closure = base64(sha256({ deps: { alias: closure of the child, … }, id: "name@version:integrity" }))
//! digest  = hex(sha256({ engine: "linux;x64;node24" or null, deps: closure, project? }))
//! ```
//! The engine counts where a package or something below it is built, the project where the package is a folder of it.
//! Links count by the absolute folder they lead to. Packages that depend on each other in a circle get names of our
//! own: all of them count for each, so that here too an equal name means equal links. Walks are iterative, since the
//! depth of a lockfile is a stranger's choice.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use wit::settings::GlobalVirtualStore;

use super::{
    PlaceContext,
    graph::{Finder, Node, version},
};
use crate::intern::{NumberMap, TextMap};
use crate::lockfile::{
    LockfileError, join,
    model::{Resolution, package_key},
};

/// Makes the name of one slot after the other, so that whoever uses the first need not wait for the last.
pub(super) struct Names<'a> {
    store: &'a GlobalVirtualStore,
    /// `linux;x64;node24`; `None` without Node.
    engine: Option<String>,
    edges: Edges<'a>,
    /// By node: it is built, or reaches one that is.
    built: Vec<bool>,
    circles: Circles,
    /// By node, folders behind them; empty: not known yet.
    closures: Vec<String>,
    buffer: Vec<u8>,
}

impl<'a> Names<'a> {
    pub(super) fn new(
        nodes: &[Node<'a>],
        finder: &mut Finder<'_>,
        context: &PlaceContext<'_>,
        store: &'a GlobalVirtualStore,
    ) -> Result<Self, LockfileError> {
        let edges = Edges::new(nodes, finder, store)?;
        let count = nodes.len() + edges.folders.len();
        Ok(Self {
            store,
            engine: engine(context),
            built: edges.needs_engine(nodes, store),
            edges,
            circles: Circles::new(count),
            closures: vec![String::new(); count],
            buffer: Vec::new(),
        })
    }

    /// The name of a node's slot.
    pub(super) fn name(&mut self, nodes: &[Node<'a>], at: usize) -> String {
        self.close(nodes, at);
        let node = &nodes[at];
        let is_folder = matches!(node.package.resolution, Resolution::Directory(_));
        let payload = Payload {
            engine: self.engine.as_deref().filter(|_| self.built[at]),
            closure: &self.closures[at],
            project: is_folder.then_some(&self.store.project),
        };
        let version = if is_folder { "directory" } else { version(node) };
        let scope = if node.name.starts_with('@') { "" } else { "@/" };
        [scope, node.name, "/", version, "/", &payload.digest(&mut self.buffer)].concat()
    }

    /// Finds the closure of a node and of all that it reaches; children come before those that depend on them.
    fn close(&mut self, nodes: &[Node<'_>], at: usize) {
        let edges = &self.edges;
        let children = |at: u32| edges.of(nodes, at);
        self.circles.reached_from(at, children, |circle| {
            if let [first] = *circle
                && children(first).iter().all(|(_, child)| *child != first)
            {
                let closures = &self.closures;
                let below = children(first).iter().map(|(alias, at)| (*alias, closures[*at as usize].as_str()));
                let closure = closure(&edges.text(nodes, first), below.collect(), &mut self.buffer);
                self.closures[first as usize] = closure;
            } else {
                circle.sort_unstable();
                close_circle(nodes, edges, circle, &mut self.closures);
            }
        });
    }
}

/// `linux;x64;node24`; `None` without Node.
fn engine(context: &PlaceContext<'_>) -> Option<String> {
    let machine = context.platform;
    let major = machine.node?.trim_start_matches('v').split('.').next()?;
    Some(format!("{};{};node{major}", machine.os, machine.cpu))
}

/// All edges, optional ones too whether they are wanted or not; folders that links lead to come after the snapshots.
struct Edges<'a> {
    /// Those of nodes that have others than are placed: `dependencies`, then `optionalDependencies`, each by alias.
    others: NumberMap<u32, Vec<(&'a str, u32)>>,
    /// What a folder is hashed with.
    folders: Vec<String>,
}

impl<'a> Edges<'a> {
    fn new(nodes: &[Node<'a>], finder: &mut Finder<'_>, store: &GlobalVirtualStore) -> Result<Self, LockfileError> {
        let (mut others, mut folders) = (NumberMap::default(), Vec::new());
        let mut known: TextMap<String, u32> = TextMap::default();
        let mut add_folder = |id: &String| {
            folders.push(id.clone());
            number(nodes.len() + folders.len() - 1)
        };
        for (at, node) in (0..).zip(nodes) {
            let snapshot = node.snapshot;
            let count = snapshot.dependencies.len() + snapshot.optional_dependencies.len();
            if node.children.len() == count {
                continue;
            }
            let mut children = Vec::with_capacity(count);
            for (alias, value) in snapshot.dependencies.iter().chain(&snapshot.optional_dependencies) {
                let child = match (finder.find(alias, value)?, value.strip_prefix("link:")) {
                    (Some(child), _) => child,
                    (None, Some(target)) => {
                        let id = format!("link:{}", absolute(&store.project, target));
                        *known.entry(id).or_insert_with_key(&mut add_folder)
                    }
                    (None, None) => continue,
                };
                children.push((alias.as_str(), child));
            }
            others.insert(at, children);
        }
        Ok(Self { others, folders })
    }

    fn of<'n>(&'n self, nodes: &'n [Node<'a>], at: u32) -> &'n [(&'a str, u32)] {
        let own = || nodes.get(at as usize).map_or(&[][..], |node| &node.children);
        self.others.get(&at).map_or_else(own, Vec::as_slice)
    }

    /// What a node is hashed with.
    fn text(&self, nodes: &[Node<'_>], at: u32) -> Cow<'_, str> {
        match nodes.get(at as usize) {
            Some(node) => Cow::Owned(id(node)),
            None => Cow::Borrowed(&self.folders[at as usize - nodes.len()]),
        }
    }

    /// Which nodes are built, or reach one that is.
    fn needs_engine(&self, nodes: &[Node<'a>], store: &GlobalVirtualStore) -> Vec<bool> {
        let mut needs = vec![false; nodes.len() + self.folders.len()];
        let mut open: Vec<u32> = (0..).zip(nodes).filter(|(_, node)| is_built(node, store)).map(|(at, _)| at).collect();
        if open.is_empty() {
            return needs;
        }
        let mut parents: Vec<Vec<u32>> = vec![Vec::new(); needs.len()];
        for at in 0..number(nodes.len()) {
            for (_, child) in self.of(nodes, at) {
                parents[*child as usize].push(at);
            }
        }
        while let Some(at) = open.pop() {
            if !std::mem::replace(&mut needs[at as usize], true) {
                open.extend(&parents[at as usize]);
            }
        }
        needs
    }
}

fn number(at: usize) -> u32 {
    u32::try_from(at).expect("a lockfile has fewer than four billion packages")
}

/// Packages of a circle: a digest of all of them stands for each edge inside, with the place of its target.
fn close_circle(nodes: &[Node<'_>], edges: &Edges<'_>, circle: &[u32], closures: &mut [String]) {
    let mut all = Vec::new();
    for &at in circle {
        put(&mut all, &edges.text(nodes, at));
        for (alias, child) in edges.of(nodes, at) {
            put(&mut all, alias);
            match circle.binary_search(child) {
                Ok(place) => put(&mut all, &format!("#{place}")),
                Err(_) => put(&mut all, &closures[*child as usize]),
            }
        }
        all.push(b'\n');
    }
    let all = STANDARD.encode(Sha256::digest(&all));
    for (place, &at) in circle.iter().enumerate() {
        let children: Vec<(&str, String)> = edges
            .of(nodes, at)
            .iter()
            .map(|(alias, child)| match circle.binary_search(child) {
                Ok(place) => (*alias, format!("{all}#{place}")),
                Err(_) => (*alias, closures[*child as usize].clone()),
            })
            .collect();
        let children = children.iter().map(|(alias, hash)| (*alias, hash.as_str())).collect();
        let id = format!("{}#{place}", edges.text(nodes, at));
        closures[at as usize] = closure(&id, children, &mut Vec::new());
    }
}

/// The strongly connected components (Tarjan), looked for as far as they are asked for.
struct Circles {
    /// By node: when it was met.
    order: Vec<u32>,
    low: Vec<u32>,
    open: Vec<bool>,
    waiting: Vec<u32>,
    count: u32,
}

impl Circles {
    const UNSEEN: u32 = u32::MAX;

    fn new(count: usize) -> Self {
        let (order, low, open) = (vec![Self::UNSEEN; count], vec![0; count], vec![false; count]);
        Self { order, low, open, waiting: Vec::new(), count: 0 }
    }

    /// Tells of all that a node reaches and that was not told yet, each circle before those that lead to it.
    fn reached_from<'n, 'a: 'n>(
        &mut self,
        start: usize,
        children: impl Fn(u32) -> &'n [(&'a str, u32)],
        mut found: impl FnMut(&mut [u32]),
    ) {
        if self.order[start] != Self::UNSEEN {
            return;
        }
        let mut stack = vec![(number(start), 0)];
        while let Some((node, position)) = stack.last_mut() {
            let at = *node as usize;
            if *position == 0 {
                (self.order[at], self.low[at], self.open[at]) = (self.count, self.count, true);
                self.count += 1;
                self.waiting.push(*node);
            }
            if let Some((_, child)) = children(*node).get(*position) {
                *position += 1;
                match self.order[*child as usize] {
                    Self::UNSEEN => stack.push((*child, 0)),
                    seen if self.open[*child as usize] => self.low[at] = self.low[at].min(seen),
                    _ => {}
                }
                continue;
            }
            let node = *node;
            stack.pop();
            if let Some((parent, _)) = stack.last() {
                self.low[*parent as usize] = self.low[*parent as usize].min(self.low[at]);
            }
            if self.low[at] == self.order[at] {
                let from = self.waiting.iter().rposition(|held| *held == node).unwrap_or(0);
                let circle = &mut self.waiting[from..];
                circle.iter().for_each(|member| self.open[*member as usize] = false);
                found(circle);
                self.waiting.truncate(from);
            }
        }
    }
}

/// `name@version`, with the digest of its patch, and with its integrity.
fn id(node: &Node<'_>) -> String {
    let key = package_key(node.dep_path);
    let suffix = &node.dep_path[key.len()..];
    let patch = suffix.starts_with("(patch_hash=").then(|| suffix.split_inclusive(')').next()).flatten();
    let patch = patch.unwrap_or_default();
    match &node.package.resolution {
        Resolution::Tarball { integrity: Some(integrity), .. } => [key, patch, ":", integrity].concat(),
        _ => [key, patch].concat(),
    }
}

/// `allowBuilds` by name, or by name and versions; a refusal is stronger than a permission. Only packages of a
/// registry can be meant by name.
fn is_built(node: &Node<'_>, store: &GlobalVirtualStore) -> bool {
    if store.allow_all_builds {
        return true;
    }
    let names = |selector: &str| match selector.get(1..).and_then(|rest| rest.find('@')) {
        None => selector == node.name,
        Some(at) => {
            let (name, versions) = (&selector[..=at], &selector[at + 2..]);
            name == node.name && versions.split("||").any(|version| version.trim() == node.id)
        }
    };
    let mut decisions = store.allow_builds.iter().filter(|(selector, _)| names(selector)).map(|(_, allowed)| *allowed);
    let first = decisions.next();
    wit::Version::check(node.id).is_ok() && first == Some(true) && decisions.all(|allowed| allowed)
}

/// The folder of a link, which is relative to the lockfile's.
fn absolute(project: &str, target: &str) -> String {
    if target.starts_with('/') {
        return target.to_owned();
    }
    match join(project.trim_start_matches('/'), target) {
        Some(path) => format!("/{path}"),
        None => target.to_owned(),
    }
}

/// The closure of a package; of children with one alias the last counts.
fn closure(id: &str, mut children: Vec<(&str, &str)>, bytes: &mut Vec<u8>) -> String {
    children.sort_by_key(|(alias, _)| *alias);
    children.dedup_by(|later, kept| {
        later.0 == kept.0 && {
            kept.1 = later.1;
            true
        }
    });
    bytes.clear();
    bytes.extend_from_slice(b"object:2:");
    put(bytes, "deps");
    bytes.extend_from_slice(b":object:");
    put_number(bytes, children.len());
    bytes.push(b':');
    for (alias, hash) in children {
        put(bytes, alias);
        bytes.push(b':');
        put(bytes, hash);
        bytes.push(b',');
    }
    bytes.push(b',');
    put(bytes, "id");
    bytes.push(b':');
    put(bytes, id);
    bytes.push(b',');
    STANDARD.encode(Sha256::digest(&*bytes))
}

/// What the digest in a slot's name is of.
struct Payload<'a> {
    engine: Option<&'a str>,
    closure: &'a str,
    project: Option<&'a String>,
}

impl Payload<'_> {
    fn digest(&self, bytes: &mut Vec<u8>) -> String {
        bytes.clear();
        bytes.extend_from_slice(if self.project.is_some() { b"object:3:" } else { b"object:2:" });
        put(bytes, "engine");
        bytes.push(b':');
        match self.engine {
            Some(engine) => put(bytes, engine),
            None => bytes.extend_from_slice(b"Null"),
        }
        bytes.push(b',');
        let project = self.project.map(|project| ("project", project.as_str()));
        for (key, value) in std::iter::once(("deps", self.closure)).chain(project) {
            put(bytes, key);
            bytes.push(b':');
            put(bytes, value);
            bytes.push(b',');
        }
        crate::slot::hex(&Sha256::digest(&*bytes))
    }
}

/// A text as object-hash writes it: its length counts UTF-16 units.
fn put(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend_from_slice(b"string:");
    put_number(bytes, if text.is_ascii() { text.len() } else { text.encode_utf16().count() });
    bytes.push(b':');
    bytes.extend_from_slice(text.as_bytes());
}

fn put_number(bytes: &mut Vec<u8>, number: usize) {
    bytes.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[cfg(test)]
mod tests;
