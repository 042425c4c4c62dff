//! Protocols that a plugin would resolve, in a program that loads none yet.

use serde_json::json;
use tests::project::Project;

use crate::support::{manifest, small};

/// A lockfile with a package that a custom resolver of pnpm, or a plugin, has resolved.
fn lock(project: &Project, resolution: &str) {
    project.write(
        "pnpm-lock.yaml",
        &format!(
            "lockfileVersion: '9.0'

settings:
  autoInstallPeers: true
  excludeLinksFromLockfile: false

importers:

  .:
    dependencies:
      art:
        specifier: store:team/art
        version: art@store:team/art

packages:

  art@store:team/art:
    resolution: {{{resolution}}}
    version: 1.2.3

snapshots:

  art@store:team/art: {{}}
"
        ),
    );
}

#[test]
fn a_locked_answer_of_a_plugin_is_kept_and_cannot_be_fetched() {
    for resolution in ["type: custom:store, value: art@1", "key: {a: 1}, type: custom:store, z: b"] {
        let (_registry, project) = small();
        manifest(&project, &json!({ "art": "store:team/art" }));
        lock(&project, resolution);
        let before = project.read("pnpm-lock.yaml");
        for words in [["install", "--frozen-lockfile"], ["install", "--config.fetchRetries=0"]] {
            let run = project.run(&words);
            run.fails_with("ERR_PNPM_UNSUPPORTED_RESOLUTION_TYPE");
            let text = "art@1.2.3 cannot be fetched: its resolution is of the type \"custom:store\"";
            assert!(run.stderr.contains(text), "{run:?}");
            assert_eq!(project.read("pnpm-lock.yaml"), before);
            assert!(!project.dir().join("node_modules/art").exists());
        }
        project.run(&["install", "--lockfile-only"]).ok();
        assert_eq!(project.read("pnpm-lock.yaml"), before);
    }
}

#[test]
fn an_optional_dependency_that_no_plugin_resolves_is_left_out() {
    let (_registry, project) = small();
    let optional = json!({ "art": "store:team/art", "pen": "store:pen" });
    let text = json!({ "name": "p", "dependencies": { "a": "1.0.0" }, "optionalDependencies": optional });
    project.write("package.json", &text.to_string());
    project.run(&["install"]).ok();
    assert!(!project.read("pnpm-lock.yaml").contains("store:"));
    assert!(project.dir().join("node_modules/a").is_dir());
}

#[test]
fn what_no_plugin_resolves_is_not_added() {
    let (_registry, project) = small();
    let before = project.read("package.json");
    for (word, code) in [
        ("art@store:team/art", "ERR_PNPM_UNSUPPORTED_PROTOCOL"),
        ("store:team/art", "ERR_PNPM_UNSUPPORTED_PROTOCOL"),
        ("art@store:art", "ERR_PNPM_SPEC_NOT_SUPPORTED_BY_ANY_RESOLVER"),
    ] {
        project.run(&["add", word]).fails_with(code);
        assert_eq!(project.read("package.json"), before, "{word}");
    }
}
