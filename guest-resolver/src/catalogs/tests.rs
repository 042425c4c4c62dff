use super::*;

fn catalogs() -> Catalogs {
    let entries = [("a", "^1"), ("b", "catalog:"), ("c", "workspace:*"), ("d", "link:../d")];
    let entries = entries.map(|(alias, value)| (alias.to_owned(), value.to_owned()));
    Catalogs::from([("default".to_owned(), entries.into())])
}

#[test]
fn a_bare_catalog_is_the_default_one() {
    assert_eq!(resolve(&catalogs(), "a", "catalog:"), Ok(Some("^1")));
    assert_eq!(resolve(&catalogs(), "a", "catalog:default"), Ok(Some("^1")));
    assert_eq!(resolve(&catalogs(), "a", "^2"), Ok(None));
    assert_eq!(resolve(&catalogs(), "c", "catalog:"), Ok(Some("workspace:*")));
    assert_eq!(resolve(&catalogs(), "d", "catalog:"), Ok(Some("link:../d")));
}

#[test]
fn what_may_not_be_an_entry_is_refused_with_pnpms_code() {
    for (alias, specifier, code) in [
        ("z", "catalog:", "ERR_PNPM_CATALOG_ENTRY_NOT_FOUND_FOR_SPEC"),
        ("a", "catalog:x", "ERR_PNPM_CATALOG_ENTRY_NOT_FOUND_FOR_SPEC"),
        ("b", "catalog:", "ERR_PNPM_CATALOG_ENTRY_INVALID_RECURSIVE_DEFINITION"),
    ] {
        assert_eq!(resolve(&catalogs(), alias, specifier).unwrap_err().code(), code);
    }
}
