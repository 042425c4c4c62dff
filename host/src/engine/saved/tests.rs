//! Manifests and catalogs that no sound component asks to be written: each is refused before a file is touched.

use super::*;
use crate::{
    engine::{Addition, Intent},
    platform::Platform,
};

const OLD: &str = r#"{"name":"x","scripts":{"test":"true"},"dependencies":{"a":"^1.0.0","odd":"two\nlines"}}"#;

fn id(text: &str) -> ImporterId {
    ImporterId::parse(text).unwrap()
}

fn project(intent: Intent) -> Project {
    Project {
        importers: [".", "other"].map(|at| (id(at), OLD.to_owned())).to_vec(),
        lockfile: None,
        settings: wit::settings::Settings::default(),
        platform: Platform { os: "linux".to_owned(), cpu: "x64".to_owned(), libc: None, node: None },
        intent,
    }
}

fn outcome(manifests: &[(&str, &str)], catalogs: &[[&str; 3]]) -> wire::Outcome {
    let manifest = |(id, text): &(&str, &str)| wire::Importer { id: (*id).to_owned(), manifest: (*text).to_owned() };
    let entry = |[catalog, alias, specifier]: &[&str; 3]| wire::CatalogEntry {
        catalog: (*catalog).to_owned(),
        alias: (*alias).to_owned(),
        specifier: (*specifier).to_owned(),
    };
    wire::Outcome {
        lockfile: None,
        current_lockfile: None,
        notices: Vec::new(),
        manifests: manifests.iter().map(manifest).collect(),
        catalogs: catalogs.iter().map(entry).collect(),
    }
}

/// What `add` in the first of two projects may write.
fn added(manifests: &[(&str, &str)], catalogs: &[[&str; 3]]) -> Checked<Saved> {
    let project = project(Intent::Add(Addition::default()).about(vec![id(".")]));
    check(&project, &mut outcome(manifests, catalogs))
}

#[test]
fn other_dependencies_of_the_commands_project_are_written() {
    let new =
        OLD.replace("^1.0.0", "^2.0.0").replace("\"dependencies\"", r#""devDependencies":{"b":"1"},"dependencies""#);
    assert_eq!(added(&[(".", &new)], &[["default", "a", "^1.0.0"]]).map(|saved| saved.manifests.len()), Ok(1));
    assert_eq!(added(&[], &[]), Ok(Saved::default()));
    let said = OLD.replacen('{', r#"{"peerDependenciesMeta":{"a":{"optional":true}},"#, 1);
    assert_eq!(added(&[(".", &said)], &[]).map(|saved| saved.manifests.len()), Ok(1));
}

#[test]
fn hostile_manifests_are_refused() {
    let with = |from: &str, to: &str| OLD.replacen(from, to, 1);
    for (why, at, text) in [
        ("a project that the command is not about", "other", OLD.to_owned()),
        ("a project that is none", "nowhere", OLD.to_owned()),
        ("a folder outside", "../x", OLD.to_owned()),
        ("another script", ".", with("true", "rm -rf ~")),
        ("another name", ".", with("\"x\"", "\"y\"")),
        ("a field more", ".", with("{", r#"{"bin":"./a.js","#)),
        ("a field less", ".", with(r#""scripts":{"test":"true"},"#, "")),
        ("two lines", ".", with("^1.0.0", r"1\n2")),
        ("no text", ".", with(r#""^1.0.0""#, r#"{"a":"1"}"#)),
        ("a name that leads outside", ".", with(r#""a":"#, r#""../../a":"#)),
        ("a group that is no object", ".", with(r#"{"a":"^1.0.0","odd":"two\nlines"}"#, "[\"a\"]")),
        ("a group more that is none", ".", with("{", r#"{"devDependencies":null,"#)),
        ("what is said that is no object", ".", with("{", r#"{"peerDependenciesMeta":"x","#)),
        ("what is said that is no flag", ".", with("{", r#"{"dependenciesMeta":{"a":{"injected":"yes"}},"#)),
        ("what is said that is no entry", ".", with("{", r#"{"dependenciesMeta":{"a":true},"#)),
        (
            "what is said of what leads outside",
            ".",
            with("{", r#"{"peerDependenciesMeta":{"../a":{"optional":true}},"#),
        ),
        ("no object", ".", "[]".to_owned()),
        ("no JSON", ".", "{".to_owned()),
    ] {
        assert!(added(&[(at, &text)], &[]).is_err(), "{why}");
    }
    assert!(added(&[(".", OLD), (".", OLD)], &[]).is_err(), "twice");
}

#[test]
fn an_installation_writes_no_manifest_and_no_catalog() {
    let project = project(Intent::Install);
    assert!(check(&project, &mut outcome(&[(".", OLD)], &[])).is_err());
    assert!(check(&project, &mut outcome(&[], &[["default", "a", "1.0.0"]])).is_err());
}

#[test]
fn hostile_entries_of_catalogs_are_refused() {
    for entry in [
        ["default", "a", "1\nonlyBuiltDependencies: [b]"],
        ["one\ntwo", "a", "1"],
        ["", "a", "1"],
        ["default", "a", ""],
        ["default", "../a", "1"],
    ] {
        assert!(added(&[], &[entry]).is_err(), "{entry:?}");
    }
}
