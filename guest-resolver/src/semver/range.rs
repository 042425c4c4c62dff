//! A range: alternatives, each a list of comparators that must all hold.

use std::fmt;

use thiserror::Error;

use super::version::Version;

/// How a range is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Accept what is not quite semver and drop comparators that cannot be read.
    pub loose: bool,
    /// Prereleases take part like any other version.
    pub include_prerelease: bool,
}

/// Why a text is no range.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RangeError {
    /// It is no range.
    #[error("Invalid comparator")]
    Invalid,
    /// It is longer than 16 KiB or has more than 256 comparators.
    #[error("The range is too long")]
    TooLong,
}

/// How a comparator compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// No operator, or `=`.
    Equal,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparator {
    /// How to compare.
    pub operator: Operator,
    /// With what.
    pub version: Version,
}

/// What a specifier accepts: one of several sets of comparators; an empty set accepts every release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    pub(super) sets: Box<[Box<[Comparator]>]>,
    pub(super) include_prerelease: bool,
}

impl Operator {
    pub(super) fn is_lower_bound(self) -> bool {
        matches!(self, Self::Greater | Self::GreaterOrEqual)
    }

    pub(super) fn is_upper_bound(self) -> bool {
        matches!(self, Self::Less | Self::LessOrEqual)
    }

    pub(super) fn accepts_equal(self) -> bool {
        matches!(self, Self::Equal | Self::GreaterOrEqual | Self::LessOrEqual)
    }
}

impl Comparator {
    /// The bare comparison, without the rule about prereleases.
    pub fn holds(&self, version: &Version) -> bool {
        let order = version.precedence(&self.version);
        match self.operator {
            Operator::Equal => order.is_eq(),
            Operator::Greater => order.is_gt(),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::Less => order.is_lt(),
            Operator::LessOrEqual => order.is_le(),
        }
    }
}

impl Range {
    /// Reads a range strictly.
    pub fn parse(text: &str) -> Result<Self, RangeError> {
        Self::parse_with(text, Options::default())
    }

    /// Reads a range loosely, as pnpm does when it picks.
    pub fn parse_loose(text: &str) -> Result<Self, RangeError> {
        Self::parse_with(text, Options { loose: true, include_prerelease: false })
    }

    /// Reads a range.
    pub fn parse_with(text: &str, options: Options) -> Result<Self, RangeError> {
        super::parse::range(text, options)
    }

    /// The range that accepts every release.
    pub fn any() -> Self {
        Self { sets: Box::new([Box::new([])]), include_prerelease: false }
    }

    /// The range accepts every release: `*`, `''`, `>=0`.
    pub fn is_any(&self) -> bool {
        self.sets.iter().any(|set| set.is_empty())
    }

    /// The alternatives.
    pub fn sets(&self) -> impl Iterator<Item = &[Comparator]> {
        self.sets.iter().map(AsRef::as_ref)
    }

    /// Whether the range accepts `version`. A prerelease is accepted only where a comparator of the same set names its
    /// three numbers with a prerelease, unless the range was read with [`Options::include_prerelease`].
    pub fn satisfies(&self, version: &Version) -> bool {
        self.sets.iter().any(|set| set_accepts(set, version, self.include_prerelease))
    }

    /// Whether there may be a prerelease that the range accepts: `^1.2.0-rc.1`, but not `>=1.2.0 <2.0.0-0`, which is how
    /// `^1.2.0` is held.
    pub fn names_prereleases(&self) -> bool {
        let names = |Comparator { operator, version }: &Comparator| {
            version.prerelease.as_ref().is_some_and(|held| !(*operator == Operator::Less && held.is_lowest()))
        };
        self.include_prerelease || self.sets().flatten().any(names)
    }

    /// Between which majors all lies that the range accepts; there may be none.
    pub fn majors(&self) -> (u64, u64) {
        let (mut lowest, mut highest) = (u64::MAX, 0);
        for set in self.sets() {
            let (mut low, mut high) = (0, u64::MAX);
            for Comparator { operator, version } in set {
                if !operator.is_upper_bound() {
                    low = low.max(version.major);
                }
                if !operator.is_lower_bound() {
                    high = high.min(version.major);
                }
            }
            (lowest, highest) = (lowest.min(low), highest.max(high));
        }
        (lowest, highest)
    }

    /// How the highest release that the range lets through begins, as far as its bounds tell: `7.` of `^7.1.0`, `7.1.`
    /// of `~7.1.0`, a whole version where only one will do; `None` where nothing bounds it above.
    pub fn beginning(&self) -> Option<String> {
        let mut highest: Option<&Comparator> = None;
        for set in self.sets() {
            let bound = set.iter().find(|one| !one.operator.is_lower_bound())?;
            if highest.is_none_or(|held| bound.version.precedence(&held.version).is_ge()) {
                highest = Some(bound);
            }
        }
        let Comparator { operator, version } = highest?;
        let Version { major, minor, patch, .. } = *version;
        match operator {
            Operator::Equal => Some(version.to_string()),
            Operator::Less if patch == 0 && minor == 0 => Some(dotted(&[major.checked_sub(1)?])),
            Operator::Less if patch == 0 => Some(dotted(&[major, minor - 1])),
            _ => Some(dotted(&[major, minor])),
        }
    }

    /// [`Range::satisfies`], where a prerelease that the range refuses is tried again as its release: how pnpm judges
    /// peers.
    pub fn satisfies_as_peer(&self, version: &Version) -> bool {
        self.satisfies(version) || (version.is_prerelease() && self.satisfies(&version.release()))
    }
}

/// Numbers, each with a dot behind it.
fn dotted(numbers: &[u64]) -> String {
    let mut text = String::new();
    for number in numbers {
        text.push_str(itoa::Buffer::new().format(*number));
        text.push('.');
    }
    text
}

/// All comparators hold, and a prerelease is asked for by one that names its numbers.
pub(super) fn set_accepts(set: &[Comparator], version: &Version, include_prerelease: bool) -> bool {
    if !set.iter().all(|comparator| comparator.holds(version)) {
        return false;
    }
    !version.is_prerelease()
        || include_prerelease
        || set.iter().any(|comparator| comparator.version.is_prerelease() && comparator.version.same_tuple(version))
}

impl fmt::Display for Comparator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = match self.operator {
            Operator::Equal => "",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
        };
        write!(f, "{operator}{}", self.version)
    }
}

impl fmt::Display for Range {
    /// As npm writes a range that it has read: `>=1.2.3 <2.0.0-0`; empty for any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, set) in self.sets.iter().enumerate() {
            if index > 0 {
                f.write_str("||")?;
            }
            for (index, comparator) in set.iter().enumerate() {
                if index > 0 {
                    f.write_str(" ")?;
                }
                comparator.fmt(f)?;
            }
        }
        Ok(())
    }
}
