//! What each host answers: the pages first, then archives and git of its repositories, then its registry.

use super::{
    Page, Web,
    repositories::{Query, Repositories},
};
use crate::world::tarball_path;

/// A request, decoded.
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) host: String,
    /// With the leading `/`, without the query.
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// An answer.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    fn new(status: u16, kind: &str, body: Vec<u8>) -> Self {
        Self { status, headers: vec![("content-type".to_owned(), kind.to_owned())], body }
    }
}

impl Asked {
    fn header(&self, name: &str) -> Option<String> {
        self.headers.iter().find(|(held, _)| held == name).map(|(_, value)| value.clone())
    }
}

/// What stands there; 404 if nothing does.
pub(super) fn answer(web: &Web, repositories: &Repositories, asked: &Asked) -> Reply {
    page(web, asked)
        .or_else(|| archive(repositories, asked))
        .or_else(|| git(repositories, asked))
        .or_else(|| registry(web, asked))
        .unwrap_or_else(|| Reply::new(404, "text/plain", b"not found".to_vec()))
}

fn page(web: &Web, asked: &Asked) -> Option<Reply> {
    let address = format!("https://{}{}", asked.host, asked.path);
    let is_it = |key: &str| key.strip_suffix('*').map_or(key == address, |begin| address.starts_with(begin));
    let page: &Page = web.pages.iter().find_map(|(key, page)| is_it(key).then_some(page))?;
    let files: Vec<(String, String)> = page.files.iter().map(|(path, text)| (path.clone(), text.clone())).collect();
    let body = if files.is_empty() { Vec::new() } else { crate::world::pack(&files) };
    let mut reply = Reply::new(page.status, "application/octet-stream", body);
    reply.headers.extend(page.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
    Some(reply)
}

/// `user/project` and what stands behind.
fn project(path: &str) -> Option<(String, &str)> {
    let mut parts = path.trim_start_matches('/').splitn(3, '/');
    let (user, project) = (parts.next()?, parts.next()?);
    Some((format!("{user}/{}", project.trim_end_matches(".git")), parts.next().unwrap_or("")))
}

fn archive(repositories: &Repositories, asked: &Asked) -> Option<Reply> {
    let (project, rest) = project(&asked.path)?;
    if let ("github.com", Some(reference)) = (asked.host.as_str(), rest.strip_prefix("archive/")) {
        let to = format!("https://codeload.github.com/{project}/tar.gz/{}", reference.strip_suffix(".tar.gz")?);
        let mut reply = Reply::new(302, "text/html", Vec::new());
        reply.headers.push(("location".to_owned(), to));
        return Some(reply);
    }
    let (host, reference) = match asked.host.as_str() {
        "codeload.github.com" => ("github.com", rest.strip_prefix("tar.gz/")?),
        "gitlab.com" => ("gitlab.com", rest.strip_prefix("-/archive/")?.split('/').next()?),
        "bitbucket.org" => ("bitbucket.org", rest.strip_prefix("get/")?.strip_suffix(".tar.gz")?),
        _ => return None,
    };
    let bytes = repositories.archive(&format!("{host}/{project}"), reference)?;
    Some(Reply::new(200, "application/x-gzip", bytes))
}

fn git(repositories: &Repositories, asked: &Asked) -> Option<Reply> {
    let (project, service) = project(&asked.path)?;
    let repository = format!("{}/{project}", asked.host);
    if !repositories.has(&repository) {
        return None;
    }
    if service.is_empty() {
        return Some(Reply::new(200, "text/html", b"<html></html>".to_vec()));
    }
    let header = |name: &str| asked.header(name);
    let (method, parameters) = (asked.method.as_str(), asked.query.as_str());
    let query = Query { method, repository: &repository, service, parameters, header: &header, body: &asked.body };
    let (status, kind, body) = repositories.ask(&query)?;
    Some(Reply::new(status, &kind, body))
}

fn registry(web: &Web, asked: &Asked) -> Option<Reply> {
    let world = web.registries.get(&asked.host)?;
    let path = asked.path.trim_start_matches('/');
    let path = path.replace("%2f", "/").replace("%2F", "/").replace("%40", "@");
    if let Some(package) = world.get(&path) {
        let full = !asked.header("accept").is_some_and(|accept| accept.contains("vnd.npm.install-v1"));
        let text = package.packument(&path, &format!("https://{}/", asked.host), full).to_string();
        return Some(Reply::new(200, "application/json", text.into_bytes()));
    }
    let (name, package, version) = world.iter().find_map(|(name, package)| {
        let is_it = |version: &&String| {
            let own = package.versions[*version].get("dist").and_then(|dist| dist.get("tarball"));
            let own = own.and_then(|url| url.as_str()).map(|url| url.ends_with(&format!("{}/{path}", asked.host)));
            own.unwrap_or_else(|| tarball_path(name, version) == path)
        };
        Some((name, package, package.versions.keys().find(is_it)?))
    })?;
    Some(Reply::new(200, "application/octet-stream", package.tarball(name, version)))
}
