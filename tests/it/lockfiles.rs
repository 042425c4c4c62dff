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
fn a_dry_run_writes_no_lockfile() {
    let (_registry, project) = small();
    for arguments in [&["install", "--dry-run"][..], &["install", "--dry-run", "--lockfile-only"]] {
        let run = project.run(arguments);
        assert!(run.ok().stdout.contains("+ a 1.0.0"), "{}", run.stdout);
        assert!(!project.has("pnpm-lock.yaml"), "{arguments:?}");
    }
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
    registry.publish(world("a: {versions: {1.0.0: {dependencies: {b: ^1.0.0}}}}\nb: {versions: {1.0.0: {}, 1.1.0: {files: {index.js: 'third'}}}}"));
    let run = project.run(&["install", "--update-checksums"]);
    assert!(run.ok().stdout.contains("Packages: +1 -1\n"), "{}", run.stdout);
    assert_eq!(project.read("node_modules/.pnpm/b@1.1.0/node_modules/b/index.js"), "third");
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

/// A common lockfile, and one of a branch that depends on `a` 2.0.0 besides; the manifest is that of the branch.
fn with_a_branch() -> (tests::registry::Registry, tests::project::Project) {
    let (registry, project) = small();
    project.run(&["install"]).ok();
    let common = project.read("pnpm-lock.yaml");
    manifest(&project, &json!({ "a": "^1.0.0", "second": "npm:a@2.0.0" }));
    project.run(&["install"]).ok();
    project.write("pnpm-lock.feat!one.yaml", &project.read("pnpm-lock.yaml"));
    project.write("pnpm-lock.yaml", &common);
    (registry, project)
}

#[test]
fn merged_lockfiles_of_branches_are_written_and_removed() {
    for arguments in [&["install", "--frozen-lockfile"][..], &["install", "--lockfile-only"], &["install"], &["ci"]] {
        let (_registry, project) = with_a_branch();
        project.run(&[arguments, &["--config.mergeGitBranchLockfiles=true"]].concat()).ok();
        assert!(project.read("pnpm-lock.yaml").contains("specifier: npm:a@2.0.0"), "{arguments:?}");
        assert!(!project.has("pnpm-lock.feat!one.yaml"), "{arguments:?}");
    }
}

#[test]
fn a_dry_run_merges_nothing() {
    let (_registry, project) = with_a_branch();
    let common = project.read("pnpm-lock.yaml");
    project.run(&["install", "--merge-git-branch-lockfiles", "--dry-run"]).ok();
    assert_eq!(project.read("pnpm-lock.yaml"), common);
    assert!(project.has("pnpm-lock.feat!one.yaml"));
}

#[test]
fn a_failed_installation_keeps_the_lockfiles_of_branches() {
    let (_registry, project) = with_a_branch();
    let (common, branch) = (project.read("pnpm-lock.yaml"), project.read("pnpm-lock.feat!one.yaml"));
    manifest(&project, &json!({ "a": "^1.0.0", "second": "npm:a@2.0.0", "b": "1.0.0" }));
    let frozen = ["install", "--merge-git-branch-lockfiles", "--frozen-lockfile"];
    project.run(&frozen).fails_with("ERR_PNPM_OUTDATED_LOCKFILE");
    manifest(&project, &json!({ "a": "^1.0.0", "second": "npm:a@2.0.0", "none": "1.0.0" }));
    project.run(&["install", "--merge-git-branch-lockfiles"]).fails_with("ERR_PNPM_FETCH_404");
    assert_eq!(project.read("pnpm-lock.yaml"), common);
    assert_eq!(project.read("pnpm-lock.feat!one.yaml"), branch);
}

#[test]
fn a_lockfile_of_a_branch_that_cannot_be_read_stops_all_and_loses_nothing() {
    let broken = "lockfileVersion: '9.0'\nimporters: [\n";
    let old = "lockfileVersion: '6.0'\n";
    let hostile = "lockfileVersion: '9.0'\npackages:\n  ../../evil@1.0.0:\n    resolution: {integrity: sha512-AA==}\n";
    for (text, code) in [
        (broken, "ERR_PNPM_BROKEN_LOCKFILE"),
        (old, "ERR_PNPM_LOCKFILE_BREAKING_CHANGE"),
        (hostile, "ERR_PNPM_INVALID_DEPENDENCY_NAME"),
    ] {
        let (_registry, project) = with_a_branch();
        let (common, branch) = (project.read("pnpm-lock.yaml"), project.read("pnpm-lock.feat!one.yaml"));
        project.write("pnpm-lock.two.yaml", text);
        let run = project.run(&["install", "--merge-git-branch-lockfiles"]);
        run.fails_with(code);
        let is_named = run.stderr.contains("pnpm-lock.two.yaml: ");
        assert!(is_named || code == "ERR_PNPM_INVALID_DEPENDENCY_NAME", "{}", run.stderr);
        assert_eq!(project.read("pnpm-lock.yaml"), common);
        assert_eq!(project.read("pnpm-lock.feat!one.yaml"), branch);
        assert_eq!(project.read("pnpm-lock.two.yaml"), text);
    }
    let (_registry, project) = with_a_branch();
    std::fs::create_dir(project.dir().join("pnpm-lock.folder.yaml")).unwrap();
    let run = project.run(&["install", "--merge-git-branch-lockfiles"]);
    run.fails_with("ERR_PNPM_LOCKFILE_READ_FILE");
    assert!(run.stderr.contains("pnpm-lock.folder.yaml"), "{}", run.stderr);
    assert!(project.has("pnpm-lock.feat!one.yaml"));
}

#[test]
fn while_branches_are_merged_nothing_is_taken_for_up_to_date() {
    let (_registry, project) = small();
    let merging = ["install", "--merge-git-branch-lockfiles-branch-pattern=ma*"];
    project.write(".git/HEAD", "ref: refs/heads/main\n");
    project.run(&merging).ok();
    project.write("pnpm-lock.one.yaml", "not: [a lockfile");
    project.run(&merging).fails_with("ERR_PNPM_BROKEN_LOCKFILE");
    assert!(project.run(&["install"]).ok().stdout.contains("Already up to date"));
}

#[test]
fn without_a_common_lockfile_those_of_branches_go_unread_with_a_warning() {
    let (_registry, project) = small();
    project.write("pnpm-lock.one.yaml", "not: [a lockfile");
    let run = project.run(&["install", "--merge-git-branch-lockfiles"]);
    run.ok();
    assert!(format!("{}{}", run.stdout, run.stderr).contains("pnpm-lock.one.yaml"), "{run:?}");
    assert!(!project.has("pnpm-lock.one.yaml"));
    assert!(project.read("pnpm-lock.yaml").contains("b@1.1.0:"));
}

#[test]
fn lockfiles_of_branches_stay_while_scripts_are_undecided() {
    let registry = tests::registry::Registry::start(world("built: {versions: {1.0.0: {scripts: {install: 'true'}}}}"));
    let project = tests::project::Project::new(&registry.url, crate::support::binary());
    manifest(&project, &json!({ "built": "1" }));
    project.run(&["install", "--lockfile-only"]).ok();
    project.write("pnpm-lock.one.yaml", &project.read("pnpm-lock.yaml"));
    project.run(&["install", "--merge-git-branch-lockfiles"]).fails_with("ERR_PNPM_IGNORED_BUILDS");
    assert!(project.has("pnpm-lock.one.yaml"));
    project.run(&["install", "--merge-git-branch-lockfiles", "--config.strictDepBuilds=false"]).ok();
    assert!(!project.has("pnpm-lock.one.yaml"));
}
