use super::*;

#[test]
fn times_are_read_in_every_form_registries_write() {
    let expected = Some(1_709_051_233_411);
    assert_eq!(parse_time("2024-02-27T16:27:13.411Z"), expected);
    assert_eq!(parse_time("2024-02-27T16:27:13.411123+00:00"), expected);
    assert_eq!(parse_time("2024-02-27T18:27:13.411+02:00"), expected);
    assert_eq!(parse_time("2024-02-27T11:27:13.411-0500"), expected);
    assert_eq!(parse_time("2024-02-27T16:27:13Z"), Some(1_709_051_233_000));
    assert_eq!(parse_time("1970-01-01"), Some(0));
    assert_eq!(parse_time("2000-02-29T00:00:00Z"), Some(951_782_400_000));
    for text in ["", "yesterday", "2024-13-01", "2024-02-27T16:27", "2024-02-27T16:27:13"] {
        assert_eq!(parse_time(text), None, "{text:?}");
    }
}

#[test]
fn exclusions_name_packages_scopes_and_versions() {
    let texts = ["a", "@s/*", "b@1.0.0 || 1.0.1"].map(str::to_owned);
    let policy = Policy { minimum_release_age_exclude: texts.to_vec(), ..Policy::default() };
    let policy = AgePolicy::new(&policy, 1_700_000_000_000).unwrap().unwrap();
    assert_eq!(policy.cutoff, 1_700_000_000_000 - 86_400_000);
    assert_eq!(policy.exclusion("a"), Exclusion::Package);
    assert_eq!(policy.exclusion("@s/x"), Exclusion::Package);
    assert!(matches!(policy.exclusion("b"), Exclusion::Versions([_, _])));
    assert_eq!(policy.exclusion("c"), Exclusion::None);
}

#[test]
fn exclusions_with_ranges_or_patterns_before_versions_are_refused() {
    for (text, code) in
        [("a@^1", "ERR_PNPM_INVALID_VERSION_UNION"), ("a*@1.0.0", "ERR_PNPM_NAME_PATTERN_IN_VERSION_UNION")]
    {
        assert_eq!(Exclude::parse_all(&[text.to_owned()]).unwrap_err().code, code);
    }
}

#[test]
fn without_a_clock_or_an_age_there_is_no_rule() {
    assert_eq!(AgePolicy::new(&Policy::default(), 0), Ok(None));
    assert_eq!(AgePolicy::new(&Policy { minimum_release_age: 0, ..Policy::default() }, 1), Ok(None));
}

#[test]
fn patterns_match_as_pnpm_matches_them() {
    for (pattern, name, expected) in [
        ("*", "a", true),
        ("a*c", "abc", true),
        ("a*b*c", "axbyc", true),
        ("a*c", "ab", false),
        ("!a", "b", true),
        ("ab*b", "ab", false),
    ] {
        assert_eq!(matches_pattern(pattern, name), expected, "{pattern} {name}");
    }
}

#[test]
fn an_instant_is_written_as_it_is_read() {
    for text in
        ["1970-01-01T00:00:00.000Z", "2024-02-29T23:59:59.999Z", "2999-12-31T12:00:00.001Z", "1969-12-31T00:00:00.000Z"]
    {
        assert_eq!(format_time(parse_time(text).unwrap()), text);
    }
}
