//! `trustPolicy: no-downgrade`: a version may not carry weaker evidence of who published it than one that was published
//! before it. Who takes over an account can publish, but seldom from the same workflow.
//!
//! It fails closed: what cannot be judged is refused.

#[cfg(test)]
mod tests;

use wit::guest::wasi_pm::resolver::types::Failure;
use wit::settings::{Policy, TrustPolicy};

use crate::age::{BadExclusion, Exclude, Exclusion};
use crate::pick::{Packument, Pick, PickOptions, pick};
use crate::specifier::Want;

/// The trust rule of a project, read once.
#[derive(Debug, Clone, PartialEq)]
pub struct TrustRule {
    /// Versions published before this instant are not looked at; milliseconds.
    settled_before: Option<i64>,
    excludes: Vec<Exclude>,
}

/// After so many refusals the package is hostile, and each costs a look at all versions.
const MAX_REFUSED: usize = 1_000;

/// How a registry numbers evidence, the weakest first.
const EVIDENCE: [&str; 4] = ["no trust evidence", "provenance attestation", "trusted publisher", "staged publish"];

impl TrustRule {
    /// Reads the settings; `None` where there is no rule.
    ///
    /// # Errors
    /// If an exclusion cannot be read.
    pub fn new(policy: &Policy, now: u64) -> Result<Option<Self>, BadExclusion> {
        if policy.trust_policy == TrustPolicy::Off {
            return Ok(None);
        }
        let settled_before = policy.trust_policy_ignore_after.filter(|_| now > 0).map(|minutes| {
            // A whole minute more must have passed.
            let age = minutes.saturating_add(1).saturating_mul(60_000);
            i64::try_from(now).unwrap_or(i64::MAX).saturating_sub(i64::try_from(age).unwrap_or(i64::MAX))
        });
        Ok(Some(Self { settled_before, excludes: Exclude::parse_all(&policy.trust_policy_exclude)? }))
    }

    /// Judges a version of a full packument.
    ///
    /// # Errors
    /// `ERR_PNPM_TRUST_DOWNGRADE` if an earlier version had stronger evidence, `ERR_PNPM_TRUST_CHECK_FAIL` if the
    /// registry does not tell.
    pub fn check(&self, packument: &Packument, line: usize) -> Result<(), Failure> {
        let name = packument.name();
        match Exclude::of(&self.excludes, name) {
            Exclusion::Package => return Ok(()),
            Exclusion::Versions(versions) if packument.version(line).is_some_and(|it| versions.contains(it)) => {
                return Ok(());
            }
            Exclusion::Versions(_) | Exclusion::None => {}
        }
        let Some(published) = packument.time(line) else { return Err(unknown(packument, line)) };
        if self.settled_before.is_some_and(|settled| published <= settled) {
            return Ok(());
        }
        let Some(own) = packument.trust(line) else { return Err(unknown(packument, line)) };
        let of_releases = packument.version(line).is_some_and(|version| !version.is_prerelease());
        let counts = |other: &usize| {
            packument.time(*other).is_some_and(|time| time < published)
                && !(of_releases && packument.version(*other).is_some_and(|version| version.is_prerelease()))
        };
        let strongest = (0..packument.len())
            .filter(counts)
            .filter_map(|other| packument.trust(other).map(|evidence| (evidence, other)))
            .max_by_key(|(evidence, other)| (*evidence, packument.time(*other)));
        match strongest {
            Some((evidence, other)) if evidence > own => Err(downgrade(packument, (line, own), (other, evidence))),
            _ => Ok(()),
        }
    }
}

/// Picks on while the rule refuses what was picked; what it refuses counts as never published.
///
/// # Errors
/// Why the first pick was refused, if nothing else is left.
pub fn pick_on(
    rule: Option<&TrustRule>,
    packument: &Packument,
    want: &Want,
    options: &PickOptions<'_>,
    first: Pick,
) -> Result<Pick, Box<Failure>> {
    let Some(rule) = rule else { return Ok(first) };
    let Err(refused) = rule.check(packument, first.index) else { return Ok(first) };
    let mut lines = vec![first.index];
    while let Ok(next) = pick(packument, want, &PickOptions { refused: &lines, ..*options }) {
        if rule.check(packument, next.index).is_ok() {
            return Ok(next);
        }
        lines.push(next.index);
        if lines.len() == MAX_REFUSED {
            break;
        }
    }
    Err(Box::new(refused))
}

fn words(evidence: u8) -> &'static str {
    EVIDENCE.get(usize::from(evidence)).copied().unwrap_or(EVIDENCE[0])
}

fn downgrade(packument: &Packument, (line, own): (usize, u8), (other, evidence): (usize, u8)) -> Failure {
    let (name, version) = (packument.name(), packument.text(line));
    Failure {
        code: "ERR_PNPM_TRUST_DOWNGRADE".to_owned(),
        message: format!("High-risk trust downgrade for \"{name}@{version}\" (possible package takeover)"),
        facts: vec![
            ("evidence".to_owned(), words(own).to_owned()),
            (format!("evidence of {}", packument.text(other)), words(evidence).to_owned()),
        ],
        chain: Vec::new(),
        hint: Some(format!(
            "If you know that {version} is genuine, add {name}@{version} to trustPolicyExclude; else ask for {}",
            packument.text(other)
        )),
    }
}

fn unknown(packument: &Packument, line: usize) -> Failure {
    let (name, version) = (packument.name(), packument.text(line));
    Failure {
        code: "ERR_PNPM_TRUST_CHECK_FAIL".to_owned(),
        message: format!("The registry does not tell when or how {name}@{version} was published"),
        facts: Vec::new(),
        chain: Vec::new(),
        hint: Some(format!("Add {name} to trustPolicyExclude if its registry keeps no such records")),
    }
}
