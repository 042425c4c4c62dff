//! What the component needs to know.

use std::collections::BTreeMap;

use serde_json::Value;
use wit::settings as guest;

use super::{Install, LockfileUse, Network, Policy, texts};
use crate::config::{ConfigError, Environment, Values};

/// All of it, without patches and shared slots.
pub(super) fn settings(
    values: &Values,
    install: &Install,
    network: &Network,
    environment: &Environment,
) -> Result<guest::Settings, ConfigError> {
    let flag = |name, default| values.flag(name).unwrap_or(default);
    // `--prod` leaves development out, even beside `--dev`. That alone leaves the rest out, but what development has as
    // an option.
    let only_prod = values.flag("production") == Some(true);
    let only_dev = values.flag("dev") == Some(true) && !only_prod;
    Ok(guest::Settings {
        registries: guest::Registries {
            default: network.registry.clone().unwrap_or_default(),
            scoped: network.scoped.clone(),
            named: network.named.clone(),
        },
        now: environment.now,
        selection: guest::Selection {
            dependencies: flag("production", !only_dev),
            dev_dependencies: !only_prod && flag("dev", true),
            optional_dependencies: flag("optional", true),
            importers: None,
            lockfile_only: install.lockfile_only,
            supported_architectures: architectures(values)?,
            engine_strict: flag("engineStrict", false),
        },
        rules: rules(values)?,
        peers: guest::PeerRules {
            auto_install_peers: flag("autoInstallPeers", true),
            auto_install_peers_from_highest_match: flag("autoInstallPeersFromHighestMatch", false),
            strict_peer_dependencies: flag("strictPeerDependencies", false),
            dedupe_peer_dependents: flag("dedupePeerDependents", true),
            dedupe_peers: flag("dedupePeers", false),
            resolve_peers_from_workspace_root: flag("resolvePeersFromWorkspaceRoot", true),
            peers_suffix_max_length: number32(values, "peersSuffixMaxLength", 1000),
            peer_dependency_rules: values.object("peerDependencyRules")?,
        },
        workspace: workspace_rules(values),
        policy: policy(values),
        lockfile: guest::LockfileRules {
            exclude_links_from_lockfile: flag("excludeLinksFromLockfile", false),
            include_tarball_url: flag("lockfileIncludeTarballUrl", false),
            pnpmfile_checksum: None,
            always_resolve: install.lockfile == LockfileUse::Resolve,
            complete: None,            // known when it is resolved again
            branches: BTreeMap::new(), // read with the lockfile
        },
        layout: hoisting(values),
        saving: saving(values)?,
    })
}

fn saving(values: &Values) -> Result<guest::Saving, ConfigError> {
    let update: BTreeMap<String, Value> = values.object("updateConfig")?;
    Ok(guest::Saving {
        prefix: values.text("savePrefix"),
        exact: values.flag("saveExact").unwrap_or(false),
        workspace_protocol: match values.value("saveWorkspaceProtocol") {
            Some(Value::Bool(true)) => guest::WorkspaceProtocol::On,
            Some(Value::Bool(false)) => guest::WorkspaceProtocol::Off,
            _ => guest::WorkspaceProtocol::Rolling,
        },
        catalog_mode: match values.text("catalogMode").as_deref() {
            Some("prefer") => guest::CatalogMode::Prefer,
            Some("strict") => guest::CatalogMode::Strict,
            _ => guest::CatalogMode::Manual,
        },
        catalog_name: values.text("saveCatalogName"),
        ignored_updates: texts(update.get("ignoreDependencies")),
    })
}

fn number32(values: &Values, name: &'static str, default: u32) -> u32 {
    values.number(name).map_or(default, |number| u32::try_from(number).unwrap_or(u32::MAX))
}

/// `os`, `cpu`, `libc`: one text stands for a list of one.
fn architectures(values: &Values) -> Result<guest::SupportedArchitectures, ConfigError> {
    let axes: BTreeMap<String, Value> = values.object("supportedArchitectures")?;
    let axis = |name: &str| texts(axes.get(name));
    Ok(guest::SupportedArchitectures { os: axis("os"), cpu: axis("cpu"), libc: axis("libc") })
}

fn rules(values: &Values) -> Result<guest::VersionRules, ConfigError> {
    Ok(guest::VersionRules {
        overrides: values.object("overrides")?,
        package_extensions: values.object("packageExtensions")?,
        ignore_compatibility_db: values.flag("ignoreCompatibilityDb").unwrap_or(false),
        catalogs: catalogs(values)?,
        patched_dependencies: BTreeMap::new(),
        allow_unused_patches: values.flag("allowUnusedPatches").unwrap_or(false),
        ignored_optional_dependencies: values.list("ignoredOptionalDependencies").unwrap_or_default(),
        resolution_mode: match values.text("resolutionMode").as_deref() {
            Some("lowest-direct") => guest::ResolutionMode::LowestDirect,
            Some("time-based") => guest::ResolutionMode::TimeBased,
            _ => guest::ResolutionMode::Highest,
        },
        registry_supports_time_field: values.flag("registrySupportsTimeField").unwrap_or(false),
        allowed_deprecated_versions: values.object("allowedDeprecatedVersions")?,
    })
}

fn catalogs(values: &Values) -> Result<BTreeMap<String, BTreeMap<String, String>>, ConfigError> {
    let mut catalogs: BTreeMap<String, BTreeMap<String, String>> = values.object("catalogs")?;
    if values.has("catalog") {
        if catalogs.contains_key("default") {
            return Err(ConfigError::Conflict {
                code: "ERR_PNPM_INVALID_CATALOGS_CONFIGURATION",
                message: "The default catalog is defined twice in pnpm-workspace.yaml: as catalog and as catalogs.default",
            });
        }
        catalogs.insert("default".to_owned(), values.object("catalog")?);
    }
    Ok(catalogs)
}

fn workspace_rules(values: &Values) -> guest::WorkspaceRules {
    let flag = |name, default| values.flag(name).unwrap_or(default);
    guest::WorkspaceRules {
        link_workspace_packages: match values.value("linkWorkspacePackages") {
            Some(Value::Bool(true)) => guest::LinkWorkspacePackages::Direct,
            Some(Value::String(_)) => guest::LinkWorkspacePackages::Deep,
            _ => guest::LinkWorkspacePackages::Off,
        },
        prefer_workspace_packages: flag("preferWorkspacePackages", false),
        inject_workspace_packages: flag("injectWorkspacePackages", false),
        dedupe_injected_deps: flag("dedupeInjectedDeps", true),
        dedupe_direct_deps: flag("dedupeDirectDeps", false),
        ..guest::WorkspaceRules::default()
    }
}

fn policy(values: &Values) -> Policy {
    let defaults = Policy::default();
    let flag = |name, default| values.flag(name).unwrap_or(default);
    Policy {
        minimum_release_age: values.number("minimumReleaseAge").unwrap_or(defaults.minimum_release_age),
        minimum_release_age_exclude: values.list("minimumReleaseAgeExclude").unwrap_or_default(),
        minimum_release_age_ignore_missing_time: flag("minimumReleaseAgeIgnoreMissingTime", true),
        // An age that the user chose is meant; the default one must not stop anybody.
        minimum_release_age_strict: flag("minimumReleaseAgeStrict", values.has("minimumReleaseAge")),
        trust_policy: match values.text("trustPolicy").as_deref() {
            Some("no-downgrade") => guest::TrustPolicy::NoDowngrade,
            _ => guest::TrustPolicy::Off,
        },
        trust_policy_exclude: values.list("trustPolicyExclude").unwrap_or_default(),
        trust_policy_ignore_after: values.number("trustPolicyIgnoreAfter"),
        block_exotic_subdeps: flag("blockExoticSubdeps", true),
    }
}

fn hoisting(values: &Values) -> guest::Layout {
    let defaults = guest::Layout::default();
    let hoist = values.flag("hoist").unwrap_or(true);
    let public = match values.flag("shamefullyHoist") {
        Some(true) => vec!["*".to_owned()],
        _ => values.list("publicHoistPattern").unwrap_or_default(),
    };
    guest::Layout {
        hoist_pattern: if hoist { values.list("hoistPattern").unwrap_or(defaults.hoist_pattern) } else { Vec::new() },
        public_hoist_pattern: public,
        hoist_workspace_packages: values.flag("hoistWorkspacePackages").unwrap_or(true),
        virtual_store_dir_max_length: number32(
            values,
            "virtualStoreDirMaxLength",
            defaults.virtual_store_dir_max_length,
        ),
        global_virtual_store: None,
    }
}
