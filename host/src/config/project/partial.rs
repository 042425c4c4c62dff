//! A part of a workspace: projects that the lockfile names may be gone from disk, as where an image is built from some
//! of them. A frozen lockfile then stands for what is there.

use wit::ImporterId;

use super::Project;

/// What may stand in place of `package.json`, for pnpm.
const MANIFESTS: [&str; 3] = ["package.json", "package.json5", "package.yaml"];

impl Project {
    /// The projects that are here, if the lockfile names others too and a frozen installation may leave these out. It
    /// may not where something stands at the place of one that had dependencies and has no manifest any more.
    /// `lockfile` is the document of the project.
    #[must_use]
    pub fn part_of(&self, lockfile: &str) -> Option<Vec<String>> {
        let here = |id: &ImporterId| self.importers.iter().any(|importer| importer.id == *id);
        let gone: Vec<ImporterId> = with_dependencies(lockfile)?.into_iter().filter(|id| !here(id)).collect();
        let is_left_out = |id: &ImporterId| {
            let place = self.root.join(id.as_str());
            place.symlink_metadata().is_err() || MANIFESTS.iter().any(|name| place.join(name).is_file())
        };
        let is_part = !gone.is_empty() && gone.iter().all(is_left_out);
        is_part.then(|| self.importers.iter().map(|importer| importer.id.to_string()).collect())
    }
}

/// The projects of a lockfile that have dependencies; `None` if it is not written as it is here and by pnpm.
fn with_dependencies(lockfile: &str) -> Option<Vec<ImporterId>> {
    let start = lockfile.find("\nimporters:\n")? + "\nimporters:\n".len();
    let section = lockfile[start..].lines().take_while(|line| line.is_empty() || line.starts_with(' '));
    let keys = section.filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    let open = keys.filter_map(|line| line.strip_suffix(':'));
    // A comment or another way of quoting: somebody has edited it.
    open.map(|key| {
        if key.starts_with(['#', '"']) {
            return None;
        }
        let quoted = key.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        ImporterId::parse(quoted.unwrap_or(key)).ok()
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::config::project::{discover, locate};

    const LOCKFILE: &str = "lockfileVersion: '9.0'\n\nimporters:\n\n  .: {}\n\n  here:\n    dependencies:\n      a:\n        specifier: '1'\n        version: 1.0.0\n\n  'gone':\n    dependencies:\n      a:\n        specifier: '1'\n        version: 1.0.0\n\n  empty: {}\n\npackages: {}\n";

    /// A workspace with the projects `.` and `here`, and whether it counts as a part of the lockfile's.
    fn is_part(files: &[&str], lockfile: &str) -> bool {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        fs::write(root.join("pnpm-workspace.yaml"), "packages: [here]").expect("a file");
        for file in ["package.json", "here/package.json"].iter().chain(files) {
            let path = root.join(file);
            fs::create_dir_all(path.parent().expect("it has one")).expect("a folder");
            fs::write(path, "{}").expect("a file");
        }
        let project = discover(&locate(root).expect("a workspace"), None).expect("its projects");
        let part = project.part_of(lockfile);
        assert!(part.as_ref().is_none_or(|part| part == &[".", "here"]), "{part:?}");
        part.is_some()
    }

    #[test]
    fn a_project_may_be_gone_or_not_be_listed_but_not_lose_its_manifest() {
        assert!(is_part(&[], LOCKFILE));
        assert!(is_part(&["gone/package.json", "empty/index.js"], LOCKFILE));
        assert!(is_part(&["gone/package.yaml"], LOCKFILE));
        assert!(!is_part(&["gone/index.js"], LOCKFILE));
        assert!(!is_part(&["gone"], LOCKFILE));
    }

    #[test]
    fn a_workspace_that_is_whole_is_no_part() {
        assert!(!is_part(&[], &LOCKFILE.replace("'gone'", "here")));
        assert!(!is_part(&[], &LOCKFILE.replace("  'gone':\n", "  other: {}\n  here:\n")));
        assert!(!is_part(&[], &LOCKFILE.replace("'gone'", "../gone/\\..")));
        assert!(!is_part(&[], "importers: {gone: {dependencies: {}}}\n"));
    }
}
