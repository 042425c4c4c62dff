//! What a manifest asks for, read as edges and peers: which dependencies the package brings itself, and which whoever
//! provides its peers provides.

use std::rc::Rc;

use crate::intern::{NumberSet, Symbol};
use crate::manifest::Manifest;

use super::context::Context;
use super::tree::{Peer, sort_by_text};

/// An edge as a manifest or a lockfile has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The key.
    pub alias: Symbol,
    /// The value.
    pub specifier: Symbol,
    /// It may be left out.
    pub optional: bool,
    /// It is copied, not linked.
    pub injected: bool,
    /// What the existing lockfile has in its place: a key of its snapshots.
    pub prior: Option<Symbol>,
    /// It is picked anew all the same. If it comes out where it was, what is locked below stays.
    pub anew: bool,
}

impl Edge {
    /// Where the lockfile holds it.
    pub fn pinned(&self) -> Option<Symbol> {
        self.prior.filter(|_| !self.anew)
    }
}

/// Dependencies of a package that whoever provides its peers provides.
pub(super) type Shadowed = Rc<[Symbol]>;

/// Names provided at one level, on top of those of the levels above.
#[derive(Debug)]
pub(super) struct Aliases {
    pub(super) names: NumberSet<Symbol>,
    pub(super) parent: Option<Rc<Aliases>>,
}

impl Aliases {
    pub(super) fn contains(&self, name: Symbol) -> bool {
        let mut level = Some(self);
        while let Some(current) = level {
            if current.names.contains(&name) {
                return true;
            }
            level = current.parent.as_deref();
        }
        false
    }
}

/// Dependencies that a package asks for as peers too: whoever provides the peer provides them. Peers that are installed
/// automatically are always provided; others, and optional ones, only if they are in sight.
pub(super) fn shadowed(ctx: &Context, manifest: &Manifest, above: &Aliases) -> Shadowed {
    // Peers are few where dependencies are many, and hardly any package asks for one name as both.
    if !manifest.peer_dependencies.keys().any(|name| manifest.dependencies.contains_key(name)) {
        return Rc::from([]);
    }
    let both = manifest.dependencies.keys().filter(|name| manifest.peer_dependencies.contains_key(*name));
    let auto = ctx.settings.peers.auto_install_peers;
    let provided = |name: &String| auto && !manifest.optional_peers.contains(name);
    let names = both.map(|name| (ctx.symbol(name), provided(name)));
    names.filter(|(name, provided)| *provided || above.contains(*name)).map(|(name, _)| name).collect()
}

/// The peers of a package: what it asks for and does not bring itself.
pub fn peers_of(ctx: &Context, manifest: &Manifest, shadowed: &[Symbol]) -> Rc<[(Symbol, Peer)]> {
    if manifest.peer_dependencies.is_empty() && manifest.optional_peers.is_empty() {
        return Rc::from([]);
    }
    let brings = |name: &String| {
        manifest.name.as_ref() == Some(name)
            || manifest.optional_dependencies.contains_key(name)
            || manifest.dependencies.contains_key(name) && !shadowed.contains(&ctx.symbol(name))
    };
    // In the manifest's order: what is met first gets the lower number.
    let mut peers: indexmap::IndexMap<&String, Peer> = indexmap::IndexMap::new();
    for (name, range) in manifest.peer_dependencies.iter().filter(|(name, _)| !brings(name)) {
        peers.insert(name, Peer { range: range.as_str().into(), optional: false });
    }
    for name in manifest.optional_peers.iter().filter(|name| !brings(name)) {
        peers.entry(name).or_insert_with(|| Peer { range: "*".into(), optional: true }).optional = true;
    }
    let mut sorted: Vec<(Symbol, Peer)> = peers.into_iter().map(|(name, peer)| (ctx.symbol(name), peer)).collect();
    sort_by_text(&mut sorted, &ctx.symbols, |(name, _)| *name);
    sorted.into()
}

/// The edges of a manifest, read once: the walk asks for what the look ahead has read.
pub fn children_of(ctx: &Context, manifest: &Rc<Manifest>) -> Rc<[Edge]> {
    let address = Rc::as_ptr(manifest) as usize;
    if let Some((_, known)) = ctx.edges.borrow().get(&address) {
        return Rc::clone(known);
    }
    let edges: Rc<[Edge]> = read_children(ctx, manifest).into();
    ctx.edges.borrow_mut().insert(address, (Rc::clone(manifest), Rc::clone(&edges)));
    edges
}

/// By alias in code-unit order. What is in the tarball already is no edge.
fn read_children(ctx: &Context, manifest: &Manifest) -> Vec<Edge> {
    let optional = |name: &String| manifest.optional_dependencies.contains_key(name);
    let mut all: Vec<(&String, &String, bool)> =
        manifest.dependencies.iter().map(|(name, range)| (name, range, optional(name))).collect();
    let only_optional =
        manifest.optional_dependencies.iter().filter(|(name, _)| !manifest.dependencies.contains_key(*name));
    all.extend(only_optional.map(|(name, range)| (name, range, true)));
    all.retain(|(name, ..)| !manifest.bundles(name));
    all.sort_unstable();
    all.into_iter()
        .map(|(name, range, optional)| Edge {
            alias: ctx.symbol(name),
            specifier: ctx.symbol(range),
            optional,
            injected: false,
            prior: None,
            anew: false,
        })
        .collect()
}
