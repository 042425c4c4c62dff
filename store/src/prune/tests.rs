use std::fs;

use super::*;
use crate::{
    Limits,
    import::tests::gzip,
    tarball::tests::{Entry, tar},
};

fn import(store: &Store, name: &str) -> (wit::Integrity, std::path::PathBuf) {
    let tarball = gzip(&tar(&[Entry::file("package/x.js", name)]));
    let imported = store.import_unverified(&tarball, &Limits::default()).unwrap();
    let folder = store.path().join("packages").join(Key::each(&imported.integrity).next().unwrap().path());
    let blob = folder.join(&imported.index.files[0].blob);
    (imported.integrity, blob)
}

#[test]
fn what_no_tree_links_to_is_removed_and_the_rest_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let (unused, _) = import(&store, "unused");
    let (used, blob) = import(&store, "used");
    fs::hard_link(&blob, folder.path().join("in-a-tree")).unwrap();
    let left_over = store.path().join("tmp/left-over");
    fs::create_dir(&left_over).unwrap();
    let file = store.path().join("tmp/a-file");
    fs::write(&file, "").unwrap();
    let now = SystemTime::now();
    assert_eq!(store.prune(now).unwrap(), Pruned::default(), "everything is young");
    let later = now + Duration::from_secs(2 * 24 * 60 * 60);
    let pruned = store.prune(later).unwrap();
    assert_eq!(pruned.packages, 1);
    assert!(pruned.bytes >= 6);
    assert!(store.find(&unused).unwrap().is_none());
    assert!(store.find(&used).unwrap().is_some());
    assert!(!left_over.exists() && !file.exists());
}

#[test]
fn left_overs_of_a_day_are_swept_and_packages_in_the_making_stay() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut stream = store.stream(&Limits::default()).unwrap();
    let tarball = gzip(&tar(&[Entry::file("package/x.js", "x")]));
    stream.feed(&tarball[..20]).unwrap();
    std::mem::forget(stream); // as if killed
    let count = || fs::read_dir(store.path().join("tmp")).unwrap().count();
    store.sweep(SystemTime::now(), |_| true).unwrap();
    assert_eq!(count(), 1);
    store.sweep(SystemTime::now() + Duration::from_secs(25 * 60 * 60), |_| true).unwrap();
    assert_eq!(count(), 0);
}
