//! Measures wasi-pm beside other installers, interleaved, on one registry in this process that replays a mirror.
//!
//! `cargo run --release -p benchmark -- --mirror MIRROR --work FOLDER --fixture FIXTURE NAME=PROGRAM...`, where FOLDER
//! is on memory-backed disk and NAME one of wasi-pm, wasi-pm-gvs, bun, bun-global, bun-hoisted, pnpm, pnpm-gvs. It
//! prints a Markdown table and writes the same as JSON. A contender that fails gets a failed row; the rest goes on.
//! Only the root project of a fixture is installed. A round is one run of each contender.

mod contender;
mod registry;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Parser;
use contender::{Contender, Run, SCENARIOS};
use registry::Registry;
use serde_json::{Value, json};

/// Measures installers side by side.
#[derive(Parser)]
struct Arguments {
    /// A recorded mirror: folders `packuments` and `tarballs`.
    #[arg(long)]
    mirror: PathBuf,
    /// Scratch on memory-backed disk; a folder of this process is made in it.
    #[arg(long)]
    work: PathBuf,
    /// A folder with a package.json; may be given again.
    #[arg(long, required = true)]
    fixture: Vec<PathBuf>,
    /// Timed rounds.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Only scenarios whose name contains this.
    #[arg(long, default_value = "")]
    scenario: String,
    /// Where the result is written.
    #[arg(long, default_value = "benchmark.json")]
    json: PathBuf,
    /// Contenders.
    #[arg(required = true, value_name = "NAME=PROGRAM", value_parser = contender_argument)]
    contenders: Vec<(String, PathBuf)>,
}

fn contender_argument(text: &str) -> Result<(String, PathBuf), String> {
    let names = ["wasi-pm", "wasi-pm-gvs", "bun", "bun-global", "bun-hoisted", "pnpm", "pnpm-gvs"];
    let (name, program) = text.split_once('=').ok_or("expected NAME=PROGRAM")?;
    if !names.contains(&name) {
        return Err(format!("NAME is one of {}", names.join(", ")));
    }
    Ok((name.to_owned(), program.into()))
}

fn main() -> Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    if let [first, result, program, arguments @ ..] = given.as_slice()
        && first == contender::RUN_ONE
    {
        let good = contender::run_one(result, program, arguments)?;
        std::process::exit(i32::from(!good));
    }
    let arguments = Arguments::parse();
    let registry = Registry::start(&arguments.mirror)?;
    let work = arguments.work.join(format!("benchmark-{}", std::process::id()));
    let mut rows = Vec::new();
    say("| fixture | scenario | contender | median ms | min ms | CPU ms | peak MiB | requests | / bun | / pnpm |");
    say("| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for fixture in &arguments.fixture {
        let name = fixture.file_name().context("a fixture has a name")?.to_string_lossy().into_owned();
        let mut ready = Vec::new();
        for (contender, program) in &arguments.contenders {
            let folder = work.join(&name).join(contender);
            let contender = Contender::new(contender, program, &folder, fixture, &registry.url)?;
            let seeded = contender.seed(&registry).map_err(|error| format!("{error:#}"));
            ready.push((contender, seeded));
        }
        for scenario in SCENARIOS.into_iter().filter(|name| name.contains(&arguments.scenario)) {
            registry.slow(scenario.contains("50 ms"));
            let of_scenario = measure(&mut ready, scenario, arguments.rounds, &registry);
            of_scenario.iter().for_each(|row| show(&name, row, &of_scenario));
            rows.extend(of_scenario.into_iter().map(|mut row| {
                row["fixture"] = json!(name);
                row
            }));
        }
        registry.slow(false);
    }
    std::fs::write(&arguments.json, serde_json::to_vec_pretty(&json!({ "rounds": arguments.rounds, "rows": rows }))?)?;
    std::fs::remove_dir_all(work)?;
    Ok(())
}

/// All rounds of one scenario, one run of each contender after the other.
fn measure(
    ready: &mut [(Contender, Result<(), String>)],
    scenario: &str,
    rounds: usize,
    registry: &Registry,
) -> Vec<Value> {
    let mut runs: Vec<Result<Vec<Run>, String>> =
        ready.iter().map(|(_, seeded)| seeded.clone().map(|()| Vec::new())).collect();
    // One untimed round first: `repeat` and `hot` start from what the scenario itself leaves.
    for round in 0..=rounds {
        for ((contender, _), runs) in ready.iter_mut().zip(&mut runs) {
            let Ok(done) = runs else { continue };
            match contender.measure(scenario, registry) {
                Ok(run) if round > 0 => done.push(run),
                Ok(_) => {}
                Err(error) => *runs = Err(format!("{error:#}")),
            }
            contender.sweep();
        }
    }
    ready.iter().zip(runs).map(|((contender, _), runs)| row(&contender.name, scenario, runs)).collect()
}

fn row(contender: &str, scenario: &str, runs: Result<Vec<Run>, String>) -> Value {
    let runs = match runs {
        Ok(runs) if !runs.is_empty() => runs,
        Ok(_) => return json!({ "scenario": scenario, "contender": contender, "failed": "no rounds" }),
        Err(error) => return json!({ "scenario": scenario, "contender": contender, "failed": error }),
    };
    let sorted = |of: fn(&Run) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let (wall, cpu, peak) = (sorted(|run| run.wall), sorted(|run| run.cpu), sorted(|run| run.peak));
    let (packuments, tarballs) = runs[runs.len() - 1].requests;
    json!({
        "scenario": scenario, "contender": contender, "wall": wall, "median": median(&wall), "min": wall[0],
        "cpu": median(&cpu), "peak": peak[peak.len() - 1], "packuments": packuments, "tarballs": tarballs,
    })
}

fn median(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[half] } else { f64::midpoint(sorted[half - 1], sorted[half]) }
}

fn show(fixture: &str, row: &Value, beside: &[Value]) {
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let (scenario, contender) = (text("scenario"), text("contender"));
    if row["failed"].is_string() {
        say(&format!("| {fixture} | {scenario} | {contender} | FAILED: {} | | | | | | |", text("failed")));
        return;
    }
    let number = |name: &str| format!("{:.0}", row[name].as_f64().unwrap_or_default());
    let ratio = |peer: &str| {
        let peer = beside.iter().find(|other| other["contender"] == peer).and_then(|other| other["median"].as_f64());
        peer.zip(row["median"].as_f64()).map_or_else(String::new, |(peer, own)| format!("{:.2}", own / peer))
    };
    let cells = [number("median"), number("min"), number("cpu"), number("peak")].join(" | ");
    let requests = format!("{}+{}", row["packuments"], row["tarballs"]);
    say(&format!(
        "| {fixture} | {scenario} | {contender} | {cells} | {requests} | {} | {} |",
        ratio("bun"),
        ratio("pnpm")
    ));
}

#[expect(clippy::print_stdout, reason = "a tool for developers: its table is its output")]
fn say(line: &str) {
    println!("{line}");
}
