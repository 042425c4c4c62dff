//! What is too young and was taken because nothing else would do may pass from now on: it is added to
//! `minimumReleaseAgeExclude` in `pnpm-workspace.yaml`, as pnpm does, so that the next run on any machine agrees.

use std::collections::BTreeMap;

use super::{Failures, Install};
use crate::{
    config::{edit, project},
    diagnostic::Diagnostic,
    graph::{Notice, Placement},
    replace,
    report::LogLevel,
};

/// The code of one version that is too young.
pub(super) const TOO_YOUNG: &str = "ERR_PNPM_MINIMUM_RELEASE_AGE_VIOLATION";
const KEY: &str = "minimumReleaseAgeExclude";

/// Adds what the resolver has told of.
pub(super) fn remember(install: &Install<'_>, placement: &Placement) -> Result<(), Failures> {
    let young: Vec<(String, String)> = placement.notices.iter().filter_map(too_young).collect();
    if young.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = young.iter().map(|(name, version)| format!("{name}@{version}")).collect();
    let config = &install.context.config;
    if config.install.dry_run {
        install.message(LogLevel::Warn, format!("Younger than minimumReleaseAge: {}", names.join(", ")));
        return Ok(());
    }
    let path = config.project.workspace.join("pnpm-workspace.yaml");
    let failed = |cause: String| {
        let mut diagnostic = Diagnostic::new(
            "ERR_PNPM_WORKSPACE_MANIFEST_WRITER_EDIT",
            format!("{KEY} cannot be added to in {}", path.display()),
        );
        diagnostic.causes.push(cause);
        vec![diagnostic.with_hint(format!("Add {} there, or set minimumReleaseAge: 0", names.join(", ")))]
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(error.to_string())),
    };
    // Not as configured: another project of the workspace may have added to it in this run.
    let settings = project::read_yaml(&path).map_err(|error| failed(error.to_string()))?;
    let held = settings.as_ref().and_then(|settings| settings.get(KEY)?.as_array()).into_iter().flatten();
    let mut held: Vec<String> = held.filter_map(|entry| entry.as_str().map(str::to_owned)).collect();
    held.extend_from_slice(&config.settings.policy.minimum_release_age_exclude);
    let items = merged(&held, &young);
    let changed = edit::set_list(&text, KEY, &items, |a, b| name_of(a) == name_of(b))
        .map_err(|error| failed(error.to_string()))?;
    let replaced = replace::real(&path, &config.project.workspace).and_then(|real| replace::file(&real, &changed));
    replaced.map_err(|error| failed(error.to_string()))?;
    let entries = if names.len() == 1 { "1 entry".to_owned() } else { format!("{} entries", names.len()) };
    install.message(
        LogLevel::Info,
        format!(
            "Added {entries} to {KEY} in pnpm-workspace.yaml (minimumReleaseAgeStrict: true makes them an error): {}",
            names.join(", ")
        ),
    );
    Ok(())
}

/// The name and version that a notice says are too young.
pub(super) fn too_young(notice: &Notice) -> Option<(String, String)> {
    let Notice::Other(failure) = notice else { return None };
    let fact = |name: &str| failure.facts.iter().find(|(held, _)| held == name).map(|(_, value)| value.clone());
    (failure.code == TOO_YOUNG).then(|| Some((fact("package")?, fact("version")?))).flatten()
}

/// The entries for these packages: one each, with the versions that passed before.
fn merged(held: &[String], young: &[(String, String)]) -> Vec<String> {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, version) in young {
        all.entry(name).or_default().push(version);
    }
    for entry in held {
        let Some(versions) = entry.get(name_of(entry).len() + 1..) else { continue };
        if let Some(all) = all.get_mut(name_of(entry)) {
            all.extend(versions.split("||").map(str::trim));
        }
    }
    let entry = |(name, mut versions): (&str, Vec<&str>)| {
        versions.sort_by(|a, b| order(a).cmp(&order(b)));
        versions.dedup();
        format!("{name}@{}", versions.join(" || "))
    };
    all.into_iter().map(entry).collect()
}

/// Numbers as numbers; a prerelease before its release.
fn order(version: &str) -> (Vec<u64>, bool, &str) {
    let (numbers, rest) = version.split_at(version.find(['-', '+']).unwrap_or(version.len()));
    (numbers.split('.').filter_map(|part| part.parse().ok()).collect(), !rest.starts_with('-'), rest)
}

/// The name of an entry, `@scope/name@1.0.0 || 1.1.0`.
fn name_of(entry: &str) -> &str {
    entry.char_indices().skip(1).find(|(_, c)| *c == '@').map_or(entry, |(at, _)| &entry[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_one_package_share_an_entry_in_order() {
        let held = ["a@1.10.0 || 1.9.0".to_owned(), "b".to_owned(), "@s/c@1.0.0".to_owned()];
        let young = [("a", "1.2.0"), ("@s/c", "1.0.0-rc.1"), ("d", "1.0.0")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(merged(&held, &young), ["@s/c@1.0.0-rc.1 || 1.0.0", "a@1.2.0 || 1.9.0 || 1.10.0", "d@1.0.0"]);
    }
}
