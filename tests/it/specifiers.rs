//! Dependencies that no registry vouches for, end to end: what is locked, what is installed, and what is refused.

use std::{fs, path::Path, process::Command};

use serde_json::json;
use tests::{
    project::Project,
    registry::{Fault, Registry},
    world::{gzip, pack},
};

use crate::support::{binary, manifest, node, small_world};

fn project() -> (Registry, Project) {
    let registry = Registry::start(small_world());
    let project = Project::new(&registry.url, binary());
    (registry, project)
}

/// Runs git in a folder, with nobody's configuration.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    for (name, value) in [("NAME", "t"), ("EMAIL", "t@mail.example"), ("DATE", "2020-01-01T00:00:00Z")] {
        command.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
    }
    let output = command.args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A repository beside the project with two tags, a branch and a package in a folder; its address.
fn repository(project: &Project) -> String {
    let folder = project.home().join("repo");
    fs::create_dir_all(folder.join("packages/sub")).unwrap();
    let write = |path: &str, text: &str| fs::write(folder.join(path), text).unwrap();
    git(&folder, &["init", "-q", "-b", "main"]);
    write("package.json", r#"{"name":"fromgit","version":"1.2.3","dependencies":{"b":"^1.0.0"}}"#);
    write("index.js", "module.exports = 'one ' + require('b')");
    write(".npmignore", "secret.js");
    write("secret.js", "");
    write("packages/sub/package.json", r#"{"name":"@s/sub","version":"0.1.0"}"#);
    write("packages/sub/index.js", "module.exports = 'sub'");
    std::os::unix::fs::symlink("/etc", folder.join("packages/out")).unwrap();
    git(&folder, &["add", "-A"]);
    git(&folder, &["commit", "-qm", "one"]);
    git(&folder, &["tag", "v1.2.3"]);
    write("index.js", "module.exports = 'two ' + require('b')");
    git(&folder, &["commit", "-qam", "two"]);
    git(&folder, &["tag", "-a", "v1.3.0", "-m", "two"]);
    git(&folder, &["checkout", "-q", "-b", "dev"]);
    write("index.js", "module.exports = 'dev'");
    git(&folder, &["commit", "-qam", "dev"]);
    git(&folder, &["checkout", "-q", "main"]);
    format!("git+file://{}", folder.display())
}

/// Takes away what an installation made, and installs again with these arguments.
fn again(project: &Project, arguments: &[&str]) {
    fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
    let lockfile = project.read("pnpm-lock.yaml");
    project.run(arguments).ok();
    assert_eq!(project.read("pnpm-lock.yaml"), lockfile);
}

#[test]
fn a_copied_folder_brings_its_published_files_and_what_it_needs() {
    let (_registry, project) = project();
    project
        .write(
            "lib/package.json",
            r#"{"name":"lib","version":"3.0.0","files":["src"],"main":"src/a.js",
                "dependencies":{"b":"1.0.0","near":"file:../near"}}"#,
        )
        .write("lib/src/a.js", "module.exports = require('b') + ' ' + require('near')")
        .write("lib/other.js", "")
        .write("near/package.json", r#"{"name":"near-real","version":"1.0.0"}"#)
        .write("near/index.js", "module.exports = 'near'");
    manifest(&project, &json!({ "lib": "file:./lib" }));
    project.run(&["install"]).ok();
    assert_eq!(node(&project, "console.log(require('lib'))"), "b@1.0.0 near");
    assert!(!project.has("node_modules/lib/other.js"));
    let lockfile = project.read("pnpm-lock.yaml");
    assert!(lockfile.contains("  lib@file:lib:\n    resolution: {directory: lib, type: directory}\n"), "{lockfile}");
    assert!(lockfile.contains("near: near-real@file:near"), "{lockfile}");
    again(&project, &["install", "--frozen-lockfile", "--offline"]);
    assert_eq!(node(&project, "console.log(require('lib'))"), "b@1.0.0 near");
}

#[test]
fn a_changed_folder_is_noticed() {
    let (_registry, project) = project();
    project
        .write("lib/package.json", r#"{"name":"lib","version":"1.0.0"}"#)
        .write("lib/index.js", "module.exports = 1");
    manifest(&project, &json!({ "lib": "file:lib" }));
    project.run(&["install"]).ok();
    project.write("lib/index.js", "module.exports = require('b')");
    project.write("lib/package.json", r#"{"name":"lib","version":"1.0.0","dependencies":{"b":"1.0.0"}}"#);
    project.run(&["install", "--frozen-lockfile"]).fails_with("ERR_PNPM_OUTDATED_LOCKFILE");
    project.run(&["install"]).ok();
    assert_eq!(node(&project, "console.log(require('lib'))"), "b@1.0.0");
}

#[test]
fn a_local_tarball_is_locked_by_what_it_hashes_to() {
    let (_registry, project) = project();
    let files = |text: &str| {
        pack(&[
            ("package.json".into(), r#"{"name":"packed","version":"2.0.0","dependencies":{"b":"1"}}"#.into()),
            ("index.js".into(), format!("module.exports = '{text} ' + require('b')")),
        ])
    };
    manifest(&project, &json!({ "x": "file:x.tgz", "y": "./x.tgz" }));
    fs::write(project.dir().join("x.tgz"), files("first")).unwrap();
    project.run(&["install"]).ok();
    let lockfile = project.read("pnpm-lock.yaml");
    assert!(lockfile.contains("version: packed@file:x.tgz\n"), "{lockfile}");
    assert!(lockfile.contains("tarball: file:x.tgz}\n    version: 2.0.0\n"), "{lockfile}");
    assert_eq!(node(&project, "console.log(require('x'), require('y'))"), "first b@1.1.0 first b@1.1.0");
    again(&project, &["install", "--frozen-lockfile", "--offline"]);
    fs::write(project.dir().join("x.tgz"), files("second")).unwrap();
    project.run(&["install", "--frozen-lockfile"]).fails_with("ERR_PNPM_OUTDATED_LOCKFILE");
    project.run(&["install"]).ok();
    assert_eq!(node(&project, "console.log(require('x'))"), "second b@1.1.0");
}

#[test]
fn a_tarball_at_an_address_is_pinned_by_its_first_download() {
    let (registry, project) = project();
    let tarball = |text: &str| {
        pack(&[
            ("package.json".into(), r#"{"name":"far","version":"1.0.0","dependencies":{"b":"1"}}"#.into()),
            ("index.js".into(), format!("module.exports = '{text} ' + require('b')")),
        ])
    };
    let url = format!("{}files/far.tgz", registry.url);
    registry.fault("files/far.tgz", Fault::Body("application/octet-stream", tarball("first")));
    manifest(&project, &json!({ "x": url }));
    project.run(&["install"]).ok();
    assert_eq!(node(&project, "console.log(require('x'))"), "first b@1.1.0");
    let lockfile = project.read("pnpm-lock.yaml");
    assert!(lockfile.contains(&format!("  far@{url}:\n    resolution: {{integrity: sha512-")), "{lockfile}");
    assert!(lockfile.contains(&format!("tarball: {url}}}\n    version: 1.0.0\n")), "{lockfile}");
    again(&project, &["install", "--frozen-lockfile", "--offline"]);

    // What stands there later is not what was locked: nobody asks for it while the store has the first.
    registry.fault("files/far.tgz", Fault::Body("application/octet-stream", tarball("other")));
    let _ = registry.seen();
    manifest(&project, &json!({ "x": url, "a": "2" }));
    project.run(&["install"]).ok();
    assert!(registry.seen().iter().all(|seen| seen.path != "files/far.tgz"));
    assert_eq!(node(&project, "console.log(require('x'))"), "first b@1.1.0");
    fs::remove_dir_all(project.store()).unwrap();
    fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
    project.run(&["install", "--frozen-lockfile"]).fails_with("ERR_PNPM_TARBALL_INTEGRITY");
}

#[test]
fn git_is_locked_to_a_commit() {
    let (_registry, project) = project();
    let url = repository(&project);
    let folder = project.home().join("repo");
    let (main, dev) = (git(&folder, &["rev-parse", "main"]), git(&folder, &["rev-parse", "dev"]));
    let specifiers = json!({
        "head": url, "branch": format!("{url}#dev"), "tag": format!("{url}#v1.2.3"),
        "range": format!("{url}#semver:^1.0.0"), "short": format!("{url}#{}", &dev[..8]),
        "sub": format!("{url}#dev&path:/packages/sub"),
    });
    manifest(&project, &specifiers);
    project.run(&["install"]).ok();
    let said = "console.log(['head','branch','tag','range','short','sub'].map(x => require(x)).join(', '))";
    let expected = "two b@1.1.0, dev, one b@1.1.0, two b@1.1.0, dev, sub";
    assert_eq!(node(&project, said), expected);
    assert!(!project.has("node_modules/head/secret.js"));
    let lockfile = project.read("pnpm-lock.yaml");
    let repo = url.trim_start_matches("git+");
    let package = format!(
        "  fromgit@{url}#{main}:\n    resolution: {{commit: {main}, repo: {repo}, type: git}}\n    version: 1.2.3\n"
    );
    assert!(lockfile.contains(&package), "{lockfile}");
    let sub = format!(
        "  '@s/sub@{url}#{dev}&path:/packages/sub':\n    resolution: {{commit: {dev}, path: /packages/sub, repo: {repo}, \
         type: git}}\n    version: 0.1.0\n"
    );
    assert!(lockfile.contains(&sub), "{lockfile}");

    fs::rename(&folder, project.home().join("gone")).unwrap();
    again(&project, &["install", "--frozen-lockfile", "--offline"]);
    assert_eq!(node(&project, said), expected);
    // A change elsewhere leaves the commits as they are, without asking anybody.
    let mut more = specifiers;
    more["a"] = "2".into();
    manifest(&project, &more);
    project.run(&["install"]).ok();
    assert!(project.read("pnpm-lock.yaml").contains(&package));
}

#[test]
fn what_git_cannot_give_is_an_error_that_says_so() {
    let (_registry, project) = project();
    let url = repository(&project);
    for (specifier, code) in [
        (format!("{url}#nobranch"), "ERR_PNPM_GIT_UNKNOWN_REF"),
        (format!("{url}#semver:^9"), "ERR_PNPM_GIT_UNKNOWN_RANGE"),
        (format!("{url}-none"), "ERR_PNPM_GIT_RESOLVE_FAILED"),
        (format!("{url}#{}", "0".repeat(40)), "ERR_PNPM_GIT_FETCHER_GIT_EXEC_FAILED"),
        (format!("{url}#main&path:/../../home"), "ERR_PNPM_INVALID_PATH"),
        (format!("{url}#main&path:packages/none"), "ERR_PNPM_INVALID_PATH"),
        (format!("{url}#main&path:packages/out"), "ERR_PNPM_INVALID_PATH"),
        (format!("{url}#main&path:.git"), "ERR_PNPM_INVALID_PATH"),
        (format!("{url}#--upload-pack=touch${{IFS}}owned"), "ERR_PNPM_GIT_UNKNOWN_REF"),
        ("git+rsync://git.example/x".to_owned(), "ERR_PNPM_SPEC_NOT_SUPPORTED_BY_ANY_RESOLVER"),
    ] {
        manifest(&project, &json!({ "x": specifier }));
        let run = project.run(&["install"]);
        assert!(run.stderr.contains(&format!("[{code}]")), "{specifier}: {run:?}");
        assert!(!project.has("node_modules/x") && !project.has("pnpm-lock.yaml"), "{specifier}");
    }
}

#[test]
fn a_lockfile_cannot_make_git_run_anything() {
    let (_registry, project) = project();
    let url = repository(&project);
    manifest(&project, &json!({ "x": url }));
    project.run(&["install"]).ok();
    let lockfile = project.read("pnpm-lock.yaml");
    let repo = url.trim_start_matches("git+");
    let marker = project.home().join("owned");
    for hostile in
        [format!("'ext::sh -c touch% {}'", marker.display()), "--upload-pack=x".to_owned(), "/srv".to_owned()]
    {
        project.write("pnpm-lock.yaml", &lockfile.replace(&format!("repo: {repo}"), &format!("repo: {hostile}")));
        fs::remove_dir_all(project.dir().join("node_modules")).ok();
        let run = project.run(&["install", "--frozen-lockfile"]);
        assert_eq!(run.code, Some(1), "{hostile}: {run:?}");
        assert!(!marker.exists() && !project.has("node_modules/x"));
    }
}

#[test]
fn a_package_of_git_that_has_to_be_built_is_refused_unless_scripts_are_ignored() {
    let (_registry, project) = project();
    let url = repository(&project);
    let folder = project.home().join("repo");
    fs::write(folder.join("package.json"), r#"{"name":"g","version":"1.0.0","scripts":{"prepare":"touch built"}}"#)
        .unwrap();
    git(&folder, &["commit", "-qam", "prepare"]);
    manifest(&project, &json!({ "g": url }));
    project.run(&["install"]).fails_with("ERR_PNPM_GIT_DEP_PREPARE_NOT_ALLOWED");
    project.run(&["install", "--ignore-scripts"]).ok();
    assert!(project.has("node_modules/g/index.js") && !project.has("node_modules/g/built"));
}

#[test]
fn an_archive_of_a_git_host_gives_the_published_files_of_a_folder() {
    let (registry, project) = project();
    let archive = {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, text) in [
            ("top/package.json", r#"{"name":"top"}"#),
            ("top/packages/a/package.json", r#"{"name":"inner","version":"1.0.0","files":["i.js"],"main":"i.js"}"#),
            ("top/packages/a/i.js", "module.exports = 'inner'"),
            ("top/packages/a/test.js", ""),
        ] {
            let mut header = tar::Header::new_ustar();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        gzip(&tar.into_inner().unwrap())
    };
    let integrity = tests::world::integrity(&archive);
    registry.fault("archive.tar.gz", Fault::Body("application/gzip", archive));
    let url = format!("{}archive.tar.gz", registry.url);
    manifest(&project, &json!({ "inner": "github:u/p#path:/packages/a" }));
    let id = format!("{url}#path:/packages/a");
    let lockfile = |path: &str| {
        format!(
            "lockfileVersion: '9.0'\n\nsettings:\n  autoInstallPeers: true\n  excludeLinksFromLockfile: false\n\n\
             importers:\n\n  .:\n    dependencies:\n      inner:\n        specifier: github:u/p#path:/packages/a\n        \
             version: {id}\n\npackages:\n\n  inner@{id}:\n    resolution: {{gitHosted: true, integrity: {integrity}, path: \
             {path}, tarball: {url}}}\n    version: 1.0.0\n\nsnapshots:\n\n  inner@{id}: {{}}\n"
        )
    };
    project.write("pnpm-lock.yaml", &lockfile("/packages/a"));
    project.run(&["install", "--frozen-lockfile"]).ok();
    assert_eq!(node(&project, "console.log(require('inner'))"), "inner");
    assert!(!project.has("node_modules/inner/test.js"));
    again(&project, &["install", "--frozen-lockfile", "--offline"]);
    fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
    project.write("pnpm-lock.yaml", &lockfile("/packages/none"));
    project.run(&["install", "--frozen-lockfile"]).fails_with("ERR_PNPM_INVALID_PATH");
}

#[test]
fn what_is_not_there_or_no_package_is_an_error() {
    let (registry, project) = project();
    project.write("file", "").write("nameless/package.json", "{}").write("bad/package.json", r#"{"name":"../x"}"#);
    for (specifier, code) in [
        ("file:none".to_owned(), "ERR_PNPM_LINKED_PKG_DIR_NOT_FOUND"),
        ("file:none.tgz".to_owned(), "ERR_PNPM_LINKED_PKG_DIR_NOT_FOUND"),
        ("file:file".to_owned(), "ERR_PNPM_NOT_PACKAGE_DIRECTORY"),
        ("file:nameless".to_owned(), "ERR_PNPM_MISSING_PACKAGE_NAME"),
        ("file:bad".to_owned(), "ERR_PNPM_INVALID_DEPENDENCY_NAME"),
        (format!("{}none.tgz", registry.url), "ERR_PNPM_FETCH_404"),
        ("ftp://x.example/a".to_owned(), "ERR_PNPM_UNSUPPORTED_PROTOCOL"),
    ] {
        manifest(&project, &json!({ "x": specifier }));
        let run = project.run(&["install"]);
        assert!(run.stderr.contains(&format!("[{code}]")), "{specifier}: {run:?}");
        assert!(!project.has("node_modules/x") && !project.has("pnpm-lock.yaml"), "{specifier}");
    }
}

#[test]
fn packages_of_registries_cannot_name_folders_of_this_machine() {
    let world = crate::support::world("evil: {versions: {1.0.0: {dependencies: {home: 'file:../../home'}}}}");
    let registry = Registry::start(world);
    let project = Project::new(&registry.url, binary());
    for text in ["", "blockExoticSubdeps: false\n"] {
        project.write("pnpm-workspace.yaml", text);
        manifest(&project, &json!({ "evil": "1" }));
        project.run(&["install"]).fails_with("ERR_PNPM_EXOTIC_SUBDEP");
    }
}

#[test]
fn jsr_and_named_registries_are_locked_as_pnpm_locks_them() {
    let world = crate::support::world("'@jsr/std__path': {versions: {1.0.8: {}}}\nb: {versions: {1.0.0: {}}}");
    let registry = Registry::start(world);
    let project = Project::new(&registry.url, binary());
    project.write(".npmrc", &format!("@jsr:registry={}\n", registry.url));
    project.write("pnpm-workspace.yaml", &format!("namedRegistries:\n  work: {}\n", registry.url));
    manifest(&project, &json!({ "@std/path": "jsr:^1.0.0", "other": "work:b@^1.0.0" }));
    project.run(&["install"]).ok();
    let lockfile = project.read("pnpm-lock.yaml");
    assert!(lockfile.contains("specifier: jsr:^1.0.0\n        version: '@jsr/std__path@1.0.8'\n"), "{lockfile}");
    assert!(lockfile.contains("specifier: work:b@^1.0.0\n        version: b@work:1.0.0\n"), "{lockfile}");
    assert_eq!(node(&project, "console.log(require('other'), require('@std/path'))"), "b@1.0.0 @jsr/std__path@1.0.8");
    again(&project, &["install", "--frozen-lockfile", "--offline"]);
}

#[test]
fn a_folder_named_from_the_root_is_locked_as_seen_from_the_lockfile() {
    let (_registry, project) = project();
    let folder = project.home().join("lib");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("package.json"), r#"{"name":"lib","version":"1.0.0"}"#).unwrap();
    fs::write(folder.join("index.js"), "module.exports = 'lib'").unwrap();
    let specifiers =
        json!({ "copied": format!("file:{}", folder.display()), "linked": format!("link:{}", folder.display()) });
    manifest(&project, &specifiers);
    project.run(&["install"]).ok();
    let lockfile = project.read("pnpm-lock.yaml");
    assert!(lockfile.contains("version: lib@file:../home/lib\n"), "{lockfile}");
    assert!(lockfile.contains("version: link:../home/lib\n"), "{lockfile}");
    assert_eq!(node(&project, "console.log(require('copied'), require('linked'))"), "lib lib");
    again(&project, &["install", "--frozen-lockfile"]);
}
