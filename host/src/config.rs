//! What the command line, the environment and the files mean together.
//!
//! ```text
//! defaults < .npmrc (addresses and credentials only) < <config home>/pnpm/config.yaml < pnpm-workspace.yaml
//!          < PNPM_CONFIG_* < flags and --config.<setting>=<value>
//! ```
//! [`Config::load`] reads a handful of files and starts nothing: it is part of every run that has nothing to do.

mod branch;
pub mod credentials;
pub mod edit;
pub mod environment;
pub mod error;
mod files;
mod groups;
pub mod manifest;
mod new_project;
pub mod npmrc;
mod part;
mod pattern;
pub mod project;
pub mod table;
pub mod values;

pub use environment::Environment;
pub use error::ConfigError;
pub use groups::{Cycles, Directories, Install, Layout, LockfileUse, Network, Policy, Retries, Scripts};
pub use manifest::Manifest;
pub use project::{Importer, Project};
use serde_json::{Map, Value};
pub use values::{Origin, Values};

use crate::{cli::Invocation, patch::Patch};

/// Everything a command needs to know; no field changes once it is loaded.
#[derive(Debug, Clone)]
pub struct Config {
    /// What is installed.
    pub project: Project,
    /// How the lockfile and `node_modules` are treated.
    pub install: Install,
    /// Where packages come from, and how to get there.
    pub network: Network,
    /// The store and the cache.
    pub directories: Directories,
    /// How `node_modules` is laid out.
    pub layout: Layout,
    /// What is run.
    pub scripts: Scripts,
    /// What the component needs to know. `registries.default` is what flags, environment and YAML say; it is empty
    /// where `.npmrc` or npm must be asked.
    pub settings: wit::settings::Settings,
    /// The files of `patchedDependencies`.
    pub patches: Vec<Patch>,
    /// `nodeVersion`: what `engines.node` is compared with in place of the Node that is found.
    pub node_version: Option<String>,
    /// What the user should hear about the configuration itself: one line each.
    pub warnings: Vec<String>,
}

impl Config {
    /// Finds the project and merges all settings.
    ///
    /// # Errors
    /// There is no project, a file is broken, or a setting is not valid or not supported.
    pub fn load(invocation: &Invocation, environment: &Environment) -> Result<Self, ConfigError> {
        let start = start_folder(invocation, environment)?;
        let begun = new_project::is_begun_by(&invocation.command);
        let place = match project::locate(&start) {
            Err(ConfigError::NoManifest { other: None, .. }) if begun.is_some() => project::Place::new(start),
            place => place?,
        };
        let begun = begun.and_then(|begun| begun.manifest(&place));
        let mut values = merge(invocation, environment, Some(&place))?;
        values.refuse_unsupported()?;
        refuse_hooks(&place.root, &values)?;
        let project = project::discover(&place, begun)?;
        warn_of_ignored_fields(&project, &mut values);
        groups::assemble(project, values, invocation, environment)
    }
}

/// Finds the store and the cache for commands that need no project.
///
/// # Errors
/// A file is broken, or there is no home folder.
pub fn directories(invocation: &Invocation, environment: &Environment) -> Result<Directories, ConfigError> {
    let start = start_folder(invocation, environment)?;
    let place = match project::locate(&start) {
        Ok(place) => Some(place),
        Err(ConfigError::NoManifest { .. }) => None,
        Err(error) => return Err(error),
    };
    let values = merge(invocation, environment, place.as_ref())?;
    let root = place.map_or(start, |place| place.root);
    groups::directories(&values, &root, environment)
}

fn start_folder(invocation: &Invocation, environment: &Environment) -> Result<std::path::PathBuf, ConfigError> {
    let Some(dir) = &invocation.dir else { return Ok(environment.cwd.clone()) };
    let path = environment.cwd.join(dir);
    path.canonicalize().map_err(|source| ConfigError::Read { path, source })
}

fn merge(
    invocation: &Invocation,
    environment: &Environment,
    place: Option<&project::Place>,
) -> Result<Values, ConfigError> {
    let mut values = Values::default();
    if let Some(path) = environment.config_home().map(|home| home.join("pnpm/config.yaml"))
        && let Some(settings) = project::read_yaml(&path)?
    {
        add_file(&mut values, &settings, &Origin::UserFile(path.display().to_string()))?;
    }
    if let Some(place) = place
        && let Some(settings) = &place.settings
    {
        add_file(&mut values, settings, &Origin::WorkspaceFile("pnpm-workspace.yaml".to_owned()))?;
    }
    for (name, text) in &environment.variables {
        let Some(key) = name.strip_prefix("PNPM_CONFIG_").or_else(|| name.strip_prefix("pnpm_config_")) else {
            continue;
        };
        // What pnpm itself exports to scripts is not meant for us: unknown names are no mistake of the user's.
        if let Some(setting) = table::find(key).filter(|_| !text.is_empty()) {
            values.add(setting.name, values::from_text(Some(setting), text), Origin::Variable(name.clone()))?;
        }
    }
    for (name, value) in &invocation.settings {
        values.add(name, value.clone(), Origin::Flag(format!("--{name}")))?;
    }
    Ok(values)
}

fn add_file(values: &mut Values, settings: &Map<String, Value>, origin: &Origin) -> Result<(), ConfigError> {
    for (name, value) in settings {
        values.add(name, value.clone(), origin.clone())?;
    }
    Ok(())
}

/// A file of hooks rewrites manifests; an install that does not run it would lock something else.
fn refuse_hooks(root: &std::path::Path, values: &Values) -> Result<(), ConfigError> {
    if values.flag("ignorePnpmfile") == Some(true) {
        return Ok(());
    }
    match [".pnpmfile.mjs", ".pnpmfile.cjs"].map(|name| root.join(name)).into_iter().find(|path| path.exists()) {
        Some(path) => Err(ConfigError::Hooks { path }),
        None => Ok(()),
    }
}

fn warn_of_ignored_fields(project: &Project, values: &mut Values) {
    for importer in &project.importers {
        if importer.manifest.has_pnpm_field {
            let path = importer.dir.join("package.json");
            values.warnings.push(format!(
                "The \"pnpm\" field in {} is not read; put its settings into pnpm-workspace.yaml",
                path.display()
            ));
        }
    }
}

#[cfg(test)]
mod tests;
