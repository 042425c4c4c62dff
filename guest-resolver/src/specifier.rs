//! What a manifest asks for: the text of a dependency, classified as pnpm does. No look-up, no paths resolved.
//!
//! The order is pnpm's: `catalog:`, `workspace:`, `jsr:`, named registries, npm (`npm:`, version, range, tag, a
//! registry's own tarball), local protocols, git, tarball addresses, bare paths.

mod exotic;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use wit::names::PackageName;
use wit::settings::Registries;

use crate::semver::{Range, Version};

pub use exotic::{Git, name_same_repository};

/// The longest specifier that is read; bytes.
const MAX_LENGTH: usize = 16 * 1024;

/// What a manifest asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Specifier {
    /// A package of an npm registry.
    Registry {
        /// Its name there.
        name: String,
        /// Which version.
        want: Want,
        /// The alias of a named registry; `None`: the one that name and scope lead to.
        registry: Option<String>,
    },
    /// A project of the workspace.
    Workspace(WorkspaceWant),
    /// An entry of a catalog, by the catalog's name.
    Catalog(String),
    /// A folder that is linked: the path as written, with `/`.
    Link(String),
    /// A folder or tarball that is copied: the path as written, with `/`.
    File(String),
    /// An http(s) address of a tarball.
    Tarball(String),
    /// A git repository.
    Git(Git),
    /// A package of JSR.
    Jsr {
        /// Its name on JSR: `@std/path`.
        jsr_name: String,
        /// Its name in JSR's npm registry: `@jsr/std__path`.
        name: String,
        /// Which version.
        want: Want,
    },
    /// Of a protocol that is not known here, for a plugin to resolve; and pnpm's words where none does.
    Custom(Unsupported),
    /// Nothing that can be resolved, and pnpm's words for it.
    Unsupported(Unsupported),
}

/// Which version of a package.
#[derive(Debug, Clone, PartialEq)]
pub enum Want {
    /// Exactly this one.
    Version(Version),
    /// One that satisfies a range.
    Range(WantedRange),
    /// The one that a tag points to.
    Tag(String),
}

/// A range and how it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct WantedRange {
    /// As written; `*` for the empty text.
    pub text: Arc<str>,
    /// Read loosely.
    pub range: Arc<Range>,
}

/// A `workspace:` specifier.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkspaceWant {
    /// The name of the project, where it is not the key in the manifest: `workspace:name@^1`.
    pub name: Option<String>,
    /// Which of the projects of that name.
    pub target: WorkspaceTarget,
}

/// What follows `workspace:`.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkspaceTarget {
    /// `*`, `^`, `~` or nothing: any version, prereleases too.
    Any,
    /// A version, a range or a tag.
    Version(Want),
    /// A folder relative to the importer.
    Directory(String),
}

/// Why a specifier cannot be resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    /// `ERR_PNPM_*`.
    pub code: &'static str,
    /// One sentence without a final stop.
    pub message: String,
}

impl Specifier {
    /// Classifies the value `text` of the dependency `alias`.
    pub fn parse(alias: &str, text: &str, registries: &Registries) -> Self {
        if text.len() > MAX_LENGTH {
            return unsupported(alias, "The specifier is too long");
        }
        if let Some(name) = text.strip_prefix("catalog:") {
            let name = name.trim();
            return Self::Catalog(if name.is_empty() { "default" } else { name }.to_owned());
        }
        if let Some(rest) = text.strip_prefix("workspace:") {
            return workspace(alias, rest);
        }
        if let Some(rest) = text.strip_prefix("jsr:") {
            return jsr(alias, rest).unwrap_or_else(Self::Unsupported);
        }
        if let Some((registry, body)) = text.split_once(':')
            && registries.named.contains_key(registry)
        {
            return named(alias, registry, body);
        }
        if let Some(found) = npm(alias, text, registries) {
            return found;
        }
        exotic::parse(text).unwrap_or_else(|| other_protocol(alias, text))
    }
}

impl Want {
    /// Reads a version, a range or a tag; `None` if the text can be none of them.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() || text == "*" {
            return Some(Self::any());
        }
        if let Some(version) = Version::parse_loose(text) {
            return Some(Self::Version(version));
        }
        if let Ok(range) = Range::parse_loose(text) {
            return Some(Self::Range(WantedRange { text: text.into(), range: Arc::new(range) }));
        }
        // What an address need not escape may be a tag.
        let is_tag = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte);
        text.bytes().all(is_tag).then(|| Self::Tag(text.to_owned()))
    }

    /// The range that every release satisfies.
    pub fn any() -> Self {
        Self::Range(WantedRange { text: "*".into(), range: Arc::new(Range::any()) })
    }

    /// The tag `latest`.
    pub fn latest() -> Self {
        Self::Tag("latest".to_owned())
    }
}

impl std::fmt::Display for Want {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Version(version) => version.fmt(f),
            Self::Range(range) => f.write_str(&range.text),
            Self::Tag(tag) => f.write_str(tag),
        }
    }
}

/// What no resolver of pnpm takes: a plugin may, if it has a protocol that is nobody's. It stands in the lockfile's
/// keys as it is, so what ends a key there is no part of it.
fn other_protocol(alias: &str, text: &str) -> Specifier {
    let is_whole = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"()".contains(&byte));
    match unsupported(alias, text) {
        Specifier::Unsupported(refused) if is_whole && protocol(text).is_some_and(|(_, rest)| !rest.is_empty()) => {
            Specifier::Custom(refused)
        }
        other => other,
    }
}

/// The protocol of a specifier and what follows it; none of those with a meaning of their own.
fn protocol(text: &str) -> Option<(&str, &str)> {
    let (protocol, rest) = text.split_once(':')?;
    let is_one = protocol.starts_with(|c: char| c.is_ascii_alphabetic())
        && protocol.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && !matches!(protocol, "npm" | "workspace" | "jsr" | "catalog");
    is_one.then_some((protocol, rest))
}

fn unsupported(alias: &str, text: &str) -> Specifier {
    if let Some((protocol, rest)) = protocol(text)
        && rest.contains('/')
    {
        return Specifier::Unsupported(Unsupported {
            code: "ERR_PNPM_UNSUPPORTED_PROTOCOL",
            message: format!("Unsupported protocol \"{protocol}:\" in the dependency specifier \"{text}\""),
        });
    }
    Specifier::Unsupported(Unsupported {
        code: "ERR_PNPM_SPEC_NOT_SUPPORTED_BY_ANY_RESOLVER",
        message: format!("{alias}@{text} isn't supported by any available resolver"),
    })
}

/// A loose reader passes over what it cannot read beside `||`, so a name and its range would count as one.
fn is_range(text: &str) -> bool {
    !text.contains('@') && Range::parse_loose(text).is_ok()
}

/// `name@selector` at the last `@` that does not begin a scope.
fn split_at_version(text: &str) -> (&str, Option<&str>) {
    match text.rfind('@') {
        Some(at) if at > 0 => (&text[..at], Some(&text[at + 1..])),
        _ => (text, None),
    }
}

fn npm(alias: &str, text: &str, registries: &Registries) -> Option<Specifier> {
    let (name, selector) = match text.strip_prefix("npm:") {
        Some(rest) if !alias.is_empty() && is_range(rest) => (alias, rest),
        Some(rest) => {
            let (name, selector) = split_at_version(rest);
            (name, selector.unwrap_or("latest"))
        }
        None => (alias, text),
    };
    if name.is_empty() {
        return None;
    }
    if let Some(want) = Want::parse(selector) {
        return Some(Specifier::Registry { name: name.to_owned(), want, registry: None });
    }
    let (name, version) = registry_tarball(alias, text, registries)?;
    Some(Specifier::Registry { name, want: Want::Version(version), registry: None })
}

/// Name and version of `<registry><name>/-/<unscoped>-<version>.tgz`.
fn registry_tarball(alias: &str, text: &str, registries: &Registries) -> Option<(String, Version)> {
    let scope = alias.starts_with('@').then(|| alias.split('/').next()).flatten();
    let registry = scope.and_then(|scope| registries.scoped.get(scope)).unwrap_or(&registries.default);
    if registry.is_empty() {
        return None;
    }
    let (name, file) = text.strip_prefix(registry.as_str())?.split_once("/-/")?;
    let name = name.replace("%2f", "/").replace("%2F", "/").replace("%40", "@");
    let name = PackageName::parse(&name).ok()?;
    let file = file.split(['?', '#']).next().unwrap_or(file);
    let version = file.strip_suffix(".tgz").unwrap_or(file).strip_prefix(name.unscoped())?.strip_prefix('-')?;
    Some((name.into(), Version::parse(version)?))
}

fn workspace(alias: &str, rest: &str) -> Specifier {
    let rest = rest.trim();
    if rest.starts_with(['.', '/']) {
        let target = WorkspaceTarget::Directory(rest.replace('\\', "/"));
        return Specifier::Workspace(WorkspaceWant { name: None, target });
    }
    let (name, version) = match split_at_version(rest) {
        (name, Some(version)) => (Some(name.to_owned()), version),
        _ => (None, rest),
    };
    let target = match version {
        "" | "*" | "^" | "~" => WorkspaceTarget::Any,
        other => match Want::parse(other) {
            Some(want) => WorkspaceTarget::Version(want),
            None => return unsupported(alias, &format!("workspace:{rest}")),
        },
    };
    Specifier::Workspace(WorkspaceWant { name, target })
}

fn jsr(alias: &str, rest: &str) -> Result<Specifier, Unsupported> {
    let no_scope = || Unsupported {
        code: "ERR_PNPM_MISSING_JSR_PACKAGE_SCOPE",
        message: "Package names from JSR must have a scope".to_owned(),
    };
    let (jsr_name, selector) = if rest.starts_with('@') {
        split_at_version(rest)
    } else if rest.contains('@') {
        return Err(no_scope());
    } else if alias.is_empty() {
        return Err(Unsupported {
            code: "ERR_PNPM_INVALID_JSR_SPECIFIER",
            message: format!("JSR specifier '{rest}' is missing a package name"),
        });
    } else {
        (alias, Some(rest))
    };
    let (scope, name) = jsr_name.strip_prefix('@').ok_or_else(no_scope)?.split_once('/').unwrap_or_default();
    if PackageName::parse(jsr_name).is_err() {
        return Err(Unsupported {
            code: "ERR_PNPM_INVALID_JSR_PACKAGE_NAME",
            message: format!("The package name '{jsr_name}' is invalid"),
        });
    }
    let want = Want::parse(selector.unwrap_or("latest")).ok_or_else(|| Unsupported {
        code: "ERR_PNPM_SPEC_NOT_SUPPORTED_BY_ANY_RESOLVER",
        message: format!("{alias}@jsr:{rest} isn't supported by any available resolver"),
    })?;
    Ok(Specifier::Jsr { jsr_name: jsr_name.to_owned(), name: format!("@jsr/{scope}__{name}"), want })
}

fn named(alias: &str, registry: &str, body: &str) -> Specifier {
    let (name, selector) = if !alias.is_empty() && is_range(body) {
        (alias, Some(body))
    } else if body.starts_with('@') || !alias.starts_with('@') {
        split_at_version(body)
    } else {
        // A scoped alias and no name in the body: the body is a tag.
        (alias, Some(body))
    };
    if PackageName::parse(name).is_err() {
        return Specifier::Unsupported(Unsupported {
            code: "ERR_PNPM_INVALID_NAMED_REGISTRY_PACKAGE_NAME",
            message: format!("The package name '{name}' in named registry '{registry}:' is invalid"),
        });
    }
    match Want::parse(selector.unwrap_or("latest")) {
        Some(want) => Specifier::Registry { name: name.to_owned(), want, registry: Some(registry.to_owned()) },
        None => unsupported(alias, &format!("{registry}:{body}")),
    }
}
