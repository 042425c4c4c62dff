//! `*` in the names of packages and branches, as pnpm reads it: it stands for any letters, `/` included.

/// Whether each `*` in the pattern can be filled so that it is the name.
#[must_use]
pub fn fits(pattern: &str, name: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut rest) = name.strip_prefix(head) else { return false };
    let mut parts = tail.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

/// Whether a list takes the name: `!` in front takes out, the last pattern that fits decides. A list that only takes
/// out starts from everything.
#[must_use]
pub fn takes(patterns: &[String], name: &str) -> bool {
    let only_out = !patterns.is_empty() && patterns.iter().all(|pattern| pattern.starts_with('!'));
    patterns.iter().fold(only_out, |taken, pattern| match pattern.strip_prefix('!') {
        Some(out) => taken && !fits(out, name),
        None => taken || fits(pattern, name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(fits("*", "a"));
        assert!(fits("*eslint*", "@typescript-eslint/parser"));
        assert!(fits("@types/*", "@types/node"));
        assert!(!fits("@types/*", "types"));
        assert!(!fits("a*b*c", "acb"));
        assert!(fits("a*b*c", "a-b-b-c"));
        assert!(!fits("a*a", "a"));
        assert!(fits("a", "a"));
        assert!(!fits("a", "ab"));
    }

    #[test]
    fn the_last_pattern_that_fits_decides() {
        let takes = |patterns: &[&str], name: &str| {
            takes(&patterns.iter().map(|&pattern| pattern.to_owned()).collect::<Vec<_>>(), name)
        };
        assert!(takes(&["main", "release/*"], "release/2"));
        assert!(!takes(&["release/*", "!release/1"], "release/1"));
        assert!(takes(&["!release/1", "release/*"], "release/1"));
        assert!(takes(&["!next"], "main"));
        assert!(!takes(&["!next"], "next"));
        assert!(!takes(&[], "main"));
        assert!(takes(&["*/r*2"], "a/b/r/2"));
        assert!(!takes(&["main*"], "not/main"));
    }
}
