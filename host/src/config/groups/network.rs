//! Where packages come from, and how to get there.

use std::{collections::BTreeMap, path::PathBuf};

use super::{places::resolve, texts};
use crate::config::{ConfigError, Environment, Project, Values};

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

pub(super) fn network(values: &Values, project: &Project, environment: &Environment) -> Result<Network, ConfigError> {
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

fn with_slash(mut address: String) -> String {
    if !address.ends_with('/') {
        address.push('/');
    }
    address
}

fn small(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX).min(1024)
}
