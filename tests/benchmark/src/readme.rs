//! The section of a README that results are written into: the machine, a chart, a table a fixture. Rows that wasi-pm
//! loses are there like the others, and say so.

use anyhow::{Result, ensure};

use crate::{
    chart::milliseconds,
    contender::kind::{Kind, Layout},
    results::{Results, Summary},
    table,
};

const START: &str = "<!-- benchmark:start -->";
const END: &str = "<!-- benchmark:end -->";

/// The text with its section replaced.
///
/// # Errors
/// If it has no such section, or more than one.
pub(crate) fn rewrite(text: &str, section: &str) -> Result<String> {
    let once = |mark: &str| text.matches(mark).count() == 1;
    ensure!(once(START) && once(END), "one line {START} and one line {END} are wanted");
    let (before, rest) = text.split_once(START).expect("it is there once");
    let after = rest.split_once(END).map(|(_, after)| after);
    ensure!(after.is_some(), "{END} comes before {START}");
    Ok(format!("{before}{START}\n{section}\n{END}{}", after.unwrap_or_default()))
}

/// What is between the marks. `chart` is the chart's address.
pub(crate) fn section(results: &Results, scaling: Option<&Results>, chart: &str) -> String {
    let versions: Vec<String> = results
        .versions
        .iter()
        .filter(|(name, _)| Kind::of(name).is_some_and(|kind| kind.name == name.as_str() && kind.is_plain()))
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    let mut parts = vec![format!(
        "{}. {}. Medians of interleaved rounds, milliseconds; scripts are off, one registry on loopback serves all.",
        results.machine.describe(),
        versions.join(", ")
    )];
    let fixtures = results.names(|row| &row.fixture);
    if let Some(first) = fixtures.first() {
        parts.push(format!("![Time to install {first}]({chart})"));
    }
    parts.push(
        "Against the best peer: the ratio to the fastest other program with the same layout (isolated, or slots shared \
         by projects); **slower** marks what wasi-pm loses. A dash: it has no such thing, or did not finish. The floor makes \
         the same isolated tree from a list and resolves nothing; where packages or metadata are cold it also fetches them, \
         verifies and unpacks the ones and inflates the others."
            .to_owned(),
    );
    for fixture in &fixtures {
        parts.push(format!("**{fixture}**, {} rounds", results.rounds(fixture)));
        parts.push(times(results, fixture));
    }
    if let Some(first) = fixtures.first() {
        parts.push(format!("What it costs ({first}):"));
        parts.push(costs(results, first));
    }
    if let Some(scaling) = scaling {
        parts.push("How the time of a package grows with their number:".to_owned());
        parts.push(table::scaling(scaling, &sizes(scaling)));
    }
    parts.join("\n\n")
}

/// Scenarios by contenders.
fn times(results: &Results, fixture: &str) -> String {
    let of_fixture = |name: &&str| results.rows.iter().any(|row| row.fixture == fixture && row.contender == *name);
    let contenders: Vec<&str> = results.names(|row| &row.contender).into_iter().filter(of_fixture).collect();
    let head = format!("| | {} | against the best peer | with shared slots |", contenders.join(" | "));
    let mut lines = vec![head, format!("| --- |{} --- | --- |", " ---: |".repeat(contenders.len()))];
    for scenario in results.names(|row| &row.scenario) {
        let median = |name: &str| results.median(fixture, scenario, name);
        if contenders.iter().all(|name| median(name).is_none()) {
            continue;
        }
        let cells: Vec<String> =
            contenders.iter().map(|name| median(name).map_or_else(|| "–".to_owned(), milliseconds)).collect();
        let verdicts = [("wasi-pm", Layout::Isolated), ("wasi-pm-gvs", Layout::Global)]
            .map(|(ours, layout)| verdict(results, fixture, scenario, ours, layout));
        lines.push(format!("| {scenario} | {} | {} |", cells.join(" | "), verdicts.join(" | ")));
    }
    lines.join("\n")
}

/// How one of ours stands to the fastest peer with the same layout.
fn verdict(results: &Results, fixture: &str, scenario: &str, ours: &str, layout: Layout) -> String {
    let is_peer = |name: &&str| Kind::of(name).is_some_and(|kind| !kind.is_ours() && kind.layout == layout);
    let peers = results.names(|row| &row.contender).into_iter().filter(is_peer);
    let peers = peers.filter_map(|name| Some((name, results.median(fixture, scenario, name)?)));
    let best = peers.min_by(|a, b| a.1.total_cmp(&b.1));
    let Some((own, (peer, best))) = results.median(fixture, scenario, ours).zip(best) else { return "–".to_owned() };
    let ratio = own / best;
    // As it is printed: 1.004 is shown as 1.00, and no loss.
    match (ratio * 100.0).round() > 100.0 {
        true => format!("**slower**: {ratio:.2} × {peer}"),
        false => format!("{ratio:.2} × {peer}"),
    }
}

/// CPU time, memory and requests of two scenarios.
fn costs(results: &Results, fixture: &str) -> String {
    let mut lines = vec![
        "| | | CPU ms | peak MiB | metadata requests | tarball requests |".to_owned(),
        "| --- | --- | ---: | ---: | ---: | ---: |".to_owned(),
    ];
    for scenario in ["install cold/cold", "restore hot/hot"] {
        // The floor is no program, and has nothing but its time.
        for contender in results.names(|row| &row.contender).into_iter().filter(|name| Kind::of(name).is_some()) {
            let measured = results.find(fixture, scenario, contender).and_then(|row| row.measured.as_ref());
            let Some(Summary { cpu, peak, packuments, tarballs, .. }) = measured else { continue };
            let cpu = milliseconds(*cpu);
            lines.push(format!("| {scenario} | {contender} | {cpu} | {peak:.0} | {packuments} | {tarballs} |"));
        }
    }
    lines.join("\n")
}

/// Names and numbers of packages of the graphs in a measuring of growth.
fn sizes(results: &Results) -> Vec<(String, usize)> {
    let size = |name: &str| Some((name.to_owned(), name.strip_prefix("scale-")?.parse().ok()?));
    let mut sizes: Vec<(String, usize)> = results.names(|row| &row.fixture).into_iter().filter_map(size).collect();
    sizes.sort_by_key(|(_, packages)| *packages);
    sizes
}

#[cfg(test)]
mod tests;
