//! Whether what a lockfile holds is what the policies allow: old enough, published with no weaker evidence than what
//! came before, and fetched from where its registry says. Pure: whoever asks brings the metadata. Fails closed, for
//! somebody may have written the lockfile so that nothing is asked.

use wit::{
    settings::{Policy, TrustPolicy},
    time::{format_time, parse_time},
    wildcard,
};

use crate::{facts::Metadata, registry::without_secrets};

#[cfg(test)]
mod tests;

/// A date of HTTP has whole seconds: what has changed may have done so later by less than this, milliseconds.
const SECOND: i64 = 1000;
/// 2010, milliseconds since 1970: no registry of this kind is older.
const FIRST_REGISTRY: i64 = 1_262_304_000_000;

/// What an entry of a lockfile does not hold to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// `ERR_PNPM_*`.
    pub code: &'static str,
    /// One line.
    pub message: String,
}

/// The policies for locked packages, read once.
#[derive(Debug, Clone)]
pub struct Rules<'a> {
    policy: &'a Policy,
    now: i64,
}

impl<'a> Rules<'a> {
    /// `None` where nothing is asked for: no release age and no trust policy. An age that is not strict lets the
    /// resolver take what is younger, which is remembered as an exception; it holds for what is locked all the same.
    #[must_use]
    pub fn new(policy: &'a Policy, now: u64) -> Option<Self> {
        let asks = policy.trust_policy == TrustPolicy::NoDowngrade || policy.minimum_release_age > 0;
        asks.then(|| Self { policy, now: i64::try_from(now).unwrap_or(i64::MAX) })
    }

    /// Whether a version is held to anything.
    #[must_use]
    pub fn concern(&self, name: &str, version: &str) -> bool {
        self.has_age(name, version) || self.has_trust(name, version)
    }

    /// Whether it is held to everything that others are held to.
    #[must_use]
    pub fn make_no_exception(&self, name: &str, version: &str) -> bool {
        let Policy { minimum_release_age_exclude: age, trust_policy_exclude: trust, .. } = self.policy;
        !excludes(age, name, version) && !excludes(trust, name, version)
    }

    /// Whether the date of its packument can tell enough of a version.
    #[must_use]
    pub fn may_pass_by_date(&self, name: &str, version: &str) -> bool {
        !self.has_trust(name, version)
    }

    /// Whether a version that its registry serves passes because its packument has not changed since the cutoff. A date
    /// from before there were registries says nothing.
    #[must_use]
    pub fn pass_by_date(&self, name: &str, version: &str, modified: i64) -> bool {
        let is_old = modified >= FIRST_REGISTRY && modified.saturating_add(SECOND) <= self.cutoff();
        is_old && self.may_pass_by_date(name, version)
    }

    /// Whether what an abbreviated packument says is not enough.
    #[must_use]
    pub fn need_full(&self, name: &str, version: &str, metadata: &Metadata) -> bool {
        let has_age = || self.has_age(name, version) && metadata.times.is_none() && !self.is_settled(metadata);
        // One that does not name the version may be an old one out of the cache.
        let is_enough = line(metadata, version).is_some() && !self.has_trust(name, version) && !has_age();
        !metadata.full && !is_enough
    }

    /// Judges one package of a registry; `metadata` is its packument, full where [`Rules::need_full`] says so, `None`
    /// if it could not be had.
    #[must_use]
    pub fn judge(&self, name: &str, version: &str, metadata: Option<&Metadata>) -> Option<Violation> {
        let known = metadata.and_then(|metadata| Some((metadata, line(metadata, version)?)));
        self.age(name, version, known).or_else(|| self.trust(name, version, known))
    }

    fn has_age(&self, name: &str, version: &str) -> bool {
        let policy = self.policy;
        policy.minimum_release_age > 0 && !excludes(&policy.minimum_release_age_exclude, name, version)
    }

    fn has_trust(&self, name: &str, version: &str) -> bool {
        let policy = self.policy;
        policy.trust_policy == TrustPolicy::NoDowngrade && !excludes(&policy.trust_policy_exclude, name, version)
    }

    /// What was published later is too young.
    fn cutoff(&self) -> i64 {
        let minutes = i64::try_from(self.policy.minimum_release_age).unwrap_or(i64::MAX);
        self.now.saturating_sub(minutes.saturating_mul(60_000))
    }

    /// Whether the whole packument has not changed for long enough.
    fn is_settled(&self, metadata: &Metadata) -> bool {
        metadata.modified.as_deref().and_then(parse_time).is_some_and(|modified| modified <= self.cutoff())
    }

    fn age(&self, name: &str, version: &str, known: Option<(&Metadata, usize)>) -> Option<Violation> {
        if !self.has_age(name, version) {
            return None;
        }
        let code = "ERR_PNPM_MINIMUM_RELEASE_AGE_VIOLATION";
        let cutoff = self.cutoff();
        match known {
            Some((metadata, line)) => match time(metadata, line) {
                Some(time) if time <= cutoff => None,
                Some(time) => Some(Violation {
                    code,
                    message: format!(
                        "{name}@{version} was published at {}, within the minimumReleaseAge cutoff ({})",
                        format_time(time),
                        format_time(cutoff)
                    ),
                }),
                None if metadata.times.is_none() && self.is_settled(metadata) => None,
                None if metadata.times.is_none() && self.policy.minimum_release_age_ignore_missing_time => None,
                None => Some(Violation { code, message: format!("{name}@{version} has no publish time") }),
            },
            None => Some(Violation { code, message: unchecked(name, version) }),
        }
    }

    fn trust(&self, name: &str, version: &str, known: Option<(&Metadata, usize)>) -> Option<Violation> {
        let policy = self.policy;
        if !self.has_trust(name, version) {
            return None;
        }
        let code = "ERR_PNPM_TRUST_DOWNGRADE";
        let failed = || Some(Violation { code, message: unchecked(name, version) });
        let Some((metadata, line)) = known else { return failed() };
        let Some(published) = time(metadata, line) else { return failed() };
        let settled =
            |minutes: u64| self.now.saturating_sub(published) / 60_000 > i64::try_from(minutes).unwrap_or(i64::MAX);
        if policy.trust_policy_ignore_after.is_some_and(settled) {
            return None;
        }
        let Some(evidence) = &metadata.trust else { return failed() };
        let own = evidence.get(line).copied().unwrap_or(0);
        let versions = metadata.versions.split('\n').enumerate();
        let earlier = versions.filter(|(other, text)| {
            (is_prerelease(version) || !is_prerelease(text))
                && time(metadata, *other).is_some_and(|time| time < published)
        });
        let strongest = earlier.filter_map(|(other, _)| evidence.get(other)).max();
        strongest.is_some_and(|strongest| *strongest > own).then(|| Violation {
            code,
            message: format!("High-risk trust downgrade for \"{name}@{version}\" (possible package takeover)"),
        })
    }
}

/// Whether the tarball that a lockfile names for a version is the one that the registry names; both absolute.
/// `manifest` is that version's in the registry's metadata, `None` if it does not name the version. Otherwise a version
/// that people trust could front for bytes from anywhere, with an integrity to match.
#[must_use]
pub fn bind(name: &str, version: &str, locked: &str, manifest: Option<&[u8]>) -> Option<Violation> {
    let manifest = manifest.and_then(|text| serde_json::from_slice::<serde_json::Value>(text).ok());
    let published = manifest.as_ref().and_then(|manifest| manifest["dist"]["tarball"].as_str());
    if published.is_some_and(|published| same_tarball(published, locked)) {
        return None;
    }
    let (code, locked) = ("ERR_PNPM_TARBALL_URL_MISMATCH", without_secrets(locked));
    let message = match published.map(without_secrets) {
        Some(published) => format!(
            "{name}@{version} has a tarball URL ({locked}) that does not match the registry's published metadata \
             ({published})"
        ),
        None => format!("{name}@{version} could not be verified against the registry's published metadata"),
    };
    Some(Violation { code, message })
}

/// Two addresses lead to one tarball: scheme and the encoding of a scope's slash aside.
#[must_use]
pub fn same_tarball(a: &str, b: &str) -> bool {
    let plain = |text: &str| {
        let text = reqwest::Url::parse(text).map_or_else(|_| text.to_owned(), Into::into);
        let text = text.replace("%2F", "/").replace("%2f", "/");
        text.split_once("://").map_or(text.clone(), |(_, rest)| rest.to_owned())
    };
    plain(a) == plain(b)
}

fn unchecked(name: &str, version: &str) -> String {
    format!("{name}@{version} could not be checked: its metadata cannot be had, or does not name it")
}

/// Whether a packument names a version: an old one, out of the cache, need not.
#[must_use]
pub fn names(metadata: &Metadata, version: &str) -> bool {
    line(metadata, version).is_some()
}

/// Where a packument names a version.
fn line(metadata: &Metadata, version: &str) -> Option<usize> {
    metadata.versions.split('\n').position(|held| held == version)
}

fn time(metadata: &Metadata, line: usize) -> Option<i64> {
    parse_time(metadata.times.as_deref()?.split('\n').nth(line)?)
}

fn is_prerelease(version: &str) -> bool {
    version.split('+').next().unwrap_or_default().contains('-')
}

/// Whether `name`, `@scope/*` or `name@1.0.0 || 1.0.1` lets a version pass; the first that matches the name decides.
fn excludes(entries: &[String], name: &str, version: &str) -> bool {
    let split = |entry: &'_ str| entry.char_indices().skip(1).find(|(_, c)| *c == '@').map(|(at, _)| at);
    let matching = entries.iter().find(|entry| matches(split(entry).map_or(entry.as_str(), |at| &entry[..at]), name));
    matching.is_some_and(|entry| match split(entry) {
        None => true,
        Some(at) => entry[at + 1..].split("||").any(|held| held.trim() == version),
    })
}

fn matches(pattern: &str, name: &str) -> bool {
    if let Some(negated) = pattern.strip_prefix('!') {
        return !matches(negated, name);
    }
    wildcard::fits(pattern, name)
}
