//! Results as lines of Markdown for whoever watches a run.

use crate::{
    results::{Results, Row},
    scenario::SCALING,
};

/// The head of the table of a run.
pub(crate) const HEAD: &str =
    "| fixture | scenario | contender | median ms | min ms | CPU ms | peak MiB | requests | / bun | / pnpm |
| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";

/// The rows of one scenario.
pub(crate) fn scenario(results: &Results, fixture: &str, scenario: &str) -> String {
    let rows =
        results.rows.iter().filter(|row| row.fixture == fixture && (row.scenario == scenario || row.scenario == "any"));
    rows.map(|row| line(results, row)).collect::<Vec<_>>().join("\n")
}

fn line(results: &Results, row: &Row) -> String {
    let Row { fixture, scenario, contender, measured, failed } = row;
    let start = format!("| {fixture} | {scenario} | {contender} |");
    let Some(measured) = measured else {
        return format!("{start} FAILED: {} | | | | | | |", failed.as_deref().unwrap_or("it was not run"));
    };
    let ratio = |peer: &str| {
        let peer = results.median(fixture, scenario, peer);
        peer.map_or_else(String::new, |peer| format!("{:.2}", measured.median / peer))
    };
    let numbers = [measured.median, measured.min, measured.cpu, measured.peak].map(|number| format!("{number:.0}"));
    let requests = format!("{}+{}", measured.packuments, measured.tarballs);
    format!("{start} {} | {requests} | {} | {} |", numbers.join(" | "), ratio("bun"), ratio("pnpm"))
}

/// Milliseconds a package by the number of packages: `sizes` pairs a fixture's name with its packages.
pub(crate) fn scaling(results: &Results, sizes: &[(String, usize)]) -> String {
    let heads: Vec<String> = sizes.iter().map(|(_, packages)| packages.to_string()).collect();
    let mut lines = vec![format!("| ms per package | contender | {} | last / first |", heads.join(" | "))];
    lines.push(format!("| --- | --- |{} ---: |", " ---: |".repeat(sizes.len())));
    for scenario in SCALING {
        for contender in results.names(|row| &row.contender) {
            let each: Vec<Option<f64>> = sizes
                .iter()
                .map(|(fixture, packages)| Some(results.median(fixture, scenario, contender)? / *packages as f64))
                .collect();
            if each.iter().all(Option::is_none) {
                continue;
            }
            let cells: Vec<String> =
                each.iter().map(|each| each.map_or_else(|| "–".to_owned(), |each| format!("{each:.3}"))).collect();
            let growth = each.first().copied().flatten().zip(each.last().copied().flatten());
            let growth = growth.map_or_else(|| "–".to_owned(), |(first, last)| format!("{:.2}", last / first));
            lines.push(format!("| {scenario} | {contender} | {} | {growth} |", cells.join(" | ")));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests;
