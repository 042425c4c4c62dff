//! The HTTP clients: one for plain http, which never touches a certificate, and one for https for each set of TLS
//! files, made at the first request that needs it, because reading the system's roots costs milliseconds.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use reqwest::{Certificate, Client, ClientBuilder, Identity, NoProxy, Proxy, Url};

use super::{NetworkSettings, addresses::Addresses};
use crate::config::npmrc::HostEntry;

/// All clients of a command.
#[derive(Debug, Default)]
pub(super) struct Clients {
    plain: OnceLock<Client>,
    secure: Mutex<HashMap<String, Client>>,
    addresses: Arc<Addresses>,
}

impl Clients {
    /// The client for an address.
    pub(super) fn of(&self, settings: &NetworkSettings, url: &Url) -> Result<Client, String> {
        let through_tls = |proxy: &crate::config::credentials::Secret| proxy.expose().starts_with("https:");
        if url.scheme() == "http" && !settings.proxy.http.as_ref().is_some_and(through_tls) {
            if let Some(client) = self.plain.get() {
                return Ok(client.clone());
            }
            let client = build(plain(settings)?, &self.addresses)?;
            return Ok(self.plain.get_or_init(|| client).clone());
        }
        let entry = settings.credentials.tls_entry(url);
        let key = entry.map_or("", |(key, _)| key);
        let mut secure = self.secure.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = secure.get(key) {
            return Ok(client.clone());
        }
        let client = build(secured(settings, entry.map(|(_, entry)| entry))?, &self.addresses)?;
        secure.insert(key.to_owned(), client.clone());
        Ok(client)
    }
}

fn plain(settings: &NetworkSettings) -> Result<ClientBuilder, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let no_roots = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Ok(base(settings)?.tls_backend_preconfigured(no_roots))
}

fn secured(settings: &NetworkSettings, entry: Option<&HostEntry>) -> Result<ClientBuilder, String> {
    // It fails only where somebody has installed one already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = base(settings)?.tls_version_min(reqwest::tls::Version::TLS_1_2);
    let mut roots = Vec::new();
    let (own_ca, own_file) = entry.map_or((&[][..], None), |entry| (&entry.ca[..], entry.cafile.as_ref()));
    for pem in settings.tls.ca.iter().chain(own_ca) {
        roots.extend(certificates(pem.as_bytes(), "ca")?);
    }
    for path in settings.tls.cafile.iter().chain(own_file) {
        roots.extend(certificates(&read(path)?, path)?);
    }
    if !roots.is_empty() {
        builder = builder.tls_certs_merge(roots);
    }
    if let Some(identity) = entry.map(identity).transpose()?.flatten() {
        builder = builder.identity(identity);
    }
    if settings.tls.strict_ssl == Some(false) {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    Ok(builder)
}

fn base(settings: &NetworkSettings) -> Result<ClientBuilder, String> {
    let mut builder = Client::builder()
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .tcp_nodelay(true)
        .connect_timeout(settings.timeouts.connect)
        .pool_max_idle_per_host(settings.concurrency)
        .http1_max_headers(200)
        .user_agent(&settings.user_agent);
    let direct = format!("{},localhost,127.0.0.0/8,::1", settings.proxy.no_proxy.as_deref().unwrap_or(""));
    let direct = NoProxy::from_string(direct.trim_start_matches(','));
    let bad = |what: &str| format!("{what} is no proxy address");
    if let Some(proxy) = settings.proxy.http.as_ref().filter(|proxy| !proxy.expose().is_empty()) {
        builder = builder.proxy(Proxy::http(proxy.expose()).map_err(|_| bad("http-proxy"))?.no_proxy(direct.clone()));
    }
    if let Some(proxy) = settings.proxy.https.as_ref().filter(|proxy| !proxy.expose().is_empty()) {
        builder = builder.proxy(Proxy::https(proxy.expose()).map_err(|_| bad("https-proxy"))?.no_proxy(direct));
    }
    Ok(builder)
}

fn build(builder: ClientBuilder, addresses: &Arc<Addresses>) -> Result<Client, String> {
    builder.dns_resolver(addresses.clone()).build().map_err(|error| super::http::words(&error))
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<Certificate>, String> {
    Certificate::from_pem_bundle(pem).map_err(|_| format!("{what} has no certificates in PEM"))
}

fn identity(entry: &HostEntry) -> Result<Option<Identity>, String> {
    let cert = match (&entry.cert, &entry.certfile) {
        (Some(pem), _) => pem.clone().into_bytes(),
        (None, Some(path)) => read(path)?,
        (None, None) => return Ok(None),
    };
    let key = match (&entry.key, &entry.keyfile) {
        (Some(pem), _) => pem.expose().as_bytes().to_vec(),
        (None, Some(path)) => read(path)?,
        (None, None) => return Ok(None),
    };
    let pem = [cert, b"\n".to_vec(), key].concat();
    Identity::from_pem(&pem).map(Some).map_err(|_| "certfile and keyfile are no certificate and key in PEM".to_owned())
}

fn read(path: &str) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{path}: {error}"))
}
