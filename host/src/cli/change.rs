//! `add`, `update` and `remove`: their arguments, and what they ask for.

use clap::Args;
use serde_json::Value;

use super::{Command, NotYet, arguments::Settings};
use crate::graph::Group;

/// A command that changes manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// `--recursive`: every project of the workspace.
    pub recursive: bool,
    /// `--workspace-root`: the project of the workspace's folder.
    pub root: bool,
    /// What is changed.
    pub what: What,
}

/// What a command changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// `add`.
    Add(Add),
    /// `update`.
    Update(Update),
    /// `remove`.
    Remove(Remove),
}

/// `add`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Add {
    /// As typed.
    pub packages: Vec<String>,
    /// Where they go; none: where they are, else into `dependencies`.
    pub groups: Vec<Group>,
    /// `--workspace`.
    pub workspace: bool,
    /// What is written for this run.
    pub saving: Saving,
    /// `--ignore-workspace-root-check`.
    pub ignore_root_check: bool,
}

/// `update`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    /// As typed.
    pub selectors: Vec<String>,
    /// The groups that are looked at; none: all that are installed.
    pub groups: Vec<Group>,
    /// `--latest`.
    pub latest: bool,
    /// `--workspace`.
    pub workspace: bool,
    /// Not `--no-save`.
    pub save: bool,
    /// `--depth 0`.
    pub direct: bool,
    /// What is written for this run.
    pub saving: Saving,
}

/// `remove`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remove {
    /// As typed.
    pub names: Vec<String>,
    /// `None`: all groups.
    pub group: Option<Group>,
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

/// Options of commands that change manifests.
#[derive(Debug, Args)]
struct Placing {
    /// Write package.json and pnpm-lock.yaml and nothing else
    #[arg(long, help_heading = "How it is done")]
    lockfile_only: bool,
    /// Run no scripts
    #[arg(long, help_heading = "How it is done", overrides_with = "no_ignore_scripts")]
    ignore_scripts: bool,
    #[arg(long, hide = true, overrides_with = "ignore_scripts")]
    no_ignore_scripts: bool,
    /// Install even though a .pnpmfile.cjs is there, without its hooks
    #[arg(long, help_heading = "How it is done")]
    ignore_pnpmfile: bool,
    /// Place every package anew
    #[arg(long, help_heading = "How it is done")]
    force: bool,
    /// Do not apply policies to what is locked already
    #[arg(long, help_heading = "How it is done", overrides_with = "no_trust_lockfile")]
    trust_lockfile: bool,
    #[arg(long, hide = true, overrides_with = "trust_lockfile")]
    no_trust_lockfile: bool,
    /// Use no network
    #[arg(long, help_heading = "How it is done")]
    offline: bool,
    /// Use the network only for what is not there
    #[arg(long, help_heading = "How it is done")]
    prefer_offline: bool,
    #[arg(long, value_name = "name", hide = true)]
    cpu: Vec<String>,
    #[arg(long, value_name = "name", hide = true)]
    os: Vec<String>,
    #[arg(long, value_name = "name", hide = true)]
    libc: Vec<String>,
    #[arg(long, value_name = "folder", hide = true)]
    lockfile_dir: Option<String>,
    #[arg(long, value_name = "number", hide = true)]
    fetch_retries: Option<u64>,
    #[arg(short, long, hide = true)]
    global: bool,
}

/// Options of `add`.
#[derive(Debug, Args)]
pub(super) struct AddArguments {
    /// name, name@version, name@tag, alias@npm:name@version, a path or an address
    #[arg(required = true, value_name = "package")]
    packages: Vec<String>,

    /// Into dependencies (default for what is in no group yet)
    #[arg(short = 'P', long, help_heading = "Where it is saved")]
    save_prod: bool,
    /// Into devDependencies
    #[arg(short = 'D', long, help_heading = "Where it is saved")]
    save_dev: bool,
    /// Into optionalDependencies
    #[arg(short = 'O', long, help_heading = "Where it is saved")]
    save_optional: bool,
    /// Into peerDependencies and devDependencies
    #[arg(long, help_heading = "Where it is saved", overrides_with = "no_save_peer")]
    save_peer: bool,
    #[arg(long, hide = true, overrides_with = "save_peer")]
    no_save_peer: bool,

    /// Save the exact version, without ^
    #[arg(short = 'E', long, help_heading = "How it is saved")]
    save_exact: bool,
    /// Save with ~ before the version
    #[arg(long, help_heading = "How it is saved")]
    tilde: bool,
    /// What to save before the version: ^, ~, = or nothing
    #[arg(long, value_name = "prefix", help_heading = "How it is saved")]
    save_prefix: Option<String>,
    /// Save the version in the default catalog
    #[arg(long, help_heading = "How it is saved")]
    save_catalog: bool,
    /// Save the version in this catalog
    #[arg(long, value_name = "name", help_heading = "How it is saved")]
    save_catalog_name: Option<String>,
    /// Take only what is a project of the workspace
    #[arg(long, help_heading = "How it is saved")]
    workspace: bool,

    /// Add to the root of a workspace without -w
    #[arg(long, help_heading = "How it is done")]
    ignore_workspace_root_check: bool,
    #[arg(long, hide = true)]
    config: bool,
    #[arg(long, hide = true)]
    allow_build: Vec<String>,
    #[arg(long, hide = true)]
    save_build: bool,
    #[arg(long, hide = true)]
    save_types: bool,
    #[arg(long, hide = true)]
    no_save_types: bool,
    #[command(flatten)]
    placing: Placing,
}

/// Options of `update`.
#[derive(Debug, Args)]
pub(super) struct UpdateArguments {
    /// name, @scope/*, !name, name@version; none: all dependencies
    #[arg(value_name = "package")]
    packages: Vec<String>,

    /// Only dependencies and optionalDependencies
    #[arg(short = 'P', long, alias = "production", help_heading = "What is updated")]
    prod: bool,
    /// Only devDependencies
    #[arg(short = 'D', long, help_heading = "What is updated")]
    dev: bool,
    /// Only optionalDependencies
    #[arg(long, help_heading = "What is updated", overrides_with = "no_optional")]
    optional: bool,
    /// Not optionalDependencies
    #[arg(long, help_heading = "What is updated", overrides_with = "optional")]
    no_optional: bool,
    /// Go beyond the ranges in package.json, to the newest versions
    #[arg(short = 'L', long, help_heading = "What is updated")]
    latest: bool,
    /// How deep to go; 0: direct dependencies only
    #[arg(long, value_name = "number", help_heading = "What is updated")]
    depth: Option<String>,
    /// Link what the workspace has
    #[arg(long, help_heading = "What is updated")]
    workspace: bool,

    /// Save exact versions where package.json has no range of a known form
    #[arg(short = 'E', long, help_heading = "How it is saved")]
    save_exact: bool,
    /// Leave package.json as it is
    #[arg(long, help_heading = "How it is saved")]
    no_save: bool,

    #[arg(short, long, hide = true)]
    interactive: bool,
    #[arg(long, hide = true)]
    peer: bool,
    #[arg(long, hide = true)]
    patches: bool,
    #[arg(long, hide = true)]
    include_github_actions: bool,
    #[arg(long, hide = true)]
    changeset: bool,
    #[arg(long, hide = true)]
    no_changeset: bool,
    #[command(flatten)]
    placing: Placing,
}

/// Options of `remove`.
#[derive(Debug, Args)]
pub(super) struct RemoveArguments {
    /// Names of dependencies
    #[arg(value_name = "package")]
    names: Vec<String>,
    /// Only from dependencies
    #[arg(short = 'P', long, help_heading = "Where it is removed")]
    save_prod: bool,
    /// Only from devDependencies
    #[arg(short = 'D', long, help_heading = "Where it is removed")]
    save_dev: bool,
    /// Only from optionalDependencies
    #[arg(short = 'O', long, help_heading = "Where it is removed")]
    save_optional: bool,
    #[command(flatten)]
    placing: Placing,
}

/// Which projects, as the common options say.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scope {
    pub(super) recursive: bool,
    pub(super) root: bool,
}

impl Scope {
    fn change(self, what: What) -> Command {
        Command::Change(Change { recursive: self.recursive, root: self.root, what })
    }

    /// `install <package>`.
    pub(super) fn add(self, packages: Vec<String>, groups: Vec<Group>) -> Command {
        self.change(What::Add(Add { packages, groups, ..Add::default() }))
    }
}

impl Placing {
    /// What cannot be done yet; else settings are put.
    fn translate(self, command: &str, settings: &mut Settings) -> Option<NotYet> {
        if self.global {
            return Some(NotYet::new(format!("{command} --global")));
        }
        settings.when(self.lockfile_only, "lockfileOnly", true);
        settings.when(self.ignore_scripts, "ignoreScripts", true);
        settings.when(self.no_ignore_scripts, "ignoreScripts", false);
        settings.when(self.ignore_pnpmfile, "ignorePnpmfile", true);
        settings.when(self.force, "force", true);
        settings.when(self.trust_lockfile, "trustLockfile", true);
        settings.when(self.no_trust_lockfile, "trustLockfile", false);
        settings.when(self.offline, "offline", true);
        settings.when(self.prefer_offline, "preferOffline", true);
        settings.option("lockfileDir", self.lockfile_dir);
        settings.option("fetchRetries", self.fetch_retries);
        settings.architectures([("os", &self.os), ("cpu", &self.cpu), ("libc", &self.libc)]);
        None
    }
}

impl AddArguments {
    pub(super) fn translate(self, scope: Scope, settings: &mut Settings) -> Command {
        let refused = [
            (self.config, "add --config"),
            (!self.allow_build.is_empty(), "add --allow-build"),
            (self.save_build, "add --save-build"),
            (self.save_types, "add --save-types"),
        ];
        if let Some((_, option)) = refused.into_iter().find(|(typed, _)| *typed) {
            return Command::NotYet(NotYet::new(option));
        }
        if let Some(refused) = self.placing.translate("add", settings) {
            return Command::NotYet(refused);
        }
        settings.when(self.no_save_peer, "savePeer", false);
        let typed = [
            (Group::Prod, self.save_prod),
            (Group::Dev, self.save_dev || self.save_peer && !self.save_prod && !self.save_optional),
            (Group::Optional, self.save_optional),
            (Group::Peer, self.save_peer),
        ];
        let saving = Saving {
            exact: self.save_exact,
            prefix: self.save_prefix.or_else(|| self.tilde.then(|| "~".to_owned())),
            catalog: self.save_catalog_name.or_else(|| self.save_catalog.then(|| "default".to_owned())),
        };
        scope.change(What::Add(Add {
            packages: self.packages,
            groups: groups(typed),
            workspace: self.workspace,
            saving,
            ignore_root_check: self.ignore_workspace_root_check,
        }))
    }
}

impl UpdateArguments {
    pub(super) fn translate(self, scope: Scope, settings: &mut Settings) -> Command {
        let refused = [
            (self.interactive, "update --interactive", "Name the packages: `wasi-pm update <package>`"),
            (self.peer, "update --peer", "Change peerDependencies in package.json by hand"),
            (self.patches, "update --patches", "Use pnpm for this; both can work on the same project"),
            (self.include_github_actions, "update --include-github-actions", "Use pnpm for this"),
            (self.changeset, "update --changeset", "Write the changeset by hand"),
        ];
        if let Some((_, option, hint)) = refused.into_iter().find(|(typed, ..)| *typed) {
            return Command::NotYet(NotYet::with_hint(option, hint));
        }
        if let Some(refused) = self.placing.translate("update", settings) {
            return Command::NotYet(refused);
        }
        let direct = match self.depth.as_deref() {
            None | Some("Infinity" | "infinity") => false,
            Some("0") => true,
            Some(other) => {
                let hint = "Depths between 0 and Infinity are not told apart: leave --depth out, or use --depth 0";
                return Command::NotYet(NotYet::with_hint(format!("update --depth {other}"), hint));
            }
        };
        // As pnpm has it: `--prod` means what is there in production, and `--optional` narrows it.
        let all = !self.prod && !self.dev && !self.optional;
        let typed = [
            (Group::Prod, self.prod || all),
            (Group::Dev, self.dev || all),
            (Group::Optional, (self.prod || self.optional || all) && !self.no_optional),
            (Group::Peer, false),
        ];
        // Alone it leaves out nothing, as pnpm has it.
        let groups = if all { Vec::new() } else { groups(typed) };
        scope.change(What::Update(Update {
            selectors: self.packages,
            groups,
            latest: self.latest,
            workspace: self.workspace,
            save: !self.no_save,
            direct,
            saving: Saving { exact: self.save_exact, ..Saving::default() },
        }))
    }
}

impl RemoveArguments {
    pub(super) fn translate(self, scope: Scope, settings: &mut Settings) -> Command {
        if let Some(refused) = self.placing.translate("remove", settings) {
            return Command::NotYet(refused);
        }
        let typed = [(Group::Dev, self.save_dev), (Group::Optional, self.save_optional), (Group::Prod, self.save_prod)];
        let group = typed.into_iter().find(|(_, typed)| *typed).map(|(group, _)| group);
        scope.change(What::Remove(Remove { names: self.names, group }))
    }
}

fn groups(typed: [(Group, bool); 4]) -> Vec<Group> {
    typed.into_iter().filter(|(_, typed)| *typed).map(|(group, _)| group).collect()
}

impl Settings {
    /// `--os`, `--cpu`, `--libc`.
    pub(super) fn architectures(&mut self, axes: [(&str, &Vec<String>); 3]) {
        let typed = axes.into_iter().filter(|(_, names)| !names.is_empty());
        let map: serde_json::Map<String, Value> =
            typed.map(|(axis, names)| (axis.to_owned(), Value::from(names.clone()))).collect();
        if !map.is_empty() {
            self.put("supportedArchitectures", map);
        }
    }
}
