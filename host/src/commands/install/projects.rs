//! What linking and the state files need to know of the projects themselves.

use serde_json::{Map, Value};
use wit::ImporterId;

use crate::{
    config::{Config, manifest::MAX_MANIFEST},
    limited::{self, Links},
    link::Bin,
    state::{Layout, layout::ProjectBins, workspace_state},
};

/// Where the tree stands and how it is made.
pub(super) fn layout(config: &Config) -> Layout {
    let guest = &config.settings.layout;
    let projects = config.project.importers.iter().map(|importer| {
        let name = importer.manifest.name.clone().unwrap_or_default();
        let bin = importer.manifest.fields().get("bin").unwrap_or(&Value::Null);
        (importer.id.clone(), ProjectBins { bins: bins(&name, bin), name })
    });
    let neighbours = config.settings.workspace.neighbours.keys().filter_map(|folder| neighbour(config, folder));
    Layout {
        lockfile_dir: config.project.root.clone(),
        store_dir: config.directories.store.join("v1").display().to_string(),
        global: config.layout.global_virtual_store_dir.as_ref().map(|links| links.display().to_string()),
        package_manager: concat!("wasi-pm@", env!("CARGO_PKG_VERSION")).to_owned(),
        hoist_pattern: guest.hoist_pattern.clone(),
        public_hoist_pattern: guest.public_hoist_pattern.clone(),
        virtual_store_dir_max_length: guest.virtual_store_dir_max_length,
        extend_node_path: config.layout.extend_node_path,
        projects: projects.chain(neighbours).collect(),
    }
}

/// A project beside this one, with a lockfile of its own; its manifest is read again for what it can run.
fn neighbour(config: &Config, folder: &str) -> Option<(ImporterId, ProjectBins)> {
    let path = config.project.root.join(folder).join("package.json");
    let text = limited::read_text(&path, MAX_MANIFEST, Links::Followed).ok()?;
    let manifest: Value = serde_json::from_str(&text).ok()?;
    let name = manifest["name"].as_str().unwrap_or_default().to_owned();
    let bins = bins(&name, &manifest["bin"]);
    Some((ImporterId::parse(folder).ok()?, ProjectBins { bins, name }))
}

/// The executables that a project's manifest names, as far as they are safe: the same rules as for packages.
fn bins(name: &str, bin: &Value) -> Vec<Bin> {
    let named: Vec<(&str, &str)> = match bin {
        Value::String(path) => vec![(name, path)],
        Value::Object(all) => all.iter().filter_map(|(name, path)| Some((name.as_str(), path.as_str()?))).collect(),
        _ => Vec::new(),
    };
    named
        .into_iter()
        .filter_map(|(name, path)| store::executable(name, path))
        .map(|(name, path)| Bin { name, path })
        .collect()
}

/// The projects as pnpm's workspace state names them.
pub(super) fn for_state(config: &Config) -> Vec<workspace_state::Project> {
    let one = |importer: &crate::config::Importer| workspace_state::Project {
        folder: importer.dir.display().to_string(),
        name: importer.manifest.name.clone(),
        version: importer.manifest.version.clone(),
    };
    config.project.importers.iter().map(one).collect()
}

/// The settings that pnpm compares, in its names.
pub(super) fn settings_for_state(config: &Config) -> Map<String, Value> {
    let guest = &config.settings;
    let settings = serde_json::json!({
        "autoInstallPeers": guest.peers.auto_install_peers,
        "catalogs": guest.rules.catalogs,
        "dedupeDirectDeps": guest.workspace.dedupe_direct_deps,
        "dedupeInjectedDeps": guest.workspace.dedupe_injected_deps,
        "dedupePeerDependents": guest.peers.dedupe_peer_dependents,
        "dedupePeers": guest.peers.dedupe_peers,
        "dev": guest.selection.dev_dependencies,
        "excludeLinksFromLockfile": guest.lockfile.exclude_links_from_lockfile,
        "hoistPattern": guest.layout.hoist_pattern,
        "hoistWorkspacePackages": guest.layout.hoist_workspace_packages,
        "injectWorkspacePackages": guest.workspace.inject_workspace_packages,
        "linkWorkspacePackages": guest.workspace.link_workspace_packages != wit::settings::LinkWorkspacePackages::Off,
        "minimumReleaseAge": guest.policy.minimum_release_age,
        "minimumReleaseAgeIgnoreMissingTime": guest.policy.minimum_release_age_ignore_missing_time,
        "nodeLinker": "isolated",
        "optional": guest.selection.optional_dependencies,
        "peersSuffixMaxLength": guest.peers.peers_suffix_max_length,
        "preferWorkspacePackages": guest.workspace.prefer_workspace_packages,
        "production": guest.selection.dependencies,
        "publicHoistPattern": guest.layout.public_hoist_pattern,
    });
    match settings {
        Value::Object(mut map) => {
            if config.layout.global_virtual_store_dir.is_some() {
                map.insert("enableGlobalVirtualStore".to_owned(), Value::Bool(true));
            }
            map
        }
        _ => Map::new(),
    }
}
