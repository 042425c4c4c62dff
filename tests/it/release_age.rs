//! `minimumReleaseAge`, which is a day where nobody says otherwise: what is locked is held to it, and what that costs.
//! What is picked under it is held to pnpm by the scenarios.

use std::fs;

use serde_json::json;
use tests::{
    project::Project,
    registry::{Fault, Registry},
};

use crate::support::{binary, manifest, world};

const YOUNG: &str = "ERR_PNPM_MINIMUM_RELEASE_AGE_VIOLATION";
const WORLD: &str = "
a: {versions: {1.0.0: {dependencies: {b: ^1.0.0}}}}
b: {versions: {1.0.0: {}}}
c: {versions: {1.0.0: {}}}
y: {times: {1.0.0: '2999-01-01T00:00:00.000Z'}, versions: {1.0.0: {}}}
";

/// A project with a lockfile of somebody else: nothing is known of it on this machine.
fn cloned(dependencies: &serde_json::Value) -> (Registry, Project) {
    let registry = Registry::start(world(WORLD));
    let project = Project::new(&registry.url, binary());
    manifest(&project, dependencies);
    project.run(&["install", "--config.minimumReleaseAge=0"]).ok();
    for folder in [project.dir().join("node_modules"), project.cache(), project.store()] {
        fs::remove_dir_all(folder).unwrap();
    }
    drop(registry.seen());
    (registry, project)
}

/// The paths that were asked for, in order.
fn seen(registry: &Registry) -> Vec<String> {
    let mut paths: Vec<String> = registry.seen().into_iter().map(|seen| seen.path).collect();
    paths.sort();
    paths
}

#[test]
fn the_dates_of_tarballs_tell_enough_of_what_is_fetched() {
    let (registry, project) = cloned(&json!({ "a": "^1.0.0" }));
    project.run(&["install", "--frozen-lockfile"]).ok();
    assert_eq!(seen(&registry), ["a/-/a-1.0.0.tgz", "b/-/b-1.0.0.tgz"]);
    fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
    project.run(&["install", "--frozen-lockfile"]).ok();
    assert!(seen(&registry).is_empty(), "what has passed is remembered");
}

#[test]
fn metadata_is_asked_for_where_tarballs_are_undated_or_nothing_is_fetched() {
    let (registry, project) = cloned(&json!({ "a": "^1.0.0" }));
    registry.leave_tarballs_undated();
    project.run(&["install", "--frozen-lockfile"]).ok();
    assert_eq!(seen(&registry), ["a", "a/-/a-1.0.0.tgz", "b", "b/-/b-1.0.0.tgz"]);
    fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
    fs::remove_dir_all(project.cache()).unwrap();
    project.run(&["install", "--frozen-lockfile"]).ok();
    assert_eq!(seen(&registry), ["a", "b"], "the store has both");
    fs::remove_dir_all(project.cache()).unwrap();
    project.run(&["install", "--frozen-lockfile", "--force"]).ok();
    assert_eq!(seen(&registry), ["a", "b"]);
}

#[test]
fn what_is_locked_and_too_young_is_refused_by_every_command() {
    for is_dated in [true, false] {
        let (registry, project) = cloned(&json!({ "a": "^1.0.0", "y": "1.0.0" }));
        if !is_dated {
            registry.leave_tarballs_undated();
        }
        let before = project.read("pnpm-lock.yaml");
        for arguments in [
            &["install"][..],
            &["install", "--frozen-lockfile"],
            &["install", "--lockfile-only"],
            &["add", "c"],
            &["add", "c", "--lockfile-only"],
            &["update", "a"],
        ] {
            let run = project.run(arguments);
            run.fails_with(YOUNG);
            assert!(run.stderr.contains("y@1.0.0 was published at 2999-01-01"), "{}", run.stderr);
            assert!(!project.has("node_modules/a"), "{arguments:?}");
            assert_eq!(project.read("pnpm-lock.yaml"), before);
            assert!(!project.has("pnpm-workspace.yaml"), "nothing is made an exception of: {arguments:?}");
        }
        project.run(&["remove", "y"]).ok();
        project.run(&["install", "--frozen-lockfile"]).ok();
    }
}

#[test]
fn exceptions_and_trust_let_it_pass() {
    let (_registry, project) = cloned(&json!({ "y": "1.0.0" }));
    project.run(&["install", "--frozen-lockfile", "--trust-lockfile"]).ok();
    fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
    project.run(&["install", "--frozen-lockfile"]).fails_with(YOUNG);
    project.write("pnpm-workspace.yaml", "minimumReleaseAgeExclude: [y@1.0.0]\n");
    project.run(&["install", "--frozen-lockfile"]).ok();
    fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
    project.write("pnpm-workspace.yaml", "");
    project.run(&["install", "--frozen-lockfile"]).fails_with(YOUNG);
}

#[test]
fn what_this_machine_has_resolved_is_not_asked_about_again() {
    let registry = Registry::start(world(WORLD));
    registry.max_age(0);
    let project = Project::new(&registry.url, binary());
    manifest(&project, &json!({ "a": "^1.0.0" }));
    project.run(&["install"]).ok();
    drop(registry.seen());
    project.run(&["add", "c"]).ok();
    assert_eq!(seen(&registry), ["c", "c/-/c-1.0.0.tgz"]);
    let run = project.run(&["add", "y"]);
    assert!(run.ok().stdout.contains("y@1.0.0"), "{}", run.stdout);
    assert!(project.read("pnpm-workspace.yaml").contains("y@1.0.0"), "it may pass from now on");
    drop(registry.seen());
    project.run(&["remove", "c"]).ok();
    fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
    project.run(&["install", "--frozen-lockfile"]).ok();
    assert!(seen(&registry).is_empty(), "an exception more does not make others forgotten");
}

#[test]
fn a_registry_that_does_not_answer_is_no_sign_of_a_young_package() {
    let (registry, project) = cloned(&json!({ "b": "^1.0.0" }));
    registry.leave_tarballs_undated();
    registry.fault("b", Fault::Status(403));
    project.run(&["install", "--frozen-lockfile"]).fails_with("ERR_PNPM_META_FETCH_FAIL");
    registry.heal();
    let offline = ["install", "--frozen-lockfile", "--offline"];
    project.run(&offline).fails_with("ERR_PNPM_NO_OFFLINE_META");
    project.run(&["install", "--frozen-lockfile", "--offline", "--trust-lockfile"]).ok();
}

/// Runs `commands`, all refused, on a lockfile in which `y` is locked in a way that may be overlooked.
fn overlooked(project: &Project, commands: &[&[&str]]) {
    for arguments in commands {
        project.run(arguments).fails_with(YOUNG);
        assert!(!project.has("node_modules/y") && !project.has("node_modules/c"), "{arguments:?}");
    }
}

#[test]
fn a_key_that_is_written_in_escapes_is_held_to_it() {
    let (_registry, project) = cloned(&json!({ "a": "^1.0.0", "y": "1.0.0" }));
    project.write("pnpm-lock.yaml", &project.read("pnpm-lock.yaml").replace("  y@1.0.0:", "  \"y\\x401.0.0\":"));
    manifest(&project, &json!({ "a": "^1.0.0", "c": "^1.0.0", "y": "1.0.0" }));
    overlooked(
        &project,
        &[&["install"], &["install", "--lockfile-only"], &["install", "--fix-lockfile"], &["add", "b"]],
    );
}

#[test]
fn a_package_of_a_named_registry_is_held_to_it() {
    let registry = Registry::start(world(WORLD));
    let project = Project::new(&registry.url, binary());
    project.write("pnpm-workspace.yaml", &format!("namedRegistries:\n  work: {}\n", registry.url));
    manifest(&project, &json!({ "yy": "work:y@^1.0.0" }));
    project.run(&["install", "--config.minimumReleaseAge=0"]).ok();
    for folder in [project.dir().join("node_modules"), project.cache()] {
        fs::remove_dir_all(folder).unwrap();
    }
    overlooked(&project, &[&["add", "c"], &["install", "--frozen-lockfile"]]);
}

#[test]
fn what_only_the_lockfile_of_a_branch_names_is_held_to_it() {
    let (_registry, project) = cloned(&json!({ "a": "^1.0.0", "y": "1.0.0" }));
    let of_branch = project.read("pnpm-lock.yaml");
    manifest(&project, &json!({ "a": "^1.0.0" }));
    project.run(&["install", "--config.minimumReleaseAge=0"]).ok();
    project.write("pnpm-lock.one.yaml", &of_branch);
    manifest(&project, &json!({ "a": "^1.0.0", "c": "^1.0.0", "y": "1.0.0" }));
    project.run(&["install", "--merge-git-branch-lockfiles"]).fails_with(YOUNG);
    assert!(!project.has("node_modules/y"));
}

#[test]
fn what_stands_already_is_not_asked_about_for_a_changed_lockfile() {
    let (registry, project) = cloned(&json!({ "a": "^1.0.0", "c": "1.0.0" }));
    let pulled = project.read("pnpm-lock.yaml");
    manifest(&project, &json!({ "a": "^1.0.0" }));
    project.run(&["install"]).ok();
    drop(registry.seen());
    manifest(&project, &json!({ "a": "^1.0.0", "c": "1.0.0" }));
    project.write("pnpm-lock.yaml", &pulled);
    project.run(&["install", "--frozen-lockfile"]).ok();
    assert_eq!(seen(&registry), ["c/-/c-1.0.0.tgz"]);
    // Another text, of which all stands: it is known from then on.
    project.write("pnpm-lock.yaml", &format!("{pulled}\n"));
    project.run(&["install", "--frozen-lockfile"]).ok();
    fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
    project.run(&["install", "--frozen-lockfile"]).ok();
    assert!(seen(&registry).is_empty());
}
