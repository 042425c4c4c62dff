//! Which locked versions a command lets go of. An exact version that was named reaches only what could become it: the
//! versions of its major, below 1.0.0 of its minor. All others stay as they are locked. And which projects do so.

use std::collections::{BTreeMap, BTreeSet};

use crate::semver::Version;

/// Which locked versions are picked anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Anew {
    /// None.
    None,
    /// All.
    All,
    /// Those of these packages.
    Only(Targets),
}

impl Anew {
    /// Whether a version of a package is among them; of one whose version is not known, whether any is.
    #[must_use]
    pub fn covers(&self, name: &str, version: Option<&Version>) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Only(targets) => targets.cover(name, version),
        }
    }

    /// These are among them too.
    pub fn add(&mut self, targets: &Targets) {
        match self {
            Self::None => *self = Self::Only(targets.clone()),
            Self::All => {}
            Self::Only(held) => held.extend(targets.clone()),
        }
    }
}

/// The projects that let go of locked versions. What lies below their dependencies is theirs to decide, however near
/// others are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Movers {
    /// None.
    #[default]
    Nobody,
    /// All of them.
    All,
    /// These.
    Only(BTreeSet<String>),
}

impl Movers {
    /// One more does.
    pub fn add(&mut self, importer: &str) {
        match self {
            Self::All => {}
            Self::Nobody => *self = Self::Only(BTreeSet::from([importer.to_owned()])),
            Self::Only(others) => drop(others.insert(importer.to_owned())),
        }
    }

    /// Whether a project does.
    #[must_use]
    pub fn contains(&self, importer: &str) -> bool {
        match self {
            Self::Nobody => false,
            Self::All => true,
            Self::Only(movers) => movers.contains(importer),
        }
    }
}

/// Packages by real name, each with the lines of versions that are meant; none: all versions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Targets(BTreeMap<String, Option<BTreeSet<Line>>>);

impl Targets {
    /// All versions of a package are meant.
    pub fn add(&mut self, name: String) {
        self.0.insert(name, None);
    }

    /// The versions on the line of this one are meant, besides what is already.
    pub fn add_line(&mut self, name: String, version: &Version) {
        if let Some(lines) = self.0.entry(name).or_insert_with(|| Some(BTreeSet::new())) {
            lines.insert(Line::of(version));
        }
    }

    /// What others mean is meant too.
    pub fn extend(&mut self, others: Self) {
        for (name, lines) in others.0 {
            match (self.0.get_mut(&name), lines) {
                (Some(Some(held)), Some(lines)) => held.extend(lines),
                (Some(None), _) => {}
                (_, lines) => drop(self.0.insert(name, lines)),
            }
        }
    }

    /// Whether nothing is meant.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn cover(&self, name: &str, version: Option<&Version>) -> bool {
        match (self.0.get(name), version) {
            (None, _) => false,
            (Some(Some(lines)), Some(version)) => lines.contains(&Line::of(version)),
            (Some(_), _) => true,
        }
    }
}

impl FromIterator<String> for Targets {
    fn from_iter<T: IntoIterator<Item = String>>(names: T) -> Self {
        Self(names.into_iter().map(|name| (name, None)).collect())
    }
}

/// The versions that might be compatible with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    major: u64,
    /// It counts below 1.0.0 only.
    minor: u64,
}

impl Line {
    fn of(version: &Version) -> Self {
        Self { major: version.major, minor: if version.major == 0 { version.minor } else { 0 } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn an_exact_version_reaches_its_own_line() {
        let mut targets = Targets::default();
        targets.add_line("a".to_owned(), &version("1.2.0"));
        targets.add_line("a".to_owned(), &version("0.3.1"));
        let anew = Anew::Only(targets);
        for (text, is_covered) in [("1.0.0", true), ("0.3.0", true), ("0.2.0", false), ("2.0.0", false)] {
            assert_eq!(anew.covers("a", Some(&version(text))), is_covered, "{text}");
        }
        assert!(anew.covers("a", None));
        assert!(!anew.covers("b", None));
    }

    #[test]
    fn a_name_alone_reaches_all_versions() {
        let mut lines = Targets::default();
        lines.add_line("a".to_owned(), &version("1.0.0"));
        let mut targets = Targets::from_iter(["a".to_owned()]);
        targets.extend(lines.clone());
        assert!(Anew::Only(targets.clone()).covers("a", Some(&version("2.0.0"))));
        lines.extend(targets);
        assert!(Anew::Only(lines).covers("a", Some(&version("2.0.0"))));
    }
}
