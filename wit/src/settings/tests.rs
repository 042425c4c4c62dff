use serde_json::{Value, json};

use super::*;

fn schema() -> Value {
    serde_json::from_str(include_str!("../../resolver/settings.schema.json")).unwrap()
}

/// Every property of an object and of the objects in it, as `peers.autoInstallPeers`.
fn paths(value: &Value, properties: fn(&Value) -> Option<&serde_json::Map<String, Value>>) -> Vec<String> {
    let Some(map) = properties(value) else { return Vec::new() };
    let below = |(name, inner): (&String, &Value)| {
        let inner = paths(inner, properties).into_iter().map(|path| format!("{name}.{path}"));
        std::iter::once(name.clone()).chain(inner).collect::<Vec<_>>()
    };
    let mut all: Vec<String> = map.iter().flat_map(below).collect();
    all.sort();
    all
}

#[test]
fn the_schema_names_the_same_fields_as_the_type() {
    let mut settings = Settings::default();
    settings.layout.global_virtual_store = Some(GlobalVirtualStore::default());
    // What is empty is not written; the names of files are nobody's fields.
    settings.lockfile.branches.insert("file".to_owned(), String::new());
    let settings = serde_json::to_value(settings).unwrap();
    let mut ours = paths(&settings, |value| value.as_object());
    ours.retain(|path| path != "lockfile.branches.file");
    let theirs = paths(&schema(), |value| value.get("properties")?.as_object());
    assert_eq!(ours, theirs);
}

#[test]
fn every_field_of_the_schema_is_described() {
    fn undescribed(value: &Value, at: &str, found: &mut Vec<String>) {
        for (name, inner) in value.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let path = format!("{at}.{name}");
            if inner.get("description").and_then(Value::as_str).is_none_or(str::is_empty) {
                found.push(path.clone());
            }
            undescribed(inner, &path, found);
        }
    }
    let mut found = Vec::new();
    undescribed(&schema(), "", &mut found);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn an_empty_object_has_all_defaults_and_an_unknown_field_is_refused() {
    assert_eq!(serde_json::from_value::<Settings>(json!({})).unwrap(), Settings::default());
    assert!(serde_json::from_value::<Settings>(json!({ "peers": { "autoInstallPeer": true } })).is_err());
}
