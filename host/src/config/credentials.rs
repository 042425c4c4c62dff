//! Which credentials go with which address. Keys are npm's "nerf darts", `//host[:port]/path/`; the longest one that
//! is a prefix of the address counts. Invariant: a secret has neither `Display` nor a telling `Debug`, and is handed
//! out only for an https address or one on loopback.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use base64::Engine as _;
use reqwest::Url;

use super::npmrc::{HostEntry, Level, Npmrc};

/// A text that never reaches a log: it can only be taken out on purpose.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The text itself, for a request header only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

/// Runs a token helper, an absolute path without arguments, and returns what it prints.
pub type HelperRunner = Arc<dyn Fn(&str) -> Result<String, String> + Send + Sync>;

/// What is known for an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// Nothing is configured.
    None,
    /// There are credentials, but the address is plain http and not on loopback: they stay here.
    Withheld,
    /// The value of the `Authorization` header.
    Header(Secret),
}

/// All credentials, by nerf dart.
#[derive(Clone, Default)]
pub struct Credentials {
    hosts: BTreeMap<String, HostEntry>,
    runner: Option<HelperRunner>,
    helped: Arc<Mutex<BTreeMap<String, Result<Secret, String>>>>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("hosts", &self.hosts.keys()).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Joins files, lowest precedence first (global, user, project). Credentials without a host are bound to the
    /// registry of the same file or of a more trusted one, else to `default_registry`; in a project's file only to the
    /// registry that this file names. Warnings are appended to `warnings`.
    #[must_use]
    pub fn from_levels(levels: &[Npmrc], default_registry: Option<&str>, warnings: &mut Vec<String>) -> Self {
        let mut hosts: BTreeMap<String, HostEntry> = BTreeMap::new();
        let mut trusted_registry = default_registry.map(str::to_owned);
        for file in levels {
            let registry = match file.level {
                Level::Project => file.registry.clone(),
                Level::Global | Level::User => {
                    trusted_registry = file.registry.clone().or(trusted_registry);
                    trusted_registry.clone()
                }
            };
            if file.unscoped.has_credentials() {
                match registry.as_deref().and_then(|text| Url::parse(text).ok()).and_then(|url| nerf_dart(&url)) {
                    Some(key) => hosts.entry(key).or_default().take_from(&file.unscoped),
                    None => warnings.push(format!(
                        "{}: credentials without a host are ignored, because the file names no registry they belong to",
                        file.path
                    )),
                }
            }
            for (key, entry) in &file.hosts {
                hosts.entry(key.clone()).or_default().take_from(entry);
            }
        }
        Self { hosts, runner: None, helped: Arc::default() }
    }

    /// With a way to run token helpers; without one they are not used.
    #[must_use]
    pub fn with_helper_runner(mut self, runner: HelperRunner) -> Self {
        self.runner = Some(runner);
        self
    }

    /// Adds an entry, as from a flag or the environment; it wins over files.
    pub fn insert(&mut self, nerf_dart: &str, entry: &HostEntry) {
        self.hosts.entry(nerf_dart.to_owned()).or_default().take_from(entry);
    }

    /// What goes with an address.
    ///
    /// # Errors
    /// The words of a token helper that failed.
    pub fn authorization(&self, url: &Url) -> Result<Authorization, String> {
        let Some((_, entry)) = self.longest(url, HostEntry::has_credentials) else { return Ok(Authorization::None) };
        if url.scheme() != "https" && !is_loopback(url) {
            return Ok(Authorization::Withheld);
        }
        Ok(match self.header(entry)? {
            Some(secret) => Authorization::Header(secret),
            None => Authorization::None,
        })
    }

    /// Whether a token helper may have to be run for what goes with an address.
    #[must_use]
    pub fn may_run(&self, url: &Url) -> bool {
        self.longest(url, HostEntry::has_credentials).is_some_and(|(_, entry)| entry.token_helper.is_some())
    }

    /// The TLS files for an address: the entry with a CA, certificate or key whose key is the longest prefix.
    #[must_use]
    pub fn tls_entry(&self, url: &Url) -> Option<(&str, &HostEntry)> {
        self.longest(url, HostEntry::has_tls)
    }

    /// A short digest of who asks: part of cache keys, so that answers to one user are not another's. `None`: nobody.
    #[must_use]
    pub fn identity(&self, url: &Url) -> Option<String> {
        let (key, entry) = self.longest(url, HostEntry::has_credentials)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(key.as_bytes());
        for part in [&entry.auth_token, &entry.auth, &entry.password].into_iter().flatten() {
            hasher.update(&[0]).update(part.expose().as_bytes());
        }
        for part in [&entry.username, &entry.token_helper].into_iter().flatten() {
            hasher.update(&[0]).update(part.as_bytes());
        }
        Some(hasher.finalize().to_hex()[..16].to_owned())
    }

    fn longest(&self, url: &Url, wanted: impl Fn(&HostEntry) -> bool) -> Option<(&str, &HostEntry)> {
        if self.hosts.is_empty() {
            return None;
        }
        let full = nerf_dart(url)?;
        let with_file = format!("{full}{}", url.path().rsplit('/').next().unwrap_or(""));
        let mut candidate: &str = &with_file;
        loop {
            for key in [candidate, candidate.trim_end_matches('/')] {
                if let Some((key, entry)) = self.hosts.get_key_value(key).filter(|(_, entry)| wanted(entry)) {
                    return Some((key, entry));
                }
            }
            let shorter = candidate.trim_end_matches('/').rfind('/').filter(|at| *at > 1)?;
            candidate = &candidate[..=shorter];
        }
    }

    fn header(&self, entry: &HostEntry) -> Result<Option<Secret>, String> {
        if let Some(helper) = &entry.token_helper {
            return self.ask_helper(helper).map(Some);
        }
        if let Some(token) = &entry.auth_token {
            return Ok(Some(Secret::new(&format!("Bearer {}", token.expose()))));
        }
        if let Some(auth) = &entry.auth {
            return Ok(Some(Secret::new(&format!("Basic {}", auth.expose()))));
        }
        let (Some(username), Some(password)) = (&entry.username, &entry.password) else { return Ok(None) };
        let base64 = base64::engine::general_purpose::STANDARD;
        let Some(password) = base64.decode(password.expose().trim()).ok().and_then(|raw| String::from_utf8(raw).ok())
        else {
            return Err("_password is not base64".to_owned());
        };
        Ok(Some(Secret::new(&format!("Basic {}", base64.encode(format!("{username}:{password}"))))))
    }

    fn ask_helper(&self, helper: &str) -> Result<Secret, String> {
        let Some(runner) = &self.runner else { return Err("token helpers cannot be run here".to_owned()) };
        let mut helped = self.helped.lock().unwrap_or_else(PoisonError::into_inner);
        helped
            .entry(helper.to_owned())
            .or_insert_with(|| {
                let printed = runner(helper)?;
                let token = printed.trim();
                if token.is_empty() {
                    return Err(format!("the token helper {helper} printed nothing"));
                }
                let has_scheme = token.split_once(' ').is_some();
                Ok(Secret::new(&if has_scheme { token.to_owned() } else { format!("Bearer {token}") }))
            })
            .clone()
    }
}

/// `//host[:port]/path/` of an address: the path up to its last slash, default ports left out.
#[must_use]
pub fn nerf_dart(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let path = url.path();
    let folder = path.rfind('/').map_or("/", |at| &path[..=at]);
    Some(format!("//{host}{port}{folder}"))
}

/// The address leads to this machine: `localhost`, 127.0.0.0/8 or ::1.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests;
