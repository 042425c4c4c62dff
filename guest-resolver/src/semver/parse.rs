//! Reads ranges: each alternative is split into words, and each word becomes one or two comparators.
//!
//! npm rewrites text with regular expressions, step by step; the outcome is the same, the work is one pass.

use std::borrow::Cow;

use super::range::{Comparator, Operator, Options, Range, RangeError};
use super::version::{MAX_NUMBER, Prerelease, Version, number, prerelease};

const MAX_TEXT: usize = 16 * 1024;
const MAX_COMPARATORS: usize = 256;

/// One of the three places of a version with gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Missing,
    Any,
    Number(u64),
}

/// A version with gaps: `1`, `1.x`, `1.2.3-rc`.
struct Partial<'a> {
    places: [Place; 3],
    prerelease: Option<&'a str>,
    /// What stood before the first place: only loosely more than one `v`.
    sloppy_prefix: bool,
}

/// A word that is no comparator: strictly an error, loosely ignored.
struct Unreadable;

/// Collects the comparators of one alternative.
struct Set {
    options: Options,
    comparators: Vec<Comparator>,
    /// A word was read, even if it constrains nothing.
    seen: bool,
}

pub(super) fn range(text: &str, options: Options) -> Result<Range, RangeError> {
    if text.len() > MAX_TEXT {
        return Err(RangeError::TooLong);
    }
    let mut sets: Vec<Vec<Comparator>> = Vec::with_capacity(1);
    let mut total = 0;
    for alternative in text.split("||") {
        let Some(set) = comparator_set(alternative.trim(), options)? else { continue };
        total += set.len().max(1);
        if total > MAX_COMPARATORS {
            return Err(RangeError::TooLong);
        }
        sets.push(set);
    }
    if sets.is_empty() {
        return Err(RangeError::Invalid);
    }
    if sets.len() > 1 {
        // Alternatives that nothing satisfies go, unless nothing else is left; one that all satisfy stands alone.
        if sets.iter().all(|set| is_null_set(set)) {
            sets.truncate(1);
        } else {
            sets.retain(|set| !is_null_set(set));
        }
        if sets.iter().any(Vec::is_empty) {
            sets = vec![Vec::new()];
        }
    }
    let sets = sets.into_iter().map(Vec::into_boxed_slice).collect();
    Ok(Range { sets, include_prerelease: options.include_prerelease })
}

fn is_null_set(set: &[Comparator]) -> bool {
    set.first().is_some_and(is_null)
}

/// `<0.0.0-0`: nothing is lower than that.
pub(super) fn is_null(comparator: &Comparator) -> bool {
    comparator.operator == Operator::Less
        && comparator.version.same_tuple(&Version::new(0, 0, 0))
        && comparator.version.prerelease.as_ref().is_some_and(|ids| ids.as_str() == "0")
}

/// `Ok(None)`: loosely, nothing in it could be read.
fn comparator_set(text: &str, options: Options) -> Result<Option<Vec<Comparator>>, RangeError> {
    let mut set = Set { options, comparators: Vec::new(), seen: false };
    if text.is_empty() {
        return Ok(Some(set.comparators));
    }
    let stripped = if text.contains('+') { Some(strip_build(text)) } else { None };
    let text = stripped.as_deref().unwrap_or(text);
    if !set.hyphen(text)? {
        set.words(text)?;
    }
    if !set.seen {
        return Ok(None);
    }
    if let Some(null) = set.comparators.iter().position(is_null) {
        return Ok(Some(vec![set.comparators.swap_remove(null)]));
    }
    Ok(Some(set.comparators))
}

/// Removes `+build` wherever it stands: no range looks at it.
fn strip_build(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('+') {
        let tail = &rest[at + 1..];
        let is_build = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        let end = tail.find(|c| !is_build(c)).unwrap_or(tail.len());
        let build = tail[..end].trim_end_matches('.');
        if build.is_empty() || build.split('.').any(str::is_empty) {
            out.push_str(&rest[..=at]);
            rest = tail;
        } else {
            out.push_str(&rest[..at]);
            rest = &tail[build.len()..];
        }
    }
    out.push_str(rest);
    out
}

impl Set {
    /// Takes `1.2 - 3.4`; false if the text is none.
    fn hyphen(&mut self, text: &str) -> Result<bool, RangeError> {
        let mut words = text.split_whitespace();
        let (Some(from), Some("-"), Some(to), None) = (words.next(), words.next(), words.next(), words.next()) else {
            return Ok(false);
        };
        let Ok(from) = partial(from, self.options.loose)? else { return Ok(false) };
        let Ok(to) = partial(to, self.options.loose)? else { return Ok(false) };
        self.seen = true;
        self.lower(&from, !matches!(from.places[2], Place::Number(_)) || self.options.include_prerelease)?;
        let [major, minor, patch] = to.places;
        match (major, minor, patch) {
            (Place::Number(major), Place::Number(minor), Place::Number(patch)) => match to.prerelease {
                Some(ids) => self.push(Operator::LessOrEqual, full(major, minor, patch, Some(ids)))?,
                None if self.options.include_prerelease => self.below(major, minor, patch + 1)?,
                None => self.push(Operator::LessOrEqual, Version::new(major, minor, patch))?,
            },
            (Place::Number(major), Place::Number(minor), _) => self.below(major, minor + 1, 0)?,
            (Place::Number(major), _, _) => self.below(major + 1, 0, 0)?,
            _ => {}
        }
        Ok(true)
    }

    /// Takes words; an operator that stands alone belongs to the word after it.
    fn words(&mut self, text: &str) -> Result<(), RangeError> {
        let mut operator: Option<String> = None;
        for word in text.split_whitespace() {
            let word = match operator.take() {
                Some(held) if !word.starts_with(['<', '>', '^', '~']) || (held == "~" && word.starts_with('>')) => {
                    Cow::Owned(held + word)
                }
                Some(held) => {
                    self.take(&held)?;
                    Cow::Borrowed(word)
                }
                None => Cow::Borrowed(word),
            };
            if is_operator(&word) {
                operator = Some(word.into_owned());
            } else {
                self.take(&word)?;
            }
        }
        operator.map_or(Ok(()), |held| self.take(&held))
    }

    fn take(&mut self, word: &str) -> Result<(), RangeError> {
        if self.word(word)?.is_ok() {
            self.seen = true;
        } else if !self.options.loose {
            return Err(RangeError::Invalid);
        }
        if self.comparators.len() > MAX_COMPARATORS { Err(RangeError::TooLong) } else { Ok(()) }
    }

    fn word(&mut self, word: &str) -> Result<Result<(), Unreadable>, RangeError> {
        if let Some(rest) = word.strip_prefix('^') {
            return self.caret(rest);
        }
        if let Some(rest) = word.strip_prefix("~>").or_else(|| word.strip_prefix('~')) {
            return self.tilde(rest);
        }
        let (operator, rest) = if let Some(rest) = word.strip_prefix(">=") {
            (Some(Operator::GreaterOrEqual), rest)
        } else if let Some(rest) = word.strip_prefix("<=") {
            (Some(Operator::LessOrEqual), rest)
        } else if let Some(rest) = word.strip_prefix('>') {
            (Some(Operator::Greater), rest)
        } else if let Some(rest) = word.strip_prefix('<') {
            (Some(Operator::Less), rest)
        } else {
            (None, word.strip_prefix('=').unwrap_or(word))
        };
        let partial = match partial(rest, self.options.loose)? {
            Ok(partial) => partial,
            Err(unreadable) => return Ok(Err(unreadable)),
        };
        self.primitive(operator, &partial)
    }

    /// An optional operator before a version that may have gaps.
    fn primitive(
        &mut self,
        operator: Option<Operator>,
        partial: &Partial<'_>,
    ) -> Result<Result<(), Unreadable>, RangeError> {
        let [major, minor, patch] = partial.places;
        let filled = |place| matches!(place, Place::Number(_));
        if (!filled(major) && filled(minor)) || (!filled(minor) && filled(patch)) {
            return Ok(Err(Unreadable));
        }
        let Place::Number(major) = major else {
            if matches!(operator, Some(Operator::Greater | Operator::Less)) {
                self.below(0, 0, 0)?;
            }
            return Ok(Ok(()));
        };
        let (minor, patch) = match (minor, patch) {
            (Place::Number(minor), Place::Number(patch)) => {
                if partial.sloppy_prefix && !self.options.loose {
                    return Ok(Err(Unreadable));
                }
                let version = full(major, minor, patch, partial.prerelease);
                return self.push(operator.unwrap_or(Operator::Equal), version).map(Ok);
            }
            (Place::Number(minor), _) => (Some(minor), 0),
            _ => (None, 0),
        };
        let next = match minor {
            Some(minor) => (major, minor + 1),
            None => (major + 1, 0),
        };
        let floor = (major, minor.unwrap_or(0), patch);
        match operator {
            None => {
                self.from(floor)?;
                self.below(next.0, next.1, 0)?;
            }
            Some(Operator::Greater) => self.from((next.0, next.1, 0))?,
            Some(Operator::LessOrEqual) => self.below(next.0, next.1, 0)?,
            Some(Operator::Less) => self.below(floor.0, floor.1, 0)?,
            Some(_) => self.from(floor)?,
        }
        Ok(Ok(()))
    }

    fn caret(&mut self, rest: &str) -> Result<Result<(), Unreadable>, RangeError> {
        let partial = match partial(rest, self.options.loose)? {
            Ok(partial) => partial,
            Err(unreadable) => return Ok(Err(unreadable)),
        };
        let Place::Number(major) = partial.places[0] else { return Ok(Ok(())) };
        self.lower(&partial, !matches!(partial.places, [_, Place::Number(_), Place::Number(_)]))?;
        match (major, partial.places[1], partial.places[2]) {
            (0, Place::Number(0), Place::Number(patch)) => self.below(0, 0, patch + 1)?,
            (0, Place::Number(minor), _) => self.below(0, minor + 1, 0)?,
            _ => self.below(major + 1, 0, 0)?,
        }
        Ok(Ok(()))
    }

    fn tilde(&mut self, rest: &str) -> Result<Result<(), Unreadable>, RangeError> {
        let partial = match partial(rest, self.options.loose)? {
            Ok(partial) => partial,
            Err(unreadable) => return Ok(Err(unreadable)),
        };
        let Place::Number(major) = partial.places[0] else { return Ok(Ok(())) };
        self.lower(&partial, !matches!(partial.places, [_, Place::Number(_), Place::Number(_)]))?;
        match partial.places[1] {
            Place::Number(minor) => self.below(major, minor + 1, 0)?,
            _ => self.below(major + 1, 0, 0)?,
        }
        Ok(Ok(()))
    }

    /// `>=` the first version that fits the gaps; `-0` is added where prereleases of it take part and it is wanted.
    fn lower(&mut self, partial: &Partial<'_>, floor_takes_prereleases: bool) -> Result<(), RangeError> {
        let (major, minor, patch) = match partial.places {
            [Place::Number(major), Place::Number(minor), Place::Number(patch)] => {
                if partial.prerelease.is_some() || !floor_takes_prereleases {
                    let version = full(major, minor, patch, partial.prerelease);
                    return self.push(Operator::GreaterOrEqual, version);
                }
                (major, minor, patch)
            }
            [Place::Number(major), Place::Number(minor), _] => (major, minor, 0),
            [Place::Number(major), _, _] => (major, 0, 0),
            _ => return Ok(()),
        };
        self.from((major, minor, patch))
    }

    /// `>=` these numbers; their prereleases too where all prereleases take part.
    fn from(&mut self, (major, minor, patch): (u64, u64, u64)) -> Result<(), RangeError> {
        let mut version = Version::new(major, minor, patch);
        if self.options.include_prerelease {
            version.prerelease = Some(Prerelease::lowest());
        }
        self.push(Operator::GreaterOrEqual, version)
    }

    /// `<` these numbers and all their prereleases.
    fn below(&mut self, major: u64, minor: u64, patch: u64) -> Result<(), RangeError> {
        let mut version = Version::new(major, minor, patch);
        version.prerelease = Some(Prerelease::lowest());
        self.push(Operator::Less, version)
    }

    fn push(&mut self, operator: Operator, version: Version) -> Result<(), RangeError> {
        if version.major.max(version.minor).max(version.patch) > MAX_NUMBER {
            return Err(RangeError::Invalid);
        }
        // The lowest version there is as a lower bound is no bound.
        if operator == Operator::GreaterOrEqual && version.same_tuple(&Version::new(0, 0, 0)) {
            let lowest = version.prerelease.as_ref().is_some_and(|ids| ids.as_str() == "0");
            if if self.options.include_prerelease { lowest } else { version.prerelease.is_none() } {
                return Ok(());
            }
        }
        let comparator = Comparator { operator, version };
        if !self.comparators.contains(&comparator) {
            self.comparators.push(comparator);
        }
        Ok(())
    }
}

fn is_operator(word: &str) -> bool {
    matches!(word, "^" | "~" | "~>" | ">" | ">=" | "<" | "<=" | "=")
}

fn full(major: u64, minor: u64, patch: u64, prerelease: Option<&str>) -> Version {
    Version { prerelease: prerelease.map(Prerelease::from_valid), ..Version::new(major, minor, patch) }
}

/// Reads a version with gaps; a number over the limit spoils the whole range.
fn partial(text: &str, loose: bool) -> Result<Result<Partial<'_>, Unreadable>, RangeError> {
    let trimmed = text.trim_start_matches(['v', '=']);
    let prefix = &text[..text.len() - trimmed.len()];
    let mut found =
        Partial { places: [Place::Missing; 3], prerelease: None, sloppy_prefix: !matches!(prefix, "" | "v") };
    let mut rest = trimmed;
    for index in 0..3 {
        if index > 0 {
            match rest.strip_prefix('.') {
                Some(after) => rest = after,
                None => break,
            }
        }
        let Some((place, after)) = place(rest, loose)? else { return Ok(Err(Unreadable)) };
        found.places[index] = place;
        rest = after;
    }
    if rest.is_empty() {
        return Ok(Ok(found));
    }
    if found.places[2] == Place::Missing {
        return Ok(Err(Unreadable));
    }
    match prerelease(rest, loose) {
        Some(ids) => {
            found.prerelease = ids;
            Ok(Ok(found))
        }
        None => Ok(Err(Unreadable)),
    }
}

fn place(text: &str, loose: bool) -> Result<Option<(Place, &str)>, RangeError> {
    if let Some(rest) = text.strip_prefix(['x', 'X', '*']) {
        return Ok(Some((Place::Any, rest)));
    }
    match number(text, loose) {
        Some((value, rest)) => Ok(Some((Place::Number(value), rest))),
        None if text.starts_with(|c: char| c.is_ascii_digit()) && number_overflows(text) => Err(RangeError::Invalid),
        None => Ok(None),
    }
}

fn number_overflows(text: &str) -> bool {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text[..end].trim_start_matches('0').parse::<u64>().map_or(end > 1, |value| value > MAX_NUMBER)
}
