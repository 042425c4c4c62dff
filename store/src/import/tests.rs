use std::{fs, path::Path};

use cap_std::fs::PermissionsExt as _;
use proptest::prelude::*;

use super::*;
use crate::{
    Damage,
    tarball::tests::{Entry, tar},
};

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

fn sample() -> Vec<u8> {
    gzip(&tar(&[
        Entry::file(
            "package/package.json",
            r#"{"name":"a","version":"1.0.0","bin":"cli.js","scripts":{"install":"x"}}"#,
        ),
        Entry::file("package/cli.js", "#!/usr/bin/env node\n").mode(0o755),
        Entry::file("package/lib/copy-of-cli.js", "#!/usr/bin/env node\n"),
        Entry::file("package/lib/same.js", "same"),
        Entry::file("package/lib/too.js", "same"),
        Entry::file("package/empty", ""),
    ]))
}

pub(crate) fn integrity(bytes: &[u8]) -> Integrity {
    Integrity { algorithm: Algorithm::Sha512, digests: vec![digest(bytes, Algorithm::Sha512)] }
}

pub(crate) fn all_files(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() { found.extend(all_files(&path)) } else { found.push(path.display().to_string()) }
    }
    found
}

#[test]
fn an_imported_package_is_found_with_all_that_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let tarball = sample();
    let integrity = integrity(&tarball);
    assert!(store.find(&integrity).unwrap().is_none());
    let Imported { index, .. } = store.import(&tarball, &integrity, &Limits::default()).unwrap();
    assert_eq!(store.find(&integrity).unwrap().unwrap(), index);
    assert_eq!((index.name.as_str(), index.version.as_str(), index.requires_build), ("a", "1.0.0", true));
    assert_eq!(index.bins, [("a".to_owned(), "cli.js".to_owned())]);
    let paths: Vec<&str> = index.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["cli.js", "empty", "lib/copy-of-cli.js", "lib/same.js", "lib/too.js", "package.json"]);
    assert_eq!(index.files[3].blob, index.files[4].blob, "equal content is written once");
    assert_ne!(index.files[0].blob, index.files[2].blob, "an executable is another file");
    let package = store.open_package(&integrity).unwrap();
    for file in &index.files {
        assert_eq!(package.check(file), Ok(()));
        let executable = package.dir().metadata(&file.blob).unwrap().permissions().mode() & 0o111 != 0;
        assert_eq!(executable, file.executable);
    }
    assert_eq!(package.dir().read_to_string(&index.files[3].blob).unwrap(), "same");
    assert_eq!(fs::read_dir(store.path().join("tmp")).unwrap().count(), 0);
}

#[test]
fn what_is_refused_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let tarball = sample();
    let wrong = integrity(b"something else");
    let refused = store.import(&tarball, &wrong, &Limits::default()).unwrap_err();
    assert_eq!(refused.code(), "ERR_PNPM_TARBALL_INTEGRITY");
    let hostile = gzip(&tar(&[Entry::file("package/good", "x"), Entry::file("package/../../evil", "x")]));
    let refused = store.import(&hostile, &integrity(&hostile), &Limits::default()).unwrap_err();
    assert_eq!(refused.code(), "ERR_WASI_PM_TAR_PATH_TRAVERSAL");
    assert_eq!(all_files(folder.path()), Vec::<String>::new());
}

#[test]
fn old_packages_are_held_to_their_sha1() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let tarball = sample();
    let sha1 = Integrity { algorithm: Algorithm::Sha1, digests: vec![digest(&tarball, Algorithm::Sha1)] };
    store.import(&tarball, &sha1, &Limits::default()).unwrap();
    assert!(store.find(&sha1).unwrap().is_some());
    let imported = store.import_unverified(&tarball, &Limits::default()).unwrap();
    assert_eq!(imported.integrity, integrity(&tarball));
}

#[test]
fn why_a_package_cannot_be_opened_is_told_even_if_another_digest_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let (first, second) = (integrity(b"one"), integrity(b"other"));
    let both =
        Integrity { algorithm: Algorithm::Sha512, digests: [&first, &second].map(|one| one.digests[0].clone()).into() };
    assert_eq!(store.open_package(&both).unwrap_err().kind(), std::io::ErrorKind::NotFound);
    let in_the_way = store.path().join("packages").join(Key::each(&first).next().unwrap().path());
    std::fs::create_dir_all(in_the_way.parent().unwrap()).unwrap();
    std::fs::write(in_the_way, "no folder").unwrap();
    assert_eq!(store.open_package(&both).unwrap_err().kind(), std::io::ErrorKind::NotADirectory);
}

#[test]
fn bytes_are_never_filed_under_another_digest_than_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let tarball = sample();
    let (honest, own) = (integrity(b"another package"), integrity(&tarball));
    let both =
        Integrity { algorithm: Algorithm::Sha512, digests: [&honest, &own].map(|one| one.digests[0].clone()).into() };
    store.import(&tarball, &both, &Limits::default()).unwrap();
    assert!(store.find(&honest).unwrap().is_none(), "a hostile lockfile poisoned the store");
    assert!(store.find(&own).unwrap().is_some() && store.find(&both).unwrap().is_some());
    assert!(store.open_package(&both).is_ok());
}

#[test]
fn only_who_writes_a_package_is_told_that_it_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let tarball = sample();
    let import = || store.import(&tarball, &integrity(&tarball), &Limits::default()).unwrap().is_new;
    assert_eq!([import(), import()], [true, false]);
}

#[test]
fn many_importers_of_one_package_all_succeed() {
    let folder = tempfile::tempdir().unwrap();
    let tarball = sample();
    let integrity = integrity(&tarball);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let store = Store::open(folder.path()).unwrap();
                for _ in 0..5 {
                    store.import(&tarball, &integrity, &Limits::default()).unwrap();
                }
            });
        }
    });
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.status().unwrap().damaged, []);
    assert_eq!(fs::read_dir(store.path().join("tmp")).unwrap().count(), 0);
}

#[test]
fn damage_of_every_kind_is_found_by_the_check_before_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let tarball = sample();
    let integrity = integrity(&tarball);
    let Imported { index, .. } = store.import(&tarball, &integrity, &Limits::default()).unwrap();
    let at = |n: usize| {
        store.path().join("packages").join(Key::each(&integrity).next().unwrap().path()).join(&index.files[n].blob)
    };
    fs::write(at(0), "").unwrap();
    fs::remove_file(at(2)).unwrap();
    fs::remove_file(at(3)).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", at(3)).unwrap();
    fs::remove_file(at(5)).unwrap();
    fs::create_dir(at(5)).unwrap();
    let package = store.open_package(&integrity).unwrap();
    assert!(matches!(package.check(&index.files[0]), Err(Damage::Size { found: 0, .. })));
    assert!(matches!(package.check(&index.files[2]), Err(Damage::Missing { .. })));
    assert!(matches!(package.check(&index.files[3]), Err(Damage::NoFile { .. })));
    assert!(matches!(package.check(&index.files[5]), Err(Damage::NoFile { .. })));
    store.quarantine(&integrity);
    assert!(store.find(&integrity).unwrap().is_none());
    store.import(&tarball, &integrity, &Limits::default()).unwrap();
    assert_eq!(store.status().unwrap().damaged, []);
}

#[test]
fn a_package_whose_index_is_damaged_or_gone_can_be_imported_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let tarball = sample();
    let integrity = integrity(&tarball);
    let index_at = store.path().join("packages").join(Key::each(&integrity).next().unwrap().path()).join(INDEX);
    for spoil in [|path: &Path| fs::write(path, b"\x01garbage").unwrap(), |path: &Path| fs::remove_file(path).unwrap()]
    {
        store.import(&tarball, &integrity, &Limits::default()).unwrap();
        spoil(&index_at);
        assert!(store.find(&integrity).unwrap().is_none());
        store.import(&tarball, &integrity, &Limits::default()).unwrap();
        assert!(store.find(&integrity).unwrap().is_some());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_is_packed_is_read_back(files in prop::collection::btree_map("[a-z]{1,8}(/[a-z]{1,8}){0,2}\\.js", ".{0,40}", 1..12)) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let entries: Vec<Entry> = files.iter().map(|(path, text)| Entry::file(&format!("package/{path}"), text)).collect();
        let imported = store.import_unverified(&gzip(&tar(&entries)), &Limits::default()).unwrap();
        let package = store.open_package(&imported.integrity).unwrap();
        let read: std::collections::BTreeMap<String, String> = imported
            .index
            .files
            .iter()
            .map(|file| (file.path.clone(), package.dir().read_to_string(&file.blob).unwrap()))
            .collect();
        prop_assert_eq!(read, files);
    }
}
