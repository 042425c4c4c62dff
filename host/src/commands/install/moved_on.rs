//! Whether manifests have visibly moved on from the lockfile: what can be told from its list of projects alone, without
//! the component, which would read all of it to come to the same answer. Only what is certain counts; where this knows
//! nothing the component decides.

use std::collections::HashMap;

use serde_json::{Map, Value};
use wit::{ImporterId, settings::Settings};

use super::project_document;

#[cfg(test)]
mod tests;

/// Optional dependencies come before others of the same name, and production before development.
const FIELDS: [&str; 3] = ["optionalDependencies", "dependencies", "devDependencies"];

/// By alias the specifier; `None` where it is written in a way that is not read here.
type Locked<'a> = HashMap<&'a str, Option<&'a str>>;

/// In what a manifest differs from the lockfile, in words for people.
pub(super) fn find(lockfile: &str, importers: &[(ImporterId, String)], settings: &Settings) -> Option<String> {
    let rules = &settings.rules;
    if !rules.overrides.is_empty() || !rules.ignored_optional_dependencies.is_empty() {
        return None; // They stand between what a manifest says and what the lockfile has.
    }
    let locked = projects(lockfile)?;
    importers.iter().find_map(|(id, text)| {
        let manifest: Map<String, Value> = serde_json::from_str(text).ok()?;
        difference(id.as_str(), &manifest, locked.get(id.as_str())?)
    })
}

fn difference(id: &str, manifest: &Map<String, Value>, locked: &Locked<'_>) -> Option<String> {
    let entries = |field: &str| manifest.get(field).and_then(Value::as_object).into_iter().flatten();
    let mut asked: HashMap<&str, &str> = HashMap::new();
    for (alias, specifier) in FIELDS.into_iter().flat_map(entries) {
        asked.entry(alias).or_insert(specifier.as_str()?);
    }
    for (alias, specifier) in &asked {
        match locked.get(alias) {
            // Repositories may be named in several ways.
            Some(Some(held)) if held.contains('/') && specifier.contains('/') => {}
            Some(Some(held)) if held != specifier => {
                return Some(format!("{id} asks for {alias}@{specifier}, the lockfile has {held}"));
            }
            Some(_) => {}
            None if specifier.starts_with("link:") || specifier.starts_with("workspace:") => {}
            None => return Some(format!("{id} has {alias}@{specifier}, the lockfile has not")),
        }
    }
    let peers = manifest.get("peerDependencies").and_then(Value::as_object);
    let is_asked = |alias: &str| asked.contains_key(alias) || peers.is_some_and(|peers| peers.contains_key(alias));
    let dropped = locked.keys().find(|alias| !is_asked(alias))?;
    Some(format!("the lockfile has {dropped}, {id} has not"))
}

/// The projects of a lockfile as it is written here and by pnpm; `None` if it is written in another way.
fn projects(lockfile: &str) -> Option<HashMap<&str, Locked<'_>>> {
    let lockfile = project_document::of(lockfile);
    let start = lockfile.find("\nimporters:\n")? + "\nimporters:\n".len();
    let mut all: HashMap<&str, Locked<'_>> = HashMap::new();
    let (mut project, mut alias) = (None, None);
    let mut in_dependencies = false;
    for line in lockfile[start..].lines().filter(|line| !line.is_empty()) {
        let text = line.trim_start_matches(' ');
        match line.len() - text.len() {
            0 => break,
            2 => {
                project = Some(plain(text.strip_suffix(": {}").or_else(|| text.strip_suffix(':'))?)?);
                all.insert(project?, Locked::new());
            }
            4 => in_dependencies = FIELDS.iter().any(|field| text.strip_suffix(':') == Some(field)),
            6 if in_dependencies => {
                alias = Some(plain(text.strip_suffix(':')?)?);
                // One alias in two groups, as a merge of git may leave it: which of them counts is not known here.
                if all.get_mut(project?)?.insert(alias?, None).is_some() {
                    return None;
                }
            }
            8 if in_dependencies => {
                if let Some(specifier) = text.strip_prefix("specifier: ") {
                    all.get_mut(project?)?.insert(alias?, plain(specifier));
                }
            }
            _ => {}
        }
    }
    Some(all)
}

/// A text that is written plainly, or in single quotes without one inside.
fn plain(text: &str) -> Option<&str> {
    match text.strip_prefix('\'') {
        Some(rest) => rest.strip_suffix('\'').filter(|inner| !inner.contains('\'')),
        None => Some(text).filter(|text| {
            let is_marked = text.starts_with(['"', '>', '|', '&', '*', '!', '?', '{', '[']);
            !is_marked && !text.contains(" #") && !text.ends_with(char::is_whitespace)
        }),
    }
}
