//! Whatever is wrong with what comes in: one clear error with its code, and nothing is lost.

use std::{fs, time::Instant};

use serde_json::json;
use tests::{
    project::Project,
    registry::{Fault, Registry},
    world::{gzip, integrity},
};

use crate::support::{binary, manifest, small, small_world, tree};

/// Installs once, changes something, and expects the next install to fail with this code and to leave all as it was.
fn fails_and_loses_nothing(code: &str, arguments: &[&str], spoil: impl FnOnce(&Registry, &Project)) {
    let (registry, project) = small();
    project.run(&["install"]).ok();
    let node_modules = tree(&project.dir().join("node_modules"));
    spoil(&registry, &project);
    let lockfile = fs::read(project.dir().join("pnpm-lock.yaml")).ok();
    let run = project.run(arguments);
    run.fails_with(code);
    assert_eq!(fs::read(project.dir().join("pnpm-lock.yaml")).ok(), lockfile, "the lockfile changed");
    assert_eq!(tree(&project.dir().join("node_modules")), node_modules, "node_modules changed");
}

#[test]
fn a_folder_without_a_manifest() {
    let registry = Registry::start(small_world());
    let project = Project::new(&registry.url, binary());
    project.run(&["install"]).fails_with("ERR_PNPM_NO_PKG_MANIFEST");
    assert!(!project.has("node_modules"));
}

#[test]
fn a_manifest_that_is_not_json() {
    fails_and_loses_nothing("ERR_PNPM_JSON_PARSE", &["install"], |_, project| {
        project.write("package.json", "{ \"name\": \"p\", \"dependencies\": { \"a\": \"^1.0.0\", } }");
    });
}

#[test]
fn a_lockfile_that_is_no_file_or_without_measure() {
    let (_registry, project) = small();
    let lockfile = project.dir().join("pnpm-lock.yaml");
    std::os::unix::fs::symlink("/dev/null", &lockfile).unwrap();
    project.run(&["install"]).fails_with("ERR_PNPM_LOCKFILE_READ_FILE");
    fs::remove_file(&lockfile).unwrap();
    fs::File::create(&lockfile).unwrap().set_len((64 << 20) + 1).unwrap();
    project.run(&["install"]).fails_with("ERR_WASI_PM_TOO_LARGE");
    assert!(!project.has("node_modules"));
}

#[test]
fn a_package_that_does_not_exist() {
    fails_and_loses_nothing("ERR_PNPM_FETCH_404", &["install"], |_, project| {
        manifest(project, &json!({ "a": "^1.0.0", "no-such-package": "1" }));
    });
}

#[test]
fn a_version_that_does_not_exist() {
    fails_and_loses_nothing("ERR_PNPM_NO_MATCHING_VERSION", &["install"], |_, project| {
        manifest(project, &json!({ "a": "^7.0.0" }));
    });
}

#[test]
fn a_name_that_would_leave_node_modules() {
    fails_and_loses_nothing("ERR_PNPM_INVALID_DEPENDENCY_NAME", &["install"], |_, project| {
        manifest(project, &json!({ "../../evil": "npm:a@1" }));
    });
}

#[test]
fn a_wrong_integrity_in_the_lockfile() {
    fails_and_loses_nothing("ERR_PNPM_TARBALL_INTEGRITY", &["install", "--frozen-lockfile"], |_, project| {
        let text = project.read("pnpm-lock.yaml");
        let at = text.find("b@1.1.0:\n").unwrap();
        let digest = text[at..].find("sha512-").unwrap() + at;
        let wrong = integrity(b"something else");
        let spoiled = format!("{}{wrong}{}", &text[..digest], &text[digest + wrong.len()..]);
        project.write("pnpm-lock.yaml", &spoiled);
    });
}

/// The lockfile with a tarball of its own for `b`.
fn with_tarball(project: &Project, tarball: &str) {
    let text = project.read("pnpm-lock.yaml");
    let at = text.find("b@1.1.0:\n").unwrap();
    let end = text[at..].find('}').unwrap() + at;
    project.write("pnpm-lock.yaml", &format!("{}, tarball: {tarball}{}", &text[..end], &text[end..]));
}

#[test]
fn a_tarball_in_the_lockfile_that_is_not_the_registrys() {
    let modes: [&[&str]; 4] = [
        &["install", "--frozen-lockfile"],
        &["install", "--frozen-lockfile", "--lockfile-only"],
        &["install", "--dry-run"],
        &["install", "--no-frozen-lockfile", "--force"],
    ];
    for arguments in modes {
        fails_and_loses_nothing("ERR_PNPM_TARBALL_URL_MISMATCH", arguments, |registry, project| {
            with_tarball(project, &format!("{}a/-/a-2.0.0.tgz", registry.url));
        });
    }
}

#[test]
fn a_tarball_in_the_lockfile_that_is_not_the_registrys_does_not_survive_a_resolution() {
    let (registry, project) = small();
    project.run(&["install"]).ok();
    with_tarball(&project, &format!("{}a/-/a-2.0.0.tgz", registry.url));
    manifest(&project, &json!({ "a": "^1.0.0", "newer": "npm:a@2" }));
    project.run(&["install"]).ok();
    assert!(!project.read("pnpm-lock.yaml").contains("tarball:"));
}

#[test]
fn a_tarball_in_the_lockfile_that_the_registry_names_passes_and_is_not_asked_about_again() {
    let mut world = small_world();
    let registry = Registry::start(small_world());
    let elsewhere = format!("{}elsewhere/b.tgz", registry.url);
    world["b"].versions["1.1.0"].insert("dist".to_owned(), json!({ "tarball": elsewhere }));
    let body = world["b"].tarball("b", "1.1.0");
    registry.publish(world);
    registry.fault("elsewhere/b.tgz", Fault::Body("application/octet-stream", body));
    registry.max_age(0);
    let project = Project::new(&registry.url, binary());
    manifest(&project, &json!({ "a": "^1.0.0" }));
    project.run(&["install"]).ok();
    assert!(project.read("pnpm-lock.yaml").contains(&format!("tarball: {elsewhere}")));
    drop(registry.seen());
    fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
    project.run(&["install", "--frozen-lockfile"]).ok();
    assert_eq!(registry.seen(), [], "what was resolved has been verified");
    fs::remove_dir_all(project.cache()).unwrap();
    fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
    project.run(&["install", "--frozen-lockfile", "--config.minimumReleaseAge=0"]).ok();
    assert_eq!(registry.seen().len(), 1, "only the package with an address of its own is asked about");
    registry.fault("b", Fault::Status(403));
    fs::remove_dir_all(project.cache()).unwrap();
    fs::remove_dir_all(project.dir().join("node_modules")).unwrap();
    project.run(&["install", "--frozen-lockfile"]).fails_with("ERR_PNPM_META_FETCH_FAIL");
    project.run(&["install", "--frozen-lockfile", "--config.trustLockfile=true"]).ok();
}

#[test]
fn a_tarball_that_is_not_what_the_registry_promised() {
    fails_and_loses_nothing("ERR_PNPM_TARBALL_INTEGRITY", &["install"], |registry, project| {
        let body = tests::world::pack(&[("package.json".into(), "{}".into())]);
        registry.fault("a/-/a-2.0.0.tgz", Fault::Body("application/octet-stream", body));
        manifest(project, &json!({ "a": "^2.0.0" }));
    });
}

/// A tarball with one entry of this path, and a packument that vouches for it.
fn hostile(path: &str) -> (Registry, Project) {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_size(4);
    header.set_mode(0o644);
    header.set_cksum();
    let mut tarball = header.as_bytes().to_vec();
    tarball.extend_from_slice(b"evil");
    tarball.resize(512 * 4, 0);
    let tarball = gzip(&tarball);
    let mut world = small_world();
    let dist = json!({ "integrity": integrity(&tarball) });
    world["b"].versions["1.1.0"].insert("dist".to_owned(), dist);
    let registry = Registry::start(world);
    registry.fault("b/-/b-1.1.0.tgz", Fault::Body("application/octet-stream", tarball));
    let project = Project::new(&registry.url, binary());
    manifest(&project, &json!({ "a": "^1.0.0" }));
    (registry, project)
}

#[test]
fn a_tarball_with_a_path_that_leaves_it() {
    let (_registry, project) = hostile("package/../../../evil");
    project.run(&["install"]).fails_with("ERR_WASI_PM_TAR_PATH_TRAVERSAL");
    assert!(!project.has("node_modules/.modules.yaml"));
    assert!(!project.has("pnpm-lock.yaml"));
}

#[test]
fn a_tarball_that_ends_too_early() {
    let (registry, project) = small();
    registry.fault("b/-/b-1.1.0.tgz", Fault::Truncated);
    let run = project.run(&["install", "--config.fetchRetries=0"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("error[ERR_"), "{run:?}");
    assert!(!project.has("pnpm-lock.yaml"));
    registry.heal();
    project.run(&["install"]).ok();
}

#[test]
fn a_lockfile_with_half_a_conflict() {
    fails_and_loses_nothing("ERR_PNPM_BROKEN_LOCKFILE", &["install"], |_, project| {
        let text = project.read("pnpm-lock.yaml");
        project.write("pnpm-lock.yaml", &format!("<<<<<<< ours\n{text}=======\n{text}"));
    });
}

#[test]
fn a_lockfile_that_is_cut_off() {
    fails_and_loses_nothing("ERR_PNPM_LOCKFILE_MISSING_DEPENDENCY", &["install", "--frozen-lockfile"], |_, project| {
        let text = project.read("pnpm-lock.yaml");
        project.write("pnpm-lock.yaml", &text[..text.find("snapshots:").unwrap()]);
    });
}

#[test]
fn a_registry_that_is_down() {
    let project = Project::new("http://127.0.0.1:1/", binary());
    manifest(&project, &json!({ "a": "^1.0.0" }));
    let run = project.run(&["install", "--config.fetchRetries=0"]);
    run.fails_with("ERR_PNPM_META_FETCH_FAIL");
    assert!(run.stderr.contains("http://127.0.0.1:1/a could not be reached"), "{run:?}");
    assert!(!project.has("pnpm-lock.yaml"));
}

#[test]
fn a_page_of_html_instead_of_json_is_final() {
    let (registry, project) = small();
    registry.fault("b", Fault::Body("text/html", b"<!doctype html><title>Sign in to the hotel</title>".to_vec()));
    let started = Instant::now();
    let run = project.run(&["install"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("a web page"), "{run:?}");
    assert_eq!(registry.seen().iter().filter(|seen| seen.path == "b").count(), 1, "it was asked for again");
    // Not a measurement: the default back-off between two tries is ten seconds.
    assert!(started.elapsed().as_secs() < 9);
}

#[test]
fn a_status_that_will_not_pass_is_final() {
    for (status, code) in [(401, "ERR_PNPM_FETCH_401"), (403, "ERR_PNPM_FETCH_403"), (404, "ERR_PNPM_FETCH_404")] {
        let (registry, project) = small();
        registry.fault("b", Fault::Status(status));
        project.run(&["install"]).fails_with(code);
        assert_eq!(registry.seen().iter().filter(|seen| seen.path == "b").count(), 1, "{status} was tried again");
    }
}

#[test]
fn a_word_that_is_not_done_yet_is_said_so() {
    let (_registry, project) = small();
    for words in [&["run", "build"][..], &["dlx", "b"], &["update", "--interactive"], &["add", "--global", "b"]] {
        let run = project.run(words);
        assert!(run.stderr.contains("ERR_WASI_PM_NOT_YET"), "{words:?}: {run:?}");
        assert_eq!(run.code, Some(1));
    }
    assert!(!project.has("node_modules"));
}

#[test]
fn a_wrong_flag_is_a_usage_error() {
    let (_registry, project) = small();
    let run = project.run(&["install", "--no-such-flag"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(!project.has("node_modules"));
}

#[test]
fn a_project_folder_that_is_read_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_registry, project) = small();
    fs::set_permissions(project.dir(), fs::Permissions::from_mode(0o555)).unwrap();
    let probe = fs::write(project.dir().join("probe"), "");
    if probe.is_ok() {
        fs::remove_file(project.dir().join("probe")).unwrap();
        return; // the superuser may write anywhere: nothing to see here
    }
    let run = project.run(&["install"]);
    fs::set_permissions(project.dir(), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("error[ERR_"), "{run:?}");
}
