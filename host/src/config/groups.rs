//! The merged settings as groups of named fields, with pnpm's defaults: one file for each subject.

mod install;
mod network;
mod places;
mod settings;
mod shared;

use std::{collections::BTreeMap, path::Path};

pub use install::{Cycles, Install, LockfileUse};
pub use network::{Network, Retries};
pub(super) use places::directories;
pub use places::{Directories, Layout};
use serde_json::Value;
use wit::settings as guest;

use super::{Config, ConfigError, Environment, Project, Values, branch};
use crate::{cli::Invocation, patch::Patch};

/// What is run. Scripts of dependencies are not run by this version: all of them are listed as ignored.
#[derive(Debug, Clone)]
pub struct Scripts {
    /// Run nothing.
    pub ignore: bool,
    /// Ignored builds are an error (`strictDepBuilds`).
    pub strict_dep_builds: bool,
    /// `allowBuilds`: package selector to the user's decision; `None` where the text is no decision.
    pub allow_builds: BTreeMap<String, Option<bool>>,
    /// `dangerouslyAllowAllBuilds`.
    pub allow_all_builds: bool,
    /// `scriptShell`.
    pub shell: Option<String>,
    /// `nodeOptions`.
    pub node_options: Option<String>,
}

/// What may be installed at all: the component's words.
pub type Policy = guest::Policy;

/// Puts everything together.
pub(super) fn assemble(
    mut project: Project,
    mut values: Values,
    invocation: &Invocation,
    environment: &Environment,
) -> Result<Config, ConfigError> {
    branch::choose(&mut project, &values);
    project.has_own_lockfiles = project.is_workspace && values.flag("sharedWorkspaceLockfile") == Some(false);
    let install = install::install(&values, invocation, environment)?;
    let network = network::network(&values, &project, environment)?;
    let directories = directories(&values, &project.root, environment)?;
    let mut layout = places::layout(&values, &project, &directories, environment);
    if layout.global_virtual_store_dir.is_some()
        && let Some(objection) = shared::objection(&project, &values)
    {
        layout.global_virtual_store_dir = None;
        values.warnings.push(objection);
    }
    let scripts = scripts(&values)?;
    let mut settings = settings::settings(&values, &install, &network, environment)?;
    values.warnings.extend(of_references(&settings.rules));
    let patches = patches(&values, &project.root)?;
    settings.rules.patched_dependencies =
        patches.iter().map(|(selector, patch)| (selector.clone(), patch.hash.clone())).collect();
    settings.layout.global_virtual_store =
        layout.global_virtual_store_dir.is_some().then(|| guest::GlobalVirtualStore {
            project: project.root.to_string_lossy().into_owned(),
            allow_builds: scripts
                .allow_builds
                .iter()
                .filter_map(|(name, verdict)| Some((name.clone(), (*verdict)?)))
                .collect(),
            allow_all_builds: scripts.allow_all_builds,
        });
    Ok(Config {
        install,
        network,
        directories,
        layout,
        scripts,
        settings,
        patches: patches.into_values().collect(),
        node_version: values.text("nodeVersion"),
        warnings: values.warnings,
        project,
    })
}

/// What pnpm says of overrides that mean what the root depends on.
fn of_references(rules: &guest::VersionRules) -> Option<String> {
    let names: Vec<&str> = rules
        .overrides
        .iter()
        .filter(|(_, value)| value.starts_with('$'))
        .map(|(selector, _)| selector.as_str())
        .collect();
    (!names.is_empty()).then(|| {
        let names = names.join(", ");
        format!("\"$\" in overrides ({names}) is deprecated: put the version into a catalog and name it with catalog:")
    })
}

/// `patchedDependencies`: selector to the patch file, seen from the lockfile's folder.
fn patches(values: &Values, root: &Path) -> Result<BTreeMap<String, Patch>, ConfigError> {
    let paths: BTreeMap<String, String> = values.object("patchedDependencies")?;
    let read = |(selector, path): (String, String)| {
        let path = root.join(path);
        let patch = Patch::read(&path).map_err(|source| ConfigError::Patch { path, source })?;
        Ok((selector, patch))
    };
    paths.into_iter().map(read).collect()
}

fn scripts(values: &Values) -> Result<Scripts, ConfigError> {
    let allow: BTreeMap<String, Value> = values.object("allowBuilds")?;
    Ok(Scripts {
        ignore: values.flag("ignoreScripts").unwrap_or(false),
        strict_dep_builds: values.flag("strictDepBuilds").unwrap_or(true),
        allow_builds: allow.into_iter().map(|(package, verdict)| (package, verdict.as_bool())).collect(),
        allow_all_builds: values.flag("dangerouslyAllowAllBuilds").unwrap_or(false),
        shell: values.text("scriptShell"),
        node_options: values.text("nodeOptions"),
    })
}

fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}
