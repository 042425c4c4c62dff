use std::path::Path;

use std::{sync::Mutex, time::Duration};

use serde_json::json;

use super::{Environment, Project, Running, ScriptError, run_lifecycle};
use crate::report::{Event, Report};

#[derive(Default)]
struct Lines(Mutex<Vec<String>>);
impl Report for Lines {
    fn event(&self, event: Event) {
        match event {
            Event::ScriptStarted { stage, .. } => self.0.lock().unwrap().push(format!("> {stage}")),
            Event::ScriptLine { line, .. } => self.0.lock().unwrap().push(line),
            Event::ScriptExited { exit_code, .. } => self.0.lock().unwrap().push(format!("< {exit_code}")),
            _ => {}
        }
    }
}

fn run(scripts: &serde_json::Value) -> (Vec<String>, Result<(), ScriptError>) {
    let folder = tempfile::tempdir().unwrap();
    let manifest = json!({"name": "p", "version": "1.0.0", "config": {"a-b": 1}, "scripts": scripts});
    let project = Project { folder: folder.path().to_owned(), manifest };
    let lines = Lines::default();
    let result = run_lifecycle(&[project], Path::new("/"), &environment(folder.path()), &Running::default(), &lines);
    (lines.0.into_inner().unwrap(), result)
}

fn environment(folder: &std::path::Path) -> Environment {
    let pairs = [("PATH", "/usr/bin:/bin"), ("npm_config__authToken", "secret"), ("npm_package_other", "x")];
    Environment {
        inherited: pairs.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        workspace: folder.to_owned(),
        init_cwd: folder.to_owned(),
        node: None,
        execpath: "/bin/wasi-pm".into(),
        user_agent: "wasi-pm/0.1.0".to_owned(),
    }
}

#[test]
fn scripts_run_in_pnpms_order_and_the_first_failure_ends_it() {
    let scripts =
        json!({"postprepare": "echo never", "prepare": "exit 3", "install": "echo two", "preinstall": "echo one"});
    let (lines, result) = run(&scripts);
    assert_eq!(lines, ["> preinstall", "one", "< 0", "> install", "two", "< 0", "> prepare", "< 3"]);
    assert!(matches!(result, Err(ScriptError::Failed { exit_code: 3, .. })));
}

#[test]
fn r05_credentials_and_variables_of_other_packages_stay_behind() {
    let script = "echo \"$npm_package_name $npm_package_config_a_b $npm_config__authToken$npm_package_other.\"";
    let (lines, result) = run(&json!({ "install": script }));
    result.unwrap();
    assert_eq!(lines[1], "p 1 .");
}

#[test]
fn a_script_without_a_final_line_break_is_heard_in_full() {
    let (lines, _) = run(&json!({"install": "printf 'a\\nb'"}));
    assert_eq!(lines[1..3], ["a", "b"]);
}

#[test]
fn x09_stop_ends_a_script_and_what_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let project =
        Project { folder: folder.path().to_owned(), manifest: json!({"scripts": {"install": "sleep 60 | cat"}}) };
    let running = Running::default();
    let result = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(200));
            running.stop();
        });
        run_lifecycle(
            std::slice::from_ref(&project),
            Path::new("/"),
            &environment(folder.path()),
            &running,
            &Lines::default(),
        )
    });
    assert!(matches!(result, Err(ScriptError::Failed { exit_code: 143, .. })), "{result:?}");
}
