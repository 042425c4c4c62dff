//! The flags of `install`, each seen to do what it says.

use std::fs;

use serde_json::json;

use crate::support::{manifest, node, small, tree};

#[test]
fn lockfile_only_writes_the_lockfile_and_nothing_else() {
    let (registry, project) = small();
    project.run(&["install", "--lockfile-only"]).ok();
    assert!(project.has("pnpm-lock.yaml"));
    assert!(!project.has("node_modules"));
    assert!(registry.seen().iter().all(|seen| !seen.path.contains(".tgz")), "a tarball was fetched for nothing");
}

#[test]
fn a_dry_run_shows_the_plan_and_changes_nothing() {
    let (_registry, project) = small();
    let run = project.run(&["install", "--dry-run"]);
    assert!(run.ok().stdout.contains("+ a 1.0.0"), "{run:?}");
    assert!(!project.has("node_modules"));
    assert!(!project.has("pnpm-lock.yaml"));
}

#[test]
fn offline_works_from_a_warm_store_and_names_what_is_missing_otherwise() {
    let (registry, project) = small();
    project.run(&["install", "--offline"]).fails_with("ERR_PNPM_NO_OFFLINE_META");
    project.run(&["install"]).ok();
    for gone in ["node_modules", "pnpm-lock.yaml"] {
        let path = project.dir().join(gone);
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }
    let _ = registry.seen();
    project.run(&["install", "--offline"]).ok();
    assert_eq!(registry.seen(), []);
    assert_eq!(node(&project, "console.log(require('a'))"), "b@1.1.0");
}

#[test]
fn offline_with_a_lockfile_and_an_empty_store_names_the_tarball() {
    let (_registry, project) = small();
    project.run(&["install", "--lockfile-only"]).ok();
    let run = project.run(&["install", "--offline", "--frozen-lockfile"]);
    run.fails_with("ERR_PNPM_NO_OFFLINE_TARBALL");
    assert!(run.stderr.contains("a@1.0.0") || run.stderr.contains("b@1.1.0"), "{run:?}");
}

#[test]
fn groups_can_be_left_out() {
    let (_registry, project) = small();
    project.write("package.json", r#"{"name":"p","dependencies":{"a":"2"},"devDependencies":{"b":"1.0.0"}}"#);
    project.run(&["install", "--prod"]).ok();
    assert!(project.has("node_modules/a") && !project.has("node_modules/b"));
    project.run(&["install", "--dev"]).ok();
    assert!(!project.has("node_modules/a") && project.has("node_modules/b"));
    project.run(&["install"]).ok();
    assert!(project.has("node_modules/a") && project.has("node_modules/b"));
}

#[test]
fn a_frozen_install_needs_a_lockfile_that_fits() {
    let (_registry, project) = small();
    project.run(&["install", "--frozen-lockfile"]).fails_with("ERR_PNPM_NO_LOCKFILE");
    project.run(&["install"]).ok();
    project.run(&["ci"]).ok();
    manifest(&project, &json!({ "a": "^2.0.0" }));
    let run = project.run(&["install", "--frozen-lockfile"]);
    run.fails_with("ERR_PNPM_OUTDATED_LOCKFILE");
    assert!(run.stderr.contains("^2.0.0"), "{run:?}");
}

#[test]
fn in_ci_a_lockfile_is_frozen_unless_told_otherwise() {
    let (_registry, project) = small();
    project.run(&["install"]).ok();
    manifest(&project, &json!({ "a": "^2.0.0" }));
    let mut command = project.command(&["install"]);
    let run: tests::project::Run = command.env("CI", "true").output().unwrap().into();
    run.fails_with("ERR_PNPM_OUTDATED_LOCKFILE");
    let mut command = project.command(&["install", "--no-frozen-lockfile"]);
    let run: tests::project::Run = command.env("CI", "true").output().unwrap().into();
    run.ok();
}

#[test]
fn force_builds_the_tree_anew() {
    let (_registry, project) = small();
    project.run(&["install"]).ok();
    let before = tree(&project.dir().join("node_modules"));
    fs::remove_file(project.dir().join("node_modules/.pnpm/b@1.1.0/node_modules/b/index.js")).unwrap();
    project.run(&["install", "--force"]).ok();
    assert_eq!(tree(&project.dir().join("node_modules")), before);
}

#[test]
fn force_removes_what_nobody_wants_any_more() {
    let (_registry, project) = small();
    project.run(&["install"]).ok();
    assert!(project.dir().join("node_modules/.bin/a").exists());
    project.write("package.json", r#"{ "dependencies": { "b": "1.1.0" } }"#);
    let run = project.run(&["install", "--force"]);
    assert!(run.ok().stdout.contains("- a 1"), "{run:?}");
    let left = |path: &str| fs::symlink_metadata(project.dir().join("node_modules").join(path)).is_ok();
    assert!(!left("a") && !left(".bin/a") && left("b"));
}

#[test]
fn ndjson_events_come_in_pnpms_order() {
    let (_registry, project) = small();
    let run = project.run(&["install", "--reporter=ndjson"]);
    run.ok();
    assert_eq!(run.stdout, "");
    let names: Vec<String> = run
        .stderr
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .map(|event| {
            let more = event.get("stage").or(event.get("status")).and_then(|text| text.as_str());
            let name = event["name"].as_str().unwrap_or("?").to_owned();
            more.map_or(name.clone(), |more| format!("{name} {more}"))
        })
        .collect();
    let at = |wanted: &str| {
        names.iter().position(|name| name == wanted).unwrap_or_else(|| panic!("no {wanted}: {names:#?}"))
    };
    let order = [
        "pnpm:scope",
        "pnpm:package-manifest",
        "pnpm:context",
        "pnpm:stage importing_started",
        "pnpm:stage resolution_started",
        "pnpm:progress fetched",
        "pnpm:stage resolution_done",
        "pnpm:stats",
        "pnpm:progress resolved",
        "pnpm:progress imported",
        "pnpm:root",
        "pnpm:stage importing_done",
        "pnpm:ignored-scripts",
        "pnpm:summary",
        "pnpm:execution-time",
    ];
    let positions: Vec<usize> = order.iter().map(|name| at(name)).collect();
    let in_order = positions.iter().zip(&positions[1..]).filter(|(a, b)| a > b).count();
    assert!(in_order <= 1, "{names:#?}"); // the last download may end after the resolution
}

#[test]
fn timings_make_a_page() {
    let (_registry, project) = small();
    project.run(&["install", "--timings"]).ok();
    let pages: Vec<_> = fs::read_dir(project.dir())
        .unwrap()
        .filter_map(|entry| entry.ok())
        .filter(|entry| entry.path().extension().is_some_and(|ending| ending == "html"))
        .collect();
    assert_eq!(pages.len(), 1);
    let page = fs::read_to_string(pages[0].path()).unwrap();
    assert!(page.contains("a@1.0.0") && page.contains("<svg"));
}

#[test]
fn the_store_can_be_asked_checked_and_pruned() {
    let (_registry, project) = small();
    project.run(&["install"]).ok();
    let path = project.run(&["store", "path"]).ok().stdout.trim().to_owned();
    assert_eq!(std::path::Path::new(&path), project.store().join("v1"));
    project.run(&["store", "status"]).ok();
    let index = project.dir().join("node_modules/.pnpm/b@1.1.0/node_modules/b/index.js");
    fs::write(&index, "spoiled in place").unwrap();
    let run = project.run(&["store", "status"]);
    assert_eq!(run.code, Some(1));
    assert!((run.stdout.clone() + &run.stderr).contains("b@1.1.0"), "{run:?}");
    project.run(&["store", "prune"]).ok();
}

#[test]
fn a_lockfile_that_has_passed_the_policies_is_not_asked_about_again() {
    let (registry, project) = small();
    registry.max_age(0);
    project.run(&["install"]).ok();
    let restore = |policy: &str| {
        fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
        drop(registry.seen());
        project.run(&["install", "--frozen-lockfile", policy]).ok();
        registry.seen().len()
    };
    assert_eq!(restore("--config.trustPolicy=off"), 0, "no policy asks for anything");
    assert!(restore("--config.trustPolicy=no-downgrade") > 0, "it was not verified");
    assert_eq!(restore("--config.trustPolicy=no-downgrade"), 0, "the verdict is forgotten");
}
