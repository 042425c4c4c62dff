//! The arguments of `update`.

use clap::Args;

use super::{Change, GroupFlags, Saving, Scope, groups, placing::Placing};
use crate::{
    cli::{Command, NotYet, arguments::Settings},
    engine::{Intent, Update},
    graph::Group,
};

/// Options of `update`.
#[derive(Debug, Args)]
pub(in crate::cli) struct UpdateArguments {
    /// name, @scope/*, !name, name@version; none: all dependencies
    #[arg(value_name = "package")]
    packages: Vec<String>,

    /// Only dependencies
    #[arg(short = 'P', long, alias = "production", help_heading = "What is updated")]
    prod: bool,
    /// Only devDependencies
    #[arg(short = 'D', long, help_heading = "What is updated")]
    dev: bool,
    /// Only optionalDependencies
    #[arg(long, help_heading = "What is updated", overrides_with = "no_optional")]
    optional: bool,
    /// Link no optionalDependencies
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

impl UpdateArguments {
    pub(in crate::cli) fn translate(self, scope: Scope, settings: &mut Settings) -> Command {
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
        let typed =
            [(Group::Prod, self.prod), (Group::Dev, self.dev), (Group::Optional, self.optional), (Group::Peer, false)];
        let optional = if self.no_optional { Some(false) } else { self.optional.then_some(true) };
        let flags = GroupFlags { prod: self.prod, dev: self.dev, optional };
        let update = Update {
            selectors: self.packages,
            groups: groups(typed),
            latest: self.latest,
            workspace: self.workspace,
            save: !self.no_save,
            direct,
            ..Update::default()
        };
        let saving = Saving { exact: self.save_exact, ..Saving::default() };
        let change = scope.change(Intent::Update(update), saving);
        Command::Change(Change { flags, ..change })
    }
}
