//! The registries, reached lazily: a run that finds everything on disk starts no client and asks npm for nothing.

use std::{
    io,
    process::{Command, Stdio},
    sync::{Arc, OnceLock},
};

use wit::Integrity;

use super::{Failures, Install, one};
use crate::{
    fetch::{FetchOptions, Fetcher, ImportFailure, PackageStore},
    link::Contents,
    registry::{Http, NetworkSettings, Registry, Surroundings, connect},
    report::LogLevel,
};

/// The registries of one installation.
pub(super) struct Network<'a> {
    install: &'a Install<'a>,
    connected: OnceLock<Connected>,
    /// `registries` as configuration and `.npmrc` files name them.
    settings: OnceLock<NetworkSettings>,
}

struct Connected {
    http: Arc<Http>,
    registry: Registry,
    /// One for the whole run, so that what resolution started is not started again.
    fetcher: OnceLock<Fetcher<Shelf>>,
}

/// The store, as the fetcher sees it.
pub(super) struct Shelf {
    store: store::Store,
    limits: store::Limits,
}

impl PackageStore for Shelf {
    type Index = Contents;

    fn find(&self, integrity: &Integrity) -> Option<Self::Index> {
        // A package that cannot be read is fetched again; if the disk is broken, that says so.
        self.store.find(integrity).ok().flatten().map(Contents::from)
    }

    fn import(&self, tarball: &[u8], integrity: &Integrity) -> Result<Self::Index, ImportFailure> {
        self.store.import(tarball, integrity, &self.limits).map(Contents::from).map_err(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            ImportFailure { code: error.code(), message: format!("{error}{cause}") }
        })
    }
}

impl<'a> Network<'a> {
    pub(super) fn new(install: &'a Install<'a>) -> Self {
        Self { install, connected: OnceLock::new(), settings: OnceLock::new() }
    }

    /// Where packages come from, by name and scope. Asks npm where nobody else says.
    pub(super) fn settings(&self) -> Result<&NetworkSettings, Failures> {
        if let Some(settings) = self.settings.get() {
            return Ok(settings);
        }
        let _phase = self.install.phase("npmrc");
        let config = &self.install.context.config;
        let environment = self.install.environment;
        let around = Surroundings {
            env: &|name| environment.variables.get(name).cloned(),
            global_npmrc: None, // npm knows where it is, and answers with what stands in it
            cache_dir: &config.directories.cache,
            now: environment.now,
            ask_npm: &|| ask_npm(environment.get("PATH")),
        };
        let (settings, warnings) = connect(&config.network, &around).map_err(one)?;
        for warning in warnings {
            self.install.message(LogLevel::Warn, warning);
        }
        Ok(self.settings.get_or_init(|| settings))
    }

    fn connected(&self) -> Result<&Connected, Failures> {
        let settings = self.settings()?;
        Ok(self.connected.get_or_init(|| {
            let http = Http::new(settings.clone(), self.install.context.report.clone());
            let registry = Registry::new(http.clone(), self.install.context.timings.clone());
            Connected { http, registry, fetcher: OnceLock::new() }
        }))
    }

    /// Answers a session's questions.
    pub(super) fn registry(&self) -> Result<&Registry, Failures> {
        Ok(&self.connected()?.registry)
    }

    /// Gets packages into a store.
    pub(super) fn fetcher(&self, store: &store::Store) -> Result<Fetcher<Shelf>, Failures> {
        let connected = self.connected()?;
        let new = || {
            let shelf = Shelf { store: store.clone(), limits: store::Limits::default() };
            let options = FetchOptions {
                requester: self.install.prefix.clone(),
                lockfile_dir: self.install.context.config.project.root.clone(),
                allow_missing_integrity: false,
                timings: self.install.context.timings.clone(),
            };
            Fetcher::new(connected.http.clone(), Arc::new(shelf), options)
        };
        Ok(connected.fetcher.get_or_init(new).clone())
    }

    /// Waits until what was learnt is in the cache.
    pub(super) fn settle(&self) {
        if let Some(connected) = self.connected.get() {
            let _phase = self.install.phase("cache");
            connected.registry.settle();
        }
    }
}

/// `npm config get registry`, from a folder where no project says anything.
fn ask_npm(path: Option<&str>) -> io::Result<String> {
    let mut npm = Command::new("npm");
    npm.args(["config", "get", "registry"]).current_dir(std::env::temp_dir()).stdin(Stdio::null());
    if let Some(path) = path {
        npm.env("PATH", path);
    }
    let output = npm.stderr(Stdio::null()).output()?;
    let text = String::from_utf8(output.stdout).map_err(io::Error::other)?;
    if output.status.success() { Ok(text.trim().to_owned()) } else { Err(io::Error::other("npm failed")) }
}
