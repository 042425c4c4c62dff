//! Smaller scenarios, of which one may still show a difference.

use serde_json::{Map, Value};

use crate::scenario::Scenario;

/// Every scenario that has one thing less: a package, a version, a field of a manifest, an edge, a file, a step.
#[must_use]
pub fn smaller(scenario: &Scenario) -> Vec<Scenario> {
    let mut found = Vec::new();
    for at in 1..scenario.steps.len() {
        let mut less = scenario.clone();
        less.steps.truncate(at);
        found.push(less);
    }
    for at in (1..scenario.steps.len()).filter(|_| scenario.has_commands()) {
        let mut less = scenario.clone();
        less.steps.remove(at);
        found.push(less);
        if !scenario.steps[at].publish.is_empty() {
            let mut less = scenario.clone();
            less.steps[at].publish.clear();
            found.push(less);
        }
    }
    for name in scenario.world.keys() {
        let mut less = scenario.clone();
        less.world.shift_remove(name);
        less.steps.iter_mut().for_each(|step| drop(step.publish.shift_remove(name)));
        found.push(less);
    }
    for (name, package) in &scenario.world {
        for version in package.versions.keys() {
            let mut less = scenario.clone();
            less.world[name].versions.shift_remove(version);
            less.world[name].tags.retain(|_, to| to != version);
            for package in less.steps.iter_mut().filter_map(|step| step.publish.get_mut(name)) {
                package.versions.shift_remove(version);
                package.tags.retain(|_, to| to != version);
            }
            found.push(less);
        }
        if !package.tags.is_empty() {
            let mut less = scenario.clone();
            less.world[name].tags.clear();
            found.push(less);
        }
        for (version, fields) in &package.versions {
            for fewer in smaller_fields(fields) {
                let mut less = scenario.clone();
                for package in less.steps.iter_mut().filter_map(|step| step.publish.get_mut(name)) {
                    package.versions.insert(version.clone(), fewer.clone());
                }
                less.world[name].versions[version] = fewer;
                found.push(less);
            }
        }
    }
    for (path, content) in &scenario.files {
        if path != "package.json" && !(path == "pnpm-workspace.yaml" && scenario.has_commands()) {
            let mut less = scenario.clone();
            less.files.shift_remove(path);
            found.push(less);
        }
        let Some(fields) = content.as_object() else { continue };
        for fewer in smaller_fields(fields) {
            let mut less = scenario.clone();
            less.files[path] = Value::Object(fewer);
            found.push(less);
        }
    }
    for (at, step) in scenario.steps.iter().enumerate() {
        if at > 0 && at + 1 < scenario.steps.len() {
            let mut less = scenario.clone();
            less.steps.remove(at);
            found.push(less);
        }
        for (name, package) in &step.publish {
            let mut less = scenario.clone();
            less.steps[at].publish.shift_remove(name);
            found.push(less);
            for (version, fields) in package.versions.iter().filter(|(version, _)| {
                scenario.world.get(name).is_none_or(|world| !world.versions.contains_key(*version))
            }) {
                for fewer in smaller_fields(fields) {
                    let mut less = scenario.clone();
                    less.steps[at].publish[name].versions[version] = fewer;
                    found.push(less);
                }
            }
        }
        for (path, content) in &step.write {
            for fewer in content.as_object().map(smaller_fields).unwrap_or_default() {
                let mut less = scenario.clone();
                less.steps[at].write[path] = Value::Object(fewer);
                found.push(less);
            }
        }
    }
    found
}

/// The same fields with one of them, or one entry of one of them, less.
fn smaller_fields(fields: &Map<String, Value>) -> Vec<Map<String, Value>> {
    let mut found = Vec::new();
    for (key, value) in fields {
        if matches!(key.as_str(), "name" | "version") {
            continue;
        }
        let mut less = fields.clone();
        less.shift_remove(key);
        found.push(less);
        let Some(map) = value.as_object().filter(|map| map.len() > 1) else { continue };
        for entry in map.keys() {
            let mut less = fields.clone();
            if let Some(map) = less[key].as_object_mut() {
                map.shift_remove(entry);
            }
            found.push(less);
        }
    }
    found
}
