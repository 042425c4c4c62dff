use super::*;
use crate::pick::PackumentParts;

const NOW: u64 = 1_700_000_000_000;

fn packument(lines: &[(&str, &str, u8)]) -> Packument {
    let join = |texts: Vec<&str>| texts.join("\n");
    Packument::new(PackumentParts {
        name: "a".to_owned(),
        versions: join(lines.iter().map(|line| line.0).collect()),
        times: Some(join(lines.iter().map(|line| line.1).collect())),
        trust: Some(lines.iter().map(|line| line.2).collect()),
        full: true,
        ..PackumentParts::default()
    })
}

fn rule(policy: Policy) -> TrustRule {
    TrustRule::new(&Policy { trust_policy: TrustPolicy::NoDowngrade, ..policy }, NOW).unwrap().unwrap()
}

#[test]
fn weaker_evidence_than_an_earlier_version_is_refused_by_date_not_by_number() {
    let found = packument(&[("2.0.0", "2021-01-01", 2), ("1.0.1", "2022-01-01", 1), ("1.0.0", "2020-01-01", 0)]);
    let rule = rule(Policy::default());
    assert!(rule.check(&found, 2).is_ok(), "nothing came before it");
    assert!(rule.check(&found, 0).is_ok());
    let refused = rule.check(&found, 1).unwrap_err();
    assert_eq!(refused.code, "ERR_PNPM_TRUST_DOWNGRADE");
    assert!(refused.facts.contains(&("evidence of 2.0.0".to_owned(), "trusted publisher".to_owned())));
}

#[test]
fn evidence_of_a_prerelease_binds_prereleases_only() {
    let found =
        packument(&[("2.0.0-rc.1", "2021-01-01", 1), ("2.0.0", "2022-01-01", 0), ("3.0.0-rc", "2022-02-01", 0)]);
    assert!(rule(Policy::default()).check(&found, 1).is_ok());
    assert!(rule(Policy::default()).check(&found, 2).is_err());
}

#[test]
fn what_is_excluded_or_old_passes() {
    let found = packument(&[("1.0.0", "2021-01-01", 1), ("1.1.0", "2022-01-01", 0), ("1.2.0", "2023-01-01", 0)]);
    let exclude = |text: &str| Policy { trust_policy_exclude: vec![text.to_owned()], ..Policy::default() };
    assert!(rule(exclude("a@1.1.0")).check(&found, 1).is_ok());
    assert!(rule(exclude("a@1.1.0")).check(&found, 2).is_err());
    assert!(rule(exclude("a")).check(&found, 2).is_ok());
    let old = rule(Policy { trust_policy_ignore_after: Some(60 * 24 * 365), ..Policy::default() });
    assert!(old.check(&found, 1).is_ok(), "1.1.0 is more than a year old");
    assert!(old.check(&found, 2).is_err());
}

#[test]
fn what_the_registry_does_not_tell_is_refused() {
    let found = packument(&[("1.0.0", "", 1), ("1.1.0", "2022-01-01", 1)]);
    assert_eq!(rule(Policy::default()).check(&found, 0).unwrap_err().code, "ERR_PNPM_TRUST_CHECK_FAIL");
    assert!(rule(Policy::default()).check(&found, 1).is_ok());
    assert_eq!(TrustRule::new(&Policy::default(), NOW), Ok(None));
}

#[test]
fn the_next_best_version_is_picked_and_tags_move() {
    let found = packument(&[
        ("1.0.0", "2020-01-01", 1),
        ("1.1.0", "2020-02-01", 0),
        ("1.2.0", "2020-03-01", 1),
        ("2.0.0", "2020-04-01", 1),
        ("2.1.0", "2020-05-01", 0),
    ]);
    let rule = rule(Policy::default());
    let pick_by = |want: &str| {
        let want = Want::parse(want).unwrap();
        let first = pick(&found, &want, &PickOptions::default()).unwrap();
        pick_on(Some(&rule), &found, &want, &PickOptions::default(), first).map(|pick| found.text(pick.index))
    };
    assert_eq!(pick_by("*").ok(), Some("2.0.0"));
    assert_eq!(pick_by("<=1.1.0").ok(), Some("1.0.0"));
    let refused = pick_by("~1.1.0").unwrap_err();
    assert!(refused.message.contains("a@1.1.0"), "{}", refused.message);
}
