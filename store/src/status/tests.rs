use std::fs;

use super::*;
use crate::{
    Limits,
    import::tests::gzip,
    tarball::tests::{Entry, tar},
};

#[test]
fn a_changed_byte_is_found_even_if_size_and_time_are_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let tarball = gzip(&tar(&[
        Entry::file("package/package.json", r#"{"name":"a","version":"1.0.0"}"#),
        Entry::file("package/x.js", "abc"),
    ]));
    let imported = store.import_unverified(&tarball, &Limits::default()).unwrap();
    assert_eq!(store.status().unwrap(), []);
    let key = Key::each(&imported.integrity).next().unwrap();
    let blob = store.path().join("packages").join(key.path()).join(&imported.index.files[1].blob);
    let before = fs::metadata(&blob).unwrap().modified().unwrap();
    fs::write(&blob, "abd").unwrap();
    fs::File::options().write(true).open(&blob).unwrap().set_modified(before).unwrap();
    let found = store.status().unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].package, "a@1.0.0");
    assert_eq!(found[0].damage, [Damage::Content { path: "x.js".into() }]);
}
