//! What an install leaves behind, and what the next one makes of it.

use std::fs;

use serde_json::json;

use crate::support::{manifest, node, small, tree, world};

#[test]
fn installed_packages_work_and_the_tree_is_pnpms() {
    let (_registry, project) = small();
    project.run(&["install"]).ok();
    assert_eq!(node(&project, "console.log(require('a'))"), "b@1.1.0");
    let tree: Vec<String> =
        tree(&project.dir().join("node_modules")).into_iter().filter(|line| !line.contains(".wasi-pm")).collect();
    insta::assert_snapshot!(tree.join("\n"));
}

#[test]
fn executables_run_through_their_shims() {
    let (_registry, project) = small();
    project.run(&["install"]).ok();
    let mut command = std::process::Command::new(project.dir().join("node_modules/.bin/a"));
    project.isolate(&mut command);
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "a says b@1.1.0");
}

#[test]
fn a_second_install_has_nothing_to_do_and_asks_nobody() {
    let (registry, project) = small();
    project.run(&["install"]).ok();
    let _ = registry.seen();
    let before = tree(&project.dir().join("node_modules"));
    let run = project.run(&["install"]);
    assert!(run.ok().stdout.contains("Already up to date"), "{run:?}");
    assert_eq!(registry.seen(), []);
    assert_eq!(tree(&project.dir().join("node_modules")), before);
}

#[test]
fn a_restore_from_the_lockfile_gives_the_same_tree() {
    let (registry, project) = small();
    project.run(&["install"]).ok();
    let before = tree(&project.dir().join("node_modules"));
    fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
    let _ = registry.seen();
    project.run(&["install", "--frozen-lockfile"]).ok();
    assert_eq!(tree(&project.dir().join("node_modules")), before);
    assert_eq!(registry.seen(), [], "a warm store needs no network");
}

#[test]
fn each_tarball_is_downloaded_once() {
    let (registry, project) = small();
    project.run(&["install"]).ok();
    let mut paths: Vec<String> = registry.seen().into_iter().map(|seen| seen.path).collect();
    paths.sort();
    assert_eq!(paths, ["a", "a/-/a-1.0.0.tgz", "b", "b/-/b-1.1.0.tgz"]);
}

#[test]
fn optional_packages_of_other_platforms_are_not_downloaded_until_they_are_asked_for() {
    let registry = tests::registry::Registry::start(world(
        "tool: {versions: {1.0.0: {optionalDependencies: {tool-here: 1.0.0, tool-there: 1.0.0}}}}\n\
         tool-here: {versions: {1.0.0: {os: [linux, darwin]}}}\n\
         tool-there: {versions: {1.0.0: {os: [sunos]}}}\n",
    ));
    let project = tests::project::Project::new(&registry.url, crate::support::binary());
    manifest(&project, &json!({ "tool": "1.0.0" }));
    let tarballs = || {
        let paths = registry.seen().into_iter().map(|seen| seen.path);
        let mut tarballs: Vec<String> = paths.filter(|path| path.contains("/-/")).collect();
        tarballs.sort();
        tarballs
    };
    project.run(&["install"]).ok();
    assert_eq!(tarballs(), ["tool-here/-/tool-here-1.0.0.tgz", "tool/-/tool-1.0.0.tgz"]);
    assert!(project.read("pnpm-lock.yaml").contains("tool-there@1.0.0"), "the lockfile is for every platform");
    project.write("pnpm-workspace.yaml", "supportedArchitectures: {os: [current, sunos]}\n");
    project.run(&["install"]).ok();
    assert_eq!(tarballs(), ["tool-there/-/tool-there-1.0.0.tgz"]);
}

#[test]
fn a_changed_dependency_replaces_only_what_it_must() {
    let (_registry, project) = small();
    project.run(&["install"]).ok();
    manifest(&project, &json!({ "a": "^2.0.0" }));
    project.run(&["install"]).ok();
    assert_eq!(node(&project, "console.log(require('a'))"), "a@2.0.0");
    assert!(!project.has("node_modules/.pnpm/a@1.0.0"), "what nothing needs is removed");
    assert!(!project.has("node_modules/.bin/a"), "the executable went with its package");
    assert!(!project.read("pnpm-lock.yaml").contains("b@"));
}

#[test]
fn a_damaged_file_of_the_store_is_fetched_again() {
    let (_registry, project) = small();
    project.run(&["install"]).ok();
    let index = project.dir().join("node_modules/.pnpm/b@1.1.0/node_modules/b/index.js");
    fs::write(&index, "").unwrap(); // the hard link empties the store's file too
    fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
    project.run(&["install", "--frozen-lockfile"]).ok();
    assert_eq!(node(&project, "console.log(require('a'))"), "b@1.1.0");
}

#[test]
fn a_damaged_optional_package_that_is_not_to_be_had_is_named_and_left_out_by_the_next_run() {
    let (_registry, project) = small();
    project.write("package.json", r#"{"name":"root","dependencies":{"a":"2"},"optionalDependencies":{"b":"1.0.0"}}"#);
    project.run(&["install"]).ok();
    fs::write(project.dir().join("node_modules/b/index.js"), "").unwrap(); // the store's file too
    fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
    let run = project.run(&["install", "--offline"]);
    run.fails_with("ERR_WASI_PM_STORE_DAMAGED");
    assert!(run.stderr.contains("b@1.0.0 is damaged, and it cannot be fetched again"), "{}", run.stderr);
    project.run(&["install", "--offline"]).ok();
    assert_eq!(node(&project, "console.log(require('a'))"), "a@2.0.0");
    assert!(!project.has("node_modules/b"));
}

#[test]
fn what_a_run_left_that_was_cut_off_keeps_the_next_one_from_ending_early() {
    let (_registry, project) = small();
    project.run(&["install"]).ok();
    project.write("node_modules/.wasi-pm-tmp/new/x@1.0.0/node_modules/x/index.js", "");
    project.run(&["install"]).ok();
    assert!(!project.has("node_modules/.wasi-pm-tmp"));
    assert!(project.run(&["install"]).ok().stdout.contains("Already up to date"));
}

#[test]
fn packages_of_an_unknown_tool_go_even_if_a_run_was_cut_off_before() {
    let (_registry, project) = small();
    project.write("node_modules/stray/package.json", "{}").write("node_modules/.wasi-pm-tmp/new/x", "");
    project.run(&["install"]).ok();
    assert!(!project.has("node_modules/stray"));
    assert_eq!(node(&project, "console.log(require('a'))"), "b@1.1.0");
}

#[test]
fn a_tree_of_another_tool_is_replaced_as_a_whole() {
    let (_registry, project) = small();
    project.write("node_modules/stray/package.json", "{}").write("node_modules/.package-lock.json", "{}");
    let run = project.run(&["install"]);
    run.ok();
    assert!(!project.has("node_modules/stray"));
    assert_eq!(node(&project, "console.log(require('a'))"), "b@1.1.0");
}

#[test]
fn every_project_of_a_workspace_is_installed_from_any_of_its_folders() {
    let (_registry, project) = small();
    project
        .write("package.json", r#"{"name":"root","private":true}"#)
        .write("pnpm-workspace.yaml", "packages:\n  - packages/*\n")
        .write(
            "packages/one/package.json",
            r#"{"name":"one","version":"1.0.0","dependencies":{"a":"1","two":"workspace:*"}}"#,
        )
        .write(
            "packages/two/package.json",
            r#"{"name":"two","version":"2.0.0","main":"main.js","dependencies":{"b":"1.0.0"}}"#,
        )
        .write("packages/two/main.js", "module.exports = 'two needs ' + require('b')");
    project.run(&["install", "-C", "packages/two"]).ok();
    assert_eq!(
        node(&project, "process.chdir('packages/one'); console.log(require(process.cwd() + '/node_modules/two'))"),
        "two needs b@1.0.0"
    );
    assert!(project.has("packages/one/node_modules/a"));
    assert!(!project.has("packages/two/pnpm-lock.yaml"));
}

#[test]
fn scripts_of_the_project_run_and_those_of_dependencies_are_listed() {
    let registry =
        tests::registry::Registry::start(world("built: {versions: {1.0.0: {scripts: {postinstall: 'touch ran'}}}}"));
    let project = tests::project::Project::new(&registry.url, crate::support::binary());
    project.write(
        "package.json",
        r#"{"name":"p","scripts":{"postinstall":"echo my own script ran"},"dependencies":{"built":"1"}}"#,
    );
    let run = project.run(&["install"]);
    run.fails_with("ERR_PNPM_IGNORED_BUILDS");
    assert!(run.stdout.contains("my own script ran"), "{run:?}");
    assert!(run.stderr.contains("built@1.0.0") || run.stdout.contains("built@1.0.0"), "{run:?}");
    assert!(project.has("node_modules/built/package.json"), "all is installed in spite of the exit code");
    assert!(!project.has("node_modules/built/ran"), "a script ran that nobody approved");
    project.run(&["install", "--config.strictDepBuilds=false", "--force"]).ok();
}

/// As pnpm 12.21 has it: who wants no scripts hears nothing of them, and `allowBuilds` does not count.
#[test]
fn scripts_that_nobody_wants_are_kept_for_later() {
    let built = |name: &str| format!("{name}: {{versions: {{1.0.0: {{scripts: {{postinstall: 'touch ran'}}}}}}}}\n");
    let registry = tests::registry::Registry::start(world(&(built("one") + &built("two"))));
    let project = tests::project::Project::new(&registry.url, crate::support::binary());
    project.write("pnpm-workspace.yaml", "allowBuilds:\n  one: false\n");
    manifest(&project, &json!({ "two": "1", "one": "1" }));
    let run = project.run(&["install", "--ignore-scripts"]);
    run.ok();
    assert!(!run.stdout.contains("Ignored") && !run.stderr.contains("Ignored"), "{run:?}");
    let state: serde_json::Value = serde_json::from_str(&project.read("node_modules/.modules.yaml")).unwrap();
    assert_eq!(state["pendingBuilds"], json!(["one@1.0.0", "two@1.0.0"]));
    assert_eq!(state.get("ignoredBuilds"), None);
    project.run(&["install", "--force"]).fails_with("ERR_PNPM_IGNORED_BUILDS");
    let state: serde_json::Value = serde_json::from_str(&project.read("node_modules/.modules.yaml")).unwrap();
    assert_eq!((&state["pendingBuilds"], &state["ignoredBuilds"]), (&json!([]), &json!(["two@1.0.0"])));
}

#[test]
fn the_roots_dev_preinstall_runs_before_anything_is_installed() {
    let (_registry, project) = small();
    let script = "test ! -e node_modules/a && touch was-first";
    project.write(
        "package.json",
        &serde_json::json!({"name": "p", "scripts": {"pnpm:devPreinstall": script}, "dependencies": {"a": "1"}})
            .to_string(),
    );
    project.run(&["install", "--ignore-scripts"]).ok();
    assert!(!project.has("was-first"));
    fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
    project.run(&["install"]).ok();
    assert!(project.has("was-first") && project.has("node_modules/a"));
}

#[test]
fn copies_of_folders_are_named_in_the_state() {
    let (_registry, project) = small();
    project.write("folder/package.json", r#"{"name": "folder", "version": "1.0.0"}"#);
    manifest(&project, &json!({ "folder": "file:./folder" }));
    project.run(&["install"]).ok();
    let state: serde_json::Value = serde_json::from_str(&project.read("node_modules/.modules.yaml")).unwrap();
    let copies = json!({ "folder": ["node_modules/.pnpm/folder@file+folder/node_modules/folder"] });
    assert_eq!(state["injectedDeps"], copies);
    manifest(&project, &json!({ "b": "1.0.0" }));
    project.run(&["install"]).ok();
    assert!(!project.read("node_modules/.modules.yaml").contains("injectedDeps"));
}
