//! Prints what resolutions cost, natively and in the component: time, calls, requests, bytes, memory.
//!
//! `cargo run --release -p tests --bin cost -- [MIRROR FIXTURE]...` after the peer-heavy graphs, which need no mirror.

use std::{path::Path, process::ExitCode, time::Duration};

use tests::cost::{self, Case};

/// Runs of each; the middle one counts.
const RUNS: usize = 7;
const WIDTHS: [usize; 4] = [10, 20, 40, 80];

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool for developers: its table is its output")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    println!("| graph | native ms | component ms | ratio | calls | requests | KiB in | peak guest MiB | lockfile |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |");
    let peers = WIDTHS.map(|width| Ok(Case::peers(width)));
    let recorded = arguments.chunks_exact(2).map(|pair| Case::recorded(Path::new(&pair[1]), Path::new(&pair[0])));
    for case in peers.into_iter().chain(recorded) {
        let line = case.map_err(|error| error.to_string()).and_then(|case| line(&case));
        match line {
            Ok(line) => println!("{line}"),
            Err(why) => {
                eprintln!("{why}");
                return ExitCode::FAILURE;
            }
        }
    }
    let starts: Result<Vec<Duration>, _> = (0..RUNS).map(|_| cost::start()).collect();
    if let Ok(starts) = starts {
        println!("\nThe component's start, which is part of its time: {:.1} ms.", median(starts));
    }
    ExitCode::SUCCESS
}

/// Native and component by turns, and one untimed run of each first.
fn line(case: &Case) -> Result<String, String> {
    let (mut native, mut component, mut last) = (Vec::new(), Vec::new(), None);
    for run in 0..=RUNS {
        let ours = cost::native(case, usize::MAX).map_err(|codes| codes.join(", "))?;
        let (time, crossings, placement) = cost::component(case).map_err(|error| format!("{error:?}"))?;
        if run > 0 {
            native.push(ours.time);
            component.push(time);
        }
        last = Some((crossings, placement.lockfile == ours.lockfile));
    }
    let Some((crossings, same)) = last else { return Err("it was not run".to_owned()) };
    let (native, component) = (median(native), median(component));
    let (kib, mib) = (crossings.bytes_in / 1024, crossings.memory >> 20);
    Ok(format!(
        "| {} | {native:.1} | {component:.1} | {:.2} | {} | {} | {kib} | {mib} | {} |",
        case.name,
        component / native,
        crossings.calls,
        crossings.requests,
        if same { "the same" } else { "DIFFERS" }
    ))
}

/// In milliseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1000.0
}
