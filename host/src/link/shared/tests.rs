use wit::PackageName;

use super::Standing;

#[test]
fn a_version_stands_where_it_has_a_folder_that_no_link_leads_to() {
    let links = tempfile::tempdir().unwrap();
    for folder in ["@/a/1.0.0/slot", "@s/b/2.0.0/slot"] {
        std::fs::create_dir_all(links.path().join(folder)).unwrap();
    }
    std::os::unix::fs::symlink(links.path().join("@/a/1.0.0"), links.path().join("@/a/3.0.0")).unwrap();
    let standing = Standing::open(links.path()).unwrap();
    let has = |name: &str, version: &str| standing.has(&PackageName::parse(name).unwrap(), version);
    assert!(has("a", "1.0.0") && has("@s/b", "2.0.0"));
    assert!(!has("a", "2.0.0") && !has("b", "2.0.0") && !has("a", "3.0.0"));
    assert!(!has("a", "../../../.."), "nothing outside is looked at");
}

#[test]
fn nothing_stands_where_there_is_no_folder() {
    assert!(Standing::open("/nowhere/at/all".as_ref()).is_none());
}
