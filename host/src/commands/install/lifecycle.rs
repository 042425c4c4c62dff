//! The projects' own scripts: the root's `pnpm:devPreinstall` before anything is resolved, all others once everything
//! is linked.

use super::{Failures, Install, guard, one};
use crate::{
    config::Importer,
    scripts::{self, Environment, Project},
};

/// Runs `pnpm:devPreinstall` of the root.
pub(super) fn before(install: &Install<'_>) -> Result<(), Failures> {
    let config = &install.context.config;
    let Some(root) = config.project.root_importer().filter(|_| !config.scripts.ignore).map(project) else {
        return Ok(());
    };
    if root.script(scripts::DEV_PREINSTALL).is_none() {
        return Ok(());
    }
    let _phase = install.phase("devPreinstall");
    let report = install.context.report.as_ref();
    scripts::run_dev_preinstall(&root, &environment(install), &guard::RUNNING, report).map_err(one)
}

/// Runs `preinstall` to `postprepare` of every project.
pub(super) fn after(install: &Install<'_>) -> Result<(), Failures> {
    let config = &install.context.config;
    if config.scripts.ignore {
        return Ok(());
    }
    let all = config.project.importers.iter().map(project);
    let with_scripts: Vec<Project> = all.filter(Project::has_scripts).collect();
    if with_scripts.is_empty() {
        return Ok(());
    }
    let _phase = install.phase("scripts");
    let report = install.context.report.as_ref();
    scripts::run_lifecycle(&with_scripts, &environment(install), &guard::RUNNING, report).map_err(one)
}

fn project(importer: &Importer) -> Project {
    Project {
        folder: importer.dir.clone(),
        manifest: serde_json::from_str(&importer.manifest.text).unwrap_or_default(),
    }
}

fn environment(install: &Install<'_>) -> Environment {
    let inherited = install.environment.variables.iter().map(|(name, value)| (name.into(), value.into()));
    Environment {
        inherited: inherited.collect(),
        workspace: install.context.config.project.root.clone(),
        init_cwd: install.environment.cwd.clone(),
        node: crate::platform::find_node(install.environment.get("PATH").map(AsRef::as_ref)),
        execpath: std::env::current_exe().unwrap_or_else(|_| "wasi-pm".into()),
        user_agent: concat!("wasi-pm/", env!("CARGO_PKG_VERSION"), " npm/? node/?").to_owned(),
    }
}
