//! `sharedWorkspaceLockfile: false`: every project of the workspace is an installation of its own, one after the other,
//! those that others depend on first.

use std::sync::Arc;

use super::{Clients, Context, Failures, Inputs, Install, change, cycles, guard, installation, order, placed_groups};
use crate::report::{LogLevel, event::Stage};

/// Installs all projects that are not up to date.
pub(super) fn run(workspace: &Install<'_>) -> Result<(), Failures> {
    let config = &workspace.context.config;
    let is_about = |at: &usize| {
        let change = config.install.change.as_ref();
        change.is_none_or(|change| change::is_about(change, config, &config.project.importers[*at]))
    };
    let order: Vec<usize> = order::of_projects(config).into_iter().flatten().filter(is_about).collect();
    let clients = Clients::default();
    let mut ignored_builds = Vec::new();
    let mut all_up_to_date = true;
    for at in order {
        let context =
            Context { config: placed_groups::choose(&Arc::new(config.of_project(at))), ..workspace.context.clone() };
        let part = Install { is_part: true, ..Install::new(&context, workspace.environment) };
        let inputs = Inputs::gather(&context.config, workspace.environment);
        if let Some(ignored) = part.up_to_date(&inputs) {
            ignored_builds.extend(ignored);
            continue;
        }
        if std::mem::take(&mut all_up_to_date) {
            guard::watch_signals();
            cycles::check(workspace)?;
        }
        ignored_builds.extend(installation(&part, &inputs, &clients)?);
    }
    if config.install.dry_run {
        return Ok(());
    }
    if all_up_to_date {
        workspace.message(LogLevel::Info, "Already up to date");
    } else {
        workspace.stage(Stage::ImportingDone);
    }
    ignored_builds.sort();
    ignored_builds.dedup();
    workspace.end(&ignored_builds)
}
