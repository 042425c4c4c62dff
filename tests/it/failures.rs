//! Failures that explain, as a person reads them: the way from the project to the culprit, what there is, what comes
//! nearest, one hint.

use insta::assert_snapshot;
use serde_json::{Value, json};
use tests::{
    project::Project,
    registry::{Fault, Registry},
};

use crate::support::{binary, world};

const WORLD: &str = "
  app: {versions: {1.0.0: {dependencies: {lib: ^9.0.0}}}}
  lib: {tags: {next: 3.0.0-rc.1}, versions: {1.0.0: {}, 1.4.0: {}, 2.0.0: {}, 3.0.0-rc.1: {}}}
  plugin: {versions: {1.0.0: {peerDependencies: {host: ^1.0.0, lib: ^1.0.0}}}}
  kit: {versions: {1.0.0: {dependencies: {plugin: ^1.0.0}}}}
  other: {versions: {1.0.0: {peerDependencies: {lib: ^2.0.0}}}}
  host: {versions: {1.0.0: {}, 2.0.0: {}}}
  odd: {versions: {1.0.0: {dependencies: {art: 'store:team/art'}}}}
  shop: {versions: {1.0.0: {dependencies: {gone: ^1.0.0}}}}
  elsewhere: {versions: {1.0.0: {os: [none]}}}
";

/// What standard error says of an install of these dependencies.
fn said(dependencies: &Value, settings: &str, prepare: impl FnOnce(&Registry, &Project)) -> String {
    let registry = Registry::start(world(WORLD));
    let project = Project::new(&registry.url, binary());
    project.write("package.json", &json!({ "name": "p", "dependencies": dependencies }).to_string());
    project.write("pnpm-workspace.yaml", settings);
    prepare(&registry, &project);
    let run = project.run(&["install", "--config.fetchRetries=0"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    run.stderr.replace(&registry.url, "http://registry.example/")
}

#[test]
fn no_version_of_a_dependency_of_the_project() {
    assert_snapshot!(said(&json!({ "lib": "^1.5.0" }), "", |_, _| ()), @"
    error[ERR_PNPM_NO_MATCHING_VERSION]: No matching version found for lib@^1.5.0
      .
      └─ lib@^1.5.0
      latest: 2.0.0
      versions: 3.0.0-rc.1, 2.0.0, 1.4.0, 1.0.0
      nearest: ^1.4.0

    hint: Ask for lib ^1.4.0
    ");
}

#[test]
fn no_version_of_a_dependency_of_a_dependency() {
    assert_snapshot!(said(&json!({ "app": "1" }), "", |_, _| ()), @"
    error[ERR_PNPM_NO_MATCHING_VERSION]: No matching version found for lib@^9.0.0
      .
      └─ app@1.0.0
         └─ lib@^9.0.0
      latest: 2.0.0
      versions: 3.0.0-rc.1, 2.0.0, 1.4.0, 1.0.0
      nearest: ^2.0.0

    hint: Override it in pnpm-workspace.yaml, overrides: 'app>lib': '^2.0.0'
    ");
}

#[test]
fn no_such_tag() {
    assert_snapshot!(said(&json!({ "alias": "npm:lib@nxet" }), "", |_, _| ()), @"
    error[ERR_PNPM_NO_MATCHING_VERSION]: No matching version found for alias@npm:lib@nxet
      .
      └─ alias@npm:lib@nxet
      latest: 2.0.0
      versions: 3.0.0-rc.1, 2.0.0, 1.4.0, 1.0.0
      tags: latest, next
      nearest: npm:lib@^2.0.0

    hint: Ask for alias npm:lib@^2.0.0
    ");
}

#[test]
fn a_missing_peer_and_a_conflict() {
    let settings = "autoInstallPeers: false\nstrictPeerDependencies: true\n";
    let dependencies = json!({ "kit": "1", "other": "1", "host": "2" });
    assert_snapshot!(said(&dependencies, settings, |_, _| ()), @"
    error[ERR_PNPM_PEER_DEP_ISSUES]: Unmet peer dependencies
      ✕ unmet peer host
        Installed: 2.0.0
        Wanted:
          ^1.0.0:
            plugin@1.0.0 (through kit@1.0.0)
      ✕ conflicting peer lib
        Wanted:
          ^1.0.0:
            plugin@1.0.0 (through kit@1.0.0)
          ^2.0.0:
            other@1.0.0

    hint: Choose versions of the packages that ask for lib and agree on one of it; strictPeerDependencies: false makes this a warning
    ");
}

#[test]
fn projects_in_a_circle() {
    let settings = "packages: [p/*]\ndisallowWorkspaceCycles: true\n";
    let circle = |_: &Registry, project: &Project| {
        project.write("p/a/package.json", r#"{"name": "a", "dependencies": {"b": "workspace:*"}}"#);
        project.write("p/b/package.json", r#"{"name": "b", "dependencies": {"a": "workspace:*"}}"#);
    };
    assert_snapshot!(said(&json!({}), settings, circle), @"
    error[ERR_PNPM_DISALLOW_WORKSPACE_CYCLES]: Projects of the workspace depend on each other in a circle
      p/a
      └─ p/b
         └─ p/a

    hint: Move what p/a needs of p/b into a project of its own
    ");
}

#[test]
fn what_no_registry_vouches_for() {
    let odd = |registry: &Registry, _: &Project| {
        let mut world = world(WORLD);
        world["app"].versions["1.0.0"].insert("dependencies".into(), json!({ "lib": "git+https://git.example/x.git" }));
        registry.publish(world);
    };
    assert_snapshot!(said(&json!({ "app": "1" }), "", odd), @r#"
    error[ERR_PNPM_EXOTIC_SUBDEP]: Exotic dependency "lib" (resolved via git-repository) is not allowed in subdependencies when blockExoticSubdeps is enabled
      .
      └─ app@1.0.0
         └─ lib@git+https://git.example/x.git

    hint: Lead it to a version of a registry with an override for "app>lib", or set blockExoticSubdeps to false
    "#);
}

#[test]
fn a_registry_that_lets_nobody_in() {
    let refuse = |status| move |registry: &Registry, _: &Project| registry.fault("lib", Fault::Status(status));
    assert_snapshot!(said(&json!({ "lib": "1" }), "", refuse(401)), @"
    error[ERR_PNPM_FETCH_401]: lib could not be fetched (401): the registry wants to know who asks
      .
      └─ lib@1
      cause: http://registry.example/lib answered 401: made to fail (no credentials were sent)

    hint: Log in to the registry, or set a token for it in the user-level .npmrc
    ");
    assert_snapshot!(said(&json!({ "lib": "1" }), "", refuse(403)), @"
    error[ERR_PNPM_FETCH_403]: lib could not be fetched (403): the registry does not let you
      .
      └─ lib@1
      cause: http://registry.example/lib answered 403: made to fail (no credentials were sent)

    hint: Ask for access to the package, or check that the token in the user-level .npmrc is of the right account
    ");
    assert_snapshot!(said(&json!({ "lib": "1" }), "", refuse(503)), @"
    error[ERR_PNPM_FETCH_503]: The metadata of lib could not be had (503)
      .
      └─ lib@1
      cause: http://registry.example/lib answered 503: made to fail

    hint: The registry has a fault; try again later, or use --offline with what is in the cache
    ");
}

#[test]
fn a_registry_that_is_not_there() {
    let project = Project::new("http://127.0.0.1:1/", binary());
    project.write("package.json", r#"{"dependencies": {"lib": "1"}}"#);
    let run = project.run(&["install", "--config.fetchRetries=0"]);
    assert_snapshot!(run.stderr, @"
    error[ERR_PNPM_META_FETCH_FAIL]: The metadata of lib could not be had
      .
      └─ lib@1
      cause: http://127.0.0.1:1/lib could not be reached: tcp connect error: Connection refused (os error 111)

    hint: Check the connection, the proxy settings and the address of the registry
    ");
}

#[test]
fn a_protocol_that_nobody_here_resolves() {
    assert_snapshot!(said(&json!({ "art": "store:art@1" }), "", |_, _| ()), @"
    error[ERR_PNPM_SPEC_NOT_SUPPORTED_BY_ANY_RESOLVER]: art@store:art@1 isn't supported by any available resolver
      .
      └─ art@store:art@1

    hint: Ask for art by a version, a folder, a repository or an address of a tarball; a plugin may come to resolve store:, but this version of wasi-pm loads none
    ");
    assert_snapshot!(said(&json!({ "odd": "1" }), "", |_, _| ()), @r#"
    error[ERR_PNPM_UNSUPPORTED_PROTOCOL]: Unsupported protocol "store:" in the dependency specifier "store:team/art"
      .
      └─ odd@1.0.0
         └─ art@store:team/art

    hint: Lead it to a version of a registry in pnpm-workspace.yaml, overrides: 'odd>art': '<version>'; a plugin may come to resolve store:, but this version of wasi-pm loads none
    "#);
}

#[test]
fn a_package_that_is_not_there_or_not_for_everybody() {
    assert_snapshot!(said(&json!({ "shop": "1" }), "", |_, _| ()), @"
    error[ERR_PNPM_FETCH_404]: gone is not in the registry, or you have no permission to fetch it
      .
      └─ shop@1.0.0
         └─ gone@^1.0.0
      cause: http://registry.example/gone answered 404: not found (no credentials were sent)

    hint: Check the name for a typing error, and that you are logged in if the package is private
    ");
    let log_in = |registry: &Registry, project: &Project| {
        let host = registry.url.strip_prefix("http:").unwrap();
        std::fs::write(project.home().join(".npmrc"), format!("{host}:_authToken=secret\n")).unwrap();
    };
    let text = said(&json!({ "shop": "1" }), "", log_in);
    assert!(text.contains("(credentials were sent)") && !text.contains("secret"), "{text}");
}

#[test]
fn a_machine_that_a_package_or_a_project_is_not_made_for() {
    let text = said(&json!({ "elsewhere": "1" }), "engineStrict: true\n", |_, _| ());
    assert!(text.starts_with("error[ERR_PNPM_UNSUPPORTED_PLATFORM]: elsewhere@1.0.0 does not fit: "), "{text}");
    assert!(
        text.contains("hint: Make it an optional dependency, add the platform to supportedArchitectures"),
        "{text}"
    );
    let engines = |engines: Value| {
        move |_: &Registry, project: &Project| {
            project.write("package.json", &json!({ "name": "p", "engines": engines }).to_string());
        }
    };
    let text = said(&json!({}), "engineStrict: true\n", engines(json!({ "node": ">=99" })));
    assert!(text.starts_with("error[ERR_PNPM_UNSUPPORTED_ENGINE]: Unsupported engine for the project .: "), "{text}");
    assert!(text.contains("change engines.node in the manifest"), "{text}");
    let text = said(&json!({}), "", engines(json!({ "pnpm": ">=99" })));
    assert!(text.starts_with("error[ERR_PNPM_UNSUPPORTED_ENGINE]: Unsupported engine for the project .: "), "{text}");
    assert!(text.contains("hint: Change engines.pnpm in the manifest"), "{text}");
}

#[test]
fn rules_of_the_workspace_that_cannot_be_followed() {
    assert_snapshot!(said(&json!({ "lib": "catalog:none" }), "catalog: {lib: ^1.0.0}\n", |_, _| ()), @"
    error[ERR_PNPM_CATALOG_ENTRY_NOT_FOUND_FOR_SPEC]: No catalog entry 'lib' was found for catalog 'none'

    hint: Add the entry to catalog or catalogs in pnpm-workspace.yaml, or write a version in its place
    ");
    let overrides = |text: &str| said(&json!({ "lib": "1" }), &format!("overrides:\n  {text}\n"), |_, _| ());
    assert_snapshot!(overrides("'lib>': '1'"), @r#"
    error[ERR_PNPM_INVALID_SELECTOR]: Cannot parse the "lib>" selector

    hint: In overrides a name stands as pkg, pkg@range, or parent>pkg
    "#);
    assert_snapshot!(overrides("lib: $other"), @r#"
    [WARN] "$" in overrides (lib) is deprecated: put the version into a catalog and name it with catalog:
    error[ERR_PNPM_CANNOT_RESOLVE_OVERRIDE_VERSION]: Cannot resolve version $other in overrides. The direct dependencies don't have dependency "other"

    hint: Depend on it in the root's package.json, or write the version into overrides itself
    "#);
    assert_snapshot!(overrides("lib: 'catalog:none'"), @"
    error[ERR_PNPM_CATALOG_IN_OVERRIDES]: Could not resolve a catalog in the overrides: No catalog entry 'lib' was found for catalog 'none'

    hint: Add the entry to catalog or catalogs in pnpm-workspace.yaml, or write a version in its place
    ");
    assert_snapshot!(said(&json!({ "near": "workspace:*" }), "packages: [p/*]\n", |_, _| ()), @r#"
    error[ERR_PNPM_WORKSPACE_PKG_NOT_FOUND]: "near@workspace:*" is in the dependencies but no package named "near" is present in the workspace
      .
      └─ near@workspace:*
      workspace: p

    hint: Check the name, and that packages in pnpm-workspace.yaml matches the project's folder
    "#);
}
