//! Patterns of names as pnpm has them: `*` stands for anything, `!` in front takes out; the last that speaks decides.

/// A list of patterns.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    patterns: Vec<(bool, String)>,
    /// Patterns that only take out start from everything.
    base: bool,
}

impl Patterns {
    /// From the user's list.
    #[must_use]
    pub fn new(list: &[String]) -> Self {
        let patterns: Vec<(bool, String)> = list
            .iter()
            .map(|pattern| match pattern.strip_prefix('!') {
                Some(rest) => (false, rest.to_owned()),
                None => (true, pattern.clone()),
            })
            .collect();
        let base = !patterns.is_empty() && patterns.iter().all(|(takes, _)| !takes);
        Self { patterns, base }
    }

    /// Nothing can match.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether a name is taken.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let speaks = |(_, pattern): &&(bool, String)| wit::wildcard::fits(pattern, name);
        self.patterns.iter().rev().find(speaks).map_or(self.base, |(takes, _)| *takes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(patterns: &[&str], name: &str) -> bool {
        Patterns::new(&patterns.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>()).matches(name)
    }

    #[test]
    fn stars_fill_and_the_last_pattern_that_speaks_decides() {
        assert!(matches(&["*"], "a"));
        assert!(matches(&["*eslint*"], "@typescript-eslint/parser"));
        assert!(matches(&["@types/*"], "@types/node"));
        assert!(!matches(&["@types/*"], "types"));
        assert!(!matches(&["a*b*c"], "acb"));
        assert!(matches(&["a*b*c"], "a-b-b-c"));
        assert!(!matches(&["*", "!b"], "b"));
        assert!(matches(&["*", "!b*", "bc"], "bc"));
        assert!(matches(&["!b"], "a"));
        assert!(!matches(&["!b"], "b"));
        assert!(!matches(&[], "a"));
    }
}
