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
    /// Groups that `update` was told to look at.
    pub flags: GroupFlags,
}

/// Groups that were named, of which more is placed than stands already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupFlags {
    /// `--prod`.
    pub prod: bool,
    /// `--dev`.
    pub dev: bool,
    /// `--optional`, `--no-optional`.
    pub optional: Option<bool>,
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
        let flags = GroupFlags::default();
        Change { recursive: self.recursive, root: self.root, intent, saving, ignore_root_check: false, flags }
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
