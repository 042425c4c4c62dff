//! The projects' own lifecycle scripts: which there are, in which order, and their running. Scripts of dependencies are
//! not run by this version; `state::record::ignored_builds` names them.

mod environment;
mod run;

use std::path::{Path, PathBuf};

use serde_json::Value;

pub use environment::Environment;
pub use run::{Running, ScriptError};

use crate::report::Report;

/// Run after an installation, in this order.
pub const STAGES: [&str; 6] = ["preinstall", "install", "postinstall", "preprepare", "prepare", "postprepare"];
/// Run in the root before anything is installed, in this order.
pub const BEFORE: [&str; 2] = ["pnpm:devPreinstall", "preinstall"];

/// A project whose scripts may run.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    /// Its folder, absolute.
    pub folder: PathBuf,
    /// Its `package.json`.
    pub manifest: Value,
}

impl Project {
    /// The command line of a script.
    #[must_use]
    pub fn script(&self, stage: &str) -> Option<&str> {
        self.manifest.get("scripts")?.get(stage)?.as_str().filter(|script| !script.is_empty())
    }

    /// It has something to run after an installation.
    #[must_use]
    pub fn has_scripts(&self) -> bool {
        STAGES.iter().any(|stage| self.script(stage).is_some())
    }
}

/// Runs what the root project has of [`BEFORE`].
///
/// # Errors
/// [`ScriptError`] if it cannot be started or fails.
pub fn run_before(
    root: &Project,
    environment: &Environment,
    running: &Running,
    report: &dyn Report,
) -> Result<(), ScriptError> {
    BEFORE.iter().try_for_each(|stage| run_stage(root, stage, environment, running, report))
}

/// Runs the scripts of the projects, given in the order of their dependencies, one project after the other; the first
/// failure ends it. What `root` has run before is not run again. The literal `npx only-allow pnpm` is passed over, as
/// in pnpm.
///
/// # Errors
/// [`ScriptError`] if a script cannot be started or fails.
pub fn run_lifecycle(
    projects: &[Project],
    root: &Path,
    environment: &Environment,
    running: &Running,
    report: &dyn Report,
) -> Result<(), ScriptError> {
    projects.iter().try_for_each(|project| {
        let mut stages = STAGES.iter().filter(|stage| project.folder != root || !BEFORE.contains(*stage));
        stages.try_for_each(|stage| run_stage(project, stage, environment, running, report))
    })
}

fn run_stage(
    project: &Project,
    stage: &str,
    environment: &Environment,
    running: &Running,
    report: &dyn Report,
) -> Result<(), ScriptError> {
    match project.script(stage) {
        None | Some("npx only-allow pnpm") => Ok(()),
        Some(script) => running.run(&run::Command { project, stage, script, environment }, report),
    }
}

/// The folder as text, for events.
fn shown(folder: &Path) -> String {
    folder.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
