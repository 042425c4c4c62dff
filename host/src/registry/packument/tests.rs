use serde_json::{Value, json};
use wit::PackageName;

use super::*;

fn packed(text: &str, full: bool) -> Result<Packed, PackumentError> {
    read(text.as_bytes(), &PackageName::parse("a").unwrap(), full)
}

fn manifest(packed: &Packed, version: &str) -> Value {
    let (start, length) = packed.index.span(packed.index.line(version).unwrap()).unwrap();
    serde_json::from_slice(&packed.body[start as usize..][..length as usize]).unwrap()
}

#[test]
fn a_full_packument_is_cut_down_to_what_resolution_reads() {
    let text = json!({
        "name": "a",
        "dist-tags": {"latest": "1.0.0", "next": "2.0.0-rc.1"},
        "time": {"created": "c", "modified": "m", "1.0.0": "t1"},
        "readme": "x",
        "versions": {
            "1.0.0": {
                "name": "a", "version": "1.0.0", "description": "no", "dependencies": {"b": "^1.0.0"},
                "scripts": {"postinstall": "node x"}, "deprecated": "old",
                "dist": {"tarball": "http://registry.example/a.tgz", "integrity": "sha512-x", "signatures": [1],
                         "attestations": {"provenance": {}}},
                "_npmUser": {"trustedPublisher": {"id": "github"}}
            },
            "2.0.0-rc.1": {"name": "a", "version": "2.0.0-rc.1", "deprecated": "", "dist": {}}
        }
    });
    let packed = packed(&text.to_string(), true).unwrap();
    let index = &packed.index;
    assert_eq!(index.versions, "1.0.0\n2.0.0-rc.1");
    assert_eq!(index.times.as_deref(), Some("t1\n"));
    assert_eq!(index.modified.as_deref(), Some("m"));
    assert_eq!(index.dist_tags[1], ("next".to_owned(), "2.0.0-rc.1".to_owned()));
    assert_eq!((&index.deprecated[..], index.trust.as_deref()), (&[0][..], Some(&[2, 0][..])));
    assert_eq!(
        manifest(&packed, "1.0.0"),
        json!({
            "name": "a", "version": "1.0.0", "dependencies": {"b": "^1.0.0"}, "deprecated": "old",
            "hasInstallScript": true,
            "dist": {"integrity": "sha512-x", "tarball": "http://registry.example/a.tgz"}
        })
    );
    assert_eq!(index.likely(Some("2.0.0-rc.1")), Some(("2.0.0-rc.1", 1)));
    assert_eq!(index.likely(None), Some(("1.0.0", 0)));
}

#[test]
fn the_manifest_that_is_sent_along_is_the_one_that_is_probably_picked() {
    let versions: Vec<String> =
        ["1.2.0", "2.9.0", "2.10.0", "2.9.1", "2.11.0-rc.1", "20.0.0"].map(|it| format!(r#""{it}": {{}}"#)).into();
    let text =
        |latest: &str| format!(r#"{{"dist-tags": {{"latest": "{latest}"}}, "versions": {{{}}}}}"#, versions.join(","));
    let likely = |latest: &str, wanted| {
        packed(&text(latest), false).unwrap().index.likely(wanted).map(|(version, line)| (version.to_owned(), line))
    };
    let found = |version: &str, line| Some((version.to_owned(), line));
    assert_eq!(likely("20.0.0", None), found("20.0.0", 5));
    assert_eq!(likely("20.0.0", Some("2.")), found("2.10.0", 2));
    assert_eq!(likely("20.0.0", Some("2.9.")), found("2.9.1", 3));
    assert_eq!(likely("2.9.0", Some("2.")), found("2.9.0", 1));
    assert_eq!(likely("20.0.0", Some("3.")), found("20.0.0", 5));
    assert_eq!(likely("20.0.0", Some("2.11.0-rc.1")), found("2.11.0-rc.1", 4));
    assert_eq!(likely("4.0.0", Some("4.0.0")), found("20.0.0", 5));
}

#[test]
fn junk_versions_and_impostors_are_left_out() {
    let text = r#"{"versions": {"junk": {}, "99999999999999999999.0.0": {}, "1.0.0": {"name": "evil"},
        "1.0.1": {"version": "3.0.0"}, "1.0.2": [], "1.0.3": {"name": "a", "version": "1.0.3"}, "__proto__": {}}}"#;
    assert_eq!(packed(text, false).unwrap().index.versions, "1.0.3");
}

#[test]
fn the_last_of_duplicate_keys_wins() {
    let text = r#"{"versions": {"9.0.0": {}}, "versions": {"1.0.0": {"bin": "x"}, "1.0.0": {"bin": "y"}}}"#;
    let packed = packed(text, false).unwrap();
    assert_eq!(packed.index.versions, "1.0.0");
    assert_eq!(manifest(&packed, "1.0.0"), json!({"bin": "y"}));
}

#[test]
fn what_is_no_packument_of_this_package_is_refused() {
    assert!(matches!(packed("<!doctype html>", false), Err(PackumentError::Html)));
    assert!(matches!(packed(r#"{"name":"b","versions":{}}"#, false), Err(PackumentError::OtherName(_))));
    for bad in ["", "[]", "{", r#"{"versions":{"#, r#"{"versions":[]}"#, "{}", r#"{"versions":{}} x"#] {
        assert!(matches!(packed(bad, false), Err(PackumentError::Malformed(_))), "{bad:?}");
    }
}

#[test]
fn a_version_is_found_by_its_whole_line() {
    let index = Index { versions: "1.0.0\n11.0.0\n1.0.0-rc\n1.0.1".to_owned(), ..Index::default() };
    assert_eq!(index.line("1.0.1"), Some(3));
    assert_eq!(index.line("1.0.0-rc"), Some(2));
    assert_eq!((index.line("1.0"), index.line(""), index.line("1.0.0\n11.0.0")), (None, None, None));
}
