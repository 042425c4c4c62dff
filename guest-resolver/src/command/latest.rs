//! The version that a specifier leads to on its own: no preferences, nothing that is locked. What is written into a
//! manifest beforehand must not depend on what was there.

use std::task::{Poll, ready};

use wit::guest::wasi_pm::resolver::types::Failure;

use crate::facts::{self, PackumentKey};
use crate::pick::{PickError, PickOptions, pick};
use crate::resolve::context::Context;
use crate::resolve::explain::{self, Asked};
use crate::semver::Version;
use crate::specifier::{Specifier, Want};
use crate::trust;

use super::range::{self, Style};

/// A package of a registry.
#[derive(Debug, Clone, Copy)]
pub struct Package<'a> {
    /// The key in the manifest.
    pub alias: &'a str,
    /// The name in the registry.
    pub name: &'a str,
    /// The alias of a named registry.
    pub registry: Option<&'a str>,
}

/// Picks a version.
pub fn version(ctx: &Context, package: Package<'_>, want: &Want) -> Poll<Result<Version, Failure>> {
    let name = ctx.symbol(package.name);
    let mut key = PackumentKey { name, registry: package.registry.map(|it| ctx.symbol(it)), full: ctx.trust.is_some() };
    let options = PickOptions { age: ctx.age.as_ref(), ..PickOptions::default() };
    loop {
        let packument = match ready!(ctx.facts.packument(key, facts::Want::default, |symbol| ctx.text(symbol))) {
            Ok(packument) => packument,
            Err(why) => return Poll::Ready(Err(explain::unavailable(package.name, &why))),
        };
        let specifier = want.to_string();
        let asked = Asked { alias: package.alias, specifier: &specifier, want };
        let picked = match pick(&packument, want, &options) {
            Ok(picked) => trust::pick_on(ctx.trust.as_ref(), &packument, want, &options, picked).map_err(|why| *why),
            Err(PickError::NeedsFull) if !key.full => {
                key.full = true;
                continue;
            }
            Err(why) => Err(explain::no_pick(asked, &packument, why)),
        };
        let version = picked.and_then(|picked| match packument.version(picked.index) {
            Some(version) => Ok(version.clone()),
            None => Err(explain::no_pick(asked, &packument, PickError::NoMatch)),
        });
        return Poll::Ready(version);
    }
}

/// What `update --latest` writes for a dependency: the higher one of what its range and what `latest` leads to, written
/// as it was so far. `None`: it stays as it is.
pub fn specifier(ctx: &Context, alias: &str, so_far: &str) -> Poll<Result<Option<String>, Failure>> {
    let read = Specifier::parse(alias, so_far, &ctx.settings.registries);
    let (package, want, prefix) = match &read {
        // A tag alone says what is wanted for ever, as pnpm has it, behind a protocol it does not; an address is no
        // range.
        Specifier::Registry { want: Want::Tag(_), .. } if !so_far.contains(':') => return Poll::Ready(Ok(None)),
        Specifier::Registry { .. } if so_far.contains("://") => return Poll::Ready(Ok(None)),
        Specifier::Registry { name, want, registry: None } => {
            let prefix = if name == alias { String::new() } else { format!("npm:{name}@") };
            (Package { alias, name, registry: None }, want, prefix)
        }
        Specifier::Registry { name, want, registry: Some(registry) } => {
            let named = if name == alias { String::new() } else { format!("{name}@") };
            (Package { alias, name, registry: Some(registry) }, want, format!("{registry}:{named}"))
        }
        Specifier::Jsr { jsr_name, name, want } => {
            let named = if jsr_name == alias { String::new() } else { format!("{jsr_name}@") };
            (Package { alias, name, registry: None }, want, format!("jsr:{named}"))
        }
        _ => return Poll::Ready(Ok(None)),
    };
    let in_range = ready!(version(ctx, package, want));
    let latest = match ready!(version(ctx, package, &Want::latest())) {
        Ok(latest) => Some(latest),
        Err(refused) if in_range.is_err() => return Poll::Ready(Err(refused)),
        Err(_) => None,
    };
    let Some(picked) = in_range.ok().into_iter().chain(latest).max() else { return Poll::Ready(Ok(None)) };
    let style = Style::in_specifier(so_far);
    // A range of more than one thing stays as long as it allows the version.
    let allows = matches!(want, Want::Range(range) if range.range.satisfies(&picked));
    let says_nothing = so_far.is_empty() || so_far.ends_with('@');
    if style.is_none() && allows && !says_nothing {
        return Poll::Ready(Ok(None));
    }
    let default = Style::of_update(&ctx.settings.saving);
    let saved = format!("{prefix}{}", range::saved(&picked, style, None, default));
    Poll::Ready(Ok((saved != so_far).then_some(saved)))
}
