use std::os::unix::fs::{MetadataExt as _, symlink};

use super::*;
use crate::{
    generate::generate,
    registry::{Registry, tarball_path},
};

fn tree(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (name, kind) = (entry.file_name().into_string().unwrap(), entry.file_type().unwrap());
        if kind.is_symlink() {
            found.push(format!("{name} -> {}", fs::read_link(entry.path()).unwrap().display()));
        } else if kind.is_file() {
            found.push(format!("{name} {}", entry.metadata().unwrap().ino()));
        } else {
            found.extend(tree(&entry.path()).into_iter().map(|below| format!("{name}/{below}")));
        }
    }
    found.sort();
    found
}

#[test]
fn the_floor_is_the_same_tree_of_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let modules = folder.path().join("node_modules");
    for slot in ["a@1.0.0", "b@1.0.0"] {
        let home = modules.join(".pnpm").join(slot).join("node_modules").join(&slot[..1]);
        fs::create_dir_all(home.join("lib")).unwrap();
        fs::write(home.join("package.json"), slot).unwrap();
        fs::write(home.join("lib/index.js"), slot).unwrap();
    }
    symlink("../../b@1.0.0/node_modules/b", modules.join(".pnpm/a@1.0.0/node_modules/b")).unwrap();
    symlink(".pnpm/a@1.0.0/node_modules/a", modules.join("a")).unwrap();
    fs::write(modules.join(".modules.yaml"), "x").unwrap();
    let mut floor = Floor::of(&modules, &folder.path().join("floor"), &Asked::default()).unwrap();
    assert!(floor.measure("", false).unwrap().wall > 0.0);
    assert_eq!(tree(&folder.path().join("floor/made/1")), tree(&modules));
    floor.measure("", false).unwrap();
    floor.sweep();
    assert!(!folder.path().join("floor/made").exists());
}

#[test]
fn a_tree_without_slots_has_no_floor() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("node_modules/a")).unwrap();
    assert!(Floor::of(&folder.path().join("node_modules"), &folder.path().join("floor"), &Asked::default()).is_err());
}

#[test]
fn all_that_is_cold_is_fetched_and_every_file_written() {
    let folder = tempfile::tempdir().unwrap();
    let slot = folder.path().join("node_modules/.pnpm/a@1.0.0/node_modules/a");
    fs::create_dir_all(&slot).unwrap();
    fs::write(slot.join("package.json"), "x").unwrap();
    let registry = Registry::start(None).unwrap();
    generate("peers:2").unwrap().publish(&registry).unwrap();
    let tarballs = ["layer-0-0", "layer-0-1", "provider"].map(|name| tarball_path(name, "1.0.0"));
    let of = |packuments: &[&str], tarballs: &[String]| {
        let packuments = packuments.iter().map(|name| (*name).to_owned()).collect();
        let fetched = Asked { packuments, tarballs: tarballs.to_vec(), ..Asked::default() };
        Floor::of(&folder.path().join("node_modules"), &folder.path().join("f"), &fetched)
    };
    let mut floor = of(&["layer-0-0", "provider"], &tarballs).unwrap();
    floor.measure(&registry.url, false).unwrap();
    assert_eq!(registry.counts(), (2, 3));
    let stored = tree(&folder.path().join("f/made/1-store"));
    assert_eq!(stored.len(), 12, "three packages of four files: {stored:?}");
    assert_eq!(tree(&folder.path().join("f/made/1")), tree(&folder.path().join("node_modules")));
    fs::remove_dir_all(folder.path().join("f")).unwrap();
    assert!(of(&[], &["no/-/no-1.0.0.tgz".to_owned()]).unwrap().measure(&registry.url, false).is_err());
    fs::remove_dir_all(folder.path().join("f")).unwrap();
    assert!(of(&["no"], &[]).unwrap().measure(&registry.url, false).is_err());
}
