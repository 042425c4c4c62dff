//! Keeps what an existing lockfile holds: below a package that is locked, an edge stays where it led as long as its
//! range allows. What an update names is not kept.

use crate::catalogs::catalog_name;
use crate::intern::{NumberMap, Symbol};
use crate::lockfile::model::{Snapshot, dep_path_of, is_named, package_key, split_key};
use crate::semver::{Range, Version};
use crate::specifier::{Specifier, Want};

use super::context::Context;
use super::edges::Edge;
use super::tree::Resolved;
use super::{commit, own_peers};

/// The locked edges of one package.
#[derive(Debug)]
pub(super) struct Pins<'a> {
    snapshot: &'a Snapshot,
}

impl<'a> Pins<'a> {
    /// The locked edges below `prior`, if the package is still the one that is locked there.
    pub(super) fn below(ctx: &'a Context, prior: Option<Symbol>, id: &str) -> Option<Self> {
        let key = ctx.text(prior?);
        let snapshot = ctx.lockfile.as_ref()?.snapshots.get(&*key)?;
        (package_key(&key) == package_key(id)).then_some(Self { snapshot })
    }

    /// The edge, led where the lockfile has it, or to a `higher` version that the project itself has chosen.
    pub(super) fn pin(
        &self,
        ctx: &Context,
        importer: Symbol,
        edge: &Edge,
        higher: impl Fn(Symbol, Symbol, Symbol) -> Option<Symbol>,
    ) -> Edge {
        let alias = ctx.text(edge.alias);
        let held = self.snapshot.dependencies.get(&*alias).or_else(|| self.snapshot.optional_dependencies.get(&*alias));
        // Of an alias the package below is picked anew: pnpm keeps only what goes by its own name.
        let held = held.filter(|value| !is_named(package_key(value)));
        let found = held.and_then(|value| locked(ctx, importer, edge, (&alias, value)));
        let Some(Held { key, version, anew }) = found else { return edge.clone() };
        if anew {
            return Edge { prior: Some(key), anew, ..edge.clone() };
        }
        match higher(edge.alias, version, edge.specifier) {
            Some(higher) => Edge { specifier: higher, ..edge.clone() },
            None => Edge { prior: Some(key), specifier: version, ..edge.clone() },
        }
    }
}

/// The versions that projects have chosen for themselves: what is locked below a project follows its own where its
/// range allows, and if it has none of that name, what any project now asks otherwise for.
#[derive(Debug, Default)]
pub(super) struct HigherDirect {
    chosen: NumberMap<(Option<Symbol>, Symbol), Vec<Version>>,
}

impl HigherDirect {
    /// This project has chosen it; none named: for all.
    pub(super) fn add(&mut self, ctx: &Context, importer: Option<Symbol>, chosen: &Resolved) {
        let Some(version) = Version::parse_loose(&ctx.text(chosen.version)) else { return };
        let held = self.chosen.entry((importer, chosen.name)).or_default();
        if !held.contains(&version) {
            held.push(version);
        }
    }

    /// Whether any is above a locked version: then its range counts.
    pub(super) fn is_above(&self, ctx: &Context, importer: Symbol, name: Symbol, locked: Symbol) -> bool {
        let own = self.chosen.get(&(Some(importer), name));
        let Some(held) = own.or_else(|| self.chosen.get(&(None, name))) else { return false };
        Version::parse_loose(&ctx.text(locked))
            .is_none_or(|locked| held.iter().any(|version| version.precedence(&locked).is_gt()))
    }

    /// The highest that is above a locked version and in its range.
    pub(super) fn above(
        &self,
        ctx: &Context,
        importer: Symbol,
        name: Symbol,
        locked: Symbol,
        range: Symbol,
    ) -> Option<Symbol> {
        let own = self.chosen.get(&(Some(importer), name));
        let held = own.or_else(|| self.chosen.get(&(None, name)))?;
        let locked = Version::parse_loose(&ctx.text(locked))?;
        let range = Range::parse_loose(&ctx.text(range)).ok()?;
        let above = held.iter().filter(|version| version.precedence(&locked).is_gt() && range.satisfies(version));
        above.max_by(|a, b| a.precedence(b)).map(|version| ctx.symbol(&version.to_string()))
    }
}

/// Remembers where the lockfile leads the dependencies of a project.
pub(super) fn of_importer(ctx: &Context, id: &str, edges: &mut [Edge]) {
    let Some(lockfile) = &ctx.lockfile else { return };
    let Some(importer) = lockfile.importers.get(id) else { return };
    let groups = [&importer.dependencies, &importer.optional_dependencies, &importer.dev_dependencies];
    for edge in edges {
        let alias = ctx.text(edge.alias);
        let Some(held) = groups.iter().find_map(|group| group.get(&*alias)) else { continue };
        // What names another package has no range of its own to hold the locked version to: it must not have changed.
        let text = ctx.text(edge.specifier);
        if text.starts_with("npm:") && held.specifier != *text && catalog_name(&held.specifier).is_none() {
            continue;
        }
        if let Some(commit) = commit::of_importer(ctx, lockfile, importer, edge) {
            edge.prior = Some(commit);
            continue;
        }
        // What is let go without what stands below it leads on to that all the same.
        let found = locked(ctx, ctx.symbol(id), edge, (&alias, &held.version));
        let stays = |version: Symbol| {
            Version::parse_loose(&ctx.text(version)).is_none_or(|version| own_peers::stays(ctx, id, edge, &version))
        };
        let found = found.filter(|held| stays(held.version));
        (edge.prior, edge.anew) = (found.as_ref().map(|held| held.key), found.is_some_and(|held| held.anew));
    }
}

/// What a dependency of a project asks for: the locked version, as long as its range allows that. A commit is taken
/// over with all below it or looked up anew.
pub(super) fn of_direct(ctx: &Context, edge: &Edge) -> Symbol {
    let exact = |key: &str| {
        let plain = package_key(key);
        let (name, version) = split_key(plain).filter(|(_, version)| Version::parse_loose(version).is_some())?;
        Some(if ctx.symbols.is(edge.alias, name) { ctx.symbol(version) } else { ctx.symbol(&format!("npm:{plain}")) })
    };
    edge.pinned().and_then(|key| exact(&ctx.text(key))).unwrap_or(edge.specifier)
}

/// What is behind a locked value.
struct Held {
    /// Its key among the snapshots.
    key: Symbol,
    version: Symbol,
    /// It is picked anew.
    anew: bool,
}

/// The snapshot and version behind a locked value, if the edge's range still allows it.
fn locked(ctx: &Context, importer: Symbol, edge: &Edge, (alias, value): (&str, &str)) -> Option<Held> {
    let key = dep_path_of(alias, value)?;
    let (name, text) = split_key(package_key(&key))?;
    let version = Version::parse_loose(text)?;
    let allowed = match &*ctx.specifier(edge.alias, edge.specifier) {
        Specifier::Registry { name: asked, want: Want::Range(wanted), registry: None } => {
            asked == name && wanted.range.satisfies(&version)
        }
        Specifier::Registry { name: asked, want: Want::Version(exact), registry: None } => {
            asked == name && *exact == version
        }
        _ => false,
    };
    let anew = ctx.is_anew(Some(importer), name, Some(&version), false);
    // Where all is picked anew there is nothing to keep below what comes out where it was.
    (allowed && !ctx.all_is_anew()).then(|| Held { key: ctx.symbol(&key), version: ctx.symbol(text), anew })
}
