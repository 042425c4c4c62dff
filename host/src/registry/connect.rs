//! From configuration, `.npmrc` files and environment to [`NetworkSettings`]: who wins, and the default registry
//! where nobody names one.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use wit::settings::Registries;

use super::{DefaultRegistryError, NetworkMode, NetworkSettings, RetryPolicy, default_registry};
use crate::{
    config::{
        Network,
        credentials::{Credentials, Secret},
        npmrc::{self, Level, Npmrc},
    },
    limited::{self, Links},
};

/// What is not configuration.
pub struct Surroundings<'a> {
    /// The environment.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// npm's own file for all users, if there is one.
    pub global_npmrc: Option<PathBuf>,
    /// The folder of all caches.
    pub cache_dir: &'a Path,
    /// Milliseconds since 1970.
    pub now: u64,
    /// Runs `npm config get registry` in a neutral folder.
    pub ask_npm: &'a dyn Fn() -> io::Result<String>,
}

/// Reads the `.npmrc` files and joins everything. The second value is what the user should be warned of.
///
/// # Errors
/// [`DefaultRegistryError`] if no registry is named anywhere.
pub fn connect(
    network: &Network,
    around: &Surroundings<'_>,
) -> Result<(NetworkSettings, Vec<String>), DefaultRegistryError> {
    let places = [
        (Level::Global, around.global_npmrc.clone()),
        (Level::User, network.user_npmrc.clone()),
        (Level::Project, Some(network.project_npmrc.clone())),
    ];
    let files: Vec<Npmrc> = places
        .into_iter()
        .filter_map(|(level, path)| {
            let path = path?;
            let bytes = read(&path, level).ok()?;
            Some(npmrc::parse(&bytes, level, &path.display().to_string(), around.env))
        })
        .collect();
    let mut warnings: Vec<String> = files.iter().flat_map(|file| file.warnings.clone()).collect();
    let named = files.iter().rev().find_map(|file| file.registry.clone());
    // Credentials without a host may be bound to what npm answers, never to a registry that a project may have named.
    let (default, trusted) = match network.registry.clone().or(named) {
        Some(registry) => (registry, None),
        None => {
            let variable = ["npm_config_registry", "NPM_CONFIG_REGISTRY"].into_iter().find_map(around.env);
            let answer = default_registry(around.cache_dir, variable.as_deref(), || (around.ask_npm)())?;
            (answer.clone(), Some(answer))
        }
    };
    let registries = registries(network, &files, &default);
    let mut settings = NetworkSettings::new(registries, around.cache_dir.to_owned(), around.now);
    settings.credentials = Credentials::from_levels(&files, trusted.as_deref(), &mut warnings)
        .with_helper_runner(Arc::new(super::helper::run));
    proxies(&mut settings, network, &files, around.env);
    tls(&mut settings, network, &files, around.env);
    if settings.tls.strict_ssl == Some(false) {
        warnings.push("strict-ssl is off: the certificates of registries are not checked".to_owned());
    }
    settings.retry = RetryPolicy {
        retries: network.retries.count,
        factor: f64::from(network.retries.factor),
        min: Duration::from_millis(network.retries.min_ms),
        max: Duration::from_millis(network.retries.max_ms),
    };
    settings.concurrency = network.concurrency;
    settings.timeouts.headers = Duration::from_millis(network.timeout_ms);
    settings.timeouts.stall = settings.timeouts.stall.min(settings.timeouts.headers);
    if let Some(agent) = &network.user_agent {
        settings.user_agent.clone_from(agent);
    }
    settings.mode = match (network.offline, network.prefer_offline) {
        (true, _) => NetworkMode::Offline,
        (false, _) if network.revalidate => NetworkMode::Revalidate,
        (false, true) => NetworkMode::PreferOffline,
        (false, false) => NetworkMode::Online,
    };
    Ok((settings, warnings))
}

/// Where packages of JSR are, unless the user names another mirror of it.
const JSR: &str = "https://npm.jsr.io/";

fn registries(network: &Network, files: &[Npmrc], default: &str) -> Registries {
    let mut scoped: BTreeMap<String, String> = BTreeMap::from([("@jsr".to_owned(), JSR.to_owned())]);
    for file in files {
        scoped.extend(file.scoped.clone());
    }
    scoped.extend(network.scoped.clone());
    let slash = |address: &str| format!("{}/", address.trim_end_matches('/'));
    let all = |map: &BTreeMap<String, String>| map.iter().map(|(key, value)| (key.clone(), slash(value))).collect();
    Registries { default: slash(default), scoped: all(&scoped), named: all(&network.named) }
}

type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

fn proxies(settings: &mut NetworkSettings, network: &Network, files: &[Npmrc], env: Env<'_>) {
    let from_env = |names: &[&str]| names.iter().find_map(|name| env(name)).filter(|value| !value.is_empty());
    let proxy = &mut settings.proxy;
    let secret = |text: &String| Secret::new(text);
    proxy.https = network.https_proxy.as_ref().map(secret);
    proxy.http = network.http_proxy.as_ref().map(secret);
    proxy.no_proxy.clone_from(&network.no_proxy);
    for file in files.iter().rev() {
        proxy.https = proxy.https.take().or_else(|| file.proxy.https.clone());
        proxy.http = proxy.http.take().or_else(|| file.proxy.http.clone());
        proxy.no_proxy = proxy.no_proxy.take().or_else(|| file.proxy.no_proxy.clone());
    }
    let https = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "PROXY", "proxy"];
    proxy.https = proxy.https.take().or_else(|| from_env(&https).as_ref().map(secret));
    proxy.http = proxy.http.take().or_else(|| from_env(&https[2..]).as_ref().map(secret));
    proxy.no_proxy = proxy.no_proxy.take().or_else(|| from_env(&["NO_PROXY", "no_proxy"]));
}

fn tls(settings: &mut NetworkSettings, network: &Network, files: &[Npmrc], env: Env<'_>) {
    let tls = &mut settings.tls;
    let last = |pick: &dyn Fn(&Npmrc) -> Option<String>| files.iter().rev().find_map(pick);
    tls.strict_ssl = network.strict_ssl.or_else(|| files.iter().rev().find_map(|file| file.tls.strict_ssl));
    tls.ca = if network.ca.is_empty() {
        files.iter().rev().find(|file| !file.tls.ca.is_empty()).map(|file| file.tls.ca.clone()).unwrap_or_default()
    } else {
        network.ca.clone()
    };
    let configured = network.cafile.as_ref().map(|path| path.display().to_string());
    tls.cafile = configured.or_else(|| last(&|file| file.tls.cafile.clone())).or_else(|| env("NODE_EXTRA_CA_CERTS"));
}

/// An `.npmrc`, as far as it may go; one byte more tells that it has too many. What a project brings must be a file,
/// while a user may name a pipe.
fn read(path: &Path, level: Level) -> io::Result<Vec<u8>> {
    let most = npmrc::MAX_BYTES as u64 + 1;
    if level == Level::Project {
        return limited::read_beginning(path, most, Links::Followed);
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
