//! What an existing lockfile has pinned for a specifier that no registry vouches for: the same commit, the same bytes,
//! without asking for them. A local folder or tarball is looked at anew each time: it is at hand and may have changed.

use std::rc::Rc;

use crate::lockfile::Lockfile;
use crate::lockfile::model::{self, Package, Resolution, Snapshot, dep_path_of, package_key, split_key};
use crate::manifest::{Bundled, Dependencies, Manifest};
use crate::specifier::Specifier;

use super::context::{Anew, Context};
use super::tree::{Origin, Resolved};
use super::unvouched;
use super::wanted::Wanted;

/// The package that a project's dependency is pinned to, if its specifier has not changed.
pub(super) fn pinned(ctx: &Context, wanted: Wanted, specifier: &Specifier) -> Option<Rc<Resolved>> {
    let lockfile = ctx.lockfile.as_ref()?;
    let key = match specifier {
        Specifier::Tarball(_) | Specifier::Git(_) => locked_key(ctx, lockfile, wanted)?,
        _ => return None,
    };
    let (name, id) = split_key(package_key(&key))?;
    let dropped = match &ctx.anew {
        Anew::None => false,
        Anew::All => true,
        Anew::Only(names) => names.iter().any(|dropped| dropped == name || **dropped == *ctx.text(wanted.alias)),
    };
    let package = lockfile.packages.get(package_key(&key)).filter(|_| !dropped)?;
    let fits = match &package.resolution {
        Resolution::Git { .. } => matches!(specifier, Specifier::Git(_)),
        Resolution::Tarball { git_hosted, tarball, .. } => {
            tarball.is_some() && *git_hosted == matches!(specifier, Specifier::Git(_))
        }
        Resolution::Directory(_) | Resolution::Other { .. } => false,
    };
    if !fits || lockfile.overrides != *ctx.overrides.resolved() {
        return None;
    }
    let snapshot = lockfile.snapshots.get(&key)?;
    if depends_on_changed(ctx, lockfile, wanted, snapshot) {
        return None;
    }
    let manifest = manifest_of(name, package, (&key, snapshot))?;
    unvouched::build(ctx, name, id, Origin::Pinned(package.resolution.clone()), manifest).ok()
}

/// The snapshot that a project's dependency leads to, if the lockfile was made for the same specifier.
fn locked_key(ctx: &Context, lockfile: &Lockfile, wanted: Wanted) -> Option<String> {
    let importer = lockfile.importers.get(&*ctx.text(wanted.importer))?;
    let (alias, text) = (ctx.text(wanted.alias), ctx.text(wanted.specifier));
    let groups = [&importer.optional_dependencies, &importer.dependencies, &importer.dev_dependencies];
    let held = groups.iter().find_map(|group| group.get(&*alias)).filter(|held| *held.specifier == *text)?;
    dep_path_of(&alias, &held.version)
}

/// Whether it asks for something that the project now declares otherwise: pnpm then asks for the package anew, so that a
/// branch is looked up again, though its own specifier stands.
fn depends_on_changed(ctx: &Context, lockfile: &Lockfile, wanted: Wanted, snapshot: &Snapshot) -> bool {
    let id = ctx.text(wanted.importer);
    let (Some(project), Some(importer)) = (ctx.projects.get(&*id), lockfile.importers.get(&*id)) else { return false };
    let locked = [&importer.optional_dependencies, &importer.dependencies, &importer.dev_dependencies];
    let written = &project.written;
    let declared = [&written.dependencies, &written.optional_dependencies, &written.dev_dependencies];
    snapshot.dependencies.keys().chain(snapshot.optional_dependencies.keys()).any(|alias| {
        let mut now = declared.iter().filter_map(|group| group.get(alias)).peekable();
        let held = locked.iter().find_map(|group| group.get(alias)).map(|held| held.specifier.as_str());
        now.peek().is_some() && !now.any(|specifier| Some(specifier.as_str()) == held)
    })
}

/// Whether a locked dependency stands there as a peer. What a package asks for both ways, and brings itself, is none
/// where its key names no such peer.
pub(super) fn is_peer(package: &Package, key: &str, alias: &str) -> bool {
    let suffix = &key[package_key(key).len()..];
    let short = || !suffix.is_empty() && !suffix.contains('@');
    package.peer_dependencies.contains_key(alias) && (suffix.contains(&format!("({alias}@")) || short())
}

/// A manifest that leads where the snapshot leads; `None` if it cannot be told from the lockfile alone.
pub(super) fn manifest_of(name: &str, package: &Package, (key, snapshot): (&str, &Snapshot)) -> Option<Manifest> {
    let dependencies = |held: &std::collections::BTreeMap<String, String>| -> Option<Dependencies> {
        let own = held.iter().filter(|(alias, _)| !is_peer(package, key, alias));
        own.map(|(alias, value)| Some((alias.clone(), specifier_of(value)?))).collect()
    };
    Some(Manifest {
        name: Some(name.to_owned()),
        version: package.version.clone(),
        dependencies: dependencies(&snapshot.dependencies)?,
        optional_dependencies: dependencies(&snapshot.optional_dependencies)?,
        peer_dependencies: package.peer_dependencies.clone().into_iter().collect(),
        optional_peers: package.optional_peers.clone(),
        has_peers_meta: !package.optional_peers.is_empty(),
        bundled: package.bundled_dependencies.clone().map(|bundled| match bundled {
            model::Bundled::All(all) => Bundled::All(all),
            model::Bundled::Names(names) => Bundled::Names(names),
        }),
        engines: package.engines.clone().into_iter().collect(),
        cpu: package.cpu.clone(),
        os: package.os.clone(),
        libc: package.libc.clone(),
        deprecated: package.deprecated.clone(),
        has_bin: package.has_bin,
        ..Manifest::default()
    })
}

/// The specifier that leads to a locked version and nowhere else.
fn specifier_of(value: &str) -> Option<String> {
    let plain = package_key(value);
    if plain.contains(':') {
        return None; // a folder, an address or a named registry: the package is asked for anew
    }
    Some(if model::is_named(plain) { format!("npm:{plain}") } else { plain.to_owned() })
}
