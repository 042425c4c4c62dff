//! What an existing lockfile says of a package, as a manifest that leads where it is locked.

use std::rc::Rc;

use crate::lockfile::Lockfile;
use crate::lockfile::model::{self, Package, Snapshot, package_key, split_key};
use crate::manifest::{Bundled, Dependencies, Manifest};
use crate::semver::Version;
use crate::specifier::Specifier;

use super::context::Context;
use super::tree::{Origin, Resolved};
use super::wanted::Wanted;
use super::{commit, subtree, unvouched};

/// The package that a project's dependency is pinned to, or that a plugin has answered, if its specifier still names
/// the same, nothing in the settings has changed what the lockfile was made under, and all that is below is of a
/// registry or a plugin's. For commits above packages with peers and where versions are picked by time: all others are
/// taken over with what is below them.
pub(super) fn pinned(ctx: &Context, wanted: Wanted, specifier: &Specifier) -> Option<Rc<Resolved>> {
    let lockfile = ctx.lockfile.as_ref().filter(|lockfile| subtree::settings_stand(ctx, lockfile))?;
    if !matches!(specifier, Specifier::Git(_) | Specifier::Custom(_)) {
        return None;
    }
    let importer = lockfile.importers.get(&*ctx.text(wanted.importer))?;
    let (alias, text) = (ctx.text(wanted.alias), ctx.text(wanted.specifier));
    let key = commit::held(lockfile, importer, &alias, &text).or_else(|| answered(lockfile, &alias, &text))?;
    let (name, id) = split_key(package_key(&key))?;
    let is_anew = |name: &str| ctx.is_anew(Some(wanted.importer), name, None, wanted.direct);
    let dropped = is_anew(name) || is_anew(&alias);
    let package = lockfile.packages.get(package_key(&key)).filter(|_| !dropped)?;
    let snapshot = lockfile.snapshots.get(&key)?;
    if depends_on_changed(ctx, lockfile, wanted, (package, snapshot)) {
        return None;
    }
    let leads_on = |value: &str| specifier_of(value).or_else(|| of_plugin(lockfile, value));
    let manifest = manifest_of(name, package, (&key, snapshot), leads_on)?;
    unvouched::build(ctx, name, id, Origin::Pinned(package.resolution.clone()), manifest).ok()
}

/// Whether it asks for something that the project now declares otherwise: pnpm then asks for the package anew, so that
/// a branch is looked up again, though its own specifier stands.
fn depends_on_changed(
    ctx: &Context,
    lockfile: &Lockfile,
    wanted: Wanted,
    (package, snapshot): (&Package, &Snapshot),
) -> bool {
    let id = ctx.text(wanted.importer);
    let (Some(project), Some(importer)) = (ctx.projects.get(&*id), lockfile.importers.get(&*id)) else { return false };
    let locked = [&importer.optional_dependencies, &importer.dependencies, &importer.dev_dependencies];
    let written = &project.written;
    let declared = [&written.dependencies, &written.optional_dependencies, &written.dev_dependencies];
    let needs = snapshot.dependencies.keys().chain(snapshot.optional_dependencies.keys());
    needs.chain(package.peer_dependencies.keys()).any(|alias| {
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

/// The version that the key of a plugin's answer says, as `store:1.0.0`.
fn version_in(package: &Package, key: &str) -> Option<String> {
    let (_, specifier) = split_key(package_key(key)).filter(|_| package.resolution.is_custom())?;
    let (_, version) = specifier.split_once(':')?;
    Version::parse(version).map(|_| version.to_owned())
}

/// A manifest that leads where the snapshot leads; `None` if of some dependency no specifier is known that does.
pub(super) fn manifest_of(
    name: &str,
    package: &Package,
    (key, snapshot): (&str, &Snapshot),
    specifier_of: impl Fn(&str) -> Option<String>,
) -> Option<Manifest> {
    let dependencies = |held: &std::collections::BTreeMap<String, String>| -> Option<Dependencies> {
        let own = held.iter().filter(|(alias, _)| !is_peer(package, key, alias));
        own.map(|(alias, value)| Some((alias.clone(), specifier_of(value)?))).collect()
    };
    Some(Manifest {
        name: Some(name.to_owned()),
        version: package.version.clone().or_else(|| version_in(package, key)),
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

/// The key of what a plugin has answered, under the name that it is asked for by, to whoever asked.
fn answered(lockfile: &Lockfile, alias: &str, specifier: &str) -> Option<String> {
    let id = format!("{alias}@{specifier}");
    lockfile.packages.get(&id).filter(|package| package.resolution.is_custom())?;
    let (key, _) = lockfile.snapshots.range(id.clone()..).next()?;
    (package_key(key) == id).then(|| key.clone())
}

/// The specifier that a plugin was asked, of a value that leads to its answer.
fn of_plugin(lockfile: &Lockfile, value: &str) -> Option<String> {
    let key = package_key(value);
    let package = lockfile.packages.get(key).filter(|package| package.resolution.is_custom());
    package.and(split_key(key)).map(|(_, specifier)| specifier.to_owned())
}

/// The specifier that leads to a locked version and nowhere else.
pub(super) fn specifier_of(value: &str) -> Option<String> {
    let plain = package_key(value);
    if plain.contains(':') {
        return None; // a folder, an address or a named registry: the package is asked for anew
    }
    Some(if model::is_named(plain) { format!("npm:{plain}") } else { plain.to_owned() })
}
