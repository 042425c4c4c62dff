use std::fs;

use store::Limits;
use tempfile::{TempDir, tempdir};

use super::folder;

fn packed(files: &[(&str, &str)]) -> (TempDir, Vec<String>) {
    let root = tempdir().unwrap();
    for (path, text) in files {
        let at = root.path().join(path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(at, text).unwrap();
    }
    let packed = folder(root.path(), &Limits::default()).unwrap().into_iter().map(|file| file.path).collect();
    (root, packed)
}

#[test]
fn the_files_field_decides_and_some_files_are_always_part_of_it() {
    let manifest = r#"{"files":["dist","./lib/*.js"],"main":"start.js","bin":{"x":"./bin/x"}}"#;
    let (_root, packed) = packed(&[
        ("package.json", manifest),
        ("README.md", ""),
        ("LICENSE", ""),
        ("start.js", ""),
        ("bin/x", ""),
        ("bin/y", ""),
        ("dist/a/b.js", ""),
        ("dist/.npmrc", ""),
        ("lib/a.js", ""),
        ("lib/deep/a.js", ""),
        ("src/a.ts", ""),
        (".gitignore", "dist"),
        ("node_modules/x/index.js", ""),
        ("pnpm-lock.yaml", ""),
    ]);
    assert_eq!(packed, ["LICENSE", "README.md", "bin/x", "dist/a/b.js", "lib/a.js", "package.json", "start.js"]);
}

#[test]
fn npmignore_wins_over_gitignore() {
    let files = [("package.json", "{}"), (".gitignore", "a.js"), ("a.js", ""), ("b.js", ""), ("x/.gitignore", "c")];
    let (_root, by_git) = packed(&[&files[..], &[("x/c", ""), ("x/d", "")]].concat());
    assert_eq!(by_git, ["b.js", "package.json", "x/d"]);
    let (_root, by_npm) = packed(&[&files[..], &[(".npmignore", "b.js"), ("x/c", "")]].concat());
    assert_eq!(by_npm, ["a.js", "package.json", "x/c"]);
}

#[test]
fn bundled_packages_come_with_what_they_need() {
    let (_root, packed) = packed(&[
        ("package.json", r#"{"bundleDependencies":["in","../../etc"]}"#),
        ("node_modules/in/package.json", r#"{"dependencies":{"deep":"1"}}"#),
        ("node_modules/in/i.js", ""),
        ("node_modules/deep/package.json", "{}"),
        ("node_modules/out/package.json", "{}"),
    ]);
    assert_eq!(
        packed,
        ["node_modules/deep/package.json", "node_modules/in/i.js", "node_modules/in/package.json", "package.json"]
    );
}

#[test]
fn links_are_not_followed() {
    let (root, _) = packed(&[("package.json", r#"{"main":"secret"}"#), ("a.js", "")]);
    std::os::unix::fs::symlink("/etc/hostname", root.path().join("secret")).unwrap();
    std::os::unix::fs::symlink("/etc", root.path().join("etc")).unwrap();
    let packed = folder(root.path(), &Limits::default()).unwrap();
    let paths: Vec<&str> = packed.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["a.js", "package.json"]);
}

#[test]
fn a_manifest_or_an_ignore_file_that_is_a_link_is_not_read() {
    let (root, _) = packed(&[("a.js", ""), ("b.js", "")]);
    let outside = tempdir().unwrap();
    fs::write(outside.path().join("manifest"), r#"{"files":["a.js"]}"#).unwrap();
    std::os::unix::fs::symlink(outside.path().join("manifest"), root.path().join("package.json")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", root.path().join(".npmignore")).unwrap();
    let packed = folder(root.path(), &Limits::default()).unwrap();
    let paths: Vec<&str> = packed.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["a.js", "b.js"]);
}

#[test]
fn a_file_beyond_the_limit_is_refused() {
    let (root, _) = packed(&[("a.js", "1234")]);
    let small = Limits { entry: 3, ..Limits::default() };
    assert!(folder(root.path(), &small).unwrap_err().to_string().contains("size of a file"));
}
