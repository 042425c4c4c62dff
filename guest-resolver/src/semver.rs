//! npm's version arithmetic: what `semver` 7 of the npm registry says of versions and ranges, without its regular
//! expressions. Every step is one pass over the text; limits stop hostile specifiers (16 KiB, 256 comparators, 256
//! characters for a version, 2^53-1 for a number).
//!
//! `semver/cases.tsv` holds what npm's own implementation answered; the tests hold ours to it.

mod parse;
mod range;
mod relate;
mod version;

#[cfg(test)]
mod tests;

pub use range::{Comparator, Operator, Options, Range, RangeError};
pub use relate::intersection;
pub use version::{Prerelease, Version};

/// Whether `version` satisfies `range`, both read loosely, as pnpm does when it picks; text that is no semver satisfies
/// nothing.
pub fn satisfies(version: &str, range: &str) -> bool {
    let Some(version) = Version::parse_loose(version) else { return false };
    Range::parse_loose(range).is_ok_and(|range| range.satisfies(&version))
}

/// The highest of `versions` that satisfies `range`, by index; of equals the first.
pub fn max_satisfying<'a>(versions: impl IntoIterator<Item = &'a Version>, range: &Range) -> Option<usize> {
    best_satisfying(versions, range, |candidate, best| candidate.precedence(best).is_gt())
}

/// The lowest of `versions` that satisfies `range`, by index; of equals the first.
pub fn min_satisfying<'a>(versions: impl IntoIterator<Item = &'a Version>, range: &Range) -> Option<usize> {
    best_satisfying(versions, range, |candidate, best| candidate.precedence(best).is_lt())
}

fn best_satisfying<'a>(
    versions: impl IntoIterator<Item = &'a Version>,
    range: &Range,
    better: impl Fn(&Version, &Version) -> bool,
) -> Option<usize> {
    let mut best: Option<(usize, &Version)> = None;
    for (index, version) in versions.into_iter().enumerate() {
        // The comparison is cheaper than the range, and most candidates lose it.
        if best.is_none_or(|(_, held)| better(version, held)) && range.satisfies(version) {
            best = Some((index, version));
        }
    }
    best.map(|(index, _)| index)
}
