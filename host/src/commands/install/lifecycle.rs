//! The projects' own scripts: the root's `pnpm:devPreinstall` and `preinstall` before anything is resolved, all others
//! once everything is linked, in the order in which projects depend on each other.

use super::{Failures, Install, change, guard, one, order};
use crate::{
    config::Importer,
    scripts::{self, Environment, Project},
};

/// Runs what the root has to run before.
pub(super) fn before(install: &Install<'_>) -> Result<(), Failures> {
    let config = &install.context.config;
    let runs = !config.scripts.ignore && change::runs_scripts(config);
    let Some(root) = config.project.root_importer().filter(|_| runs).map(project) else {
        return Ok(());
    };
    if scripts::BEFORE.iter().all(|stage| root.script(stage).is_none()) {
        return Ok(());
    }
    let _phase = install.phase("scripts before");
    let report = install.context.report.as_ref();
    scripts::run_before(&root, &environment(install), &guard::RUNNING, report).map_err(one)
}

/// Runs `preinstall` to `postprepare` of every project.
pub(super) fn after(install: &Install<'_>) -> Result<(), Failures> {
    let config = &install.context.config;
    if config.scripts.ignore || !change::runs_scripts(config) {
        return Ok(());
    }
    let order = order::of_projects(config).into_iter().flatten();
    let all = order.map(|at| project(&config.project.importers[at]));
    let with_scripts: Vec<Project> = all.filter(Project::has_scripts).collect();
    if with_scripts.is_empty() {
        return Ok(());
    }
    let _phase = install.phase("scripts");
    let report = install.context.report.as_ref();
    scripts::run_lifecycle(&with_scripts, &config.project.root, &environment(install), &guard::RUNNING, report)
        .map_err(one)
}

fn project(importer: &Importer) -> Project {
    Project { folder: importer.dir.clone(), manifest: serde_json::Value::Object(importer.manifest.fields().clone()) }
}

fn environment(install: &Install<'_>) -> Environment {
    let inherited = install.environment.variables.iter().map(|(name, value)| (name.into(), value.into()));
    Environment {
        inherited: inherited.collect(),
        workspace: install.context.config.project.workspace.clone(),
        init_cwd: install.environment.cwd.clone(),
        node: crate::platform::NodeFile::find(install.environment.get("PATH").map(AsRef::as_ref)).map(|node| node.path),
        execpath: std::env::current_exe().unwrap_or_else(|_| "wasi-pm".into()),
        user_agent: concat!("wasi-pm/", env!("CARGO_PKG_VERSION"), " npm/? node/?").to_owned(),
    }
}
