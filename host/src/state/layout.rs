//! Where things go: the places and settings that `plan`, `link` and the state files share.

use std::collections::BTreeMap;
use std::path::PathBuf;

use wit::ImporterId;

use crate::{
    link::{Bin, relative::join},
    state::{MODULES, VIRTUAL_STORE},
};

/// Where a project's tree stands and how it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The folder of the lockfile: absolute, normal.
    pub lockfile_dir: PathBuf,
    /// The store's folder, as `.modules.yaml` names it: absolute.
    pub store_dir: String,
    /// The folder of slots shared between projects, absolute; `None`: slots stand in the project.
    pub global: Option<String>,
    /// `wasi-pm@<version>`.
    pub package_manager: String,
    /// `hoistPattern`.
    pub hoist_pattern: Vec<String>,
    /// `publicHoistPattern`.
    pub public_hoist_pattern: Vec<String>,
    /// `virtualStoreDirMaxLength`.
    pub virtual_store_dir_max_length: u32,
    /// Shims set `NODE_PATH`.
    pub extend_node_path: bool,
    /// Projects that others link to, with their executables.
    pub projects: BTreeMap<ImporterId, ProjectBins>,
}

/// The executables of a project of the workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectBins {
    /// Its name.
    pub name: String,
    /// What it offers.
    pub bins: Vec<Bin>,
}

impl Layout {
    /// The lockfile's folder as text with `/`.
    #[must_use]
    pub fn root(&self) -> String {
        join("/", &self.lockfile_dir.to_string_lossy())
    }

    /// The folder of a project.
    #[must_use]
    pub fn project(&self, importer: &ImporterId) -> String {
        join(&self.root(), importer.as_str())
    }

    /// `node_modules` of a project.
    #[must_use]
    pub fn modules(&self, importer: &ImporterId) -> String {
        format!("{}/{MODULES}", self.project(importer).trim_end_matches('/'))
    }

    /// Where slots stand: shared ones, or the project's own.
    #[must_use]
    pub fn slots(&self) -> String {
        self.global.clone().unwrap_or_else(|| self.virtual_store())
    }

    /// The project's virtual store: hoisted links and state files, and slots that are not shared.
    #[must_use]
    pub fn virtual_store(&self) -> String {
        format!("{}/{MODULES}/{VIRTUAL_STORE}", self.root().trim_end_matches('/'))
    }
}
