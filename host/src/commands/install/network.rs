//! The registries, reached lazily: a run that finds everything on disk starts no client and asks npm for nothing.

use std::{
    collections::HashMap,
    io,
    process::{Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use wit::Integrity;

use super::{Failures, Install, one};
use crate::{
    exotic::{self, Everything, Sources},
    fetch::{FetchOptions, Fetcher, ImportFailure, News, PackageStore},
    graph::Source,
    link::Contents,
    registry::{Http, NetworkSettings, Registry, Surroundings, connect},
    report::LogLevel,
};

/// What git is given of the user's environment: how to reach hosts, and whose configuration and keys count.
const GIT_ENVIRONMENT: [&str; 22] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "XDG_CONFIG_HOME",
    "SSH_AUTH_SOCK",
    "SSH_AGENT_PID",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSL_CAINFO",
    "GIT_CONFIG_GLOBAL",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
];

/// What all installations of one run share.
#[derive(Default)]
pub(super) struct Clients {
    /// `registries` as configuration and `.npmrc` files name them.
    settings: OnceLock<NetworkSettings>,
    http: OnceLock<Arc<Http>>,
}

/// The registries of one installation.
pub(super) struct Network<'a> {
    install: &'a Install<'a>,
    clients: &'a Clients,
    connected: OnceLock<Connected>,
    news: News,
}

struct Connected {
    http: Arc<Http>,
    registry: Registry,
    sources: Arc<Sources>,
    /// One for the whole run, so that what resolution started is not started again.
    fetcher: OnceLock<Fetcher<Shelf>>,
}

/// The store, as the fetcher sees it.
pub(super) struct Shelf {
    store: store::Store,
    limits: store::Limits,
    sources: Arc<Sources>,
    /// Packages that were found before anybody asked for them.
    found: Mutex<HashMap<Integrity, Held>>,
}

/// A package in the store.
pub(super) struct Held {
    /// What it is kept under.
    pub(super) integrity: Integrity,
    /// What is in it.
    pub(super) contents: Arc<Contents>,
}

impl Held {
    fn new(integrity: Integrity, index: store::PackageIndex, is_new: bool) -> Self {
        Self { integrity, contents: Arc::new(Contents { is_new, ..index.into() }) }
    }
}

impl Shelf {
    /// Finds what will probably be asked for.
    pub(super) fn look_up(&self, integrity: Integrity) {
        let is_found = self.found().contains_key(&integrity);
        if !is_found && let Some(held) = self.read(&integrity) {
            self.found().insert(integrity, held);
        }
    }

    fn read(&self, integrity: &Integrity) -> Option<Held> {
        // A package that cannot be read is fetched again; if the disk is broken, that says so.
        self.store.find(integrity).ok().flatten().map(|index| Held::new(integrity.clone(), index, false))
    }

    fn found(&self) -> MutexGuard<'_, HashMap<Integrity, Held>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PackageStore for Shelf {
    type Index = Held;
    /// And what was promised: all digests of it.
    type Verified = (Integrity, store::Verified);

    fn find(&self, integrity: &Integrity) -> Option<Self::Index> {
        let found = self.found().remove(integrity);
        found.or_else(|| self.read(integrity))
    }

    fn forget(&self, integrity: &Integrity) {
        self.found().remove(integrity);
    }

    fn verify(&self, tarballs: Vec<(Vec<u8>, Integrity)>) -> Vec<Result<Self::Verified, ImportFailure>> {
        let promised: Vec<Integrity> = tarballs.iter().map(|(_, integrity)| integrity.clone()).collect();
        let verified = store::verify(tarballs).into_iter().zip(promised);
        verified.map(|(tarball, promised)| Ok((promised, tarball.map_err(|error| failure(&error))?))).collect()
    }

    fn import(&self, (promised, tarball): Self::Verified) -> Result<Self::Index, ImportFailure> {
        let imported = self.store.import_verified(&tarball, &self.limits);
        imported.map(|it| Held::new(promised, it.index, it.is_new)).map_err(|error| failure(&error))
    }

    type Stream = store::Stream;

    fn stream(&self) -> Option<Self::Stream> {
        self.store.stream(&self.limits).ok()
    }

    fn feed(&self, stream: &mut Self::Stream, bytes: &[u8]) -> Option<()> {
        stream.feed(bytes).ok()
    }

    fn finish(&self, stream: Self::Stream, integrity: &Integrity) -> Option<Self::Index> {
        let imported = stream.finish(integrity).ok()?;
        Some(Held::new(integrity.clone(), imported.index, imported.is_new))
    }

    fn gather(&self, source: &Source) -> Result<Self::Index, ImportFailure> {
        let gathered = self.sources.gather(source, &self.store);
        gathered
            .map(|imported| Held::new(imported.integrity, imported.index, imported.is_new))
            .map_err(|error| ImportFailure { code: error.code, message: error.message })
    }
}

fn failure(error: &store::ImportError) -> ImportFailure {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    ImportFailure { code: error.code(), message: format!("{error}{cause}") }
}

impl<'a> Network<'a> {
    pub(super) fn new(install: &'a Install<'a>, clients: &'a Clients) -> Self {
        Self { install, clients, connected: OnceLock::new(), news: News::default() }
    }

    /// Where packages come from, by name and scope. Asks npm where nobody else says.
    pub(super) fn settings(&self) -> Result<&NetworkSettings, Failures> {
        if let Some(settings) = self.clients.settings.get() {
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
        Ok(self.clients.settings.get_or_init(|| settings))
    }

    fn connected(&self) -> Result<&Connected, Failures> {
        let settings = self.settings()?;
        Ok(self.connected.get_or_init(|| {
            let new = || Http::new(settings.clone(), self.install.context.report.clone());
            let http = self.clients.http.get_or_init(new).clone();
            let registry = Registry::new(http.clone(), self.install.context.timings.clone());
            let sources = Arc::new(Sources::new(http.clone(), self.surroundings()));
            Connected { http, registry, sources, fetcher: OnceLock::new() }
        }))
    }

    /// The registries.
    pub(super) fn registry(&self) -> Result<&Registry, Failures> {
        Ok(&self.connected()?.registry)
    }

    /// Answers a session's questions; what is found on the way is kept in `store`.
    pub(super) fn oracle(&self, store: Option<store::Store>) -> Result<Everything, Failures> {
        let connected = self.connected()?;
        Ok(Everything::new(connected.registry.clone(), connected.sources.clone(), store))
    }

    fn surroundings(&self) -> exotic::Surroundings {
        let config = &self.install.context.config;
        let environment = self.install.environment;
        let given = |name: &&str| Some(((*name).to_owned(), environment.get(name)?.to_owned()));
        exotic::Surroundings {
            root: config.project.root.clone(),
            home: environment.get("HOME").map(Into::into),
            cache_dir: config.directories.cache.clone(),
            git_environment: GIT_ENVIRONMENT.iter().filter_map(given).collect(),
            ignore_scripts: config.scripts.ignore,
        }
    }

    /// Gets packages into a store.
    pub(super) fn fetcher(&self, store: &store::Store) -> Result<Fetcher<Shelf>, Failures> {
        let connected = self.connected()?;
        let new = || {
            let (limits, sources) = (store::Limits::default(), connected.sources.clone());
            let shelf = Shelf { store: store.clone(), limits, sources, found: Mutex::default() };
            let options = FetchOptions {
                requester: self.install.prefix.clone(),
                lockfile_dir: self.install.context.config.project.root.clone(),
                allow_missing_integrity: false,
                timings: self.install.context.timings.clone(),
                news: self.has_release_age().then(|| self.news.clone()),
            };
            Fetcher::new(connected.http.clone(), Arc::new(shelf), options)
        };
        Ok(connected.fetcher.get_or_init(new).clone())
    }

    /// Whether it counts what registries have served.
    fn has_release_age(&self) -> bool {
        let config = &self.install.context.config;
        config.settings.policy.minimum_release_age > 0 && !config.install.trust_lockfile
    }

    /// What becomes of packages while they are fetched.
    pub(super) fn news(&self) -> &News {
        &self.news
    }

    /// What is left of it when all is done.
    pub(super) fn into_connections(self) -> impl Send + 'static {
        self.connected.into_inner()
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
