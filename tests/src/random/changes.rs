//! What happens between two installations: manifests change, projects come and go, versions are published.

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::{
    GROUPS, Numbers,
    world::{edges, manifest, package, range},
};
use crate::scenario::{Scenario, Step};

/// A later step: perhaps a new version is published, then a project changes, comes or goes.
pub(super) fn change(
    numbers: &mut Numbers,
    scenario: &Scenario,
    manifests: &mut Vec<String>,
    versions: &mut IndexMap<String, Vec<String>>,
) -> Step {
    let mut step = Step::default();
    if numbers.chance(30) {
        publish_one(numbers, scenario, versions, &mut step);
    }
    let projects = scenario.files.contains_key("packages/w0/package.json");
    if projects && numbers.chance(10) {
        let name = format!("w{}", scenario.steps.len() + 3);
        let path = format!("packages/{name}/package.json");
        step.write.insert(path.clone(), manifest(numbers, &name, versions, &[]));
        manifests.push(path);
        return step;
    }
    let path = numbers.pick(manifests).clone();
    if manifests.len() > 2 && path != "package.json" && numbers.chance(10) {
        manifests.retain(|held| *held != path);
        step.remove.push(path);
        return step;
    }
    let written = scenario.steps.iter().rev().find_map(|step| step.write.get(&path));
    let mut manifest = written.unwrap_or_else(|| &scenario.files[&path]).clone();
    if let Some(fields) = manifest.as_object_mut() {
        edit(numbers, fields, versions);
    }
    step.write.insert(path, manifest);
    step
}

pub(super) fn publish_one(
    numbers: &mut Numbers,
    scenario: &Scenario,
    versions: &mut IndexMap<String, Vec<String>>,
    step: &mut Step,
) {
    let at = numbers.below(versions.len());
    let (name, theirs) = versions.get_index_mut(at).expect("an index below the length");
    let major = theirs.iter().filter_map(|v| v.split('.').next()?.parse::<usize>().ok()).max().unwrap_or(0);
    theirs.push(format!("{major}.9.{}", theirs.len()));
    let name = name.clone();
    let mut package = package(numbers, &name, versions);
    let published = scenario.steps.iter().rev().find_map(|step| step.publish.get(&name));
    for (version, fields) in &published.unwrap_or_else(|| &scenario.world[&name]).versions {
        package.versions.insert(version.clone(), fields.clone()); // what is published stays as it is
    }
    step.publish.insert(name, package);
}

/// One edit that a person makes in a manifest.
fn edit(numbers: &mut Numbers, fields: &mut Map<String, Value>, versions: &IndexMap<String, Vec<String>>) {
    let declared: Vec<(&str, String)> = GROUPS
        .iter()
        .flat_map(|group| {
            let aliases = fields.get(*group).and_then(Value::as_object).into_iter().flat_map(Map::keys);
            aliases.map(|alias| (*group, alias.clone())).collect::<Vec<_>>()
        })
        .collect();
    let kind = if declared.is_empty() { 0 } else { numbers.below(6) };
    let one = (!declared.is_empty()).then(|| numbers.pick(&declared).clone());
    match (kind, one) {
        (1 | 2, Some((group, alias))) => {
            take(fields, group, &alias);
            if kind == 2 {
                add(fields, "dependencies", edges(numbers, "", versions, 2));
            }
        }
        (3 | 4, Some((group, alias))) => {
            if let Some(theirs) = versions.get(&alias) {
                let to = if kind == 3 { group } else { *numbers.pick(&GROUPS) };
                let range = range(numbers, theirs);
                take(fields, group, &alias);
                add(fields, to, Map::from_iter([(alias, range.into())]));
            }
        }
        (5, Some((group, alias))) => {
            if let Some(held) = take(fields, group, &alias) {
                let to = *numbers.pick(&GROUPS);
                add(fields, to, Map::from_iter([(alias, held)]));
            }
        }
        _ => add(fields, "dependencies", edges(numbers, "", versions, 2)),
    }
}

fn take(fields: &mut Map<String, Value>, group: &str, alias: &str) -> Option<Value> {
    fields.get_mut(group)?.as_object_mut()?.shift_remove(alias)
}

fn add(fields: &mut Map<String, Value>, group: &str, more: Map<String, Value>) {
    if let Some(map) = fields.entry(group).or_insert_with(|| json!({})).as_object_mut() {
        map.extend(more);
    }
}
