//! Patterns of `packages`.

use super::{Patterns, Progress};

fn matches(patterns: &[&str], path: &str) -> bool {
    let patterns: Vec<String> = patterns.iter().map(|text| (*text).to_owned()).collect();
    let patterns = Patterns::parse(&patterns).expect("valid patterns");
    let names: Vec<&str> = path.split('/').collect();
    let progress: Progress = names.iter().fold(patterns.start(), |progress, name| patterns.step(&progress, name));
    patterns.matches(&progress, &names)
}

#[test]
fn a_pattern_names_folders() {
    for (patterns, path, expected) in [
        (&["packages/*"][..], "packages/a", true),
        (&["packages/*"], "packages/a/b", false),
        (&["packages/*"], "packages", false),
        (&["./packages/*/"], "packages/a", true),
        (&["packages/**"], "packages/a/b/c", true),
        (&["packages/**"], "packages", true),
        (&["**"], "a/b", true),
        (&["**/lib"], "lib", true),
        (&["**/lib"], "a/b/lib", true),
        (&["**/lib"], "a/library", false),
        (&["a*c"], "abc", true),
        (&["a*c"], "abcd", false),
        (&["a?c"], "abc", true),
        (&["[a-c]x"], "bx", true),
        (&["[!a-c]x"], "bx", false),
        (&["{apps,libs}/*"], "libs/x", true),
        (&["{apps,li{b,c}s}/*"], "lics/x", true),
        (&["*"], ".hidden", false),
        (&["**"], ".hidden/a", false),
        (&[".config/*"], ".config/a", true),
        (&["packages/*", "!packages/skip"], "packages/skip", false),
        (&["!packages/skip", "packages/*"], "packages/skip", false),
        (&["packages/**", "!**/test/**"], "packages/a/test/x", false),
        (&["packages/**", "!**/test/**"], "packages/a/testing", true),
    ] {
        assert_eq!(matches(patterns, path), expected, "{patterns:?} against {path}");
    }
}

#[test]
fn a_pattern_that_leads_out_of_the_workspace_is_refused() {
    for pattern in ["../x", "a/../../x", "/etc/*", "C:/x", "a\\b"] {
        let error = Patterns::parse(&[pattern.to_owned()]).expect_err(pattern);
        assert!(error.to_string().contains("is not used"), "{error}");
    }
}

#[test]
fn a_bomb_of_braces_is_refused() {
    let bomb = "{a,b}".repeat(20);
    assert!(Patterns::parse(&[bomb]).is_err());
}

#[test]
fn many_stars_do_not_take_exponential_time() {
    let pattern = "a*".repeat(60) + "b";
    assert!(!matches(&[&pattern], &"a".repeat(200)));
}
