//! Lockfiles that somebody wrote with bad intent: each is refused with its code in every mode, before anything is
//! fetched or linked, and what stands stays.

use std::fs;

use serde_json::json;
use tests::{project::Project, registry::Registry};

use crate::support::{manifest, small, tree};

const GOOD: &str =
    "sha512-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==";
const BROKEN: &str = "ERR_PNPM_BROKEN_LOCKFILE";
const NAME: &str = "ERR_PNPM_INVALID_DEPENDENCY_NAME";
const MISSING: &str = "ERR_PNPM_LOCKFILE_MISSING_DEPENDENCY";
const INTEGRITY: &str = "ERR_PNPM_MISSING_TARBALL_INTEGRITY";
const SHAPE: &str = "ERR_PNPM_RESOLUTION_SHAPE_MISMATCH";
const OUTSIDE: &str = "ERR_WASI_PM_LOCKFILE_LINK_OUTSIDE";

/// An installed project, and what stands in its `node_modules`.
fn installed() -> (Registry, Project, Vec<String>) {
    let (registry, project) = small();
    project.run(&["install"]).ok();
    let standing = tree(&project.dir().join("node_modules"));
    drop(registry.seen());
    (registry, project, standing)
}

/// Expects a lockfile to be refused with a code, frozen or not.
fn refused(about: &str, code: &str, spoil: impl Fn(&str) -> String) {
    let (registry, project, standing) = installed();
    let good = project.read("pnpm-lock.yaml");
    let bad = spoil(&good);
    assert_ne!(bad, good, "{about}: nothing was spoilt");
    project.write("pnpm-lock.yaml", &bad);
    for arguments in [&["install", "--frozen-lockfile"][..], &["install"], &["install", "--no-prefer-frozen-lockfile"]]
    {
        let run = project.run(arguments);
        assert!(run.code == Some(1) && run.stderr.contains(&format!("[{code}]")), "{about}, {arguments:?}: {run:?}");
        assert!(run.stderr.lines().any(|line| line.starts_with("hint: ")), "{about}: no way out\n{}", run.stderr);
        assert_eq!(project.read("pnpm-lock.yaml"), bad, "{about}");
        assert_eq!(tree(&project.dir().join("node_modules")), standing, "{about}");
    }
    assert_eq!(registry.seen(), [], "{about}: something was fetched");
    assert!(!project.dir().parent().unwrap().join("evil").exists(), "{about}");
}

/// One more package, and one edge to it from `a`.
fn with_package(good: &str, key: &str, resolution: &str) -> String {
    good.replacen("packages:\n", &format!("packages:\n\n  {key}:\n    resolution: {resolution}\n"), 1).replacen(
        "snapshots:\n",
        &format!("snapshots:\n\n  {key}: {{}}\n"),
        1,
    )
}

#[test]
fn names_that_lead_out_of_their_folder() {
    let good = format!("{{integrity: {GOOD}}}");
    for key in ["../../evil@1.0.0", "'@../../evil@1.0.0'", "/evil@1.0.0", ".evil@1.0.0", "node_modules@1.0.0"] {
        refused(key, NAME, |text| with_package(text, key, &good));
    }
    for alias in ["../../evil", "/evil", "'@a/../../evil'", "a/b", ".bin", "'a\\b'", "node_modules"] {
        refused(alias, NAME, |text| {
            text.replacen("      b: 1.1.0\n", &format!("      b: 1.1.0\n      {alias}: b@1.1.0\n"), 1)
        });
        refused(alias, NAME, |text| {
            let more = format!("    dependencies:\n      {alias}:\n        specifier: '1'\n        version: b@1.1.0\n");
            text.replacen("    dependencies:\n", &more, 1)
        });
    }
}

#[test]
fn projects_outside_the_workspace() {
    for id in ["/evil", "a/../../evil", "'a\\evil'", "a//b"] {
        refused(id, BROKEN, |text| text.replacen("importers:\n", &format!("importers:\n\n  {id}: {{}}\n"), 1));
    }
}

#[test]
fn a_project_beside_the_workspace_that_no_manifest_stands_for_gets_nothing() {
    let (_registry, project, standing) = installed();
    let good = project.read("pnpm-lock.yaml");
    let more = "  ../evil:\n    dependencies:\n      b:\n        specifier: ^1.0.0\n        version: 1.1.0\n";
    project.write("pnpm-lock.yaml", &good.replacen("importers:\n", &format!("importers:\n\n{more}"), 1));
    let gets_nothing = || assert!(!project.dir().parent().unwrap().join("evil").exists());
    project.run(&["install", "--frozen-lockfile"]).ok(); // as where an image has a part of a workspace
    gets_nothing();
    project.run(&["install"]).ok();
    gets_nothing();
    assert_eq!(project.read("pnpm-lock.yaml"), good);
    assert_eq!(tree(&project.dir().join("node_modules")), standing);
}

#[test]
fn links_that_no_manifest_asks_for() {
    for target in ["link:../../evil", "link:/etc"] {
        refused(target, OUTSIDE, |text| text.replacen("      b: 1.1.0\n", &format!("      b: {target}\n"), 1));
        refused(target, OUTSIDE, |text| text.replacen("version: 1.0.0", &format!("version: {target}"), 1));
    }
}

#[test]
fn edges_and_packages_that_are_not_there() {
    refused("an edge", MISSING, |text| text.replacen("      b: 1.1.0\n", "      b: 9.9.9\n", 1));
    refused("a direct edge", MISSING, |text| text.replacen("version: 1.0.0", "version: 9.9.9", 1));
    refused("a snapshot without its package", MISSING, |text| {
        text.replacen("snapshots:\n", "snapshots:\n\n  evil@1.0.0: {}\n", 1)
    });
    refused("no packages", MISSING, |text| {
        let (head, rest) = text.split_once("packages:\n").unwrap();
        format!("{head}{}", &rest[rest.find("snapshots:").unwrap()..])
    });
}

#[test]
fn bytes_that_nobody_vouches_for() {
    let without = |resolution: &'static str| {
        move |text: &str| {
            let at = text.find("{integrity: ").unwrap();
            let end = text[at..].find('}').unwrap() + at + 1;
            format!("{}{resolution}{}", &text[..at], &text[end..])
        }
    };
    refused("no integrity", INTEGRITY, without("{tarball: http://evil.example/a.tgz}"));
    refused("an empty one", INTEGRITY, without("{integrity: ''}"));
    refused("a weak one", INTEGRITY, without("{integrity: md5-AAAA}"));
    refused("a short one", INTEGRITY, without("{integrity: sha512-AAAA}"));
    refused("one with a path", INTEGRITY, without("{integrity: sha512-../../../../evil}"));
    refused("a folder", SHAPE, without("{directory: ../../evil, type: directory}"));
    refused("a repository", SHAPE, without("{commit: --upload-pack=evil, repo: ext::evil, type: git}"));
    let repository = "{commit: --upload-pack=evil, repo: https://git.example/x.git, type: git}";
    refused("a commit", SHAPE, |text| with_package(text, "evil@https://git.example/x.git#0", repository));
    let folder = "{directory: ../../evil, type: directory}";
    refused("another folder", SHAPE, |text| with_package(text, "evil@file:evil", folder));
}

#[test]
fn texts_of_the_wrong_shape() {
    refused("a list", BROKEN, |_| "- a\n".to_owned());
    refused("nothing but a word", BROKEN, |_| "evil\n".to_owned());
    refused("importers that are a list", BROKEN, |text| text.replacen("importers:\n\n  .:", "importers:\n\n  - .:", 1));
    refused("a version that is a map", BROKEN, |text| text.replacen("version: 1.0.0", "version: {evil: 1}", 1));
    refused("a number too large", BROKEN, |text| {
        let huge = format!("settings:\n  peersSuffixMaxLength: 1{}\n", "0".repeat(400));
        text.replacen("settings:\n", &huge, 1)
    });
    refused("a key twice", BROKEN, |text| text.replacen("snapshots:\n", "snapshots: {}\n\nsnapshots:\n", 1));
    refused("a NUL", BROKEN, |text| text.replacen("version: 1.0.0", "version: 1.0.0\0", 1));
    refused("deep lists", BROKEN, |text| format!("{text}\nevil: {}{}\n", "[".repeat(20_000), "]".repeat(20_000)));
    refused("deep maps", BROKEN, |text| {
        let deep: String = (0..2_000).map(|depth| format!("{}x:\n", " ".repeat(depth + 2))).collect();
        format!("{text}\nevil:\n{deep}")
    });
    refused("references that multiply", BROKEN, |text| {
        let next = |line: u32| format!("  x{line}: &x{line} [{}]\n", vec![format!("*x{}", line - 1); 10].join(", "));
        let lines: String = (1..12).map(next).collect();
        format!("{text}\nevil:\n  x0: &x0 [lol, lol, lol]\n{lines}")
    });
    refused("another version", "ERR_PNPM_LOCKFILE_BREAKING_CHANGE", |text| text.replacen("'9.0'", "'99.0'", 1));
}

#[test]
fn a_tarball_of_another_host_is_refused_each_time_and_a_good_verdict_is_for_these_bytes_alone() {
    let (_registry, project, standing) = installed();
    let good = project.read("pnpm-lock.yaml");
    let verdicts = || fs::read_dir(project.cache().join("v1/verified")).map_or(0, Iterator::count);
    let before = verdicts();
    let at = good.find("b@1.1.0:\n").unwrap();
    let end = good[at..].find('}').unwrap() + at;
    project.write("pnpm-lock.yaml", &format!("{}, tarball: http://evil.example/b.tgz{}", &good[..end], &good[end..]));
    for _ in 0..2 {
        project.run(&["install", "--frozen-lockfile"]).fails_with("ERR_PNPM_TARBALL_URL_MISMATCH");
        assert_eq!(verdicts(), before, "a refusal was remembered as a pass");
    }
    assert_eq!(tree(&project.dir().join("node_modules")), standing);
    project.write("pnpm-lock.yaml", &good);
    manifest(&project, &json!({ "a": "^1.0.0" }));
    project.run(&["install", "--frozen-lockfile"]).ok();
}
