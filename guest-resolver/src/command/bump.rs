//! After a resolution: the ranges in manifests and catalogs follow the versions that were picked, and the lockfile
//! records them as they are then written.

use std::collections::{BTreeMap, BTreeSet};

use wit::guest::wasi_pm::resolver::types::DependencyGroup;

use crate::catalogs::catalog_name;
use crate::lockfile::Lockfile;
use crate::lockfile::model::{Importer, ImporterDependency, is_named, package_key, split_key};
use crate::semver::{Range, Version};
use crate::specifier::Want;

use super::Plan;
use super::range::{Style, saved};
use super::text::INSTALLED;

/// Moves the ranges that a plan names.
pub fn follow(lockfile: &mut Lockfile, plan: &mut Plan) {
    let mut entries: BTreeSet<(String, String)> = BTreeSet::new();
    for (id, aliases) in std::mem::take(&mut plan.follow) {
        let Some(importer) = lockfile.importers.get_mut(&id) else { continue };
        for alias in aliases {
            let Some((group, held)) = declared(importer, &alias) else { continue };
            if let Some(catalog) = catalog_name(&held.specifier) {
                entries.insert((catalog.to_owned(), alias));
            } else if let Some(moved) = moved(&held.specifier, &held.version) {
                let Some(manifest) = plan.manifests.get_mut(&id) else { continue };
                // What an override has put in the place of the manifest's words stays with the override.
                if manifest.find(&[group], &alias).is_some_and(|(_, written)| written == held.specifier) {
                    held.specifier.clone_from(&moved);
                    manifest.set(group, &alias, &moved);
                    plan.touched.insert(id.clone());
                }
            }
        }
    }
    for (catalog, alias) in entries {
        let Some(held) = lockfile.catalogs.get_mut(&catalog).and_then(|entries| entries.get_mut(&alias)) else {
            continue;
        };
        if let Some(moved) = moved(&held.specifier, &held.version) {
            held.specifier.clone_from(&moved);
            plan.catalogs.insert((catalog, alias), moved);
        }
    }
}

fn declared<'a>(importer: &'a mut Importer, alias: &str) -> Option<(DependencyGroup, &'a mut ImporterDependency)> {
    let groups: [&'a mut BTreeMap<String, ImporterDependency>; 3] =
        [&mut importer.dependencies, &mut importer.dev_dependencies, &mut importer.optional_dependencies];
    let [prod, dev, optional] = INSTALLED;
    let mut named = [prod, dev, optional].into_iter().zip(groups);
    named.find_map(|(group, entries)| Some((group, entries.get_mut(alias)?)))
}

/// The range over the version that was picked; `None`: it says so already, or is none that could.
fn moved(specifier: &str, version: &str) -> Option<String> {
    let (prefix, range) = split(specifier)?;
    if matches!(Want::parse(range)?, Want::Tag(_)) {
        return None;
    }
    let key = package_key(version);
    let picked = if is_named(key) { split_key(key)?.1 } else { key };
    // A range of more than one thing says more than a version could.
    let style = Style::in_specifier(range)?;
    let moved = format!("{prefix}{}", saved(&Version::parse(picked)?, Some(style), None, style));
    (moved != specifier).then_some(moved)
}

/// `npm:name@` and the range behind it; `None` for whatever else has a protocol.
fn split(specifier: &str) -> Option<(&str, &str)> {
    let Some(rest) = specifier.strip_prefix("npm:") else {
        return (!specifier.contains(':')).then_some(("", specifier));
    };
    if !rest.contains('@') && Range::parse_loose(rest).is_ok() {
        return Some(specifier.split_at("npm:".len()));
    }
    let at = rest.rfind('@').filter(|at| *at > 0)?;
    Some(specifier.split_at("npm:".len() + at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_follows_the_version_and_keeps_its_form() {
        assert_eq!(moved("^1.0.0", "1.2.0(p@1.0.0)").as_deref(), Some("^1.2.0"));
        assert_eq!(moved("~1.0.0", "1.0.3").as_deref(), Some("~1.0.3"));
        assert_eq!(moved("1", "1.2.0").as_deref(), Some("^1.2.0"));
        assert_eq!(moved("*", "1.2.0").as_deref(), Some("^1.2.0"));
        assert_eq!(moved(">=1", "1.2.0"), None);
        assert_eq!(moved("1 || 2", "2.2.0"), None);
        assert_eq!(moved("npm:b@~1.0.0", "b@1.0.1").as_deref(), Some("npm:b@~1.0.1"));
        assert_eq!(moved("npm:@s/b@^1.0.0", "@s/b@1.1.0(p@1.0.0)").as_deref(), Some("npm:@s/b@^1.1.0"));
        assert_eq!(moved("^1.2.0", "1.2.0"), None);
        assert_eq!(moved("latest", "1.2.0"), None);
        assert_eq!(moved("workspace:*", "link:a"), None);
        assert_eq!(moved("file:a", "file:a"), None);
    }
}
