//! The peers that a project itself asks for, where other projects depend on the same package: their choice decides. A
//! locked version stays only while it suits what they ask for now; otherwise one is picked that most of them would
//! take.

use crate::lockfile::Lockfile;
use crate::lockfile::model::{dep_path_of, package_key, split_key};
use crate::manifest::Manifest;
use crate::semver::{Range, Version, intersection};
use crate::specifier::Want;

use super::context::Context;
use super::edges::Edge;

/// Whether a project asks for a package as its peer and in no other way.
pub(crate) fn is_own(manifest: &Manifest, alias: &str) -> bool {
    let groups = [&manifest.dev_dependencies, &manifest.dependencies, &manifest.optional_dependencies];
    manifest.peer_dependencies.contains_key(alias) && groups.iter().all(|group| !group.contains_key(alias))
}

/// The version that the lockfile has for a dependency of a project.
pub(crate) fn locked(lockfile: &Lockfile, id: &str, alias: &str) -> Option<Version> {
    let importer = lockfile.importers.get(id)?;
    let groups = [&importer.dependencies, &importer.optional_dependencies, &importer.dev_dependencies];
    let held = groups.into_iter().find_map(|group| group.get(alias))?;
    let key = dep_path_of(alias, &held.version)?;
    Version::parse_loose(split_key(package_key(&key))?.1)
}

/// Whether a project's edge may stay at its locked version; always, where it is none of the project's own peers.
pub(super) fn stays(ctx: &Context, id: &str, edge: &Edge, version: &Version) -> bool {
    let name = ctx.text(edge.alias);
    let Some(project) = ctx.projects.get(id).filter(|project| is_own(&project.manifest, &name)) else { return true };
    let Some(range) = project.manifest.peer_dependencies.get(&*name) else { return true };
    let others: Vec<Want> =
        ctx.preferred.declared(ctx.symbol(id), edge.alias).iter().filter(|want| shares(range, want)).cloned().collect();
    if others.iter().all(|want| accepts(want, version)) {
        return true;
    }
    let exact = others.iter().any(|want| matches!(want, Want::Version(_)));
    !exact && ctx.projects.keys().filter(|other| *other != id).any(|other| stands(ctx, other, &name, version))
}

/// Whether what another project asks for leaves any version to a peer's range; a tag says nothing.
fn shares(range: &str, want: &Want) -> bool {
    match want {
        Want::Version(version) => Range::parse_loose(range).is_ok_and(|range| range.satisfies(version)),
        Want::Range(wanted) => intersection(&[range, &wanted.text]).is_some(),
        Want::Tag(_) => false,
    }
}

fn accepts(want: &Want, version: &Version) -> bool {
    match want {
        Want::Version(exact) => exact == version,
        Want::Range(wanted) => wanted.range.satisfies(version),
        Want::Tag(_) => true,
    }
}

/// Whether a project is locked to this version too, and still asks for it.
fn stands(ctx: &Context, id: &str, name: &str, version: &Version) -> bool {
    let manifest = &ctx.projects[id].manifest;
    let groups = [&manifest.optional_dependencies, &manifest.dependencies, &manifest.dev_dependencies];
    let asked = groups.into_iter().find_map(|group| group.get(name));
    let fits = asked.is_some_and(|text| Range::parse_loose(text).is_ok_and(|range| range.satisfies(version)));
    fits && ctx.lockfile.as_ref().and_then(|lockfile| locked(lockfile, id, name)).as_ref() == Some(version)
}
