//! A registry and the projects that use it.

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::Numbers;
use crate::world::Package;

pub(super) fn name_of(at: usize, scoped: bool) -> String {
    let letter = char::from(b'a' + u8::try_from(at % 26).expect("below 26"));
    if scoped { format!("@s/{letter}") } else { letter.to_string() }
}

pub(super) fn some_versions(numbers: &mut Numbers) -> Vec<String> {
    let mut versions = Vec::new();
    let (mut major, mut minor, mut patch) = (numbers.below(2), 0, numbers.below(2));
    for _ in 0..1 + numbers.below(5) {
        let text = format!("{major}.{minor}.{patch}");
        versions.push(if numbers.chance(8) { format!("{text}-rc.{}", numbers.below(3)) } else { text });
        match numbers.below(3) {
            0 => (major, minor, patch) = (major + 1, 0, 0),
            1 => (minor, patch) = (minor + 1, 0),
            _ => patch += 1,
        }
    }
    versions
}

/// A range that usually some version satisfies.
pub(super) fn range(numbers: &mut Numbers, versions: &[String]) -> String {
    let base = numbers.pick(versions).clone();
    let major = base.split('.').next().unwrap_or("0").to_owned();
    match numbers.below(10) {
        0..=4 => format!("^{base}"),
        5 => format!("~{base}"),
        6 => base,
        7 => "*".to_owned(),
        8 => format!(">={base}"),
        _ => format!("{major} || ^{base}"),
    }
}

pub(super) fn edges(
    numbers: &mut Numbers,
    own: &str,
    versions: &IndexMap<String, Vec<String>>,
    most: usize,
) -> Map<String, Value> {
    let mut map = Map::new();
    for _ in 0..numbers.below(most + 1) {
        let (name, theirs) = versions.get_index(numbers.below(versions.len())).expect("an index below the length");
        if name == own {
            continue;
        }
        let range = range(numbers, theirs);
        if numbers.chance(7) {
            map.insert(format!("alias-{}", name.trim_start_matches("@s/")), format!("npm:{name}@{range}").into());
        } else {
            map.insert(name.clone(), range.into());
        }
    }
    map
}

fn put(fields: &mut Map<String, Value>, key: &str, map: Map<String, Value>) {
    if !map.is_empty() {
        fields.insert(key.to_owned(), Value::Object(map));
    }
}

pub(super) fn package(numbers: &mut Numbers, name: &str, versions: &IndexMap<String, Vec<String>>) -> Package {
    let mut package = Package::default();
    for version in &versions[name] {
        let mut fields = Map::new();
        put(&mut fields, "dependencies", edges(numbers, name, versions, 3));
        if numbers.chance(20) {
            put(&mut fields, "optionalDependencies", edges(numbers, name, versions, 1));
        }
        if numbers.chance(35) {
            let mut peers = edges(numbers, name, versions, 2);
            peers.retain(|alias, _| !alias.starts_with("alias-"));
            let meta: Map<String, Value> = peers
                .keys()
                .filter(|_| numbers.chance(35))
                .map(|peer| (peer.clone(), json!({ "optional": true })))
                .collect();
            put(&mut fields, "peerDependenciesMeta", meta);
            put(&mut fields, "peerDependencies", peers);
        }
        if numbers.chance(6) {
            fields.insert("os".to_owned(), json!([if numbers.chance(50) { "darwin" } else { "linux" }]));
        }
        if numbers.chance(8) {
            fields.insert("deprecated".to_owned(), "do not use".into());
        }
        if numbers.chance(8) {
            fields.insert("engines".to_owned(), json!({ "node": ">=4" }));
        }
        package.versions.insert(version.clone(), fields);
    }
    if numbers.chance(15) {
        package.tags.insert("latest".to_owned(), numbers.pick(&versions[name]).clone());
    }
    package
}

pub(super) fn manifest(
    numbers: &mut Numbers,
    name: &str,
    versions: &IndexMap<String, Vec<String>>,
    others: &[String],
) -> Value {
    let mut fields = Map::new();
    fields.insert("name".to_owned(), name.into());
    fields.insert("version".to_owned(), "1.0.0".into());
    let mut dependencies = edges(numbers, name, versions, 4);
    for other in others {
        if other != name && numbers.chance(30) {
            dependencies.insert(other.clone(), numbers.pick(&["workspace:*", "workspace:^"]).to_owned().into());
        }
    }
    put(&mut fields, "dependencies", dependencies);
    if numbers.chance(40) {
        put(&mut fields, "devDependencies", edges(numbers, name, versions, 2));
    }
    if numbers.chance(20) {
        put(&mut fields, "optionalDependencies", edges(numbers, name, versions, 1));
    }
    if numbers.chance(15) {
        let mut peers = edges(numbers, name, versions, 1);
        peers.retain(|alias, _| !alias.starts_with("alias-"));
        put(&mut fields, "peerDependencies", peers);
    }
    Value::Object(fields)
}

pub(super) fn project(numbers: &mut Numbers, versions: &IndexMap<String, Vec<String>>) -> IndexMap<String, Value> {
    let mut files = IndexMap::new();
    let others: Vec<String> =
        if numbers.chance(35) { (0..1 + numbers.below(3)).map(|at| format!("w{at}")).collect() } else { Vec::new() };
    files.insert("package.json".to_owned(), manifest(numbers, "root", versions, &others));
    for other in &others {
        files.insert(format!("packages/{other}/package.json"), manifest(numbers, other, versions, &others));
    }
    let mut settings = String::new();
    if !others.is_empty() {
        settings += "packages:\n  - packages/*\n";
    }
    if numbers.chance(12) {
        let (name, theirs) = versions.get_index(numbers.below(versions.len())).expect("an index below the length");
        settings += &format!("overrides:\n  '{name}': '{}'\n", range(numbers, theirs));
    }
    if numbers.chance(8) {
        settings += "autoInstallPeers: false\n";
    }
    if numbers.chance(6) {
        settings += "dedupePeerDependents: false\n";
    }
    if !settings.is_empty() {
        files.insert("pnpm-workspace.yaml".to_owned(), settings.into());
    }
    files
}
