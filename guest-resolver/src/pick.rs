//! Picks a version of a package, by pnpm's rules: preferred versions first, then `latest`, then the highest; deprecated
//! ones last; too young ones not at all, unless nothing else is left.
//!
//! Versions are parsed when first looked at, once: most picks are settled by `latest` and parse one.

mod packument;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::age::{AgePolicy, Exclusion};
use crate::semver::{Range, Version};
use crate::specifier::{Want, WantedRange};

use packument::Glance;
pub use packument::{Packument, PackumentParts};

/// The weight of a version that an existing lockfile holds. An edge that is locked itself keeps its version in another
/// way; for all others it is the weakest preference there is.
pub const LOCKED_WEIGHT: u32 = 1;
/// The weight of a version that was chosen somewhere above.
pub const ABOVE_WEIGHT: u32 = 2;
/// The weight of a version that a direct dependency asks for.
pub const DIRECT_WEIGHT: u32 = 1_000;

/// A preference for some versions of a package.
#[derive(Debug, Clone, PartialEq)]
pub struct Preference {
    /// Which ones.
    pub want: Want,
    /// How strongly; weights of one version add up. Plain preferences have 1.
    pub weight: u32,
}

/// Which end of the satisfying versions is picked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Direction {
    /// The highest, `latest` before all.
    #[default]
    Highest,
    /// The lowest; `latest` means nothing.
    Lowest,
}

/// How to pick.
#[derive(Debug, Clone, Copy, Default)]
pub struct PickOptions<'a> {
    /// Versions to prefer.
    pub preferred: &'a [Preference],
    /// Which end.
    pub direction: Direction,
    /// The age rule.
    pub age: Option<&'a AgePolicy>,
    /// Lines that another policy has refused: they count as if they had never been published.
    pub refused: &'a [usize],
}

/// What was picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pick {
    /// The line in the packument.
    pub index: usize,
    /// It is younger than the age rule allows, and nothing else was there.
    pub immature: bool,
}

/// Why nothing could be picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PickError {
    /// The age rule needs publish times: ask for the full packument.
    NeedsFull,
    /// The full packument has no publish times (`ERR_PNPM_MISSING_TIME`).
    MissingTime,
    /// There are no versions at all (`ERR_PNPM_NO_VERSIONS`).
    NoVersions,
    /// No version fits (`ERR_PNPM_NO_MATCHING_VERSION`).
    NoMatch,
}

/// What `latest` points to.
#[derive(Debug, Clone, Copy)]
struct Latest {
    index: Option<usize>,
    /// It is taken even if it is a prerelease, which no range satisfies that does not name one.
    whatever: bool,
}

/// The versions that may be picked.
#[derive(Clone, Copy)]
struct View<'a> {
    packument: &'a Packument,
    refused: &'a [usize],
    /// Applied to each version that is looked at; `None`: all are visible.
    age: Option<(i64, &'a [Version])>,
}

/// Picks a version.
pub fn pick(packument: &Packument, want: &Want, options: &PickOptions<'_>) -> Result<Pick, PickError> {
    if packument.is_empty() {
        return Err(PickError::NoVersions);
    }
    let all = View { packument, refused: options.refused, age: None };
    let view = View { age: age_filter(packument, options.age)?, ..all };
    if let Some(index) = view.pick(want, options.preferred, options.direction) {
        return Ok(Pick { index, immature: false });
    }
    if view.age.is_none() {
        return Err(PickError::NoMatch);
    }
    // Nothing is old enough: the lowest, because it has been there the longest.
    let index = all.pick(want, options.preferred, Direction::Lowest).ok_or(PickError::NoMatch)?;
    Ok(Pick { index, immature: true })
}

type AgeFilter<'a> = Option<(i64, &'a [Version])>;

fn age_filter<'a>(packument: &Packument, age: Option<&'a AgePolicy>) -> Result<AgeFilter<'a>, PickError> {
    let Some(age) = age else { return Ok(None) };
    let trusted: &[Version] = match age.exclusion(packument.name()) {
        Exclusion::Package => return Ok(None),
        Exclusion::Versions(versions) => versions,
        Exclusion::None => &[],
    };
    if packument.has_times() {
        return Ok(Some((age.cutoff, trusted)));
    }
    match packument.modified() {
        Some(modified) if modified <= age.cutoff => Ok(None),
        _ if !packument.is_full() => Err(PickError::NeedsFull),
        _ if age.ignore_missing_time => Ok(None),
        _ => Err(PickError::MissingTime),
    }
}

impl<'a> View<'a> {
    fn sees(&self, index: usize) -> bool {
        if self.refused.contains(&index) {
            return false;
        }
        let Some((cutoff, trusted)) = self.age else { return true };
        self.packument.time(index).is_some_and(|time| time <= cutoff)
            || (!trusted.is_empty() && self.version(index).is_some_and(|version| trusted.contains(version)))
    }

    fn version(&self, index: usize) -> Option<&'a Version> {
        self.packument.version(index)
    }

    fn pick(&self, want: &Want, preferred: &[Preference], direction: Direction) -> Option<usize> {
        match want {
            Want::Version(version) => self.packument.find_version(version).filter(|index| self.sees(*index)),
            Want::Tag(tag) => self.tag(tag),
            Want::Range(wanted) => self.range(wanted, preferred, direction),
        }
    }

    fn range(&self, wanted: &WantedRange, preferred: &[Preference], direction: Direction) -> Option<usize> {
        let highest = direction == Direction::Highest;
        let latest = if highest { self.tag("latest") } else { None };
        let groups = self.preferred_groups(&wanted.text, preferred);
        // Under preferences `*` is as strict as any range, until nothing else is left.
        let strict = Latest { index: latest, whatever: false };
        for group in &groups {
            if let Some(found) = self.best_of(group.iter().copied(), strict, wanted, direction) {
                return Some(found);
            }
        }
        if !preferred.is_empty()
            && let Some(found) = self.best_of_all(strict, wanted, direction)
        {
            return Some(found);
        }
        if !highest {
            let any = &*wanted.text == "*";
            return self.best(0..self.packument.len(), (!any).then_some(&*wanted.range), direction);
        }
        let latest = Latest { index: latest, whatever: &*wanted.text == "*" };
        self.best_of_all(latest, wanted, direction)
    }

    /// [`View::best_of`] all versions.
    fn best_of_all(&self, latest: Latest, wanted: &WantedRange, direction: Direction) -> Option<usize> {
        // Most packages are settled by this, without a look at any other line.
        if let Some(index) = latest.index
            && self.is_taken(index, latest, wanted)
            && !self.packument.is_deprecated(index)
        {
            return Some(index);
        }
        self.best_of(0..self.packument.len(), latest, wanted, direction)
    }

    /// Whether the range takes what `latest` points to; a deprecated one only for want of another.
    fn is_taken(&self, index: usize, latest: Latest, wanted: &WantedRange) -> bool {
        latest.whatever || self.version(index).is_some_and(|version| wanted.range.satisfies(version))
    }

    /// Of some versions the one that `latest` points to, or the best; a deprecated one only where no other satisfies.
    fn best_of(
        &self,
        lines: impl DoubleEndedIterator<Item = usize> + Clone,
        latest: Latest,
        wanted: &WantedRange,
        direction: Direction,
    ) -> Option<usize> {
        let latest = latest
            .index
            .filter(|index| self.is_taken(*index, latest, wanted) && lines.clone().any(|line| line == *index));
        if let Some(latest) = latest.filter(|latest| !self.packument.is_deprecated(*latest)) {
            return Some(latest);
        }
        let found = latest.or_else(|| self.best(lines.clone(), Some(&wanted.range), direction))?;
        if direction == Direction::Lowest || !self.packument.is_deprecated(found) {
            return Some(found);
        }
        let supported = lines.filter(|index| !self.packument.is_deprecated(*index));
        self.best(supported, Some(&wanted.range), direction).or(Some(found))
    }

    /// Preferred versions by the sum of their weights, the heaviest first.
    fn preferred_groups(&self, text: &str, preferred: &[Preference]) -> Vec<Vec<usize>> {
        if preferred.is_empty() {
            return Vec::new();
        }
        let mut weighted: Vec<(usize, u64)> = Vec::new();
        for Preference { want, weight } in preferred {
            let weight = u64::from(*weight);
            match want {
                Want::Version(version) => weighted.extend(self.packument.find_version(version).map(|at| (at, weight))),
                Want::Tag(tag) if tag != text => weighted.extend(self.tag(tag).map(|at| (at, weight))),
                Want::Range(range) if &*range.text != text => weighted.extend(
                    (0..self.packument.len())
                        .filter(|at| self.version(*at).is_some_and(|version| range.range.satisfies(version)))
                        .map(|at| (at, weight)),
                ),
                _ => {}
            }
        }
        weighted.retain(|(index, weight)| *weight > 0 && self.sees(*index));
        weighted.sort_unstable_by_key(|(index, _)| *index);
        weighted.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 = kept.1.saturating_add(next.1);
            }
            same
        });
        weighted.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
        weighted.chunk_by(|a, b| a.1 == b.1).map(|group| group.iter().map(|(index, _)| *index).collect()).collect()
    }

    /// The best of `lines`, which ascend, that is visible and satisfies `range`; of equals the first.
    fn best(
        &self,
        lines: impl DoubleEndedIterator<Item = usize>,
        range: Option<&Range>,
        direction: Direction,
    ) -> Option<usize> {
        let (lowest, highest) = range.map_or((0, u64::MAX), Range::majors);
        let takes_prereleases = range.is_none_or(Range::names_prereleases);
        let mut number = itoa::Buffer::new();
        let only = (lowest == highest).then(|| number.format(lowest).as_bytes());
        let mut best: Option<(usize, Cow<'_, Version>)> = None;
        let look = |index: usize| {
            // Most versions are of another major: they need not be read.
            let is_other = match only {
                Some(major) => self.packument.is_of_other_major(index, major),
                None => self.packument.major(index).is_some_and(|major| major < lowest || major > highest),
            };
            if is_other {
                return;
            }
            let version = match self.packument.glance(index) {
                Glance::Release(version) => Cow::Owned(version),
                Glance::Prerelease if !takes_prereleases => return,
                Glance::Prerelease | Glance::Other => match self.version(index) {
                    Some(version) => Cow::Borrowed(version),
                    None => return,
                },
            };
            let beats = |held: &Version| match (version.precedence(held), direction) {
                (Ordering::Greater, Direction::Highest) | (Ordering::Less, Direction::Lowest) => true,
                (Ordering::Equal, Direction::Highest) => true, // the first comes last
                _ => false,
            };
            // The comparison is cheapest and refuses most, the range is next, the time must be parsed.
            if best.as_ref().is_none_or(|(_, held)| beats(held))
                && range.is_none_or(|range| range.satisfies(&version))
                && self.sees(index)
            {
                best = Some((index, version));
            }
        };
        // Registries list versions as they came: the highest is found soon from the end.
        match direction {
            Direction::Highest => lines.rev().for_each(look),
            Direction::Lowest => lines.for_each(look),
        }
        best.map(|(index, _)| index)
    }

    /// What a tag points to. A tag on a version that is too young is moved to the nearest visible version not above its
    /// target, another tag than `latest` within the same major; prereleases stay prereleases.
    /// A tag on a refused version is moved in the same way, but may move up.
    fn tag(&self, tag: &str) -> Option<usize> {
        let target = self.packument.tag(tag)?;
        if let Some(line) = self.packument.tagged(tag)
            && self.sees(line)
        {
            return Some(line);
        }
        if self.refused.is_empty() || self.age.is_none() {
            return self.moved_tag(tag, target);
        }
        // What is refused counts as never published, so the tag moves for that first.
        let unrefused = Self { age: None, ..*self }.tag(tag)?;
        if self.sees(unrefused) { Some(unrefused) } else { self.moved_tag(tag, self.packument.text(unrefused)) }
    }

    fn moved_tag(&self, tag: &str, target: &str) -> Option<usize> {
        if self.age.is_none() && self.refused.is_empty() {
            return None;
        }
        let original = Version::parse(target)?;
        let allowed = |version: &Version| {
            (tag == "latest" || version.major == original.major)
                && stands_in(version, &original)
                && (self.age.is_none() || version.precedence(&original).is_le())
        };
        let mut best: Option<(usize, &Version, (bool, u8))> = None;
        for index in 0..self.packument.len() {
            let Some(version) = self.version(index).filter(|version| allowed(version)) else { continue };
            let rank = (!self.packument.is_deprecated(index), closeness(version, &original));
            let beats = best.is_none_or(|(_, held, held_rank)| {
                rank.cmp(&held_rank).then(version.precedence(held)) == Ordering::Greater
            });
            if beats && self.sees(index) {
                best = Some((index, version, rank));
            }
        }
        best.map(|(index, ..)| index)
    }
}

/// A prerelease stands in for another, or for a release of its major; a release for any release.
fn stands_in(version: &Version, original: &Version) -> bool {
    match (version.is_prerelease(), original.is_prerelease()) {
        (true, false) => version.major == original.major,
        (false, true) => false,
        (true, true) | (false, false) => true,
    }
}

/// How well a version stands in for the one that a tag named: a release of its major or a later one, then a prerelease
/// of its major, then a release below. For a prerelease all others are equal.
fn closeness(version: &Version, original: &Version) -> u8 {
    match (version.is_prerelease(), version.major >= original.major) {
        _ if original.is_prerelease() => 0,
        (false, true) => 2,
        (true, _) => 1,
        (false, false) => 0,
    }
}
