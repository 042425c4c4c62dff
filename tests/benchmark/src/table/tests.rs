use super::*;
use crate::results::Summary;

fn row(fixture: &str, contender: &str, median: f64) -> Row {
    let measured = Some(Summary { median, min: median, tarballs: 7, ..Summary::default() });
    let scenario = "install hot/hot".to_owned();
    Row { fixture: fixture.into(), scenario, contender: contender.into(), measured, failed: None }
}

#[test]
fn a_row_stands_beside_its_peers_and_a_failure_says_why() {
    let failed = Row { measured: None, failed: Some("it fell".into()), ..row("f", "pnpm", 0.0) };
    let results =
        Results { rows: vec![row("f", "wasi-pm", 50.0), row("f", "bun", 40.0), failed], ..Results::default() };
    let shown = scenario(&results, "f", "install hot/hot");
    assert_eq!(
        shown.lines().collect::<Vec<_>>(),
        [
            "| f | install hot/hot | wasi-pm | 50 | 50 | 0 | 0 | 0+7 | 1.25 |  |",
            "| f | install hot/hot | bun | 40 | 40 | 0 | 0 | 0+7 | 1.00 |  |",
            "| f | install hot/hot | pnpm | FAILED: it fell | | | | | | |",
        ]
    );
}

#[test]
fn scaling_is_the_time_of_a_package_from_the_smallest_graph_to_the_largest() {
    let rows = vec![row("scale-10", "wasi-pm", 20.0), row("scale-40", "wasi-pm", 100.0)];
    let results = Results { rows, ..Results::default() };
    let shown = scaling(&results, &[("scale-10".into(), 10), ("scale-40".into(), 40)]);
    assert_eq!(shown.lines().last().unwrap(), "| install hot/hot | wasi-pm | 2.000 | 2.500 | 1.25 |");
}
