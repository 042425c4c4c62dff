//! What wasi-pm holds itself to, as ratios of medians; and how a result stands to it.

use crate::results::Results;

/// One target: a contender against the best of some peers.
struct Target {
    scenario: &'static str,
    ours: &'static str,
    peers: &'static [&'static str],
    at_most: f64,
}

const fn target(scenario: &'static str, ours: &'static str, peers: &'static [&'static str], at_most: f64) -> Target {
    Target { scenario, ours, peers, at_most }
}

const FAR: &str = "install cold/cold, 50 ms 200 Mbit/s";

const TARGETS: [Target; 10] = [
    target("repeat", "wasi-pm", &["pnpm"], 0.5),
    target("restore hot/hot", "wasi-pm", &["bun"], 1.1),
    target("restore hot/hot", "wasi-pm-nocheck", &["bun"], 1.0),
    target("restore hot/hot", "wasi-pm-gvs", &["bun-global"], 0.9),
    target("install hot/hot", "wasi-pm", &["bun"], 1.0),
    target("install hot/hot", "wasi-pm-gvs", &["bun-global"], 1.0),
    target("restore cold/cold", "wasi-pm", &["bun"], 1.0),
    target("install cold/cold", "wasi-pm", &["bun"], 0.9),
    target("install cold metadata, hot store", "wasi-pm", &["pnpm"], 0.4),
    target(FAR, "wasi-pm", &["bun", "pnpm"], 0.95),
];

/// Peak memory of a fresh cold install against pnpm's.
const MEMORY: f64 = 0.25;

/// A line a target, for one fixture.
pub(crate) fn table(results: &Results, fixture: &str) -> String {
    let mut lines = vec!["| target | ratio | at most | |".to_owned(), "| --- | ---: | ---: | --- |".to_owned()];
    for Target { scenario, ours, peers, at_most } in TARGETS {
        let median = |name: &str| results.median(fixture, scenario, name);
        let best = peers.iter().filter_map(|peer| median(peer)).min_by(f64::total_cmp);
        let ratio = median(ours).zip(best).map(|(own, best)| own / best);
        lines.push(line(&format!("{scenario}: {ours} / {}", peers.join(" or ")), ratio, at_most));
    }
    let peak = |name: &str| Some(results.find(fixture, "install cold/cold", name)?.measured.as_ref()?.peak);
    let ratio = peak("wasi-pm").zip(peak("pnpm")).map(|(own, pnpm)| own / pnpm);
    lines.push(line("install cold/cold, peak memory: wasi-pm / pnpm", ratio, MEMORY));
    lines.join("\n")
}

fn line(name: &str, ratio: Option<f64>, at_most: f64) -> String {
    let (ratio, verdict) = match ratio {
        Some(ratio) if ratio <= at_most => (format!("{ratio:.2}"), "holds"),
        Some(ratio) => (format!("{ratio:.2}"), "**missed**"),
        None => ("–".to_owned(), "not measured"),
    };
    format!("| {name} | {ratio} | {at_most} | {verdict} |")
}

#[cfg(test)]
mod tests;
