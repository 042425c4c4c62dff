//! The built-in package extensions: published packages that are known to lack a dependency or a peer, and what pnpm
//! adds to them unless `ignoreCompatibilityDb` is set. The table is data; rows of one selector are added together.

use std::collections::HashMap;

use indexmap::IndexMap;
use wit::settings::{PackageExtension, PeerMeta};

const TABLE: &str = include_str!("compat/extensions.tsv");

/// The table by package name, as selectors to extensions.
#[derive(Debug, Default)]
pub struct Compat {
    by_name: HashMap<&'static str, IndexMap<String, PackageExtension>>,
}

impl Compat {
    /// Reads the table.
    #[must_use]
    pub fn new() -> Self {
        let mut compat = Self::default();
        for row in TABLE.lines().filter(|row| !row.starts_with('#')) {
            let mut cells = row.split('\t');
            let (Some(selector), Some(field), Some(name), Some(value)) =
                (cells.next(), cells.next(), cells.next(), cells.next())
            else {
                continue;
            };
            let package = selector.rsplit_once('@').map_or(selector, |(package, _)| package);
            let extension = compat.by_name.entry(package).or_default().entry(selector.to_owned()).or_default();
            let (name, text) = (name.to_owned(), value.to_owned());
            match field {
                "dependencies" => drop(extension.dependencies.insert(name, text)),
                "optionalDependencies" => drop(extension.optional_dependencies.insert(name, text)),
                "peerDependencies" => drop(extension.peer_dependencies.insert(name, text)),
                _ => drop(extension.peer_dependencies_meta.insert(name, PeerMeta { optional: value == "optional" })),
            }
        }
        compat
    }

    /// What is known of a package.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<&IndexMap<String, PackageExtension>> {
        self.by_name.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::Compat;

    #[test]
    fn rows_of_one_package_are_found_by_its_name() {
        let compat = Compat::new();
        let found = compat.of("debug").expect("debug lacks an optional peer");
        assert!(found.values().any(|extension| extension.peer_dependencies_meta.contains_key("supports-color")));
        assert!(compat.of("is-odd").is_none());
    }
}
