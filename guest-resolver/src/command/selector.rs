//! Selectors of packages as they are typed: `name`, `@scope/*`, `!name`, `name@range`.

use wit::wildcard;

/// What `update` is told to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// The pattern of names, with its `!`.
    pub pattern: String,
    /// What stands behind the `@`.
    pub version: Option<String>,
}

impl Selector {
    /// Reads one.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let start = if text.starts_with('!') { 2 } else { 1 };
        match text.get(start..).and_then(|rest| rest.find('@')) {
            Some(at) => {
                Self { pattern: text[..start + at].to_owned(), version: Some(text[start + at + 1..].to_owned()) }
            }
            None => Self { pattern: text.to_owned(), version: None },
        }
    }

    /// Whether it takes the name on its own.
    #[must_use]
    pub fn takes(&self, name: &str) -> bool {
        wildcard::takes(std::slice::from_ref(&self.pattern), name)
    }
}

/// Whether they take the name together.
#[must_use]
pub fn take(selectors: &[Selector], name: &str) -> bool {
    let patterns: Vec<String> = selectors.iter().map(|selector| selector.pattern.clone()).collect();
    wildcard::takes(&patterns, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_stands_behind_the_second_at_sign() {
        let read = |text: &str| {
            let Selector { pattern, version } = Selector::parse(text);
            (pattern, version)
        };
        assert_eq!(read("a"), ("a".to_owned(), None));
        assert_eq!(read("a@^1"), ("a".to_owned(), Some("^1".to_owned())));
        assert_eq!(read("@s/a"), ("@s/a".to_owned(), None));
        assert_eq!(read("@s/*@npm:b@1"), ("@s/*".to_owned(), Some("npm:b@1".to_owned())));
        assert_eq!(read("!@s/a"), ("!@s/a".to_owned(), None));
        assert_eq!(read("@"), ("@".to_owned(), None));
    }

    #[test]
    fn selectors_take_names_together() {
        let all: Vec<Selector> = ["@s/*", "!@s/b"].iter().map(|text| Selector::parse(text)).collect();
        assert!(take(&all, "@s/a"));
        assert!(!take(&all, "@s/b"));
        assert!(!take(&[], "a"));
    }
}
