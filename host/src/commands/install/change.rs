//! What `add`, `update` and `remove` mean for the projects at hand: which of them change, and what the component is
//! asked.

use wit::{settings::Saving, wildcard};

use super::Failures;
use crate::{
    cli::Change,
    config::{Config, Importer},
    diagnostic::Diagnostic,
    engine::Intent,
    graph::Group,
};

/// Whether a project is one of those that the command is about.
pub(super) fn is_about(change: &Change, config: &Config, importer: &Importer) -> bool {
    let project = &config.project;
    if change.root {
        return importer.dir == project.workspace;
    }
    if !change.recursive {
        return importer.dir == project.dir;
    }
    // As pnpm has it: what is added everywhere goes into the packages, not into what holds them together.
    let leaves_root = matches!(change.intent, Intent::Add(_)) && project.is_workspace && !config.install.includes_root;
    !(leaves_root && importer.dir == project.workspace)
}

/// What the component is asked; of an installation, none of this.
///
/// # Errors
/// There is no project where the command is, or it would write into the workspace's root by mistake.
pub fn intent(config: &Config) -> Result<Option<Intent>, Failures> {
    let Some(change) = &config.install.change else { return Ok(None) };
    let about = config.project.importers.iter().filter(|importer| is_about(change, config, importer));
    let importers: Vec<_> = about.map(|importer| importer.id.clone()).collect();
    if importers.is_empty() && !adds_to_none(config) {
        return Err(vec![no_project(config, change)]);
    }
    Ok(Some(change.intent.clone().about(importers)))
}

/// Refuses what should not even begin.
///
/// # Errors
/// As it says.
pub(super) fn check(config: &Config) -> Result<(), Failures> {
    let Some(change) = &config.install.change else { return Ok(()) };
    let project = &config.project;
    let refuse = |code, message: &str, hint: &str| Err(vec![Diagnostic::new(code, message).with_hint(hint)]);
    // To pnpm a workspace begins with the file, though it may list no projects.
    let is_outside = project.settings_text.is_none();
    if change.root && is_outside {
        return refuse(
            "ERR_PNPM_NOT_IN_WORKSPACE",
            "--workspace-root may only be used inside a workspace",
            "Leave it out, or run the command in a project below a pnpm-workspace.yaml",
        );
    }
    let of_workspace = match &change.intent {
        Intent::Add(addition) => addition.workspace,
        Intent::Update(update) => update.workspace,
        _ => false,
    };
    match &change.intent {
        Intent::Update(update) if update.workspace && update.latest => {
            return refuse(
                "ERR_PNPM_BAD_OPTIONS",
                "Cannot use --latest with --workspace simultaneously",
                "--workspace takes what the workspace has, --latest what the registry has: leave one of them out",
            );
        }
        _ if of_workspace && is_outside => {
            return refuse(
                "ERR_PNPM_WORKSPACE_OPTION_OUTSIDE_WORKSPACE",
                "--workspace can only be used inside a workspace",
                "Run it in a project below a pnpm-workspace.yaml",
            );
        }
        Intent::Add(_) => {
            let at_root = project.is_workspace && project.dir == project.workspace;
            let is_asked =
                change.root || change.recursive || change.ignore_root_check || config.install.ignores_root_check;
            if at_root && !is_asked && config.install.workspace_patterns > 1 {
                return refuse(
                    "ERR_PNPM_ADDING_TO_ROOT",
                    "This would add the dependency to the root of the workspace, which may not be what you want",
                    "Say so with -w (--workspace-root), or set ignoreWorkspaceRootCheck: true in pnpm-workspace.yaml",
                );
            }
        }
        _ => {}
    }
    Ok(())
}

/// Whether something is added to every project of a workspace that has none but its root.
fn adds_to_none(config: &Config) -> bool {
    let Some(change) = config.install.change.as_ref().filter(|change| change.recursive) else { return false };
    let is_add = matches!(change.intent, Intent::Add(_)) && config.project.is_workspace;
    is_add && !config.project.importers.iter().any(|importer| is_about(change, config, importer))
}

/// Whether there is nothing that could change: an update goes beyond ranges of dependencies that no project has, or
/// something is added to no project. As pnpm has it, nothing is done then, not even an installation.
pub(super) fn finds_nothing(config: &Config) -> bool {
    if adds_to_none(config) {
        return true;
    }
    let Some(change) = &config.install.change else { return false };
    let Intent::Update(update) = &change.intent else { return false };
    // With a version it is an error, which the component tells.
    if !update.latest || update.selectors.is_empty() || update.selectors.iter().any(|it| has_version(it)) {
        return false;
    }
    let has_any = |importer: &Importer| {
        let groups = [Group::Prod, Group::Dev, Group::Optional];
        let groups = groups.into_iter().filter(|group| update.groups.is_empty() || update.groups.contains(group));
        groups
            .map(Group::field)
            .any(|field| importer.manifest.entries(field).any(|(alias, _)| wildcard::takes(&update.selectors, alias)))
    };
    !config.project.importers.iter().filter(|importer| is_about(change, config, importer)).any(has_any)
}

/// Whether a selector names a version behind the name, which may itself begin with `!` and `@`.
fn has_version(selector: &str) -> bool {
    selector.trim_start_matches('!').get(1..).is_some_and(|rest| rest.contains('@'))
}

fn no_project(config: &Config, change: &Change) -> Diagnostic {
    let project = &config.project;
    let dir = if change.root { &project.workspace } else { &project.dir };
    let message = format!("{} is no project of the workspace {}", dir.display(), project.workspace.display());
    Diagnostic::new("ERR_WASI_PM_NO_PROJECT", message)
        .with_hint("Put a package.json there and see that packages in pnpm-workspace.yaml matches the folder")
}

/// What is saved in this run: the settings, and what flags say.
pub fn saving(config: &Config) -> Saving {
    let mut saving = config.settings.saving.clone();
    let Some(Change { saving: flags, .. }) = &config.install.change else { return saving };
    saving.exact |= flags.exact;
    if flags.prefix.is_some() {
        saving.prefix.clone_from(&flags.prefix);
    }
    if flags.catalog.is_some() {
        saving.catalog_name.clone_from(&flags.catalog);
    }
    saving
}

/// Whether the projects' own scripts run: not where the command is about some of their dependencies only, as pnpm has
/// it.
pub(super) fn runs_scripts(config: &Config) -> bool {
    match config.install.change.as_ref().map(|change| &change.intent) {
        None => true,
        Some(Intent::Update(update)) => update.selectors.is_empty() && !update.latest,
        Some(_) => false,
    }
}
