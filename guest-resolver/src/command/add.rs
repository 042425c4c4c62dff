//! `add`: packages are looked up and written into manifests, as a range over the version that was found.

use std::task::{Poll, ready};

use wit::guest::exports::wasi_pm::resolver::resolution::Addition;
use wit::guest::wasi_pm::resolver::types::{DependencyGroup, Failure};
use wit::settings::{LinkWorkspacePackages, WorkspaceProtocol};

use crate::facts::Place;
use crate::manifest::Manifest;
use crate::resolve::context::Context;
use crate::resolve::explain;
use crate::resolve::hooks;
use crate::resolve::paths;
use crate::resolve::wanted::{self, Wanted, failure};
use crate::semver::Version;
use crate::specifier::{Specifier, Want};

use super::catalog::{self, Decision, Written};
use super::latest::{self, Package};
use super::range::{self, Style};
use super::text::ManifestText;
use super::workspace::{self, Declared};
use super::{Expected, Plan, all};

/// Where a package is looked for in a manifest, in pnpm's order.
const GUESSED: [DependencyGroup; 4] =
    [DependencyGroup::Optional, DependencyGroup::Prod, DependencyGroup::Dev, DependencyGroup::Peer];

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    /// The key in the manifest, if it was named.
    pub alias: Option<String>,
    /// The specifier, if it was named.
    pub specifier: Option<String>,
}

impl Typed {
    /// Takes a word apart: `name`, `name@specifier`, or a specifier alone.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        if text.starts_with("git@") && text.contains(':') {
            return Self { alias: None, specifier: Some(text.to_owned()) };
        }
        let at = text.char_indices().skip(1).find(|(_, letter)| *letter == '@').map(|(at, _)| at);
        let (name, rest) = at.map_or((text, None), |at| (&text[..at], Some(&text[at + 1..])));
        if is_name(name) {
            let specifier = rest.filter(|rest| !rest.is_empty()).map(str::to_owned);
            return Self { alias: Some(name.to_owned()), specifier };
        }
        Self { alias: None, specifier: Some(text.to_owned()) }
    }
}

/// Whether a text may be the name of a package, old ones included.
fn is_name(text: &str) -> bool {
    let plain = |part: &str| {
        let is_free = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte);
        !part.is_empty() && !part.starts_with(['.', '_']) && part.bytes().all(is_free)
    };
    match text.strip_prefix('@') {
        Some(scoped) => scoped.split_once('/').is_some_and(|(scope, name)| plain(scope) && plain(name)),
        None => plain(text),
    }
}

/// What is written for one word.
struct Found {
    alias: String,
    specifier: String,
    /// The package of a registry that it leads to.
    package: Option<(String, Version)>,
}

/// A specifier, and the package of a registry that it leads to.
type Saved = (String, Option<(String, Version)>);

pub(super) async fn prepare(ctx: &Context, addition: &Addition, plan: &mut Plan) -> Result<(), Failure> {
    let typed: Vec<Typed> = addition.packages.iter().map(|text| Typed::parse(text)).collect();
    for id in &addition.importers {
        let manifest = plan.manifests[id].clone();
        let search = Search { ctx, id, manifest: &manifest, only_workspace: addition.workspace };
        let found = all(typed.len(), |at| search.find(&typed[at])).await;
        for ((typed, found), text) in typed.iter().zip(found).zip(&addition.packages) {
            let found = found.map_err(|why| {
                let why = explain::by_whom(why, vec![id.clone(), text.clone()]);
                Failure {
                    hint: why.hint.or_else(|| Some(format!("Look at `{text}` again; nothing was changed"))),
                    ..why
                }
            })?;
            write(ctx, (id, &manifest), addition, typed, found, plan)?;
        }
        plan.touched.insert(id.clone());
    }
    Ok(())
}

/// Writes one into manifest and catalogs.
fn write(
    ctx: &Context,
    (id, before): (&str, &ManifestText),
    addition: &Addition,
    typed: &Typed,
    Found { alias, specifier, package }: Found,
    plan: &mut Plan,
) -> Result<(), Failure> {
    let so_far = before.find(&GUESSED, &alias);
    if let Some((name, version)) = package {
        plan.anew_direct.insert((Some(id.to_owned()), alias.clone()));
        plan.expected.push(Expected { importer: id.to_owned(), alias: alias.clone(), name, version });
    }
    let saving = &ctx.settings.saving;
    let written = Written { alias: &alias, specifier: &specifier, so_far: so_far.map(|(_, specifier)| specifier) };
    let entry = |catalog: &str, alias: &str| plan.catalog(ctx, catalog, alias);
    let saved = match catalog::decide(saving, saving.catalog_name.as_deref(), written, entry)? {
        Decision::Direct(warning) => {
            warning.into_iter().for_each(|warning| plan.warn(warning));
            specifier
        }
        Decision::Catalog { name, entry } => {
            let reference = catalog::reference(&name);
            name_version(ctx, (&name, &alias), typed, plan);
            if let Some(entry) = entry {
                plan.catalogs.insert((name, alias.clone()), entry);
            }
            reference
        }
    };
    let groups = match (addition.groups.as_slice(), so_far) {
        ([], Some((DependencyGroup::Peer, _))) => Vec::new(),
        ([], Some((group, _))) => vec![group],
        ([], None) => vec![DependencyGroup::Prod],
        (named, _) => named.to_vec(),
    };
    if let Some(manifest) = plan.manifests.get_mut(id) {
        groups.into_iter().for_each(|group| manifest.put(group, &alias, &saved));
    }
    Ok(())
}

/// A version that was named, and that an entry of a catalog would lead past: the entry stays, and the version is
/// preferred to the one that is locked.
fn name_version(ctx: &Context, (catalog, alias): (&str, &str), typed: &Typed, plan: &mut Plan) {
    let Some(version) = typed.specifier.as_deref().and_then(Version::parse) else { return };
    let held = ctx.lockfile.as_ref().and_then(|lockfile| lockfile.catalogs.get(catalog)?.get(alias));
    let covered = plan.catalog(ctx, catalog, alias).is_some_and(|entry| catalog::covers(&entry, &version.to_string()));
    if !covered || held.is_some_and(|held| held.version == version.to_string()) {
        return;
    }
    plan.named.push((alias.to_owned(), version));
    plan.anew_direct.insert((None, alias.to_owned()));
    plan.absorbs = false;
}

/// That a package is no project of the workspace.
pub(super) fn not_in_workspace(ctx: &Context, name: &str) -> Failure {
    let names: Vec<&str> = ctx.workspace().filter_map(|project| project.manifest.name.as_deref()).collect();
    Failure {
        facts: vec![("workspace".to_owned(), names.join(", "))],
        hint: Some("Leave --workspace out to take it from the registry".to_owned()),
        ..failure("ERR_PNPM_WORKSPACE_PACKAGE_NOT_FOUND", format!("\"{name}\" not found in the workspace"))
    }
}

/// Where a project looks for what it adds.
struct Search<'a> {
    ctx: &'a Context,
    id: &'a str,
    manifest: &'a ManifestText,
    only_workspace: bool,
}

type Answer<T> = Poll<Result<T, Failure>>;

impl Search<'_> {
    fn find(&self, typed: &Typed) -> Answer<Found> {
        let Typed { alias, specifier } = typed;
        match (alias, specifier) {
            (Some(alias), Some(specifier)) if specifier.trim() == "npm:" => {
                let message = format!("\"{alias}@{specifier}\" names no package after \"npm:\"");
                let hint = Some("Name a package as name, name@version or alias@npm:name@version".to_owned());
                Poll::Ready(Err(Failure { hint, ..failure("ERR_PNPM_INVALID_PACKAGE_NAME", message) }))
            }
            (Some(alias), specifier) => {
                let (specifier, package) = ready!(self.specifier(alias, specifier.as_deref()))?;
                Poll::Ready(Ok(Found { alias: alias.clone(), specifier, package }))
            }
            (None, Some(specifier)) => self.without_alias(specifier),
            (None, None) => Poll::Ready(Err(no_name(""))),
        }
    }

    /// What is written for a name.
    fn specifier(&self, alias: &str, asked: Option<&str>) -> Answer<Saved> {
        let so_far = self.manifest.find(&GUESSED, alias).map(|(_, specifier)| specifier);
        let asked_of_workspace = || format!("workspace:{}", asked.unwrap_or("*").trim_start_matches("workspace:"));
        let asked_of_workspace = self.only_workspace.then(asked_of_workspace);
        let asked = asked_of_workspace.as_deref().or(asked);
        if self.only_workspace && !workspace::has(self.ctx, alias) {
            return Poll::Ready(Err(not_in_workspace(self.ctx, alias)));
        }
        if let Some(found) = self.in_workspace(alias, Declared { so_far, asked }) {
            return Poll::Ready(Ok((found, None)));
        }
        let default = Style::of(&self.ctx.settings.saving);
        match (asked, so_far) {
            (Some(asked), so_far) => self.asked(alias, asked, so_far, default),
            (None, Some(so_far)) => Poll::Ready(Ok((so_far.to_owned(), None))),
            (None, None) if let Some(reference) = self.in_catalog(alias) => Poll::Ready(Ok((reference, None))),
            (None, None) if let Some(shared) = self.shared(alias) => self.as_shared(alias, &shared, default),
            (None, None) => {
                let package = Package { alias, name: alias, registry: None };
                Poll::Ready(match ready!(latest::version(self.ctx, package, &Want::latest())) {
                    Ok(version) => Ok((range::saved(&version, None, None, default), Some((alias.to_owned(), version)))),
                    Err(why) => Err(Failure {
                        code: "ERR_PNPM_PACKAGE_MANAGER_ADD_RESOLVE_LATEST".to_owned(),
                        message: format!("Failed to resolve the latest version of {alias}: {}", why.message),
                        ..why
                    }),
                })
            }
        }
    }

    /// What an override says of it, or what all other projects agree on that ask for it.
    fn shared(&self, alias: &str) -> Option<String> {
        let mut asked = Manifest::default();
        asked.dependencies.insert(alias.to_owned(), "*".to_owned());
        hooks::rewrite(&self.ctx.settings, &self.ctx.overrides, &mut asked, Some(self.id));
        let overridden = asked.dependencies.get(alias).filter(|specifier| *specifier != "*").cloned();
        if overridden.is_some() {
            return overridden;
        }
        let others = self.ctx.workspace().filter(|project| project.id != self.id);
        let mut declared = others.flat_map(|project| {
            let manifest = &project.written;
            let groups = [&manifest.dependencies, &manifest.dev_dependencies, &manifest.optional_dependencies];
            groups.into_iter().filter_map(|group| group.get(alias))
        });
        let first = declared.next()?;
        let is_range = matches!(Want::parse(first), Some(Want::Version(_) | Want::Range(_)));
        (is_range && first != "*" && declared.all(|other| other == first)).then(|| first.clone())
    }

    /// What is written where others have said what they want: their range over the version that it leads to.
    fn as_shared(&self, alias: &str, shared: &str, default: Style) -> Answer<Saved> {
        let style = match Want::parse(shared) {
            Some(Want::Version(_)) => None,
            Some(Want::Range(_)) if let Some(style) = Style::in_specifier(shared) => Some(style),
            _ => return Poll::Ready(Ok((shared.to_owned(), None))),
        };
        let version = ready!(self.version(alias, shared))?;
        Poll::Ready(Ok((range::saved(&version, None, style, default), Some((alias.to_owned(), version)))))
    }

    /// The reference to an entry that a catalog has for it.
    fn in_catalog(&self, alias: &str) -> Option<String> {
        let catalog = self.ctx.settings.saving.catalog_name.as_deref().unwrap_or("default");
        let entries = self.ctx.settings.rules.catalogs.get(catalog)?;
        entries.contains_key(alias).then(|| catalog::reference(catalog))
    }

    /// What is written for a project of the workspace; `None`: it is none.
    fn in_workspace(&self, alias: &str, declared: Declared<'_>) -> Option<String> {
        let Declared { so_far, asked } = declared;
        let settings = &self.ctx.settings;
        let explicit = asked.and_then(|asked| asked.strip_prefix("workspace:"));
        let (name, version) = if let Some(rest) = explicit {
            if rest.starts_with(['.', '/', '~']) && rest.len() > 1 {
                return None;
            }
            let name = rest.rfind('@').filter(|at| *at > 0).map_or(alias, |at| &rest[..at]);
            (name, workspace::version(self.ctx, name, &Want::any()))
        } else {
            if settings.workspace.link_workspace_packages == LinkWorkspacePackages::Off {
                return None;
            }
            let want = Want::parse(asked.unwrap_or("latest"))?;
            (alias, Some(workspace::version(self.ctx, alias, &want)?))
        };
        let protocol = settings.saving.workspace_protocol;
        let (declared, default) = (Declared { so_far, asked }, Style::of(&settings.saving));
        let written = workspace::specifier(declared, alias, (name, version.as_ref()), protocol, default);
        match written.strip_prefix("workspace:") {
            Some(plain) if protocol == WorkspaceProtocol::Off && explicit.is_none() => Some(plain.to_owned()),
            _ => Some(written),
        }
    }

    /// What is written for a specifier: a range over the version that it leads to, or the text as it is.
    fn asked(&self, alias: &str, asked: &str, so_far: Option<&str>, default: Style) -> Answer<Saved> {
        let registries = &self.ctx.settings.registries;
        let (name, prefix) = match Specifier::parse(alias, asked, registries) {
            Specifier::Registry { name, registry: None, .. } if !asked.contains("://") => {
                let prefix = if name == alias { String::new() } else { format!("npm:{name}@") };
                (name, prefix)
            }
            Specifier::Unsupported(refused) => return Poll::Ready(Err(failure(refused.code, refused.message))),
            Specifier::Git(_) => return Poll::Ready(Ok((shortcut(asked), None))),
            _ => return Poll::Ready(Ok((asked.to_owned(), None))),
        };
        let version = ready!(self.version(alias, asked))?;
        let so_far = so_far.filter(|so_far| {
            let read = Specifier::parse(alias, so_far, registries);
            matches!(read, Specifier::Registry { registry: None, .. }) && !so_far.contains("://")
        });
        let (so_far, style) = (so_far.and_then(Style::in_specifier), Style::in_specifier(asked));
        Poll::Ready(Ok((format!("{prefix}{}", range::saved(&version, so_far, style, default)), Some((name, version)))))
    }

    /// The version that the project's own resolution will lead to.
    fn version(&self, alias: &str, specifier: &str) -> Answer<Version> {
        let found = ready!(wanted::resolve(self.ctx, self.wanted(alias, specifier), &[]))?;
        let text = self.ctx.text(found.version);
        let version = Version::parse_loose(&text);
        Poll::Ready(version.ok_or_else(|| failure("ERR_WASI_PM_BUG", format!("{text} is no version"))))
    }

    fn wanted(&self, alias: &str, specifier: &str) -> Wanted {
        let importer = self.ctx.symbol(self.id);
        Wanted {
            alias: self.ctx.symbol(alias),
            specifier: self.ctx.symbol(specifier),
            optional: false,
            injected: false,
            direct: true,
            importer,
            base: importer,
            likely: false,
        }
    }

    /// A specifier that says by itself what it names, or something that has a name of its own.
    fn without_alias(&self, specifier: &str) -> Answer<Found> {
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
            Specifier::Git(_) | Specifier::Tarball(_) => {
                let found = ready!(wanted::resolve(ctx, self.wanted("", specifier), &[]))?;
                let name = ctx.text(found.name).to_string();
                if name.is_empty() {
                    return Poll::Ready(Err(no_name(specifier)));
                }
                Poll::Ready(Ok(Found { alias: name, specifier: shortcut(specifier), package: None }))
            }
            Specifier::Unsupported(refused) => Poll::Ready(Err(Failure {
                hint: Some("Name a package as name, name@version or alias@npm:name@version".to_owned()),
                ..failure(refused.code, refused.message)
            })),
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

fn no_name(specifier: &str) -> Failure {
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
fn shortcut(specifier: &str) -> String {
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
    fn a_word_is_a_name_with_or_without_a_specifier_or_a_specifier_alone() {
        let read = |text: &str| {
            let Typed { alias, specifier } = Typed::parse(text);
            (alias.unwrap_or_default(), specifier.unwrap_or_default())
        };
        for (text, alias, specifier) in [
            ("a", "a", ""),
            ("a@", "a", ""),
            ("a@^1", "a", "^1"),
            ("@s/a", "@s/a", ""),
            ("@s/a@next", "@s/a", "next"),
            ("x@npm:@s/y@1", "x", "npm:@s/y@1"),
            ("npm:b@1", "", "npm:b@1"),
            ("./folder", "", "./folder"),
            ("owner/repository#tag", "", "owner/repository#tag"),
            ("git@github.com:owner/repository.git", "", "git@github.com:owner/repository.git"),
            ("https://host.example/x@1.tgz", "", "https://host.example/x@1.tgz"),
        ] {
            assert_eq!(read(text), (alias.to_owned(), specifier.to_owned()), "{text}");
        }
    }

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
