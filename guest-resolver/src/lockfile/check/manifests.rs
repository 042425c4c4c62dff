//! The part of the check that looks at manifests.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use wit::settings::Settings;

use super::Manifests;
use crate::{
    extensions,
    lockfile::{
        Lockfile, LockfileError,
        error::OUTDATED,
        model::{Importer, ImporterDependency},
    },
    overrides::Overrides,
    semver::{Range, Version},
    specifier::name_same_repository,
};

type Locked = BTreeMap<String, ImporterDependency>;

const FIELDS: [&str; 3] = ["optionalDependencies", "dependencies", "devDependencies"];

pub(super) fn drifts(
    lockfile: &Lockfile,
    settings: &Settings,
    overrides: &Overrides,
    manifests: &Manifests,
) -> Vec<LockfileError> {
    let mut drifts = Vec::new();
    for (id, manifest) in manifests {
        match lockfile.importers.get(id) {
            Some(importer) => {
                let mut manifest = manifest.clone();
                overrides.apply(&mut manifest, Some(id));
                extensions::drop_optional(&settings.rules.ignored_optional_dependencies, &mut manifest);
                importer_drifts(id, importer, &manifest, settings, &mut drifts);
            }
            // Peers alone are no reason to resolve what the lockfile does not know.
            None if FIELDS.iter().all(|field| entries(manifest, field).next().is_none()) => {}
            None => drifts.push(
                outdated(format!("the lockfile has no entry for the project {id}")).fact("importer", id.as_str()),
            ),
        }
    }
    // One that had no dependencies may stay.
    let removed = lockfile.importers.iter().filter(|(id, held)| !manifests.contains_key(*id) && !held.is_empty());
    let is_asked = |id: &String| settings.selection.importers.as_ref().is_none_or(|named| named.contains(id));
    drifts.extend(removed.filter(|(id, _)| is_asked(id)).map(|(id, _)| {
        outdated(format!("the lockfile has the project {id}, which does not exist")).fact("importer", id.as_str())
    }));
    drifts
}

/// Alias to field and specifier: optional over production over development, then peers that are installed for lack of
/// another.
fn wanted<'a>(manifest: &'a Map<String, Value>, settings: &Settings) -> BTreeMap<&'a str, (&'static str, &'a str)> {
    let mut all = BTreeMap::new();
    for field in FIELDS {
        for (alias, specifier) in entries(manifest, field) {
            all.entry(alias).or_insert((field, specifier));
        }
    }
    if settings.peers.auto_install_peers {
        for (alias, specifier) in entries(manifest, "peerDependencies") {
            all.entry(alias).or_insert(("dependencies", specifier));
        }
    }
    all
}

fn entries<'a>(manifest: &'a Map<String, Value>, field: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let map = manifest.get(field).and_then(Value::as_object);
    map.into_iter().flatten().filter_map(|(alias, specifier)| Some((alias.as_str(), specifier.as_str()?)))
}

fn importer_drifts(
    id: &str,
    importer: &Importer,
    manifest: &Map<String, Value>,
    settings: &Settings,
    drifts: &mut Vec<LockfileError>,
) {
    let wanted = wanted(manifest, settings);
    let locked = |field: &str| -> &Locked {
        match field {
            "optionalDependencies" => &importer.optional_dependencies,
            "dependencies" => &importer.dependencies,
            _ => &importer.dev_dependencies,
        }
    };
    let mut push = |message: String, alias: &str, manifest: &str, lockfile: &str| {
        let drift = outdated(message).fact("importer", id).fact("dependency", alias);
        drifts.push(drift.fact("manifest", manifest).fact("lockfile", lockfile));
    };
    for (alias, (field, specifier)) in &wanted {
        let found = locked(field).get(*alias);
        match found {
            Some(held) if name_same_repository(&held.specifier, specifier) => {}
            Some(held) if held.specifier != *specifier => {
                push(
                    format!("{id} asks for {alias}@{specifier}, the lockfile has {}", held.specifier),
                    alias,
                    specifier,
                    &held.specifier,
                );
            }
            Some(held) if !satisfies(&held.version, specifier) => {
                push(
                    format!("{alias}@{} in the lockfile does not satisfy {specifier}", held.version),
                    alias,
                    specifier,
                    &held.version,
                );
            }
            Some(_) => {}
            None if is_excluded(settings, specifier) => {}
            None => {
                let elsewhere =
                    FIELDS.iter().find(|other| locked(other).contains_key(*alias)).copied().unwrap_or("nothing");
                push(
                    format!("{id} has {alias}@{specifier} in {field}, the lockfile has not"),
                    alias,
                    specifier,
                    elsewhere,
                );
            }
        }
    }
    for field in FIELDS {
        for (alias, held) in locked(field).iter().filter(|(alias, _)| !wanted.contains_key(alias.as_str())) {
            push(
                format!("the lockfile has {alias}@{} in {field}, {id} has not", held.specifier),
                alias,
                "nothing",
                &held.specifier,
            );
        }
    }
    let directory = manifest.get("publishConfig").and_then(|config| config.get("directory")).and_then(Value::as_str);
    if importer.publish_directory.as_deref() != directory {
        let locked = importer.publish_directory.as_deref().unwrap_or("nothing");
        push(
            format!("the publishDirectory of {id} does not match publishConfig.directory"),
            "",
            directory.unwrap_or("nothing"),
            locked,
        );
    }
    let (ours, theirs) = (injected(manifest), locked_injected(importer));
    if ours != theirs {
        push(format!("dependenciesMeta of {id} does not match"), "", &format!("{ours:?}"), &format!("{theirs:?}"));
    }
}

/// A version that is one, of a range that is one, satisfies it; of all others nothing is known here.
fn satisfies(version: &str, specifier: &str) -> bool {
    let version = version.split('(').next().unwrap_or(version);
    match (Version::parse(version), Range::parse(specifier)) {
        (Some(version), Ok(range)) => range.satisfies(&version),
        _ => true,
    }
}

fn is_excluded(settings: &Settings, specifier: &str) -> bool {
    settings.lockfile.exclude_links_from_lockfile
        && (specifier.starts_with("link:") || specifier.starts_with("workspace:"))
}

fn injected(manifest: &Map<String, Value>) -> BTreeMap<&str, Option<bool>> {
    let meta = manifest.get("dependenciesMeta").and_then(Value::as_object);
    let flag = |value: &Value| value.get("injected").and_then(Value::as_bool);
    meta.into_iter().flatten().map(|(alias, value)| (alias.as_str(), flag(value))).collect()
}

fn locked_injected(importer: &Importer) -> BTreeMap<&str, Option<bool>> {
    importer.dependencies_meta.iter().map(|(alias, meta)| (alias.as_str(), meta.injected)).collect()
}

fn outdated(message: String) -> LockfileError {
    LockfileError::new(OUTDATED, message).hint("Install with --no-frozen-lockfile to update the lockfile")
}
