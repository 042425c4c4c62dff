//! Whether a dependency that a command writes goes through a catalog.

use wit::guest::wasi_pm::resolver::types::Failure;
use wit::settings::{CatalogMode, Saving};

use crate::catalogs::catalog_name;
use crate::resolve::wanted::failure;
use crate::semver::{Range, Version};

use super::range::Style;

/// What is about to be written.
#[derive(Debug, Clone, Copy)]
pub struct Written<'a> {
    /// The key.
    pub alias: &'a str,
    /// The value.
    pub specifier: &'a str,
    /// The value so far.
    pub so_far: Option<&'a str>,
}

/// Where the specifier goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Into the manifest; with a warning if an entry would have been preferred.
    Direct(Option<String>),
    /// The manifest names a catalog.
    Catalog {
        /// The catalog.
        name: String,
        /// What its entry becomes; `None`: it will do as it is.
        entry: Option<String>,
    },
}

/// The specifier that names a catalog.
#[must_use]
pub fn reference(catalog: &str) -> String {
    if catalog == "default" { "catalog:".to_owned() } else { format!("catalog:{catalog}") }
}

/// Decides; `entry` finds what a catalog holds.
///
/// # Errors
/// `ERR_PNPM_CATALOG_VERSION_MISMATCH`.
pub fn decide(
    saving: &Saving,
    catalog: Option<&str>,
    written: Written<'_>,
    entry: impl Fn(&str, &str) -> Option<String>,
) -> Result<Decision, Failure> {
    let Written { alias, specifier, so_far } = written;
    if specifier.starts_with("runtime:") || saving.catalog_mode == CatalogMode::Manual && catalog.is_none() {
        return Ok(Decision::Direct(None));
    }
    let name = so_far.and_then(catalog_name).or(catalog).unwrap_or("default").to_owned();
    if specifier == reference(&name) {
        return Ok(Decision::Catalog { name, entry: None });
    }
    let Some(held) = entry(&name, alias) else {
        return Ok(Decision::Catalog { name, entry: Some(specifier.to_owned()) });
    };
    if held == specifier {
        return Ok(Decision::Catalog { name, entry: None });
    }
    if covers(&held, specifier) {
        let moved = Style::in_specifier(&held).map_or_else(|| held.clone(), |style| style.over(specifier));
        return Ok(Decision::Catalog { name, entry: (moved != held).then_some(moved) });
    }
    match saving.catalog_mode {
        CatalogMode::Manual => Ok(Decision::Direct(None)),
        CatalogMode::Prefer => Ok(Decision::Direct(Some(format!(
            "Catalog version mismatch for \"{alias}\": using direct version \"{specifier}\" instead of catalog version \
             \"{held}\""
        )))),
        CatalogMode::Strict => Err(Failure {
            facts: vec![
                ("catalog".to_owned(), format!("{alias}@{held}")),
                ("wanted".to_owned(), format!("{alias}@{specifier}")),
            ],
            hint: Some(format!("Ask for {alias} without a version, or change its entry in pnpm-workspace.yaml")),
            ..failure(
                "ERR_PNPM_CATALOG_VERSION_MISMATCH",
                format!("{alias}@{specifier} is outside of the range in the catalog, {held}"),
            )
        }),
    }
}

/// Whether an entry will do for a version; for a range it never does, because the entry decides.
#[must_use]
pub fn covers(entry: &str, specifier: &str) -> bool {
    let version = Version::parse(specifier);
    version.is_some_and(|version| Range::parse_loose(entry).is_ok_and(|range| range.satisfies(&version)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(
        mode: CatalogMode,
        catalog: Option<&str>,
        specifier: &str,
        held: Option<&str>,
    ) -> Result<Decision, String> {
        let saving = Saving { catalog_mode: mode, ..Saving::default() };
        let written = Written { alias: "a", specifier, so_far: None };
        super::decide(&saving, catalog, written, |_, _| held.map(str::to_owned)).map_err(|failure| failure.code)
    }

    #[test]
    fn the_mode_decides_what_becomes_of_an_entry_that_does_not_fit() {
        let into = |name: &str, entry: Option<&str>| {
            Ok(Decision::Catalog { name: name.to_owned(), entry: entry.map(str::to_owned) })
        };
        assert_eq!(decide(CatalogMode::Manual, None, "^2.0.0", Some("^1.0.0")), Ok(Decision::Direct(None)));
        assert_eq!(decide(CatalogMode::Manual, Some("x"), "^2.0.0", None), into("x", Some("^2.0.0")));
        assert_eq!(decide(CatalogMode::Manual, Some("x"), "^2.0.0", Some("^1.0.0")), Ok(Decision::Direct(None)));
        assert_eq!(decide(CatalogMode::Prefer, None, "1.1.0", Some("^1.0.0")), into("default", Some("^1.1.0")));
        assert_eq!(decide(CatalogMode::Prefer, None, "^1.0.0", Some("^1.0.0")), into("default", None));
        assert!(matches!(decide(CatalogMode::Prefer, None, "2.0.0", Some("^1.0.0")), Ok(Decision::Direct(Some(_)))));
        let refused = decide(CatalogMode::Strict, None, "2.0.0", Some("^1.0.0"));
        assert_eq!(refused, Err("ERR_PNPM_CATALOG_VERSION_MISMATCH".to_owned()));
        assert_eq!(decide(CatalogMode::Strict, None, "catalog:", Some("^1.0.0")), into("default", None));
    }
}
