//! `sharedWorkspaceLockfile: false`: each project of a workspace is an installation of its own. What is expected is
//! what pnpm 12.21 leaves behind.

use serde_json::json;
use tests::{project::Project, registry::Registry};

use crate::support::{binary, small_world};

const SETTINGS: &str = "packages: ['packages/*']\nsharedWorkspaceLockfile: false\n";

/// `app` needs `tool` needs `base`; the root develops with `app`.
fn workspace(settings: &str) -> (Registry, Project) {
    let registry = Registry::start(small_world());
    let project = Project::new(&registry.url, binary());
    let scripts = |name: &str| json!({ "postinstall": format!("echo {name} >> $INIT_CWD/order.txt") });
    project.write("pnpm-workspace.yaml", &format!("{SETTINGS}{settings}"));
    let root = json!({ "name": "root", "devDependencies": { "app": "workspace:*" }, "scripts": scripts("root") });
    project.write("package.json", &root.to_string());
    for (name, needed, bin) in
        [("app", Some("tool"), None), ("tool", Some("base"), Some("cli.js")), ("base", None, None)]
    {
        let mut manifest = json!({ "name": name, "version": "1.0.0", "scripts": scripts(name) });
        let mut dependencies = json!({ "a": if name == "app" { "^1.0.0" } else { "catalog:" } });
        if let Some(needed) = needed {
            dependencies[needed] = "workspace:^".into();
        }
        if let Some(bin) = bin {
            manifest["bin"] = bin.into();
        }
        manifest["dependencies"] = dependencies;
        project.write(&format!("packages/{name}/package.json"), &manifest.to_string());
    }
    project.write("packages/tool/cli.js", "#!/usr/bin/env node\nconsole.log('tool');\n");
    (registry, project)
}

#[test]
fn every_project_has_a_lockfile_and_a_tree_of_its_own() {
    let (_registry, project) = workspace("catalog: {a: 2.0.0, b: 1.0.0}\n");
    project.run(&["install"]).ok();
    let lockfiles = ["", "packages/app/", "packages/tool/", "packages/base/"];
    let app = project.read("packages/app/pnpm-lock.yaml");
    let importers = "importers:\n\n  .:\n    dependencies:\n      a:\n        specifier: ^1.0.0\n        version: 1.0.0\n      \
                     tool:\n        specifier: workspace:^\n        version: link:../tool\n\npackages:\n";
    assert!(app.contains(importers) && !app.contains("catalogs:") && !app.contains("a@2.0.0"), "{app}");
    let tool = project.read("packages/tool/pnpm-lock.yaml");
    let catalogs = "catalogs:\n  default:\n    a:\n      specifier: 2.0.0\n      version: 2.0.0\n";
    assert!(tool.contains(catalogs) && tool.contains("version: link:../base\n"), "{tool}");
    assert!(project.read("pnpm-lock.yaml").contains("version: link:packages/app\n"));
    for folder in lockfiles {
        assert!(project.has(&format!("{folder}node_modules/.modules.yaml")), "{folder}");
        assert!(project.has(&format!("{folder}node_modules/.pnpm-workspace-state-v1.json")), "{folder}");
    }
    let link = |path: &str| std::fs::read_link(project.dir().join(path)).unwrap().display().to_string();
    assert_eq!(link("node_modules/app"), "../packages/app");
    assert_eq!(link("packages/app/node_modules/tool"), "../../tool");
    assert_eq!(link("packages/app/node_modules/a"), ".pnpm/a@1.0.0/node_modules/a");
    assert_eq!(link("packages/tool/node_modules/a"), ".pnpm/a@2.0.0/node_modules/a");
    assert!(project.has("packages/app/node_modules/.bin/tool"));
    assert_eq!(project.read("order.txt"), "base\ntool\napp\nroot\n");
    assert!(project.run(&["install"]).ok().stdout.contains("Already up to date"));
}

#[test]
fn each_lockfile_is_frozen_by_itself() {
    let (_registry, project) = workspace("catalog: {a: 2.0.0}\n");
    project.run(&["install", "--frozen-lockfile"]).fails_with("ERR_PNPM_NO_LOCKFILE");
    project.run(&["install", "--lockfile-only"]).ok();
    assert!(!project.has("packages/app/node_modules"));
    project.run(&["install", "--frozen-lockfile"]).ok();
    project
        .write("packages/base/package.json", r#"{"name": "base", "version": "1.0.0", "dependencies": {"b": "1.0.0"}}"#);
    project.run(&["install", "--frozen-lockfile"]).fails_with("ERR_PNPM_OUTDATED_LOCKFILE");
    let app = project.read("packages/app/pnpm-lock.yaml");
    project.run(&["install"]).ok();
    assert_eq!(project.read("packages/app/pnpm-lock.yaml"), app);
    assert!(project.read("packages/base/pnpm-lock.yaml").contains("b@1.0.0"));
}

#[test]
fn overrides_and_copies_reach_across_projects() {
    let (_registry, project) =
        workspace("catalog: {a: 1.0.0}\nstrictDepBuilds: false\noverrides: {b: 'link:./local', base: '$base'}\n");
    project.write("local/package.json", r#"{"name": "b", "version": "9.0.0"}"#);
    project.write(
        "package.json",
        r#"{"name": "root", "devDependencies": {"app": "workspace:*", "base": "workspace:1.0.0"}, "dependenciesMeta": {"app": {"injected": true}}}"#,
    );
    project.run(&["install"]).ok();
    let root = project.read("pnpm-lock.yaml");
    assert!(root.contains("b: link:./local") && root.contains("app@file:packages/app"), "{root}");
    let app = project.read("packages/app/pnpm-lock.yaml");
    assert!(app.contains("  a@1.0.0:\n    dependencies:\n      b: link:../../local\n"), "{app}");
    let link = project.dir().join("packages/app/node_modules/.pnpm/a@1.0.0/node_modules/b");
    assert_eq!(link.canonicalize().unwrap(), project.dir().join("local").canonicalize().unwrap());
}

#[test]
fn scripts_of_projects_run_in_the_order_of_their_dependencies() {
    let (_registry, project) = workspace("catalog: {a: 2.0.0}\n");
    project.write("pnpm-workspace.yaml", "packages: ['packages/*']\ncatalog: {a: 2.0.0}\n");
    let mut root: serde_json::Value = serde_json::from_str(&project.read("package.json")).unwrap();
    root["scripts"]["preinstall"] = "test ! -e packages/base/node_modules && echo first >> $INIT_CWD/order.txt".into();
    project.write("package.json", &root.to_string());
    project.run(&["install"]).ok();
    assert_eq!(project.read("order.txt"), "first\nbase\ntool\napp\nroot\n");
}
