use super::*;

const NOW: u64 = 1_700_000_000_000; // 2023-11-14

fn metadata(lines: &[(&str, &str, u8)]) -> Metadata {
    let join = |texts: Vec<&str>| texts.join("\n");
    Metadata {
        versions: join(lines.iter().map(|line| line.0).collect()),
        dist_tags: Vec::new(),
        times: Some(join(lines.iter().map(|line| line.1).collect())),
        modified: None,
        full: true,
        deprecated: Vec::new(),
        trust: Some(lines.iter().map(|line| line.2).collect()),
        manifests: Vec::new(),
    }
}

#[test]
fn nothing_is_asked_where_no_policy_is_set() {
    let policy = Policy { minimum_release_age: 0, ..Policy::default() };
    assert!(Rules::new(&policy, NOW).is_none());
    assert!(Rules::new(&Policy::default(), NOW).is_some(), "a day is the default");
}

#[test]
fn an_age_holds_for_what_is_locked_whether_it_is_strict_or_not() {
    let policy = Policy {
        minimum_release_age_exclude: vec!["a@1.2.0 || 1.3.0".to_owned(), "@s/*".to_owned()],
        ..Policy::default()
    };
    let rules = Rules::new(&policy, NOW).unwrap();
    let found = metadata(&[("1.0.0", "2020-01-01", 0), ("1.1.0", "2999-01-01", 0), ("1.2.0", "2999-01-01", 0)]);
    let code = |name: &str, version: &str, found| rules.judge(name, version, found).map(|it| it.code);
    assert_eq!(code("a", "1.0.0", Some(&found)), None);
    assert_eq!(code("a", "1.1.0", Some(&found)), Some("ERR_PNPM_MINIMUM_RELEASE_AGE_VIOLATION"));
    assert_eq!(code("a", "1.2.0", Some(&found)), None, "it is excluded");
    assert_eq!(code("@s/x", "1.1.0", None), None, "its scope is excluded");
    assert_eq!(code("a", "9.0.0", Some(&found)), Some("ERR_PNPM_MINIMUM_RELEASE_AGE_VIOLATION"), "nobody knows it");
    assert_eq!(code("a", "1.0.0", None), Some("ERR_PNPM_MINIMUM_RELEASE_AGE_VIOLATION"));
}

#[test]
fn an_abbreviated_packument_that_has_not_changed_for_long_is_enough() {
    let policy = Policy::default();
    let rules = Rules::new(&policy, NOW).unwrap();
    let of = |modified: Option<&str>| Metadata {
        modified: modified.map(str::to_owned),
        times: None,
        full: false,
        ..metadata(&[("1.0.0", "", 0)])
    };
    let tells = |version: &str, found: &Metadata| {
        (rules.need_full("a", version, found), rules.judge("a", version, Some(found)).is_none())
    };
    assert_eq!(tells("1.0.0", &of(Some("2023-11-01T00:00:00.000Z"))), (false, true));
    assert_eq!(tells("9.0.0", &of(Some("2023-11-01T00:00:00.000Z"))), (true, false), "it does not name that one");
    assert!(tells("1.0.0", &of(Some("2023-11-14T20:00:00.000Z"))).0, "some version is young");
    assert!(tells("1.0.0", &of(None)).0);
    let timed = Metadata { times: Some("2020-01-01".to_owned()), ..of(None) };
    assert_eq!(tells("1.0.0", &timed), (false, true), "some registries tell times in it");
    let strict = Policy { minimum_release_age_ignore_missing_time: false, ..Policy::default() };
    let untimed = Metadata { full: true, ..of(None) };
    assert_eq!(tells("1.0.0", &untimed), (false, true), "nobody knows the time");
    assert!(Rules::new(&strict, NOW).unwrap().judge("a", "1.0.0", Some(&untimed)).is_some());
}

#[test]
fn an_old_packument_is_enough_where_no_evidence_is_asked_for() {
    let policy = Policy::default();
    let rules = Rules::new(&policy, NOW).unwrap();
    let day = 86_400_000;
    let now = i64::try_from(NOW).unwrap();
    assert!(rules.pass_by_date("a", "1.0.0", now - day - 1000));
    assert!(!rules.pass_by_date("a", "1.0.0", now - day - 999), "the date is cut to seconds");
    assert!(!rules.pass_by_date("a", "1.0.0", 499_162_500_000), "1985 is no date of a registry");
    let trust = Policy { trust_policy: TrustPolicy::NoDowngrade, ..Policy::default() };
    assert!(!Rules::new(&trust, NOW).unwrap().pass_by_date("a", "1.0.0", now - 99 * day));
}

#[test]
fn exceptions_are_known_as_such() {
    let policy = Policy { minimum_release_age_exclude: vec!["a@1.0.0".to_owned()], ..Policy::default() };
    let rules = Rules::new(&policy, NOW).unwrap();
    assert!(!rules.concern("a", "1.0.0") && !rules.make_no_exception("a", "1.0.0"));
    assert!(rules.concern("a", "1.1.0") && rules.make_no_exception("a", "1.1.0"));
}

#[test]
fn weaker_evidence_than_before_is_found_and_age_forgives_it() {
    let policy = Policy { minimum_release_age: 0, trust_policy: TrustPolicy::NoDowngrade, ..Policy::default() };
    let found = metadata(&[
        ("1.0.0", "2020-01-01", 0),
        ("1.1.0-rc", "2020-02-01", 2),
        ("1.1.0", "2020-03-01", 1),
        ("1.2.0", "2020-04-01", 0),
    ]);
    let judge = |policy: &Policy, version: &str| Rules::new(policy, NOW).unwrap().judge("a", version, Some(&found));
    assert_eq!(judge(&policy, "1.0.0"), None);
    assert_eq!(judge(&policy, "1.1.0"), None, "a prerelease does not bind a release");
    assert_eq!(judge(&policy, "1.2.0").unwrap().code, "ERR_PNPM_TRUST_DOWNGRADE");
    assert_eq!(judge(&Policy { trust_policy_ignore_after: Some(1000), ..policy.clone() }, "1.2.0"), None);
    assert_eq!(judge(&Policy { trust_policy_exclude: vec!["a".to_owned()], ..policy }, "1.2.0"), None);
}

#[test]
fn a_locked_tarball_is_the_one_that_the_registry_names() {
    let manifest = br#"{"dist":{"tarball":"https://registry.example/@s%2fa/-/a-1.0.0.tgz"}}"#;
    let code = |locked: &str, manifest: Option<&[u8]>| bind("@s/a", "1.0.0", locked, manifest).map(|it| it.code);
    let mismatch = Some("ERR_PNPM_TARBALL_URL_MISMATCH");
    assert_eq!(code("https://registry.example/@s/a/-/a-1.0.0.tgz", Some(manifest)), None);
    assert_eq!(code("http://registry.example/@s%2Fa/-/a-1.0.0.tgz", Some(manifest)), None, "scheme aside");
    assert_eq!(code("https://evil.example/@s/a/-/a-1.0.0.tgz", Some(manifest)), mismatch);
    assert_eq!(code("https://registry.example/@s/a/-/a-1.0.1.tgz", Some(manifest)), mismatch);
    assert_eq!(code("https://registry.example/@s/a/-/a-1.0.0.tgz", None), mismatch, "the version is not there");
    assert_eq!(code("https://registry.example/@s/a/-/a-1.0.0.tgz", Some(b"{}")), mismatch, "nor is its tarball");
}
