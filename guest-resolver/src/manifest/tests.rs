use super::{Bundled, Manifest};

fn read(json: &str) -> Manifest {
    Manifest::parse(json.as_bytes()).expect("an object")
}

#[test]
fn values_of_the_wrong_shape_count_as_absent() {
    let manifest = read(
        r#"{"name": 7, "version": {"a": [1]}, "dependencies": [], "optionalDependencies": "x", "bin": 42,
            "peerDependencies": {"a": 1, "b": "2"}, "peerDependenciesMeta": {"a": true, "b": {"optional": 1}},
            "engines": null, "os": false, "dist": [], "deprecated": false, "bundledDependencies": {}}"#,
    );
    assert_eq!(manifest.name, None);
    assert_eq!(manifest.version, None);
    assert!(manifest.dependencies.is_empty() && manifest.optional_dependencies.is_empty() && !manifest.has_bin);
    assert_eq!(manifest.peer_dependencies.keys().collect::<Vec<_>>(), ["b"]);
    assert!(manifest.optional_peers.is_empty() && manifest.deprecated.is_none() && manifest.bundled.is_none());
}

#[test]
fn of_a_name_that_comes_twice_the_last_counts() {
    assert_eq!(read(r#"{"dependencies": {"a": "1", "a": "2"}}"#).dependencies["a"], "2");
}

#[test]
fn deep_nesting_in_a_field_that_nobody_needs_is_skipped() {
    let deep = format!(r#"{{"name": "a", "x": {}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(read(&deep).name.as_deref(), Some("a"));
}

#[test]
fn both_spellings_of_bundled_dependencies_are_read() {
    assert_eq!(read(r#"{"bundleDependencies": ["a"]}"#).bundled, Some(Bundled::Names(vec!["a".into()])));
    assert!(read(r#"{"bundledDependencies": true, "dependencies": {"a": "1"}}"#).bundles("a"));
}

#[test]
fn text_that_is_no_object_is_an_error() {
    assert!(Manifest::parse(b"[]").is_err() && Manifest::parse(b"{").is_err());
}
