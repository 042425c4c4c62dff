//! Measures wasi-pm beside other installers, interleaved, on one registry in this process.
//!
//! ```text
//! record ─▶ mirror ─▶ registry ◀─ generate        run, scaling ─▶ results (JSON) ─▶ readme: table, chart
//!                        ▲  requests are counted         │
//!                        └── contender: prepare, run, check ── every round, every scenario
//! ```
//! How to use it, and what each scenario is: `README.md` beside `src`.

mod chart;
mod contender;
mod fixture;
mod floor;
mod generate;
mod machine;
mod measure;
mod readme;
mod record;
mod registry;
mod results;
mod scenario;
mod table;
mod targets;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use measure::{Measuring, Setting};
use record::Recording;
use results::Results;
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
    /// Installs fixtures once with each contender and keeps all that they ask a real registry for in a mirror.
    Record(Recording),
    /// Writes table and chart of a result into the marked section of a README, and prints how the targets stand.
    Readme {
        /// What `run` wrote; may be given again, for fixtures measured one after the other.
        #[arg(long, required = true)]
        json: Vec<PathBuf>,
        /// What `scaling` wrote.
        #[arg(long)]
        scaling: Option<PathBuf>,
        /// The file with the lines `<!-- benchmark:start -->` and `<!-- benchmark:end -->`.
        #[arg(long, default_value = "README.md")]
        readme: PathBuf,
        /// The chart, beside it: its address in the README.
        #[arg(long, default_value = "docs/benchmark.svg")]
        chart: PathBuf,
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
        Command::Record(recording) => {
            say(&record::record(&recording)?);
            Ok(())
        }
        Command::Readme { json, scaling, readme, chart } => write_readme(&json, scaling.as_deref(), &readme, &chart),
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

fn write_readme(json: &[PathBuf], scaling: Option<&Path>, readme: &Path, chart: &Path) -> Result<()> {
    let mut results = Results::read(json.first().context("--json is wanted")?)?;
    for path in &json[1..] {
        results.join(Results::read(path)?).with_context(|| format!("{}", path.display()))?;
    }
    let scaling = scaling.map(Results::read).transpose()?;
    let section = readme::section(&results, scaling.as_ref(), &chart.display().to_string());
    let text = fs::read_to_string(readme).with_context(|| format!("{}", readme.display()))?;
    let text = readme::rewrite(&text, &section).with_context(|| format!("{}", readme.display()))?;
    let fixture = *results.names(|row| &row.fixture).first().context("the result is empty")?;
    let chart = readme.parent().unwrap_or(Path::new("")).join(chart);
    fs::create_dir_all(chart.parent().unwrap_or(Path::new("")))?;
    fs::write(&chart, chart::chart(&results, fixture)).with_context(|| format!("{}", chart.display()))?;
    fs::write(readme, text)?;
    say(&targets::table(&results, fixture));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a tool for developers: its table is its output")]
fn say(line: &str) {
    println!("{line}");
}
