//! Which files are written, in which order, and which must not be.

use std::{fs, os::unix::fs::symlink};

use wit::ImporterId;

use super::*;
use crate::engine::CatalogEntry;

/// A workspace with two projects, in a folder beside which there is another.
struct World(tempfile::TempDir);

impl World {
    fn new() -> Self {
        let world = Self(tempfile::tempdir().unwrap());
        world.put("in/pnpm-workspace.yaml", "packages: [w]\ncatalog:\n  b: 1.0.0\n");
        for path in ["in/package.json", "in/w/package.json", "out/package.json"] {
            world.put(path, "{}");
        }
        world
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn put(&self, path: &str, text: &str) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), text).unwrap();
    }

    /// Puts a link in the place of a file.
    fn link(&self, path: &str, target: &str) {
        fs::remove_file(self.path(path)).unwrap();
        symlink(self.path(target), self.path(path)).unwrap();
    }

    fn project(&self) -> Project {
        let place = config::project::locate(&self.path("in")).unwrap();
        config::project::discover(&place, None).unwrap()
    }
}

fn saved() -> Saved {
    let entry = |alias: &str| CatalogEntry {
        catalog: "default".to_owned(),
        alias: alias.to_owned(),
        specifier: "^1.0.0".to_owned(),
    };
    let manifest = |id: &str| (ImporterId::parse(id).unwrap(), "{\"new\":1}".to_owned());
    Saved { manifests: vec![manifest("."), manifest("w")], catalogs: vec![entry("a")] }
}

#[test]
fn catalogs_are_written_before_the_manifests_that_refer_to_them() {
    let world = World::new();
    let files = files(&world.project(), &saved()).unwrap();
    let paths: Vec<&Path> = files.iter().map(|file| file.path.strip_prefix(world.path("in")).unwrap()).collect();
    assert_eq!(paths, ["pnpm-workspace.yaml", "package.json", "w/package.json"].map(Path::new));
    assert!(files[0].text.ends_with("  a: ^1.0.0\n  b: 1.0.0\n"), "{}", files[0].text);
}

#[test]
fn a_link_is_written_through_only_into_the_workspace() {
    let world = World::new();
    world.link("in/w/package.json", "in/package.json");
    let within = files(&world.project(), &saved()).unwrap();
    assert_eq!(within[2].real, world.path("in/package.json").canonicalize().unwrap());
    world.link("in/w/package.json", "out/package.json");
    let refused = files(&world.project(), &saved()).unwrap_err();
    assert_eq!(refused[0].code, "ERR_PNPM_PACKAGE_MANIFEST_IO_ERROR");
}

#[test]
fn a_manifest_that_has_changed_or_gone_meanwhile_is_not_written() {
    let world = World::new();
    let project = world.project();
    world.put("in/w/package.json", "{\"mine\":1}");
    assert_eq!(files(&project, &saved()).unwrap_err()[0].code, "ERR_WASI_PM_MANIFEST_CHANGED");
    fs::remove_file(world.path("in/w/package.json")).unwrap();
    assert_eq!(files(&project, &saved()).unwrap_err()[0].code, "ERR_PNPM_PACKAGE_MANIFEST_IO_ERROR");
}

#[test]
fn what_stands_in_the_place_of_the_temporary_file_is_not_written_through() {
    let world = World::new();
    let aside = world.path("in").join(format!(".package.json.{}.tmp", std::process::id()));
    symlink(world.path("out/package.json"), &aside).unwrap();
    replace::file(&world.path("in/package.json"), "new").unwrap();
    assert_eq!(fs::read_to_string(world.path("in/package.json")).unwrap(), "new");
    assert_eq!(fs::read_to_string(world.path("out/package.json")).unwrap(), "{}");
    assert!(!world.path("in/package.json").is_symlink() && !aside.exists());
}
