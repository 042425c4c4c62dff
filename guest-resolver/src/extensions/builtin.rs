//! The extensions that pnpm knows of itself: published packages that lack a dependency or a peer, or whose peer is
//! optional in truth. Applied unless `ignoreCompatibilityDb` is set, before the user's, and no part of the checksum.
//!
//! `builtin/table.tsv` has a line for each addition, sorted by package: selector, kind, name, range. The facts are
//! those that pnpm 12.21 applies: the list of `@yarnpkg/extensions` (BSD 2-Clause, Yarn Contributors) and three of its
//! own.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::semver::{Range, Version};

/// What one line of the table adds to the versions that it selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addition {
    /// The versions that it is for.
    pub versions: &'static str,
    /// What is added.
    pub kind: Kind,
    /// The dependency or peer.
    pub name: &'static str,
    /// Its specifier; empty for [`Kind::Optional`].
    pub range: &'static str,
}

/// What an addition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An entry of `dependencies`.
    Dependency,
    /// An entry of `peerDependencies`.
    Peer,
    /// An entry of `peerDependencies` that may be missing.
    OptionalPeer,
    /// A peer that may be missing, whatever its range.
    Optional,
}

type Table = BTreeMap<&'static str, Vec<Addition>>;

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table::new();
    for line in include_str!("builtin/table.tsv").lines() {
        let (package, addition) = parse(line).expect("the test of the table reads each of its lines");
        table.entry(package).or_default().push(addition);
    }
    table
});

/// The additions to `package`, whatever its version: for nearly all packages none.
#[must_use]
pub fn additions(package: &str) -> &'static [Addition] {
    TABLE.get(package).map_or(&[], Vec::as_slice)
}

impl Addition {
    /// Whether it is for this version.
    #[must_use]
    pub fn selects(&self, version: &Version) -> bool {
        Range::parse(self.versions).is_ok_and(|range| range.satisfies(version))
    }

    /// Adds what the manifest lacks; nothing is replaced.
    pub(super) fn apply(&self, manifest: &mut Map<String, Value>) {
        let group = if self.kind == Kind::Dependency { "dependencies" } else { "peerDependencies" };
        if self.kind != Kind::Optional {
            super::add(manifest, group, self.name, self.range.into());
        }
        if matches!(self.kind, Kind::Optional | Kind::OptionalPeer) {
            super::add(manifest, "peerDependenciesMeta", self.name, json!({"optional": true}));
        }
    }
}

fn parse(line: &'static str) -> Option<(&'static str, Addition)> {
    let mut fields = line.split('\t');
    let (package, versions) = fields.next()?.rsplit_once('@')?;
    let kind = match fields.next()? {
        "dependency" => Kind::Dependency,
        "peer" => Kind::Peer,
        "optional-peer" => Kind::OptionalPeer,
        "optional" => Kind::Optional,
        _ => return None,
    };
    let addition = Addition { versions, kind, name: fields.next()?, range: fields.next().unwrap_or_default() };
    Some((package, addition))
}
