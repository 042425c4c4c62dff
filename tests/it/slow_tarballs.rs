//! A large tarball that comes slowly is taken in while it comes. Whatever happens to it in the middle, nothing of it is
//! left in the store, and the next run succeeds. All tests wait for states; none measures a time.

use std::{
    fs,
    process::Child,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tests::{
    project::{Project, Run},
    registry::{Fault, Registry},
    world::World,
};

use crate::support::{binary, manifest, node, world};

const TARBALL: &str = "large/-/large-1.0.0.tgz";

/// Text that packs to six million bytes or so.
fn noise() -> String {
    let mut state = 1_u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'0' + u8::try_from(state >> 26).unwrap())
    })
    .take(8 << 20)
    .collect()
}

/// A package of many bytes, whose integrity may be said to be another one.
fn large(integrity: Option<&str>) -> World {
    let mut world = world("large: {versions: {1.0.0: {}}}\nother: {versions: {1.0.0: {}}}");
    let fields = world["large"].versions.get_mut("1.0.0").unwrap();
    fields.insert("files".into(), json!({ "index.js": "module.exports = 'here'\n", "noise.txt": noise() }));
    if let Some(integrity) = integrity {
        fields.insert("dist".into(), json!({ "integrity": integrity }));
    }
    world
}

/// An installation whose large tarball is on its way, and of which a part has been written to the store.
fn in_the_middle(integrity: Option<&str>) -> (Registry, Project, Child) {
    in_the_middle_of(&json!({ "large": "1" }), integrity)
}

/// The same with these dependencies; metadata of `other` is on its way too.
fn in_the_middle_of(dependencies: &Value, integrity: Option<&str>) -> (Registry, Project, Child) {
    let registry = Registry::start(large(integrity));
    registry.fault("other", Fault::Slow);
    registry.max_age(0);
    registry.fault(TARBALL, Fault::Slow);
    let project = Project::new(&registry.url, binary());
    manifest(&project, dependencies);
    let retries = ["--config.fetchRetries=1", "--config.fetchRetryMintimeout=10", "--config.fetchRetryMaxtimeout=20"];
    let child = project.start(&[&["install"], &retries[..]].concat());
    let started = Instant::now();
    while in_the_making(&project).is_empty() {
        assert!(started.elapsed() < Duration::from_secs(60), "nothing is taken in while it comes");
        std::thread::sleep(Duration::from_millis(5));
    }
    (registry, project, child)
}

/// The files of packages in the making.
fn in_the_making(project: &Project) -> Vec<String> {
    crate::support::tree(&project.store().join("v1/tmp")).into_iter().filter(|path| !path.ends_with('/')).collect()
}

fn end(child: Child) -> Run {
    child.wait_with_output().unwrap().into()
}

/// Nothing is left in the making, and the next run succeeds.
fn nothing_is_left(registry: &Registry, project: &Project) {
    assert_eq!(crate::support::tree(&project.store().join("v1/tmp")), Vec::<String>::new());
    registry.heal();
    project.run(&["install"]).ok();
    project.run(&["store", "status"]).ok();
    assert_eq!(node(project, "console.log(require('large'))"), "here");
    assert_eq!(fs::read_to_string(project.dir().join("node_modules/large/noise.txt")).unwrap(), noise());
    assert_eq!(crate::support::tree(&project.store().join("v1/tmp")), Vec::<String>::new());
}

#[test]
fn one_that_comes_to_its_end_is_installed() {
    let (registry, project, child) = in_the_middle(None);
    registry.heal();
    end(child).ok();
    nothing_is_left(&registry, &project);
    let tarballs = registry.seen().into_iter().filter(|seen| seen.path == TARBALL).count();
    assert_eq!(tarballs, 1, "it is fetched once");
}

#[test]
fn one_with_another_integrity_is_refused() {
    let (registry, project, child) = in_the_middle(Some(&tests::world::integrity(b"other")));
    registry.heal();
    end(child).fails_with("ERR_PNPM_TARBALL_INTEGRITY");
    assert!(!project.has("node_modules") && !project.has("pnpm-lock.yaml"));
    registry.publish(large(None));
    nothing_is_left(&registry, &project);
}

#[test]
fn one_that_breaks_off_again_and_again_is_an_error() {
    let (registry, project, child) = in_the_middle(None);
    registry.fault(TARBALL, Fault::Truncated);
    end(child).fails_with("ERR_PNPM_TARBALL_FETCH");
    let attempts = registry.seen().into_iter().filter(|seen| seen.path == TARBALL).count();
    assert_eq!(attempts, 2);
    nothing_is_left(&registry, &project);
}

#[test]
fn a_failure_of_another_package_leaves_nothing_of_it() {
    let (registry, project, child) = in_the_middle_of(&json!({ "large": "1", "other": "1" }), None);
    registry.fault("other", Fault::Status(404));
    end(child).fails_with("ERR_PNPM_FETCH_404");
    nothing_is_left(&registry, &project);
}

#[test]
fn an_interrupt_in_the_middle_leaves_nothing() {
    for signal in ["-INT", "-TERM"] {
        let (registry, project, child) = in_the_middle(None);
        assert!(std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        assert_eq!(end(child).code, Some(if signal == "-INT" { 130 } else { 143 }));
        assert!(!project.has("pnpm-lock.yaml"));
        nothing_is_left(&registry, &project);
    }
}
