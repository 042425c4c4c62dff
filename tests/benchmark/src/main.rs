//! Measures wasi-pm beside other installers, interleaved, on one registry in this process.
//!
//! ```text
//! record ─▶ mirror ─▶ registry ◀─ generate        run, scaling ─▶ results (JSON) ─▶ readme: table, chart
//!                        ▲  requests are counted         │
//!                        └── contender: prepare, run, check ── every round, every scenario
//! ```
//! How to use it, and what each scenario is: `README.md` beside `src`.

mod contender;
mod fixture;
mod generate;
mod machine;
mod measure;
mod registry;
mod results;
mod scenario;
mod table;

use anyhow::Result;
use clap::{Parser, Subcommand};
use measure::{Measuring, Setting};
use scenario::{SCALING, SCENARIOS};

/// Measures installers side by side.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures fixtures and prints a table.
    Run {
        /// A folder with a package.json, or a generated graph: peers:WIDTH, workspace:PROJECTS, scale:PACKAGES. May be
        /// given again.
        #[arg(long, required = true)]
        fixture: Vec<String>,
        #[command(flatten)]
        setting: Setting,
    },
    /// Measures graphs of growing size and prints the time of a package.
    Scaling {
        /// Packages of each graph.
        #[arg(long, value_delimiter = ',', default_values_t = [340, 680, 1350, 2700])]
        packages: Vec<usize>,
        #[command(flatten)]
        setting: Setting,
    },
}

fn main() -> Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    if let [first, result, program, arguments @ ..] = given.as_slice()
        && first == contender::RUN_ONE
    {
        let good = contender::run_one(result, program, arguments)?;
        std::process::exit(i32::from(!good));
    }
    match Arguments::parse().command {
        Command::Run { fixture, setting } => run(&fixture, setting),
        Command::Scaling { packages, setting } => scaling(&packages, setting),
    }
}

fn run(fixtures: &[String], setting: Setting) -> Result<()> {
    let mut measuring = Measuring::new(setting)?;
    say(table::HEAD);
    for wanted in fixtures {
        let fixture = measuring.fixture(wanted)?;
        let all = SCENARIOS.map(|scenario| scenario.name);
        measuring.measure(&fixture, &all, |results, fixture, scenario| {
            say(&table::scenario(results, fixture, scenario));
        })?;
    }
    measuring.end();
    Ok(())
}

fn scaling(packages: &[usize], setting: Setting) -> Result<()> {
    let mut measuring = Measuring::new(setting)?;
    let mut sizes = Vec::new();
    for count in packages {
        let fixture = measuring.fixture(&format!("scale:{count}"))?;
        measuring.measure(&fixture, &SCALING, |_, _, _| {})?;
        sizes.push((fixture.name, *count));
    }
    say(&table::scaling(&measuring.results, &sizes));
    measuring.end();
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a tool for developers: its table is its output")]
fn say(line: &str) {
    println!("{line}");
}
