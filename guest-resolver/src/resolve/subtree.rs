//! Subtrees that the existing lockfile holds whole: an edge whose locked version still fits leads there again, and all
//! below stays as it is locked, though other versions might be picked today. Not where a project now asks otherwise for
//! something that is needed there, nor above a package that asks for peers, nor where the settings have changed what
//! the lockfile was made under.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::Poll;

use wit::guest::wasi_pm::resolver::types::Failure;
use wit::settings::ResolutionMode;

use crate::catalogs::catalog_name;
use crate::extensions;
use crate::intern::{NumberMap, NumberSet, Symbol, TextMap, TextSet};
use crate::lockfile::Lockfile;
use crate::lockfile::model::{Resolution, Snapshot, dep_path_of, package_key, split_key, write_dep_path};
use crate::manifest::Manifest;
use crate::semver::Version;

use super::as_locked::AsLocked;
use super::context::Context;
use super::edges::Edge;
use super::tree::{Origin, Resolved};
use super::wanted::{self, Wanted, failure};
use super::{commit, reuse};

/// Which subtrees may be taken over.
#[derive(Debug, Default)]
pub(super) struct Subtrees {
    granted: bool,
    /// By project, the aliases of dependencies that it asks for in other words than the lockfile records.
    changed: BTreeMap<Symbol, NumberSet<Symbol>>,
    /// Their keys, of all projects.
    names: TextSet<String>,
    /// What those come to that go by another name than their own, by that.
    renamed: TextMap<String, Vec<Version>>,
    broken: Rc<TextSet<Rc<str>>>,
    /// By key, whether all below can be taken over, where that was asked.
    fit: RefCell<NumberMap<Symbol, bool>>,
    taken: RefCell<TextMap<Rc<str>, Rc<Resolved>>>,
    /// Those of which all that is below is taken and was held to the rules.
    whole: RefCell<TextSet<Rc<str>>>,
    /// By root, what was begun.
    open: RefCell<TextMap<Rc<str>, Begun>>,
    /// Single packages above what is broken.
    pub(super) single: AsLocked,
}

/// A subtree that is being taken.
#[derive(Debug)]
struct Begun {
    /// What waits for a fact, and at first the root.
    open: Vec<Rc<str>>,
    seen: TextSet<Rc<str>>,
}

/// An edge of a locked package.
#[derive(Debug)]
pub(super) struct LockedEdge {
    pub(super) alias: Symbol,
    pub(super) key: Rc<str>,
    pub(super) optional: bool,
}

impl Subtrees {
    /// Of a lockfile, if it was made under these settings; `declared` are the edges of the projects.
    pub(super) fn new(ctx: &Context, declared: &[(String, Vec<Edge>)]) -> Self {
        let Some(lockfile) = &ctx.lockfile else { return Self::default() };
        let (mut by_project, mut names) = (BTreeMap::new(), TextSet::default());
        for (id, edges) in declared {
            let changed = changed(ctx, lockfile, id, edges);
            names.extend(changed.iter().map(|edge| ctx.text(edge.alias).to_string()));
            by_project.insert(ctx.symbol(id), changed.iter().map(|edge| edge.alias).collect());
        }
        let granted = granted(ctx, lockfile);
        let Broken { all: broken, lasting } = if granted { broken(ctx, lockfile) } else { Broken::default() };
        let single = AsLocked::new(ctx, granted, lasting);
        Self { granted, changed: by_project, names, broken, single, ..Self::default() }
    }

    /// The key of the locked package that an edge leads to, if all below it can be taken over.
    pub(super) fn at(&self, ctx: &Context, edge: &Edge) -> Option<Rc<str>> {
        let prior = edge.pinned().filter(|_| self.granted)?;
        let known = self.fit.borrow().get(&prior).copied();
        let fits = known.unwrap_or_else(|| {
            let key = ctx.text(prior);
            let fits = !self.broken.contains(&key) && !self.needs_changed(ctx, &key);
            self.fit.borrow_mut().insert(prior, fits);
            fits
        });
        fits.then(|| ctx.text(prior))
    }

    /// Whether the lockfile says what an edge leads to, so that nobody is asked.
    pub(super) fn says(&self, ctx: &Context, edge: &Edge) -> bool {
        self.at(ctx, edge).is_some() || self.single.at(ctx, edge).is_some()
    }

    /// Whether a locked package needs something that a project now asks otherwise for; a commit also where that is a
    /// peer which it has not found so far.
    pub(super) fn needs_changed(&self, ctx: &Context, key: &str) -> bool {
        let Some(snapshot) = snapshot(ctx, key).filter(|_| !self.names.is_empty()) else { return false };
        let mut needs = snapshot.dependencies.iter().chain(&snapshot.optional_dependencies);
        needs.any(|(name, value)| self.names.contains(name) || self.is_below_renamed(name, value))
            || commit::peers(ctx, key).any(|name| self.names.contains(name))
    }

    /// Whether a project has now chosen, under another name, a higher version than the one that is locked.
    fn is_below_renamed(&self, name: &str, value: &str) -> bool {
        let Some(chosen) = self.renamed.get(name) else { return false };
        let locked = Version::parse_loose(package_key(value));
        locked.is_some_and(|locked| chosen.iter().any(|version| version.precedence(&locked).is_gt()))
    }

    /// Notes what a changed dependency of a project comes to, if it goes by another name than its own.
    pub(super) fn note_renamed(&mut self, ctx: &Context, edge: &Edge, chosen: &Resolved) {
        if edge.alias == chosen.name {
            return;
        }
        let Some(version) = Version::parse_loose(&ctx.text(chosen.version)) else { return };
        self.renamed.entry(ctx.text(chosen.name).to_string()).or_default().push(version);
        self.fit.borrow_mut().clear();
    }

    /// Whether a project asks for a dependency in other words than the lockfile records.
    pub(super) fn has_changed(&self, importer: Symbol, alias: Symbol) -> bool {
        self.changed.get(&importer).is_some_and(|changed| changed.contains(&alias))
    }

    /// Makes the packages of a subtree known. Where age or trust matter, each is looked up as it is locked; so is what
    /// the lockfile has from an address of its own, because only the registry says where a tarball is. All that a level
    /// asks to take is known when none of it is pending.
    pub(super) fn take(&self, ctx: &Context, wanted: Wanted, key: &Rc<str>) -> Poll<Result<(), Failure>> {
        // Of one that was refused nothing counts as whole: whoever else leads to a part of it is refused as well.
        let begun = self.open.borrow_mut().remove(key);
        let Begun { mut open, mut seen } =
            begun.unwrap_or_else(|| Begun { open: vec![Rc::clone(key)], seen: TextSet::default() });
        let mut pending = Vec::new();
        while let Some(key) = open.pop() {
            if self.whole.borrow().contains(&key) {
                continue;
            }
            let held = self.taken.borrow().get(&key).cloned();
            let resolved = match held.map_or_else(|| package(ctx, &key), Ok) {
                Ok(resolved) => resolved,
                Err(failure) => return Poll::Ready(Err(failure)),
            };
            if seen.insert(Rc::clone(&key)) {
                open.extend(edges(ctx, &key).into_iter().map(|edge| edge.key));
                self.taken.borrow_mut().insert(Rc::clone(&key), Rc::clone(&resolved));
            }
            // Age and trust of what stays locked are for the host to hold it to.
            if resolved.manifest.dist.tarball.is_some() {
                let exact = Wanted { alias: resolved.name, specifier: resolved.version, direct: false, ..wanted };
                match wanted::resolve(ctx, exact, &[]) {
                    Poll::Pending => pending.push(key),
                    Poll::Ready(Err(refused)) => return Poll::Ready(Err(refused)),
                    Poll::Ready(Ok(found)) => {
                        let manifest = Manifest { dist: found.manifest.dist.clone(), ..(*resolved.manifest).clone() };
                        let held = Resolved { manifest: Rc::new(manifest), ..(*resolved).clone() };
                        self.taken.borrow_mut().insert(key, Rc::new(held));
                    }
                }
            }
        }
        if pending.is_empty() {
            self.whole.borrow_mut().extend(seen);
            return Poll::Ready(Ok(()));
        }
        self.open.borrow_mut().insert(Rc::clone(key), Begun { open: pending, seen });
        Poll::Pending
    }

    /// A package of a subtree that was taken.
    pub(super) fn resolved(&self, key: &str) -> Rc<Resolved> {
        Rc::clone(self.taken.borrow().get(key).expect("an edge is decided when all below it is taken"))
    }
}

/// Whether subtrees may be taken over.
fn granted(ctx: &Context, lockfile: &Lockfile) -> bool {
    ctx.settings.rules.resolution_mode != ResolutionMode::TimeBased && settings_stand(ctx, lockfile)
}

/// Whether the settings that shape subtrees are those the lockfile was made under.
pub(super) fn settings_stand(ctx: &Context, lockfile: &Lockfile) -> bool {
    let rules = &ctx.settings.rules;
    let sorted = |list: &[String]| {
        let mut list = list.to_vec();
        list.sort();
        list
    };
    let catalogs = lockfile.catalogs.iter().flat_map(|(name, entries)| {
        entries.iter().map(move |(alias, entry)| (rules.catalogs.get(name).and_then(|held| held.get(alias)), entry))
    });
    !ctx.all_is_anew()
        && !ctx.mends
        && lockfile.overrides == *ctx.overrides.resolved()
        && lockfile.package_extensions_checksum == extensions::checksum(&rules.package_extensions)
        && lockfile.pnpmfile_checksum == ctx.settings.lockfile.pnpmfile_checksum
        && sorted(&lockfile.ignored_optional_dependencies) == sorted(&rules.ignored_optional_dependencies)
        && catalogs.into_iter().all(|(now, entry)| now == Some(&entry.specifier))
}

/// Dependencies that a project asks for in other words than the lockfile records, or for the first time.
fn changed<'a>(ctx: &Context, lockfile: &Lockfile, id: &str, edges: &'a [Edge]) -> Vec<&'a Edge> {
    let importer = lockfile.importers.get(id);
    let recorded = |alias: &str| {
        let importer = importer?;
        let groups = [&importer.dependencies, &importer.optional_dependencies, &importer.dev_dependencies];
        groups.into_iter().find_map(|group| group.get(alias)).map(|held| held.specifier.as_str())
    };
    let same = |edge: &&Edge| {
        let (alias, specifier) = (ctx.text(edge.alias), ctx.text(edge.specifier));
        recorded(&alias).is_some_and(|recorded| {
            let entry = || lockfile.catalogs.get(catalog_name(recorded)?)?.get(&*alias);
            recorded == &*specifier || entry().is_some_and(|entry| *entry.specifier == *specifier)
        })
    };
    edges.iter().filter(|edge| !same(edge)).collect()
}

fn snapshot<'a>(ctx: &'a Context, key: &str) -> Option<&'a Snapshot> {
    ctx.lockfile.as_ref()?.snapshots.get(key)
}

/// The keys of what cannot be taken over with all that is below it.
#[derive(Debug, Default)]
struct Broken {
    all: Rc<TextSet<Rc<str>>>,
    /// Those that no other command and no other settings would make whole.
    lasting: Rc<TextSet<Rc<str>>>,
}

/// The keys below which the lockfile does not say all, or something that is neither of a registry nor a commit, or a
/// package with peers; for now also those above what is picked anew or refused.
fn broken(ctx: &Context, lockfile: &Lockfile) -> Broken {
    let keys: Vec<&String> = lockfile.snapshots.keys().collect();
    let places: TextMap<&str, usize> = keys.iter().enumerate().map(|(at, key)| (key.as_str(), at)).collect();
    let mut path = String::new();
    // What the settings refuse below packages is told when these are walked.
    let is_refused = |key: &str| ctx.settings.policy.block_exotic_subdeps && commit::is_one(lockfile, key);
    let is_dropped = |key: &str| ctx.is_anew_at(None, key, false);
    let mut below: Vec<Vec<usize>> = Vec::with_capacity(keys.len());
    let (mut lasting, mut passing) = (Vec::new(), Vec::new());
    for (at, (key, snapshot)) in lockfile.snapshots.iter().enumerate() {
        let all = snapshot.dependencies.iter().chain(&snapshot.optional_dependencies);
        let found: Option<Vec<usize>> = all
            .map(|(alias, value)| {
                path.clear();
                write_dep_path(&mut path, alias, value).then(|| places.get(path.as_str()).copied()).flatten()
            })
            .collect();
        if found.as_ref().is_none_or(|below| below.contains(&at)) || !is_vouched(lockfile, key) {
            lasting.push(at);
        } else if is_dropped(key) || found.iter().flatten().any(|child| is_refused(keys[*child])) {
            passing.push(at);
        }
        below.push(found.unwrap_or_default());
    }
    let mut parents: Vec<Vec<usize>> = vec![Vec::new(); keys.len()];
    for (at, children) in below.iter().enumerate() {
        children.iter().for_each(|child| parents[*child].push(at));
    }
    let above = |mut bad: Vec<usize>| -> Rc<TextSet<Rc<str>>> {
        let mut broken = vec![false; keys.len()];
        while let Some(at) = bad.pop() {
            if !std::mem::replace(&mut broken[at], true) {
                bad.extend(&parents[at]);
            }
        }
        Rc::new(keys.iter().zip(broken).filter(|(_, broken)| *broken).map(|(key, _)| key.as_str().into()).collect())
    };
    let all = (!passing.is_empty()).then(|| above(lasting.iter().copied().chain(passing).collect()));
    let lasting = above(lasting);
    Broken { all: all.unwrap_or_else(|| Rc::clone(&lasting)), lasting }
}

/// Whether a locked package can be taken over as it stands: a registry has it or it is a commit, and it asks for no
/// peers: which of its dependencies these stand for is decided anew.
fn is_vouched(lockfile: &Lockfile, key: &str) -> bool {
    let id = package_key(key);
    let (Some(package), Some((_, version))) = (lockfile.packages.get(id), split_key(id)) else { return false };
    let vouched = match &package.resolution {
        Resolution::Tarball { integrity: Some(_), git_hosted: false, .. } => Version::parse(version).is_some(),
        resolution => commit::specifier(version, resolution).is_some(),
    };
    vouched && package.peer_dependencies.is_empty()
}

/// The edges of a locked package, by alias; what stands there as its peer is none.
pub(super) fn edges(ctx: &Context, key: &str) -> Vec<LockedEdge> {
    let package = ctx.lockfile.as_ref().and_then(|lockfile| lockfile.packages.get(package_key(key)));
    let (Some(snapshot), Some(package)) = (snapshot(ctx, key), package) else { return Vec::new() };
    let groups = [(&snapshot.dependencies, false), (&snapshot.optional_dependencies, true)];
    let all = groups
        .into_iter()
        .flat_map(|(group, optional)| group.iter().map(move |(alias, value)| (alias, value, optional)));
    let own = all.filter(|(alias, ..)| !reuse::is_peer(package, key, alias));
    let mut edges: Vec<(&String, LockedEdge)> = own
        .filter_map(|(alias, value, optional)| {
            let key = dep_path_of(alias, value)?.into();
            Some((alias, LockedEdge { alias: ctx.symbol(alias), key, optional }))
        })
        .collect();
    edges.sort_by_key(|(alias, _)| *alias);
    edges.into_iter().map(|(_, edge)| edge).collect()
}

/// A package as the lockfile has it.
fn package(ctx: &Context, key: &str) -> Result<Rc<Resolved>, Failure> {
    let id = package_key(key);
    let read = || {
        let package = ctx.lockfile.as_ref()?.packages.get(id)?;
        let (name, version) = split_key(id)?;
        let Resolution::Tarball { integrity, tarball, .. } = &package.resolution else { return None };
        let to_commit = |value: &str| Some(package_key(value).to_owned());
        let specifier_of = |value: &str| reuse::specifier_of(value).or_else(|| to_commit(value));
        let mut manifest = reuse::manifest_of(name, package, (key, snapshot(ctx, key)?), specifier_of)?;
        manifest.version = Some(version.to_owned());
        manifest.dist.integrity.clone_from(integrity);
        manifest.dist.tarball.clone_from(tarball);
        Some((name, version, manifest))
    };
    if let Some(package) = ctx.lockfile.as_ref().and_then(|lockfile| lockfile.packages.get(id))
        && let Some(snapshot) = snapshot(ctx, key)
        && let Some((name, version)) = split_key(id)
        && commit::specifier(version, &package.resolution).is_some()
    {
        return commit::locked(ctx, id, (name, package), (key, snapshot));
    }
    let (name, version, manifest) = read()
        .ok_or_else(|| failure("ERR_WASI_PM_BUG", format!("the lockfile does not say all that is below {key}")))?;
    let id = wanted::patched(ctx, id.to_owned(), name, version)?;
    let (name, version) = (ctx.symbol(name), ctx.symbol(version));
    let (manifest, origin) = (Rc::new(manifest), Origin::Registry(None));
    Ok(Rc::new(Resolved { id, name, version, manifest, origin, as_locked: false }))
}
