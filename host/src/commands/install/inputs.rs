//! What an installation is made from, as far as the next one must notice a change: files, projects, and a digest of
//! every setting that may change the outcome.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{Failures, one};
use crate::{
    config::{Config, Environment},
    diagnostic::Diagnostic,
    link::LinkError,
    platform,
    state::{tree, up_to_date::Input},
};

/// What the up-to-date check compares.
pub(super) struct Inputs {
    /// Of all settings, this program's version, and the machine.
    pub(super) settings: tree::Digest,
    /// Manifests, lockfile and configuration files, there or not.
    pub(super) files: Vec<PathBuf>,
    /// The folders of the projects.
    pub(super) projects: Vec<PathBuf>,
}

impl Inputs {
    pub(super) fn gather(config: &Config, environment: &Environment) -> Self {
        let project = &config.project;
        let mut files: Vec<PathBuf> =
            project.importers.iter().map(|importer| importer.dir.join("package.json")).collect();
        files.push(project.lockfile());
        files.push(project.workspace.join("pnpm-workspace.yaml"));
        files.push(config.network.project_npmrc.clone());
        files.extend(config.network.user_npmrc.clone());
        let projects = project.importers.iter().map(|importer| importer.dir.clone()).collect();
        Self { settings: digest(config, environment), files, projects }
    }

    /// How the files are now, before any of them is read: what changes later must be noticed by the next run.
    pub(super) fn look(&self) -> Result<Vec<Input>, Failures> {
        let look = |path: &PathBuf| Input::look(path.clone()).map_err(|error| unreadable(path, error));
        self.files.iter().map(look).collect()
    }
}

fn unreadable(path: &Path, error: io::Error) -> Failures {
    if error.kind() != io::ErrorKind::FileTooLarge {
        return one(LinkError::io("read", path)(error));
    }
    vec![Diagnostic::new("ERR_WASI_PM_TOO_LARGE", format!("{} cannot be used: {error}", path.display()))]
}

fn digest(config: &Config, environment: &Environment) -> tree::Digest {
    let saving = wit::settings::Saving::default(); // what commands write is nothing that an installation notices
    let guest = wit::settings::Settings { now: 0, saving, ..config.settings.clone() };
    let guest = serde_json::to_string(&guest).expect("settings have string keys only");
    // With its size and time: an upgrade in place is another Node. What stands behind a shim cannot be seen so.
    let node = platform::NodeFile::find(environment.get("PATH").map(AsRef::as_ref));
    let mut text = format!("{} {guest}", env!("CARGO_PKG_VERSION"));
    // Debug forms are stable within one version, which is part of the digest.
    text += &format!("{:?}{:?}{:?}", config.directories, config.layout, config.scripts);
    text += &format!("{:?}{:?}{:?}", config.network.registry, config.node_version, node);
    tree::digest(text.as_bytes())
}
