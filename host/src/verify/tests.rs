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
    assert!(Rules::new(&Policy::default(), NOW).is_none());
}

#[test]
fn a_strict_age_holds_for_what_is_locked() {
    let policy = Policy {
        minimum_release_age_strict: true,
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
fn weaker_evidence_than_before_is_found_and_age_forgives_it() {
    let policy = Policy { trust_policy: TrustPolicy::NoDowngrade, ..Policy::default() };
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
