//! The words of `add`, taken apart.

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Typed {
    /// The key in the manifest, if it was named.
    pub(super) alias: Option<String>,
    /// The specifier, if it was named.
    pub(super) specifier: Option<String>,
}

impl Typed {
    /// Takes a word apart: `name`, `name@specifier`, or a specifier alone.
    pub(super) fn parse(text: &str) -> Self {
        let text = text.trim();
        if text.starts_with("git@") && text.contains(':') {
            return Self { alias: None, specifier: Some(text.to_owned()) };
        }
        let at = text.char_indices().skip(1).find(|(_, letter)| *letter == '@').map(|(at, _)| at);
        let (name, rest) = at.map_or((text, None), |at| (&text[..at], Some(&text[at + 1..])));
        if is_name(name) {
            let specifier = rest.filter(|rest| !rest.is_empty()).map(str::to_owned);
            return Self { alias: Some(name.to_owned()), specifier };
        }
        Self { alias: None, specifier: Some(text.to_owned()) }
    }
}

/// Whether a text may be the name of a package, old ones included.
pub(super) fn is_name(text: &str) -> bool {
    let plain = |part: &str| {
        let is_free = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte);
        !part.is_empty() && !part.starts_with(['.', '_']) && part.bytes().all(is_free)
    };
    match text.strip_prefix('@') {
        Some(scoped) => scoped.split_once('/').is_some_and(|(scope, name)| plain(scope) && plain(name)),
        None => plain(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_a_name_with_or_without_a_specifier_or_a_specifier_alone() {
        let read = |text: &str| {
            let Typed { alias, specifier } = Typed::parse(text);
            (alias.unwrap_or_default(), specifier.unwrap_or_default())
        };
        for (text, alias, specifier) in [
            ("a", "a", ""),
            ("a@", "a", ""),
            ("a@^1", "a", "^1"),
            ("@s/a", "@s/a", ""),
            ("@s/a@next", "@s/a", "next"),
            ("x@npm:@s/y@1", "x", "npm:@s/y@1"),
            ("npm:b@1", "", "npm:b@1"),
            ("./folder", "", "./folder"),
            ("owner/repository#tag", "", "owner/repository#tag"),
            ("git@github.com:owner/repository.git", "", "git@github.com:owner/repository.git"),
            ("https://host.example/x@1.tgz", "", "https://host.example/x@1.tgz"),
        ] {
            assert_eq!(read(text), (alias.to_owned(), specifier.to_owned()), "{text}");
        }
    }
}
