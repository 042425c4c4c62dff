use super::*;
use serde_json::json;

fn extensions() -> IndexMap<String, PackageExtension> {
    serde_json::from_value(json!({"is-odd@3": {"peerDependencies": {"debug": "*"}}})).unwrap()
}

fn extended(manifest: Value) -> Value {
    let Value::Object(mut manifest) = manifest else { panic!("no object") };
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

fn rules() -> VersionRules {
    serde_json::from_value(json!({"packageExtensions": {"ws@<7": {
        "peerDependencies": {"bufferutil": "1", "own": "1"}
    }}}))
    .unwrap()
}

fn applied(rules: &VersionRules, manifest: Value) -> Value {
    let Value::Object(mut manifest) = manifest else { panic!("no object") };
    apply_all(rules, &mut manifest);
    Value::Object(manifest)
}

#[test]
fn built_in_extensions_come_before_the_users_and_replace_nothing() {
    let manifest = json!({
        "name": "ws", "version": "6.0.0",
        "peerDependencies": {"utf-8-validate": "*"},
        "peerDependenciesMeta": {"utf-8-validate": {"optional": false}}
    });
    let extended = applied(&rules(), manifest);
    assert_eq!(
        extended["peerDependencies"],
        json!({"utf-8-validate": "*", "bufferutil": "^4.0.1", "own": "1"}),
        "the manifest wins over the built-in extension, that over the user's"
    );
    assert_eq!(
        extended["peerDependenciesMeta"],
        json!({"utf-8-validate": {"optional": false}, "bufferutil": {"optional": true}})
    );
}

#[test]
fn built_in_extensions_can_be_switched_off() {
    let rules = VersionRules { ignore_compatibility_db: true, ..VersionRules::default() };
    let manifest = json!({"name": "ws", "version": "6.0.0"});
    assert_eq!(applied(&rules, manifest.clone()), manifest);
    assert!(!concern(&rules, "ws", "6.0.0"));
}

#[test]
fn a_group_of_the_wrong_shape_counts_as_absent() {
    let manifest = json!({"name": "terser", "version": "5.10.0", "dependencies": []});
    assert_eq!(applied(&rules(), manifest)["dependencies"], json!({"acorn": "^8.5.0"}));
}

#[test]
fn concern_tells_what_would_be_changed() {
    for (name, version) in [("ws", "6.0.0"), ("ws", "7.0.0"), ("ws", "8.0.0"), ("ws", ""), ("is-odd", "3.0.1")] {
        let manifest = json!({"name": name, "version": version});
        assert_eq!(
            concern(&rules(), name, version),
            applied(&rules(), manifest.clone()) != manifest,
            "{name} {version}"
        );
    }
    assert!(concern(&rules(), "ws", "7.0.0") && !concern(&rules(), "ws", "8.0.0"));
}
