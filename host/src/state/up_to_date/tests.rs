use std::{fs, path::PathBuf};

use super::{Input, Project, Verdict, check, record_inputs};
use crate::state::{modules_yaml, tree::TREE_FILE};

struct Set {
    folder: tempfile::TempDir,
}

impl Set {
    fn recorded() -> Self {
        let set = Self { folder: tempfile::tempdir().unwrap() };
        let modules = set.folder.path().join("node_modules");
        fs::create_dir_all(modules.join(".pnpm")).unwrap();
        fs::write(modules.join(modules_yaml::FILE), "{}").unwrap();
        fs::write(modules.join(".pnpm").join(TREE_FILE), "tree").unwrap();
        fs::write(set.file("package.json"), "{}").unwrap();
        let files = set.files().into_iter().map(|path| Input::look(path).unwrap()).collect();
        fs::create_dir_all(modules.join("@s/a")).unwrap();
        let packages = vec!["@s/a".to_owned()];
        let project = Project { folder: set.folder.path().to_owned(), has_modules: true, packages };
        record_inputs(set.folder.path(), [1; 16], files, vec![project], vec!["esbuild@1.0.0".to_owned()], None)
            .unwrap();
        set
    }
    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
    fn files(&self) -> Vec<PathBuf> {
        vec![self.file("package.json"), self.file(".npmrc")]
    }
    fn check(&self) -> Verdict {
        check(self.folder.path(), [1; 16], &self.files(), &[self.folder.path().to_owned()])
    }
    fn is_stale(&self) -> bool {
        matches!(self.check(), Verdict::Stale(_))
    }
}

#[test]
fn nothing_to_do_when_nothing_has_moved() {
    let set = Set::recorded();
    assert_eq!(set.check(), Verdict::UpToDate { ignored_builds: vec!["esbuild@1.0.0".to_owned()] });
}

#[test]
fn a_package_that_is_not_there_any_more_is_noticed() {
    let set = Set::recorded();
    let package = set.file("node_modules/@s/a");
    fs::remove_dir(&package).unwrap();
    assert!(set.is_stale());
    std::os::unix::fs::symlink("nowhere", &package).unwrap();
    assert!(set.is_stale());
    fs::create_dir(set.file("node_modules/@s/nowhere")).unwrap();
    assert!(!set.is_stale());
}

#[test]
fn a_file_that_was_only_touched_is_hashed_and_the_state_refreshed() {
    let set = Set::recorded();
    fs::write(set.file("package.json"), "{}").unwrap();
    let before = fs::read(set.file("node_modules/.wasi-pm-state")).unwrap();
    assert!(!set.is_stale());
    assert_ne!(fs::read(set.file("node_modules/.wasi-pm-state")).unwrap(), before);
}

#[test]
fn a_change_of_the_same_size_is_noticed() {
    let set = Set::recorded();
    fs::write(set.file("package.json"), "[]").unwrap();
    assert!(set.is_stale());
}

#[test]
fn a_new_configuration_file_is_noticed() {
    let set = Set::recorded();
    fs::write(set.file(".npmrc"), "").unwrap();
    assert!(set.is_stale());
}

#[test]
fn other_settings_projects_or_a_missing_tree_are_noticed() {
    let set = Set::recorded();
    let root = set.folder.path().to_owned();
    assert!(matches!(check(&root, [2; 16], &set.files(), std::slice::from_ref(&root)), Verdict::Stale(_)));
    assert!(matches!(check(&root, [1; 16], &set.files(), &[]), Verdict::Stale(_)));
    fs::remove_file(set.file("node_modules/.modules.yaml")).unwrap();
    assert!(set.is_stale());
}

#[test]
fn a_torn_state_counts_as_none() {
    let set = Set::recorded();
    let path = set.file("node_modules/.wasi-pm-state");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
    assert!(set.is_stale());
}

#[test]
fn what_is_no_regular_file_counts_as_empty_and_is_not_read() {
    let set = Set::recorded();
    std::os::unix::fs::symlink("/dev/zero", set.file("endless")).unwrap();
    for path in [set.file("endless"), "/dev/null".into()] {
        assert!(Input::look(path).unwrap().holds(b""));
    }
}

#[test]
fn a_file_without_measure_is_an_error() {
    let set = Set::recorded();
    fs::File::create(set.file("vast")).unwrap().set_len(super::MAX_BYTES + 1).unwrap();
    assert_eq!(Input::look(set.file("vast")).unwrap_err().kind(), std::io::ErrorKind::FileTooLarge);
}
