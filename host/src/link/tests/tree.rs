//! What is laid out, and what a later pass makes of it.

use super::*;

#[test]
fn the_tree_is_laid_out_as_pnpm_does() {
    let world = small_world();
    world.install();
    insta::assert_snapshot!(listing(&world.path("node_modules")).join("\n"), @r"
    .bin/app
    .modules.yaml
    .pnpm-workspace-state-v1.json
    .pnpm/.wasi-pm-tree
    .pnpm/@s+dep@1.0.0/node_modules/@s/dep/index.js
    .pnpm/@s+dep@1.0.0/node_modules/@s/dep/lib/deep/x.js
    .pnpm/@s+dep@1.0.0/node_modules/@s/dep/node_modules/.bin/dep
    .pnpm/app@1.0.0/node_modules/@s/dep -> ../../../@s+dep@1.0.0/node_modules/@s/dep
    .pnpm/app@1.0.0/node_modules/app/bin/cli.js
    .pnpm/app@1.0.0/node_modules/app/empty
    .pnpm/app@1.0.0/node_modules/app/node_modules/.bin/app
    .pnpm/app@1.0.0/node_modules/app/node_modules/.bin/dep
    .pnpm/lock.yaml
    .pnpm/node_modules/.bin/dep
    .pnpm/node_modules/@s/dep -> ../../@s+dep@1.0.0/node_modules/@s/dep
    app -> .pnpm/app@1.0.0/node_modules/app
    ");
    assert_eq!(world.text("node_modules/app/../@s/dep/index.js"), "dep");
    assert!(world.plan().is_empty(), "{}", world.plan());
}

#[test]
fn a_shim_runs_its_target_through_links_with_node_path_set() {
    let mut world = World::new();
    let tool = world.add("tool@1.0.0", &[("run.sh", "#!/bin/sh\necho \"$NODE_PATH $1\"\n")], &[]);
    world.bin(tool, "tool", "run.sh");
    world.want(tool);
    world.install();
    let link = world.folder.path().join("elsewhere");
    std::os::unix::fs::symlink(world.path("node_modules/.bin/tool"), &link).unwrap();
    let output = std::process::Command::new(&link).arg("a b").env_remove("NODE_PATH").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let here = fs::canonicalize(world.path("node_modules/.bin")).unwrap();
    let here = here.to_str().unwrap();
    let slot = "../.pnpm/tool@1.0.0/node_modules";
    assert_eq!(said, format!("{here}/{slot}/tool/node_modules:{here}/{slot}:{here}/../.pnpm/node_modules a b\n"));
}

#[test]
fn f08_empty_files_are_made_and_others_share_the_inode_of_the_store() {
    use std::os::unix::fs::MetadataExt as _;
    let world = small_world();
    world.install();
    let links = |path: &str| fs::metadata(world.path(path)).unwrap().nlink();
    assert_eq!(links("node_modules/.pnpm/app@1.0.0/node_modules/app/empty"), 1);
    assert_eq!(links("node_modules/.pnpm/@s+dep@1.0.0/node_modules/@s/dep/lib/deep/x.js"), 2);
}

#[test]
fn the_target_of_a_command_is_executable_and_the_stores_file_is_not_touched() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = small_world();
    world.install();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o111;
    assert_eq!(mode(world.path("node_modules/app/bin/cli.js")), 0o111);
    assert_eq!(mode(world.store(1).join("0")), 0);
}

#[test]
fn another_version_replaces_links_and_the_old_slot_goes() {
    let mut world = small_world();
    world.install();
    world.clear();
    let dep = world.add("@s/dep@2.0.0", &[("index.js", "two")], &[]);
    let app = world.add("app@1.0.0", &[("bin/cli.js", "#!/usr/bin/env node\n"), ("empty", "")], &[dep]);
    world.want(app);
    world.hoist(dep);
    let plan = world.plan();
    assert_eq!(plan.base, Base::Update);
    assert_eq!((plan.changes.added, plan.changes.removed), (1, 1));
    world.install();
    assert_eq!(world.text("node_modules/app/../@s/dep/index.js"), "two");
    assert_eq!(world.text("node_modules/.pnpm/node_modules/@s/dep/index.js"), "two");
    assert!(!world.path("node_modules/.pnpm/@s+dep@1.0.0").exists());
    assert!(!world.path("node_modules/.bin").exists());
    assert!(world.plan().is_empty());
}

#[test]
fn what_an_update_does_not_touch_needs_nothing_of_the_store_unless_it_has_executables() {
    let mut world = small_world();
    let built = world.add("built@1.0.0", &[("index.js", "")], &[]);
    let plain = world.add("plain@1.0.0", &[("index.js", "")], &[]);
    world.contents[built as usize].requires_build = true;
    world.want(built);
    world.want(plain);
    assert!(world.plan().reused.is_empty());
    world.install();
    let kept: Vec<(SnapshotIndex, bool)> = world.plan().reused.into_iter().collect();
    assert_eq!(kept, [(built, true), (plain, false)]);
    fs::remove_dir_all(world.path("node_modules/.pnpm/plain@1.0.0")).unwrap();
    let kept: Vec<SnapshotIndex> = world.plan().reused.into_keys().collect();
    assert_eq!(kept, [built], "a slot that is gone is made again, from the store");
}

#[test]
fn a_removed_dependency_takes_its_link_slot_and_shims_along() {
    let mut world = small_world();
    world.install();
    world.clear();
    fs::create_dir_all(world.folder.path().join("store")).unwrap();
    let plan = world.plan();
    assert_eq!((plan.changes.removed, plan.changes.roots_removed.len()), (2, 1));
    world.install();
    assert!(!fs::exists(world.path("node_modules/app")).unwrap());
    assert!(!world.path("node_modules/.bin").exists());
    assert!(!world.path("node_modules/.pnpm/app@1.0.0").exists());
    assert!(!fs::exists(world.path("node_modules/.pnpm/node_modules/@s/dep")).unwrap());
}

#[test]
fn a_command_that_two_packages_offer_goes_to_the_one_of_its_name_then_to_the_first() {
    let mut world = World::new();
    for id in ["aaa@1.0.0", "tool@1.0.0", "bbb@1.0.0"] {
        let package = world.add(id, &[("x.js", id)], &[]);
        world.bin(package, "tool", "x.js");
        world.want(package);
        if id != "tool@1.0.0" {
            world.bin(package, "other", "x.js");
        }
    }
    world.install();
    let leads = |name: &str| world.text(name).lines().last().unwrap().to_owned();
    assert!(leads("node_modules/.bin/tool").contains("tool@1.0.0"));
    assert!(leads("node_modules/.bin/other").contains("aaa@1.0.0"));
}

#[test]
fn folders_with_few_and_with_many_files_are_made_alike() {
    let many = (0..20).map(|at| format!("a/many/{at:02}.js")).chain((0..20).map(|at| format!("b/{at:02}/x.js")));
    let few = ["a/b.js", "a/few/deep/er/x.js", "a/few/y.js", "a/many/deep/z.js", "z.js"].map(ToOwned::to_owned);
    let mut paths: Vec<String> = many.chain(few).collect();
    paths.sort();
    let files: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), path.as_str())).collect();
    let mut world = World::new();
    let plain = world.add("plain@1.0.0", &files, &[]);
    let scoped = world.add("@s/scoped@1.0.0", &files, &[plain]);
    let both = world.add("@s/both@1.0.0", &[("index.js", "both")], &[plain, scoped]);
    world.want(both);
    world.install();
    for package in ["plain", "@s/scoped"] {
        let folder = world.path("node_modules/@s/both/../..").join(package);
        assert_eq!(listing(&folder), paths, "{package}");
        assert!(paths.iter().all(|path| fs::read_to_string(folder.join(path)).unwrap() == *path), "{package}");
    }
    assert!(world.plan().is_empty());
}
