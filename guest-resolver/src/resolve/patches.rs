//! Which patch belongs to which package. A key of `patchedDependencies` names a version, a range, or a package alone;
//! the narrowest that fits wins, two ranges that both fit are an error, and so is a patch that fits nothing.

use std::collections::BTreeMap;

use wit::guest::exports::wasi_pm::resolver::resolution::Notice;
use wit::guest::wasi_pm::resolver::types::Failure;

use crate::semver::{Range, Version};

use super::Resolution;
use super::context::Context;
use super::wanted::failure;

/// Selector to the hash of its patch.
type Patches = BTreeMap<String, String>;

/// The name in a selector, and what follows it.
fn split(key: &str) -> (&str, Option<&str>) {
    let at = key.char_indices().skip(1).find(|(_, letter)| *letter == '@').map(|(at, _)| at);
    match at.map(|at| (&key[..at], &key[at + 1..])) {
        Some((name, wanted)) if !wanted.is_empty() => (name, Some(wanted)),
        _ => (key, None),
    }
}

/// Refuses selectors that no version could satisfy.
pub(super) fn check(patches: &Patches) -> Result<(), Failure> {
    for wanted in patches.keys().filter_map(|key| split(key).1) {
        if Version::parse(wanted).is_none() && Range::parse_loose(wanted).is_err() {
            let message = format!("{wanted} is not a valid semantic version range.");
            return Err(failure("ERR_PNPM_PATCH_NON_SEMVER_RANGE", message));
        }
    }
    Ok(())
}

/// The selector and hash of the patch for a package.
pub(super) fn of<'a>(patches: &'a Patches, name: &str, version: &str) -> Result<Option<(&'a str, &'a str)>, Failure> {
    if patches.is_empty() {
        return Ok(None);
    }
    let found = |key: &str| patches.get_key_value(key).map(|(key, hash)| (key.as_str(), hash.as_str()));
    if let Some(exact) = found(&format!("{name}@{version}")) {
        return Ok(Some(exact));
    }
    let plain = Version::parse(version);
    let fits = |wanted: &str| {
        let range = Range::parse_loose(wanted).ok();
        wanted.trim() != "*" && plain.as_ref().zip(range).is_some_and(|(version, range)| range.satisfies(version))
    };
    let ranges: Vec<(&str, &str, &str)> = patches
        .iter()
        .filter_map(|(key, hash)| match split(key) {
            (held, Some(wanted)) if held == name && fits(wanted) => Some((key.as_str(), hash.as_str(), wanted)),
            _ => None,
        })
        .collect();
    match ranges[..] {
        [] => Ok(found(name).or_else(|| found(&format!("{name}@*")))),
        [(key, hash, _)] => Ok(Some((key, hash))),
        _ => {
            let wanted: Vec<&str> = ranges.iter().map(|(_, _, wanted)| *wanted).collect();
            let message = format!(
                "Unable to choose between {} version ranges to patch {name}@{version}: {}",
                wanted.len(),
                wanted.join(", ")
            );
            let mut refused = failure("ERR_PNPM_PATCH_KEY_CONFLICT", message);
            refused.hint = Some(format!("Explicitly set the exact version ({name}@{version}) to resolve conflict"));
            Err(refused)
        }
    }
}

/// Patches that belong to no package: an error, or with `allowUnusedPatches` something to tell.
///
/// # Errors
/// `ERR_PNPM_UNUSED_PATCH`.
pub fn unused(ctx: &Context, resolution: &Resolution) -> Result<Option<Notice>, Failure> {
    let rules = &ctx.settings.rules;
    if rules.patched_dependencies.is_empty() {
        return Ok(None);
    }
    let mut left: Vec<&str> = rules.patched_dependencies.keys().map(String::as_str).collect();
    for placed in resolution.graph.placed.values() {
        let resolved = &resolution.tree.package(placed.package).resolved;
        if let Some((used, _)) = of(&rules.patched_dependencies, &ctx.text(resolved.name), &ctx.text(resolved.version))?
            && !resolved.is_link()
        {
            left.retain(|key| *key != used);
        }
    }
    if left.is_empty() {
        return Ok(None);
    }
    let mut told =
        failure("ERR_PNPM_UNUSED_PATCH", format!("The following patches were not used: {}", left.join(", ")));
    if rules.allow_unused_patches {
        return Ok(Some(Notice::Other(told)));
    }
    told.hint = Some(
        "Either remove them from \"patchedDependencies\" or update them to match packages in your dependencies."
            .to_owned(),
    );
    Err(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patches(keys: &[&str]) -> Patches {
        keys.iter().map(|key| ((*key).to_owned(), format!("hash of {key}"))).collect()
    }

    fn used(keys: &[&str], name: &str, version: &str) -> Option<String> {
        of(&patches(keys), name, version).unwrap().map(|(key, _)| key.to_owned())
    }

    #[test]
    fn the_narrowest_selector_wins() {
        let keys = ["a", "a@^1.0.0", "a@1.1.0", "@s/a", "@s/a@2"];
        assert_eq!(used(&keys, "a", "1.1.0").as_deref(), Some("a@1.1.0"));
        assert_eq!(used(&keys, "a", "1.2.0").as_deref(), Some("a@^1.0.0"));
        assert_eq!(used(&keys, "a", "2.0.0").as_deref(), Some("a"));
        assert_eq!(used(&keys, "@s/a", "2.3.0").as_deref(), Some("@s/a@2"));
        assert_eq!(used(&keys, "@s/a", "1.0.0").as_deref(), Some("@s/a"));
        assert_eq!(used(&["a@*"], "a", "1.0.0-rc.1").as_deref(), Some("a@*"));
        assert_eq!(used(&keys, "b", "1.0.0"), None);
    }

    #[test]
    fn two_ranges_that_fit_are_an_error_unless_the_version_is_named() {
        let refused = of(&patches(&["a@^1.0.0", "a@>=1.1.0"]), "a", "1.1.0").unwrap_err();
        assert_eq!(refused.code, "ERR_PNPM_PATCH_KEY_CONFLICT");
        assert_eq!(used(&["a@^1.0.0", "a@>=1.1.0", "a@1.1.0"], "a", "1.1.0").as_deref(), Some("a@1.1.0"));
    }

    #[test]
    fn a_selector_that_is_no_range_is_an_error() {
        assert!(check(&patches(&["a", "@s/a", "a@1.0.0", "a@^1 || 2", "a@*"])).is_ok());
        assert_eq!(check(&patches(&["a@foo bar"])).unwrap_err().code, "ERR_PNPM_PATCH_NON_SEMVER_RANGE");
    }
}
