use super::*;
use crate::results::{Row, Summary};

fn results(rows: &[(&str, &str, f64)]) -> Results {
    let row = |&(scenario, contender, median): &(&str, &str, f64)| Row {
        fixture: "f<x>".into(),
        scenario: scenario.into(),
        contender: contender.into(),
        measured: Some(Summary { median, ..Summary::default() }),
        failed: None,
    };
    Results { rows: rows.iter().map(row).collect(), ..Results::default() }
}

fn bars(svg: &str) -> Vec<f64> {
    let rects = svg.lines().filter(|line| line.contains("height=\"14\""));
    rects.map(|line| line.split("width=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap()).collect()
}

#[test]
fn bars_are_as_long_as_their_times_within_a_scenario() {
    let svg = chart(&results(&[("a", "wasi-pm", 50.0), ("a", "bun", 100.0), ("b", "wasi-pm", 4000.0)]), "f<x>");
    let bars = bars(&svg);
    assert_eq!(bars.len(), 3);
    assert!((bars[0] * 2.0 - bars[1]).abs() < 0.2, "{bars:?}");
    assert!((bars[1] - bars[2]).abs() < 0.2, "each scenario has a scale of its own: {bars:?}");
}

#[test]
fn a_bar_that_is_cut_off_is_marked_and_says_its_number() {
    let svg = chart(&results(&[("a", "wasi-pm", 10.0), ("a", "npm", 12_345.6)]), "f<x>");
    assert_eq!(svg.matches("class=\"cut\"").count(), 1);
    assert!(svg.contains(">12,346</text>"));
    assert!(!chart(&results(&[("a", "wasi-pm", 10.0), ("a", "npm", 50.0)]), "f<x>").contains("class=\"cut\""));
}

#[test]
fn names_are_escaped_and_nothing_outside_the_chart_is_needed() {
    let svg = chart(&results(&[("a", "wasi-pm", 1.0)]), "f<x>");
    assert!(svg.contains("f&lt;x&gt;") && !svg.contains("f<x>"));
    assert!(!svg.contains("href") && !svg.contains("url("));
    assert_eq!(svg.matches('{').count(), svg.matches('}').count());
}

#[test]
fn numbers_are_rounded_to_what_they_mean() {
    assert_eq!([4.26, 9.96, 123.4, 1_234_567.0].map(milliseconds), ["4.3", "10", "123", "1,234,567"]);
}
