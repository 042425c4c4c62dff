use std::sync::{Arc, Mutex};

use super::*;
use crate::registry::mirror_file;

const PACKUMENT: &str = r#"{ "name": "@s/a", "versions": {
    "1.0.0": { "dist": { "tarball": "https://registry.example/npm/@s/a/-/odd-name-1.0.0.tgz", "shasum": "x" } },
    "2.0.0": { "dist": { "tarball": "https://elsewhere.example/download/7" } },
    "3.0.0": {}
} }"#;

#[test]
fn tarballs_are_asked_for_where_the_mirror_is_served() {
    let document: Value = serde_json::from_slice(&local(PACKUMENT.as_bytes()).unwrap()).unwrap();
    let dist = |version: &str| document["versions"][version]["dist"].clone();
    assert_eq!(dist("1.0.0"), json!({ "tarball": "@BASE@/@s/a/-/odd-name-1.0.0.tgz", "shasum": "x" }));
    assert_eq!(dist("2.0.0")["tarball"], json!("@BASE@/@s/a/-/a-2.0.0.tgz"));
    assert!(local(b"<html>").is_err());
}

#[test]
fn what_was_recorded_is_not_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    let fetch: Fetch = Box::new(move |address, detail| {
        seen.lock().unwrap().push((address.to_owned(), detail));
        Some(PACKUMENT.as_bytes().to_vec())
    });
    let upstream = Upstream::new("https://registry.example/npm", fetch);
    let file = mirror_file(folder.path(), "@s/a", false);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let recorded = upstream.record("@s/a", &file, false, false).unwrap();
    assert_eq!(fs::read(&file).unwrap(), recorded);
    let expected = ("https://registry.example/npm/@s%2fa".to_owned(), Some(Detail::Abbreviated));
    assert_eq!(*asked.lock().unwrap(), [expected]);
    let names: Vec<_> = fs::read_dir(file.parent().unwrap()).unwrap().collect();
    assert_eq!(names.len(), 1, "no staged file is left");
}

#[test]
fn what_a_registry_does_not_have_is_not_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::new("https://registry.example/", Box::new(|_, _| None));
    let file = folder.path().join("a");
    assert!(upstream.record("a/-/a-1.0.0.tgz", &file, true, false).is_none());
    assert!(!file.exists());
}
