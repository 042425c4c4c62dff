//! `add`, `update` and `remove` from the outside: what they change, what they say, and that they change nothing when
//! they fail. What they write is held to pnpm by the scenarios.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
};

use serde_json::{Value, json};
use tests::{project::Project, registry::Registry};

use crate::support::{binary, manifest, small, small_world, tree, world};

fn json(project: &Project, path: &str) -> Value {
    serde_json::from_str(&project.read(path)).unwrap()
}

#[test]
fn what_is_added_is_saved_installed_and_told() {
    let (_registry, project) = small();
    project.run(&["install"]).ok();
    let run = project.run(&["add", "-D", "b"]);
    assert!(run.ok().stdout.contains("\ndevDependencies:\n+ b 1.1.0\n"), "{}", run.stdout);
    assert_eq!(json(&project, "package.json")["devDependencies"], json!({ "b": "^1.1.0" }));
    assert!(project.has("node_modules/b/package.json"));
    assert!(project.run(&["install"]).ok().stdout.contains("Already up to date"));
    project.run(&["install", "--frozen-lockfile"]).ok();
}

#[test]
fn what_is_removed_is_gone_from_the_tree() {
    let (_registry, project) = small();
    project.run(&["install"]).ok();
    let run = project.run(&["rm", "a"]);
    assert!(run.ok().stdout.contains("\ndependencies:\n- a 1.0.0\n"), "{}", run.stdout);
    assert!(json(&project, "package.json").get("dependencies").is_none());
    assert!(!project.has("node_modules/a"));
    assert!(!project.has("node_modules/.pnpm/a@1.0.0"));
    assert!(project.run(&["install"]).ok().stdout.contains("Already up to date"));
}

#[test]
fn what_is_updated_moves_with_its_range() {
    let (registry, project) = small();
    registry.max_age(0);
    manifest(&project, &json!({ "b": "~1.0.0" }));
    project.run(&["install"]).ok();
    registry.publish(world("b: {versions: {1.0.0: {}, 1.0.1: {}, 1.1.0: {}}}"));
    let run = project.run(&["update"]);
    assert!(run.ok().stdout.contains("- b 1.0.0\n+ b 1.0.1\n"), "{}", run.stdout);
    assert_eq!(json(&project, "package.json")["dependencies"], json!({ "b": "~1.0.1" }));
    project.run(&["update", "-L"]).ok();
    assert_eq!(json(&project, "package.json")["dependencies"], json!({ "b": "~1.1.0" }));
    assert_eq!(json(&project, "node_modules/b/package.json")["version"], "1.1.0");
}

/// Runs that fail, each with its code, and what stands in the project afterwards.
#[test]
fn a_command_that_fails_changes_nothing() {
    let (registry, project) = small();
    project.run(&["install"]).ok();
    let before = (project.read("package.json"), project.read("pnpm-lock.yaml"), tree(&project.dir()));
    for (arguments, code) in [
        (&["add", "zz"][..], "ERR_PNPM_PACKAGE_MANAGER_ADD_RESOLVE_LATEST"),
        (&["add", "b", "a@7"], "ERR_PNPM_NO_MATCHING_VERSION"),
        (&["add", "b@nowhere:1"], "ERR_PNPM_SPEC_NOT_SUPPORTED_BY_ANY_RESOLVER"),
        (&["add", "./nowhere.tgz"], "ERR_PNPM_LINKED_PKG_DIR_NOT_FOUND"),
        (&["add", "--workspace", "b"], "ERR_PNPM_WORKSPACE_OPTION_OUTSIDE_WORKSPACE"),
        (&["remove", "zz"], "ERR_PNPM_CANNOT_REMOVE_MISSING_DEPS"),
        (&["remove"], "ERR_PNPM_MUST_REMOVE_SOMETHING"),
        (&["update", "zz", "--depth", "0"], "ERR_PNPM_NO_PACKAGE_IN_DEPENDENCIES"),
        (&["update", "-L", "a@1"], "ERR_PNPM_LATEST_WITH_SPEC"),
        (&["update", "-L", "--workspace"], "ERR_PNPM_BAD_OPTIONS"),
        (&["update", "--workspace"], "ERR_PNPM_WORKSPACE_OPTION_OUTSIDE_WORKSPACE"),
        (&["update", "--interactive"], "ERR_WASI_PM_NOT_YET"),
        (&["add", "-w", "b"], "ERR_PNPM_NOT_IN_WORKSPACE"),
        (&["add", "x@npm:"], "ERR_PNPM_INVALID_PACKAGE_NAME"),
    ] {
        let run = project.run(arguments);
        run.fails_with(code);
        assert!(run.stderr.contains("hint: "), "{arguments:?}: {}", run.stderr);
    }
    registry.fault("a/-/a-2.0.0.tgz", tests::registry::Fault::Status(404));
    std::fs::remove_dir_all(project.store()).unwrap();
    project.run(&["add", "a@2", "--fetch-retries", "0"]).fails_with("ERR_PNPM_FETCH_404");
    let after = (project.read("package.json"), project.read("pnpm-lock.yaml"), tree(&project.dir()));
    assert_eq!(after, before);
}

#[test]
fn without_network_only_what_is_known_is_added() {
    let (_registry, project) = small();
    project.run(&["install"]).ok();
    project.run(&["add", "--offline", "b"]).ok();
    project.run(&["add", "--offline", "zz"]).fails_with("ERR_PNPM_PACKAGE_MANAGER_ADD_RESOLVE_LATEST");
    assert_eq!(json(&project, "package.json")["dependencies"], json!({ "a": "^1.0.0", "b": "^1.1.0" }));
}

#[test]
fn the_root_of_a_workspace_is_added_to_only_on_purpose() {
    let (_registry, project) = small();
    project.write("pnpm-workspace.yaml", "packages:\n  - packages/*\n  - apps/*\n");
    project.write("packages/w/package.json", "{\"name\": \"w\"}\n");
    project.run(&["add", "b"]).fails_with("ERR_PNPM_ADDING_TO_ROOT");
    project.run(&["add", "b", "-w"]).ok();
    assert_eq!(json(&project, "package.json")["dependencies"], json!({ "a": "^1.0.0", "b": "^1.1.0" }));
    project.run(&["add", "b", "-r", "-E"]).ok();
    assert_eq!(project.read("packages/w/package.json"), "{\"name\":\"w\",\"dependencies\":{\"b\":\"^1.1.0\"}}\n");
}

#[test]
fn a_project_with_a_lockfile_of_its_own_changes_alone() {
    let registry = Registry::start(world("b: {versions: {1.0.0: {}, 1.1.0: {}}}"));
    let project = Project::new(&registry.url, binary());
    project.write("pnpm-workspace.yaml", "packages:\n  - packages/*\nsharedWorkspaceLockfile: false\n");
    for name in ["v", "w"] {
        project.write(&format!("packages/{name}/package.json"), &format!("{{\"name\": \"{name}\"}}\n"));
    }
    let mut command = project.command(&["add", "b@1.0.0"]);
    assert!(command.current_dir(project.dir().join("packages/w")).output().unwrap().status.success());
    assert!(project.read("packages/w/pnpm-lock.yaml").contains("b@1.0.0:"));
    assert!(!project.has("packages/v/pnpm-lock.yaml"));
    assert!(!project.has("pnpm-lock.yaml"));
}

#[test]
fn an_update_in_part_runs_none_of_the_project_s_own_scripts() {
    let (_registry, project) = small();
    let text = json!({ "name": "p", "dependencies": { "a": "^1.0.0" }, "scripts": { "install": "touch ran" } });
    project.write("package.json", &text.to_string());
    project.run(&["add", "b"]).ok();
    project.run(&["update", "b"]).ok();
    project.run(&["remove", "b"]).ok();
    assert!(!project.has("ran"));
    project.run(&["update"]).ok();
    assert!(project.has("ran"));
}

#[test]
fn a_catalog_that_cannot_be_changed_in_place_stops_the_command_before_anything_is_written() {
    let (_registry, project) = small();
    let before = project.read("package.json");
    for settings in ["catalog: {\n  a: ^1.0.0\n}\n", "? catalog\n: a: ^1.0.0\n", "catalog: &c\n  a: ^1.0.0\n"] {
        project.write("pnpm-workspace.yaml", settings);
        let run = project.run(&["add", "b", "--save-catalog"]);
        run.fails_with("ERR_PNPM_WORKSPACE_MANIFEST_WRITER_UNSUPPORTED_INLINE_BLOCK");
        assert!(!run.stderr.contains("duplicate"), "{}", run.stderr);
        assert_eq!(project.read("package.json"), before);
        assert_eq!(project.read("pnpm-workspace.yaml"), settings);
        assert!(!project.has("pnpm-lock.yaml"));
        assert!(!project.has("node_modules/b"));
    }
}

#[test]
fn beyond_ranges_of_nothing_is_nothing_done() {
    let (_registry, project) = small();
    project.run(&["update", "--latest", "zz"]).ok();
    assert!(!project.has("pnpm-lock.yaml"));
    project.run(&["update", "-L", "--dev", "a"]).ok();
    assert!(!project.has("node_modules"));
    project.run(&["update", "zz"]).ok();
    assert!(project.has("node_modules/a"));
}

#[test]
fn what_is_added_to_every_project_of_none_changes_nothing() {
    let (_registry, project) = small();
    project.write("pnpm-workspace.yaml", "packages: ['p/*']\n");
    let before = project.read("package.json");
    project.run(&["-r", "add", "b"]).ok();
    assert_eq!(project.read("package.json"), before);
    assert!(!project.has("node_modules"));
}

#[test]
fn what_is_too_young_is_added_to_a_list_behind_a_tab_once() {
    let (_registry, project) = small();
    let settings = "minimumReleaseAge: 99999999\nminimumReleaseAgeStrict: false\nminimumReleaseAgeExclude:\t[foo]\n";
    project.write("pnpm-workspace.yaml", settings);
    for _ in 0..2 {
        project.run(&["install", "--config.minimumReleaseAge=99999999"]).ok();
    }
    let written = project.read("pnpm-workspace.yaml");
    assert!(written.starts_with(&settings.replace("[foo]\n", "[ foo, ")), "{written}");
    assert_eq!(written.lines().count(), 3, "{written}");
}

#[test]
fn an_update_places_the_groups_that_stand_and_those_that_it_is_about() {
    let (_registry, project) = small();
    let text = json!({ "dependencies": { "a": "^1.0.0" }, "devDependencies": { "b": "^1.0.0" } });
    project.write("package.json", &text.to_string());
    let placed = || ["a", "b"].map(|name| project.has(&format!("node_modules/{name}")));
    for (arguments, expected) in [
        (&["update", "--prod"][..], [true, false]),
        (&["update"], [true, false]),
        (&["update", "--dev"], [true, true]),
        (&["update", "--prod"], [true, true]),
        (&["install", "--dev"], [false, true]),
        (&["update", "a"], [false, true]),
        (&["install"], [true, true]),
    ] {
        project.run(arguments).ok();
        assert_eq!(placed(), expected, "{arguments:?}");
    }
}

#[test]
fn development_alone_has_what_it_may_do_without_but_not_what_the_project_may() {
    let registry = Registry::start(world(
        "b: {versions: {1.0.0: {optionalDependencies: {y: 1.0.0}}}}\nc: {versions: {1.0.0: {}}}\ny: {versions: {1.0.0: {}}}",
    ));
    let project = Project::new(&registry.url, binary());
    let text = json!({ "devDependencies": { "b": "1.0.0" }, "optionalDependencies": { "c": "1.0.0" } });
    project.write("package.json", &text.to_string());
    project.run(&["install", "--dev"]).ok();
    assert!(project.has("node_modules/.pnpm/y@1.0.0") && !project.has("node_modules/c"));
    let included = &json(&project, "node_modules/.modules.yaml")["included"];
    assert_eq!(*included, json!({ "dependencies": false, "devDependencies": true, "optionalDependencies": true }));
}

#[test]
fn where_there_is_no_manifest_one_is_begun_once_all_is_there() {
    let registry = Registry::start(small_world());
    let project = Project::new(&registry.url, binary());
    project.run(&["add", "zz"]).fails_with("ERR_PNPM_PACKAGE_MANAGER_ADD_RESOLVE_LATEST");
    assert!(!project.has("package.json"));
    project.run(&["add", "-D", "b"]).ok();
    assert!(project.has("node_modules/b"));
    let expected = "{\n  \"name\": \"project\",\n  \"version\": \"1.0.0\",\n  \"description\": \"\",\n  \"main\": \"index.js\",\n  \
                    \"scripts\": {\n    \"test\": \"echo \\\"Error: no test specified\\\" && exit 1\"\n  },\n  \"keywords\": [],\n  \
                    \"author\": \"\",\n  \"license\": \"ISC\",\n  \"devDependencies\": {\n    \"b\": \"^1.1.0\"\n  }\n}\n";
    assert_eq!(project.read("package.json"), expected);
    assert!(project.run(&["install"]).ok().stdout.contains("Already up to date"));
}

#[test]
fn the_root_of_a_workspace_needs_no_manifest_to_be_added_to() {
    let (_registry, project) = small();
    project.write("packages/w/package.json", &project.read("package.json"));
    project.write("pnpm-workspace.yaml", "packages:\n  - packages/*\n");
    std::fs::remove_file(project.dir().join("package.json")).unwrap();
    project.run(&["remove", "b", "-w"]).fails_with("ERR_WASI_PM_NO_PROJECT");
    let mut command = project.command(&["add", "-w", "-O", "b"]);
    assert!(command.current_dir(project.dir().join("packages/w")).output().unwrap().status.success());
    let expected = "{\n  \"optionalDependencies\": {\n    \"b\": \"^1.1.0\"\n  }\n}\n";
    assert_eq!(project.read("package.json"), expected);
}

/// Starts a run that has to wait for the lock in a project's folder, changes a file meanwhile and lets it go on: it
/// ends and leaves the file as it then is.
fn ends_because_of(project: &Project, folder: &str, (file, text): (&str, &str), waiting: &[&str]) {
    let lock = std::fs::File::open(project.dir().join(folder).join("node_modules/.wasi-pm-lock")).unwrap();
    lock.lock().unwrap();
    let mut child = project.start(waiting);
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    while !said.contains("waiting for it to end") {
        assert_ne!(output.read_line(&mut said).unwrap(), 0, "{said}");
    }
    project.write(file, text);
    lock.unlock().unwrap();
    let ended = child.wait_with_output().unwrap();
    assert!(!ended.status.success());
    assert!(String::from_utf8_lossy(&ended.stderr).contains("ERR_WASI_PM_MANIFEST_CHANGED"), "{ended:?}");
    assert_eq!(project.read(file), text);
}

/// The second of two runs waits for the first, and does not go on with a manifest that is another one by then.
#[test]
fn a_manifest_that_another_run_has_changed_is_not_undone() {
    let (_registry, project) = small();
    project.run(&["install"]).ok();
    for waiting in [&["add", "b"][..], &["install", "--force"]] {
        let changed = project.read("package.json").replace("\n}", "\n}\n");
        ends_because_of(&project, ".", ("package.json", &changed), waiting);
    }
    ends_because_of(&project, ".", ("pnpm-workspace.yaml", "catalog:\n  b: ^1.0.0\n"), &["add", "b", "--save-catalog"]);
    project.run(&["add", "b"]).ok();
}

#[test]
fn a_manifest_that_another_run_has_changed_is_not_undone_where_each_project_has_a_lockfile() {
    let (_registry, project) = small();
    project.write("pnpm-workspace.yaml", "packages:\n  - packages/*\nsharedWorkspaceLockfile: false\n");
    project.write("packages/w/package.json", "{\"dependencies\":{\"b\":\"^1.0.0\"}}");
    project.run(&["install"]).ok();
    let changed = "{\"dependencies\":{\"b\":\"~1.0.0\"}}";
    ends_because_of(&project, "packages/w", ("packages/w/package.json", changed), &["add", "a", "-C", "packages/w"]);
    assert!(!project.has("packages/w/node_modules/a"));
}

/// pnpm takes it for a project by itself too, and reads no settings of the workspace there.
#[test]
fn a_project_that_its_workspace_does_not_list_is_changed_by_itself() {
    let (_registry, project) = small();
    project.write("packages/w/package.json", "{\"name\":\"w\",\"version\":\"1.0.0\"}");
    project.write("pnpm-workspace.yaml", "packages:\n  - packages/*\noverrides: {a: 1.0.0}\n");
    project.write("own/package.json", "{}\n").write("own/src/index.js", "");
    project.run(&["add", "a@2", "-C", "own/src"]).ok();
    assert!(project.read("own/pnpm-lock.yaml").contains("specifier: ^2.0.0\n        version: 2.0.0\n"));
    assert!(project.has("own/node_modules/a") && !project.has("pnpm-lock.yaml") && !project.has("node_modules"));
    project.run(&["add", "w", "--workspace", "-C", "own"]).fails_with("ERR_PNPM_WORKSPACE_OPTION_OUTSIDE_WORKSPACE");
    project.run(&["add", "x", "--workspace", "-w"]).fails_with("ERR_PNPM_WORKSPACE_PACKAGE_NOT_FOUND");
    project.run(&["add", "b", "-w", "-C", "own"]).fails_with("ERR_PNPM_NOT_IN_WORKSPACE");
    project.run(&["remove", "a", "-C", "own"]).ok();
    assert_eq!(project.read("own/package.json"), "{}\n");
}

#[test]
fn a_workspace_begins_with_the_settings_file() {
    let (_registry, project) = small();
    project.write("pnpm-workspace.yaml", "savePrefix: '~'\n");
    project.run(&["add", "x", "--workspace"]).fails_with("ERR_PNPM_WORKSPACE_PACKAGE_NOT_FOUND");
    project.run(&["update", "--workspace"]).ok();
    project.run(&["add", "a@1.0.0", "-w"]).ok();
    assert!(project.has("node_modules/a"));
}

#[test]
fn what_cannot_be_added_leaves_an_empty_folder_empty() {
    let (registry, project) = small();
    std::fs::remove_file(project.dir().join("package.json")).unwrap();
    project.run(&["add", "zz"]).fails_with("ERR_PNPM_PACKAGE_MANAGER_ADD_RESOLVE_LATEST");
    registry.fault("a/-/a-2.0.0.tgz", tests::registry::Fault::Status(404));
    project.run(&["add", "b", "a@2", "--fetch-retries", "0"]).fails_with("ERR_PNPM_FETCH_404");
    assert_eq!(tree(&project.dir()), [""; 0]);
    project.run(&["add", "b"]).ok();
    assert!(project.has("node_modules/b"));
}

#[test]
fn a_manifest_keeps_its_mode() {
    let (_registry, project) = small();
    let path = project.dir().join("package.json");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    project.run(&["add", "b"]).ok();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}
