//! Compares with the real pnpm 12: runs every scenario with the pnpm binary that is given, and writes what it locks
//! beside the scenario. `cargo test` then holds wasi-pm to these files.
//!
//! Usage: `cargo run -p tests --bin parity -- PNPM [NAME...]`. Prints one line a scenario; exits with 1 if a file
//! changed or pnpm did not do what the scenario says.

use std::{fs, process::ExitCode};

use tests::scenario::{self, Scenario};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(pnpm) = arguments.next() else {
        say("usage: parity PNPM [NAME...]");
        return ExitCode::from(2);
    };
    let names: Vec<String> = arguments.collect();
    let mut good = true;
    for scenario in scenario::all() {
        if names.is_empty() || names.contains(&scenario.name) {
            good &= record(&scenario, &pnpm);
        }
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::print_stdout, reason = "a tool for developers: its report is its output")]
fn say(line: &str) {
    println!("{line}");
}

/// Runs one scenario with pnpm; false if its files were not what pnpm makes.
fn record(scenario: &Scenario, pnpm: &str) -> bool {
    let (registry, project) = scenario.start(pnpm);
    let mut world = scenario.world.clone();
    let mut good = true;
    for (at, step) in scenario.steps.iter().enumerate() {
        scenario.prepare(step, &registry, &project, &mut world);
        let mut command = project.command(&["install", "--ignore-scripts"]);
        let output = command.args(&step.install).envs(scenario.environment()).output();
        let Ok(output) = output else {
            say(&format!("cannot run {pnpm}"));
            return false;
        };
        let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        let as_said = match &step.fails {
            None => output.status.success(),
            Some(code) => !output.status.success() && said.contains(code.as_str()),
        };
        if !as_said {
            say(&format!("{} step {at}: pnpm does something else: {said}", scenario.name));
            return false;
        }
        if step.fails.is_none() {
            let made = fs::read_to_string(project.dir().join("pnpm-lock.yaml")).unwrap_or_default();
            let known = fs::read_to_string(scenario.expected(at)).unwrap_or_default();
            if made != known {
                good = false;
                if let Err(error) = fs::write(scenario.expected(at), made) {
                    say(&format!("{} step {at}: {error}", scenario.name));
                }
            }
        }
    }
    say(&format!("{} {}", if good { "same   " } else { "changed" }, scenario.name));
    good
}
