use super::*;
use crate::pick::PackumentParts;

fn near(versions: &[&str], want: &str) -> String {
    let packument = Packument::new(PackumentParts {
        name: "a".to_owned(),
        versions: versions.join("\n"),
        dist_tags: vec![("latest".to_owned(), (*versions.last().unwrap()).to_owned())],
        ..PackumentParts::default()
    });
    let want = Want::parse(want).unwrap();
    let failure = no_pick(Asked { alias: "a", specifier: "x", want: &want }, &packument, PickError::NoMatch);
    failure.facts.into_iter().find(|(name, _)| name == NEAREST).unwrap().1
}

#[test]
fn the_nearest_version_is_of_the_same_major_a_release_and_below() {
    assert_eq!(near(&["1.0.0", "1.4.0", "2.0.0"], "^1.5.0"), "^1.4.0");
    assert_eq!(near(&["1.0.0", "1.4.0", "2.0.0"], "^9.0.0"), "^2.0.0");
    assert_eq!(near(&["2.0.0", "3.0.0"], "^1.0.0"), "^2.0.0");
    assert_eq!(near(&["1.0.0", "2.0.0-rc.1", "2.0.0-rc.2", "3.0.0"], "^2.0.0"), "2.0.0-rc.2");
    assert_eq!(near(&["1.0.0", "1.2.0"], "1.1.0"), "1.0.0");
    assert_eq!(near(&["1.0.0", "1.2.0"], "nxet"), "^1.2.0", "a tag that is not there leads to latest");
}

#[test]
fn many_versions_are_counted_and_the_newest_named() {
    let all: Vec<String> = (0..30).map(|minor| format!("1.{minor}.0")).collect();
    let packument = Packument::new(PackumentParts { versions: all.join("\n"), ..PackumentParts::default() });
    let named = versions(&packument);
    assert!(named.starts_with("1.29.0, 1.28.0, ") && named.ends_with(" and 20 more"), "{named}");
}

#[test]
fn who_asks_decides_what_can_be_done() {
    let failed = || Failure {
        facts: vec![(NEAREST.to_owned(), "^2.0.0".to_owned())],
        ..failure("ERR_PNPM_NO_MATCHING_VERSION", String::new())
    };
    let hint = |chain: &[&str]| by_whom(failed(), chain.iter().map(|&text| text.to_owned()).collect()).hint.unwrap();
    assert_eq!(hint(&[".", "@s/b@^9.0.0"]), "Ask for @s/b ^2.0.0");
    assert_eq!(hint(&["packages/x", "b@^9.0.0"]), "Ask for b ^2.0.0 in packages/x");
    assert_eq!(hint(&[".", "a@1.0.0", "b@^9.0.0"]), "Override it in pnpm-workspace.yaml, overrides: 'a>b': '^2.0.0'");
}
