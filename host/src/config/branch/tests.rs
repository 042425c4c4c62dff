use std::fs;

use super::{current, lockfile_name};

#[test]
fn the_branch_is_found_from_folders_below_and_from_work_trees() {
    let root = tempfile::tempdir().unwrap();
    let main = root.path().join("main/packages/a");
    fs::create_dir_all(&main).unwrap();
    assert_eq!(current(&main), None);
    fs::create_dir_all(root.path().join("main/.git/worktrees/x")).unwrap();
    fs::write(root.path().join("main/.git/HEAD"), "ref: refs/heads/feat/One\n").unwrap();
    assert_eq!(current(&main).as_deref(), Some("feat/One"));
    let tree = root.path().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(root.path().join("main/.git/worktrees/x/HEAD"), "ref: refs/heads/two\n").unwrap();
    fs::write(tree.join(".git"), "gitdir: ../main/.git/worktrees/x\n").unwrap();
    assert_eq!(current(&tree).as_deref(), Some("two"));
    fs::write(root.path().join("main/.git/HEAD"), "0123456789012345678901234567890123456789\n").unwrap();
    assert_eq!(current(&main), None);
}

#[test]
fn a_lockfile_has_the_branch_in_its_name() {
    assert_eq!(lockfile_name("feat/One Two"), "pnpm-lock.feat!one!two.yaml");
}
