//! What `add`, `update` and `remove` mean for the projects at hand: which of them change, what the component is asked, and
//! how the new manifests and catalogs get onto the disk.
//!
//! Nothing is written before all packages are linked. Each file is written aside and renamed, catalogs before the
//! manifests that refer to them, those before the lockfile: whoever is interrupted in between has a manifest that says more
//! than the lockfile, and the next installation catches up.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use wit::{settings::Saving, wildcard};

use super::{Failures, Install, finish};
use crate::{
    cli::Change,
    config::{Config, Importer, edit, project},
    diagnostic::Diagnostic,
    engine::{Intent, Saved},
    graph::Group,
    report::Event,
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
    if importers.is_empty() {
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
    if change.root && !project.is_workspace {
        return refuse(
            "ERR_PNPM_NOT_IN_WORKSPACE",
            "--workspace-root may only be used inside a workspace",
            "Leave it out, or run the command in a project below a pnpm-workspace.yaml",
        );
    }
    match &change.intent {
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
        Intent::Update(update) if update.workspace && update.latest => {
            return refuse(
                "ERR_PNPM_BAD_OPTIONS",
                "Cannot use --latest with --workspace simultaneously",
                "--workspace takes what the workspace has, --latest what the registry has: leave one of them out",
            );
        }
        Intent::Update(update) if update.workspace && !project.is_workspace => {
            return refuse(
                "ERR_PNPM_WORKSPACE_OPTION_OUTSIDE_WORKSPACE",
                "--workspace can only be used inside a workspace",
                "Run it in a project below a pnpm-workspace.yaml with packages",
            );
        }
        _ => {}
    }
    Ok(())
}

/// Whether an update goes beyond ranges of dependencies that no project has: as pnpm has it, nothing is done then, not even
/// an installation.
pub(super) fn finds_nothing(config: &Config) -> bool {
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

/// Whether the projects' own scripts run: not where the command is about some of their dependencies only, as pnpm has it.
pub(super) fn runs_scripts(config: &Config) -> bool {
    match config.install.change.as_ref().map(|change| &change.intent) {
        None => true,
        Some(Intent::Update(update)) => update.selectors.is_empty() && !update.latest,
        Some(_) => false,
    }
}

/// Refuses manifests and settings that are others by now than those that this run was made from: another run may have held
/// the lock until now. Where each project has a lockfile of its own, one run writes settings between its projects itself.
///
/// # Errors
/// Which one has changed.
pub(super) fn check_unchanged(install: &Install<'_>) -> Result<(), Failures> {
    let config = &install.context.config;
    let settings = config.project.workspace.join("pnpm-workspace.yaml");
    let is_other = |text: Option<String>| text != config.project.settings_text;
    if !install.is_part && project::read_settings(&settings).is_ok_and(is_other) {
        return Err(vec![changed_meanwhile(&settings)]);
    }
    for importer in &config.project.importers {
        let path = importer.dir.join("package.json");
        let on_disk = std::fs::read_to_string(&path);
        if on_disk.is_ok_and(|text| !is_read(importer, &text)) {
            return Err(vec![changed_meanwhile(&path)]);
        }
    }
    Ok(())
}

/// Whether a manifest that is on the disk is the one that was read.
fn is_read(importer: &Importer, text: &str) -> bool {
    !importer.is_new && text.trim_start_matches('\u{feff}') == &*importer.manifest.text
}

/// Writes manifests and catalogs; the files that were written.
///
/// # Errors
/// One cannot be written, or has been changed meanwhile.
pub(super) fn write(install: &Install<'_>, saved: &Saved) -> Result<Vec<PathBuf>, Failures> {
    let project = &install.context.config.project;
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    if !saved.catalogs.is_empty() {
        files.push(catalogs(&project.workspace.join("pnpm-workspace.yaml"), saved)?);
    }
    for (id, text) in &saved.manifests {
        let Some(importer) = project.importers.iter().find(|importer| importer.id == *id) else { continue };
        let path = importer.dir.join("package.json");
        match std::fs::read_to_string(&path) {
            Err(error) if importer.is_new && error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(vec![unwritable(&path, &error.to_string())]),
            Ok(text) if is_read(importer, &text) => {}
            Ok(_) => return Err(vec![changed_meanwhile(&path)]),
        }
        files.push((path, text.clone()));
    }
    let inside = project.workspace.canonicalize().unwrap_or_else(|_| project.workspace.clone());
    for (path, text) in &files {
        // A manifest may be a link into another folder of the workspace: what it leads to is written.
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        if path.is_symlink() && !real.starts_with(&inside) {
            return Err(vec![unwritable(path, "it is a symbolic link that leads out of the workspace")]);
        }
        finish::replace(&real, text).map_err(|error| vec![unwritable(path, &error.to_string())])?;
    }
    for (id, manifest) in &saved.manifests {
        if let Some(importer) = project.importers.iter().find(|importer| importer.id == *id) {
            let (prefix, manifest) = (importer.dir.display().to_string(), manifest.clone());
            install.event(Event::ManifestUpdated { prefix, manifest });
        }
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

/// The settings file with new entries of catalogs.
fn catalogs(path: &Path, saved: &Saved) -> Result<(PathBuf, String), Failures> {
    let failed = |cause: String| vec![uneditable(path, cause)];
    let mut text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(error.to_string())),
    };
    for entry in &saved.catalogs {
        text = edit::set_catalog(&text, &entry.catalog, &entry.alias, &entry.specifier)
            .map_err(|error| failed(error.to_string()))?;
    }
    Ok((path.to_path_buf(), text))
}

fn uneditable(path: &Path, cause: String) -> Diagnostic {
    let message = format!("The catalogs in {} cannot be changed", path.display());
    let mut diagnostic = Diagnostic::new("ERR_PNPM_WORKSPACE_MANIFEST_WRITER_UNSUPPORTED_INLINE_BLOCK", message);
    diagnostic.causes.push(cause);
    diagnostic.with_hint("Write them one entry a line, `name: range`, and run the command again")
}

fn unwritable(path: &Path, cause: &str) -> Diagnostic {
    let mut diagnostic =
        Diagnostic::new("ERR_PNPM_PACKAGE_MANIFEST_IO_ERROR", format!("{} cannot be written", path.display()));
    diagnostic.causes.push(cause.to_owned());
    diagnostic.with_hint("This file was not changed; see that you may write there, and run the command again")
}

fn changed_meanwhile(path: &Path) -> Diagnostic {
    let message = format!("{} was changed by somebody else while this command ran", path.display());
    Diagnostic::new("ERR_WASI_PM_MANIFEST_CHANGED", message).with_hint("Run the command again")
}

/// Whether catalogs could be changed at all, before anything is done.
///
/// # Errors
/// They are written in a way that cannot be changed in place.
pub(super) fn check_catalogs(install: &Install<'_>, saved: &Saved) -> Result<(), Failures> {
    if saved.catalogs.is_empty() {
        return Ok(());
    }
    let path = install.context.config.project.workspace.join("pnpm-workspace.yaml");
    let (_, text) = catalogs(&path, saved)?;
    let misread = || vec![uneditable(&path, "the entries would not be read as they were written".to_owned())];
    let settings = project::parse_yaml(&path, &text).map_err(|_| misread())?;
    let entry = |catalog: &str, alias: &str| {
        let catalogs = settings.get("catalogs").and_then(|catalogs| catalogs.get(catalog));
        let default = settings.get("catalog").filter(|_| catalog == "default");
        catalogs.or(default)?.get(alias)?.as_str().map(str::to_owned)
    };
    let is_there = |saved: &crate::engine::CatalogEntry| {
        entry(&saved.catalog, &saved.alias).as_deref() == Some(saved.specifier.as_str())
    };
    if saved.catalogs.iter().all(is_there) {
        return Ok(());
    }
    Err(misread())
}
