//! One version. Numbers are numbers; what follows `-` and `+` stays text that is compared in place, so that the common
//! release version owns no memory at all.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// The largest number that may stand in a version: 2^53-1, as in JavaScript.
pub(super) const MAX_NUMBER: u64 = (1 << 53) - 1;
/// The longest text that is read as a version.
const MAX_LENGTH: usize = 256;

/// What follows `-` in a version: identifiers with dots between, never empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Prerelease(Arc<str>);

/// A semantic version. `Ord` is total: precedence first, build metadata second; see [`Version::precedence`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version {
    /// The first number.
    pub major: u64,
    /// The second number.
    pub minor: u64,
    /// The third number.
    pub patch: u64,
    /// What follows `-`.
    pub prerelease: Option<Prerelease>,
    /// What follows `+`.
    pub build: Option<Arc<str>>,
}

impl Prerelease {
    /// Takes text that is known to be identifiers with dots between. Numeric identifiers lose leading zeros, as loose
    /// parsing has it.
    pub(super) fn from_valid(text: &str) -> Self {
        if !text.split('.').any(is_padded) {
            return Self(text.into());
        }
        let ids: Vec<&str> = text.split('.').map(|id| if is_numeric(id) { strip_zeros(id) } else { id }).collect();
        Self(ids.join(".").into())
    }

    /// The lowest prerelease there is: `0`.
    pub(super) fn lowest() -> Self {
        Self("0".into())
    }

    /// None is lower.
    pub(super) fn is_lowest(&self) -> bool {
        &*self.0 == "0"
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The identifiers from left to right.
    pub fn identifiers(&self) -> impl Iterator<Item = &str> {
        self.0.split('.')
    }

    fn compare(&self, other: &Self) -> Ordering {
        let (mut left, mut right) = (self.identifiers(), other.identifiers());
        loop {
            match (left.next(), right.next()) {
                (None, None) => return Ordering::Equal,
                (None, Some(_)) => return Ordering::Less,
                (Some(_), None) => return Ordering::Greater,
                (Some(a), Some(b)) => match compare_identifiers(a, b) {
                    Ordering::Equal => {}
                    unequal => return unequal,
                },
            }
        }
    }
}

impl Version {
    /// A release version.
    pub const fn new(major: u64, minor: u64, patch: u64) -> Self {
        Self { major, minor, patch, prerelease: None, build: None }
    }

    /// Reads a version strictly: `1.2.3-rc.1+build`, a leading `v` allowed.
    pub fn parse(text: &str) -> Option<Self> {
        Self::read(text, false)
    }

    /// Reads a version as npm's loose mode does: `=v 1.2.3beta`, `01.2.3` too.
    pub fn parse_loose(text: &str) -> Option<Self> {
        Self::read(text, true)
    }

    fn read(text: &str, loose: bool) -> Option<Self> {
        if text.len() > MAX_LENGTH {
            return None;
        }
        let text = text.trim();
        let text = if loose {
            text.trim_start_matches(|c: char| c == 'v' || c == '=' || c.is_whitespace())
        } else {
            text.strip_prefix('v').unwrap_or(text)
        };
        let (major, rest) = number(text, loose)?;
        let (minor, rest) = number(rest.strip_prefix('.')?, loose)?;
        let (patch, rest) = number(rest.strip_prefix('.')?, loose)?;
        if rest.is_empty() {
            return Some(Self::new(major, minor, patch));
        }
        let (rest, build) = match rest.split_once('+') {
            Some((rest, build)) => (rest, Some(build)),
            None => (rest, None),
        };
        if build.is_some_and(|build| !build.split('.').all(is_identifier)) {
            return None;
        }
        let prerelease = prerelease(rest, loose)?.map(Prerelease::from_valid);
        Some(Self { major, minor, patch, prerelease, build: build.map(Into::into) })
    }

    /// How semver ranks two versions: build metadata does not count.
    pub fn precedence(&self, other: &Self) -> Ordering {
        let main = self
            .major
            .cmp(&other.major)
            .then_with(|| self.minor.cmp(&other.minor))
            .then_with(|| self.patch.cmp(&other.patch));
        main.then_with(|| match (&self.prerelease, &other.prerelease) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) => a.compare(b),
        })
    }

    /// It has a prerelease part.
    pub fn is_prerelease(&self) -> bool {
        self.prerelease.is_some()
    }

    /// The same numbers without prerelease and build.
    pub fn release(&self) -> Self {
        Self::new(self.major, self.minor, self.patch)
    }

    /// The three numbers are equal.
    pub(super) fn same_tuple(&self, other: &Self) -> bool {
        (self.major, self.minor, self.patch) == (other.major, other.minor, other.patch)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.precedence(other).then_with(|| match (&self.build, &other.build) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => Prerelease(a.clone()).compare(&Prerelease(b.clone())).then_with(|| a.cmp(b)),
        })
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if let Some(prerelease) = &self.prerelease {
            write!(f, "-{}", prerelease.as_str())?;
        }
        if let Some(build) = &self.build {
            write!(f, "+{build}")?;
        }
        Ok(())
    }
}

/// A number at the start of `text` and what follows it; strictly, no zero leads.
pub(super) fn number(text: &str, loose: bool) -> Option<(u64, &str)> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let digits = &text[..end];
    if digits.is_empty() || (!loose && digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    let value: u64 = strip_zeros(digits).parse().ok()?;
    (value <= MAX_NUMBER).then_some((value, &text[end..]))
}

/// All of `text`, which follows the third number, as a prerelease: `Some(None)` if it is empty, `None` if it is none.
/// In loose mode the `-` may be missing, or belong to the first identifier.
pub(super) fn prerelease(text: &str, loose: bool) -> Option<Option<&str>> {
    if text.is_empty() {
        return Some(None);
    }
    let valid = |ids: &str| ids.split('.').all(|id| is_identifier(id) && (loose || !is_padded(id)));
    if let Some(ids) = text.strip_prefix('-')
        && valid(ids)
    {
        return Some(Some(ids));
    }
    (loose && valid(text)).then_some(Some(text))
}

fn is_padded(id: &str) -> bool {
    id.len() > 1 && id.starts_with('0') && is_numeric(id)
}

fn is_identifier(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_numeric(id: &str) -> bool {
    id.bytes().all(|byte| byte.is_ascii_digit())
}

fn strip_zeros(digits: &str) -> &str {
    let stripped = digits.trim_start_matches('0');
    if stripped.is_empty() { &digits[digits.len() - 1..] } else { stripped }
}

fn compare_identifiers(a: &str, b: &str) -> Ordering {
    match (is_numeric(a), is_numeric(b)) {
        (true, true) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => a.cmp(b),
    }
}
