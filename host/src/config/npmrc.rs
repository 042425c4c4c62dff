//! Reads one `.npmrc`: of all its keys only those that say where packages come from and how to get there
//! (registries, credentials, proxies, TLS), as pnpm 12 does; the rest is left to npm.
//!
//! A project's file is a stranger's: `${VAR}` is not expanded in it, and it can neither run a token helper nor change
//! whom TLS trusts. What is left out is named in [`Npmrc::warnings`].

use std::collections::BTreeMap;

use super::credentials::Secret;

/// Which file it is, least trusted last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// npm's own, for all users.
    Global,
    /// The user's, or pnpm's `auth.ini`.
    User,
    /// The project's or the workspace's.
    Project,
}

/// One file, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Npmrc {
    /// Which file it is.
    pub level: Level,
    /// Its path, for messages.
    pub path: String,
    /// `registry`, ending in `/`.
    pub registry: Option<String>,
    /// `@scope:registry` by scope with its `@`.
    pub scoped: BTreeMap<String, String>,
    /// `//host/path/:key` by nerf dart.
    pub hosts: BTreeMap<String, HostEntry>,
    /// Credentials without a host.
    pub unscoped: HostEntry,
    /// Proxies.
    pub proxy: ProxySettings,
    /// TLS.
    pub tls: TlsSettings,
    /// What was left out, and why: one sentence each.
    pub warnings: Vec<String>,
}

/// What is configured for one host and path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostEntry {
    /// `_authToken`.
    pub auth_token: Option<Secret>,
    /// `_auth`: base64 of `user:password`.
    pub auth: Option<Secret>,
    /// `username`.
    pub username: Option<String>,
    /// `_password`: base64.
    pub password: Option<Secret>,
    /// `tokenHelper`: an absolute path.
    pub token_helper: Option<String>,
    /// `ca` in PEM.
    pub ca: Vec<String>,
    /// `cafile`: a path.
    pub cafile: Option<String>,
    /// `cert` in PEM.
    pub cert: Option<String>,
    /// `key` in PEM.
    pub key: Option<Secret>,
    /// `certfile`: a path.
    pub certfile: Option<String>,
    /// `keyfile`: a path.
    pub keyfile: Option<String>,
}

/// Proxies; an empty text means none, on purpose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxySettings {
    /// For https addresses.
    pub https: Option<Secret>,
    /// For http addresses.
    pub http: Option<Secret>,
    /// Hosts that are reached directly, separated by commas.
    pub no_proxy: Option<String>,
}

/// Whom TLS trusts besides the system's roots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// Roots in PEM.
    pub ca: Vec<String>,
    /// A path to roots in PEM.
    pub cafile: Option<String>,
    /// `false`: certificates are not checked.
    pub strict_ssl: Option<bool>,
}

impl HostEntry {
    /// It has something that makes an `Authorization` header.
    #[must_use]
    pub fn has_credentials(&self) -> bool {
        self.auth_token.is_some()
            || self.auth.is_some()
            || self.token_helper.is_some()
            || (self.username.is_some() && self.password.is_some())
    }

    /// It has something for TLS.
    #[must_use]
    pub fn has_tls(&self) -> bool {
        !self.ca.is_empty()
            || [&self.cafile, &self.cert, &self.certfile, &self.keyfile].iter().any(|item| item.is_some())
            || self.key.is_some()
    }

    /// What `other` has replaces what is here; credentials as a whole, so that two files never mix into one.
    pub fn take_from(&mut self, other: &Self) {
        if other.has_credentials() {
            self.auth_token.clone_from(&other.auth_token);
            self.auth.clone_from(&other.auth);
            self.username.clone_from(&other.username);
            self.password.clone_from(&other.password);
            self.token_helper.clone_from(&other.token_helper);
        }
        if other.has_tls() {
            self.ca.clone_from(&other.ca);
            self.cafile.clone_from(&other.cafile);
            self.cert.clone_from(&other.cert);
            self.key.clone_from(&other.key);
            self.certfile.clone_from(&other.certfile);
            self.keyfile.clone_from(&other.keyfile);
        }
    }
}

/// A file of more bytes is refused.
pub const MAX_BYTES: usize = 1 << 20;

/// Reads a file. `env` answers `${VAR}`; it is asked for user and global files only. It never fails: lines that cannot
/// be used are left out with a warning.
#[must_use]
pub fn parse(bytes: &[u8], level: Level, path: &str, env: &dyn Fn(&str) -> Option<String>) -> Npmrc {
    let mut file = Npmrc {
        level,
        path: path.to_owned(),
        registry: None,
        scoped: BTreeMap::new(),
        hosts: BTreeMap::new(),
        unscoped: HostEntry::default(),
        proxy: ProxySettings::default(),
        tls: TlsSettings::default(),
        warnings: Vec::new(),
    };
    if bytes.len() > MAX_BYTES {
        file.warn(0, "the file is ignored, because it has more than 1 MiB");
        return file;
    }
    let mut in_section = false;
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let number = at + 1;
        let Ok(line) = std::str::from_utf8(line) else {
            file.warn(number, "the line is ignored, because it is not UTF-8");
            continue;
        };
        let line = line.trim().trim_start_matches('\u{feff}');
        if line.starts_with('[') {
            in_section = true;
        }
        if in_section || line.is_empty() || line.starts_with([';', '#']) {
            continue;
        }
        if line.contains('\0') {
            file.warn(number, "the line is ignored, because it has a NUL byte");
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or((line, "true"));
        file.line(number, key.trim(), value.trim(), env);
    }
    file
}

impl Npmrc {
    fn warn(&mut self, line: usize, what: &str) {
        let place = if line == 0 { self.path.clone() } else { format!("{}:{line}", self.path) };
        self.warnings.push(format!("{place}: {what}"));
    }

    fn line(&mut self, number: usize, key: &str, value: &str, env: &dyn Fn(&str) -> Option<String>) {
        let key = unquote(key);
        let value = unquote(value);
        if !is_ours(&key) {
            return;
        }
        let (key, value) = if self.level == Level::Project {
            if key.contains("${") || value.contains("${") {
                self.warn(
                    number,
                    &format!(
                        "{} is ignored: a project's .npmrc cannot expand environment variables into addresses or \
                         credentials; put it into the user-level .npmrc",
                        printable(&key)
                    ),
                );
                return;
            }
            (key, value)
        } else {
            match (expand(&key, env), expand(&value, env)) {
                (Ok(key), Ok(value)) => (key, value),
                (Err(name), _) | (_, Err(name)) => {
                    self.warn(
                        number,
                        &format!("{} is ignored: the environment variable {name} is not set", printable(&key)),
                    );
                    return;
                }
            }
        };
        self.set(number, &key, value);
    }

    fn set(&mut self, number: usize, key: &str, value: String) {
        if key.starts_with("//") {
            let Some((dart, name)) = key.rsplit_once(":") else { return };
            return self.set_host(number, dart, name, value);
        }
        if let Some(scope) = key.strip_suffix(":registry").filter(|scope| scope.starts_with('@')) {
            self.scoped.insert(scope.to_owned(), with_slash(value));
            return;
        }
        let untrusted = self.level == Level::Project;
        match key {
            "registry" => self.registry = Some(with_slash(value)),
            "proxy" | "http-proxy" => self.proxy.http = proxy(&value),
            "https-proxy" => self.proxy.https = proxy(&value),
            "noproxy" | "no-proxy" => self.proxy.no_proxy = Some(value),
            "ca" | "ca[]" | "cafile" | "strict-ssl" if untrusted => {
                self.warn(number, &format!("{key} is ignored: a project's .npmrc cannot change whom TLS trusts"));
            }
            "ca" | "ca[]" => self.tls.ca.push(value.replace("\\n", "\n")),
            "cafile" => self.tls.cafile = Some(value),
            "strict-ssl" => self.tls.strict_ssl = Some(value != "false"),
            _ => {
                let mut entry = std::mem::take(&mut self.unscoped);
                self.set_credential(number, &mut entry, key, value);
                self.unscoped = entry;
            }
        }
    }

    fn set_host(&mut self, number: usize, dart: &str, name: &str, value: String) {
        let dart = format!("{}/", dart.trim_end_matches('/').to_ascii_lowercase_host());
        let mut entry = self.hosts.remove(&dart).unwrap_or_default();
        self.set_credential(number, &mut entry, name, value);
        if entry != HostEntry::default() {
            self.hosts.insert(dart, entry);
        }
    }

    fn set_credential(&mut self, number: usize, entry: &mut HostEntry, name: &str, value: String) {
        let untrusted = self.level == Level::Project;
        match name {
            "_authToken" => entry.auth_token = Some(Secret::new(&value)),
            "_auth" => entry.auth = Some(Secret::new(&value)),
            "username" => entry.username = Some(value),
            "_password" => entry.password = Some(Secret::new(&value)),
            "tokenHelper" if untrusted => {
                self.warn(number, "tokenHelper is ignored: a project's .npmrc cannot name a program to run");
            }
            "tokenHelper" if !std::path::Path::new(&value).is_absolute() => {
                self.warn(number, "tokenHelper is ignored: it must be an absolute path without arguments");
            }
            "tokenHelper" => entry.token_helper = Some(value),
            "ca" | "ca[]" | "cafile" | "cert" | "key" | "certfile" | "keyfile" if untrusted => {
                self.warn(number, &format!("{name} is ignored: a project's .npmrc cannot change whom TLS trusts"));
            }
            "ca" | "ca[]" => entry.ca.push(value.replace("\\n", "\n")),
            "cafile" => entry.cafile = Some(value),
            "cert" => entry.cert = Some(value.replace("\\n", "\n")),
            "key" => entry.key = Some(Secret::new(&value.replace("\\n", "\n"))),
            "certfile" => entry.certfile = Some(value),
            "keyfile" => entry.keyfile = Some(value),
            _ => {}
        }
    }
}

trait LowercaseHost {
    fn to_ascii_lowercase_host(&self) -> String;
}

impl LowercaseHost for str {
    /// `//HOST/Path` with its host in lower case and without a default port.
    fn to_ascii_lowercase_host(&self) -> String {
        let rest = self.trim_start_matches('/');
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = host.to_ascii_lowercase();
        let host = host.strip_suffix(":443").or_else(|| host.strip_suffix(":80")).unwrap_or(&host);
        format!("//{host}{path}")
    }
}

fn is_ours(key: &str) -> bool {
    const PLAIN: [&str; 15] = [
        "registry",
        "proxy",
        "http-proxy",
        "https-proxy",
        "noproxy",
        "no-proxy",
        "ca",
        "ca[]",
        "cafile",
        "strict-ssl",
        "_authToken",
        "_auth",
        "username",
        "_password",
        "tokenHelper",
    ];
    key.starts_with("//") || (key.starts_with('@') && key.ends_with(":registry")) || PLAIN.contains(&key)
}

/// A key without what might be a secret in it: cut after 120 characters, no control characters.
fn printable(key: &str) -> String {
    key.chars().filter(|c| !c.is_control()).take(120).collect()
}

fn proxy(value: &str) -> Option<Secret> {
    match value {
        "null" | "false" => Some(Secret::new("")),
        _ => Some(Secret::new(value)),
    }
}

fn with_slash(mut address: String) -> String {
    if !address.ends_with('/') {
        address.push('/');
    }
    address
}

/// As npm's ini: a value in double quotes is a JSON string, one in single quotes stands as it is; elsewhere ` ;` and
/// ` #` start a comment.
fn unquote(text: &str) -> String {
    if text.len() >= 2 && text.starts_with('"') && text.ends_with('"') {
        return serde_json::from_str(text).unwrap_or_else(|_| text[1..text.len() - 1].to_owned());
    }
    if text.len() >= 2 && text.starts_with('\'') && text.ends_with('\'') {
        return text[1..text.len() - 1].to_owned();
    }
    let end = [" ;", " #"].iter().filter_map(|mark| text.find(mark)).min().unwrap_or(text.len());
    text[..end].trim_end().to_owned()
}

/// Replaces `${VAR}`, `${VAR-default}` and `${VAR:-default}`; a backslash before it keeps it as it is. The error is
/// the name of a variable that is not set.
fn expand(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let Some(length) = rest[at..].find('}') else { break };
        let inner = &rest[at + 2..at + length];
        if rest[..at].ends_with('\\') {
            out.push_str(&rest[..at - 1]);
            out.push_str(&rest[at..=at + length]);
        } else {
            out.push_str(&rest[..at]);
            out.push_str(&variable(inner, env)?);
        }
        rest = &rest[at + length + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

fn variable(inner: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    if let Some((name, default)) = inner.split_once(":-") {
        return Ok(env(name).filter(|value| !value.is_empty()).unwrap_or_else(|| default.to_owned()));
    }
    if let Some((name, default)) = inner.split_once('-') {
        return Ok(env(name).unwrap_or_else(|| default.to_owned()));
    }
    let name = inner.trim_end_matches('?');
    match env(name) {
        Some(value) => Ok(value),
        None if inner.ends_with('?') => Ok(String::new()),
        None => Err(name.to_owned()),
    }
}

#[cfg(test)]
mod tests;
