//! The merged settings as groups of named fields, with pnpm's defaults.

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

use serde_json::Value;
use wit::settings as guest;

use super::{Config, ConfigError, Environment, Project, Values, branch};
use crate::{
    cli::{Command, Invocation},
    patch::Patch,
};

/// How the lockfile and `node_modules` are treated.
#[derive(Debug, Clone)]
pub struct Install {
    /// What a lockfile is worth.
    pub lockfile: LockfileUse,
    /// Write the lockfile and nothing else.
    pub lockfile_only: bool,
    /// Print the plan and change nothing.
    pub dry_run: bool,
    /// Place everything anew.
    pub force: bool,
    /// `ci`: `node_modules` is removed first.
    pub clean: bool,
    /// The up-to-date check may end the run (`optimisticRepeatInstall`).
    pub optimistic_repeat: bool,
    /// The policies need not be applied to what is locked already.
    pub trust_lockfile: bool,
    /// Resolve even where nothing has changed (`--fix-lockfile`, `--update-checksums`).
    pub repair: bool,
    /// What projects that depend on each other in a circle are.
    pub cycles: Cycles,
}

/// What projects that depend on each other in a circle are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cycles {
    /// Nothing to speak of (`ignoreWorkspaceCycles`).
    Ignore,
    /// A warning.
    Warn,
    /// An error (`disallowWorkspaceCycles`).
    Refuse,
}

/// What a lockfile is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockfileUse {
    /// There must be one, and it must fit the manifests.
    Frozen,
    /// If there is one, it must fit: the default on a build server.
    FrozenIfPresent,
    /// If it fits, nothing is resolved: the default elsewhere.
    PreferFrozen,
    /// Resolve in any case, keeping what is locked as far as manifests allow.
    Resolve,
}

impl LockfileUse {
    /// A lockfile that is there is not written.
    #[must_use]
    pub fn is_frozen(self) -> bool {
        matches!(self, Self::Frozen | Self::FrozenIfPresent)
    }
}

/// Where packages come from, and how to get there: the strongest source short of `.npmrc`, which `registry` reads.
#[derive(Clone, Default)]
pub struct Network {
    /// `registry` of flag, environment or YAML.
    pub registry: Option<String>,
    /// By scope with its `@`, from `registries`.
    pub scoped: BTreeMap<String, String>,
    /// By alias, from `namedRegistries`.
    pub named: BTreeMap<String, String>,
    /// The user's `.npmrc`; `npmrcAuthFile`, `userconfig` or `~/.npmrc`.
    pub user_npmrc: Option<PathBuf>,
    /// The project's `.npmrc`.
    pub project_npmrc: PathBuf,
    /// `httpProxy`; an empty text means none.
    pub http_proxy: Option<String>,
    /// `httpsProxy`; an empty text means none.
    pub https_proxy: Option<String>,
    /// `noProxy`.
    pub no_proxy: Option<String>,
    /// `strictSsl`.
    pub strict_ssl: Option<bool>,
    /// `ca`, in PEM.
    pub ca: Vec<String>,
    /// `cafile`.
    pub cafile: Option<PathBuf>,
    /// `cert`, in PEM.
    pub cert: Option<String>,
    /// `key`, in PEM.
    pub key: Option<String>,
    /// `localAddress`.
    pub local_address: Option<String>,
    /// `userAgent`.
    pub user_agent: Option<String>,
    /// Requests at once.
    pub concurrency: usize,
    /// `maxSockets`: connections to one host.
    pub max_sockets: Option<usize>,
    /// What happens after a failure.
    pub retries: Retries,
    /// A request without progress is given up after these milliseconds.
    pub timeout_ms: u64,
    /// A request slower than these milliseconds is named in a warning.
    pub warn_timeout_ms: u64,
    /// A download slower than this is named in a warning; KiB per second.
    pub min_speed_kibps: u64,
    /// Use no network.
    pub offline: bool,
    /// Use the network only for what no cache has, however old.
    pub prefer_offline: bool,
    /// Ask about metadata that is still fresh too (`--update-checksums`).
    pub revalidate: bool,
}

/// Names of what is set; addresses of proxies and keys may hold secrets.
impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network")
            .field("user_npmrc", &self.user_npmrc)
            .field("concurrency", &self.concurrency)
            .field("offline", &self.offline)
            .field("revalidate", &self.revalidate)
            .finish_non_exhaustive()
    }
}

/// What happens after a failure that may pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retries {
    /// How many times.
    pub count: u32,
    /// By what the wait grows.
    pub factor: u32,
    /// The shortest wait, milliseconds.
    pub min_ms: u64,
    /// The longest wait, milliseconds.
    pub max_ms: u64,
}

/// The store and the cache. Absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directories {
    /// The content-addressed store, without its version folder.
    pub store: PathBuf,
    /// Packuments and whatever else can be fetched or made again.
    pub cache: PathBuf,
}

/// How `node_modules` is laid out. Only the isolated layout exists.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The name or relative path of `node_modules` in each project.
    pub modules_dir: String,
    /// `node_modules/.pnpm`, absolute.
    pub virtual_store_dir: PathBuf,
    /// The folder of slots shared between projects, absolute; `None`: slots are the project's own.
    pub global_virtual_store_dir: Option<PathBuf>,
    /// How files come into `node_modules`.
    pub import: Import,
    /// Sizes and types of files are checked before they are linked.
    pub verify_store_integrity: bool,
    /// Shims set `NODE_PATH`.
    pub extend_node_path: bool,
}

/// `packageImportMethod`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Import {
    /// Reflink where the file system has it, else hard link, else copy.
    Auto,
    /// Hard links only.
    Hardlink,
    /// Reflinks only.
    Clone,
    /// Copies only.
    Copy,
    /// Reflinks, else copies.
    CloneOrCopy,
}

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
    values: Values,
    invocation: &Invocation,
    environment: &Environment,
) -> Result<Config, ConfigError> {
    if values.flag("gitBranchLockfile") == Some(true)
        && let Some(branch) = branch::current(&project.dir)
    {
        project.lockfile_name = branch::lockfile_name(&branch);
    }
    let install = install(&values, invocation, environment)?;
    let network = network(&values, &project, environment)?;
    let directories = directories(&values, &project.root, environment)?;
    let layout = layout(&values, &project, &directories, environment)?;
    let scripts = scripts(&values)?;
    let mut settings = settings(&values, &install, &network, environment)?;
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

fn install(values: &Values, invocation: &Invocation, environment: &Environment) -> Result<Install, ConfigError> {
    let clean = matches!(&invocation.command, Command::Install(options) if options.clean);
    let ci = values.flag("ci").unwrap_or_else(|| environment.ci());
    let lockfile_only = values.flag("lockfileOnly").unwrap_or(false);
    let prefer = values.flag("preferFrozenLockfile");
    let update_checksums = values.flag("updateChecksums").unwrap_or(false);
    let repair = update_checksums || values.flag("fixLockfile").unwrap_or(false);
    if update_checksums && (clean || values.flag("frozenLockfile") == Some(true)) {
        return Err(ConfigError::Conflict {
            code: "ERR_PNPM_CONFIG_CONFLICT_FROZEN_LOCKFILE_WITH_UPDATE_CHECKSUMS",
            message: "--frozen-lockfile leaves the lockfile as it is, --update-checksums is there to change it",
        });
    }
    let lockfile = match values.flag("frozenLockfile") {
        _ if repair => LockfileUse::Resolve,
        _ if clean => LockfileUse::Frozen,
        Some(true) => LockfileUse::Frozen,
        None if ci && !lockfile_only && prefer != Some(false) => LockfileUse::FrozenIfPresent,
        _ if prefer == Some(false) => LockfileUse::Resolve,
        _ => LockfileUse::PreferFrozen,
    };
    Ok(Install {
        lockfile,
        lockfile_only,
        dry_run: values.flag("dryRun").unwrap_or(false),
        force: values.flag("force").unwrap_or(false),
        clean,
        optimistic_repeat: values.flag("optimisticRepeatInstall").unwrap_or(true),
        repair,
        trust_lockfile: values.flag("trustLockfile").unwrap_or(false),
        cycles: match (values.flag("ignoreWorkspaceCycles"), values.flag("disallowWorkspaceCycles")) {
            (Some(true), _) => Cycles::Ignore,
            (_, Some(true)) => Cycles::Refuse,
            _ => Cycles::Warn,
        },
    })
}

fn network(values: &Values, project: &Project, environment: &Environment) -> Result<Network, ConfigError> {
    let mut scoped: BTreeMap<String, String> = values.object("registries")?;
    let default = scoped.remove("default");
    // `registry` beats `registries.default` of the same or a weaker source.
    let registry = match (values.text("registry"), default) {
        (Some(registry), Some(default)) => {
            Some(if values.origin("registries") > values.origin("registry") { default } else { registry })
        }
        (registry, default) => registry.or(default),
    };
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let path = |name| values.text(name).map(|text| resolve(&text, &project.root, environment));
    let number = |name, default| values.number(name).unwrap_or(default);
    Ok(Network {
        registry: registry.map(with_slash),
        scoped: scoped.into_iter().map(|(scope, address)| (scope, with_slash(address))).collect(),
        named: named_registries(values)?,
        user_npmrc: path("npmrcAuthFile")
            .or_else(|| path("userconfig"))
            .or_else(|| environment.get("NPM_CONFIG_USERCONFIG").map(PathBuf::from))
            .or_else(|| environment.get("npm_config_userconfig").map(PathBuf::from))
            .or_else(|| Some(environment.home()?.join(".npmrc"))),
        project_npmrc: project.root.join(".npmrc"),
        http_proxy: values.text("httpProxy").or_else(|| values.text("proxy")),
        https_proxy: values.text("httpsProxy").or_else(|| values.text("proxy")),
        no_proxy: no_proxy(values),
        strict_ssl: values.flag("strictSsl"),
        ca: texts(values.value("ca")),
        cafile: path("cafile"),
        cert: values.text("cert"),
        key: values.text("key"),
        local_address: values.text("localAddress"),
        user_agent: values.text("userAgent"),
        concurrency: small(number("networkConcurrency", (3 * (cpus as u64 - 1)).clamp(64, 96))).max(1),
        max_sockets: values.number("maxSockets").map(|count| small(count).max(1)),
        retries: Retries {
            count: u32::try_from(number("fetchRetries", 2)).unwrap_or(10).min(10),
            factor: u32::try_from(number("fetchRetryFactor", 10)).unwrap_or(u32::MAX),
            min_ms: number("fetchRetryMintimeout", 10_000),
            max_ms: number("fetchRetryMaxtimeout", 60_000),
        },
        timeout_ms: number("fetchTimeout", 60_000),
        warn_timeout_ms: number("fetchWarnTimeoutMs", 10_000),
        min_speed_kibps: number("fetchMinSpeedKiBps", 50),
        offline: values.flag("offline").unwrap_or(false),
        prefer_offline: values.flag("preferOffline").unwrap_or(false),
        revalidate: values.flag("updateChecksums").unwrap_or(false),
    })
}

fn named_registries(values: &Values) -> Result<BTreeMap<String, String>, ConfigError> {
    let named: BTreeMap<String, String> = values.object("namedRegistries")?;
    Ok(named.into_iter().map(|(name, address)| (name, with_slash(address))).collect())
}

fn no_proxy(values: &Values) -> Option<String> {
    let value = values.value("noProxy")?;
    Some(if value.is_boolean() { "*".to_owned() } else { texts(Some(value)).join(",") })
}

fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

fn with_slash(mut address: String) -> String {
    if !address.ends_with('/') {
        address.push('/');
    }
    address
}

fn small(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX).min(1024)
}

/// Where the store and the cache are.
pub(super) fn directories(values: &Values, root: &Path, environment: &Environment) -> Result<Directories, ConfigError> {
    let set = |name| values.text(name).map(|text| resolve(&text, root, environment));
    let store = set("storeDir").or_else(|| Some(environment.data_home()?.join("wasi-pm/store")));
    let cache = set("cacheDir").or_else(|| Some(environment.cache_home()?.join("wasi-pm")));
    Ok(Directories {
        store: store.ok_or(ConfigError::NoHome("store"))?,
        cache: cache.ok_or(ConfigError::NoHome("cache"))?,
    })
}

/// An absolute path without `.` and `..`; `~/` is the home folder, a relative path starts at the root.
fn resolve(text: &str, root: &Path, environment: &Environment) -> PathBuf {
    let joined = match (text.strip_prefix("~/"), environment.home()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => root.join(text),
    };
    normal(&joined)
}

fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}

fn layout(
    values: &Values,
    project: &Project,
    directories: &Directories,
    environment: &Environment,
) -> Result<Layout, ConfigError> {
    let modules_dir = values.text("modulesDir").unwrap_or_else(|| "node_modules".to_owned());
    let modules = inside("modulesDir", &modules_dir, &project.root)?;
    let virtual_store_dir = match values.text("virtualStoreDir") {
        Some(text) => inside("virtualStoreDir", &text, &project.root)?,
        None => modules.join(".pnpm"),
    };
    let import = match values.text("packageImportMethod").as_deref() {
        Some("hardlink") => Import::Hardlink,
        Some("clone") => Import::Clone,
        Some("copy") => Import::Copy,
        Some("clone-or-copy") => Import::CloneOrCopy,
        _ => Import::Auto,
    };
    Ok(Layout {
        modules_dir,
        virtual_store_dir,
        global_virtual_store_dir: values.flag("enableGlobalVirtualStore").unwrap_or(false).then(|| {
            match values.text("globalVirtualStoreDir") {
                Some(text) => resolve(&text, &project.root, environment),
                None => directories.store.join("v1/links"),
            }
        }),
        import,
        verify_store_integrity: values.flag("verifyStoreIntegrity").unwrap_or(true),
        extend_node_path: values.flag("extendNodePath").unwrap_or(true),
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

/// A folder that is written and pruned must be below the root, and not be the root itself.
fn inside(name: &'static str, text: &str, root: &Path) -> Result<PathBuf, ConfigError> {
    let path = normal(&root.join(text));
    if path.starts_with(root) && path != root {
        return Ok(path);
    }
    Err(ConfigError::Outside { name, path })
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

fn settings(
    values: &Values,
    install: &Install,
    network: &Network,
    environment: &Environment,
) -> Result<guest::Settings, ConfigError> {
    let flag = |name, default| values.flag(name).unwrap_or(default);
    // `--prod` alone leaves development out, `--dev` alone leaves the rest out.
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
            dev_dependencies: flag("dev", !only_prod),
            optional_dependencies: flag("optional", !only_dev),
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
        },
        layout: hoisting(values),
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
