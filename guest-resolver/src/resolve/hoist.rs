//! Which missing peers are added to a project, and in which version.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::intern::{NumberMap, NumberSet, Symbol};
use crate::peers::missing::peer_range;
use crate::semver::{Range, Version, intersection};
use crate::specifier::Want;

use super::context::Context;
use super::locked_peers::LockedPeers;
use super::tree::{NodeId, Origin, PackageId, Peer, Tree};
use super::walk::{Direct, Walker};

/// A dependency of the workspace's root, which may serve as a peer everywhere.
#[derive(Debug, Clone, Copy)]
pub struct RootDependency {
    /// The key in its manifest.
    pub alias: Symbol,
    /// The real name.
    pub name: Symbol,
    /// What its manifest asks for.
    pub specifier: Symbol,
}

/// A peer that is missing.
#[derive(Debug, Clone)]
pub struct Lacking {
    /// The range, as written.
    pub range: Rc<str>,
    /// It may be missing.
    pub optional: bool,
}

/// Missing peers by name.
#[derive(Debug, Default)]
pub struct Partition {
    /// With the range that all who need it accept.
    pub required: BTreeMap<Rc<str>, Rc<str>>,
    /// With all ranges.
    pub optional: BTreeMap<Rc<str>, Vec<Rc<str>>>,
}

/// Sorts missing peers that the project does not have by whether anyone needs them.
pub fn partition(ctx: &Context, missing: &[(Symbol, Lacking)], aliases: &NumberSet<Symbol>) -> Partition {
    let mut by_name: BTreeMap<Rc<str>, Vec<&Lacking>> = BTreeMap::new();
    for (name, lacking) in missing.iter().filter(|(name, _)| !aliases.contains(name)) {
        by_name.entry(ctx.text(*name)).or_default().push(lacking);
    }
    let mut found = Partition::default();
    for (name, entries) in by_name {
        let mut required: Vec<Rc<str>> = Vec::new();
        for entry in entries.iter().filter(|entry| !entry.optional) {
            let range: Rc<str> = entry.range.strip_prefix("workspace:").unwrap_or(&entry.range).into();
            if !required.contains(&range) {
                required.push(range);
            }
        }
        if required.is_empty() {
            let mut ranges: Vec<Rc<str>> = Vec::new();
            for entry in entries {
                let range: Rc<str> = peer_range(&entry.range).into();
                if !ranges.contains(&range) {
                    ranges.push(range);
                }
            }
            found.optional.insert(name, ranges);
        } else if let Some(range) = merge(ctx, &required) {
            found.required.insert(name, range);
        }
    }
    found
}

fn merge(ctx: &Context, ranges: &[Rc<str>]) -> Option<Rc<str>> {
    if let [only] = ranges {
        return Some(Rc::clone(only));
    }
    intersection(&ranges.iter().map(AsRef::as_ref).collect::<Vec<_>>()).map(Into::into).or_else(|| {
        let joined = || ranges.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(" || ");
        ctx.settings.peers.auto_install_peers_from_highest_match.then(|| joined().into())
    })
}

/// What is known to be wanted of a peer.
#[derive(Debug, Default)]
pub struct Known {
    /// Versions in the graph.
    present: Vec<Version>,
    /// Preferences of the project, versions that only the lockfile still holds among them: these count where none in
    /// the graph will do.
    preferred: Vec<Want>,
}

impl Known {
    fn wanted(preferred: impl Iterator<Item = Want>) -> Self {
        Self { present: Vec::new(), preferred: preferred.collect() }
    }

    fn is_empty(&self) -> bool {
        self.present.is_empty() && self.preferred.is_empty()
    }

    /// Versions that only the preferences name.
    fn remembered(&self) -> impl Iterator<Item = &Version> {
        let versions = self.preferred.iter().filter_map(|want| match want {
            Want::Version(version) => Some(version),
            _ => None,
        });
        versions.filter(|version| !self.present.contains(version))
    }
}

/// What is known to be wanted of missing peers, by name.
pub type Versions = BTreeMap<Rc<str>, Known>;

/// Which part of the graph missing peers are looked for in.
#[derive(Debug)]
pub struct Sight {
    /// Here and all that is below.
    pub(super) below: Vec<NodeId>,
    /// Here alone.
    pub(super) at: Vec<NodeId>,
}

/// What is known to be wanted of `names`: preferences and what the graph has of them, or only what it has in `sight`.
pub fn versions_in<'a>(
    ctx: &Context,
    walker: &Walker,
    importer: Symbol,
    names: impl Iterator<Item = &'a Rc<str>>,
    sight: Option<&Sight>,
) -> Versions {
    // Another project may have decided anew what stands below a package: what stood there before is in the graph no
    // more.
    let reached = match sight {
        Some(sight) => in_sight(&walker.tree, sight),
        None => reached(&walker.tree, walker.roots.clone()),
    };
    // What the lockfile holds because peers were installed is no reason to add it where they no longer are.
    let held = ctx.lockfile.as_ref().and_then(|lockfile| lockfile.settings.auto_install_peers);
    let no_longer = held == Some(true) && !ctx.settings.peers.auto_install_peers;
    let preferred = |name: &Rc<str>| {
        let name = ctx.symbol(name);
        let all = if no_longer { ctx.preferred.of_manifest(importer, name) } else { ctx.preferred.of(importer, name) };
        all.into_iter().map(|held| held.want)
    };
    let mut all: Versions = names
        .map(|name| (Rc::clone(name), if sight.is_some() { Known::default() } else { Known::wanted(preferred(name)) }))
        .collect();
    for (at, package) in walker.tree.packages.iter().enumerate() {
        let resolved = &package.resolved;
        if !matches!(resolved.origin, Origin::Registry(_)) || !reached[at] {
            continue;
        }
        let Some(held) = all.get_mut(&ctx.text(resolved.name)) else { continue };
        let Some(version) = Version::parse_loose(&ctx.text(resolved.version)) else { continue };
        if !held.present.contains(&version) {
            held.present.push(version);
        }
    }
    all.retain(|_, known| !known.is_empty());
    all
}

/// Drops versions that ask for peers themselves which the project has, or sees at the root, in a version that does not
/// fit.
pub fn drop_unfit(ctx: &Context, tree: &Tree, direct: &[Direct], root: &[Direct], versions: &mut Versions) {
    let mut present: NumberMap<Symbol, Symbol> = NumberMap::default();
    for direct in [root, direct] {
        for resolved in direct.iter().map(|dep| &tree.package_of(dep.node).resolved) {
            present.insert(resolved.name, resolved.version);
        }
        present.extend(direct.iter().map(|dep| (dep.alias, tree.package_of(dep.node).resolved.version)));
    }
    let fits = |name: Symbol, peer: &Peer| {
        let Some(version) = present.get(&name) else { return true };
        match (Version::parse_loose(&ctx.text(*version)), Range::parse_loose(&peer_range(&peer.range))) {
            (Some(version), Ok(range)) => range.satisfies_as_peer(&version),
            _ => true,
        }
    };
    for package in &tree.packages {
        let resolved = &package.resolved;
        if package.peers.iter().all(|(name, peer)| fits(*name, peer)) {
            continue;
        }
        let (Some(held), Some(version)) =
            (versions.get_mut(&ctx.text(resolved.name)), Version::parse_loose(&ctx.text(resolved.version)))
        else {
            continue;
        };
        held.present.retain(|known| *known != version);
        let want = Want::Version(version);
        held.preferred.retain(|known| *known != want);
    }
    versions.retain(|_, known| !known.is_empty());
}

/// Which packages are in sight.
fn in_sight(tree: &Tree, sight: &Sight) -> Vec<bool> {
    let mut found = reached(tree, sight.below.iter().map(|node| tree.node(*node).package).collect());
    for node in &sight.at {
        found[tree.node(*node).package.0 as usize] = true;
    }
    found
}

/// Which packages are `open` or below.
fn reached(tree: &Tree, mut open: Vec<PackageId>) -> Vec<bool> {
    let mut reached = vec![false; tree.packages.len()];
    while let Some(package) = open.pop() {
        if !std::mem::replace(&mut reached[package.0 as usize], true) {
            open.extend(tree.edges(package).iter().map(|edge| edge.package));
        }
    }
    reached
}

fn root_specifier(ctx: &Context, roots: &[RootDependency], name: &str) -> Option<String> {
    if !ctx.settings.peers.resolve_peers_from_workspace_root {
        return None;
    }
    let name = ctx.symbol(name);
    let by_alias = roots.iter().find(|root| root.alias == name);
    let by_name = || roots.iter().filter(|root| root.name == name).min_by_key(|root| ctx.text(root.alias));
    by_alias.or_else(by_name).map(|root| ctx.text(root.specifier).to_string())
}

/// What to ask for, for each missing peer that is needed.
pub fn required(
    ctx: &Context,
    missing: &BTreeMap<Rc<str>, Rc<str>>,
    versions: &Versions,
    roots: &[RootDependency],
) -> BTreeMap<Rc<str>, String> {
    let auto = ctx.settings.peers.auto_install_peers;
    let mut added = BTreeMap::new();
    for (name, range) in missing {
        let root = root_specifier(ctx, roots, name);
        if (auto || root.is_some())
            && let Some(overridden) = overridden(ctx, name, range)
        {
            if overridden != "-" {
                added.insert(Rc::clone(name), overridden);
            }
            continue;
        }
        if let Some(specifier) = root.or_else(|| by_versions(range, versions.get(name), auto)) {
            added.insert(Rc::clone(name), specifier);
        }
    }
    added
}

fn overridden(ctx: &Context, name: &str, range: &str) -> Option<String> {
    if ctx.overrides.is_empty() {
        return None;
    }
    let mut manifest = serde_json::Map::new();
    let mut group = serde_json::Map::new();
    group.insert(name.to_owned(), range.into());
    manifest.insert("dependencies".to_owned(), group.into());
    ctx.overrides.apply(&mut manifest, None);
    let entry = manifest.get("dependencies").and_then(|group| group.get(name)).and_then(serde_json::Value::as_str);
    match entry {
        None => Some("-".to_owned()),
        Some(same) if same == range => None,
        Some(other) => Some(other.to_owned()),
    }
}

fn by_versions(range: &str, known: Option<&Known>, auto: bool) -> Option<String> {
    let Some(known) = known else { return auto.then(|| range.to_owned()) };
    let others = known.preferred.iter().filter(|want| !matches!(want, Want::Version(_))).map(ToString::to_string);
    let parsed =
        Range::parse_with(&peer_range(range), crate::semver::Options { loose: true, include_prerelease: true }).ok();
    let fits = |version: &&Version| parsed.as_ref().is_none_or(|parsed| parsed.satisfies(version));
    let best = known.present.iter().filter(fits).max_by(|a, b| a.precedence(b));
    let best = best.or_else(|| known.remembered().filter(fits).max_by(|a, b| a.precedence(b)));
    if best.is_none() && parsed.is_some() && (!known.present.is_empty() || known.remembered().next().is_some()) {
        return auto.then(|| range.to_owned());
    }
    let parts: Vec<String> = best.map(ToString::to_string).into_iter().chain(others).collect();
    (!parts.is_empty()).then(|| parts.join(" || "))
}

/// What to ask for, for each missing optional peer of which the graph has a version that all accept, and the root's
/// specifier too if it shares anything with what they accept.
pub(super) fn optional(
    ctx: &Context,
    missing: &BTreeMap<Rc<str>, Vec<Rc<str>>>,
    versions: &Versions,
    roots: &[RootDependency],
    locked: &LockedPeers,
) -> BTreeMap<Rc<str>, String> {
    let mut added = BTreeMap::new();
    for (name, ranges) in missing {
        let Some(known) = versions.get(name) else { continue };
        let root = root_specifier(ctx, roots, name).map(|text| peer_range(&text).into_owned());
        let shares = |text: &String| ranges.iter().all(|range| intersection(&[text, range]).is_some());
        let root = root.filter(shares).and_then(|text| Range::parse_loose(&text).ok());
        let Ok(ranges) = ranges.iter().map(|range| Range::parse_loose(range)).collect::<Result<Vec<_>, _>>() else {
            continue;
        };
        let accepted = |version: &&Version| ranges.iter().chain(&root).all(|range| range.satisfies(version));
        let is_locked = |version: &Version| locked.allow(ctx.symbol(name), &version.to_string());
        let mut candidates: Vec<&Version> = known.present.iter().filter(accepted).collect();
        if candidates.iter().any(|version| is_locked(version)) {
            candidates.retain(|version| is_locked(version));
        } else if candidates.is_empty() {
            candidates = known.remembered().filter(accepted).filter(|version| is_locked(version)).collect();
        }
        if let Some(best) = candidates.into_iter().max_by(|a, b| a.precedence(b)) {
            added.insert(Rc::clone(name), best.to_string());
        }
    }
    added
}
