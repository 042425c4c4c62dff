//! The settings that change the outcome of a resolution, as one JSON object: the `settings` field of a `project`.
//! Names and meanings are pnpm's (`pnpm-workspace.yaml`); the JSON Schema stands in `resolver/settings.schema.json`.
//!
//! The host fills it from flags, environment and files; the guest only reads it. A field that is absent has pnpm's
//! default, so that a browser tool may send `{}`.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// Everything that changes the outcome but is neither manifest nor lockfile.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Settings {
    /// Where packages come from.
    pub registries: Registries,
    /// The instant that counts as now, in milliseconds since 1970. 0: unknown, no age rule is applied.
    pub now: u64,
    /// What is resolved and placed.
    pub selection: Selection,
    /// What `pnpm-workspace.yaml` says of versions.
    pub rules: VersionRules,
    /// How peers are treated.
    pub peers: PeerRules,
    /// How projects of the workspace find each other.
    pub workspace: WorkspaceRules,
    /// What may be installed at all.
    pub policy: Policy,
    /// What the lockfile records.
    pub lockfile: LockfileRules,
    /// What is lifted, and how slots are named.
    pub layout: Layout,
    /// What commands write into manifests.
    pub saving: Saving,
}

/// What commands write into manifests and catalogs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Saving {
    /// `savePrefix`: what stands before a version: `^`, `~`, `=` or nothing; none: `^`.
    pub prefix: Option<String>,
    /// `saveExact`: nothing stands before it.
    pub exact: bool,
    /// `saveWorkspaceProtocol`.
    pub workspace_protocol: WorkspaceProtocol,
    /// `catalogMode`.
    pub catalog_mode: CatalogMode,
    /// `saveCatalogName`.
    pub catalog_name: Option<String>,
    /// `updateConfig.ignoreDependencies`: patterns of names.
    pub ignored_updates: Vec<String>,
}

/// How a dependency on a project of the workspace is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkspaceProtocol {
    /// `workspace:^`: no version.
    #[default]
    Rolling,
    /// `workspace:^1.0.0`.
    On,
    /// `^1.0.0`.
    Off,
}

/// What becomes of a dependency that a catalog has an entry for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CatalogMode {
    /// Nothing.
    #[default]
    Manual,
    /// The entry is used where it fits.
    Prefer,
    /// An entry that does not fit is an error.
    Strict,
}

/// Where packages come from. Addresses end in `/`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Registries {
    /// For names without a scope of their own.
    pub default: String,
    /// By scope with its `@`.
    pub scoped: BTreeMap<String, String>,
    /// By alias: `work:name@1`.
    pub named: BTreeMap<String, String>,
}

/// What is resolved and placed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Selection {
    /// Place `dependencies`.
    pub dependencies: bool,
    /// Place `devDependencies`.
    pub dev_dependencies: bool,
    /// Place `optionalDependencies`.
    pub optional_dependencies: bool,
    /// Place these projects; none named: all. All are resolved in any case. Where some are named, a lockfile may have
    /// others that are nowhere.
    pub importers: Option<Vec<String>>,
    /// Only the lockfile is wanted: no snapshots are made.
    pub lockfile_only: bool,
    /// Platforms to install for besides, or in place of, the current one, by axis; `current` names it.
    pub supported_architectures: SupportedArchitectures,
    /// A package that does not fit `engines` is an error.
    pub engine_strict: bool,
}

/// `supportedArchitectures`: an empty list means `current`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SupportedArchitectures {
    /// As `process.platform` has them.
    pub os: Vec<String>,
    /// As `process.arch` has them.
    pub cpu: Vec<String>,
    /// `glibc`, `musl`.
    pub libc: Vec<String>,
}

/// What `pnpm-workspace.yaml` says of versions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct VersionRules {
    /// Selector to specifier, in the user's order.
    pub overrides: IndexMap<String, String>,
    /// Selector to what is added to a manifest.
    pub package_extensions: IndexMap<String, PackageExtension>,
    /// Leave out the built-in package extensions.
    pub ignore_compatibility_db: bool,
    /// `default` and named catalogs: alias to specifier.
    pub catalogs: BTreeMap<String, BTreeMap<String, String>>,
    /// Selector to the sha256 of a patch file, hexadecimal.
    pub patched_dependencies: BTreeMap<String, String>,
    /// Unused patches are no error.
    pub allow_unused_patches: bool,
    /// Optional dependencies that are dropped from every manifest.
    pub ignored_optional_dependencies: Vec<String>,
    /// `highest`, `lowest-direct` or `time-based`.
    pub resolution_mode: ResolutionMode,
    /// The registry's abbreviated packuments have `time`.
    pub registry_supports_time_field: bool,
    /// Deprecations that are not reported: name to range.
    pub allowed_deprecated_versions: BTreeMap<String, String>,
}

/// Which of the versions that satisfy a range is picked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResolutionMode {
    /// The highest.
    #[default]
    Highest,
    /// The lowest for direct dependencies, the highest for others.
    LowestDirect,
    /// The lowest for direct dependencies, for others the highest that is not newer than the newest of these.
    TimeBased,
}

/// What a package extension adds; it never replaces what is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PackageExtension {
    /// Added to `dependencies`.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub dependencies: IndexMap<String, String>,
    /// Added to `optionalDependencies`.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub optional_dependencies: IndexMap<String, String>,
    /// Added to `peerDependencies`.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub peer_dependencies: IndexMap<String, String>,
    /// Added to `peerDependenciesMeta`.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub peer_dependencies_meta: IndexMap<String, PeerMeta>,
}

/// An entry of `peerDependenciesMeta`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PeerMeta {
    /// The peer may be missing.
    pub optional: bool,
}

/// How peers are treated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct PeerRules {
    /// Install peers that nothing else provides.
    pub auto_install_peers: bool,
    /// Conflicting ranges are joined by `||` in place of being dropped.
    pub auto_install_peers_from_highest_match: bool,
    /// A peer issue is an error.
    pub strict_peer_dependencies: bool,
    /// Merge variants of a package that differ in peers that both would bear.
    pub dedupe_peer_dependents: bool,
    /// Suffixes name peers without their own peers.
    pub dedupe_peers: bool,
    /// The root's dependencies serve as peers everywhere.
    pub resolve_peers_from_workspace_root: bool,
    /// A longer suffix is replaced by its hash; bytes.
    pub peers_suffix_max_length: u32,
    /// What issues are forgiven.
    pub peer_dependency_rules: PeerDependencyRules,
}

/// What peer issues are forgiven.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct PeerDependencyRules {
    /// Patterns of names that may be missing.
    pub ignore_missing: Vec<String>,
    /// Patterns of names that may be of any version.
    pub allow_any: Vec<String>,
    /// Selector to a range that is accepted too.
    pub allowed_versions: BTreeMap<String, String>,
}

/// How projects of the workspace find each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct WorkspaceRules {
    /// Plain ranges may lead to projects of the workspace.
    pub link_workspace_packages: LinkWorkspacePackages,
    /// ...even where the registry has a higher version.
    pub prefer_workspace_packages: bool,
    /// Projects are copied, not linked.
    pub inject_workspace_packages: bool,
    /// Injected copies become links where their dependencies agree.
    pub dedupe_injected_deps: bool,
    /// Direct dependencies that equal the root's are not linked again.
    pub dedupe_direct_deps: bool,
    /// The workspace's folder, as seen from the lockfile's: another one where each project has a lockfile of its own.
    /// Local targets of overrides are relative to it, and `$name` in one is what the project there asks for.
    pub root: String,
    /// Projects of the workspace that have lockfiles of their own: folder as seen from the lockfile's to
    /// `package.json`.
    pub neighbours: BTreeMap<String, String>,
}

/// `linkWorkspacePackages`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LinkWorkspacePackages {
    /// Only `workspace:` specifiers.
    #[default]
    Off,
    /// Plain ranges of direct dependencies too.
    Direct,
    /// Those of dependencies of dependencies too.
    Deep,
}

/// What may be installed at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Policy {
    /// Minutes that a version must have been published. 0: no rule.
    pub minimum_release_age: u64,
    /// `name`, `@scope/*`, `name@1.0.0 || 1.0.1`.
    pub minimum_release_age_exclude: Vec<String>,
    /// A version without a publish time passes.
    pub minimum_release_age_ignore_missing_time: bool,
    /// No mature version is an error, not a notice.
    pub minimum_release_age_strict: bool,
    /// A version must not carry weaker evidence than an earlier one.
    pub trust_policy: TrustPolicy,
    /// As `minimum_release_age_exclude`.
    pub trust_policy_exclude: Vec<String>,
    /// Minutes after which the rule no longer looks.
    pub trust_policy_ignore_after: Option<u64>,
    /// Only projects may use git, tarball and file specifiers.
    pub block_exotic_subdeps: bool,
}

/// `trustPolicy`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrustPolicy {
    /// No rule.
    #[default]
    Off,
    /// Evidence never gets weaker.
    NoDowngrade,
}

/// What the lockfile records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct LockfileRules {
    /// Leave out `link:` dependencies.
    pub exclude_links_from_lockfile: bool,
    /// Record every tarball address.
    pub include_tarball_url: bool,
    /// The checksum of hooks that rewrite manifests, as pnpm writes it.
    pub pnpmfile_checksum: Option<String>,
    /// Resolve even what could be read off the existing lockfile.
    pub always_resolve: bool,
    /// Whether the existing lockfile is known to lack nothing that its packages ask for, as the resolution that made it
    /// has told; `None`: whoever asks does not remember, and is not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complete: Option<bool>,
    /// Lockfiles of branches, file name to text: merged into the existing one in the order of their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub branches: BTreeMap<String, String>,
}

/// What is lifted, and how slots are named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Layout {
    /// Lift these into the virtual store's `node_modules`.
    pub hoist_pattern: Vec<String>,
    /// Lift these into the root's `node_modules`.
    pub public_hoist_pattern: Vec<String>,
    /// Projects of the workspace are lifted too.
    pub hoist_workspace_packages: bool,
    /// A longer slot name is cut and hashed; bytes.
    pub virtual_store_dir_max_length: u32,
    /// Slots are shared between projects and named by what they hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub global_virtual_store: Option<GlobalVirtualStore>,
}

/// What the names of shared slots depend on beside the lockfile and the platform.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct GlobalVirtualStore {
    /// The folder of the lockfile, absolute: slots of local folders belong to it.
    pub project: String,
    /// `allowBuilds`: selector to decision; what is built depends on the platform, and so does its slot.
    pub allow_builds: BTreeMap<String, bool>,
    /// `dangerouslyAllowAllBuilds`.
    pub allow_all_builds: bool,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            dependencies: true,
            dev_dependencies: true,
            optional_dependencies: true,
            importers: None,
            lockfile_only: false,
            supported_architectures: SupportedArchitectures::default(),
            engine_strict: false,
        }
    }
}

impl Default for PeerRules {
    fn default() -> Self {
        Self {
            auto_install_peers: true,
            auto_install_peers_from_highest_match: false,
            strict_peer_dependencies: false,
            dedupe_peer_dependents: true,
            dedupe_peers: false,
            resolve_peers_from_workspace_root: true,
            peers_suffix_max_length: 1000,
            peer_dependency_rules: PeerDependencyRules::default(),
        }
    }
}

impl Default for WorkspaceRules {
    fn default() -> Self {
        Self {
            link_workspace_packages: LinkWorkspacePackages::Off,
            prefer_workspace_packages: false,
            inject_workspace_packages: false,
            dedupe_injected_deps: true,
            dedupe_direct_deps: false,
            root: ".".to_owned(),
            neighbours: BTreeMap::new(),
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            minimum_release_age: 1440,
            minimum_release_age_exclude: Vec::new(),
            minimum_release_age_ignore_missing_time: true,
            minimum_release_age_strict: false,
            trust_policy: TrustPolicy::Off,
            trust_policy_exclude: Vec::new(),
            trust_policy_ignore_after: None,
            block_exotic_subdeps: true,
        }
    }
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            hoist_pattern: vec!["*".to_owned()],
            public_hoist_pattern: Vec::new(),
            hoist_workspace_packages: true,
            virtual_store_dir_max_length: 120,
            global_virtual_store: None,
        }
    }
}

#[cfg(test)]
mod tests;
