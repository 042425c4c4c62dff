use wit::PackageName;

use super::{Publisher, Standing, TEMPORARY};

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

#[test]
fn what_a_killed_run_left_is_removed_and_who_is_at_work_is_left_alone() {
    let links = tempfile::tempdir().unwrap();
    let temporary = links.path().join(TEMPORARY);
    let left = temporary.join("4711-0/0/node_modules/a");
    std::fs::create_dir_all(&left).unwrap();
    let path = links.path().to_str().unwrap();
    let first = Publisher::new(path).unwrap();
    assert!(!temporary.join("4711-0").exists());
    first.staging().make("0").unwrap();
    let second = Publisher::new(path).unwrap();
    assert!(first.staging().kind("0").unwrap().is_some() && temporary.join(&first.name).join("0").exists());
    assert_ne!(first.name, second.name);
    first.clean();
    second.clean();
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
}
