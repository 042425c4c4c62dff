//! The range that is written for a version that was picked: with what stood before the version so far, else with what
//! the settings say.

use wit::settings::Saving;

use crate::semver::Version;

/// What stands before a saved version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `^`.
    Major,
    /// `~`.
    Minor,
    /// Nothing.
    Patch,
    /// `=`.
    Exact,
    /// The range was `*`.
    Any,
}

impl Style {
    /// What the settings ask for: `saveExact` before `savePrefix`, else `^`.
    #[must_use]
    pub fn of(saving: &Saving) -> Self {
        match saving.prefix.as_deref() {
            _ if saving.exact => Self::Patch,
            Some("") => Self::Patch,
            Some("=") => Self::Exact,
            Some("~") => Self::Minor,
            _ => Self::Major,
        }
    }

    /// What the settings ask an update for, which heeds `saveExact` alone.
    #[must_use]
    pub fn of_update(saving: &Saving) -> Self {
        if saving.exact { Self::Patch } else { Self::Major }
    }

    /// What a specifier has before its version; `None` where it says more or less than one such thing.
    #[must_use]
    pub fn in_specifier(specifier: &str) -> Option<Self> {
        if specifier.starts_with("catalog:") {
            return None;
        }
        let range = specifier.split_once(':').map_or(specifier, |(_, rest)| rest);
        let range = range.rsplit_once('@').map_or(range, |(_, rest)| rest);
        if range == "*" {
            return Some(Self::Any);
        }
        let found = comparators(range.as_bytes())?;
        let levels = found.levels;
        match found.operator {
            "~" => Some(Self::Minor),
            "^" => Some(Self::Major),
            "=" if levels == 3 => Some(Self::Exact),
            "" if levels == 3 => Some(Self::Patch),
            "" | "=" if levels == 2 => Some(Self::Minor),
            "" | "=" => Some(Self::Major),
            _ => None,
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::Major | Self::Any => "^",
            Self::Minor => "~",
            Self::Patch => "",
            Self::Exact => "=",
        }
    }

    /// A range over a version of the workspace.
    #[must_use]
    pub fn over(self, version: &str) -> String {
        format!("{}{version}", self.prefix())
    }
}

/// The range to write for a version: as it was asked for, as the entry had it so far, as the settings say. A prerelease
/// is widened only where the entry was, and not where it was asked for exactly.
#[must_use]
pub fn saved(version: &Version, so_far: Option<Style>, asked: Option<Style>, default: Style) -> String {
    if version.is_prerelease() {
        if let Some(exact @ (Style::Exact | Style::Patch)) = asked {
            return exact.over(&version.to_string());
        }
        return so_far.map_or_else(|| version.to_string(), |style| style.over(&version.to_string()));
    }
    asked.or(so_far).unwrap_or(default).over(&version.to_string())
}

/// The one comparator of a range.
struct Comparator<'a> {
    operator: &'a str,
    /// How many of major, minor and patch are named.
    levels: usize,
}

/// The comparator of a range that has one alone; a `||` or `-` counts as another.
fn comparators(range: &[u8]) -> Option<Comparator<'_>> {
    let (mut at, mut found, mut count) = (0, None, 0);
    while at < range.len() {
        if range[at..].starts_with(b"||") {
            (at, count) = (at + 2, count + 1);
        } else if range[at] == b'-' {
            (at, count) = (at + 1, count + 1);
        } else if let Some((comparator, end)) = comparator(range, at) {
            (at, count, found) = (end, count + 1, Some(comparator));
        } else {
            at += 1;
        }
        if count > 1 {
            return None;
        }
    }
    found
}

/// The comparator that begins here, and where it ends.
fn comparator(range: &[u8], from: usize) -> Option<(Comparator<'_>, usize)> {
    let mut at = from;
    let skip = |at: &mut usize, bytes: &[u8]| {
        let is_there = range.get(*at).is_some_and(|byte| bytes.contains(byte));
        *at += usize::from(is_there);
        is_there
    };
    if !skip(&mut at, b"^") {
        skip(&mut at, b"~");
        skip(&mut at, b"<>");
    }
    skip(&mut at, b"=");
    let operator = std::str::from_utf8(&range[from..at]).unwrap_or_default();
    at += range[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    skip(&mut at, b"v");
    let digits = |at: usize| range[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits(at) == 0 {
        return None;
    }
    at += digits(at);
    let mut levels = 1;
    while levels < 3 && range.get(at) == Some(&b'.') {
        let star = usize::from(range.get(at + 1).is_some_and(|byte| b"x*".contains(byte)));
        let long = if star == 1 { 1 } else { digits(at + 1) };
        if long == 0 {
            break;
        }
        (at, levels) = (at + 1 + long, levels + 1);
    }
    if range.get(at).is_some_and(|byte| b"-+".contains(byte)) {
        let is_tail = |byte: &&u8| byte.is_ascii_alphanumeric() || b".-".contains(byte);
        let tail = range[at + 1..].iter().take_while(is_tail).count();
        at += if tail > 0 { 1 + tail } else { 0 };
    }
    Some((Comparator { operator, levels }, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_a_version_is_found() {
        for (specifier, style) in [
            ("^1.2.3", Some(Style::Major)),
            ("~1.2", Some(Style::Minor)),
            ("1.2.3", Some(Style::Patch)),
            ("v1.2.3-rc.1", Some(Style::Patch)),
            ("=1.2.3", Some(Style::Exact)),
            ("1.2", Some(Style::Minor)),
            ("1", Some(Style::Major)),
            ("=1", Some(Style::Major)),
            ("1.x", Some(Style::Minor)),
            ("1.2.x", Some(Style::Patch)),
            ("*", Some(Style::Any)),
            (">=1.0.0", None),
            ("1 || 2", None),
            ("^1.0.0 || ^2.0.0", None),
            ("1.0.0 - 2.0.0", None),
            ("latest", None),
            ("catalog:", None),
            ("npm:@s/name@~1.0.0", Some(Style::Minor)),
            ("workspace:^1.0.0", Some(Style::Major)),
            ("", None),
        ] {
            assert_eq!(Style::in_specifier(specifier), style, "{specifier}");
        }
    }

    #[test]
    fn a_version_keeps_what_stood_before_it() {
        let version = |text| Version::parse(text).unwrap();
        assert_eq!(saved(&version("1.2.3"), Some(Style::Minor), Some(Style::Patch), Style::Major), "1.2.3");
        assert_eq!(saved(&version("1.2.3"), Some(Style::Minor), None, Style::Major), "~1.2.3");
        assert_eq!(saved(&version("1.2.3"), None, Some(Style::Patch), Style::Major), "1.2.3");
        assert_eq!(saved(&version("1.2.3"), None, None, Style::Exact), "=1.2.3");
        assert_eq!(saved(&version("1.2.3-rc.1"), None, Some(Style::Major), Style::Major), "1.2.3-rc.1");
        assert_eq!(saved(&version("1.2.3-rc.1"), Some(Style::Major), None, Style::Patch), "^1.2.3-rc.1");
        assert_eq!(saved(&version("1.2.3-rc.1"), Some(Style::Major), Some(Style::Patch), Style::Major), "1.2.3-rc.1");
        assert_eq!(saved(&version("1.2.3-rc.1"), Some(Style::Minor), Some(Style::Major), Style::Major), "~1.2.3-rc.1");
    }

    #[test]
    fn settings_name_what_new_dependencies_get() {
        let with = |prefix: Option<&str>, exact| {
            let saving = Saving { prefix: prefix.map(str::to_owned), exact, ..Saving::default() };
            (Style::of(&saving), Style::of_update(&saving))
        };
        assert_eq!(with(None, false), (Style::Major, Style::Major));
        assert_eq!(with(Some("~"), false), (Style::Minor, Style::Major));
        assert_eq!(with(Some(""), false), (Style::Patch, Style::Major));
        assert_eq!(with(Some("~"), true), (Style::Patch, Style::Patch));
    }
}
