//! Which lockfile is read and written, and how one is mended.

use serde_json::json;

use crate::support::{manifest, small, world};

/// `pnpm-lock.yaml` with the integrity of `b` in the place of that of `a`, and without the edge between them.
fn damage(text: &str) -> String {
    let integrity = |name: &str| {
        let at = text.find(&format!("  {name}:\n    resolution: {{integrity: ")).unwrap();
        text[at..].lines().nth(1).unwrap().to_owned()
    };
    let text = text.replace(&integrity("a@1.0.0"), &integrity("b@1.1.0"));
    text.replace("  a@1.0.0:\n    dependencies:\n      b: 1.1.0\n", "  a@1.0.0: {}\n")
}

#[test]
fn a_lockfile_is_fixed_even_where_it_is_frozen() {
    let (_registry, project) = small();
    project.run(&["install", "--lockfile-only"]).ok();
    let good = project.read("pnpm-lock.yaml");
    assert_ne!(damage(&good), good);
    project.write("pnpm-lock.yaml", &damage(&good));
    project.run(&["install", "--frozen-lockfile", "--fix-lockfile"]).ok();
    assert_eq!(project.read("pnpm-lock.yaml"), good);
}

#[test]
fn checksums_are_taken_from_the_registry_when_asked_for() {
    let (registry, project) = small();
    project.run(&["install", "--lockfile-only"]).ok();
    let before = project.read("pnpm-lock.yaml");
    registry.publish(world("a: {versions: {1.0.0: {dependencies: {b: ^1.0.0}}}}\nb: {versions: {1.0.0: {}, 1.1.0: {files: {index.js: 'other'}}}}"));
    project.run(&["install", "--config.fetchRetries=0"]).fails_with("ERR_PNPM_TARBALL_INTEGRITY");
    project
        .run(&["install", "--frozen-lockfile", "--update-checksums"])
        .fails_with("ERR_PNPM_CONFIG_CONFLICT_FROZEN_LOCKFILE_WITH_UPDATE_CHECKSUMS");
    assert_eq!(project.read("pnpm-lock.yaml"), before);
    project.run(&["install", "--update-checksums"]).ok();
    assert_ne!(project.read("pnpm-lock.yaml"), before);
    assert_eq!(project.read("node_modules/.pnpm/b@1.1.0/node_modules/b/index.js"), "other");
}

#[test]
fn a_branch_has_its_own_lockfile_once_it_differs() {
    let (_registry, project) = small();
    project.write(".git/HEAD", "ref: refs/heads/Feat/One\n");
    project.run(&["install"]).ok();
    let common = project.read("pnpm-lock.yaml");
    project.write("pnpm-workspace.yaml", "gitBranchLockfile: true\n");
    project.run(&["install", "--frozen-lockfile"]).ok();
    assert!(!project.has("pnpm-lock.feat!one.yaml"));
    manifest(&project, &json!({ "a": "2.0.0" }));
    project.run(&["install"]).ok();
    assert_eq!(project.read("pnpm-lock.yaml"), common);
    let own = project.read("pnpm-lock.feat!one.yaml");
    assert!(own.contains("a@2.0.0:"), "{own}");
    assert!(project.run(&["install"]).ok().stdout.contains("Already up to date"));
    project.write(".git/HEAD", "0123456789012345678901234567890123456789\n");
    project.run(&["install", "--frozen-lockfile"]).fails_with("ERR_PNPM_OUTDATED_LOCKFILE");
}
