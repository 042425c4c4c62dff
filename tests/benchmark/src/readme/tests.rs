use super::*;
use crate::results::Row;

fn row(scenario: &str, contender: &str, median: Option<f64>) -> Row {
    Row {
        fixture: "f".into(),
        scenario: scenario.into(),
        contender: contender.into(),
        measured: median.map(|median| Summary {
            wall: vec![median; 5],
            median,
            cpu: 1.0,
            peak: 2.0,
            packuments: 3,
            tarballs: 4,
            ..Summary::default()
        }),
        failed: median.is_none().then(|| "no file at /home/somebody".into()),
    }
}

fn results() -> Results {
    let rows = vec![
        row("repeat", "wasi-pm", Some(4.0)),
        row("repeat", "wasi-pm-gvs", None),
        row("repeat", "bun", Some(32.0)),
        row("repeat", "pnpm", Some(10.0)),
        row("repeat", "bun-global", Some(30.0)),
        row("restore hot/hot", "wasi-pm", Some(250.0)),
        row("restore hot/hot", "wasi-pm-gvs", Some(60.0)),
        row("restore hot/hot", "bun", Some(200.0)),
        row("restore hot/hot", "pnpm", Some(500.0)),
        row("restore hot/hot", "bun-global", Some(50.0)),
    ];
    let versions = [("bun", "1.4.5"), ("bun-global", "1.4.5"), ("wasi-pm", "0.1.0"), ("wasi-pm-gvs", "0.1.0")];
    let versions = versions.map(|(name, version)| (name.to_owned(), version.to_owned())).into();
    Results { rows, versions, ..Results::default() }
}

#[test]
fn only_what_is_between_the_marks_changes() {
    let text = format!("# a\n\n{START}\nold\n{END}\n\nb {{c}}\n");
    assert_eq!(rewrite(&text, "new").unwrap(), format!("# a\n\n{START}\nnew\n{END}\n\nb {{c}}\n"));
    let again = rewrite(&rewrite(&text, "new").unwrap(), "new").unwrap();
    assert_eq!(again, rewrite(&text, "new").unwrap());
}

#[test]
fn a_text_without_its_marks_or_with_too_many_is_left_alone() {
    for text in ["", START, END, &format!("{END}{START}"), &format!("{START}{START}{END}")] {
        assert!(rewrite(text, "new").is_err(), "{text}");
    }
}

#[test]
fn what_is_lost_is_in_the_table_and_says_so() {
    let section = section(&results(), None, "docs/x.svg");
    let line = |start: &str| section.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
    assert_eq!(line("| repeat"), "| repeat | 4.0 | – | 32 | 10 | 30 | 0.40 × pnpm | – |");
    assert_eq!(
        line("| restore hot/hot | 2"),
        "| restore hot/hot | 250 | 60 | 200 | 500 | 50 | **slower**: 1.25 × bun | **slower**: 1.20 × bun-global |"
    );
}

#[test]
fn versions_are_named_once_a_program_and_reasons_of_failures_stay_out() {
    let section = section(&results(), None, "docs/x.svg");
    assert!(section.contains(". bun 1.4.5, wasi-pm 0.1.0. Medians of"), "{section}");
    assert!(section.contains("**f**, 5 rounds"), "{section}");
    assert!(section.contains("](docs/x.svg)"));
    assert!(!section.contains("somebody"));
}

#[test]
fn a_ratio_that_is_printed_as_one_is_no_loss() {
    let of = |own| {
        let rows = vec![row("repeat", "wasi-pm", Some(own)), row("repeat", "bun", Some(100.0))];
        verdict(&Results { rows, ..Results::default() }, "f", "repeat", "wasi-pm", Layout::Isolated)
    };
    assert_eq!(of(100.4), "1.00 × bun");
    assert_eq!(of(101.0), "**slower**: 1.01 × bun");
}

#[test]
fn growth_is_shown_from_the_smallest_graph_to_the_largest() {
    let scaled = |packages: usize, median| Row {
        fixture: format!("scale-{packages}"),
        ..row("install hot/hot", "wasi-pm", Some(median))
    };
    let scaling = Results { rows: vec![scaled(1000, 3000.0), scaled(20, 40.0)], ..Results::default() };
    let section = section(&results(), Some(&scaling), "x.svg");
    assert!(section.ends_with("| install hot/hot | wasi-pm | 2.000 | 3.000 | 1.50 |"), "{section}");
}
