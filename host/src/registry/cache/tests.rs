use std::fs;

use super::*;

const FRESH: Freshness = Freshness { checked_at: 1000, fresh_for: 500 };

fn stored(folder: &Path) -> (PathBuf, Place) {
    stored_text(folder, br#"{"versions":{"1.0.0":{"bin":"x"},"2.0.0":{"bin":"y"}},"dist-tags":{"latest":"2.0.0"}}"#)
}

fn stored_text(folder: &Path, text: &[u8]) -> (PathBuf, Place) {
    let name = PackageName::parse("a").unwrap();
    let packed = super::super::packument::read(text, &name, false).unwrap();
    let path = path(folder, false, &name);
    let validators = Validators { etag: Some("e".to_owned()), last_modified: None };
    let place = store(&path, &packed.index, &packed.body, &validators, FRESH).unwrap();
    (path, place)
}

#[test]
fn an_entry_comes_back_as_it_was_stored() {
    let folder = tempfile::tempdir().unwrap();
    let (path, place) = stored(folder.path());
    let entry = load(&path).unwrap();
    assert_eq!((&entry.place, entry.freshness, entry.validators.etag.as_deref()), (&place, FRESH, Some("e")));
    assert_eq!(entry.index.versions, "1.0.0\n2.0.0");
    assert_eq!(place.read(entry.index.span(0).unwrap()).unwrap(), br#"{"bin":"x"}"#);
    assert!(entry.head.starts_with(br#"{"bin":"y"}"#));
}

#[test]
fn a_torn_file_is_no_entry() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = stored(folder.path());
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(load(&path).is_none(), "{length}");
    }
    fs::write(&path, vec![0; whole.len()]).unwrap();
    assert!(load(&path).is_none());
}

#[test]
fn a_damaged_byte_is_never_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = stored(folder.path());
    let whole = fs::read(&path).unwrap();
    for (at, bits) in (0..whole.len()).flat_map(|at| [(at, 0xff), (at, 0x80), (at, 1)]) {
        let mut damaged = whole.clone();
        damaged[at] ^= bits;
        fs::write(&path, &damaged).unwrap();
        if let Some(entry) = load(&path) {
            let packument = super::super::Packument::cached(entry);
            let told = packument.metadata(Some("1.0.0"));
            told.versions.lines().for_each(|version| drop(packument.manifest(version)));
        }
    }
    // All bytes of a length at once.
    for at in [32, 40] {
        let mut damaged = whole.clone();
        damaged[at..at + 8].fill(0xff);
        fs::write(&path, &damaged).unwrap();
        assert!(load(&path).is_none());
    }
}

#[test]
fn a_file_that_another_process_wrote_alike_serves() {
    let folder = tempfile::tempdir().unwrap();
    let (path, old) = stored(folder.path());
    let (_, new) = stored(folder.path());
    let span = load(&path).unwrap().index.span(0).unwrap();
    assert_eq!((&old, old.read(span).unwrap()), (&new, new.read(span).unwrap()));
}

#[test]
fn a_replaced_file_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, old) = stored(folder.path());
    let (_, new) = stored_text(folder.path(), br#"{"versions":{"1.0.0":{"bin":"z"}},"dist-tags":{"latest":"1.0.0"}}"#);
    let span = load(&path).unwrap().index.span(0).unwrap();
    assert_eq!((old.read(span), new.read(span).is_some()), (None, true));
    assert!(renew(&old, FRESH).is_err());
    let later = Freshness { checked_at: 9, fresh_for: 8 };
    renew(&new, later).unwrap();
    assert_eq!(load(&path).unwrap().freshness, later);
}

#[test]
fn names_that_differ_in_case_have_files_of_their_own() {
    let of = |name| path(Path::new("m"), true, &PackageName::parse(name).unwrap());
    assert_ne!(of("JSONStream").to_str().unwrap().to_lowercase(), of("jsonstream").to_str().unwrap().to_lowercase());
    assert_eq!(of("@s/x"), Path::new("m/full/@s/x"));
}

#[test]
fn freshness_ends_after_five_minutes_and_never_lies_in_the_future() {
    let long = Freshness { checked_at: 1000, fresh_for: u64::MAX };
    assert!(long.holds_at(1000) && long.holds_at(1000 + MAX_FRESH - 1));
    assert!(!long.holds_at(1000 + MAX_FRESH) && !long.holds_at(999));
}
