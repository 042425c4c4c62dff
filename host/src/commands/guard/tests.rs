//! A signal that comes while files are written ends the process, once they are written.

use std::{env, fs, path::PathBuf, process::Command, thread, time::Duration};

use super::*;

/// Where the child of the test below writes.
const WRITTEN: &str = "WASI_PM_TEST_WRITTEN";

#[test]
fn a_signal_waits_for_files_that_belong_together() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("written");
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "--ignored", "commands::guard::tests::child"])
        .env(WRITTEN, &path)
        .output()
        .unwrap();
    assert_eq!(child.status.code(), Some(143), "{child:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "all of it");
}

#[test]
#[ignore = "the test above starts it"]
fn child() {
    let Some(path) = env::var_os(WRITTEN).map(PathBuf::from) else { return };
    watch_signals();
    let together = together();
    let pid = std::process::id().to_string();
    // Until the handler stands a signal would end the process in the system's own way.
    while !fs::read_to_string("/proc/self/status").unwrap().lines().any(handles_terminate) {
        thread::yield_now();
    }
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    // Time enough for a process that does not wait to end before all is written.
    thread::sleep(Duration::from_millis(300));
    fs::write(path, "all of it").unwrap();
    drop(together);
    loop {
        thread::park();
    }
}

/// Whether this line of `/proc/self/status` says that SIGTERM is caught.
fn handles_terminate(line: &str) -> bool {
    let caught = line.strip_prefix("SigCgt:").and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    caught.is_some_and(|mask| mask & (1 << 14) != 0)
}
