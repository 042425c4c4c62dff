//! Whether a lockfile still fits settings and manifests, in pnpm's order. Settings first: one drift each, named as pnpm
//! names it. Then each project: what its manifest asks for beside what the lockfile recorded.

mod manifests;

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use wit::settings::Settings;

use super::{
    Lockfile,
    error::{CONFIG_MISMATCH, LockfileError},
};
use crate::{extensions, overrides::Overrides, resolve::explain::hint_for};

const DEFAULT_PEERS_SUFFIX: u32 = 1000;

/// The parsed `package.json` of each project.
pub type Manifests = BTreeMap<String, Map<String, Value>>;

/// The drifts; none if the lockfile fits.
///
/// # Errors
/// Overrides that cannot be read.
pub fn check(
    lockfile: &Lockfile,
    settings: &Settings,
    manifests: &Manifests,
) -> Result<Vec<LockfileError>, LockfileError> {
    let root = |name: &str| {
        let workspace = &settings.workspace;
        let beside = || serde_json::from_str(workspace.neighbours.get(&workspace.root)?).ok();
        let manifest = manifests.get(&workspace.root).cloned().or_else(beside)?;
        let fields = ["dependencies", "devDependencies", "optionalDependencies"];
        fields.iter().find_map(|field| manifest.get(*field)?.get(name)?.as_str().map(str::to_owned))
    };
    let overrides = Overrides::parse(&settings.rules.overrides, &settings.rules.catalogs, root)
        .map_err(|bad| LockfileError { hint: hint_for(bad.code), ..LockfileError::new(bad.code, bad.message) })?;
    let overrides = overrides.seen_from(&settings.workspace.root);
    let mut drifts = settings_drifts(lockfile, settings, &overrides);
    drifts.extend(manifests::drifts(lockfile, settings, &overrides, manifests));
    Ok(drifts)
}

fn settings_drifts(lockfile: &Lockfile, settings: &Settings, overrides: &Overrides) -> Vec<LockfileError> {
    let (held, rules) = (&lockfile.settings, &settings.rules);
    let sorted = |list: &[String]| {
        let mut list = list.to_vec();
        list.sort();
        list
    };
    let mut drifts: Vec<LockfileError> = catalog_drift(lockfile, settings).into_iter().collect();
    let mut compare = |name: &str, locked: String, wanted: String| {
        if locked != wanted {
            drifts.push(drift(name, locked, wanted));
        }
    };
    compare("overrides", pairs(&lockfile.overrides), pairs(overrides.resolved()));
    let checksum = extensions::checksum(&rules.package_extensions);
    compare("packageExtensionsChecksum", text(lockfile.package_extensions_checksum.as_ref()), text(checksum.as_ref()));
    compare(
        "ignoredOptionalDependencies",
        sorted(&lockfile.ignored_optional_dependencies).join(" "),
        sorted(&rules.ignored_optional_dependencies).join(" "),
    );
    compare("patchedDependencies", pairs(&lockfile.patched_dependencies), pairs(&rules.patched_dependencies));
    if let Some(locked) = held.auto_install_peers {
        compare("settings.autoInstallPeers", locked.to_string(), settings.peers.auto_install_peers.to_string());
    }
    let dedupe = held.dedupe_peers.unwrap_or(false);
    compare("settings.dedupePeers", dedupe.to_string(), settings.peers.dedupe_peers.to_string());
    if let Some(locked) = held.exclude_links_from_lockfile {
        let wanted = settings.lockfile.exclude_links_from_lockfile;
        compare("settings.excludeLinksFromLockfile", locked.to_string(), wanted.to_string());
    }
    let length = held.peers_suffix_max_length.unwrap_or(DEFAULT_PEERS_SUFFIX);
    compare("settings.peersSuffixMaxLength", length.to_string(), settings.peers.peers_suffix_max_length.to_string());
    let checksum = settings.lockfile.pnpmfile_checksum.as_ref();
    compare("pnpmfileChecksum", text(lockfile.pnpmfile_checksum.as_ref()), text(checksum));
    let inject = held.inject_workspace_packages.unwrap_or(false);
    let wanted = settings.workspace.inject_workspace_packages;
    compare("settings.injectWorkspacePackages", inject.to_string(), wanted.to_string());
    drifts
}

/// Only entries that the lockfile has are in use.
fn catalog_drift(lockfile: &Lockfile, settings: &Settings) -> Option<LockfileError> {
    for (name, entries) in &lockfile.catalogs {
        for (alias, entry) in entries {
            let wanted = settings.rules.catalogs.get(name).and_then(|catalog| catalog.get(alias));
            if wanted != Some(&entry.specifier) {
                let drift = drift("catalogs", entry.specifier.clone(), text(wanted));
                return Some(drift.fact("catalog", name.as_str()).fact("dependency", alias.as_str()));
            }
        }
    }
    None
}

fn drift(name: &str, locked: String, wanted: String) -> LockfileError {
    let message = format!("the configuration of {name:?} does not match the value found in the lockfile");
    LockfileError::new(CONFIG_MISMATCH, message)
        .fact("setting", name)
        .fact("wanted", wanted)
        .fact("lockfile", locked)
        .hint("Install with --no-frozen-lockfile to update the lockfile")
}

fn text(value: Option<&String>) -> String {
    value.cloned().unwrap_or_else(|| "nothing".to_owned())
}

/// In the order of their keys: order is no difference.
fn pairs<'a>(map: impl IntoIterator<Item = (&'a String, &'a String)>) -> String {
    let mut all: Vec<String> = map.into_iter().map(|(key, value)| format!("{key}: {value}")).collect();
    all.sort();
    all.join(", ")
}

#[cfg(test)]
mod tests;
