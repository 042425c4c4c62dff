use super::{has_conflict, sides};
use crate::lockfile::{read, read_for, write};
use wit::settings::Settings;

const HEAD: &str = "lockfileVersion: '9.0'\n\nimporters:\n\n  .:\n    dependencies:\n";

fn conflicted() -> String {
    let importer = |version: &str| format!("      a:\n        specifier: ^1.0.0\n        version: {version}\n");
    let package = |version: &str| {
        format!(
            "  a@{version}:\n    resolution: {{integrity: sha512-8LF+p7mi69nZHseyqIowmq3IwQ1V4a2WoKs+a2F0d7EV9K97xXTkBkorRzoiZ7JRvd02KV4LGlRzctgssiu62w==}}\n"
        )
    };
    format!(
        "{HEAD}<<<<<<< HEAD\n{}||||||| base\n{}=======\n{}>>>>>>> other\n\npackages:\n\n<<<<<<< HEAD\n{}=======\n{}>>>>>>> other\n\n\
         snapshots:\n\n<<<<<<< HEAD\n  a@1.10.0: {{}}\n=======\n  a@1.9.0: {{}}\n>>>>>>> other\n",
        importer("1.10.0"),
        importer("1.0.0"),
        importer("1.9.0"),
        package("1.10.0"),
        package("1.9.0"),
    )
}

#[test]
fn the_higher_version_wins_and_the_other_is_dropped() {
    let text = conflicted();
    assert!(has_conflict(&text));
    let merged = read(&text).unwrap();
    assert_eq!(merged.importers["."].dependencies["a"].version, "1.10.0");
    assert_eq!(merged.snapshots.keys().collect::<Vec<_>>(), ["a@1.10.0"]);
    assert_eq!(merged.packages.len(), 1);
    assert!(!has_conflict(&write(&merged)));
}

#[test]
fn marks_that_do_not_pair_are_no_conflict_to_merge() {
    for broken in ["<<<<<<< HEAD\na\n", "=======\n", "<<<<<<< HEAD\n>>>>>>> other\n", "a\n>>>>>>> other\n"] {
        assert!(sides(broken).is_none(), "{broken}");
    }
    let (ours, theirs) = sides("a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> x\nd\n").unwrap();
    assert_eq!((ours.as_str(), theirs.as_str()), ("a\nb\nd\n", "a\nc\nd\n"));
}

#[test]
fn of_branches_nothing_is_dropped_and_what_is_wrong_names_its_file() {
    let conflicted = conflicted();
    let (ours, theirs) = sides(&conflicted).unwrap();
    let mut settings = Settings::default();
    settings.lockfile.branches.insert("pnpm-lock.one.yaml".to_owned(), theirs);
    let merged = read_for(&ours, &settings).unwrap();
    assert_eq!(merged.importers["."].dependencies["a"].version, "1.10.0");
    assert_eq!(merged.snapshots.keys().collect::<Vec<_>>(), ["a@1.10.0", "a@1.9.0"]);
    settings.lockfile.branches.insert("pnpm-lock.two.yaml".to_owned(), "[]".to_owned());
    let error = read_for(&ours, &settings).unwrap_err();
    assert!(error.message.starts_with("pnpm-lock.two.yaml: "), "{error}");
}
