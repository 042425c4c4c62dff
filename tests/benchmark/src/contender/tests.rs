use serde_json::{Map, json};

use super::*;
use crate::scenario::SCENARIOS;

fn scenario(name: &str) -> Scenario {
    SCENARIOS.into_iter().find(|scenario| scenario.name == name).unwrap()
}

#[test]
fn a_cold_run_that_asks_for_fewer_tarballs_than_are_needed_did_not_do_its_work() {
    let cold = scenario("restore cold/cold");
    assert!(check_requests(&cold, (0, 10), 10).is_ok());
    assert!(check_requests(&cold, (0, 12), 10).is_ok(), "some are fetched before they turn out not to be needed");
    assert!(check_requests(&cold, (0, 9), 10).is_err());
}

#[test]
fn a_run_that_asks_for_most_tarballs_had_no_hot_store() {
    for name in ["repeat", "add one dependency", "restore hot/hot", "install cold metadata, hot store"] {
        assert!(check_requests(&scenario(name), (5, 4), 10).is_ok(), "{name}");
        assert!(check_requests(&scenario(name), (5, 5), 10).is_err(), "{name}");
    }
}

#[test]
fn metadata_that_was_moved_away_is_asked_for() {
    for name in ["install cold metadata, hot store", "install cold/cold"] {
        assert!(check_requests(&scenario(name), (0, 10), 10).is_err(), "{name}");
    }
    assert!(check_requests(&scenario("install hot/hot"), (0, 0), 10).is_ok());
}

fn contender(folder: &Path) -> Contender {
    let dependency = |name: &str| json!({ "dependencies": { name: "1" } });
    let fixture = Fixture {
        name: "x".into(),
        projects: vec![(".".into(), dependency("a")), ("p".into(), dependency("@s/b"))],
        settings: Map::new(),
    };
    let registry = Registry::start(None).unwrap();
    Contender::new("bun", &std::env::current_exe().unwrap(), folder, &fixture, &registry).unwrap()
}

fn put(folder: &Path, package: &str) {
    let package = folder.join("project").join(package);
    fs::create_dir_all(&package).unwrap();
    fs::write(package.join("package.json"), "{}").unwrap();
}

#[test]
fn every_dependency_of_every_project_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let contender = contender(folder.path());
    put(folder.path(), "node_modules/a");
    let missing = contender.check_tree().unwrap_err().to_string();
    assert_eq!(missing, "@s/b of p is not in node_modules");
    put(folder.path(), "p/node_modules/@s/b");
    assert!(contender.check_tree().is_ok());
}

#[test]
fn a_dependency_without_its_manifest_is_not_there_and_one_hoisted_to_the_root_is() {
    let folder = tempfile::tempdir().unwrap();
    let contender = contender(folder.path());
    put(folder.path(), "node_modules/@s/b");
    fs::create_dir_all(folder.path().join("project/node_modules/a")).unwrap();
    assert!(contender.check_tree().unwrap_err().to_string().starts_with("a of ."));
    put(folder.path(), "node_modules/a");
    assert!(contender.check_tree().is_ok());
}

#[test]
fn before_a_cold_restore_only_the_project_and_its_lockfile_are_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut contender = contender(folder.path());
    contender.seed = Some(Seed { lockfile: "bun.lock", text: "locked".into(), asked: Asked::default() });
    for package in ["node_modules/a", "p/node_modules/@s/b", "../store/x", "../cache/x", "../home/x"] {
        put(folder.path(), package);
    }
    let registry = Registry::start(None).unwrap();
    contender.prepare(&scenario("restore cold/cold"), &registry).unwrap();
    for gone in ["project/node_modules", "project/p/node_modules", "store", "cache", "home/x"] {
        assert!(!folder.path().join(gone).exists(), "{gone}");
    }
    assert_eq!(fs::read_to_string(folder.path().join("project/bun.lock")).unwrap(), "locked");
    assert!(folder.path().join("project/p/package.json").exists());
}
