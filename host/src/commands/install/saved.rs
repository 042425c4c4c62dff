//! How new manifests and catalogs get onto the disk.
//!
//! Nothing is written before all packages are linked. Each file is written aside and renamed, catalogs before the
//! manifests that refer to them, those before the lockfile: whoever is interrupted in between has a manifest that says
//! more than the lockfile, and the next installation catches up.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::{Failures, Install};
use crate::{
    config::{self, Importer, Project, edit},
    diagnostic::Diagnostic,
    engine::Saved,
    replace,
    report::Event,
    state::up_to_date::Input,
};

#[cfg(test)]
mod tests;

/// Refuses manifests and settings that are others by now than those that this run was made from: another run may have
/// held the lock until now. Where each project has a lockfile of its own, one run writes settings between its projects
/// itself.
///
/// # Errors
/// Which one has changed.
pub(super) fn check_unchanged(install: &Install<'_>, seen: &[Input]) -> Result<(), Failures> {
    let config = &install.context.config;
    let settings = config.project.workspace.join("pnpm-workspace.yaml");
    let is_other = |text: Option<String>| text != config.project.settings_text;
    if !install.is_part && config::project::read_settings(&settings).is_ok_and(is_other) {
        return Err(vec![changed_meanwhile(&settings)]);
    }
    for (at, importer) in config.project.importers.iter().enumerate() {
        let path = importer.dir.join("package.json");
        let has_looked = |seen: &&Input| seen.path == path && seen.holds(importer.manifest.text.as_bytes());
        if !importer.is_new && seen.get(at).is_some_and(|seen| has_looked(&seen)) {
            continue; // it need not be read once more to see that
        }
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
    let files = files(project, saved)?;
    for File { path, real, text } in &files {
        replace::file(real, text).map_err(|error| vec![unwritable(path, &error.to_string())])?;
    }
    for (id, manifest) in &saved.manifests {
        if let Some(importer) = project.importers.iter().find(|importer| importer.id == *id) {
            let (prefix, manifest) = (importer.dir.display().to_string(), manifest.clone());
            install.event(Event::ManifestUpdated { prefix, manifest });
        }
    }
    Ok(files.into_iter().map(|file| file.path).collect())
}

/// A file that is written.
#[derive(Debug)]
struct File {
    path: PathBuf,
    /// Where it leads.
    real: PathBuf,
    text: String,
}

/// The files in the order in which they are written; none is touched if one of them must not be.
fn files(project: &Project, saved: &Saved) -> Result<Vec<File>, Failures> {
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
    let file = |(path, text): (PathBuf, String)| {
        // A manifest may be a link into another folder of the workspace: what it leads to is written.
        match replace::real(&path, &project.workspace) {
            Ok(real) => Ok(File { path, real, text }),
            Err(error) => Err(vec![unwritable(&path, &error.to_string())]),
        }
    };
    files.into_iter().map(file).collect()
}

/// The settings file with new entries of catalogs.
fn catalogs(path: &Path, saved: &Saved) -> Result<(PathBuf, String), Failures> {
    let failed = |cause: String| vec![uneditable(path, cause)];
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(error.to_string())),
    };
    let text = edit::set_catalogs(&text, &saved.catalogs).map_err(|error| failed(error.to_string()))?;
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
    catalogs(&install.context.config.project.workspace.join("pnpm-workspace.yaml"), saved).map(drop)
}
