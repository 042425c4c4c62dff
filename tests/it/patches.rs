//! `patchedDependencies`, end to end: what is applied, where it is kept away from, and what is refused.

use std::fs;

use serde_json::json;
use tests::{project::Project, registry::Registry};

use crate::support::{binary, manifest, node, small_world};

const ONE: &str = "diff --git a/index.js b/index.js\n--- a/index.js\n+++ b/index.js\n@@ -1 +1 @@\n\
                   -module.exports = \"b@1.1.0\";\n+module.exports = 'patched ' + require('./more');\n\
                   diff --git a/more.js b/more.js\nnew file mode 100644\n--- /dev/null\n+++ b/more.js\n\
                   @@ -0,0 +1 @@\n+module.exports = 'once';\n";

fn project(patch: &str) -> (Registry, Project) {
    let registry = Registry::start(small_world());
    let project = Project::new(&registry.url, binary());
    manifest(&project, &json!({ "a": "^1.0.0", "b": "^1.0.0" }));
    project.write("patches/b.patch", patch).write("pnpm-workspace.yaml", "patchedDependencies: {b: patches/b.patch}\n");
    (registry, project)
}

fn said(project: &Project) -> String {
    node(project, "console.log(require('a'), '|', require('b'))")
}

/// The folders of `b` in the virtual store.
fn slots(project: &Project) -> Vec<String> {
    let entries = fs::read_dir(project.dir().join("node_modules/.pnpm")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("b@")).collect()
}

#[test]
fn a_patch_is_applied_for_all_who_depend_on_the_package() {
    let (_registry, project) = project(ONE);
    project.run(&["install"]).ok();
    assert_eq!(said(&project), "patched once | patched once");
    let slots = slots(&project);
    assert!(slots.len() == 1 && slots[0].starts_with("b@1.1.0_patch_hash="), "{slots:?}");
    assert!(project.run(&["install"]).ok().stdout.contains("Already up to date"));
    fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
    project.run(&["install", "--frozen-lockfile", "--offline"]).ok();
    assert_eq!(said(&project), "patched once | patched once");
}

#[test]
fn the_store_and_other_projects_keep_the_package_as_it_is_published() {
    let (_registry, project) = project(ONE);
    project.run(&["install"]).ok();
    project.write("pnpm-workspace.yaml", "");
    project.run(&["install"]).ok();
    assert_eq!(said(&project), "b@1.1.0 | b@1.1.0");
    assert!(!project.has("node_modules/b/more.js"));
    project.run(&["store", "status"]).ok();
}

#[test]
fn a_changed_patch_is_noticed() {
    let (_registry, project) = project(ONE);
    project.run(&["install"]).ok();
    project.write("patches/b.patch", &ONE.replace("once", "twice"));
    project.run(&["install", "--frozen-lockfile"]).fails_with("ERR_PNPM_LOCKFILE_CONFIG_MISMATCH");
    project.run(&["install"]).ok();
    assert_eq!(said(&project), "patched twice | patched twice");
    assert_eq!(slots(&project).len(), 1);
}

#[test]
fn shared_slots_are_patched_for_those_who_ask_for_it() {
    let (registry, project) = project(ONE);
    let shared = "enableGlobalVirtualStore: true\n";
    project.write("pnpm-workspace.yaml", &format!("{shared}patchedDependencies: {{b: patches/b.patch}}\n"));
    project.run(&["install"]).ok();
    assert_eq!(said(&project), "patched once | patched once");
    drop(registry);
    project.write("pnpm-workspace.yaml", shared);
    project.run(&["install", "--offline"]).ok();
    assert_eq!(said(&project), "b@1.1.0 | b@1.1.0");
}

#[test]
fn a_patch_that_does_not_fit_leaves_everything_as_it_was() {
    let (_registry, project) = project(ONE);
    project.run(&["install"]).ok();
    let lockfile = project.read("pnpm-lock.yaml");
    project.write("patches/b.patch", &ONE.replace("b@1.1.0", "b@9"));
    let run = project.run(&["install"]);
    run.fails_with("ERR_PNPM_PATCH_FAILED");
    assert!(run.stderr.contains("b@1.1.0: index.js: hunk 1 does not fit"), "{run:?}");
    assert_eq!(said(&project), "patched once | patched once");
    assert_eq!(project.read("pnpm-lock.yaml"), lockfile);
    project.write("patches/b.patch", "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ nonsense @@\n");
    project.run(&["install"]).fails_with("ERR_PNPM_INVALID_PATCH");
}

#[test]
fn a_patch_that_does_not_fit_leaves_an_empty_folder_empty() {
    for settings in ["", "enableGlobalVirtualStore: true\n"] {
        let (_registry, project) = project(&ONE.replace("b@1.1.0", "b@9"));
        project.write("pnpm-workspace.yaml", &format!("patchedDependencies: {{b: patches/b.patch}}\n{settings}"));
        project.run(&["install"]).fails_with("ERR_PNPM_PATCH_FAILED");
        assert!(!project.has("node_modules"), "{settings}");
        let left = fs::read_dir(project.store().join("v1/links/.wasi-pm-tmp"));
        assert!(left.map_or(true, |left| left.count() == 0), "{settings}");
    }
}

#[test]
fn a_patch_cannot_write_outside_of_its_package() {
    for path in ["../../out.js", "node_modules/../../../out.js", "node_modules/a/out.js"] {
        let text = format!(
            "diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x\n"
        );
        let (_registry, project) = project(&text);
        let run = project.run(&["install"]);
        run.fails_with("ERR_PNPM_PATCH_FAILED");
        assert!(run.stderr.contains("leads out of the package"), "{run:?}");
        assert!(!project.has("node_modules/b"));
    }
    let link = "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+../..\n\
                \\ No newline at end of file\n";
    let (_registry, project) = project(link);
    project.run(&["install"]).fails_with("ERR_PNPM_PATCH_FAILED");
}

#[test]
fn patches_that_are_missing_or_not_used_are_errors() {
    let (_registry, project) = project(ONE);
    project.write("pnpm-workspace.yaml", "patchedDependencies: {b: patches/none.patch}\n");
    project.run(&["install"]).fails_with("ERR_PNPM_PATCH_NOT_FOUND");
    project.write("pnpm-workspace.yaml", "patchedDependencies: {z: patches/b.patch}\n");
    project.run(&["install"]).fails_with("ERR_PNPM_UNUSED_PATCH");
    project.write("pnpm-workspace.yaml", "allowUnusedPatches: true\npatchedDependencies: {z: patches/b.patch}\n");
    let run = project.run(&["install"]);
    run.ok();
    assert!((run.stdout + &run.stderr).contains("The following patches were not used: z"));
    assert_eq!(said(&project), "b@1.1.0 | b@1.1.0");
}
