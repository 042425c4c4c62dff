//! Versions that are younger than `minimumReleaseAge` allows and were picked because nothing else would do: an error
//! if the rule is strict, else something the user should hear.

use std::collections::BTreeMap;

use wit::guest::wasi_pm::resolver::types::Failure;

use crate::age::{AgePolicy, format_time};
use crate::facts::PackumentKey;

use super::Resolution;
use super::context::Context;
use super::held;
use super::tree::{Origin, Resolved};
use super::wanted::failure;

/// The code of one version that is too young.
pub const TOO_YOUNG: &str = "ERR_PNPM_MINIMUM_RELEASE_AGE_VIOLATION";

/// What is too young in a finished graph, by name and version; each names `package` and `version` in its facts. What
/// was locked before is not told: the host holds all that stays locked to the rule, whether it was asked for or not.
///
/// # Errors
/// All of them as one failure, if the rule is strict.
pub fn find(ctx: &Context, resolution: &Resolution) -> Result<Vec<Failure>, Failure> {
    let Some(age) = &ctx.age else { return Ok(Vec::new()) };
    let placed = resolution.graph.placed.values();
    let found: BTreeMap<String, Failure> = placed
        .filter_map(|placed| violation(ctx, age, &resolution.tree.package(placed.package).resolved))
        .map(|failure| (failure.message.clone(), failure))
        .collect();
    let found: Vec<Failure> = found.into_values().collect();
    if !age.strict || found.is_empty() {
        return Ok(found);
    }
    let count = if found.len() == 1 { "1 version does".to_owned() } else { format!("{} versions do", found.len()) };
    let mut refused = failure(
        "ERR_PNPM_NO_MATURE_MATCHING_VERSION",
        format!("{count} not meet the minimumReleaseAge constraint, and no older one satisfies what is asked for"),
    );
    refused.facts = found.into_iter().map(|failure| ("too young".to_owned(), failure.message)).collect();
    refused.hint = Some(
        "Wait until they have matured, add them to minimumReleaseAgeExclude, or set minimumReleaseAgeStrict: false"
            .to_owned(),
    );
    Err(refused)
}

fn violation(ctx: &Context, age: &AgePolicy, resolved: &Resolved) -> Option<Failure> {
    let Origin::Registry(alias) = &resolved.origin else { return None };
    if held::was_locked(ctx, resolved) {
        return None;
    }
    let registry = alias.as_ref().map(|alias| ctx.symbol(alias));
    let version = ctx.text(resolved.version);
    let time = [true, false].into_iter().find_map(|full| {
        let packument = ctx.facts.known_packument(PackumentKey { name: resolved.name, registry, full })?;
        packument.time(packument.find(&version)?)
    })?;
    let name = ctx.text(resolved.name);
    if time <= age.cutoff || age.excludes(&name, &version) {
        return None;
    }
    let message = format!(
        "{name}@{version} was published at {}, within the minimumReleaseAge cutoff ({})",
        format_time(time),
        format_time(age.cutoff)
    );
    let mut failure = failure(TOO_YOUNG, message);
    failure.facts = vec![("package".to_owned(), name.to_string()), ("version".to_owned(), version.to_string())];
    Some(failure)
}
