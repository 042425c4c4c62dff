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
    assert_eq!(store.status().unwrap(), Status::default());
    let key = Key::each(&imported.integrity).next().unwrap();
    let blob = store.path().join("packages").join(key.path()).join(&imported.index.files[1].blob);
    let before = fs::metadata(&blob).unwrap().modified().unwrap();
    fs::write(&blob, "abd").unwrap();
    fs::File::options().write(true).open(&blob).unwrap().set_modified(before).unwrap();
    let found = store.status().unwrap().damaged;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].package, "a@1.0.0");
    assert_eq!(found[0].damage, [Damage::Content { path: "x.js".into() }]);
}

#[test]
fn a_package_of_the_former_form_stays_and_is_held_to_its_sizes() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let tarball = gzip(&tar(&[Entry::file("package/x.js", "abc")]));
    let imported = store.import_unverified(&tarball, &Limits::default()).unwrap();
    let package = store.path().join("packages").join(Key::each(&imported.integrity).next().unwrap().path());
    let blob = imported.index.files[0].blob.as_str();
    let mut index = fs::read(package.join(INDEX)).unwrap();
    index[0] = 1;
    let at = index.windows(blob.len()).position(|part| part == blob.as_bytes()).unwrap();
    index[at] = b'z';
    fs::write(package.join(INDEX), index).unwrap();
    fs::rename(package.join(blob), package.join(format!("z{}", &blob[1..]))).unwrap();
    assert_eq!(store.status().unwrap(), Status { damaged: Vec::new(), by_size: 1 });
    assert_eq!(store.find(&imported.integrity).unwrap().unwrap().files.len(), 1);
    fs::write(package.join(format!("z{}", &blob[1..])), "longer").unwrap();
    assert_eq!(store.status().unwrap().damaged[0].damage.len(), 1);
}
