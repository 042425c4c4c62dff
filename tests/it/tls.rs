//! Registries over https, through a proxy on loopback whose certificates come from an authority of its own: who trusts
//! it gets in, nobody else; whose configuration may say so; what stands in `no-proxy` is not sent there.

use std::{
    io::{BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ServerConfig, ServerConnection, StreamOwned, pki_types::PrivateKeyDer};
use tests::{project::Project, registry::Registry};

use crate::support::{binary, manifest, node, small_world};

/// The registry as the program knows it: no such host exists.
const HOST: &str = "registry.example";

type Seen = Mutex<Vec<(String, Option<String>)>>;

/// A proxy that answers for [`HOST`] itself, with the pages of a registry on loopback.
struct Proxy {
    url: String,
    /// Its authority, in PEM.
    ca: String,
    /// What it was asked to connect to, with what credentials.
    asked: Arc<Seen>,
}

impl Proxy {
    fn start(registry: &Registry) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec![HOST.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Seen> = Arc::default();
        let (config, seen, behind) = (Arc::new(config), asked.clone(), registry.url.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (config, seen, behind) = (config.clone(), seen.clone(), behind.clone());
                thread::spawn(move || tunnel(&stream.unwrap(), config, &seen, &behind));
            }
        });
        Self { url, ca: authority.pem(), asked }
    }

    fn asked(&self) -> Vec<(String, Option<String>)> {
        self.asked.lock().unwrap().clone()
    }
}

/// Lines up to the blank one.
fn head(reader: &mut impl std::io::BufRead) -> Option<Vec<String>> {
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

fn tunnel(stream: &TcpStream, config: Arc<ServerConfig>, seen: &Seen, behind: &str) {
    let Some(lines) = head(&mut BufReader::with_capacity(1, stream)) else { return };
    let target = lines[0].split(' ').nth(1).unwrap().to_owned();
    let credentials = lines.iter().find_map(|line| line.strip_prefix("proxy-authorization: ").map(str::to_owned));
    seen.lock().unwrap().push((target, credentials));
    let mut plain = stream;
    plain.write_all(b"HTTP/1.1 200 x\r\n\r\n").unwrap();
    let secure = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
    let mut secure = BufReader::new(secure);
    while let Some(lines) = head(&mut secure) {
        let answer = forward(&lines, behind);
        if secure.get_mut().write_all(&answer).and_then(|()| secure.get_mut().flush()).is_err() {
            return;
        }
    }
}

/// Asks the registry behind, and says that its pages are those of [`HOST`].
fn forward(lines: &[String], behind: &str) -> Vec<u8> {
    let address = behind.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address).unwrap();
    // Plain text, so that addresses in it can be replaced; the registry keeps connections open otherwise.
    let kept = lines.iter().filter(|line| !line.to_ascii_lowercase().starts_with("accept-encoding"));
    let request: String = kept.map(|line| format!("{line}\r\n")).collect();
    stream.write_all(format!("{request}\r\n").as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let lines = head(&mut reader).unwrap();
    let length = lines.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    if let Ok(text) = std::str::from_utf8(&body) {
        body = text.replace(behind, &format!("https://{HOST}/")).into_bytes();
    }
    let kept = lines.iter().filter(|line| !line.starts_with("content-length"));
    let mut answer: String = kept.map(|line| format!("{line}\r\n")).collect();
    answer += &format!("content-length: {}\r\n\r\n", body.len());
    [answer.into_bytes(), body].concat()
}

struct Setup {
    _registry: Registry,
    proxy: Proxy,
    project: Project,
}

fn setup() -> Setup {
    let registry = Registry::start(small_world());
    let proxy = Proxy::start(&registry);
    let project = Project::new(&format!("https://{HOST}/"), binary());
    manifest(&project, &serde_json::json!({ "a": "^1.0.0" }));
    std::fs::write(project.home().join("ca.pem"), &proxy.ca).unwrap();
    Setup { _registry: registry, proxy, project }
}

impl Setup {
    fn install(&self, environment: &[(&str, &str)]) -> tests::project::Run {
        let mut command = self.project.command(&["install", "--config.fetchRetries=0"]);
        command.envs(environment.iter().copied()).output().unwrap().into()
    }

    fn ca(&self) -> String {
        self.project.home().join("ca.pem").display().to_string()
    }

    fn user_npmrc(&self, text: &str) {
        std::fs::write(self.project.home().join(".npmrc"), text).unwrap();
    }

    /// Metadata and tarballs came, all of them through the proxy.
    fn is_installed(&self) {
        assert_eq!(node(&self.project, "console.log(require('a'))"), "b@1.1.0");
        let asked = self.proxy.asked();
        assert!(!asked.is_empty() && asked.iter().all(|(target, _)| target == "registry.example:443"), "{asked:?}");
    }
}

#[test]
fn a_proxy_and_an_authority_of_the_environment_are_used() {
    let setup = setup();
    setup.install(&[("https_proxy", &setup.proxy.url), ("NODE_EXTRA_CA_CERTS", &setup.ca())]).ok();
    setup.is_installed();
}

#[test]
fn a_proxy_and_an_authority_of_the_users_npmrc_are_used_with_its_credentials() {
    let setup = setup();
    let proxy = setup.proxy.url.replace("http://", "http://user:secret@");
    setup.user_npmrc(&format!("https-proxy={proxy}\ncafile={}\n", setup.ca()));
    setup.install(&[]).ok();
    setup.is_installed();
    let given = setup.proxy.asked().remove(0).1;
    assert_eq!(given.as_deref(), Some("Basic dXNlcjpzZWNyZXQ="));
}

#[test]
fn an_authority_that_nobody_trusts_ends_in_an_error_that_names_the_certificate() {
    let setup = setup();
    let run = setup.install(&[("https_proxy", &setup.proxy.url)]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.to_lowercase().contains("certificate"), "{run:?}");
    assert!(!setup.project.has("pnpm-lock.yaml"));
}

#[test]
fn a_project_cannot_change_whom_tls_trusts() {
    let setup = setup();
    setup.project.write(".npmrc", &format!("cafile={}\nstrict-ssl=false\n", setup.ca()));
    let run = setup.install(&[("https_proxy", &setup.proxy.url)]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.to_lowercase().contains("certificate"), "{run:?}");
}

#[test]
fn a_user_may_switch_the_check_off_and_is_told() {
    let setup = setup();
    setup.user_npmrc("strict-ssl=false\n");
    let run = setup.install(&[("https_proxy", &setup.proxy.url)]);
    run.ok();
    setup.is_installed();
    assert!((run.stdout + &run.stderr).contains("strict-ssl is off"));
}

#[test]
fn what_stands_in_no_proxy_is_not_sent_there() {
    let setup = setup();
    let run = setup.install(&[("https_proxy", &setup.proxy.url), ("no_proxy", HOST)]);
    assert_eq!(run.code, Some(1), "there is no such host: {run:?}");
    assert_eq!(setup.proxy.asked(), []);
}
