use super::*;

fn run(wall: f64) -> Run {
    Run { wall, cpu: wall * 2.0, peak: wall / 2.0, requests: (1, 2) }
}

fn row(contender: &str, median: f64) -> Row {
    let measured = Some(Summary { median, ..Summary::default() });
    Row { fixture: "f".into(), scenario: "s".into(), contender: contender.into(), measured, failed: None }
}

#[test]
fn a_summary_holds_the_middle_the_least_and_the_highest_peak() {
    let odd = Summary::of(&[30.0, 10.0, 20.0].map(run)).unwrap();
    assert_eq!(odd.wall, [10.0, 20.0, 30.0]);
    assert_eq!((odd.median, odd.min, odd.cpu, odd.peak), (20.0, 10.0, 40.0, 15.0));
    assert_eq!((odd.packuments, odd.tarballs), (1, 2));
    let even = Summary::of(&[40.0, 10.0, 20.0, 30.0].map(run)).unwrap();
    assert_eq!(even.median, 25.0);
    assert!(Summary::of(&[]).is_none());
}

#[test]
fn a_later_round_replaces_what_an_earlier_one_said() {
    let mut results = Results::default();
    for row in [row("a", 1.0), row("b", 2.0), row("a", 3.0)] {
        results.put(row);
    }
    assert_eq!(results.names(|row| &row.contender), ["a", "b"]);
    assert_eq!(results.median("f", "s", "a"), Some(3.0));
    assert_eq!(results.median("f", "s", "c"), None);
}

#[test]
fn what_is_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("result.json");
    let failed = Row { measured: None, failed: Some("it fell".into()), ..row("b", 0.0) };
    let results = Results { rows: vec![row("a", 1.5), failed], ..Results::default() };
    results.write(&path).unwrap();
    assert_eq!(Results::read(&path).unwrap(), results);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn runs_of_one_machine_and_of_the_same_programs_are_joined() {
    let of = |cpu: &str, version: &str, row| {
        let machine = Machine { cpu: cpu.into(), ..Machine::default() };
        Results { machine, versions: [("a".to_owned(), version.to_owned())].into(), rows: vec![row] }
    };
    let mut results = of("x", "1", row("a", 1.0));
    results.join(of("x", "1", Row { fixture: "g".into(), ..row("a", 2.0) })).unwrap();
    assert_eq!(results.names(|row| &row.fixture), ["f", "g"]);
    let before = results.clone();
    assert!(results.join(of("x", "2", row("a", 3.0))).is_err());
    assert!(results.join(of("y", "1", row("a", 3.0))).is_err());
    assert_eq!(results, before);
}
