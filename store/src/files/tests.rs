use tempfile::tempdir;

use super::*;

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.to_owned(), data: text.as_bytes().to_vec(), executable: false }
}

#[test]
fn equal_files_are_one_package_and_any_difference_makes_another() {
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let limits = Limits::default();
    let files = [file("package.json", r#"{"name":"a","version":"1.0.0"}"#), file("lib/index.js", "1")];
    let first = store.import_files(&files, &limits).unwrap();
    let turned: Vec<SourceFile> = files.iter().rev().cloned().collect();
    let again = store.import_files(&turned, &limits).unwrap();
    assert_eq!((&again.index, &again.integrity), (&first.index, &first.integrity));
    assert_eq!((first.is_new, again.is_new), (true, false));
    assert_eq!(store.find(&first.integrity).unwrap().unwrap(), first.index);
    assert_eq!(first.index.name, "a");
    let mut other = files.clone();
    other[1].executable = true;
    assert_ne!(store.import_files(&other, &limits).unwrap().integrity, first.integrity);
}

#[test]
fn a_path_that_leads_out_is_refused() {
    let folder = tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    for path in ["../x", "a/../../x", "a\\b", ""] {
        let error = store.import_files(&[file(path, "x")], &Limits::default()).unwrap_err();
        assert!(matches!(error, ImportError::Rejected(_)), "{path}: {error}");
    }
}
