//! Packuments that a resolution will need: what projects ask for themselves is read from the cache while the component
//! starts and reads their manifests, as the disk would be idle otherwise.

use std::collections::HashSet;

use wit::{
    PackageName,
    settings::{ResolutionMode, Settings, TrustPolicy},
};

use super::Install;
use crate::{config::project::Importer, registry::Registry};

/// Reads them beside what follows.
pub(super) fn read_ahead(install: &Install<'_>, registry: &Registry) {
    let config = install.context.config.clone();
    registry.read_ahead(move || of_projects(&config.project.importers, &config.settings));
}

/// What the projects ask a registry for, and whether in full. A guess: who resolves asks once more.
fn of_projects(importers: &[Importer], settings: &Settings) -> Vec<(PackageName, bool)> {
    let rules = &settings.rules;
    let with_times = rules.resolution_mode == ResolutionMode::TimeBased && !rules.registry_supports_time_field;
    let all_in_full = with_times || settings.policy.trust_policy != TrustPolicy::Off;
    let (mut seen, mut found) = (HashSet::new(), Vec::new());
    for importer in importers {
        for field in ["dependencies", "devDependencies", "optionalDependencies"] {
            for (alias, specifier) in importer.manifest.entries(field) {
                let mut is_new = || seen.insert((alias.as_str(), field == "optionalDependencies"));
                if specifier.as_str().is_some_and(|text| of_registry(alias, text)) && is_new() {
                    let full = all_in_full || field == "optionalDependencies";
                    found.extend(PackageName::parse(alias).ok().map(|name| (name, full)));
                }
            }
        }
    }
    found
}

/// Whether what is asked for is probably the package of that name in a registry.
fn of_registry(alias: &str, specifier: &str) -> bool {
    !alias.is_empty() && (specifier.starts_with("catalog:") || !specifier.contains([':', '/']))
}
