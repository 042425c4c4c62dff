//! What the tests share: the program under test, small worlds, and questions about a tree.

use std::{fs, path::Path};

use serde_json::json;
use tests::{project::Project, registry::Registry, world::World};

/// The program under test: the same `main` as `wasi-pm`, built beside the tests.
pub(crate) fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_wasi-pm-under-test")
}

/// A world from YAML.
pub(crate) fn world(yaml: &str) -> World {
    serde_saphyr::from_str(yaml).unwrap()
}

/// Two packages, one of which needs the other and has an executable.
pub(crate) fn small_world() -> World {
    world(
        r##"
a: {versions: {1.0.0: {dependencies: {b: ^1.0.0}, bin: {a: cli.js}, files: {cli.js: "#!/usr/bin/env node\nconsole.log('a says', require('b'))\n", index.js: "module.exports = require('b')\n"}}, 2.0.0: {}}}
b: {versions: {1.0.0: {}, 1.1.0: {}}}
"##,
    )
}

/// A registry with the small world and a project that depends on `a`.
pub(crate) fn small() -> (Registry, Project) {
    let registry = Registry::start(small_world());
    let project = Project::new(&registry.url, binary());
    manifest(&project, &json!({ "a": "^1.0.0" }));
    (registry, project)
}

/// Writes a manifest with these dependencies.
pub(crate) fn manifest(project: &Project, dependencies: &serde_json::Value) {
    let text = json!({ "name": "p", "version": "1.0.0", "private": true, "dependencies": dependencies });
    project.write("package.json", &format!("{text:#}\n"));
}

/// Every path below a folder with what it is: `path`, `path -> target`, `path x` for an executable file. State files
/// that name this machine's folders are left out.
pub(crate) fn tree(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found.sort();
    found
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        let kind = path.symlink_metadata().unwrap();
        if kind.is_symlink() {
            found.push(format!("{name} -> {}", fs::read_link(&path).unwrap().display()));
        } else if kind.is_dir() {
            found.push(format!("{name}/"));
            walk(root, &path, found);
        } else if kind.permissions().mode() & 0o111 != 0 {
            found.push(format!("{name} x"));
        } else {
            found.push(name);
        }
    }
}

/// Runs a Node program text in the project; its output.
pub(crate) fn node(project: &Project, text: &str) -> String {
    let mut command = std::process::Command::new("node");
    project.isolate(&mut command);
    let output = command.args(["-e", text]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
