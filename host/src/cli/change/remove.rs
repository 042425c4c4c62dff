//! The arguments of `remove`.

use clap::Args;

use super::{Saving, Scope, placing::Placing};
use crate::{
    cli::{Command, arguments::Settings},
    engine::{Intent, Removal},
    graph::Group,
};

/// Options of `remove`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RemoveArguments {
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

impl RemoveArguments {
    pub(in crate::cli) fn translate(self, scope: Scope, settings: &mut Settings) -> Command {
        if let Some(refused) = self.placing.translate("remove", settings) {
            return Command::NotYet(refused);
        }
        let typed = [(Group::Dev, self.save_dev), (Group::Optional, self.save_optional), (Group::Prod, self.save_prod)];
        let group = typed.into_iter().find(|(_, typed)| *typed).map(|(group, _)| group);
        let removal = Removal { names: self.names, group, strict: !scope.recursive, ..Removal::default() };
        Command::Change(scope.change(Intent::Remove(removal), Saving::default()))
    }
}
