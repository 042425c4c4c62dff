//! Packages that stay where they are locked, read off the lockfile: nobody is asked for what it says already. Only the
//! ranges of their dependencies stand nowhere in it, so what these might decide is asked for after all: where something
//! below is picked anew, and where it would follow a higher version of a project ([`Walker::know_ranges`]).
//!
//! Nor does a lockfile say which optional dependencies could not be had when it was made, and somebody may have led it
//! where no range leads. So nothing is read off one that is not known to be what a resolution made that missed nothing
//! ([`tell_complete`]).
//!
//! [`Walker::know_ranges`]: super::walk::Walker

use std::cell::RefCell;
use std::rc::Rc;

use wit::guest::exports::wasi_pm::resolver::resolution::Notice;
use wit::settings::LinkWorkspacePackages;

use crate::extensions;
use crate::intern::{NumberMap, Symbol, TextSet};
use crate::lockfile::model::{Package, Resolution, Snapshot, is_named, package_key, split_key};
use crate::semver::Version;

use super::context::Context;
use super::edges::Edge;
use super::reuse;
use super::tree::{Origin, Resolved};
use super::wanted;

/// Which packages are read off the lockfile, and what was read.
#[derive(Debug, Default)]
pub(super) struct AsLocked {
    granted: bool,
    /// The keys that may be read off: of what is above a package with peers the last resolution asked for all, or knew
    /// it from the one before. What it took over with all that is below it, it did not ask for.
    above: Rc<TextSet<Rc<str>>>,
    /// By key in `snapshots`.
    known: RefCell<NumberMap<Symbol, Option<Rc<Resolved>>>>,
}

impl AsLocked {
    /// `granted`: the settings that shape subtrees are those the lockfile was made under; `above`:
    /// the keys below which something can never be taken over.
    pub(super) fn new(ctx: &Context, granted: bool, above: Rc<TextSet<Rc<str>>>) -> Self {
        // An address that the lockfile does not have yet is the registry's to tell. Age and trust of what stays locked
        // are for the host to hold it to.
        let asks = ctx.settings.lockfile.include_tarball_url;
        let granted = granted && !asks && ctx.settings.lockfile.complete == Some(true);
        Self { granted, above, ..Self::default() }
    }

    /// The package that an edge leads to, if it stays where it is locked and the lockfile says all that counts.
    pub(super) fn at(&self, ctx: &Context, edge: &Edge) -> Option<Rc<Resolved>> {
        let key = edge.pinned().filter(|_| self.granted)?;
        if let Some(known) = self.known.borrow().get(&key) {
            return known.clone();
        }
        let text = ctx.text(key);
        let read = if self.above.contains(&text) { read(ctx, &text) } else { None };
        self.known.borrow_mut().insert(key, read.clone());
        read
    }
}

/// The code of the notice that a new lockfile lacks nothing that its packages ask for.
pub const COMPLETE: &str = "WASI_PM_LOCKFILE_COMPLETE";

/// Tells that a new lockfile lacks nothing, to whoever remembers it, if that is known. `is_resolved`: all above
/// packages with peers was asked for, or read off; otherwise an old lockfile was changed in places.
pub fn tell_complete(ctx: &Context, is_resolved: bool) -> Option<Notice> {
    let was_complete = ctx.settings.lockfile.complete?;
    let is_complete = (is_resolved || was_complete) && ctx.skipped.borrow().is_empty();
    let told = || wanted::failure(COMPLETE, "the lockfile lacks nothing that its packages ask for".to_owned());
    is_complete.then(|| Notice::Other(told()))
}

fn read(ctx: &Context, key: &str) -> Option<Rc<Resolved>> {
    let lockfile = ctx.lockfile.as_ref()?;
    let id = package_key(key);
    let (package, snapshot) = (lockfile.packages.get(id)?, lockfile.snapshots.get(key)?);
    let (name, version) = split_key(id)?;
    let Resolution::Tarball { integrity: Some(integrity), tarball: None, git_hosted: false, path: None } =
        &package.resolution
    else {
        return None;
    };
    if Version::parse(version).is_none()
        || may_be_linked(ctx, name)
        || extensions::concern(&ctx.settings.rules, name, version)
        || !says_all(ctx, package, (key, snapshot))
    {
        return None;
    }
    let mut manifest = reuse::manifest_of(name, package, (key, snapshot), reuse::specifier_of)?;
    manifest.version = Some(version.to_owned());
    manifest.dist.integrity = Some(integrity.clone());
    let id = wanted::patched(ctx, id.to_owned(), name, version).ok()?;
    let (name, version) = (ctx.symbol(name), ctx.symbol(version));
    let (manifest, origin) = (Rc::new(manifest), Origin::Registry(None));
    Some(Rc::new(Resolved { id, name, version, manifest, origin, as_locked: true }))
}

/// Whether a project of the workspace might stand for the package.
fn may_be_linked(ctx: &Context, name: &str) -> bool {
    ctx.settings.workspace.link_workspace_packages != LinkWorkspacePackages::Off
        && ctx.workspace_named(name).next().is_some()
}

/// Whether a snapshot says all of a package's dependencies but their ranges.
fn says_all(ctx: &Context, package: &Package, (key, snapshot): (&str, &Snapshot)) -> bool {
    let rules = &ctx.settings.peers;
    let groups = [&snapshot.dependencies, &snapshot.optional_dependencies];
    groups.into_iter().flatten().all(|(alias, value)| {
        if reuse::is_peer(package, key, alias) {
            // What is there as a peer it may bring itself too, where nobody provides it.
            return rules.auto_install_peers && !package.optional_peers.contains(alias);
        }
        let asked = package.peer_dependencies.contains_key(alias) || package.optional_peers.contains(alias);
        let version = package_key(value);
        let held = Version::parse(version);
        // What goes by another name is picked anew, as are what a command names and prereleases that the range may not
        // name.
        !asked
            && !is_named(version)
            && !held.as_ref().is_some_and(Version::is_prerelease)
            && !ctx.is_anew(None, alias, held.as_ref(), false)
            && !is_preferred(ctx, alias)
    })
}

/// Whether one of several projects prefers versions of its own: then it counts who is the first to ask for which range.
fn is_preferred(ctx: &Context, alias: &str) -> bool {
    ctx.projects.len() > 1 && ctx.preferred.is_declared_anywhere(ctx.symbol(alias))
}
