use super::*;
use serde_json::json;

fn extensions() -> IndexMap<String, PackageExtension> {
    serde_json::from_value(json!({"is-odd@3": {"peerDependencies": {"debug": "*"}}})).unwrap()
}

fn extended(manifest: Value) -> Value {
    let mut manifest = manifest.as_object().unwrap().clone();
    extend(&extensions(), &mut manifest);
    Value::Object(manifest)
}

#[test]
fn only_missing_entries_of_the_selected_package_are_added() {
    let added = extended(json!({"name": "is-odd", "version": "3.0.1"}));
    assert_eq!(added["peerDependencies"], json!({"debug": "*"}));
    let kept = json!({"name": "is-odd", "version": "3.0.1", "peerDependencies": {"debug": "^4"}});
    assert_eq!(extended(kept.clone()), kept);
    for other in [json!({"name": "is-odd", "version": "2.0.0"}), json!({"name": "is-odder", "version": "3.0.0"})] {
        assert_eq!(extended(other.clone()), other);
    }
}

#[test]
fn the_checksum_is_the_one_pnpm_writes() {
    // Written by pnpm 12.21 for these extensions.
    assert_eq!(checksum(&extensions()).as_deref(), Some("sha256-EU9F6GSmXW/eoLKB2yFkgLdzB5CAX6OlTK/0Ds47VZk="));
    assert_eq!(checksum(&IndexMap::new()), None);
}

#[test]
fn ignored_optional_dependencies_are_dropped() {
    let manifest = json!({"dependencies": {"a": "1", "b": "1"}, "optionalDependencies": {"a": "1", "c": "1"}});
    let mut manifest = manifest.as_object().unwrap().clone();
    drop_optional(&["a*".to_owned()], &mut manifest);
    assert_eq!(Value::Object(manifest), json!({"dependencies": {"b": "1"}, "optionalDependencies": {"c": "1"}}));
}
