//! What no registry vouches for: folders, tarballs, git.

use super::{Specifier, Unsupported};

/// A git repository, with what follows `#` taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Git {
    /// The whole specifier as written.
    pub text: String,
    /// A commit, branch or tag.
    pub reference: Option<String>,
    /// The range of `semver:`.
    pub range: Option<String>,
    /// The folder of `path:`.
    pub path: Option<String>,
}

const PROTOCOLS: [&str; 8] = ["git", "git+http", "git+https", "git+rsync", "git+ftp", "git+file", "git+ssh", "ssh"];

pub(super) fn parse(text: &str) -> Option<Specifier> {
    if let Some(path) = text.strip_prefix("link:") {
        return Some(Specifier::Link(normalize(path)));
    }
    if let Some(path) = text.strip_prefix("file:") {
        return Some(Specifier::File(normalize(path)));
    }
    if text.starts_with("path:") {
        return Some(Specifier::Unsupported(Unsupported {
            code: "ERR_PNPM_PATH_IS_UNSUPPORTED_PROTOCOL",
            message: "Local dependencies via `path:` protocol are not supported. Use the `link:` protocol for folder \
                      dependencies and `file:` for local tarballs"
                .to_owned(),
        }));
    }
    if is_git(text) {
        return Some(Specifier::Git(git(text)));
    }
    if text.starts_with("http:") || text.starts_with("https:") {
        return Some(Specifier::Tarball(text.to_owned()));
    }
    local_path(text)
}

/// A bare path: a tarball is copied, a folder is linked.
fn local_path(text: &str) -> Option<Specifier> {
    if is_tarball(text) && !text.contains("://") {
        return Some(Specifier::File(text.replace('\\', "/")));
    }
    let drive = text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) && text[1..].starts_with(':');
    let has_protocol = text.split(['/', '\\']).next().is_some_and(|head| head.contains(':')) && !drive;
    let is_path = drive || text.starts_with(['.', '/', '~']) || text.contains(['/', '\\']);
    (is_path && !has_protocol).then(|| Specifier::Link(text.replace('\\', "/")))
}

fn is_tarball(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    [".tgz", ".tar.gz", ".tar"].iter().any(|ending| lower.ends_with(ending))
}

/// Slashes forward, and the surplus ones of `file:///x` and `file://./x` away.
fn normalize(path: &str) -> String {
    let path = path.replace('\\', "/");
    if !path.starts_with('/') {
        return path;
    }
    let rest = path.trim_start_matches('/');
    let drive = rest.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) && rest[1..].starts_with(':');
    if drive || rest.starts_with(['~', '.']) { rest.to_owned() } else { format!("/{rest}") }
}

fn is_git(text: &str) -> bool {
    if is_shorthand(text) {
        return true;
    }
    let Some((protocol, rest)) = text.split_once(':') else { return false };
    let protocol = protocol.to_ascii_lowercase();
    if matches!(protocol.as_str(), "github" | "gitlab" | "bitbucket") {
        return rest.contains('/');
    }
    if text.starts_with("git@") || PROTOCOLS.contains(&protocol.as_str()) {
        return true;
    }
    let is_http = matches!(protocol.as_str(), "http" | "https");
    is_http && (text.split('#').next().is_some_and(|address| address.ends_with(".git")) || is_hosted_page(rest))
}

/// The page of a repository at one of the three hosts that pnpm knows, and no file below it.
fn is_hosted_page(rest: &str) -> bool {
    let address = rest.trim_start_matches('/').split('#').next().unwrap_or_default();
    let Some((authority, path)) = address.split_once('/') else { return false };
    let host = authority.rsplit('@').next().unwrap_or(authority);
    let mut parts = path.trim_end_matches('/').split('/');
    if parts.next().is_none_or(str::is_empty) || parts.next().is_none_or(str::is_empty) {
        return false;
    }
    match host.strip_prefix("www.").unwrap_or(host) {
        "github.com" => parts.next().is_none_or(|kind| kind == "tree"),
        "gitlab.com" => !path.contains("/-/") && !path.contains("/archive.tar.gz"),
        "bitbucket.org" => parts.next() != Some("get"),
        _ => false,
    }
}

/// `user/repository`, for GitHub.
fn is_shorthand(text: &str) -> bool {
    let head = text.split('#').next().unwrap_or(text);
    let mut parts = head.split('/');
    let (Some(user), Some(project), None) = (parts.next(), parts.next(), parts.next()) else { return false };
    !user.is_empty()
        && !project.is_empty()
        && !head.starts_with(['.', '~'])
        && !head.contains(['@', ':', '\\'])
        && !head.contains(char::is_whitespace)
}

fn git(text: &str) -> Git {
    let mut git = Git { text: text.to_owned(), reference: None, range: None, path: None };
    let Some((_, hash)) = text.split_once('#') else { return git };
    for parameter in hash.split('&').filter(|parameter| !parameter.is_empty()) {
        if let Some(range) = parameter.strip_prefix("semver:") {
            git.range = Some(range.to_owned());
        } else if let Some(path) = parameter.strip_prefix("path:") {
            git.path = Some(path.to_owned());
        } else {
            git.reference = Some(parameter.to_owned());
        }
    }
    git
}

/// Whether two specifiers name the same repository and reference, as far as pnpm tells: the shortcuts of hosts, and
/// addresses over https and `git:` without credentials.
pub fn name_same_repository(one: &str, other: &str) -> bool {
    let one = repository(one);
    one.is_some() && one == repository(other)
}

/// One form for all that name the same.
fn repository(text: &str) -> Option<String> {
    let (address, reference) = text.split_once('#').unwrap_or((text, ""));
    let (host, path) = match address.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/')?;
            let host = host.to_ascii_lowercase();
            let is_known = ["github.com", "gitlab.com", "bitbucket.org"].contains(&host.as_str());
            match scheme.to_ascii_lowercase().as_str() {
                "git" | "git+https" => {}
                "https" if is_known || path.ends_with(".git") => {}
                _ => return None,
            }
            (host, path)
        }
        None => match address.split_once(':') {
            Some(("github", path)) => ("github.com".to_owned(), path),
            Some(("gitlab", path)) => ("gitlab.com".to_owned(), path),
            Some(("bitbucket", path)) => ("bitbucket.org".to_owned(), path),
            None if address.split('/').count() == 2 && !address.starts_with('.') => ("github.com".to_owned(), address),
            _ => return None,
        },
    };
    let is_plain =
        |text: &str| !text.is_empty() && !text.contains(['@', '?', '#']) && !text.contains(char::is_whitespace);
    let named = is_plain(&host) && path.split('/').all(is_plain) && !reference.contains('#');
    named.then(|| format!("{host}/{}#{reference}", path.strip_suffix(".git").unwrap_or(path)))
}
