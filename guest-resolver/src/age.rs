//! `minimumReleaseAge`: which versions are old enough. Times are milliseconds since 1970; the clock is a setting.

#[cfg(test)]
mod tests;

use wit::settings::Policy;

use crate::semver::Version;

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
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut rest) = name.strip_prefix(head) else { return false };
    let mut parts = tail.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

/// Reads an ISO 8601 instant as registries write it, to milliseconds since 1970: `2024-02-27T16:27:13.411Z`,
/// `…+00:00`, with or without a fraction of any length. `None` if it is none.
pub fn parse_time(text: &str) -> Option<i64> {
    let bytes = text.trim().as_bytes();
    let digits = |from: usize, to: usize| -> Option<i64> {
        bytes
            .get(from..to)?
            .iter()
            .try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    };
    let separated = |at: usize, by: &[u8]| bytes.get(at).is_some_and(|byte| by.contains(byte));
    if !separated(4, b"-") || !separated(7, b"-") {
        return None;
    }
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let midnight = days_since_1970(year, month, day) * 86_400_000;
    if bytes.len() == 10 {
        return Some(midnight);
    }
    if !separated(10, b"Tt ") || !separated(13, b":") || !separated(16, b":") {
        return None;
    }
    let (hour, minute, second) = (digits(11, 13)?, digits(14, 16)?, digits(17, 19)?);
    if hour > 24 || minute > 59 || second > 60 {
        return None;
    }
    let mut at = 19;
    let mut millis = 0;
    if separated(19, b".") {
        let mut scale = 100;
        at = 20;
        while let Some(byte) = bytes.get(at).filter(|byte| byte.is_ascii_digit()) {
            millis += i64::from(byte - b'0') * scale;
            scale /= 10;
            at += 1;
        }
    }
    let offset = match bytes.get(at..)? {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), ..] => {
            let minutes_at = if separated(at + 3, b":") { at + 4 } else { at + 3 };
            let minutes = digits(at + 1, at + 3)? * 60 + digits(minutes_at, minutes_at + 2)?;
            if *sign == b'-' { -minutes } else { minutes }
        }
        _ => return None,
    };
    Some(midnight + ((hour * 60 + minute - offset) * 60 + second) * 1000 + millis)
}

/// An instant as registries write it: `2024-02-27T16:27:13.411Z`.
pub fn format_time(millis: i64) -> String {
    let (days, rest) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    let (mut year, mut month) = (1970 + days.div_euclid(366), 12);
    while days_since_1970(year + 1, 1, 1) <= days {
        year += 1;
    }
    while days_since_1970(year, month, 1) > days {
        month -= 1;
    }
    let day = days - days_since_1970(year, month, 1) + 1;
    let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", rest % 1_000)
}

/// Days of the Gregorian calendar, counted in years that begin in March so that a leap day comes last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}
