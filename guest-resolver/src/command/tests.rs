//! Commands in a session: what they write, with facts that are known at once.

use wit::guest::exports::wasi_pm::resolver::resolution::{
    Addition, Answer, Importer, Intent, Metadata, Outcome, Project, Removal, Reply, Request, Update,
};
use wit::guest::wasi_pm::resolver::types::Platform;

use crate::session::Session;

/// One package, `a`, with these versions; the last one is `latest`.
fn metadata(versions: &[&str]) -> Answer {
    let manifest = |version: &&str| {
        let integrity = format!("sha512-{}==", "A".repeat(86));
        let text = format!(r#"{{"name":"a","version":"{version}","dist":{{"integrity":"{integrity}"}}}}"#);
        ((*version).to_owned(), text.into_bytes())
    };
    Answer::Metadata(Metadata {
        versions: versions.join("\n"),
        dist_tags: vec![("latest".to_owned(), versions[versions.len() - 1].to_owned())],
        times: None,
        modified: None,
        full: true,
        deprecated: Vec::new(),
        trust: None,
        manifests: versions.iter().map(manifest).collect(),
    })
}

fn run(manifest: &str, lockfile: Option<&str>, intent: Intent, versions: &[&str]) -> Result<Outcome, String> {
    let project = Project {
        importers: vec![Importer { id: ".".to_owned(), manifest: manifest.to_owned() }],
        lockfile: lockfile.map(str::to_owned),
        settings: r#"{"selection":{"lockfileOnly":true}}"#.to_owned(),
        platform: Platform { os: "linux".to_owned(), cpu: "x64".to_owned(), libc: None, node: None },
        intent,
    };
    let code = |failures: Vec<wit::guest::wasi_pm::resolver::types::Failure>| failures[0].code.clone();
    let mut session = Session::open(project).map_err(code)?;
    let mut replies = Vec::new();
    loop {
        let progress = session.advance(replies).map_err(code)?;
        if let Some(outcome) = progress.outcome {
            return Ok(outcome);
        }
        assert!(progress.layout.is_some() || !progress.requests.is_empty(), "it neither asks nor ends");
        let answer = |request: &Request| match request {
            Request::Metadata(asked) if asked.name == "a" => metadata(versions),
            other => panic!("{other:?}"),
        };
        replies = progress.requests.iter().map(|it| Reply { id: it.id, answer: answer(&it.request) }).collect();
    }
}

fn here() -> Vec<String> {
    vec![".".to_owned()]
}

fn add(packages: &[&str]) -> Intent {
    let packages = packages.iter().map(|&package| package.to_owned()).collect();
    Intent::Add(Addition { importers: here(), packages, groups: Vec::new(), workspace: false })
}

fn update() -> Update {
    let (selectors, groups) = (Vec::new(), Vec::new());
    Update { importers: here(), selectors, groups, latest: false, workspace: false, save: true, direct: false }
}

fn manifest(outcome: &Outcome) -> &str {
    outcome.manifests.first().map_or("", |importer| importer.manifest.as_str())
}

#[test]
fn what_is_added_is_found_written_and_locked() {
    let outcome = run("{}", None, add(&["a"]), &["1.0.0", "1.1.0"]).unwrap();
    assert_eq!(manifest(&outcome), r#"{"dependencies":{"a":"^1.1.0"}}"#);
    assert!(outcome.lockfile.unwrap().contains("specifier: ^1.1.0\n        version: 1.1.0\n"));
}

#[test]
fn a_version_that_was_found_is_locked_though_another_is_locked_already() {
    let before = r#"{"dependencies":{"a":">=1.0.0"}}"#;
    let lockfile = run(before, None, Intent::Install, &["1.0.0", "1.1.0"]).unwrap().lockfile.unwrap();
    let outcome = run(before, Some(&lockfile), add(&["a@~1.0"]), &["1.0.0", "1.1.0"]).unwrap();
    assert_eq!(manifest(&outcome), r#"{"dependencies":{"a":"~1.0.0"}}"#);
    assert!(outcome.lockfile.unwrap().contains("version: 1.0.0\n"));
}

#[test]
fn ranges_follow_an_update_and_stay_without_saving() {
    let before = r#"{"dependencies":{"a":"^1.0.0"}}"#;
    let lockfile = run(before, None, Intent::Install, &["1.0.0"]).unwrap().lockfile.unwrap();
    let versions = ["1.0.0", "1.1.0", "2.0.0"];
    let within = run(before, Some(&lockfile), Intent::Update(update()), &versions).unwrap();
    assert_eq!(manifest(&within), r#"{"dependencies":{"a":"^1.1.0"}}"#);
    let unsaved = Update { save: false, latest: true, ..update() };
    let unsaved = run(before, Some(&lockfile), Intent::Update(unsaved), &versions).unwrap();
    assert!(unsaved.manifests.is_empty());
    assert!(unsaved.lockfile.unwrap().contains("specifier: ^1.0.0\n        version: 1.1.0\n"));
    assert_eq!(unsaved.notices.len(), 1);
    let beyond = Intent::Update(Update { latest: true, ..update() });
    let beyond = run(before, Some(&lockfile), beyond, &versions).unwrap();
    assert_eq!(manifest(&beyond), r#"{"dependencies":{"a":"^2.0.0"}}"#);
}

#[test]
fn what_is_removed_needs_no_facts() {
    let before = r#"{"dependencies":{"a":"^1.0.0"}}"#;
    let lockfile = run(before, None, Intent::Install, &["1.0.0"]).unwrap().lockfile.unwrap();
    let removal = |name: &str| {
        Intent::Remove(Removal { importers: here(), names: vec![name.to_owned()], group: None, strict: true })
    };
    let outcome = run(before, Some(&lockfile), removal("a"), &[]).unwrap();
    assert_eq!(manifest(&outcome), "{}");
    assert!(!outcome.lockfile.unwrap().contains("a@1.0.0"));
    let refused = run(before, Some(&lockfile), removal("b"), &[]).unwrap_err();
    assert_eq!(refused, "ERR_PNPM_CANNOT_REMOVE_MISSING_DEPS");
}
