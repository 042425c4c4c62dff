//! Holds ours to what npm's implementation answered (`cases.tsv`).
//!
//! The table was made by a script that runs npm's `semver` over every pair of a hand-chosen list of ranges and one of
//! versions. Lines: `versions` lists the columns of `range` lines; `range` has flags, range, its normal form, one digit
//! for each version (1: satisfies) and its lowest version; `parse` has a text and what strict and loose parsing make of
//! it; `relate` has flags, two ranges, whether they intersect and whether the first is a subset; `ordered` and `order`
//! have the comparison of each version with each.

use super::*;

const CASES: &str = include_str!("cases.tsv");

fn lines(kind: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    CASES.lines().map(|line| line.split('\t').collect::<Vec<_>>()).filter(move |fields| fields[0] == kind)
}

fn unescape(text: &str) -> String {
    serde_json::from_str(&format!("\"{text}\"")).unwrap()
}

fn options(flags: &str) -> Options {
    Options { loose: flags.contains('L'), include_prerelease: flags.contains('P') }
}

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn ranges_accept_what_npm_accepts() {
    let versions = lines("versions").next().unwrap();
    let mut wrong = Vec::new();
    for fields in lines("range") {
        let (flags, text) = (fields[1], unescape(fields[2]));
        let range = Range::parse_with(&text, options(flags));
        let Ok(range) = range else {
            if fields[3] != "!" {
                wrong.push(format!("{flags} {text:?} should be {:?}", fields[3]));
            }
            continue;
        };
        if fields[3] == "!" {
            wrong.push(format!("{flags} {text:?} should be refused, is {range}"));
            continue;
        }
        if range.to_string() != fields[3] {
            wrong.push(format!("{flags} {text:?} should read {:?}, reads {:?}", fields[3], range.to_string()));
        }
        for (version, expected) in versions[1..].iter().zip(fields[4].chars()) {
            let parsed = if flags.contains('L') { Version::parse_loose(version) } else { Version::parse(version) };
            let (lowest, highest) = range.majors();
            let outside = parsed.as_ref().is_some_and(|it| it.major < lowest || it.major > highest);
            if outside && expected == '1' {
                wrong.push(format!("{flags} {version} is in {text:?}, but not from {lowest} to {highest}"));
            }
            if parsed.is_some_and(|version| range.satisfies(&version)) != (expected == '1') {
                wrong.push(format!("{flags} {version} in {text:?} should be {expected}"));
            }
        }
        let minimum = range.min_version().map_or("-".to_owned(), |version| version.to_string());
        if minimum != fields[5] {
            wrong.push(format!("{flags} {text:?} should begin at {}, begins at {minimum}", fields[5]));
        }
    }
    assert_none(&wrong);
}

#[test]
fn versions_parse_as_npm_parses_them() {
    let show = |version: Option<Version>| version.map_or("!".to_owned(), |version| version.to_string());
    let mut wrong = Vec::new();
    for fields in lines("parse") {
        let text = unescape(fields[1]);
        let ours = [show(Version::parse(&text)), show(Version::parse_loose(&text))];
        if ours != fields[2..4] {
            wrong.push(format!("{text:?} should be {:?}, is {ours:?}", &fields[2..4]));
        }
    }
    assert_none(&wrong);
}

#[test]
fn versions_are_ordered_as_npm_orders_them() {
    let versions: Vec<Version> =
        lines("ordered").next().unwrap()[1..].iter().map(|text| Version::parse(text).unwrap()).collect();
    for fields in lines("order") {
        let left = Version::parse(fields[1]).unwrap();
        for (right, expected) in versions.iter().zip(fields[2].chars()) {
            let ours = match left.precedence(right) {
                std::cmp::Ordering::Less => '<',
                std::cmp::Ordering::Equal => '=',
                std::cmp::Ordering::Greater => '>',
            };
            assert_eq!(ours, expected, "{left} and {right}");
        }
    }
}

#[test]
fn ranges_relate_as_npm_relates_them() {
    let mut wrong = Vec::new();
    for fields in lines("relate") {
        let (a, b) = (unescape(fields[2]), unescape(fields[3]));
        let [left, right] = [&a, &b].map(|text| Range::parse_with(text, options(fields[1])).unwrap());
        if left.intersects(&right) != (fields[4] == "1") {
            wrong.push(format!("{} {a:?} intersects {b:?} should be {}", fields[1], fields[4]));
        }
        if left.is_subset_of(&right) != (fields[5] == "1") {
            wrong.push(format!("{} {a:?} within {b:?} should be {}", fields[1], fields[5]));
        }
    }
    assert_none(&wrong);
}

#[test]
fn hostile_texts_are_refused() {
    assert_eq!(Range::parse(&"1".repeat(17 * 1024)), Err(RangeError::TooLong));
    assert_eq!(Range::parse(&">=1 || ".repeat(1000)), Err(RangeError::TooLong));
    assert_eq!(Version::parse("99999999999999999999.0.0"), None);
    assert_eq!(Version::parse(&format!("1.0.0-{}", "a".repeat(256))), None);
}

#[test]
fn a_peer_range_accepts_a_prerelease_as_its_release() {
    let range = Range::parse("^19.0.0").unwrap();
    let version = Version::parse("19.1.0-rc.1").unwrap();
    assert!(!range.satisfies(&version));
    assert!(range.satisfies_as_peer(&version));
    assert!(!range.satisfies_as_peer(&Version::parse("20.0.0-rc.1").unwrap()));
}

#[test]
fn of_equal_versions_the_first_wins() {
    let versions = ["1.0.0+a", "1.0.0+b", "0.9.0"].map(|text| Version::parse(text).unwrap());
    let range = Range::parse("*").unwrap();
    assert_eq!(max_satisfying(&versions, &range), Some(0));
    assert_eq!(min_satisfying(&versions, &range), Some(2));
}

#[test]
fn a_range_names_prereleases_where_it_may_accept_one() {
    let names = |text: &str| Range::parse_loose(text).unwrap().names_prereleases();
    for range in ["^1.2.0-rc.1", ">=1.0.0-0", "<2.0.0-beta", "1.0.0-x || 2", ">1 <=2.0.0-0"] {
        assert!(names(range), "{range}");
    }
    for range in ["^1.2.0", "~1.2", "*", "1.x || >=3", "<2.0.0-0", "1.2.3"] {
        assert!(!names(range), "{range}");
    }
    let all = Options { loose: true, include_prerelease: true };
    assert!(Range::parse_with("^1.2.0", all).unwrap().names_prereleases());
}

#[test]
fn the_beginning_of_a_range_is_that_of_its_highest_releases() {
    let beginning = |text: &str| Range::parse_loose(text).unwrap().beginning();
    for (range, expected) in [
        ("^7.1.0", "7."),
        ("~7.1.2", "7.1."),
        ("^0.3.1", "0.3."),
        ("^0.0.3", "0.0."),
        ("1.2.3", "1.2.3"),
        ("1.2.x", "1.2."),
        ("5", "5."),
        (">=1 <3", "2."),
        ("<=2.5.1", "2.5."),
        ("^1.0.0 || ^3.0.0 || ^2.0.0", "3."),
    ] {
        assert_eq!(beginning(range).as_deref(), Some(expected), "{range}");
    }
    for range in ["*", ">=1.2.3", "^1.0.0 || >=4", "<0.0.0"] {
        assert_eq!(beginning(range), None, "{range}");
    }
}
