use super::*;

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
