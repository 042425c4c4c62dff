//! A git specifier: a repository at a host that is known by name, or any address that git understands, and what stands
//! behind `#`. What a known host is asked for follows from its name alone, so that every machine records the same.

use reqwest::Url;

use super::super::ExoticError;

/// A git specifier, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spec {
    /// What git is given.
    pub(super) repository: String,
    /// A commit, branch or tag.
    pub(super) reference: Option<String>,
    /// The range of `semver:`.
    pub(super) range: Option<String>,
    /// The folder of `path:`.
    pub(super) path: Option<String>,
    hosted: Option<Hosted>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Host {
    GitHub,
    GitLab,
    Bitbucket,
}

#[derive(Debug, PartialEq, Eq)]
struct Hosted {
    host: Host,
    user: String,
    project: String,
}

impl Host {
    fn of_shortcut(name: &str) -> Option<Self> {
        match name {
            "github" => Some(Self::GitHub),
            "gitlab" => Some(Self::GitLab),
            "bitbucket" => Some(Self::Bitbucket),
            _ => None,
        }
    }

    fn of_domain(domain: &str) -> Option<Self> {
        match domain.strip_prefix("www.").unwrap_or(domain) {
            "github.com" => Some(Self::GitHub),
            "gitlab.com" => Some(Self::GitLab),
            "bitbucket.org" => Some(Self::Bitbucket),
            _ => None,
        }
    }

    fn domain(self) -> &'static str {
        match self {
            Self::GitHub => "github.com",
            Self::GitLab => "gitlab.com",
            Self::Bitbucket => "bitbucket.org",
        }
    }
}

impl Spec {
    /// Takes a specifier apart; `None` if git is not meant, or a transport that is not used.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, fragment) = text.split_once('#').unwrap_or((text, ""));
        let mut spec = Self { repository: String::new(), reference: None, range: None, path: None, hosted: None };
        for parameter in decoded(fragment).split('&').filter(|parameter| !parameter.is_empty()) {
            if let Some(range) = parameter.strip_prefix("semver:") {
                spec.range = Some(range.to_owned());
            } else if let Some(path) = parameter.strip_prefix("path:") {
                spec.path = Some(path.to_owned());
            } else {
                spec.reference = Some(parameter.to_owned());
            }
        }
        if let Some((scheme, rest)) = shortcut(address) {
            let rest = rest.trim_start_matches('/');
            let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
            let (user, project) = rest.rsplit_once('/')?;
            spec.host(scheme, user, project, None)?;
            return Some(spec);
        }
        spec.by_address(address)?;
        Some(spec)
    }

    fn by_address(&mut self, address: &str) -> Option<()> {
        let address = match address.strip_prefix("git@") {
            Some(rest) => format!("git+ssh://git@{}", rest.replacen(':', "/", 1)),
            None => address.to_owned(),
        };
        let plain = scp_path(address.strip_prefix("git+").unwrap_or(&address));
        let url = Url::parse(&plain).ok()?;
        if !matches!(url.scheme(), "https" | "http" | "ssh" | "git" | "file") {
            return None;
        }
        let host = url.host_str().and_then(Host::of_domain).filter(|_| url.scheme() != "file");
        let parts: Vec<&str> = url.path().trim_matches('/').split('/').collect();
        if let (Some(host), [user, project, rest @ ..]) = (host, parts.as_slice())
            && (rest.is_empty() || rest[0] == "tree" && host == Host::GitHub)
        {
            if let ["tree", branch @ ..] = rest
                && self.reference.is_none()
            {
                self.reference = Some(decoded(&branch.join("/")));
            }
            let is_ssh = url.scheme() == "ssh";
            let has_secret = !is_ssh && (!url.username().is_empty() || url.password().is_some());
            let secret = has_secret.then(|| match url.password() {
                Some(password) => format!("{}:{password}@", url.username()),
                None => format!("{}@", url.username()),
            });
            return self.host(host, user, project, secret.as_deref());
        }
        self.repository = url.to_string();
        Some(())
    }

    /// An address with credentials in it is left to git: the host's archive would not be had with them.
    fn host(&mut self, host: Host, user: &str, project: &str, secret: Option<&str>) -> Option<()> {
        let (user, project) = (decoded(user), decoded(project));
        let project = project.strip_suffix(".git").unwrap_or(&project).to_owned();
        let is_plain = |text: &str| {
            !text.is_empty()
                && !text.contains("..")
                && !text.contains(['?', '#', '\\', '@', ' '])
                && !text.starts_with('-')
        };
        if !is_plain(&user) || !is_plain(&project) {
            return None;
        }
        let login = secret.unwrap_or_default();
        self.repository = format!("https://{login}{}/{user}/{project}.git", host.domain());
        self.hosted = secret.is_none().then_some(Hosted { host, user, project });
        Some(())
    }

    /// Where the host has an archive of a commit.
    pub(super) fn archive(&self, commit: &str) -> Option<String> {
        let Hosted { host, user, project } = self.hosted.as_ref()?;
        Some(match host {
            Host::GitHub => format!("https://codeload.github.com/{user}/{project}/tar.gz/{commit}"),
            Host::GitLab => format!("https://gitlab.com/{user}/{project}/-/archive/{commit}/{project}-{commit}.tar.gz"),
            Host::Bitbucket => format!("https://bitbucket.org/{user}/{project}/get/{commit}.tar.gz"),
        })
    }

    /// No network is needed to reach it.
    pub(super) fn is_local(&self) -> bool {
        self.repository.starts_with("file:")
    }

    /// The folder, empty for the whole repository.
    pub(super) fn inside(&self) -> &str {
        self.path.as_deref().unwrap_or_default()
    }
}

/// `github:user/project` or `user/project`.
fn shortcut(address: &str) -> Option<(Host, &str)> {
    if let Some((scheme, rest)) = address.split_once(':') {
        return Some((Host::of_shortcut(scheme)?, rest));
    }
    (address.split('/').count() == 2).then_some((Host::GitHub, address))
}

/// `ssh://git@host:user/project` as `ssh://git@host/user/project`; a port stays.
fn scp_path(address: &str) -> String {
    let Some(rest) = address.strip_prefix("ssh://") else { return address.to_owned() };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host_at = authority.rfind('@').map_or(0, |at| at + 1);
    let bracket = authority[host_at..].find(']').map_or(host_at, |at| host_at + at);
    let Some(colon) = authority[bracket..].rfind(':').map(|at| bracket + at) else { return address.to_owned() };
    let behind = &authority[colon + 1..];
    if !behind.is_empty() && behind.bytes().all(|byte| byte.is_ascii_digit()) {
        return address.to_owned();
    }
    let path = if path.is_empty() { String::new() } else { format!("/{path}") };
    format!("ssh://{}/{behind}{path}", &authority[..colon])
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |byte: u8| char::from(byte).to_digit(16);
        let pair = bytes.get(at + 1).zip(bytes.get(at + 2)).filter(|_| bytes[at] == b'%');
        match pair.and_then(|(a, b)| Some(hex(*a)? * 16 + hex(*b)?)).and_then(|value| u8::try_from(value).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

/// Refuses what git would not read as an address of one of the transports that are used: options, commands.
pub(super) fn check_repository(repository: &str) -> Result<(), ExoticError> {
    let known = ["https://", "http://", "ssh://", "git://", "file://"];
    let address = known.iter().any(|scheme| repository.starts_with(scheme));
    if address && !repository.contains(char::is_control) {
        return Ok(());
    }
    let shown: String = repository.chars().filter(|c| !c.is_control()).take(200).collect();
    let message = format!("Invalid git repository {shown:?}: only https, http, ssh, git and file addresses are used");
    Err(ExoticError::new("ERR_PNPM_INVALID_GIT_REPOSITORY", message))
}

#[cfg(test)]
mod tests;
