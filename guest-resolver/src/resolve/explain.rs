//! Failures that explain: what was wanted, what there is, what would come nearest, and one thing to do about it.

#[cfg(test)]
mod tests;

use wit::guest::exports::wasi_pm::resolver::resolution::{Unavailable, UnavailableReason};
use wit::guest::wasi_pm::resolver::types::Failure;

use crate::pick::{Packument, PickError};
use crate::semver::Version;
use crate::specifier::{Want, WantedRange};

use super::wanted::failure;

/// So many versions are named.
const NAMED: usize = 10;
/// The fact that a hint is made of, once it is known who asks.
const NEAREST: &str = "nearest";

/// The codes of specifiers that nobody here resolves.
const UNSUPPORTED: [&str; 2] = ["ERR_PNPM_SPEC_NOT_SUPPORTED_BY_ANY_RESOLVER", "ERR_PNPM_UNSUPPORTED_PROTOCOL"];
/// Protocols with a meaning of their own, which no plugin could take.
const KNOWN: [&str; 9] = ["npm", "workspace", "jsr", "catalog", "file", "link", "git", "http", "https"];

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The key in the manifest.
    pub alias: &'a str,
    /// The value.
    pub specifier: &'a str,
    /// The value, read.
    pub want: &'a Want,
}

/// No version could be picked.
pub fn no_pick(asked: Asked<'_>, packument: &Packument, why: PickError) -> Failure {
    let name = packument.name();
    match why {
        PickError::NoVersions => {
            let message = format!("No versions available for {name}. The package may be unpublished");
            Failure {
                hint: Some(format!("Remove {name}, or find out what has become of it")),
                ..failure("ERR_PNPM_NO_VERSIONS", message)
            }
        }
        PickError::MissingTime | PickError::NeedsFull => Failure {
            hint: Some(format!(
                "Add {name} to minimumReleaseAgeExclude, or set minimumReleaseAgeIgnoreMissingTime: true"
            )),
            ..failure("ERR_PNPM_MISSING_TIME", format!("The metadata of {name} is missing the \"time\" field"))
        },
        PickError::NoMatch => no_match(asked, packument),
    }
}

fn no_match(asked: Asked<'_>, packument: &Packument) -> Failure {
    let Asked { alias, specifier, want } = asked;
    let name = packument.name();
    let message = format!("No matching version found for {alias}@{specifier}");
    let mut failure = failure("ERR_PNPM_NO_MATCHING_VERSION", message);
    let mut fact = |name: &str, value: String| failure.facts.push((name.to_owned(), value));
    if let Some(latest) = packument.tag("latest") {
        fact("latest", latest.to_owned());
    }
    fact("versions", versions(packument));
    if let Want::Tag(_) = want {
        fact("tags", packument.tags().collect::<Vec<_>>().join(", "));
    }
    let near = nearest(packument, want).map(|line| packument.text(line));
    let near = near.or(packument.tag("latest")).map(|version| match Version::parse_loose(version) {
        Some(parsed) if !parsed.is_prerelease() && !matches!(want, Want::Version(_)) => format!("^{version}"),
        _ => version.to_owned(),
    });
    let near = near.map(|version| if alias == name { version } else { format!("npm:{name}@{version}") });
    if let Some(near) = near {
        fact(NEAREST, near);
    }
    failure
}

/// The newest versions, and how many more there are.
fn versions(packument: &Packument) -> String {
    let mut lines: Vec<(&Version, &str)> =
        (0..packument.len()).filter_map(|line| Some((packument.version(line)?, packument.text(line)))).collect();
    lines.sort_by(|a, b| b.0.precedence(a.0));
    let named: Vec<&str> = lines.iter().take(NAMED).map(|(_, text)| *text).collect();
    let more = lines.len().saturating_sub(NAMED);
    if more == 0 { named.join(", ") } else { format!("{} and {more} more", named.join(", ")) }
}

/// The version nearest to what was wanted: of its major if there is one, a release if there is one, below rather than
/// above.
fn nearest(packument: &Packument, want: &Want) -> Option<usize> {
    let wanted = match want {
        Want::Version(version) => version.clone(),
        Want::Range(WantedRange { range, .. }) => range.min_version()?,
        Want::Tag(_) => return None,
    };
    let rank = |line: &usize| {
        let version = packument.version(*line)?;
        let below = version.precedence(&wanted).is_lt();
        Some((version.major != wanted.major, version.is_prerelease(), !below, version, below))
    };
    (0..packument.len()).filter(|line| rank(line).is_some()).min_by(|a, b| {
        let (a, b) = (rank(a).expect("filtered"), rank(b).expect("filtered"));
        let nearer = if a.4 { b.3.precedence(a.3) } else { a.3.precedence(b.3) };
        (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)).then(nearer)
    })
}

/// Adds who asks: `chain` goes from the project to the edge. The hint depends on it, for only a project's own
/// dependencies can be changed in a manifest.
pub fn by_whom(mut failure: Failure, chain: Vec<String>) -> Failure {
    if failure.hint.is_none()
        && let Some((_, near)) = failure.facts.iter().find(|(name, _)| name == NEAREST)
    {
        let alias = chain.last().map_or("", |edge| name_of(edge));
        failure.hint = Some(match &chain[..] {
            [.., parent, _] if chain.len() > 2 => {
                format!("Override it in pnpm-workspace.yaml, overrides: '{}>{alias}': '{near}'", name_of(parent))
            }
            [importer, _] if importer != "." => format!("Ask for {alias} {near} in {importer}"),
            _ => format!("Ask for {alias} {near}"),
        });
    }
    if failure.hint.is_none()
        && let Some(edge) = chain.last().filter(|_| UNSUPPORTED.contains(&failure.code.as_str()))
    {
        failure.hint = Some(unsupported(edge, &chain));
    }
    failure.chain = chain;
    hinted(failure)
}

/// What can be done about a specifier that nobody here resolves.
fn unsupported(edge: &str, chain: &[String]) -> String {
    let (alias, text) = crate::lockfile::model::split_key(edge).unwrap_or((edge, ""));
    let way = match chain {
        [.., parent, _] if chain.len() > 2 => format!(
            "Lead it to a version of a registry in pnpm-workspace.yaml, overrides: '{}>{alias}': '<version>'",
            name_of(parent)
        ),
        _ => format!("Ask for {alias} by a version, a folder, a repository or an address of a tarball"),
    };
    match text.split_once(':').map(|(protocol, _)| protocol).filter(|protocol| !KNOWN.contains(protocol)) {
        Some(protocol) => {
            format!("{way}; a plugin may come to resolve {protocol}:, but this version of wasi-pm loads none")
        }
        None => way,
    }
}

/// A failure with the hint of its code, if it has none of its own.
pub fn hinted(mut failure: Failure) -> Failure {
    failure.hint = failure.hint.or_else(|| hint_for(&failure.code));
    failure
}

/// What can be done about a failure that always has the same way out.
pub fn hint_for(code: &str) -> Option<String> {
    let hint = match code {
        "ERR_PNPM_INVALID_SELECTOR" => "In overrides a name stands as pkg, pkg@range, or parent>pkg",
        "ERR_PNPM_CANNOT_RESOLVE_OVERRIDE_VERSION" => {
            "Depend on it in the root's package.json, or write the version into overrides itself"
        }
        "ERR_PNPM_CATALOG_IN_OVERRIDES" | "ERR_PNPM_CATALOG_ENTRY_NOT_FOUND_FOR_SPEC" => {
            "Add the entry to catalog or catalogs in pnpm-workspace.yaml, or write a version in its place"
        }
        "ERR_PNPM_CATALOG_ENTRY_INVALID_RECURSIVE_DEFINITION" => "An entry of a catalog is a version, a range or a tag",
        "ERR_PNPM_WORKSPACE_PKG_NOT_FOUND" => {
            "Check the name, and that packages in pnpm-workspace.yaml matches the project's folder"
        }
        "ERR_PNPM_NO_MATCHING_VERSION_INSIDE_WORKSPACE" => "Ask for workspace:*, or change the version of the project",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn name_of(edge: &str) -> &str {
    crate::lockfile::model::split_key(edge).map_or(edge, |(name, _)| name)
}

/// Whether it is for sure that a package or its version is not there, or that nobody may be asked.
pub fn is_absence(failure: &Failure) -> bool {
    const ABSENT: [&str; 4] =
        ["ERR_PNPM_FETCH_404", "ERR_PNPM_NO_VERSIONS", "ERR_PNPM_NO_MATCHING_VERSION", "ERR_PNPM_NO_OFFLINE_META"];
    ABSENT.contains(&failure.code.as_str())
}

/// Metadata could not be had.
pub fn unavailable(name: &str, why: &Unavailable) -> Failure {
    let status = why.status.map(|status| format!(" ({status})")).unwrap_or_default();
    let fetch = |code: u16| format!("ERR_PNPM_FETCH_{code}");
    let (code, message, hint) = match (why.reason, why.status) {
        (UnavailableReason::NotFound, _) => (
            fetch(404),
            format!("{name} is not in the registry, or you have no permission to fetch it"),
            "Check the name for a typing error, and that you are logged in if the package is private",
        ),
        (UnavailableReason::Offline, _) => (
            "ERR_PNPM_NO_OFFLINE_META".to_owned(),
            format!("The metadata of {name} is not in the cache, and the network may not be used"),
            "Install once without --offline",
        ),
        (UnavailableReason::Unauthorized, _) => (
            fetch(401),
            format!("{name} could not be fetched{status}: the registry wants to know who asks"),
            "Log in to the registry, or set a token for it in the user-level .npmrc",
        ),
        (UnavailableReason::Forbidden, _) => (
            fetch(403),
            format!("{name} could not be fetched{status}: the registry does not let you"),
            "Ask for access to the package, or check that the token in the user-level .npmrc is of the right account",
        ),
        (UnavailableReason::Network, Some(code)) => (
            fetch(code),
            format!("The metadata of {name} could not be had{status}"),
            "The registry has a fault; try again later, or use --offline with what is in the cache",
        ),
        (UnavailableReason::Network, None) => (
            "ERR_PNPM_META_FETCH_FAIL".to_owned(),
            format!("The metadata of {name} could not be had"),
            "Check the connection, the proxy settings and the address of the registry",
        ),
        _ => (
            "ERR_PNPM_META_FETCH_FAIL".to_owned(),
            format!("The metadata of {name} cannot be used{status}"),
            "Check the address of the registry; a proxy or a login page may have answered in its place",
        ),
    };
    let mut failure = failure(&code, message);
    let told = why.reason != UnavailableReason::Offline;
    match &why.detail {
        Some(detail) if told => failure.facts.push(("cause".to_owned(), detail.clone())),
        _ => failure.facts.extend(why.url.iter().map(|url| ("url".to_owned(), url.clone()))),
    }
    failure.hint = Some(hint.to_owned());
    failure
}
