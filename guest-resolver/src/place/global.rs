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

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use wit::settings::GlobalVirtualStore;

use super::{
    PlaceContext,
    graph::{Finder, Node, version},
};
use crate::intern::TextMap;
use crate::lockfile::{
    LockfileError, join,
    model::{Resolution, package_key},
};

/// The names of all snapshots, in the order of the nodes.
pub(super) fn slots(
    nodes: &[Node<'_>],
    finder: &mut Finder<'_>,
    context: &PlaceContext<'_>,
    store: &GlobalVirtualStore,
) -> Result<Vec<String>, LockfileError> {
    let graph = Graph::new(nodes, finder, store)?;
    let closures = graph.closures();
    let built = graph.needs_engine(nodes, store);
    let engine = engine(context);
    let name = |(at, node): (usize, &Node<'_>)| {
        let is_folder = matches!(node.package.resolution, Resolution::Directory(_));
        let payload = Payload {
            engine: engine.as_deref().filter(|_| built[at]),
            closure: &closures[at],
            project: is_folder.then_some(&store.project),
        };
        let version = if is_folder { "directory" } else { version(node) };
        let scope = if node.name.starts_with('@') { "" } else { "@/" };
        [scope, node.name, "/", version, "/", &payload.digest()].concat()
    };
    Ok(nodes.iter().enumerate().map(name).collect())
}

/// `linux;x64;node24`; `None` without Node.
fn engine(context: &PlaceContext<'_>) -> Option<String> {
    let machine = context.platform;
    let major = machine.node?.trim_start_matches('v').split('.').next()?;
    Some(format!("{};{};node{major}", machine.os, machine.cpu))
}

/// All edges, optional ones too whether they are wanted or not; folders that links lead to come after the snapshots.
struct Graph<'a> {
    /// What a node is hashed with.
    texts: Vec<String>,
    /// By node: `dependencies`, then `optionalDependencies`, each by alias.
    children: Vec<Vec<(&'a str, u32)>>,
}

impl<'a> Graph<'a> {
    fn new(nodes: &[Node<'a>], finder: &mut Finder<'_>, store: &GlobalVirtualStore) -> Result<Self, LockfileError> {
        let mut graph = Self { texts: nodes.iter().map(id).collect(), children: Vec::with_capacity(nodes.len()) };
        let mut folders: TextMap<String, u32> = TextMap::default();
        for node in nodes {
            let snapshot = node.snapshot;
            let count = snapshot.dependencies.len() + snapshot.optional_dependencies.len();
            if node.children.len() == count {
                graph.children.push(node.children.clone());
                continue;
            }
            let mut children = Vec::with_capacity(count);
            for (alias, value) in snapshot.dependencies.iter().chain(&snapshot.optional_dependencies) {
                let child = match (finder.find(alias, value)?, value.strip_prefix("link:")) {
                    (Some(child), _) => child,
                    (None, Some(target)) => {
                        let id = format!("link:{}", absolute(&store.project, target));
                        *folders.entry(id).or_insert_with_key(|id| graph.add_folder(id))
                    }
                    (None, None) => continue,
                };
                children.push((alias.as_str(), child));
            }
            graph.children.push(children);
        }
        graph.children.resize(graph.texts.len(), Vec::new());
        Ok(graph)
    }

    fn add_folder(&mut self, id: &str) -> u32 {
        self.texts.push(id.to_owned());
        u32::try_from(self.texts.len() - 1).expect("a lockfile has fewer than four billion packages")
    }

    /// The closure of every node; children come before those that depend on them.
    fn closures(&self) -> Vec<String> {
        let mut done = vec![String::new(); self.texts.len()];
        let mut buffer = Vec::new();
        for mut circle in self.circles() {
            circle.sort_unstable();
            let first = circle[0] as usize;
            if circle.len() > 1 || self.children[first].iter().any(|(_, child)| *child as usize == first) {
                self.close_circle(&circle, &mut done);
                continue;
            }
            let children = self.children[first].iter().map(|(alias, at)| (*alias, done[*at as usize].as_str()));
            done[first] = closure(&self.texts[first], children.collect(), &mut buffer);
        }
        done
    }

    /// Packages of a circle: a digest of all of them stands for each edge inside, with the place of its target.
    fn close_circle(&self, circle: &[u32], done: &mut [String]) {
        let mut all = Vec::new();
        for &at in circle {
            put(&mut all, &self.texts[at as usize]);
            for (alias, child) in &self.children[at as usize] {
                put(&mut all, alias);
                match circle.binary_search(child) {
                    Ok(place) => put(&mut all, &format!("#{place}")),
                    Err(_) => put(&mut all, &done[*child as usize]),
                }
            }
            all.push(b'\n');
        }
        let all = STANDARD.encode(Sha256::digest(&all));
        for (place, &at) in circle.iter().enumerate() {
            let children: Vec<(&str, String)> = self.children[at as usize]
                .iter()
                .map(|(alias, child)| match circle.binary_search(child) {
                    Ok(place) => (*alias, format!("{all}#{place}")),
                    Err(_) => (*alias, done[*child as usize].clone()),
                })
                .collect();
            let children = children.iter().map(|(alias, hash)| (*alias, hash.as_str())).collect();
            let id = format!("{}#{place}", self.texts[at as usize]);
            done[at as usize] = closure(&id, children, &mut Vec::new());
        }
    }

    /// The strongly connected components (Tarjan), each before those that lead to it.
    fn circles(&self) -> Vec<Vec<u32>> {
        const UNSEEN: u32 = u32::MAX;
        let (mut order, mut low) = (vec![UNSEEN; self.texts.len()], vec![0; self.texts.len()]);
        let mut open = vec![false; self.texts.len()];
        let (mut waiting, mut circles, mut count) = (Vec::new(), Vec::new(), 0);
        for start in (0..).take(self.texts.len()) {
            if order[start as usize] != UNSEEN {
                continue;
            }
            let mut stack = vec![(start, 0)];
            while let Some((node, position)) = stack.last_mut() {
                let at = *node as usize;
                if *position == 0 {
                    (order[at], low[at], open[at]) = (count, count, true);
                    count += 1;
                    waiting.push(*node);
                }
                if let Some((_, child)) = self.children[at].get(*position) {
                    *position += 1;
                    match order[*child as usize] {
                        UNSEEN => stack.push((*child, 0)),
                        seen if open[*child as usize] => low[at] = low[at].min(seen),
                        _ => {}
                    }
                    continue;
                }
                let node = *node;
                stack.pop();
                if let Some((parent, _)) = stack.last() {
                    low[*parent as usize] = low[*parent as usize].min(low[at]);
                }
                if low[at] == order[at] {
                    let from = waiting.iter().rposition(|held| *held == node).unwrap_or(0);
                    let circle: Vec<u32> = waiting.split_off(from);
                    circle.iter().for_each(|member| open[*member as usize] = false);
                    circles.push(circle);
                }
            }
        }
        circles
    }

    /// Which nodes are built, or reach one that is.
    fn needs_engine(&self, nodes: &[Node<'_>], store: &GlobalVirtualStore) -> Vec<bool> {
        let mut needs = vec![false; self.texts.len()];
        let mut open: Vec<u32> = (0..).zip(nodes).filter(|(_, node)| is_built(node, store)).map(|(at, _)| at).collect();
        if open.is_empty() {
            return needs;
        }
        let mut parents: Vec<Vec<u32>> = vec![Vec::new(); self.texts.len()];
        for (at, children) in (0..).zip(&self.children) {
            for (_, child) in children {
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
    fn digest(&self) -> String {
        let mut bytes = if self.project.is_some() { b"object:3:".to_vec() } else { b"object:2:".to_vec() };
        put(&mut bytes, "engine");
        bytes.push(b':');
        match self.engine {
            Some(engine) => put(&mut bytes, engine),
            None => bytes.extend_from_slice(b"Null"),
        }
        bytes.push(b',');
        let project = self.project.map(|project| ("project", project.as_str()));
        for (key, value) in std::iter::once(("deps", self.closure)).chain(project) {
            put(&mut bytes, key);
            bytes.push(b':');
            put(&mut bytes, value);
            bytes.push(b',');
        }
        crate::slot::hex(&Sha256::digest(&bytes))
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
