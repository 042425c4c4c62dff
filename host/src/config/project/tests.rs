//! Which projects are found.

use std::{fs, path::Path};

use super::{discover, locate};
use crate::{config::ConfigError, diagnostic::Diagnose};

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
    fs::write(path, text).expect("a file");
}

fn found(root: &Path, start: &str) -> Result<Vec<String>, ConfigError> {
    let place = locate(&root.join(start))?;
    Ok(discover(&place, None)?.importers.iter().map(|importer| importer.id.to_string()).collect())
}

#[test]
fn a_folder_of_a_workspace_stands_for_the_whole_workspace() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    write(root, "pnpm-workspace.yaml", "packages: ['packages/*', '!packages/skip']");
    write(root, "package.json", "{}");
    write(root, "packages/b/package.json", "{}");
    write(root, "packages/a/package.json", "{}");
    write(root, "packages/skip/package.json", "{}");
    write(root, "packages/empty/README", "");
    write(root, "packages/a/node_modules/x/package.json", "{}");
    assert_eq!(found(root, "packages/b").expect("a workspace"), [".", "packages/a", "packages/b"]);
}

#[test]
fn a_file_without_packages_holds_settings_of_its_own_folder_only() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "pnpm-workspace.yaml", "hoist: false");
    write(folder.path(), "package.json", "{}");
    write(folder.path(), "below/package.json", "{}");
    let place = locate(&folder.path().join("below")).expect("a project");
    assert_eq!((place.root, place.settings), (folder.path().join("below"), None));
}

#[test]
fn a_folder_without_a_manifest_belongs_to_the_project_above() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "package.json", "{}");
    write(folder.path(), "src/deep/index.js", "");
    assert_eq!(locate(&folder.path().join("src/deep")).expect("a project").root, folder.path());
}

#[test]
fn a_project_that_its_workspace_does_not_list_is_one_by_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    write(root, "pnpm-workspace.yaml", "packages: ['packages/*', 'in/own', '!packages/skip']");
    write(root, "packages/a/package.json", "{}");
    write(root, "in/pnpm-workspace.yaml", "packages: [a]");
    for own in ["own", "packages/skip", "packages/a/deeper", "packages/a/node_modules/x", "in/own"] {
        write(root, &format!("{own}/package.json"), "{}");
        write(root, &format!("{own}/src/index.js"), "");
        for start in [own.to_owned(), format!("{own}/src")] {
            let place = locate(&root.join(&start)).expect("a project");
            assert_eq!((place.root, place.settings), (root.join(own), None), "{start}");
        }
    }
    write(root, "packages/none/src/index.js", "");
    assert_eq!(found(root, "packages/none/src").expect("the workspace"), ["in/own", "packages/a"]);
}

#[cfg(unix)]
#[test]
fn a_link_to_a_folder_is_never_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    let outside = tempfile::tempdir().expect("a folder");
    write(outside.path(), "package.json", "{}");
    write(folder.path(), "pnpm-workspace.yaml", "packages: ['**']");
    write(folder.path(), "package.json", "{}");
    std::os::unix::fs::symlink(outside.path(), folder.path().join("link")).expect("a link");
    std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).expect("a link");
    assert_eq!(found(folder.path(), ".").expect("a workspace"), ["."]);
}

#[test]
fn a_pattern_that_leads_out_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "pnpm-workspace.yaml", "packages: ['../**']");
    write(folder.path(), "package.json", "{}");
    let error = found(folder.path(), ".").expect_err("it leads out");
    assert_eq!(error.code(), "ERR_PNPM_INVALID_WORKSPACE_CONFIGURATION");
}

#[test]
fn a_settings_file_that_is_not_a_mapping_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "package.json", "{}");
    for yaml in ["- a", "a: [", "a: 1\na: 2"] {
        write(folder.path(), "pnpm-workspace.yaml", yaml);
        let error = found(folder.path(), ".").expect_err(yaml);
        assert_eq!(error.code(), "ERR_PNPM_INVALID_WORKSPACE_CONFIGURATION", "{yaml}");
    }
}
