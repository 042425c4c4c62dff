//! The global virtual store: slots that projects share, as pnpm lays them out.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::json;
use tests::{
    project::{Project, Run},
    registry::Registry,
};

use crate::support::{binary, manifest, node, small, small_world, tree, world};

const GLOBAL: &str = "--config.enableGlobalVirtualStore=true";

fn install(project: &Project) -> Run {
    project.run(&["install", GLOBAL])
}

fn links(project: &Project) -> PathBuf {
    project.store().join("v1/links")
}

/// The slots that stand, as `<scope>/<name>/<version>/<digest>`.
fn slots(links: &Path) -> Vec<PathBuf> {
    let below = |folders: Vec<PathBuf>| -> Vec<PathBuf> {
        let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
    };
    let scopes: Vec<PathBuf> = below(vec![links.to_owned()]);
    let scopes = scopes.into_iter().filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with('@'));
    let mut slots = below(below(below(scopes.collect())));
    slots.sort();
    slots
}

fn slot_of(project: &Project, name: &str) -> PathBuf {
    let target = fs::canonicalize(project.dir().join("node_modules").join(name)).unwrap();
    target.parent().unwrap().parent().unwrap().to_owned()
}

#[test]
fn slots_stand_in_the_store_and_the_project_links_to_them() {
    let (_registry, project) = small();
    install(&project).ok();
    let slot = slot_of(&project, "a");
    assert!(slot.starts_with(fs::canonicalize(links(&project)).unwrap().join("@/a/1.0.0")), "{}", slot.display());
    assert_eq!(slots(&links(&project)).len(), 2);
    assert!(slot.join("node_modules/b").is_symlink());
    assert_eq!(node(&project, "require('a')"), "");
    let said = std::process::Command::new(project.dir().join("node_modules/.bin/a")).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let inside = tree(&project.dir().join("node_modules/.pnpm"));
    assert!(inside.iter().any(|line| line.starts_with("node_modules/b -> ")), "{inside:#?}");
    assert!(!inside.iter().any(|line| line.contains("@1.0.0")), "{inside:#?}");
    let yaml: serde_json::Value = serde_json::from_str(&project.read("node_modules/.modules.yaml")).unwrap();
    let named = project.dir().join("node_modules").join(yaml["virtualStoreDir"].as_str().unwrap());
    assert_eq!(fs::canonicalize(named).unwrap(), fs::canonicalize(links(&project)).unwrap());
    assert_eq!(project.read("node_modules/.pnpm/lock.yaml"), project.read("pnpm-lock.yaml"));
}

#[test]
fn a_slot_that_stands_is_used_untouched_and_nothing_of_its_package_is_needed() {
    use std::os::unix::fs::MetadataExt as _;
    let (_registry, project) = small();
    install(&project).ok();
    let slot = slot_of(&project, "a");
    let seen = |slot: &Path| (fs::metadata(slot).unwrap().ino(), fs::metadata(slot).unwrap().ctime_nsec());
    let before = seen(&slot);
    fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
    project.run(&["install", GLOBAL, "--frozen-lockfile", "--offline"]).ok();
    assert_eq!(seen(&slot), before);
    assert!(install(&project).ok().stdout.contains("Already up to date"));
}

#[test]
fn a_slot_without_its_mark_is_not_trusted() {
    let (_registry, project) = small();
    install(&project).ok();
    let slot = slot_of(&project, "a");
    fs::remove_file(slot.join(".wasi-pm")).unwrap();
    fs::remove_file(slot.join("node_modules/a/index.js")).unwrap();
    fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
    project.run(&["install", GLOBAL, "--frozen-lockfile"]).ok();
    assert!(slot.join("node_modules/a/index.js").is_file());
    assert!(slot.join(".wasi-pm").is_symlink());
}

#[test]
fn a_link_in_the_store_is_not_followed_out_of_it() {
    let (_registry, project) = small();
    let outside = tempfile::tempdir().unwrap();
    fs::create_dir_all(links(&project).join("@")).unwrap();
    std::os::unix::fs::symlink(outside.path(), links(&project).join("@/a")).unwrap();
    let run = install(&project);
    assert_ne!(run.code, Some(0), "{}", run.stdout);
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn a_store_that_is_gone_and_another_setting_are_noticed() {
    let (_registry, project) = small();
    install(&project).ok();
    fs::remove_dir_all(links(&project)).unwrap();
    install(&project).ok();
    assert_eq!(node(&project, "require('a')"), "");
    project.run(&["install"]).ok();
    assert!(project.dir().join("node_modules/.pnpm/a@1.0.0").is_dir());
    let own = fs::canonicalize(project.dir().join("node_modules/a")).unwrap();
    assert!(own.starts_with(fs::canonicalize(project.dir()).unwrap()), "{}", own.display());
    install(&project).ok();
    assert!(!project.dir().join("node_modules/.pnpm/a@1.0.0").exists());
    assert_eq!(node(&project, "require('a')"), "");
}

#[test]
fn several_installations_at_once_share_one_store() {
    let registry = Registry::start(small_world());
    let first = Project::new(&registry.url, binary());
    let others: Vec<Project> = (0..4).map(|_| Project::new(&registry.url, binary())).collect();
    let store = format!("--store-dir={}", first.store().display());
    for project in others.iter().chain([&first]) {
        manifest(project, &json!({ "a": "^1.0.0" }));
    }
    std::thread::scope(|scope| {
        for project in others.iter().chain([&first]) {
            let store = &store;
            scope.spawn(move || project.run(&["install", GLOBAL, store]).ok().code);
        }
    });
    assert_eq!(slots(&links(&first)).len(), 2);
    for project in &others {
        assert_eq!(slot_of(project, "a"), slot_of(&first, "a"));
    }
}

#[test]
fn prune_frees_what_no_project_uses() {
    let (_registry, project) = small();
    install(&project).ok();
    let other = slot_of(&project, "a");
    manifest(&project, &json!({ "a": "^2.0.0" }));
    install(&project).ok();
    assert!(other.is_dir(), "only prune removes slots");
    let said = project.run(&["store", "prune"]);
    assert!(said.ok().stdout.contains("Removed 2 slots"), "{}", said.stdout);
    assert!(!other.exists());
    assert!(slot_of(&project, "a").is_dir());
    fs::remove_dir_all(project.dir()).unwrap();
    fs::create_dir(project.dir()).unwrap();
    project.run(&["store", "prune"]).ok();
    assert_eq!(slots(&links(&project)).len(), 0);
}

#[test]
fn prune_frees_a_folder_of_ones_own_and_nothing_there_that_is_no_slot() {
    let (registry, project) = small();
    let links = project.dir().join("../elsewhere");
    fs::create_dir(&links).unwrap();
    let links = fs::canonicalize(links).unwrap();
    let settings = format!("enableGlobalVirtualStore: true\nglobalVirtualStoreDir: {}\n", links.display());
    project.write("pnpm-workspace.yaml", &settings);
    project.run(&["install"]).ok();
    let theirs = links.join("@scope/name/lib/file");
    fs::create_dir_all(&theirs).unwrap();
    let before = slots(&links).len();
    manifest(&project, &json!({ "b": "^1.0.0" }));
    project.run(&["install"]).ok();
    let other = Project::new(&registry.url, binary()); // of another store, which shares the folder
    manifest(&other, &json!({ "b": "1.0.0" }));
    other.write("pnpm-workspace.yaml", &settings);
    other.run(&["install"]).ok();
    let said = project.run(&["store", "prune"]);
    assert!(said.ok().stdout.contains("Removed 1 slots of the global virtual store"), "{}", said.stdout);
    assert_eq!(slots(&links).len(), before, "one is gone, one of the other project has come");
    assert!(theirs.exists());
    for project in [&project, &other] {
        node(project, "require('b')");
    }
}

#[test]
fn prune_keeps_everything_while_a_project_cannot_tell_what_it_uses() {
    let (_registry, project) = small();
    install(&project).ok();
    fs::remove_file(project.dir().join("node_modules/.pnpm/.wasi-pm-tree")).unwrap();
    let said = project.run(&["store", "prune"]);
    assert!(said.ok().stdout.contains("Kept all slots"), "{}", said.stdout);
    assert_eq!(slots(&links(&project)).len(), 2);
}

#[test]
fn a_package_that_does_not_bear_shared_slots_switches_them_off_with_a_notice() {
    let registry = Registry::start(world("next: {versions: {1.0.0: {}}}\na: {versions: {1.0.0: {}}}"));
    let project = Project::new(&registry.url, binary());
    let is_shared = || project.store().join("v1/links").exists();
    for dependencies in [json!({ "next": "1" }), json!({ "framework": "npm:next@1" })] {
        manifest(&project, &dependencies);
        let run = install(&project);
        run.ok();
        assert!(format!("{}{}", run.stdout, run.stderr).contains("Turbopack"), "{run:?}");
        assert!(project.dir().join("node_modules/.pnpm/next@1.0.0/node_modules/next").is_dir());
        assert!(!is_shared(), "{dependencies}");
    }
    project.write("pnpm-workspace.yaml", "disableGlobalVirtualStoreForPackages: []\n");
    let run = install(&project);
    run.ok();
    assert!(!format!("{}{}", run.stdout, run.stderr).contains("Turbopack"), "{run:?}");
    assert!(is_shared());
    project.write("pnpm-workspace.yaml", "disableGlobalVirtualStoreForPackages: [a]\n");
    manifest(&project, &json!({ "a": "1" }));
    let run = install(&project);
    run.ok();
    assert!(format!("{}{}", run.stdout, run.stderr).contains("the dependency a"), "{run:?}");
    assert!(project.dir().join("node_modules/.pnpm/a@1.0.0/node_modules/a").is_dir());
}

#[test]
fn a_package_that_somebody_removed_is_built_anew() {
    for flags in [&["install"][..], &["install", GLOBAL]] {
        let (_registry, project) = small();
        project.run(flags).ok();
        let package = fs::canonicalize(project.dir().join("node_modules/a")).unwrap();
        fs::remove_dir_all(&package).unwrap();
        project.run(flags).ok();
        assert_eq!(node(&project, "require('a')"), "", "{flags:?}");
        fs::remove_file(project.dir().join("node_modules/a")).unwrap();
        project.run(flags).ok();
        assert_eq!(node(&project, "require('a')"), "", "{flags:?}");
    }
}

#[test]
fn a_project_that_was_elsewhere_while_its_slots_were_pruned_is_installed_anew() {
    let (_registry, project) = small();
    install(&project).ok();
    let aside = project.dir().with_extension("aside");
    fs::rename(project.dir(), &aside).unwrap();
    fs::create_dir(project.dir()).unwrap();
    fs::copy(aside.join("pnpm-workspace.yaml"), project.dir().join("pnpm-workspace.yaml")).ok();
    project.run(&["store", "prune"]).ok();
    fs::remove_dir_all(project.dir()).unwrap();
    fs::rename(&aside, project.dir()).unwrap();
    assert_eq!(slots(&links(&project)).len(), 0);
    install(&project).ok();
    assert_eq!(node(&project, "require('a')"), "");
    project.run(&["store", "prune"]).ok();
    assert_eq!(slots(&links(&project)).len(), 2, "it is registered again");
}
