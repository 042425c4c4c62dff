//! Whether somebody else has changed `node_modules` since it was looked at: pnpm does not know our lock, and people
//! remove folders.

use std::{os::unix::fs::MetadataExt as _, path::Path};

use super::{MODULES, VIRTUAL_STORE, modules_yaml, tree::TREE_FILE};

/// Device, inode and the nanosecond of the last change; `None`: it is not there.
type Stamp = Option<(u64, u64, i64, i64)>;

/// How the folders and files were that tell what stands in `node_modules`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stamps {
    modules: Stamp,
    tree: [Stamp; 3],
}

impl Stamps {
    /// Looks at them.
    #[must_use]
    pub fn look(lockfile_dir: &Path) -> Self {
        let stamp = |path: &Path| {
            let seen = std::fs::symlink_metadata(path).ok()?;
            Some((seen.dev(), seen.ino(), seen.ctime(), seen.ctime_nsec()))
        };
        let modules = lockfile_dir.join(MODULES);
        let virtual_store = modules.join(VIRTUAL_STORE);
        let files = [&virtual_store, &virtual_store.join(TREE_FILE), &modules.join(modules_yaml::FILE)];
        Self { tree: files.map(|path| stamp(path)), modules: stamp(&modules) }
    }

    /// The same tree stands there: names of ours may have come and gone beside it.
    #[must_use]
    pub fn same_tree(&self, later: &Self) -> bool {
        self.tree == later.tree
    }
}
