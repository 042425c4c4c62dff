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
/// Run in the root before anything is installed.
pub const DEV_PREINSTALL: &str = "pnpm:devPreinstall";

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

/// Runs [`DEV_PREINSTALL`] of the root project, if it has one.
///
/// # Errors
/// [`ScriptError`] if it cannot be started or fails.
pub fn run_dev_preinstall(
    root: &Project,
    environment: &Environment,
    running: &Running,
    report: &dyn Report,
) -> Result<(), ScriptError> {
    run_stage(root, DEV_PREINSTALL, environment, running, report)
}

/// Runs the scripts of the projects, given in the order of their dependencies, one project after the other; the first
/// failure ends it. The literal `npx only-allow pnpm` is passed over, as in pnpm.
///
/// # Errors
/// [`ScriptError`] if a script cannot be started or fails.
pub fn run_lifecycle(
    projects: &[Project],
    environment: &Environment,
    running: &Running,
    report: &dyn Report,
) -> Result<(), ScriptError> {
    projects.iter().try_for_each(|project| {
        STAGES.iter().try_for_each(|stage| run_stage(project, stage, environment, running, report))
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
