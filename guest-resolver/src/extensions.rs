//! `packageExtensions`, built in and the user's, and `ignoredOptionalDependencies`: what manifests gain and lose before
//! they are resolved. A manifest only ever gains what it lacks.

pub mod builtin;
#[cfg(test)]
mod tests;

use base64::Engine as _;
use indexmap::IndexMap;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use wit::settings::{PackageExtension, VersionRules};

use crate::age::matches_pattern;
use crate::semver::{Range, Version};

/// Adds what the built-in extensions of this package hold, unless they are switched off, then what the user's hold.
/// What was there, or came earlier, stays.
pub fn apply_all(rules: &VersionRules, manifest: &mut Map<String, Value>) {
    if !rules.ignore_compatibility_db {
        extend_builtin(manifest);
    }
    extend(&rules.package_extensions, manifest);
}

/// Whether [`apply_all`] would do anything to this version of this package, which is rare. Cheap: it asks before a
/// manifest is copied.
#[must_use]
pub fn concern(rules: &VersionRules, name: &str, version: &str) -> bool {
    let additions = if rules.ignore_compatibility_db { &[] } else { builtin::additions(name) };
    if additions.is_empty() && rules.package_extensions.is_empty() {
        return false;
    }
    let version = Version::parse_loose(version);
    version.as_ref().is_some_and(|version| additions.iter().any(|addition| addition.selects(version)))
        || rules.package_extensions.keys().any(|selector| selects(selector, name, version.as_ref()))
}

fn extend_builtin(manifest: &mut Map<String, Value>) {
    let additions = builtin::additions(manifest.get("name").and_then(Value::as_str).unwrap_or_default());
    if additions.is_empty() {
        return;
    }
    let Some(version) = version_of(manifest) else { return };
    for addition in additions.iter().filter(|addition| addition.selects(&version)) {
        addition.apply(manifest);
    }
}

fn version_of(manifest: &Map<String, Value>) -> Option<Version> {
    manifest.get("version").and_then(Value::as_str).and_then(Version::parse_loose)
}

/// Adds one entry to a group of the manifest, if it is not there. A group of the wrong shape counts as absent.
fn add(manifest: &mut Map<String, Value>, group: &str, name: &str, value: Value) {
    let entries = manifest.entry(group).or_insert_with(|| Value::Object(Map::new()));
    if !entries.is_object() {
        *entries = Value::Object(Map::new());
    }
    let Some(entries) = entries.as_object_mut() else { return };
    entries.entry(name).or_insert(value);
}

/// Adds what the extensions of this package hold and the manifest lacks; nothing is replaced.
pub fn extend(extensions: &IndexMap<String, PackageExtension>, manifest: &mut Map<String, Value>) {
    if extensions.is_empty() {
        return;
    }
    let name = manifest.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let version = version_of(manifest);
    for (selector, extension) in extensions {
        if !selects(selector, &name, version.as_ref()) {
            continue;
        }
        let Ok(Value::Object(groups)) = serde_json::to_value(extension) else { continue };
        for (group, additions) in groups {
            let Value::Object(additions) = additions else { continue };
            for (key, value) in additions {
                add(manifest, &group, &key, value);
            }
        }
    }
}

fn selects(selector: &str, name: &str, version: Option<&Version>) -> bool {
    let Some(rest) = selector.strip_prefix(name).filter(|_| !name.is_empty()) else { return false };
    if rest.is_empty() {
        return true;
    }
    let Some(range) = rest.strip_prefix('@') else { return false };
    Range::parse_loose(range).is_ok_and(|range| version.is_some_and(|version| range.satisfies(version)))
}

/// `packageExtensionsChecksum` of the lockfile, `sha256-<base64>`; `None` if there are no extensions.
pub fn checksum(extensions: &IndexMap<String, PackageExtension>) -> Option<String> {
    if extensions.is_empty() {
        return None;
    }
    let value = serde_json::to_value(extensions).ok()?;
    let digest = Sha256::digest(canonical(&value));
    Some(format!("sha256-{}", base64::engine::general_purpose::STANDARD.encode(digest)))
}

/// The form that the object hash of pnpm is taken of: keys sorted, each value with its type and length.
fn canonical(value: &Value) -> String {
    // Extensions are four levels deep by their type, so this does not run away.
    match value {
        Value::Object(entries) => {
            let mut keys: Vec<&String> = entries.keys().collect();
            keys.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
            let body: Vec<String> =
                keys.iter().map(|key| format!("{}:{},", canonical_text(key), canonical(&entries[*key]))).collect();
            format!("object:{}:{}", keys.len(), body.concat())
        }
        Value::String(text) => canonical_text(text),
        other => format!("bool:{other}"),
    }
}

fn canonical_text(text: &str) -> String {
    format!("string:{}:{text}", text.encode_utf16().count())
}

/// Drops the optional dependencies that `patterns` name, from `optionalDependencies` and from `dependencies` where they
/// stand in both.
pub fn drop_optional(patterns: &[String], manifest: &mut Map<String, Value>) {
    if patterns.is_empty() {
        return;
    }
    let mut dropped = Vec::new();
    if let Some(optional) = manifest.get_mut("optionalDependencies").and_then(Value::as_object_mut) {
        optional.retain(|name, _| {
            let matches = patterns.iter().any(|pattern| matches_pattern(pattern, name));
            if matches {
                dropped.push(name.clone());
            }
            !matches
        });
    }
    if let Some(dependencies) = manifest.get_mut("dependencies").and_then(Value::as_object_mut) {
        dependencies.retain(|name, _| !dropped.contains(name));
    }
}
