//! Kills, races and full disks: whatever happens in the middle, the next run succeeds and nothing is torn.

use std::{
    fs,
    time::{Duration, Instant},
};

use crate::support::{node, small, tree};
use tests::{
    project::Project,
    registry::{Fault, Registry},
};

/// Forty packages in a chain, so that there is a middle to be killed in.
fn many() -> (Registry, Project) {
    let mut yaml = String::new();
    for at in 0..40 {
        let next = if at < 39 { format!("dependencies: {{p{}: '*'}}, ", at + 1) } else { String::new() };
        yaml += &format!(
            "p{at}: {{versions: {{1.0.0: {{{next}files: {{index.js: \"module.exports = 'p{at}'\", lib/a.js: '1', lib/b/c.js: '2'}}}}}}}}\n"
        );
    }
    let registry = Registry::start(crate::support::world(&yaml));
    let project = Project::new(&registry.url, crate::support::binary());
    crate::support::manifest(&project, &serde_json::json!({ "p0": "1" }));
    (registry, project)
}

#[test]
fn a_kill_at_any_moment_loses_nothing() {
    let (_registry, whole) = many();
    whole.run(&["install"]).ok();
    let expected = tree(&whole.dir().join("node_modules"));
    let lockfile = whole.read("pnpm-lock.yaml");
    for step in 0..12 {
        let (_registry, project) = many();
        let mut child = project.start(&["install"]);
        std::thread::sleep(Duration::from_millis(4 + step * 9));
        let _ = child.kill();
        let _ = child.wait();
        project.run(&["install"]).ok();
        assert_eq!(tree(&project.dir().join("node_modules")), expected, "killed in step {step}");
        assert_eq!(project.read("pnpm-lock.yaml"), lockfile);
        project.run(&["store", "status"]).ok();
    }
}

#[test]
fn an_interrupt_ends_the_program_at_once_with_its_own_code() {
    let (registry, project) = many();
    registry.fault("p7", Fault::Stalled);
    let child = project.start(&["install"]);
    let started = Instant::now();
    while !registry.seen().iter().any(|seen| seen.path == "p7") {
        assert!(started.elapsed() < Duration::from_secs(20), "p7 was never asked for");
        std::thread::sleep(Duration::from_millis(5));
    }
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(!project.has("pnpm-lock.yaml"));
    registry.heal();
    project.run(&["install"]).ok();
}

#[test]
fn an_interrupt_ends_a_script_of_the_project_too() {
    let (_registry, project) = small();
    let script =
        r#"{"name":"p","scripts":{"postinstall":"touch started; sleep 1; touch survived"},"dependencies":{"a":"1"}}"#;
    project.write("package.json", script);
    let child = project.start(&["install"]);
    let started = Instant::now();
    while !project.has("started") {
        assert!(started.elapsed() < Duration::from_secs(20), "the script was never started");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    std::thread::sleep(Duration::from_millis(1500));
    assert!(!project.has("survived"), "the script outlived the program");
}

#[test]
fn two_installs_of_one_project_wait_for_each_other() {
    let (_registry, project) = many();
    let children: Vec<_> = (0..3).map(|_| project.start(&["install"])).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(node(&project, "console.log(require('p0'))"), "p0");
}

#[test]
fn many_projects_share_a_store_at_once() {
    let (registry, project) = many();
    let others: Vec<Project> = (0..3).map(|_| Project::new(&registry.url, crate::support::binary())).collect();
    let mut children = vec![project.start(&["install"])];
    for other in &others {
        crate::support::manifest(other, &serde_json::json!({ "p0": "1" }));
        let mut command = other.command(&["install"]);
        command.env("PNPM_CONFIG_STORE_DIR", project.store()).stdout(std::process::Stdio::piped());
        children.push(command.spawn().unwrap());
    }
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    project.run(&["store", "status"]).ok();
    let expected = tree(&project.dir().join("node_modules"));
    for other in &others {
        assert_eq!(tree(&other.dir().join("node_modules")), expected);
    }
}

#[test]
fn a_server_that_is_busy_is_asked_again_when_it_says() {
    let (registry, project) = small();
    registry.fault("b", Fault::StatusTimes(503, 1, Some(1)));
    let started = Instant::now();
    project.run(&["install"]).ok();
    assert!(started.elapsed() >= Duration::from_secs(1), "Retry-After was not obeyed");
    let statuses: Vec<u16> =
        registry.seen().into_iter().filter(|seen| seen.path == "b").map(|seen| seen.status).collect();
    assert_eq!(statuses, [503, 200]);
}

#[test]
fn a_slow_answer_is_waited_for() {
    let (registry, project) = small();
    registry.fault("b", Fault::Delay(Duration::from_millis(700)));
    project.run(&["install"]).ok();
}

#[test]
fn a_full_disk_is_an_error_and_not_a_torn_tree() {
    let mount = tempfile::tempdir().unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
        .arg(mount.path())
        .output()
        .is_ok_and(|output| output.status.success());
    if !mounted {
        return; // only the superuser may mount: CI does
    }
    let (_registry, project) = many();
    let mut command = project.command(&["install"]);
    let run: tests::project::Run = command.env("PNPM_CONFIG_STORE_DIR", mount.path()).output().unwrap().into();
    let unmounted = std::process::Command::new("umount").arg(mount.path()).status().unwrap();
    assert!(unmounted.success());
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("No space left") || run.stderr.contains("full"), "{run:?}");
    assert!(!project.has("pnpm-lock.yaml"));
    project.run(&["install"]).ok();
    assert!(fs::read_dir(project.dir().join("node_modules/.pnpm")).unwrap().count() > 40);
}
