//! `catalog:` specifiers: what an entry of a catalog stands for.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use thiserror::Error;

/// The catalogs of a workspace by name, each by alias.
pub type Catalogs = BTreeMap<String, BTreeMap<String, String>>;

/// A catalog entry that is missing or may not be one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CatalogError {
    /// There is no such entry.
    #[error("No catalog entry '{alias}' was found for catalog '{catalog}'")]
    NotFound {
        /// The dependency.
        alias: String,
        /// The catalog.
        catalog: String,
    },
    /// The entry is `catalog:` itself.
    #[error(
        "Found invalid catalog entry using the catalog protocol recursively. The entry for '{alias}' in catalog \
         '{catalog}' is invalid"
    )]
    Recursive {
        /// The dependency.
        alias: String,
        /// The catalog.
        catalog: String,
    },
}

impl CatalogError {
    /// pnpm's code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "ERR_PNPM_CATALOG_ENTRY_NOT_FOUND_FOR_SPEC",
            Self::Recursive { .. } => "ERR_PNPM_CATALOG_ENTRY_INVALID_RECURSIVE_DEFINITION",
        }
    }
}

/// The catalog that a specifier names, `default` for a bare `catalog:`; `None` if it names none.
pub fn catalog_name(specifier: &str) -> Option<&str> {
    let name = specifier.strip_prefix("catalog:")?.trim();
    Some(if name.is_empty() { "default" } else { name })
}

/// What `alias` is in the catalog that `specifier` names; `None` if it names none.
pub fn resolve<'a>(catalogs: &'a Catalogs, alias: &str, specifier: &str) -> Result<Option<&'a str>, CatalogError> {
    let Some(name) = catalog_name(specifier) else { return Ok(None) };
    let (alias, catalog) = (alias.to_owned(), name.to_owned());
    let Some(found) = catalogs.get(name).and_then(|entries| entries.get(&alias)) else {
        return Err(CatalogError::NotFound { alias, catalog });
    };
    match found.split(':').next() {
        Some("catalog") if found.contains(':') => Err(CatalogError::Recursive { alias, catalog }),
        _ => Ok(Some(found)),
    }
}
