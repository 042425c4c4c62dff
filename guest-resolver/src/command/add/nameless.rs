//! What is added without a name of its own: folders, files, repositories and addresses, which say what they are called.

use std::task::{Poll, ready};

use wit::guest::wasi_pm::resolver::types::Failure;

use crate::facts::Place;
use crate::manifest::Manifest;
use crate::resolve::paths;
use crate::resolve::wanted::{self, failure};
use crate::specifier::{Specifier, Unsupported};

use super::super::latest::{self, Package};
use super::super::range::{self, Style};
use super::Found;
use super::search::{Answer, Search};
use super::typed::is_name;

impl Search<'_> {
    /// A specifier that says by itself what it names, or something that has a name of its own.
    pub(super) fn without_alias(&self, specifier: &str) -> Answer<Found> {
        let ctx = self.ctx;
        match Specifier::parse("", specifier, &ctx.settings.registries) {
            Specifier::Registry { name, want, registry: None } if specifier.starts_with("npm:") => {
                let asked = want.to_string();
                let (specifier, package) = ready!(self.specifier(&name, Some(&asked)))?;
                Poll::Ready(Ok(Found { alias: name, specifier, package }))
            }
            Specifier::Jsr { jsr_name, name, want } => {
                let package = Package { alias: &jsr_name, name: &name, registry: None };
                let version = ready!(latest::version(ctx, package, &want))?;
                let style = Style::in_specifier(&want.to_string());
                let range = range::saved(&version, None, style, Style::of(&ctx.settings.saving));
                Poll::Ready(Ok(Found { alias: jsr_name, specifier: format!("jsr:{range}"), package: None }))
            }
            Specifier::Link(path) => {
                let joined = if path.starts_with('~') { path.clone() } else { paths::join(self.id, &path) };
                let name = ready!(self.name_of_folder(&joined))?;
                Poll::Ready(Ok(Found {
                    alias: name,
                    specifier: format!("link:{}", self.seen_from_here(&path)),
                    package: None,
                }))
            }
            Specifier::File(path) => {
                let specifier = format!("file:{}", self.seen_from_here(&path));
                let found = ready!(wanted::resolve(ctx, self.wanted("", &specifier), &[]))?;
                Poll::Ready(Ok(Found { alias: ctx.text(found.name).to_string(), specifier, package: None }))
            }
            kind @ (Specifier::Git(_) | Specifier::Tarball(_) | Specifier::Custom(_)) => {
                let found = match (ready!(wanted::resolve(ctx, self.wanted("", specifier), &[])), kind) {
                    (Err(failed), Specifier::Custom(refused)) if failed.code == refused.code => {
                        return Poll::Ready(Err(no_package(refused)));
                    }
                    (found, _) => found?,
                };
                let name = ctx.text(found.name).to_string();
                if name.is_empty() {
                    return Poll::Ready(Err(no_name(specifier)));
                }
                Poll::Ready(Ok(Found { alias: name, specifier: shortcut(specifier), package: None }))
            }
            Specifier::Unsupported(refused) => Poll::Ready(Err(no_package(refused))),
            _ => Poll::Ready(Err(no_name(specifier))),
        }
    }

    /// A path from the project's folder, without detours.
    fn seen_from_here(&self, path: &str) -> String {
        if path.starts_with(['/', '~']) {
            return path.to_owned();
        }
        let seen = paths::relative(self.id, &paths::join(self.id, path));
        if seen.is_empty() { ".".to_owned() } else { seen }
    }

    /// The name of a folder's package, or of the folder where it has none.
    fn name_of_folder(&self, path: &str) -> Answer<String> {
        let own = self.ctx.project(path).and_then(|project| project.manifest.name.clone());
        if let Some(name) = own {
            return Poll::Ready(Ok(name));
        }
        let place = Place::Local(".".to_owned(), path.to_owned());
        let found = ready!(self.ctx.facts.place(&place));
        let manifest = found.ok().and_then(|found| Manifest::parse(&found.manifest).ok());
        let last = || path.rsplit('/').next().filter(|last| is_name(last)).map(str::to_owned);
        let name = manifest.and_then(|manifest| manifest.name).filter(|name| is_name(name)).or_else(last);
        Poll::Ready(name.ok_or_else(|| no_name(path)))
    }
}

fn no_package(refused: Unsupported) -> Failure {
    Failure {
        hint: Some("Name a package as name, name@version or alias@npm:name@version".to_owned()),
        ..failure(refused.code, refused.message)
    }
}

pub(super) fn no_name(specifier: &str) -> Failure {
    Failure {
        hint: Some("Put a name in front: `wasi-pm add <name>@<specifier>`".to_owned()),
        ..failure(
            "ERR_PNPM_MISSING_PACKAGE_NAME",
            format!("Could not determine the package name of dependency \"{specifier}\""),
        )
    }
}

/// The short form of a repository at one of the hosts that pnpm knows; all else as it is, above all what carries a
/// password.
pub(super) fn shortcut(specifier: &str) -> String {
    let (address, hash) =
        specifier.split_once('#').map_or((specifier, String::new()), |(address, hash)| (address, format!("#{hash}")));
    let plain = ["git+https://", "https://", "git://", "http://", "git+ssh://git@", "ssh://git@", "git@"]
        .iter()
        .find_map(|scheme| address.strip_prefix(scheme));
    let Some(plain) = plain else {
        let is_short = address.split('/').count() == 2 && !address.contains([':', '@', '.']);
        return if is_short { format!("github:{specifier}") } else { specifier.to_owned() };
    };
    let hosts = [("github.com", "github"), ("gitlab.com", "gitlab"), ("bitbucket.org", "bitbucket")];
    let path = hosts.iter().find_map(|(host, short)| {
        let rest = plain.strip_prefix(host)?.strip_prefix(['/', ':'])?;
        let path = rest.strip_suffix(".git").unwrap_or(rest).trim_end_matches('/');
        (path.split('/').count() == 2).then(|| format!("{short}:{path}{hash}"))
    });
    path.unwrap_or_else(|| specifier.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_of_known_hosts_are_written_short() {
        for (specifier, short) in [
            ("owner/repository#v1", "github:owner/repository#v1"),
            ("https://github.com/owner/repository.git", "github:owner/repository"),
            ("git+ssh://git@gitlab.com/owner/repository.git#semver:^1", "gitlab:owner/repository#semver:^1"),
            ("https://token@github.com/owner/repository.git", "https://token@github.com/owner/repository.git"),
            ("https://host.example/owner/repository.git", "https://host.example/owner/repository.git"),
            ("github:owner/repository", "github:owner/repository"),
        ] {
            assert_eq!(shortcut(specifier), short);
        }
    }
}
