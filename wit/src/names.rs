//! Names, valid by construction. Every string that a stranger wrote and that becomes a path component, a URL or
//! a key is parsed into one of these at the boundary; what holds one need not check again.
//!
//! The rules are those of npm and pnpm where they have rules (validate-npm-package-name, pnpm's
//! `INVALID_DEPENDENCY_NAME`), and stricter where a value becomes a path component.

use std::{borrow::Borrow, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// Why a string is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not a valid {what}: {reason}")]
pub struct BadName {
    /// What it should have been.
    pub what: &'static str,
    /// The string, cut after 120 characters.
    pub value: String,
    /// The rule it breaks.
    pub reason: &'static str,
}

impl BadName {
    fn new(what: &'static str, value: &str, reason: &'static str) -> Self {
        Self { what, value: value.chars().take(120).collect(), reason }
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses a stranger's string.
            ///
            /// # Errors
            /// [`BadName`] with the rule that it breaks.
            pub fn parse(value: &str) -> Result<Self, BadName> {
                match $check(value) {
                    Ok(()) => Ok(Self(value.into())),
                    Err(reason) => Err(BadName::new($what, value, reason)),
                }
            }

            /// Whether a stranger's string is valid, without keeping it.
            ///
            /// # Errors
            /// [`BadName`] with the rule that it breaks.
            pub fn check(value: &str) -> Result<(), BadName> {
                $check(value).map_err(|reason| BadName::new($what, value, reason))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = BadName;
            fn try_from(value: String) -> Result<Self, BadName> {
                Self::parse(&value)
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0.as_ref().to_owned()
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name! {
    /// An npm package name: `lodash`, `@scope/name`. At most 214 bytes; each part is URL-safe, is not reserved and
    /// starts with neither `.` nor `-`; upper case is allowed, because old packages have it.
    PackageName, "package name", check_package_name
}
name! {
    /// The key of a dependency, which becomes a folder below `node_modules`: the same rules as a package name.
    Alias, "dependency name", check_package_name
}
name! {
    /// A version as npm writes it, `1.2.3-rc.1+build`: three numbers, then optional identifiers. At most 256 bytes.
    Version, "version", check_version
}
name! {
    /// The identity of one placed package: `name@version(peer@version)`. At most 16 KiB; no control characters.
    DepPath, "dep-path", check_dep_path
}
name! {
    /// The folder of a snapshot inside the virtual store: exactly one path component of at most 255 bytes, or in a
    /// global virtual store `<scope or @>/<name>/<version>/<sha256 in hexadecimal>`.
    Slot, "slot", check_slot
}
name! {
    /// A project of the workspace by its folder relative to the lockfile's, with `/`: `.` is the root. It may start
    /// with `..` components (pnpm allows projects beside the lockfile), and has none elsewhere.
    ImporterId, "importer", check_importer
}

impl PackageName {
    /// The scope with its `@`, if there is one.
    #[must_use]
    pub fn scope(&self) -> Option<&str> {
        self.0.starts_with('@').then(|| self.0.split('/').next()).flatten()
    }

    /// The name without its scope.
    #[must_use]
    pub fn unscoped(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

fn check_package_name(value: &str) -> Result<(), &'static str> {
    if value.len() > 214 {
        return Err("it has more than 214 bytes");
    }
    match value.strip_prefix('@') {
        None => check_name_part(value),
        Some(rest) => {
            let (scope, name) = rest.split_once('/').ok_or("a scope is followed by / and a name")?;
            check_name_part(scope)?;
            check_name_part(name)
        }
    }
}

/// What `encodeURIComponent` leaves as it is: a resolution asks it of some hundred thousand letters.
const URL_SAFE: [bool; 256] = {
    let (mut table, mut byte) = ([false; 256], 0u8);
    while byte < 0x80 {
        table[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')');
        byte += 1;
    }
    table
};

fn check_name_part(part: &str) -> Result<(), &'static str> {
    if part.is_empty() {
        return Err("a part is empty");
    }
    if part.starts_with('.') || part.starts_with('-') {
        return Err("a part starts with a dot or a hyphen");
    }
    if !part.bytes().all(|byte| URL_SAFE[usize::from(byte)]) {
        return Err("it has characters that are not URL-safe");
    }
    if part.eq_ignore_ascii_case("node_modules") || part.eq_ignore_ascii_case("favicon.ico") || part == "__proto__" {
        return Err("the name is reserved");
    }
    Ok(())
}

fn check_version(value: &str) -> Result<(), &'static str> {
    if value.len() > 256 {
        return Err("it has more than 256 bytes");
    }
    let (core, extra) = match value.find(['-', '+']) {
        Some(at) => (&value[..at], &value[at + 1..]),
        None => (value, ""),
    };
    let mut numbers = 0;
    for part in core.split('.') {
        numbers += 1;
        if part.is_empty() || part.len() > 16 || !part.bytes().all(|b| b.is_ascii_digit()) {
            return Err("it does not start with three numbers");
        }
    }
    if numbers != 3 {
        return Err("it does not start with three numbers");
    }
    if !extra.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.+".contains(&b)) {
        return Err("an identifier has other characters than letters, digits and hyphens");
    }
    Ok(())
}

fn check_dep_path(value: &str) -> Result<(), &'static str> {
    if value.is_empty() || value.len() > 16 * 1024 {
        return Err("it is empty or has more than 16 KiB");
    }
    if value.bytes().any(|b| b < 0x20 || b == 0x7f) {
        return Err("it has control characters");
    }
    Ok(())
}

/// Four components in a global virtual store, whose first begins with `@` and whose last is a digest; else one.
fn check_slot(value: &str) -> Result<(), &'static str> {
    if !value.contains('/') {
        return check_component(value);
    }
    let parts: Vec<&str> = value.split('/').collect();
    let [scope, name, version, digest] = parts[..] else { return Err("it has not four components") };
    if !scope.starts_with('@') || scope.len() > 1 && check_name_part(&scope[1..]).is_err() {
        return Err("the first component is no scope");
    }
    check_name_part(name)?;
    check_component(version)?;
    if version.starts_with('.') {
        return Err("the version starts with a dot");
    }
    let is_digest = digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if is_digest { Ok(()) } else { Err("the last component is no digest") }
}

fn check_component(value: &str) -> Result<(), &'static str> {
    if value.is_empty() || value.len() > 255 {
        return Err("it is empty or has more than 255 bytes");
    }
    if value == "." || value == ".." || value == "node_modules" || value == "lock.yaml" {
        return Err("the name is reserved");
    }
    if value.bytes().any(|b| b < 0x20 || b == 0x7f || b"/\\:".contains(&b)) {
        return Err("it is more than one path component");
    }
    Ok(())
}

fn check_importer(value: &str) -> Result<(), &'static str> {
    if value == "." {
        return Ok(());
    }
    let mut below = false;
    for part in value.split('/') {
        match part {
            "" | "." => return Err("it is not a normal relative path"),
            ".." if below => return Err("it goes up below a folder"),
            ".." => {}
            _ if part.bytes().any(|b| b < 0x20 || b == 0x7f || b == b'\\') => {
                return Err("it has control characters or backslashes");
            }
            _ => below = true,
        }
    }
    Ok(())
}

/// A Subresource Integrity value with one algorithm, the strongest of those listed:
/// sha512, sha384, sha256, or sha1 where old metadata has no better
/// (<https://www.w3.org/TR/SRI/>).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Integrity {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The raw digests; any of them may match.
    pub digests: Vec<Box<[u8]>>,
}

/// A digest algorithm of Subresource Integrity, weakest first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Algorithm {
    /// 20 bytes; only where old metadata has nothing else.
    Sha1,
    /// 32 bytes.
    Sha256,
    /// 48 bytes.
    Sha384,
    /// 64 bytes; what registries state today.
    Sha512,
}

impl Algorithm {
    const ALL: [(Self, &'static str, usize); 4] = [
        (Self::Sha512, "sha512", 64),
        (Self::Sha384, "sha384", 48),
        (Self::Sha256, "sha256", 32),
        (Self::Sha1, "sha1", 20),
    ];

    /// As it is written before the hyphen.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha512 => "sha512",
            Self::Sha384 => "sha384",
            Self::Sha256 => "sha256",
            Self::Sha1 => "sha1",
        }
    }
}

impl Integrity {
    /// Parses `sha512-<base64>`, or several of them apart by spaces; options after `?` are ignored.
    ///
    /// # Errors
    /// [`BadName`] if none of the listed values has a known algorithm and a digest of its length.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        use base64::Engine as _;
        if text.len() > 4096 {
            return Err(BadName::new("integrity", text, "it has more than 4096 bytes"));
        }
        let mut best: Option<Self> = None;
        for item in text.split_ascii_whitespace() {
            let Some((name, rest)) = item.split_once('-') else { continue };
            let digest = rest.split('?').next().unwrap_or(rest);
            let Some(&(algorithm, _, length)) = Algorithm::ALL.iter().find(|(_, known, _)| *known == name) else {
                continue;
            };
            let Ok(raw) = base64::engine::general_purpose::STANDARD.decode(digest) else { continue };
            if raw.len() != length {
                continue;
            }
            match &mut best {
                Some(held) if held.algorithm > algorithm => {}
                Some(held) if held.algorithm == algorithm => held.digests.push(raw.into()),
                _ => best = Some(Self { algorithm, digests: vec![raw.into()] }),
            }
        }
        best.ok_or_else(|| BadName::new("integrity", text, "it has no digest of a known algorithm"))
    }

    /// Whether a text is one, without keeping it: the usual single digest is not decoded.
    ///
    /// # Errors
    /// As [`Integrity::parse`].
    pub fn check(text: &str) -> Result<(), BadName> {
        let digest = |length: usize| {
            let (body, end) = text[7..].split_at_checked(length - 2)?;
            let letters = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
            (body.bytes().all(letters) && body.ends_with(['A', 'Q', 'g', 'w']) && end == "==").then_some(())
        };
        match text.starts_with("sha512-").then(|| digest(88)) {
            Some(Some(())) => Ok(()),
            _ => Self::parse(text).map(|_| ()),
        }
    }

    /// From a `dist.shasum`: 40 hexadecimal digits.
    ///
    /// # Errors
    /// [`BadName`] if it is anything else.
    pub fn from_shasum(hex: &str) -> Result<Self, BadName> {
        let bad = || BadName::new("shasum", hex, "it is not 40 hexadecimal digits");
        if hex.len() != 40 || !hex.is_ascii() {
            return Err(bad());
        }
        let raw: Result<Vec<u8>, _> = (0..20).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16)).collect();
        Ok(Self { algorithm: Algorithm::Sha1, digests: vec![raw.map_err(|_| bad())?.into()] })
    }
}

impl fmt::Display for Integrity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use base64::Engine as _;
        for (at, digest) in self.digests.iter().enumerate() {
            let gap = if at == 0 { "" } else { " " };
            let text = base64::engine::general_purpose::STANDARD.encode(digest);
            write!(f, "{gap}{}-{text}", self.algorithm.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
