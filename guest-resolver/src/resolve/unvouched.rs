//! Dependencies that no registry vouches for: copied folders, tarballs, git, and what plugins resolve. What is behind
//! them is asked of the host, unless the existing lockfile has a commit or a plugin's answer for the same specifier.

use std::rc::Rc;
use std::task::{Poll, ready};

use wit::guest::exports::wasi_pm::resolver::resolution::{ResolvedPackage, Unavailable, UnavailableReason};
use wit::guest::wasi_pm::resolver::types::{Failure, Source};
use wit::{Alias, Integrity, PackageName};

use crate::facts::Place;
use crate::intern::Symbol;
use crate::lockfile::model::{LONGEST_VALUE, Resolution, is_plugin};
use crate::manifest::Manifest;
use crate::semver::{Range, Version};
use crate::specifier::{Git, Specifier};

use super::context::Context;
use super::tree::{Origin, Resolved};
use super::wanted::{self, Wanted, failure};
use super::{hooks, paths, reuse};

/// What the paths of an edge are relative to: its project, or the copied folder that asks for it. What an override put
/// into another package is relative to the lockfile's folder.
pub(super) fn base(ctx: &Context, importer: Symbol, parent: Option<&Resolved>) -> Symbol {
    match parent.map(|parent| &parent.origin) {
        None => importer,
        Some(Origin::Directory(folder)) => ctx.symbol(folder),
        Some(_) => ctx.symbol("."),
    }
}

/// Resolves a folder, a tarball, a git repository or what is a plugin's.
pub(super) fn resolve(ctx: &Context, wanted: Wanted, specifier: &Specifier) -> Poll<Result<Rc<Resolved>, Failure>> {
    if let Some(held) = reuse::pinned(ctx, wanted, specifier) {
        return Poll::Ready(Ok(held));
    }
    let place = match specifier {
        Specifier::File(path) => {
            // A path from the user's home is as absolute as one from the root.
            let joined = match path.starts_with("~/") {
                true => path.clone(),
                false => paths::join(&ctx.text(wanted.base), path),
            };
            Place::Local(".".to_owned(), joined)
        }
        Specifier::Tarball(address) => Place::Tarball(address.clone()),
        Specifier::Git(git) => Place::Git(git.text.clone()),
        Specifier::Custom(_) => {
            Place::Custom(ctx.text(wanted.alias).to_string(), ctx.text(wanted.specifier).to_string())
        }
        _ => return Poll::Ready(Err(failure("ERR_WASI_PM_BUG", "a registry vouches for this specifier".to_owned()))),
    };
    let mut found = match ready!(ctx.facts.place(&place)) {
        Ok(found) => found,
        Err(why) => {
            return Poll::Ready(Err(
                not_taken(specifier, &why).unwrap_or_else(|| unavailable(ctx, wanted, &place, &why))
            ));
        }
    };
    if let Specifier::Git(Git { range: Some(range), .. }) = specifier
        && matches!(&found.source, Source::Unsupported(what) if what == "tags")
    {
        let tags = String::from_utf8_lossy(&found.manifest);
        let place = match tagged(ctx, wanted, range, &tags) {
            Ok(place) => place,
            Err(refused) => return Poll::Ready(Err(refused)),
        };
        found = match ready!(ctx.facts.place(&place)) {
            Ok(found) => found,
            Err(why) => return Poll::Ready(Err(unavailable(ctx, wanted, &place, &why))),
        };
    }
    Poll::Ready(package(ctx, wanted, &place, &found))
}

/// A folder that is named from the root or the user's home, as seen from the lockfile's.
pub(super) fn folder(ctx: &Context, wanted: Wanted, path: &str) -> Poll<Result<String, Failure>> {
    let place = Place::Local(".".to_owned(), path.to_owned());
    Poll::Ready(match ready!(ctx.facts.place(&place)) {
        Ok(found) => match &found.source {
            Source::Directory(folder) => Ok(folder.clone()),
            _ => Err(failure("ERR_PNPM_NOT_PACKAGE_DIRECTORY", format!("{path} is not a directory"))),
        },
        Err(why) => Err(unavailable(ctx, wanted, &place, &why)),
    })
}

/// The specifier of the highest tag that satisfies a range.
fn tagged(ctx: &Context, wanted: Wanted, range: &str, tags: &str) -> Result<Place, Failure> {
    let text = ctx.text(wanted.specifier);
    let versions = tags.lines().filter_map(|tag| {
        let plain = tag.strip_prefix('v').unwrap_or(tag);
        Version::parse(plain).map(|version| (version, tag))
    });
    let mut versions: Vec<(Version, &str)> = versions.collect();
    versions.sort();
    let wants = Range::parse_loose(range).ok();
    let fitting =
        versions.iter().rev().find(|(version, _)| wants.as_ref().is_some_and(|wants| wants.satisfies(version)));
    let (address, parameters) = text.split_once('#').unwrap_or((&text, ""));
    let Some((_, tag)) = fitting else {
        let names: Vec<&str> = versions.iter().map(|(_, tag)| *tag).collect();
        let message =
            format!("Could not resolve {range} to a commit of {address}. Available versions are: {}", names.join(", "));
        return Err(failure("ERR_PNPM_GIT_UNKNOWN_RANGE", message));
    };
    let path = parameters.split('&').find(|parameter| parameter.starts_with("path:"));
    let path = path.map(|path| format!("&{path}")).unwrap_or_default();
    Ok(Place::Git(format!("{address}#refs/tags/{tag}{path}")))
}

/// The package that the host found.
fn package(ctx: &Context, wanted: Wanted, place: &Place, found: &ResolvedPackage) -> Result<Rc<Resolved>, Failure> {
    let shown = || format!("{}@{}", ctx.text(wanted.alias), ctx.text(wanted.specifier));
    let manifest = Manifest::parse(&found.manifest).map_err(|error| {
        failure("ERR_PNPM_BAD_PACKAGE_JSON", format!("The package.json of {} cannot be read: {error}", shown()))
    })?;
    // As pnpm has it: a repository or a plugin that names no package has one by the name that it is asked for under; an
    // archive has none.
    let asked =
        || matches!(found.source, Source::Git(_) | Source::Custom(_)).then(|| ctx.text(wanted.alias).to_string());
    let Some(name) = manifest.name.clone().filter(|name| !name.is_empty()).or_else(asked) else {
        let message = format!("Can't install {}: Missing package name", ctx.text(wanted.specifier));
        return Err(failure("ERR_PNPM_MISSING_PACKAGE_NAME", message));
    };
    if PackageName::check(&name).is_err() || Alias::check(&name).is_err() {
        let name: String = name.chars().take(120).collect();
        let message = format!("Refusing to install {} with the invalid package name {name:?}", shown());
        return Err(failure("ERR_PNPM_INVALID_DEPENDENCY_NAME", message));
    }
    let Some((id, origin)) = identity(place, &found.source) else {
        return Err(failure("ERR_WASI_PM_BAD_REPLY", format!("The answer to {} does not fit the question", shown())));
    };
    held_to_lockfile(ctx, &format!("{name}@{id}"), &origin)?;
    build(ctx, &name, &id, origin, manifest)
}

/// Other bytes at an address than the lockfile has from there are no reason to lock these.
fn held_to_lockfile(ctx: &Context, id: &str, origin: &Origin) -> Result<(), Failure> {
    let integrity = |resolution: &Resolution| match resolution {
        Resolution::Tarball { integrity, tarball: Some(url), git_hosted: false, .. } if is_remote(url) => {
            integrity.clone()
        }
        _ => None,
    };
    let locked = ctx.lockfile.as_ref().and_then(|lockfile| lockfile.packages.get(id));
    let (Some(locked), Origin::Pinned(found)) = (locked.filter(|_| !ctx.mends && !ctx.all_is_anew()), origin) else {
        return Ok(());
    };
    let algorithm = |integrity: &str| integrity.split('-').next().map(str::to_owned);
    match integrity(&locked.resolution).zip(integrity(found)) {
        // Checksums of different kinds tell nothing of each other.
        Some((wanted, got)) if wanted != got && algorithm(&wanted) == algorithm(&got) && !wanted.contains(' ') => {
            let message =
                format!("{id} does not have the integrity that the lockfile promises: wanted {wanted}, got {got}");
            let hint = "Run `wasi-pm install --update-checksums` if its owner has changed it for a good reason";
            Err(Failure { hint: Some(hint.to_owned()), ..failure("ERR_PNPM_TARBALL_INTEGRITY", message) })
        }
        _ => Ok(()),
    }
}

/// The resolved form, after hooks.
pub(super) fn build(
    ctx: &Context,
    name: &str,
    id: &str,
    origin: Origin,
    mut manifest: Manifest,
) -> Result<Rc<Resolved>, Failure> {
    let version = manifest.version.clone().unwrap_or_else(|| "0.0.0".to_owned());
    let folder = if let Origin::Directory(folder) = &origin { Some(folder.as_str()) } else { None };
    // Of a copied folder only the peers that a project would not install itself are its own.
    manifest.dev_dependencies.clear();
    manifest.dist = Default::default();
    hooks::rewrite(&ctx.settings, &ctx.overrides, &mut manifest, folder);
    wanted::check_aliases(&manifest, name, &version)?;
    let id = wanted::patched(ctx, format!("{name}@{id}"), name, &version)?;
    Ok(Rc::new(Resolved {
        id,
        name: ctx.symbol(name),
        version: ctx.symbol(&version),
        manifest: Rc::new(manifest),
        origin,
        as_locked: false,
    }))
}

/// What stands behind the name in the lockfile's key, and where the bytes are.
fn identity(place: &Place, source: &Source) -> Option<(String, Origin)> {
    match (place, source) {
        (Place::Local(..), Source::Directory(folder)) => {
            Some((format!("file:{folder}"), Origin::Directory(folder.clone())))
        }
        (Place::Local(..), Source::Tarball(it)) if it.url.starts_with("file:") && it.integrity.is_some() => {
            Some((it.url.clone(), pinned(it.integrity.clone(), &it.url, false, None)))
        }
        (Place::Tarball(asked), Source::Tarball(it)) if is_remote(&it.url) && it.integrity.is_some() => {
            Some((asked.clone(), pinned(it.integrity.clone(), &it.url, false, None)))
        }
        (Place::Git(_), Source::Tarball(it)) if is_remote(&it.url) && it.git_hosted && it.integrity.is_some() => {
            let path = it.path.as_deref().map(|path| format!("#path:{path}")).unwrap_or_default();
            Some((format!("{}{path}", it.url), pinned(it.integrity.clone(), &it.url, true, it.path.clone())))
        }
        (Place::Git(_), Source::Git(it)) => {
            let (commit, repo, path) = (it.commit.clone(), it.repository.clone(), it.path.clone());
            let id = git_id(&repo, &commit, path.as_deref());
            Some((id, Origin::Pinned(Resolution::Git { commit, repo, path })))
        }
        (Place::Custom(_, specifier), Source::Custom(it))
            if is_plugin(&it.plugin) && it.value.len() <= LONGEST_VALUE && is_hash(it.integrity.as_deref()) =>
        {
            let (plugin, value, integrity) = (it.plugin.clone(), it.value.clone(), it.integrity.clone());
            Some((specifier.clone(), Origin::Pinned(Resolution::Custom { plugin, value, integrity })))
        }
        _ => None,
    }
}

fn is_hash(integrity: Option<&str>) -> bool {
    integrity.is_none_or(|integrity| Integrity::check(integrity).is_ok())
}

fn is_remote(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}

fn pinned(integrity: Option<String>, url: &str, git_hosted: bool, path: Option<String>) -> Origin {
    Origin::Pinned(Resolution::Tarball { integrity, tarball: Some(url.to_owned()), git_hosted, path })
}

fn git_id(repo: &str, commit: &str, path: Option<&str>) -> String {
    let scheme = if repo.contains("://") { "" } else { "https://" };
    let prefix = if repo.starts_with("git+") { "" } else { "git+" };
    let path = path.map(|path| format!("&path:{path}")).unwrap_or_default();
    format!("{prefix}{scheme}{repo}#{commit}{path}")
}

/// pnpm's words for a protocol that no plugin takes: a plugin that does and fails says why.
fn not_taken(specifier: &Specifier, why: &Unavailable) -> Option<Failure> {
    match specifier {
        Specifier::Custom(refused) if why.reason == UnavailableReason::Plugin && why.detail.is_none() => {
            Some(failure(refused.code, refused.message.clone()))
        }
        _ => None,
    }
}

/// Why it cannot be had: the host's own code and words, where it gave some.
fn unavailable(ctx: &Context, wanted: Wanted, place: &Place, why: &Unavailable) -> Failure {
    let text = format!("{}@{}", ctx.text(wanted.alias), ctx.text(wanted.specifier));
    let said = why.detail.as_deref().and_then(|detail| detail.split_once(": "));
    let is_code = |code: &str| {
        code.starts_with("ERR_")
            && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_' || byte.is_ascii_digit())
    };
    if let Some((code, message)) = said.filter(|(code, _)| is_code(code)) {
        let mut failed = failure(code, message.to_owned());
        failed.facts.push(("specifier".to_owned(), text));
        return failed;
    }
    let detail = why.detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default();
    let status = why.status.map(|status| format!(" ({status})")).unwrap_or_default();
    let code = match (why.reason, place) {
        (UnavailableReason::NotFound, Place::Local(..)) => "ERR_PNPM_LINKED_PKG_DIR_NOT_FOUND",
        (UnavailableReason::NotFound, _) => "ERR_PNPM_FETCH_404",
        (UnavailableReason::Unauthorized, _) => "ERR_PNPM_FETCH_401",
        (UnavailableReason::Forbidden, _) => "ERR_PNPM_FETCH_403",
        (UnavailableReason::Offline, _) => "ERR_PNPM_NO_OFFLINE_TARBALL",
        (_, Place::Git(_)) => "ERR_PNPM_GIT_FETCH_FAILED",
        (_, Place::Custom(..)) => "ERR_WASI_PM_PLUGIN_FAILED",
        _ => "ERR_PNPM_TARBALL_FETCH",
    };
    let mut failed = failure(code, format!("{text} could not be had{status}{detail}"));
    failed.facts.extend(why.url.iter().map(|url| ("url".to_owned(), url.clone())));
    failed
}
