//! `add`, `update` and `remove`: what they ask for. Their arguments stand in a file each.

mod add;
mod placing;
mod remove;
mod update;

pub(super) use self::{add::AddArguments, remove::RemoveArguments, update::UpdateArguments};
use super::Command;
use crate::{
    engine::{Addition, Intent},
    graph::Group,
};

/// A command that changes manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// `--recursive`: every project of the workspace.
    pub recursive: bool,
    /// `--workspace-root`: the project of the workspace's folder.
    pub root: bool,
    /// What is asked, of no projects yet.
    pub intent: Intent,
    /// How it is written in this run.
    pub saving: Saving,
    /// `--ignore-workspace-root-check`.
    pub ignore_root_check: bool,
}

/// What flags say of how dependencies are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Saving {
    /// `--save-exact`.
    pub exact: bool,
    /// `--save-prefix`.
    pub prefix: Option<String>,
    /// `--save-catalog`, `--save-catalog-name`.
    pub catalog: Option<String>,
}

/// Which projects, as the common options say.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scope {
    pub(super) recursive: bool,
    pub(super) root: bool,
}

impl Scope {
    fn change(self, intent: Intent, saving: Saving) -> Change {
        Change { recursive: self.recursive, root: self.root, intent, saving, ignore_root_check: false }
    }

    /// `install <package>`.
    pub(super) fn add(self, packages: Vec<String>, groups: Vec<Group>) -> Command {
        let addition = Addition { packages, groups, ..Addition::default() };
        Command::Change(self.change(Intent::Add(addition), Saving::default()))
    }
}

fn groups(typed: [(Group, bool); 4]) -> Vec<Group> {
    typed.into_iter().filter(|(_, typed)| *typed).map(|(group, _)| group).collect()
}
