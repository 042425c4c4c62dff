//! `overrides`: what replaces the specifiers in manifests. Selectors are `name`, `name@range`, `parent>name` with
//! ranges on either side, and `name@` (converge: an exact version for every edge whose range it satisfies).

#[cfg(test)]
mod tests;

use indexmap::IndexMap;
use serde_json::{Map, Value};
use wit::names::PackageName;

use crate::catalogs::{self, Catalogs};
use crate::resolve::paths;
use crate::semver::{Range, Version};

/// The overrides of a project, read once.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    rules: Vec<Rule>,
    resolved: IndexMap<String, String>,
}

/// An override that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadOverride {
    /// `ERR_PNPM_*`.
    pub code: &'static str,
    /// One sentence without a final stop.
    pub message: String,
}

#[derive(Debug, Clone)]
struct Rule {
    parent: Option<Selector>,
    target: Selector,
    value: String,
    converge: Option<Version>,
}

#[derive(Debug, Clone)]
struct Selector {
    name: String,
    range: Option<String>,
}

impl Overrides {
    /// Reads the setting. `root` answers what the root manifest asks for, for values like `$name`.
    pub fn parse(
        overrides: &IndexMap<String, String>,
        catalogs: &Catalogs,
        root: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, BadOverride> {
        let mut found = Self::default();
        for (selector, value) in overrides {
            let rule = Rule::parse(selector, value, catalogs, &root)?;
            found.resolved.insert(selector.clone(), rule.value.clone());
            found.rules.push(rule);
        }
        Ok(found)
    }

    /// The overrides of a workspace whose folder is `root`, as seen from the lockfile's: what the lockfile records
    /// stays, but local targets are relative to the lockfile from here on.
    #[must_use]
    pub fn seen_from(mut self, root: &str) -> Self {
        for rule in self.rules.iter_mut().filter(|_| root != ".") {
            for protocol in ["link:", "file:"] {
                if let Some(path) = rule.value.strip_prefix(protocol) {
                    rule.value = format!("{protocol}{}", paths::join(root, path));
                    break;
                }
            }
        }
        self
    }

    /// One of the values is this one, as it stands in manifests of packages.
    pub fn is_value(&self, specifier: &str) -> bool {
        self.rules.iter().any(|rule| rule.value == specifier)
    }

    /// Selector to value, catalogs and references resolved: what the lockfile records.
    pub fn resolved(&self) -> &IndexMap<String, String> {
        &self.resolved
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Rewrites the dependency maps of a manifest. `folder`: the importer's, relative to the lockfile's, so that local
    /// targets can be written relative to it; `None` for a package of a registry.
    pub fn apply(&self, manifest: &mut Map<String, Value>, folder: Option<&str>) {
        if self.is_empty() {
            return;
        }
        let parent_name = manifest.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let parent_version = manifest.get("version").and_then(Value::as_str).and_then(Version::parse_loose);
        let parent = (parent_name.as_str(), parent_version.as_ref());
        for group in ["dependencies", "optionalDependencies", "devDependencies", "peerDependencies"] {
            let Some(entries) = manifest.get_mut(group).and_then(Value::as_object_mut) else { continue };
            let mut moved = Vec::new();
            entries.retain(|name, specifier| {
                let Some(new) = specifier.as_str().and_then(|old| self.choose(parent, name, old)) else { return true };
                if new == "-" {
                    return false;
                }
                let new = relocate(new, folder);
                if group == "peerDependencies" && !is_peer_range(&new) {
                    moved.push((name.clone(), new));
                } else {
                    *specifier = Value::String(new);
                }
                true
            });
            if moved.is_empty() {
                continue;
            }
            // What no peer can be asked for becomes a dependency beside it.
            let dependencies = manifest.entry("dependencies").or_insert_with(|| Value::Object(Map::new()));
            if let Some(dependencies) = dependencies.as_object_mut() {
                dependencies.extend(moved.into_iter().map(|(name, new)| (name, Value::String(new))));
            }
        }
    }

    /// The value for an edge, `-` to remove it: rules with a parent first, then the most specific range.
    fn choose(&self, parent: (&str, Option<&Version>), name: &str, specifier: &str) -> Option<&str> {
        let matching = |scoped: bool| {
            let rules =
                self.rules.iter().filter(move |rule| rule.converge.is_none() && rule.parent.is_some() == scoped);
            rules
                .filter(|rule| rule.target.name == name && intersects(rule.target.range.as_deref(), specifier))
                .filter(|rule| rule.parent.as_ref().is_none_or(|selector| selector.matches(parent)))
                .reduce(|held, next| if is_more_specific(next, held) { next } else { held })
        };
        if let Some(rule) = matching(true).or_else(|| matching(false)) {
            return Some(&rule.value);
        }
        let converge = self.rules.iter().rev().find(|rule| rule.converge.is_some() && rule.target.name == name)?;
        let range = Range::parse_loose(specifier).ok()?;
        range.satisfies(converge.converge.as_ref()?).then_some(&*converge.value)
    }
}

impl Rule {
    fn parse(
        selector: &str,
        value: &str,
        catalogs: &Catalogs,
        root: &impl Fn(&str) -> Option<String>,
    ) -> Result<Self, BadOverride> {
        let (parent, target) = match parent_delimiter(selector) {
            Some(at) => {
                (Some(Selector::parse(&selector[..at], selector)?), Selector::parse(&selector[at + 1..], selector)?)
            }
            None => (None, Selector::parse(selector, selector)?),
        };
        let value = resolve_value(&target.name, value, catalogs, root)?;
        let is_empty = |selector: &Selector| selector.range.as_deref() == Some("");
        let bad = |message| Err(BadOverride { code: "ERR_PNPM_INVALID_CONVERGENCE_OVERRIDE", message });
        if parent.as_ref().is_some_and(|parent| is_empty(parent) || is_empty(&target)) {
            return bad(format!(
                "Cannot use an empty range in the \"{selector}\" selector: convergence overrides (\"pkg@\") cannot be \
                 combined with parent>child selectors"
            ));
        }
        let converge = if is_empty(&target) { Version::parse(&value) } else { None };
        if is_empty(&target) && converge.is_none() {
            return bad(format!(
                "The value of the convergence override \"{selector}\" must be an exact version, but got \"{value}\""
            ));
        }
        Ok(Self { parent, target, value, converge })
    }
}

impl Selector {
    fn parse(text: &str, whole: &str) -> Result<Self, BadOverride> {
        let at = text.char_indices().skip(1).find(|(_, c)| *c == '@').map(|(at, _)| at);
        let (name, range) = at.map_or((text, None), |at| (&text[..at], Some(text[at + 1..].to_owned())));
        if PackageName::parse(name).is_err() {
            let message = format!("Cannot parse the \"{whole}\" selector");
            return Err(BadOverride { code: "ERR_PNPM_INVALID_SELECTOR", message });
        }
        Ok(Self { name: name.to_owned(), range })
    }

    fn matches(&self, (name, version): (&str, Option<&Version>)) -> bool {
        let Some(range) = self.range.as_deref() else { return self.name == name };
        let fits = |version: &Version| Range::parse_loose(range).is_ok_and(|range| range.satisfies(version));
        self.name == name && version.is_some_and(fits)
    }
}

/// The first `>` that is no part of a range.
fn parent_delimiter(selector: &str) -> Option<usize> {
    let pairs = selector.as_bytes().windows(2);
    pairs.enumerate().find(|(_, pair)| pair[1] == b'>' && !b" |@".contains(&pair[0])).map(|(at, _)| at + 1)
}

fn resolve_value(
    name: &str,
    value: &str,
    catalogs: &Catalogs,
    root: &impl Fn(&str) -> Option<String>,
) -> Result<String, BadOverride> {
    if let Some(reference) = value.strip_prefix('$') {
        return root(reference).ok_or_else(|| BadOverride {
            code: "ERR_PNPM_CANNOT_RESOLVE_OVERRIDE_VERSION",
            message: format!(
                "Cannot resolve version {value} in overrides. The direct dependencies don't have dependency \
                 \"{reference}\""
            ),
        });
    }
    match catalogs::resolve(catalogs, name, value) {
        Ok(found) => Ok(found.unwrap_or(value).to_owned()),
        Err(error) => Err(BadOverride {
            code: "ERR_PNPM_CATALOG_IN_OVERRIDES",
            message: format!("Could not resolve a catalog in the overrides: {error}"),
        }),
    }
}

fn intersects(range: Option<&str>, specifier: &str) -> bool {
    let Some(range) = range.filter(|range| !range.is_empty() && *range != specifier) else { return true };
    let (Ok(range), Ok(specifier)) = (Range::parse_loose(range), Range::parse_loose(specifier)) else { return false };
    range.intersects(&specifier)
}

/// A rule with a range goes before one without; of two that overlap the earlier stays.
fn is_more_specific(next: &Rule, held: &Rule) -> bool {
    let range = |rule: &Rule| rule.target.range.clone().unwrap_or_default();
    let (next, held) = (range(next), range(held));
    intersects(Some(&held), &next) && !intersects(Some(&next), &held)
}

fn is_peer_range(text: &str) -> bool {
    text.contains("workspace:") || text.contains("catalog:") || Range::parse_loose(text).is_ok()
}

/// Rewrites a relative `link:` or `file:`, which is relative to the lockfile's folder, to be relative to `folder`.
fn relocate(value: &str, folder: Option<&str>) -> String {
    let Some(folder) = folder else { return value.to_owned() };
    for protocol in ["link:", "file:"] {
        let Some(path) = value.strip_prefix(protocol) else { continue };
        if path.starts_with('/') {
            break;
        }
        let target: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        let from: Vec<&str> = folder.split('/').filter(|part| *part != ".").collect();
        let shared = from.iter().zip(&target).take_while(|(a, b)| a == b).count();
        let up = std::iter::repeat_n("..", from.len() - shared);
        let parts: Vec<&str> = up.chain(target[shared..].iter().copied()).collect();
        return format!("{protocol}{}", parts.join("/"));
    }
    value.to_owned()
}
