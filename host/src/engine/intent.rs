//! What the component is asked for. The command line builds it; which projects are meant is found out later.

use wit::ImporterId;

use crate::graph::Group;

/// What the user asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    /// Keep what is locked as far as manifests allow.
    Install,
    /// Pick packages anew, and let manifests follow.
    Update(Update),
    /// Take packages into manifests.
    Add(Addition),
    /// Take packages out of manifests.
    Remove(Removal),
    /// Pick all anew, preferring what is there.
    Dedupe,
    /// Mend a lockfile.
    Fix,
}

/// What is picked anew.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    /// The projects whose own dependencies are meant.
    pub importers: Vec<ImporterId>,
    /// `name`, `@scope/*`, `!name`, `name@1`; none: all.
    pub selectors: Vec<String>,
    /// The groups that are meant; none: all that are installed.
    pub groups: Vec<Group>,
    /// Beyond ranges.
    pub latest: bool,
    /// Lead to projects of the workspace.
    pub workspace: bool,
    /// Manifests and catalogs follow.
    pub save: bool,
    /// Direct dependencies only.
    pub direct: bool,
}

/// What is taken into manifests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addition {
    /// The projects that take it.
    pub importers: Vec<ImporterId>,
    /// As typed.
    pub packages: Vec<String>,
    /// Where it goes; none: where it is, else `dependencies`.
    pub groups: Vec<Group>,
    /// Only projects of the workspace.
    pub workspace: bool,
}

/// What is taken out of manifests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removal {
    /// The projects that lose it.
    pub importers: Vec<ImporterId>,
    /// Keys in manifests.
    pub names: Vec<String>,
    /// `None`: all groups.
    pub group: Option<Group>,
    /// That a project does not have it is an error.
    pub strict: bool,
}

impl Intent {
    /// The projects that a command is about; of an installation none.
    #[must_use]
    pub fn importers(&self) -> &[ImporterId] {
        match self {
            Self::Update(it) => &it.importers,
            Self::Add(it) => &it.importers,
            Self::Remove(it) => &it.importers,
            Self::Install | Self::Dedupe | Self::Fix => &[],
        }
    }

    /// The same of these projects.
    #[must_use]
    pub fn about(mut self, importers: Vec<ImporterId>) -> Self {
        match &mut self {
            Self::Update(it) => it.importers = importers,
            Self::Add(it) => it.importers = importers,
            Self::Remove(it) => it.importers = importers,
            Self::Install | Self::Dedupe | Self::Fix => {}
        }
        self
    }
}
