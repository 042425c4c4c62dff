use super::*;

use wit::settings::Policy;

const DAY: u64 = 86_400_000;

fn parts(versions: &[&str], latest: &str) -> PackumentParts {
    PackumentParts {
        name: "a".to_owned(),
        versions: versions.join("\n"),
        dist_tags: vec![("latest".to_owned(), latest.to_owned())],
        ..PackumentParts::default()
    }
}

fn picked<'a>(packument: &'a Packument, want: &str, options: &PickOptions<'_>) -> Result<&'a str, PickError> {
    pick(packument, &Want::parse(want).unwrap(), options).map(|pick| packument.text(pick.index))
}

fn prefer(want: &str, weight: u32) -> Preference {
    Preference { want: Want::parse(want).unwrap(), weight }
}

#[test]
fn latest_wins_over_a_higher_version_if_it_satisfies() {
    let packument = Packument::new(parts(&["1.0.0", "1.1.0", "1.2.0", "2.0.0"], "1.1.0"));
    let options = PickOptions::default();
    assert_eq!(picked(&packument, "^1.0.0", &options), Ok("1.1.0"));
    assert_eq!(picked(&packument, "^1.2.0", &options), Ok("1.2.0"));
    assert_eq!(picked(&packument, "2", &options), Ok("2.0.0"));
    assert_eq!(picked(&packument, "1.0.0", &options), Ok("1.0.0"));
    assert_eq!(picked(&packument, "latest", &options), Ok("1.1.0"));
    assert_eq!(picked(&packument, "next", &options), Err(PickError::NoMatch));
    assert_eq!(picked(&packument, "^3", &options), Err(PickError::NoMatch));
}

#[test]
fn any_version_may_be_a_prerelease_if_latest_is() {
    let packument = Packument::new(parts(&["1.0.0-beta.1"], "1.0.0-beta.1"));
    assert_eq!(picked(&packument, "*", &PickOptions::default()), Ok("1.0.0-beta.1"));
    assert_eq!(picked(&packument, "^1.0.0", &PickOptions::default()), Err(PickError::NoMatch));
}

/// Lines that are told apart by their first letters, against versions that are read whole.
#[test]
fn what_is_passed_over_at_first_sight_would_not_have_been_picked() {
    let lines = [
        "1.2.3-rc.1",
        "1.2.3-",
        "1.2.3--",
        "v1.2.3-rc",
        "1.2.3beta",
        "01.2.3-x",
        "1.2.3+b-1",
        "1.2.3-a+b",
        "1.2.3 ",
        "1.2",
        "1.2.3",
        "2.0.0-0",
        "2.0.0-alpha",
        "1.10.0-9",
        "10.0.0-1",
        "1.2.4-0",
        "0.0.0-x",
        "-1.0.0",
        "1.2.3.4",
    ];
    let ranges = [
        "^1.2.0",
        "~1.2.3",
        "1",
        "*",
        ">=1.2.3-rc.0",
        "^1.2.3-0",
        "<2.0.0-0",
        "<2.0.0-beta",
        ">1.0.0 <=2.0.0-0",
        "1.2.3-rc.1",
        "^1.2.0 || ^2.0.0-alpha",
        ">=2.0.0-0",
        "0.0.0-x",
        "<=1.2.4-0",
    ];
    let suffixes = (0..lines.len()).map(|from| &lines[from..]);
    let alone = (0..lines.len()).map(|at| &lines[at..=at]);
    for (range, all) in
        ranges.iter().flat_map(|range| suffixes.clone().chain(alone.clone()).map(move |all| (range, all)))
    {
        let packument = Packument::new(parts(all, "none"));
        let read = Range::parse_loose(range).unwrap();
        let want = Want::Range(WantedRange { text: (*range).into(), range: read.clone().into() });
        for direction in [Direction::Highest, Direction::Lowest] {
            if (*range, direction) == ("*", Direction::Lowest) {
                continue; // that takes any version at all
            }
            let better = if direction == Direction::Highest { Ordering::Greater } else { Ordering::Less };
            let mut expected: Option<(&str, Version)> = None;
            for line in all {
                let version = Version::parse_loose(line).filter(|version| read.satisfies(version));
                if let Some(version) = version
                    && expected.as_ref().is_none_or(|(_, held)| version.precedence(held) == better)
                {
                    expected = Some((line, version));
                }
            }
            let expected = expected.map(|(line, _)| line).ok_or(PickError::NoMatch);
            let options = PickOptions { direction, ..PickOptions::default() };
            let found = pick(&packument, &want, &options).map(|pick| packument.text(pick.index));
            assert_eq!(found, expected, "{direction:?} {range} of {all:?}");
        }
    }
}

#[test]
fn preferred_versions_win_by_weight() {
    let packument = Packument::new(parts(&["1.0.0", "1.1.0", "1.2.0", "1.3.0"], "1.3.0"));
    let plain = [prefer("1.1.0", 1), prefer("1.2.0", 1)];
    assert_eq!(picked(&packument, "^1.0.0", &PickOptions { preferred: &plain, ..Default::default() }), Ok("1.2.0"));
    let locked = [prefer("1.0.0", LOCKED_WEIGHT), prefer("1.1.0", ABOVE_WEIGHT)];
    assert_eq!(picked(&packument, "^1.0.0", &PickOptions { preferred: &locked, ..Default::default() }), Ok("1.1.0"));
    assert_eq!(picked(&packument, "~1.0.0", &PickOptions { preferred: &locked, ..Default::default() }), Ok("1.0.0"));
    let direct = [prefer("1.0.0", LOCKED_WEIGHT + ABOVE_WEIGHT), prefer("^1.1.0", DIRECT_WEIGHT)];
    assert_eq!(picked(&packument, "1", &PickOptions { preferred: &direct, ..Default::default() }), Ok("1.3.0"));
    let unfit = [prefer("1.0.0", LOCKED_WEIGHT)];
    assert_eq!(picked(&packument, "^1.1.0", &PickOptions { preferred: &unfit, ..Default::default() }), Ok("1.3.0"));
}

#[test]
fn a_preference_written_like_the_range_counts_for_nothing() {
    let packument = Packument::new(parts(&["1.0.0", "1.1.0"], "1.1.0"));
    let preferred = [prefer("^1.0.0", DIRECT_WEIGHT), prefer("1.0.0", 1)];
    assert_eq!(picked(&packument, "^1.0.0", &PickOptions { preferred: &preferred, ..Default::default() }), Ok("1.0.0"));
}

#[test]
fn deprecated_versions_are_avoided_unless_latest_or_alone() {
    let mut deprecated = parts(&["1.0.0", "1.1.0", "2.0.0"], "2.0.0");
    deprecated.deprecated = vec![1];
    let packument = Packument::new(deprecated);
    assert_eq!(picked(&packument, "^1.0.0", &PickOptions::default()), Ok("1.0.0"));
    assert_eq!(picked(&packument, "^1.1.0", &PickOptions::default()), Ok("1.1.0"));
}

#[test]
fn the_lowest_direction_ignores_latest() {
    let packument = Packument::new(parts(&["1.1.0", "1.0.0", "0.9.0-rc.1"], "1.1.0"));
    let options = PickOptions { direction: Direction::Lowest, ..Default::default() };
    assert_eq!(picked(&packument, "^1.0.0", &options), Ok("1.0.0"));
    assert_eq!(picked(&packument, "*", &options), Ok("0.9.0-rc.1"));
}

#[test]
fn what_is_no_semver_is_ignored() {
    let packument = Packument::new(parts(&["banana", "1.0.0", "99999999999999999999.0.0"], "banana"));
    assert_eq!(picked(&packument, ">=0", &PickOptions::default()), Ok("1.0.0"));
    assert_eq!(
        picked(&Packument::new(PackumentParts::default()), "*", &PickOptions::default()),
        Err(PickError::NoVersions)
    );
}

fn aged() -> PackumentParts {
    PackumentParts {
        times: Some("1970-01-02\n1970-01-03\n1970-01-09\n1970-01-09".to_owned()),
        full: true,
        ..parts(&["1.0.0", "1.1.0", "1.2.0", "2.0.0"], "1.2.0")
    }
}

fn rule(exclude: &[&str]) -> AgePolicy {
    let exclude = exclude.iter().map(|text| (*text).to_owned()).collect();
    AgePolicy::new(&Policy { minimum_release_age_exclude: exclude, ..Policy::default() }, 8 * DAY).unwrap().unwrap()
}

#[test]
fn young_versions_are_passed_over_and_tags_move_back() {
    let packument = Packument::new(aged());
    let rule = rule(&[]);
    let options = PickOptions { age: Some(&rule), ..Default::default() };
    assert_eq!(picked(&packument, "^1.0.0", &options), Ok("1.1.0"));
    assert_eq!(picked(&packument, "latest", &options), Ok("1.1.0"));
    let pick = pick(&packument, &Want::parse("^2").unwrap(), &options).unwrap();
    assert_eq!((packument.text(pick.index), pick.immature), ("2.0.0", true));
}

#[test]
fn excluded_packages_and_versions_may_be_young() {
    let packument = Packument::new(aged());
    for (exclude, expected) in [("a", "1.2.0"), ("a@1.2.0", "1.2.0"), ("a@2.0.0", "1.1.0"), ("b", "1.1.0")] {
        let rule = rule(&[exclude]);
        let options = PickOptions { age: Some(&rule), ..Default::default() };
        assert_eq!(picked(&packument, "^1.0.0", &options), Ok(expected), "{exclude}");
    }
}

#[test]
fn without_times_an_old_packument_will_do() {
    let mut rule = rule(&[]);
    let with = |modified: &str, full| {
        Packument::new(PackumentParts { times: None, modified: Some(modified.to_owned()), full, ..aged() })
    };
    let options = PickOptions { age: Some(&rule), ..Default::default() };
    assert_eq!(picked(&with("1970-01-05", false), "^1.0.0", &options), Ok("1.2.0"));
    assert_eq!(picked(&with("1970-01-09", false), "^1.0.0", &options), Err(PickError::NeedsFull));
    assert_eq!(picked(&with("1970-01-09", true), "^1.0.0", &options), Ok("1.2.0"));
    rule.ignore_missing_time = false;
    let options = PickOptions { age: Some(&rule), ..Default::default() };
    assert_eq!(picked(&with("1970-01-09", true), "^1.0.0", &options), Err(PickError::MissingTime));
}

#[test]
fn the_major_of_a_line_is_read_off_or_left_open() {
    let lines = "1.2.3\n10.0.0-rc.1\nv2.0.0\n\n3\n01.0.0\n9999999999999999.0.0\n";
    let packument = Packument::new(PackumentParts { versions: lines.to_owned(), ..PackumentParts::default() });
    let majors: Vec<Option<u64>> = (0..packument.len()).map(|line| packument.major(line)).collect();
    assert_eq!(majors, [Some(1), Some(10), None, None, None, Some(1), None]);
}

#[test]
fn a_line_that_is_told_to_be_of_another_major_is() {
    let lines = [
        "7.1.0",
        "70.1.0",
        "07.1.0",
        "0.7.0",
        "00.7.0",
        "0.0.7",
        "v7.1.0",
        "=7.1.0",
        " 7.1.0",
        "7",
        "7.1",
        "7-a.1.0",
        "x",
        "",
        "7.1.0-a",
        "10.0.0",
        "1.0.0",
        "17.0.0",
        "7.01.0",
        "0",
        "7.",
        ".7.0",
        "99999999999999999999.1.0",
    ];
    let packument = Packument::new(parts(&lines, "1.0.0"));
    let mut told = 0;
    for major in [0, 1, 7, 10, 17, 70] {
        let text = major.to_string();
        for (index, line) in lines.iter().enumerate() {
            let is_other = Version::parse_loose(line).is_none_or(|version| version.major != major);
            let is_told = packument.is_of_other_major(index, text.as_bytes());
            assert!(!is_told || is_other, "{line:?} of {major}");
            told += usize::from(is_told);
        }
    }
    assert!(told > 60, "most are: {told}");
}
