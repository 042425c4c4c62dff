//! Addresses: which registry serves a package, where its metadata and tarballs are, and how an address is shown.

use std::net::IpAddr;

use reqwest::Url;
use wit::{PackageName, settings::Registries};

use super::RegistryError;
use crate::config::credentials::is_loopback;

/// The address of the registry that serves a package: the named one, else that of its scope, else the default.
///
/// # Errors
/// [`RegistryError::BadUrl`] if there is none or it is no http(s) address.
pub fn registry_for(registries: &Registries, name: &PackageName, named: Option<&str>) -> Result<Url, RegistryError> {
    let text = match named {
        Some(alias) => registries.named.get(alias).map_or(alias, String::as_str),
        None => name.scope().and_then(|scope| registries.scoped.get(scope)).unwrap_or(&registries.default),
    };
    let mut url = parse(text)?;
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// The canonical address of a tarball: `<registry><name>/-/<unscoped>-<version without build>.tgz`.
#[must_use]
pub fn tarball_url(registry: &Url, name: &PackageName, version: &str) -> String {
    let version = version.split('+').next().unwrap_or(version);
    format!("{registry}{name}/-/{}-{version}.tgz", name.unscoped())
}

/// The address of a packument; the slash of a scope is encoded.
pub(super) fn metadata_url(registry: &Url, name: &PackageName) -> Result<Url, RegistryError> {
    parse(&format!("{registry}{}", name.as_str().replace('/', "%2F")))
}

/// Parses an address that a registry or a user gave.
pub(crate) fn parse(text: &str) -> Result<Url, RegistryError> {
    let bad = |reason| RegistryError::BadUrl { url: without_secrets(text), reason };
    if text.is_empty() {
        return Err(bad("no registry is configured"));
    }
    if text.bytes().any(|byte| byte < 0x21 || byte == 0x7f) {
        return Err(bad("it has control characters or spaces"));
    }
    let url = Url::parse(text).map_err(|_| bad("it is no address"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad("only http and https are used"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("it has a user name or a password in it; put them into the user-level .npmrc"));
    }
    Ok(url)
}

/// Whether an address that metadata or a redirect names may be asked, coming from `from`: never from https to http,
/// and never from a public host to this machine or a private network.
pub(crate) fn may_follow(from: &Url, to: &Url) -> Result<(), &'static str> {
    if from.scheme() == "https" && to.scheme() == "http" {
        return Err("it goes from https to http");
    }
    if is_private(to) && !is_private(from) {
        return Err("it goes from a public address to a private one");
    }
    Ok(())
}

/// Scheme, host and port are the same.
pub(super) fn same_origin(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme() && a.host_str() == b.host_str() && a.port_or_known_default() == b.port_or_known_default()
}

/// An address as it may be shown: without user name, password, query and fragment; at most 300 characters.
#[must_use]
pub fn without_secrets(text: &str) -> String {
    let shown = match Url::parse(text) {
        Ok(mut url) => {
            // Both fail only for addresses that cannot have them.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.set_query(None);
            url.set_fragment(None);
            url.to_string()
        }
        Err(_) => text.rsplit('@').next().unwrap_or_default().split(['?', '#']).next().unwrap_or_default().to_owned(),
    };
    shown.chars().filter(|c| !c.is_control()).take(300).collect()
}

fn is_private(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return true };
    if is_loopback(url) {
        return true;
    }
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_private() || address.is_link_local() || address.is_unspecified(),
        Ok(IpAddr::V6(address)) => {
            let first = address.segments()[0];
            address.is_unspecified()
                || first & 0xfe00 == 0xfc00
                || first & 0xffc0 == 0xfe80
                || address.to_ipv4_mapped().is_some_and(|v4| v4.is_private() || v4.is_loopback() || v4.is_link_local())
        }
        Err(_) => false,
    }
}
