//! The edges of projects: they follow the manifests as long as a locked version is there to lead to.

use std::collections::BTreeMap;

use crate::lockfile::Lockfile;
use crate::lockfile::model::{
    DependencyMeta, Importer, ImporterDependency, Resolution, dep_path_of, is_named, package_key, split_key,
};
use crate::manifest::Manifest;
use crate::resolve::paths;
use crate::semver::{Range, Version};

use super::Wanted;
use super::graph::{self, Edits};

/// Where an importer records a dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Optional,
    Production,
    Development,
}

const GROUPS: [Group; 3] = [Group::Optional, Group::Production, Group::Development];

/// The projects of a lockfile.
pub(super) type Importers = BTreeMap<String, Importer>;

type Declared<'a> = BTreeMap<&'a str, (&'a str, Group)>;

/// Alias to specifier and group: optional over production over development.
fn declared(manifest: &Manifest) -> Declared<'_> {
    let mut all = Declared::new();
    for group in GROUPS {
        let entries = match group {
            Group::Optional => &manifest.optional_dependencies,
            Group::Production => &manifest.dependencies,
            Group::Development => &manifest.dev_dependencies,
        };
        for (alias, specifier) in entries {
            all.entry(alias).or_insert((specifier, group));
        }
    }
    all
}

fn held(importer: &mut Importer, group: Group) -> &mut BTreeMap<String, ImporterDependency> {
    match group {
        Group::Optional => &mut importer.optional_dependencies,
        Group::Production => &mut importer.dependencies,
        Group::Development => &mut importer.dev_dependencies,
    }
}

fn recorded(importer: &Importer) -> impl Iterator<Item = (Group, &String, &ImporterDependency)> {
    let groups = [&importer.optional_dependencies, &importer.dependencies, &importer.dev_dependencies];
    GROUPS.into_iter().zip(groups).flat_map(|(group, held)| held.iter().map(move |(alias, it)| (group, alias, it)))
}

/// Whether the manifests ask for anything that the lockfile does not record as it is.
pub(super) fn have_changed(lockfile: &Lockfile, wanted: Wanted<'_>) -> bool {
    let gone = lockfile.importers.keys().any(|id| !wanted.written.contains_key(id));
    gone || wanted.written.iter().any(|(id, manifest)| {
        let declared = declared(manifest);
        let Some(importer) = lockfile.importers.get(id) else { return !declared.is_empty() };
        let mut found: Declared<'_> = Declared::new();
        for (group, alias, held) in recorded(importer) {
            found.entry(alias).or_insert((&held.specifier, group));
        }
        found != declared
    })
}

/// Whether all copies of projects depend on what the projects now ask for.
pub(super) fn copies_fit(lockfile: &Lockfile, wanted: Wanted<'_>) -> bool {
    lockfile.snapshots.iter().all(|(path, snapshot)| {
        let package = lockfile.packages.get(package_key(path));
        let Some(Resolution::Directory(folder)) = package.map(|package| &package.resolution) else { return true };
        let Some(manifest) = wanted.written.get(folder) else { return true };
        let locked =
            |alias: &str| snapshot.dependencies.get(alias).or_else(|| snapshot.optional_dependencies.get(alias));
        let asked = || manifest.dependencies.iter().chain(&manifest.optional_dependencies);
        let fits = |(alias, specifier): (&String, &String)| {
            locked(alias).is_some_and(|value| match (semver_of(value), Range::parse(specifier)) {
                (Some(version), Ok(range)) => range.satisfies(&version),
                _ => true,
            })
        };
        let mut held = snapshot.dependencies.keys().chain(snapshot.optional_dependencies.keys());
        let known =
            |alias: &String| asked().any(|(name, _)| name == alias) || manifest.peer_dependencies.contains_key(alias);
        asked().all(fits) && held.all(known)
    })
}

/// Makes `importers`, those of the lockfile at first, what the manifests ask for; `None` if the lockfile does not tell
/// how.
pub(super) fn follow(
    lockfile: &Lockfile,
    importers: &mut Importers,
    wanted: Wanted<'_>,
    edits: &mut Edits,
) -> Option<()> {
    drop_projects(importers, wanted, edits)?;
    for (id, manifest) in wanted.written {
        let declared = declared(manifest);
        let empty = importers.get(id).is_none_or(Importer::is_empty);
        if empty && !declared.is_empty() {
            let importer = new_importer(lockfile, wanted, manifest, &declared)?;
            importers.insert(id.clone(), importer);
            edits.stale_flags = true;
            continue;
        }
        let mut importer = importers.remove(id)?;
        for (alias, asked) in &declared {
            follow_edge(&mut importer, alias, *asked, lockfile, wanted, edits)?;
        }
        for group in GROUPS {
            held(&mut importer, group).retain(|alias, held| {
                let stays = declared.contains_key(alias.as_str());
                if !stays {
                    edits.drop_edge(alias, &held.version);
                }
                stays
            });
        }
        importers.insert(id.clone(), importer);
    }
    Some(())
}

/// Projects that are gone; `None` if one that stays is linked to one of them.
fn drop_projects(importers: &mut Importers, wanted: Wanted<'_>, edits: &mut Edits) -> Option<()> {
    let stays = |id: &String| wanted.written.contains_key(id);
    for (id, importer) in importers.iter().filter(|(id, _)| stays(id)) {
        for (_, _, held) in recorded(importer) {
            let target = held.version.strip_prefix("link:").map(|path| paths::join(id, path));
            if target.is_some_and(|target| importers.contains_key(&target) && !stays(&target)) {
                return None;
            }
        }
    }
    importers.retain(|id, importer| {
        if !stays(id) {
            recorded(importer).for_each(|(_, alias, held)| edits.drop_edge(alias, &held.version));
        }
        stays(id)
    });
    Some(())
}

fn new_importer(
    lockfile: &Lockfile,
    wanted: Wanted<'_>,
    manifest: &Manifest,
    declared: &Declared<'_>,
) -> Option<Importer> {
    let mut importer = Importer { publish_directory: manifest.publish_directory.clone(), ..Importer::default() };
    for (alias, injected) in &manifest.dependencies_meta {
        importer.dependencies_meta.insert(alias.clone(), DependencyMeta { injected: *injected });
    }
    for (alias, (specifier, group)) in declared {
        let (_, dependency) = locked_edge(lockfile, wanted, alias, specifier)?;
        held(&mut importer, *group).insert((*alias).to_owned(), dependency);
    }
    Some(importer)
}

/// An edge to the locked version that a resolution would pick.
fn locked_edge(
    lockfile: &Lockfile,
    wanted: Wanted<'_>,
    alias: &str,
    specifier: &str,
) -> Option<(Version, ImporterDependency)> {
    if wanted.is_folder(alias, specifier) {
        return None;
    }
    let range = Range::parse(specifier).ok()?;
    let version = locked_pick(lockfile, alias, &range, wanted.picks_lowest())?;
    let text = version.to_string();
    if graph::has_peers_below(lockfile, &format!("{alias}@{text}")) {
        return None;
    }
    Some((version, ImporterDependency { specifier: specifier.to_owned(), version: text }))
}

fn follow_edge(
    importer: &mut Importer,
    alias: &str,
    (specifier, group): (&str, Group),
    lockfile: &Lockfile,
    wanted: Wanted<'_>,
    edits: &mut Edits,
) -> Option<()> {
    let Some(from) = GROUPS.into_iter().find(|group| held(importer, *group).contains_key(alias)) else {
        let own = recorded(importer).filter_map(|(_, alias, held)| dep_path_of(alias, &held.version)).collect();
        if graph::asks_below(lockfile, own, alias) {
            return None;
        }
        let (version, edge) = locked_edge(lockfile, wanted, alias, specifier)?;
        if !lockfile.time.is_empty() && !lockfile.time.contains_key(&format!("{alias}@{version}")) {
            return None; // only a resolution knows when it was published
        }
        held(importer, group).insert(alias.to_owned(), edge);
        edits.stale_flags |= group != Group::Optional;
        return Some(());
    };
    let mut edge = held(importer, from).remove(alias)?;
    if edge.specifier != specifier {
        let range = Range::parse(specifier).ok()?;
        let locked = semver_of(&edge.version)?;
        let pick = locked_pick(lockfile, alias, &range, wanted.picks_lowest())?;
        if pick != locked {
            if edge.version.contains('(') || graph::has_peers_below(lockfile, &format!("{alias}@{pick}")) {
                return None;
            }
            edits.drop_edge(alias, &edge.version);
            edge.version = pick.to_string();
        }
        specifier.clone_into(&mut edge.specifier);
    }
    if from != group {
        edits.stale_flags |= from == Group::Optional || group == Group::Optional;
    }
    held(importer, group).insert(alias.to_owned(), edge);
    Some(())
}

/// The version behind a locked value; none of a folder or an address.
fn semver_of(value: &str) -> Option<Version> {
    let plain = package_key(value);
    if plain.starts_with("link:") || plain.starts_with("file:") {
        return None;
    }
    Version::parse(if is_named(plain) { split_key(plain)?.1 } else { plain })
}

/// The highest locked version of a package that a range accepts: a resolution prefers it to any other. `None` if there
/// is none, if another than the highest may be meant, or if its version alone does not tell which snapshot is meant.
fn locked_pick(lockfile: &Lockfile, name: &str, range: &Range, lowest: bool) -> Option<Version> {
    let mut fits: Vec<(Version, bool)> = Vec::new();
    for path in lockfile.snapshots.keys() {
        let key = package_key(path);
        let Some((_, text)) = split_key(key).filter(|(held, _)| *held == name) else { continue };
        if text.split_once(':').is_some_and(|(_, rest)| Version::parse(rest).is_some()) {
            return None;
        }
        let names_peers = key.len() < path.len();
        fits.extend(Version::parse(text).filter(|version| range.satisfies(version)).map(|it| (it, names_peers)));
    }
    if fits.len() > 1 && lowest {
        return None;
    }
    let (highest, names_peers) = fits.into_iter().max_by(|(a, _), (b, _)| a.precedence(b))?;
    (!names_peers).then_some(highest)
}
