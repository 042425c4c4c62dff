//! `minimumReleaseAge`: which versions are old enough. Times are milliseconds since 1970; the clock is a setting.

#[cfg(test)]
mod tests;

use wit::settings::Policy;

use crate::semver::Version;

pub use wit::time::{format_time, parse_time};

/// The age rule of a project, read once.
#[derive(Debug, Clone, PartialEq)]
pub struct AgePolicy {
    /// The last instant at which a version may have been published, milliseconds.
    pub cutoff: i64,
    /// A version without a publish time passes.
    pub ignore_missing_time: bool,
    /// No mature version is an error, not a notice.
    pub strict: bool,
    excludes: Vec<Exclude>,
}

/// What a policy's exclusions say of one package.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Exclusion<'a> {
    /// Nothing: the rule applies.
    None,
    /// The rule does not apply.
    Package,
    /// The rule does not apply to these versions.
    Versions(&'a [Version]),
}

/// An exclusion that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadExclusion {
    /// `ERR_PNPM_*`.
    pub code: &'static str,
    /// One sentence without a final stop.
    pub message: String,
}

/// `name`, `@scope/*`, `name@1.0.0 || 1.0.1`: also how `trustPolicyExclude` is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Exclude {
    pattern: String,
    versions: Vec<Version>,
}

impl AgePolicy {
    /// Reads the settings; `None` where there is no rule, or no clock to apply it by.
    pub fn new(policy: &Policy, now: u64) -> Result<Option<Self>, BadExclusion> {
        if policy.minimum_release_age == 0 || now == 0 {
            return Ok(None);
        }
        let age = policy.minimum_release_age.saturating_mul(60_000);
        Ok(Some(Self {
            cutoff: i64::try_from(now.saturating_sub(age)).unwrap_or(i64::MAX),
            ignore_missing_time: policy.minimum_release_age_ignore_missing_time,
            strict: policy.minimum_release_age_strict,
            excludes: Exclude::parse_all(&policy.minimum_release_age_exclude)?,
        }))
    }

    /// The rule below projects whose newest dependency is from `cutoff`: no newer than that, with the exclusions of
    /// `base`, which is the project's own rule.
    pub fn below(base: Option<&Self>, policy: &Policy, cutoff: i64) -> Self {
        match base {
            Some(base) => Self { cutoff: base.cutoff.min(cutoff), ..base.clone() },
            None => Self {
                cutoff,
                ignore_missing_time: policy.minimum_release_age_ignore_missing_time,
                strict: false,
                // What cannot be read is told where the rule itself is on.
                excludes: Exclude::parse_all(&policy.minimum_release_age_exclude).unwrap_or_default(),
            },
        }
    }

    /// The exclusions let this version pass.
    pub fn excludes(&self, name: &str, version: &str) -> bool {
        match self.exclusion(name) {
            Exclusion::None => false,
            Exclusion::Package => true,
            Exclusion::Versions(versions) => {
                Version::parse_loose(version).is_some_and(|version| versions.contains(&version))
            }
        }
    }

    /// What the exclusions say of `name`.
    pub fn exclusion(&self, name: &str) -> Exclusion<'_> {
        Exclude::of(&self.excludes, name)
    }
}

impl Exclude {
    /// Reads a list of exclusions.
    pub fn parse_all(texts: &[String]) -> Result<Vec<Self>, BadExclusion> {
        texts.iter().map(|text| Self::parse(text)).collect()
    }

    fn parse(text: &str) -> Result<Self, BadExclusion> {
        let at = text.char_indices().skip(1).find(|(_, c)| *c == '@').map(|(at, _)| at);
        let Some(at) = at else { return Ok(Self { pattern: text.to_owned(), versions: Vec::new() }) };
        let versions: Option<Vec<Version>> = text[at + 1..].split("||").map(Version::parse).collect();
        let Some(versions) = versions else {
            return Err(BadExclusion {
                code: "ERR_PNPM_INVALID_VERSION_UNION",
                message: format!("Invalid versions union. Found: \"{text}\". Use exact versions only"),
            });
        };
        if text[..at].contains('*') {
            return Err(BadExclusion {
                code: "ERR_PNPM_NAME_PATTERN_IN_VERSION_UNION",
                message: format!("Name patterns are not allowed with version unions. Found: \"{text}\""),
            });
        }
        Ok(Self { pattern: text[..at].to_owned(), versions })
    }

    /// What the first exclusion that matches says of `name`.
    pub fn of<'a>(excludes: &'a [Self], name: &str) -> Exclusion<'a> {
        match excludes.iter().find(|exclude| matches_pattern(&exclude.pattern, name)) {
            None => Exclusion::None,
            Some(exclude) if exclude.versions.is_empty() => Exclusion::Package,
            Some(exclude) => Exclusion::Versions(&exclude.versions),
        }
    }
}

/// A name against a pattern in which `*` stands for any text and a leading `!` turns the answer round.
pub fn matches_pattern(pattern: &str, name: &str) -> bool {
    if let Some(negated) = pattern.strip_prefix('!') {
        return !matches_pattern(negated, name);
    }
    wit::wildcard::fits(pattern, name)
}
