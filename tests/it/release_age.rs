//! `minimumReleaseAge`, which is a day where nobody says otherwise: what is locked is held to it, and what that costs.
//! What is picked under it is held to pnpm by the scenarios.

use std::{fs, path::Path};

use serde_json::json;
use tests::{
    project::Project,
    registry::{Fault, Heads, Registry},
};

use crate::support::{binary, manifest, world};

const YOUNG: &str = "ERR_PNPM_MINIMUM_RELEASE_AGE_VIOLATION";
const WORLD: &str = "
a: {versions: {1.0.0: {dependencies: {b: ^1.0.0}}}}
b: {versions: {1.0.0: {}}}
c: {versions: {1.0.0: {}}}
m: {versions: {1.0.0: {}, 1.1.0: {}}}
n: {times: {2.0.0: '2999-01-01T00:00:00.000Z'}, versions: {1.0.0: {}, 2.0.0: {}}}
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

/// What was asked for, in alphabetical order: the path, after `HEAD` where that was all.
fn seen(registry: &Registry) -> Vec<String> {
    let name = |seen: tests::registry::Seen| match seen.method.as_str() {
        "GET" => seen.path,
        method => format!("{method} {}", seen.path),
    };
    let mut seen: Vec<String> = registry.seen().into_iter().map(name).collect();
    seen.sort();
    seen
}

/// Removes folders, so that the next run finds nothing there.
fn without(project: &Project, folders: &[&Path]) {
    for folder in folders {
        fs::remove_dir_all(project.dir().join(folder)).unwrap();
    }
}

#[test]
fn exceptions_are_made_once_everything_is_linked_and_written_where_a_link_leads() {
    const SETTINGS: &str = "patchedDependencies: {b: b.patch}\n";
    let registry = Registry::start(world(WORLD));
    let project = Project::new(&registry.url, binary());
    manifest(&project, &json!({ "b": "1.0.0" }));
    let patch = |line: &str| {
        let head = "diff --git a/index.js b/index.js\n--- a/index.js\n+++ b/index.js\n@@ -1 +1 @@\n";
        project.write("b.patch", &format!("{head}-{line}\n+module.exports = 'patched';\n"));
    };
    project.write("settings.yaml", SETTINGS);
    std::os::unix::fs::symlink("settings.yaml", project.dir().join("pnpm-workspace.yaml")).unwrap();
    let before = project.read("package.json");
    patch("nothing like it");
    project.run(&["add", "y"]).fails_with("ERR_PNPM_PATCH_FAILED");
    assert_eq!((project.read("settings.yaml"), project.read("package.json")), (SETTINGS.to_owned(), before));
    patch("module.exports = \"b@1.0.0\";");
    project.run(&["add", "y"]).ok();
    assert!(project.read("settings.yaml").contains("y@1.0.0"), "{}", project.read("settings.yaml"));
    assert!(project.dir().join("pnpm-workspace.yaml").is_symlink());
}

#[test]
fn the_date_of_a_packument_tells_enough_of_what_is_fetched() {
    let (registry, project) = cloned(&json!({ "a": "^1.0.0" }));
    project.run(&["install", "--frozen-lockfile"]).ok();
    assert_eq!(seen(&registry), ["HEAD a", "HEAD b", "a/-/a-1.0.0.tgz", "b/-/b-1.0.0.tgz"]);
    without(&project, &["node_modules".as_ref()]);
    project.run(&["install", "--frozen-lockfile"]).ok();
    assert!(seen(&registry).is_empty(), "what has passed is remembered");
}

#[test]
fn the_date_of_a_packument_is_asked_for_once_for_all_versions() {
    let (registry, project) = cloned(&json!({ "m": "1.0.0", "m2": "npm:m@1.1.0" }));
    project.run(&["install", "--frozen-lockfile"]).ok();
    assert_eq!(seen(&registry), ["HEAD m", "m/-/m-1.0.0.tgz", "m/-/m-1.1.0.tgz"]);
}

#[test]
fn a_packument_that_has_changed_is_asked_for_and_then_in_full() {
    let (registry, project) = cloned(&json!({ "n": "1.0.0" }));
    project.run(&["install", "--frozen-lockfile"]).ok();
    assert_eq!(seen(&registry), ["HEAD n", "n", "n", "n/-/n-1.0.0.tgz"], "another version of it is young");
    without(&project, &["node_modules".as_ref()]);
    project.run(&["install", "--frozen-lockfile"]).ok();
    assert!(seen(&registry).is_empty());
}

#[test]
fn a_packument_is_asked_for_where_its_head_does_not_tell() {
    for heads in [Heads::Undated, Heads::Refused(405), Heads::Refused(404), Heads::Refused(500)] {
        let (registry, project) = cloned(&json!({ "b": "^1.0.0" }));
        registry.heads(heads);
        project.run(&["install", "--frozen-lockfile"]).ok();
        assert_eq!(seen(&registry), ["HEAD b", "b", "b/-/b-1.0.0.tgz"], "{heads:?}");
    }
}

#[test]
fn a_packument_is_asked_for_where_nothing_is_fetched() {
    let (registry, project) = cloned(&json!({ "a": "^1.0.0" }));
    project.run(&["install", "--frozen-lockfile"]).ok();
    drop(seen(&registry));
    without(&project, &["node_modules".as_ref(), &project.cache()]);
    project.run(&["install", "--frozen-lockfile"]).ok();
    assert_eq!(seen(&registry), ["a", "b"], "the store has both, which proves nothing of what the registry has");
    without(&project, &[&project.cache()]);
    project.run(&["install", "--frozen-lockfile", "--force"]).ok();
    assert_eq!(seen(&registry), ["a", "b"]);
}

#[test]
fn a_fresh_packument_in_the_cache_tells_enough() {
    let (registry, project) = cloned(&json!({ "a": "^1.0.0" }));
    let lockfile = project.read("pnpm-lock.yaml");
    project.write("pnpm-lock.yaml", "");
    project.run(&["install", "--config.minimumReleaseAge=0"]).ok();
    without(&project, &["node_modules".as_ref(), &project.store()]);
    project.write("pnpm-lock.yaml", &lockfile);
    drop(seen(&registry));
    project.run(&["install", "--frozen-lockfile"]).ok();
    assert_eq!(seen(&registry), ["a/-/a-1.0.0.tgz", "b/-/b-1.0.0.tgz"]);
}

#[test]
fn a_registry_of_a_scope_is_asked_with_its_credentials() {
    let registry = Registry::start(world("'@s/p': {versions: {1.0.0: {}}}\n"));
    let project = Project::new("http://127.0.0.1:9/", binary());
    let host = registry.url.trim_start_matches("http:");
    let npmrc = format!("@s:registry={}\n{host}:_authToken=t0p\n", registry.url);
    fs::write(project.home().join(".npmrc"), npmrc).unwrap();
    manifest(&project, &json!({ "@s/p": "1.0.0" }));
    project.run(&["install", "--config.minimumReleaseAge=0"]).ok();
    let lockfile = project.read("pnpm-lock.yaml");
    let addressed = format!(", tarball: {}@s/p/-/p-1.0.0.tgz", registry.url);
    assert!(lockfile.contains(&addressed), "{lockfile}");
    for (lockfile, expected) in [
        (lockfile.replace(&addressed, ""), ["GET @s/p/-/p-1.0.0.tgz", "HEAD @s/p"]),
        (lockfile, ["GET @s/p", "GET @s/p/-/p-1.0.0.tgz"]), // an address in a lockfile is its own word
    ] {
        project.write("pnpm-lock.yaml", &lockfile);
        without(&project, &["node_modules".as_ref(), &project.cache(), &project.store()]);
        drop(registry.seen());
        project.run(&["install", "--frozen-lockfile"]).ok();
        let seen = registry.seen();
        assert!(seen.iter().all(|seen| seen.authorization.as_deref() == Some("Bearer t0p")), "{seen:?}");
        let mut asked: Vec<String> = seen.iter().map(|seen| format!("{} {}", seen.method, seen.path)).collect();
        asked.sort();
        assert_eq!(asked, expected);
    }
}

#[test]
fn cached_metadata_that_does_not_name_a_version_is_asked_about_whatever_is_preferred() {
    let (registry, project) = cloned(&json!({ "m": "1.0.0" }));
    // A version that is young makes it ask for both forms, which are in the cache from then on.
    registry.publish(world("m: {times: {9.0.0: '2999-01-01T00:00:00.000Z'}, versions: {1.0.0: {}, 9.0.0: {}}}\n"));
    project.run(&["install", "--frozen-lockfile"]).ok();
    assert_eq!(seen(&registry), ["HEAD m", "m", "m", "m/-/m-1.0.0.tgz"]);
    registry.publish(world(WORLD));
    manifest(&project, &json!({ "m": "1.0.0", "m2": "npm:m@1.1.0" }));
    let locked = Project::new(&registry.url, binary());
    manifest(&locked, &json!({ "m": "1.0.0", "m2": "npm:m@1.1.0" }));
    locked.run(&["install", "--lockfile-only"]).ok();
    project.write("pnpm-lock.yaml", &locked.read("pnpm-lock.yaml"));
    drop(seen(&registry));
    project.run(&["install", "--frozen-lockfile", "--prefer-offline"]).ok();
    assert_eq!(seen(&registry), ["m", "m/-/m-1.1.0.tgz"]);
}

#[test]
fn what_is_locked_and_too_young_is_refused_by_every_command() {
    for heads in [Heads::Dated, Heads::Undated, Heads::Refused(405)] {
        let (registry, project) = cloned(&json!({ "a": "^1.0.0", "y": "1.0.0" }));
        registry.heads(heads);
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
    assert_eq!(seen(&registry), ["HEAD c", "c/-/c-1.0.0.tgz"]);
    // Another text, of which all stands: it is known from then on.
    project.write("pnpm-lock.yaml", &format!("{pulled}\n"));
    project.run(&["install", "--frozen-lockfile"]).ok();
    fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
    project.run(&["install", "--frozen-lockfile"]).ok();
    assert!(seen(&registry).is_empty());
}
