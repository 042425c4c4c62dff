//! A proxy on loopback that takes every tunnel to its own end: it is the hosts that it is asked for, with certificates
//! of an authority that only the tools under test are told of.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ServerConfig, ServerConnection, StreamOwned, pki_types::PrivateKeyDer};

use super::{
    Web,
    hosts::{self, Asked, Reply},
    repositories::Repositories,
};

/// A running proxy; it answers until the process ends.
pub struct Proxy {
    /// Its address.
    pub url: String,
    /// Its authority, in PEM.
    pub ca: String,
    shared: Arc<Shared>,
}

/// A request that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `GET`.
    pub method: String,
    /// `https://host/path`, without the query.
    pub address: String,
    /// The answer's status.
    pub status: u16,
}

struct Shared {
    web: Mutex<Web>,
    repositories: Repositories,
    log: Mutex<Vec<Seen>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proxy {
    /// Starts to answer for these hosts.
    ///
    /// # Panics
    /// If loopback cannot be listened on.
    #[must_use]
    pub(super) fn start(web: Web, hosts: BTreeSet<String>) -> Self {
        let (config, ca) = certificates(hosts);
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be listened on");
        let url = format!("http://{}", listener.local_addr().expect("a bound socket has an address"));
        let repositories = Repositories::new(&web);
        let shared = Arc::new(Shared { web: Mutex::new(web), repositories, log: Mutex::default() });
        let served = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), config, served) = (stream, config.clone(), served.clone()) else { continue };
                thread::spawn(move || tunnel(&stream, config, &served));
            }
        });
        Self { url, ca, shared }
    }

    /// The folder of its repositories, `host/user/project.git` in it.
    pub(super) fn repositories(&self) -> PathBuf {
        self.shared.repositories.root().to_path_buf()
    }

    /// Adds what hosts have from now on.
    pub fn publish(&self, more: &Web) {
        self.shared.repositories.push(more);
        lock(&self.shared.web).extend(more);
    }

    /// What was asked for since the last call.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut lock(&self.shared.log))
    }
}

fn certificates(hosts: BTreeSet<String>) -> (Arc<ServerConfig>, String) {
    let key = || KeyPair::generate().expect("a key can be made");
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, key()).expect("an authority can sign itself");
    let own = key();
    let certificate = CertificateParams::new(hosts.into_iter().collect::<Vec<_>>())
        .and_then(|params| params.signed_by(&own, &authority))
        .expect("hosts of scenarios are names of hosts");
    let own = PrivateKeyDer::try_from(own.serialize_der()).expect("a key that was just made");
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], own)
        .expect("key and certificate belong together");
    (Arc::new(config), authority.pem())
}

/// Lines up to the blank one.
fn head(reader: &mut impl BufRead) -> Option<Vec<String>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => return Some(lines),
            text => lines.push(text.to_owned()),
        }
    }
}

fn tunnel(stream: &TcpStream, config: Arc<ServerConfig>, shared: &Shared) -> Option<()> {
    // Not a byte more than the head: what follows it is TLS.
    let lines = head(&mut BufReader::with_capacity(1, stream))?;
    let host = lines.first()?.split(' ').nth(1)?.split(':').next()?.to_owned();
    let mut plain = stream;
    plain.write_all(b"HTTP/1.1 200 x\r\n\r\n").ok()?;
    let mut secure = BufReader::new(StreamOwned::new(ServerConnection::new(config).ok()?, stream));
    loop {
        let asked = read(&mut secure, &host)?;
        let web = lock(&shared.web).clone();
        let reply = hosts::answer(&web, &shared.repositories, &asked);
        let address = format!("https://{}{}", asked.host, asked.path);
        lock(&shared.log).push(Seen { method: asked.method.clone(), address, status: reply.status });
        secure.get_mut().write_all(&bytes(&asked, &reply)).ok()?;
        secure.get_mut().flush().ok()?;
    }
}

fn read(reader: &mut impl BufRead, host: &str) -> Option<Asked> {
    let lines = head(reader)?;
    let mut words = lines.first()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let fields = lines.iter().skip(1).filter_map(|line| line.split_once(':'));
    let headers: Vec<(String, String)> =
        fields.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { method, host: host.to_owned(), path: path.to_owned(), query: query.to_owned(), headers, body })
}

fn bytes(asked: &Asked, reply: &Reply) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} x\r\ncontent-length: {}\r\n", reply.status, reply.body.len());
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    let body: &[u8] = if asked.method == "HEAD" { &[] } else { &reply.body };
    [head.as_bytes(), body].concat()
}
