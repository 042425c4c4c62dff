//! From the placed graph to the lockfile's model.

use std::collections::BTreeMap;
use std::rc::Rc;

use wit::Integrity;

use crate::catalogs::catalog_name;
use crate::intern::{NumberMap, Symbol, TextSet};
use crate::lockfile::Lockfile;
use crate::lockfile::model::{
    Bundled, CatalogEntry, DependencyMeta, Importer, ImporterDependency, LockfileSettings, Package,
    Resolution as Bytes, Snapshot, is_named, package_key, split_key,
};
use crate::manifest::{self, Dist, Manifest};
use crate::peers::Placed;
use crate::semver::Version;

use super::Resolution;
use super::commit;
use super::context::{Context, Project};
use super::edges::peers_of;
use super::paths;
use super::tree::{Origin, Resolved};

/// The lockfile of a resolution.
pub fn build(ctx: &Context, resolution: &Resolution) -> Lockfile {
    let rules = &ctx.settings.rules;
    let mut lockfile = Lockfile {
        settings: settings(ctx),
        overrides: ctx.overrides.resolved().clone(),
        package_extensions_checksum: crate::extensions::checksum(&rules.package_extensions),
        pnpmfile_checksum: ctx.settings.lockfile.pnpmfile_checksum.clone(),
        patched_dependencies: rules.patched_dependencies.clone(),
        ignored_optional_dependencies: rules.ignored_optional_dependencies.clone(),
        time: ctx.cutoff.get().map(|cutoff| cutoff.times.clone()).unwrap_or_default(),
        environment_document: ctx.lockfile.as_ref().and_then(|old| old.environment_document.clone()),
        ..Lockfile::default()
    };
    for (id, project) in &ctx.projects {
        let importer = importer(ctx, resolution, id, project);
        record_catalogs(ctx, resolution, &importer, &mut lockfile.catalogs);
        lockfile.importers.insert(id.clone(), importer);
    }
    let required = required_paths(ctx, resolution);
    let reached = resolution.graph.reached(declared_paths(ctx, resolution));
    let is_link = |placed: &Placed| resolution.tree.package(placed.package).resolved.is_link();
    let mut all: Vec<(&Rc<str>, &Placed)> =
        resolution.graph.placed.iter().filter(|(_, placed)| !is_link(placed)).collect();
    all.sort_unstable_by_key(|(path, _)| *path);
    // Maps that are made of whole sorted lists are filled in one go.
    let snapshots = all.iter().map(|(path, placed)| {
        // What no project reaches, because circles were cut, goes by its package.
        let is_optional = || resolution.tree.package(placed.package).optional || reached.contains(*path);
        let optional = !required.contains(*path) && is_optional();
        ((***path).to_owned(), snapshot(ctx, resolution, placed, optional))
    });
    lockfile.snapshots = snapshots.collect();
    all.dedup_by_key(|(path, _)| package_key(path));
    let packages = all.iter().map(|(path, placed)| {
        let key = package_key(path);
        let mut package = describe(ctx, resolution, placed);
        keep_deprecation(ctx, key, &mut package);
        (key.to_owned(), package)
    });
    lockfile.packages = packages.collect();
    lockfile
}

fn settings(ctx: &Context) -> LockfileSettings {
    let peers = &ctx.settings.peers;
    LockfileSettings {
        auto_install_peers: Some(peers.auto_install_peers),
        dedupe_peers: peers.dedupe_peers.then_some(true),
        exclude_links_from_lockfile: Some(ctx.settings.lockfile.exclude_links_from_lockfile),
        inject_workspace_packages: ctx.settings.workspace.inject_workspace_packages.then_some(true),
        peers_suffix_max_length: (peers.peers_suffix_max_length != 1000).then_some(peers.peers_suffix_max_length),
        ..LockfileSettings::default()
    }
}

fn importer(ctx: &Context, resolution: &Resolution, id: &str, project: &Project) -> Importer {
    let manifest = &project.manifest;
    let mut importer = Importer { publish_directory: manifest.publish_directory.clone(), ..Importer::default() };
    if manifest.publish_directory.is_some() && manifest.link_directory == Some(false) {
        importer.other.push(("linkDirectory".to_owned(), " false".to_owned()));
    }
    for (alias, injected) in &manifest.dependencies_meta {
        importer.dependencies_meta.insert(alias.clone(), DependencyMeta { injected: *injected });
    }
    for (alias, path) in &resolution.direct[id] {
        let name = ctx.text(*alias);
        let groups = [
            (&manifest.optional_dependencies, &mut importer.optional_dependencies),
            (&manifest.dependencies, &mut importer.dependencies),
            (&manifest.dev_dependencies, &mut importer.dev_dependencies),
        ];
        let entry = |specifier: &String| {
            let version = match path.strip_prefix("link:") {
                Some(folder) => format!("link:{}", paths::relative(id, folder)),
                None => reference(ctx, resolution, *alias, path),
            };
            let recorded = commit::recorded(ctx, id, &name, specifier, &version);
            ImporterDependency { specifier: recorded.unwrap_or(specifier).clone(), version }
        };
        let mut found = false;
        for (written, group) in groups {
            if let Some(specifier) = written.get(&*name) {
                if !(path.starts_with("link:")
                    && ctx.settings.lockfile.exclude_links_from_lockfile
                    && !specifier.starts_with("workspace:"))
                {
                    group.insert(name.to_string(), entry(specifier));
                }
                found = true;
                break;
            }
        }
        if !found
            && ctx.settings.peers.auto_install_peers
            && let Some(specifier) = manifest.peer_dependencies.get(&*name)
        {
            importer.dependencies.insert(name.to_string(), entry(specifier));
        }
    }
    importer
}

fn record_catalogs(
    ctx: &Context,
    resolution: &Resolution,
    importer: &Importer,
    catalogs: &mut BTreeMap<String, BTreeMap<String, CatalogEntry>>,
) {
    let groups = [&importer.dependencies, &importer.dev_dependencies, &importer.optional_dependencies];
    let is_custom = |key: &str| {
        let package = resolution.tree.find(key).map(|id| &resolution.tree.package(id).resolved.origin);
        matches!(package, Some(Origin::Pinned(bytes)) if bytes.is_custom())
    };
    for (alias, dependency) in groups.into_iter().flatten() {
        let Some(catalog) = catalog_name(&dependency.specifier) else { continue };
        let Some(specifier) = ctx.settings.rules.catalogs.get(catalog).and_then(|entries| entries.get(alias)) else {
            continue;
        };
        let key = package_key(&dependency.version);
        // What is linked has no version; of another name only the version is recorded.
        let version = match split_key(key).filter(|_| is_named(key)) {
            _ if key.starts_with("link:") => specifier,
            Some((_, version)) if Version::parse(version).is_some() || is_custom(key) => version,
            _ => key,
        };
        let version = version.to_owned();
        let entry = CatalogEntry { specifier: specifier.clone(), version };
        catalogs.entry(catalog.to_owned()).or_default().insert(alias.clone(), entry);
    }
}

/// How a dep-path stands beside an alias: without the name where that is the alias, but for what plugins resolve.
fn reference(ctx: &Context, resolution: &Resolution, alias: Symbol, path: &Rc<str>) -> String {
    let Some(placed) = resolution.graph.placed.get(path) else { return path.to_string() };
    let resolved = &resolution.tree.package(placed.package).resolved;
    let is_custom = matches!(&resolved.origin, Origin::Pinned(bytes) if bytes.is_custom());
    if resolved.name == alias
        && !is_custom
        && let Some(rest) = path.strip_prefix(&*ctx.text(alias)).and_then(|rest| rest.strip_prefix('@'))
    {
        return rest.to_owned();
    }
    path.to_string()
}

/// Which aliases of a package may be left out; nearly always none.
fn optional_aliases(ctx: &Context, resolution: &Resolution, placed: &Placed) -> Vec<Symbol> {
    let package = resolution.tree.package(placed.package);
    let listed = package.resolved.manifest.optional_dependencies.keys().map(|name| ctx.symbol(name));
    let peers = package.peers.iter().filter(|(_, peer)| peer.optional).map(|(name, _)| *name);
    let edges = resolution.tree.edges(placed.package).iter().filter(|edge| edge.optional).map(|edge| edge.alias);
    listed.chain(peers).chain(edges).collect()
}

/// What the manifests of the projects ask for themselves.
fn declared_paths<'a>(ctx: &'a Context, resolution: &'a Resolution) -> impl Iterator<Item = Rc<str>> + 'a {
    resolution.direct.iter().flat_map(move |(id, paths)| {
        let manifest = &ctx.projects[id].manifest;
        let groups = [
            &manifest.dependencies,
            &manifest.dev_dependencies,
            &manifest.optional_dependencies,
            &manifest.peer_dependencies,
        ];
        let declared = move |alias: Symbol| groups.iter().any(|group| group.contains_key(&*ctx.text(alias)));
        paths.iter().filter(move |(alias, _)| declared(*alias)).map(|(_, path)| Rc::clone(path))
    })
}

/// Dep-paths that are reached without an optional edge.
fn required_paths(ctx: &Context, resolution: &Resolution) -> TextSet<Rc<str>> {
    let mut open: Vec<Rc<str>> = Vec::new();
    for (id, paths) in &resolution.direct {
        let manifest = &ctx.projects[id].manifest;
        let declared =
            |name: &str| manifest.dependencies.contains_key(name) || manifest.dev_dependencies.contains_key(name);
        let required = |name: &str| !manifest.optional_dependencies.contains_key(name) && declared(name);
        open.extend(paths.iter().filter(|(alias, _)| required(&ctx.text(*alias))).map(|(_, path)| Rc::clone(path)));
        let peers = paths.iter().filter(|(alias, _)| {
            let name = ctx.text(*alias);
            !declared(&name)
                && !manifest.optional_dependencies.contains_key(&*name)
                && manifest.peer_dependencies.contains_key(&*name)
        });
        open.extend(peers.map(|(_, path)| Rc::clone(path)));
    }
    let mut required: TextSet<Rc<str>> = TextSet::default();
    let mut optional: NumberMap<u32, Vec<Symbol>> = NumberMap::default();
    while let Some(path) = open.pop() {
        let Some(placed) = resolution.graph.placed.get(&path) else { continue };
        if !required.insert(Rc::clone(&path)) {
            continue;
        }
        let skipped = optional.entry(placed.package.0).or_insert_with(|| {
            let mut listed = optional_aliases(ctx, resolution, placed);
            listed.retain(|alias| placed.children.iter().any(|(held, _)| held == alias));
            listed
        });
        open.extend(
            placed.children.iter().filter(|(alias, _)| !skipped.contains(alias)).map(|(_, path)| Rc::clone(path)),
        );
    }
    required
}

fn snapshot(ctx: &Context, resolution: &Resolution, placed: &Placed, optional: bool) -> Snapshot {
    let mut snapshot = Snapshot { optional, ..Snapshot::default() };
    let left_out = optional_aliases(ctx, resolution, placed);
    let children = placed.children.iter().map(|(alias, path)| {
        (left_out.contains(alias), (*ctx.text(*alias)).to_owned(), reference(ctx, resolution, *alias, path))
    });
    let (optional, required): (Vec<_>, Vec<_>) = children.partition(|(optional, ..)| *optional);
    // A map that is made of a whole list is filled in one go.
    snapshot.optional_dependencies = optional.into_iter().map(|(_, name, value)| (name, value)).collect();
    snapshot.dependencies = required.into_iter().map(|(_, name, value)| (name, value)).collect();
    snapshot.transitive_peer_dependencies =
        placed.transitive.iter().map(|name| (*ctx.text(*name)).to_owned()).collect();
    snapshot.transitive_peer_dependencies.sort();
    snapshot
}

fn describe(ctx: &Context, resolution: &Resolution, placed: &Placed) -> Package {
    let package = resolution.tree.package(placed.package);
    let manifest = &package.resolved.manifest;
    // The package as it is published, whoever provides its peers here.
    let has_peers = !manifest.peer_dependencies.is_empty() || !manifest.optional_peers.is_empty();
    let own = manifest.dependencies.keys().filter(|_| has_peers).map(|name| ctx.symbol(name));
    let peers = peers_of(ctx, manifest, &own.collect::<Vec<Symbol>>());
    let engines = manifest.engines.iter().filter(|(_, range)| *range != "*");
    Package {
        resolution: bytes(ctx, &package.resolved),
        version: version_beside_key(ctx, &package.resolved),
        engines: engines.map(|(name, range)| (name.clone(), range.clone())).collect(),
        cpu: manifest.cpu.clone(),
        os: manifest.os.clone(),
        libc: manifest.libc.clone(),
        deprecated: manifest.deprecated.clone(),
        has_bin: manifest.has_bin,
        bundled_dependencies: manifest.bundled.as_ref().and_then(bundled),
        peer_dependencies: peers
            .iter()
            .map(|(name, peer)| ((*ctx.text(*name)).to_owned(), (*peer.range).to_owned()))
            .collect(),
        optional_peers: peers
            .iter()
            .filter(|(_, peer)| peer.optional)
            .map(|(name, _)| (*ctx.text(*name)).to_owned())
            .collect(),
        ..Package::default()
    }
}

/// A deprecation is all that may change of a version. What stays where it is locked keeps the one that is recorded, or
/// that none is, whatever the registry says by now; what is picked anew never loses it.
fn keep_deprecation(ctx: &Context, key: &str, package: &mut Package) {
    let old = ctx.lockfile.as_ref().and_then(|lockfile| lockfile.packages.get(key));
    let Some(old) = old.filter(|old| old.resolution == package.resolution) else { return };
    if package.deprecated.is_none() || package.deprecated != old.deprecated && !ctx.is_picked_anew(key) {
        package.deprecated.clone_from(&old.deprecated);
    }
}

/// The version, where the key does not say it.
fn version_beside_key(ctx: &Context, resolved: &Resolved) -> Option<String> {
    let Origin::Pinned(bytes) = &resolved.origin else { return None };
    let version = ctx.text(resolved.version);
    let (_, key) = split_key(package_key(&resolved.id))?;
    let said = key.split_once(':').is_some_and(|(_, said)| said == &*version);
    (!(bytes.is_custom() && said)).then(|| version.to_string())
}

fn bundled(bundled: &manifest::Bundled) -> Option<Bundled> {
    match bundled {
        manifest::Bundled::All(all) => all.then_some(Bundled::All(true)),
        manifest::Bundled::Names(names) => (!names.is_empty()).then(|| Bundled::Names(names.clone())),
    }
}

fn bytes(ctx: &Context, resolved: &Resolved) -> Bytes {
    match &resolved.origin {
        Origin::Registry(named) => {
            let Manifest { dist, .. } = &*resolved.manifest;
            let (name, version) = (ctx.text(resolved.name), ctx.text(resolved.version));
            Bytes::Tarball {
                integrity: integrity(dist),
                tarball: unusual_tarball(ctx, named.as_deref(), (&name, &version), dist),
                git_hosted: false,
                path: None,
            }
        }
        Origin::Directory(folder) | Origin::Link(folder) => Bytes::Directory(folder.clone()),
        Origin::Pinned(bytes) => bytes.clone(),
    }
}

/// What a tarball must hash to, as the lockfile has it.
pub fn integrity(dist: &Dist) -> Option<String> {
    dist.integrity
        .clone()
        .or_else(|| Integrity::from_shasum(dist.shasum.as_deref()?).ok().map(|found| found.to_string()))
}

/// The address of a tarball, where it is not the canonical one or the settings want it in any case.
pub fn unusual_tarball(
    ctx: &Context,
    named: Option<&str>,
    (name, version): (&str, &str),
    dist: &Dist,
) -> Option<String> {
    let tarball = dist.tarball.as_deref()?;
    let registries = &ctx.settings.registries;
    let scope = name.starts_with('@').then(|| name.split('/').next()).flatten();
    let named = named.and_then(|named| registries.named.get(named));
    let scoped = scope.and_then(|scope| registries.scoped.get(scope));
    let registry = named.or(scoped).unwrap_or(&registries.default);
    let unscoped = name.rsplit('/').next().unwrap_or(name);
    let version = version.split('+').next().unwrap_or(version);
    // Nearly all are canonical to the letter, and nothing is put together to see it.
    let is_usual = is_made_of(tarball, &[registry, name, "/-/", unscoped, "-", version, ".tgz"])
        || is_canonical(tarball, registry, &format!("{name}/-/{unscoped}-{version}.tgz"));
    (!is_usual || ctx.settings.lockfile.include_tarball_url).then(|| tarball.to_owned())
}

fn is_made_of(text: &str, parts: &[&str]) -> bool {
    parts.iter().try_fold(text, |rest, part| rest.strip_prefix(part)) == Some("")
}

/// Whether an address is that of this path in the registry, by whatever scheme and however its slashes are written.
fn is_canonical(address: &str, registry: &str, path: &str) -> bool {
    let strip = |address: &str| {
        address.split_once("://").map_or(address.to_owned(), |(_, rest)| rest.replace("%2f", "/").replace("%2F", "/"))
    };
    registry.is_empty() && address.ends_with(path) || strip(address) == strip(&format!("{registry}{path}"))
}
