//! What the resolver itself has held to age and trust: what it picked anew. All else that is placed, whatever the
//! lockfiles are that it was found in, is for the host to hold, which judges what it is not told of.

use std::collections::BTreeSet;

use wit::guest::exports::wasi_pm::resolver::resolution::Notice;

use crate::facts::PackumentKey;
use crate::lockfile::model::package_key;

use super::Resolution;
use super::context::Context;
use super::tree::{Origin, Resolved};
use super::wanted::failure;

/// The code of the notice of them: its facts are registries, empty for the usual one, and `name@version`.
pub const HELD: &str = "WASI_PM_HELD";

/// Whether a package of a registry was locked before, in whatever lockfile.
pub fn was_locked(ctx: &Context, resolved: &Resolved) -> bool {
    ctx.lockfile.as_ref().is_some_and(|lockfile| lockfile.packages.contains_key(package_key(&resolved.id)))
}

/// Tells of what was held, if there is a rule, and a lockfile to tell it from.
pub fn tell(ctx: &Context, resolution: &Resolution) -> Option<Notice> {
    if ctx.lockfile.is_none() || ctx.age.is_none() && ctx.trust.is_none() {
        return None;
    }
    let placed = resolution.graph.placed.values();
    let held = placed.filter_map(|placed| held(ctx, &resolution.tree.package(placed.package).resolved));
    let facts: BTreeSet<(String, String)> = held.collect();
    let mut told = failure(HELD, "these were held to age and trust as they were picked".to_owned());
    told.facts = facts.into_iter().collect();
    Some(Notice::Other(told))
}

fn held(ctx: &Context, resolved: &Resolved) -> Option<(String, String)> {
    let Origin::Registry(alias) = &resolved.origin else { return None };
    let registry = alias.as_ref().map(|alias| ctx.symbol(alias));
    let asked = |full| ctx.facts.known_packument(PackumentKey { name: resolved.name, registry, full }).is_some();
    let is_held = !was_locked(ctx, resolved) && !resolved.as_locked && (asked(true) || asked(false));
    is_held.then(|| {
        let package = format!("{}@{}", ctx.text(resolved.name), ctx.text(resolved.version));
        (alias.as_deref().unwrap_or_default().to_owned(), package)
    })
}
