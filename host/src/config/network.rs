//! Joins what the settings say of the network with the levels of `.npmrc` and the proxies of the environment into what
//! `registry` needs. Not part of [`Config::load`]: a run with nothing to do needs none of it.

use std::{path::Path, process::Command, time::Duration};

use super::{
    Config, Environment,
    credentials::{Credentials, Secret},
    npmrc::{self, Level, Npmrc, ProxySettings, TlsSettings},
};
use crate::{
    diagnostic::Diagnostic,
    registry::{NetworkMode, NetworkSettings, RetryPolicy, Timeouts, default_registry},
};

impl Config {
    /// What `registry` needs, and what the user should hear of it. Asks npm for the default registry, once on a
    /// machine, if nothing else names one. The component must be told the same registries: put `registries` of the
    /// answer into the settings it is given.
    ///
    /// # Errors
    /// Nothing names a registry, and npm cannot be asked.
    pub fn network_settings(&self, environment: &Environment) -> Result<(NetworkSettings, Vec<String>), Diagnostic> {
        let levels = self.npmrc_levels(environment);
        let mut warnings: Vec<String> = levels.iter().flat_map(|level| level.warnings.clone()).collect();
        let mut registries = self.settings.registries.clone();
        if registries.default.is_empty() {
            registries.default = match levels.iter().rev().find_map(|level| level.registry.clone()) {
                Some(registry) => registry,
                None => default_registry(&self.directories.cache, ask_npm)?,
            };
        }
        for level in levels.iter().rev() {
            for (scope, address) in &level.scoped {
                registries.scoped.entry(scope.clone()).or_insert_with(|| address.clone());
            }
        }
        let default = self.network.registry.as_deref();
        let mut settings = NetworkSettings::new(registries, self.directories.cache.clone(), environment.now);
        settings.credentials = Credentials::from_levels(&levels, default, &mut warnings);
        settings.proxy = self.proxy(&levels, environment);
        settings.tls = self.tls(&levels);
        settings.retry = self.retry();
        settings.timeouts = Timeouts { stall: Duration::from_millis(self.network.timeout_ms), ..Timeouts::default() };
        settings.concurrency = self.network.concurrency.min(self.network.max_sockets.unwrap_or(usize::MAX));
        if let Some(user_agent) = &self.network.user_agent {
            settings.user_agent.clone_from(user_agent);
        }
        settings.mode = match (self.network.offline, self.network.prefer_offline) {
            (true, _) => NetworkMode::Offline,
            (false, true) => NetworkMode::PreferOffline,
            (false, false) => NetworkMode::Online,
        };
        Ok((settings, warnings))
    }

    /// The user's file, then the project's.
    fn npmrc_levels(&self, environment: &Environment) -> Vec<Npmrc> {
        let variable = |name: &str| environment.variables.get(name).cloned();
        let read = |path: &Path, level| {
            let bytes = std::fs::read(path).ok()?;
            Some(npmrc::parse(&bytes, level, &path.display().to_string(), &variable))
        };
        let user = self.network.user_npmrc.as_deref();
        let project = Some(self.network.project_npmrc.as_path()).filter(|path| Some(*path) != user);
        let user = user.and_then(|path| read(path, Level::User));
        let project = project.and_then(|path| read(path, Level::Project));
        user.into_iter().chain(project).collect()
    }

    /// Settings, then files, then the environment.
    fn proxy(&self, levels: &[Npmrc], environment: &Environment) -> ProxySettings {
        let either = |upper: &str, lower: &str| environment.get(lower).or_else(|| environment.get(upper));
        let file = |pick: fn(&ProxySettings) -> &Option<Secret>| {
            levels.iter().rev().find_map(|level| pick(&level.proxy).clone())
        };
        let secret = |text: &String| Secret::new(text);
        let https = self.network.https_proxy.as_ref().map(secret).or_else(|| file(|proxy| &proxy.https));
        let http = self.network.http_proxy.as_ref().map(secret).or_else(|| file(|proxy| &proxy.http));
        let all = either("ALL_PROXY", "all_proxy");
        let from_environment = |upper, lower| either(upper, lower).or(all).map(Secret::new);
        let no_proxy = levels.iter().rev().find_map(|level| level.proxy.no_proxy.clone());
        ProxySettings {
            https: https.or_else(|| from_environment("HTTPS_PROXY", "https_proxy")),
            http: http.or_else(|| from_environment("HTTP_PROXY", "http_proxy")),
            no_proxy: self
                .network
                .no_proxy
                .clone()
                .or(no_proxy)
                .or_else(|| either("NO_PROXY", "no_proxy").map(str::to_owned)),
        }
    }

    /// Settings, then files. What a project's file says has been left out by the parser already.
    fn tls(&self, levels: &[Npmrc]) -> TlsSettings {
        let mut tls = TlsSettings {
            ca: self.network.ca.clone(),
            cafile: self.network.cafile.as_ref().map(|path| path.display().to_string()),
            strict_ssl: self.network.strict_ssl,
        };
        for level in levels.iter().rev() {
            if tls.ca.is_empty() {
                tls.ca.clone_from(&level.tls.ca);
            }
            tls.cafile = tls.cafile.or_else(|| level.tls.cafile.clone());
            tls.strict_ssl = tls.strict_ssl.or(level.tls.strict_ssl);
        }
        tls
    }

    /// The user's waits where some are set, else the registry's own, shorter ones.
    fn retry(&self) -> RetryPolicy {
        let retries = self.network.retries;
        let defaults = RetryPolicy::default();
        let or = |set: Option<u64>, default| set.map_or(default, Duration::from_millis);
        RetryPolicy {
            retries: retries.count,
            factor: retries.factor.map_or(defaults.factor, f64::from),
            min: or(retries.min_ms, defaults.min),
            max: or(retries.max_ms, defaults.max),
        }
    }
}

/// `npm config get registry`, asked where no project's settings reach.
fn ask_npm() -> std::io::Result<String> {
    let answer = Command::new("npm").args(["config", "get", "registry"]).current_dir("/").output()?;
    Ok(String::from_utf8_lossy(&answer.stdout).into_owned())
}
