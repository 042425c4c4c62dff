//! The arguments of `add`.

use clap::Args;

use super::{Change, Saving, Scope, groups, placing::Placing};
use crate::{
    cli::{Command, NotYet, arguments::Settings},
    engine::{Addition, Intent},
    graph::Group,
};

/// Options of `add`.
#[derive(Debug, Args)]
pub(in crate::cli) struct AddArguments {
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
    /// Link no devDependencies
    #[arg(long, alias = "production", help_heading = "How it is done")]
    prod: bool,
    /// Link devDependencies alone
    #[arg(long, help_heading = "How it is done")]
    dev: bool,
    /// Link no optionalDependencies
    #[arg(long, help_heading = "How it is done", overrides_with = "optional")]
    no_optional: bool,
    #[arg(long, hide = true, overrides_with = "no_optional")]
    optional: bool,
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

impl AddArguments {
    pub(in crate::cli) fn translate(self, scope: Scope, settings: &mut Settings) -> Command {
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
        settings.when(self.prod, "production", true);
        settings.when(self.dev, "dev", true);
        settings.when(self.optional, "optional", true);
        settings.when(self.no_optional, "optional", false);
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
        let addition = Addition {
            packages: self.packages,
            groups: groups(typed),
            workspace: self.workspace,
            ..Addition::default()
        };
        let change = scope.change(Intent::Add(addition), saving);
        Command::Change(Change { ignore_root_check: self.ignore_workspace_root_check, ..change })
    }
}
