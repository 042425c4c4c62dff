//! Manifests, whole and broken.

use std::fs;

use super::read;
use crate::{
    config::{ConfigError, Manifest},
    diagnostic::Diagnose,
};

fn manifest(text: &[u8]) -> Result<Option<Manifest>, ConfigError> {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("package.json"), text).expect("a file");
    read(folder.path())
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    let manifest = manifest("\u{feff}{\"name\":\"x\",\"version\":7}".as_bytes()).expect("valid").expect("present");
    assert_eq!(
        (&*manifest.text, manifest.name.as_deref(), manifest.version),
        ("{\"name\":\"x\",\"version\":7}", Some("x"), None)
    );
}

#[test]
fn a_broken_manifest_names_line_and_column() {
    let error = manifest(b"{\n  \"a\": 1,\n}").expect_err("a comma too many");
    assert_eq!(error.code(), "ERR_PNPM_JSON_PARSE");
    assert!(error.to_string().contains("package.json:3:1 is not valid JSON: trailing comma"), "{error}");
}

#[test]
fn what_is_no_manifest_is_an_error_and_never_a_crash() {
    let deep = "[".repeat(200_000);
    let deep_value = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
    for text in ["", "[]", "42", "null", "{", &deep, &deep_value, "{\"a\":\u{0}}"] {
        assert!(manifest(text.as_bytes()).is_err(), "{:.20}", text);
    }
    assert!(manifest(&[0xff, 0xfe, 0x00]).is_err());
    assert_eq!(manifest(&vec![b' '; 9 << 20]).expect_err("too large").code(), "ERR_WASI_PM_TOO_LARGE");
}

#[test]
fn no_manifest_is_told_from_a_broken_one() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(read(folder.path()).expect("readable").is_none());
    fs::write(folder.path().join("package.yaml"), "").expect("a file");
    assert!(super::missing(folder.path()).hint().expect("a hint").contains("package.yaml"));
}

#[test]
fn what_a_project_asks_for_is_text() {
    for field in ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"] {
        for bad in ["1", "null", "{}", "[\"1\"]", "true", "1.5"] {
            let text = format!("{{\"{field}\": {{\"b\": \"1\", \"a\": {bad}}}}}");
            let error = manifest(text.as_bytes()).expect_err(&text);
            assert_eq!(error.code(), "ERR_PNPM_PACKAGE_MANIFEST_INVALID_ATTRIBUTE");
            let said = format!("dependency \"a\" in {field} must have a string specifier");
            assert!(error.to_string().ends_with(&said), "{error}");
        }
        for none in ["1", "null", "[1]", "true", "\"x\"", "1.5", "-1", "{}", "{\"a\": 1, \"a\": \"1\"}"] {
            let text = format!("{{\"{field}\": {none}}}");
            assert!(manifest(text.as_bytes()).is_ok(), "{text}");
        }
    }
}
