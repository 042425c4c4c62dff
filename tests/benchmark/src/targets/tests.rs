use super::*;
use crate::{
    contender::kind::Kind,
    results::{Row, Summary},
    scenario::SCENARIOS,
};

#[test]
fn targets_name_scenarios_and_contenders_that_there_are() {
    for Target { scenario, ours, peers, .. } in TARGETS {
        assert!(SCENARIOS.iter().any(|known| known.name == scenario), "{scenario}");
        assert!(peers.iter().chain([&ours]).all(|name| Kind::of(name).is_some()), "{ours} {peers:?}");
    }
}

#[test]
fn a_target_is_held_against_the_better_peer() {
    let row = |contender: &str, median: f64| Row {
        fixture: "f".into(),
        scenario: FAR.into(),
        contender: contender.into(),
        measured: Some(Summary { median, ..Summary::default() }),
        failed: None,
    };
    let verdict = |own| {
        let rows = vec![row("wasi-pm", own), row("bun", 200.0), row("pnpm", 100.0)];
        let table = table(&Results { rows, ..Results::default() }, "f");
        table.lines().find(|line| line.contains("50 ms")).unwrap().to_owned()
    };
    assert!(verdict(95.0).ends_with("| 0.95 | 0.95 | holds |"), "{}", verdict(95.0));
    assert!(verdict(96.0).ends_with("| 0.96 | 0.95 | **missed** |"));
}
