//! Commits that the existing lockfile holds, and what plugins have answered: as long as a project asks for it in the
//! same words, or in others that name the same repository, it stays, with all that is below it, though a branch has
//! moved. So no plugin is needed where all that it would be asked is locked.

use std::rc::Rc;

use wit::guest::wasi_pm::resolver::types::Failure;

use crate::intern::Symbol;
use crate::lockfile::Lockfile;
use crate::lockfile::model::{Importer, Package, Resolution, Snapshot, dep_path_of, package_key};
use crate::specifier::name_same_repository;

use super::context::Context;
use super::edges::Edge;
use super::tree::{Origin, Resolved};
use super::{reuse, wanted};

/// The specifier that leads to a locked commit or a plugin's answer and nowhere else; `None` if it is none, or is kept
/// in a form of which that cannot be told. `version` is what follows the name in the lockfile.
pub(super) fn specifier(version: &str, resolution: &Resolution) -> Option<String> {
    match resolution {
        Resolution::Git { .. } => Some(version.to_owned()),
        Resolution::Tarball { tarball: Some(url), git_hosted: true, path, .. } => {
            let parts: Vec<&str> = url.strip_prefix("https://")?.split('/').collect();
            let (host, user, project, commit) = match parts.as_slice() {
                ["codeload.github.com", user, project, "tar.gz", commit] => ("github.com", user, project, *commit),
                ["gitlab.com", user, project, "-", "archive", commit, _] => ("gitlab.com", user, project, *commit),
                ["bitbucket.org", user, project, "get", archive] => {
                    ("bitbucket.org", user, project, archive.strip_suffix(".tar.gz")?)
                }
                _ => return None,
            };
            let path = path.as_deref().map(|path| format!("&path:{path}")).unwrap_or_default();
            Some(format!("https://{host}/{user}/{project}.git#{commit}{path}"))
        }
        custom if custom.is_custom() => Some(version.to_owned()),
        _ => None,
    }
}

/// Whether a locked package is a commit or a plugin's answer.
pub(super) fn is_one(lockfile: &Lockfile, key: &str) -> bool {
    let package = lockfile.packages.get(package_key(key));
    package.is_some_and(|package| match &package.resolution {
        Resolution::Git { .. } => true,
        Resolution::Tarball { git_hosted, .. } => *git_hosted,
        other => other.is_custom(),
    })
}

/// The peers of a locked commit or plugin's answer; none of any other package.
pub(super) fn peers<'a>(ctx: &'a Context, key: &str) -> impl Iterator<Item = &'a String> {
    let lockfile = ctx.lockfile.as_ref().filter(|lockfile| is_one(lockfile, key));
    let package = lockfile.and_then(|lockfile| lockfile.packages.get(package_key(key)));
    package.into_iter().flat_map(|package| package.peer_dependencies.keys())
}

/// Such a package as the lockfile has it, with all that is below.
pub(super) fn locked(
    ctx: &Context,
    id: &str,
    (name, package): (&str, &Package),
    snapshot: (&str, &Snapshot),
) -> Result<Rc<Resolved>, Failure> {
    let manifest = reuse::manifest_of(name, package, snapshot, |value| Some(package_key(value).to_owned()));
    let Some(manifest) = manifest else {
        return Err(wanted::failure("ERR_WASI_PM_BUG", format!("the lockfile does not say all that is below {id}")));
    };
    let version = manifest.version.clone().unwrap_or_else(|| "0.0.0".to_owned());
    Ok(Rc::new(Resolved {
        id: wanted::patched(ctx, id.to_owned(), name, &version)?,
        name: ctx.symbol(name),
        version: ctx.symbol(&version),
        manifest: Rc::new(manifest),
        origin: Origin::Pinned(package.resolution.clone()),
        as_locked: false,
    }))
}

/// The key of the commit or answer that a project's dependency leads to, if its specifier still names the same.
pub(super) fn of_importer(ctx: &Context, lockfile: &Lockfile, importer: &Importer, edge: &Edge) -> Option<Symbol> {
    let (alias, text) = (ctx.text(edge.alias), ctx.text(edge.specifier));
    held(lockfile, importer, &alias, &text).map(|key| ctx.symbol(&key))
}

/// As [`of_importer`], of texts.
pub(super) fn held(lockfile: &Lockfile, importer: &Importer, alias: &str, specifier: &str) -> Option<String> {
    let groups = [&importer.optional_dependencies, &importer.dependencies, &importer.dev_dependencies];
    let held = groups.iter().find_map(|group| group.get(alias))?;
    let same = held.specifier == specifier || name_same_repository(&held.specifier, specifier);
    let key = dep_path_of(alias, &held.version).filter(|_| same)?;
    is_one(lockfile, &key).then_some(key)
}

/// How the existing lockfile writes a specifier that names the same commit in other words: it is left as it stands.
pub(super) fn recorded<'a>(
    ctx: &'a Context,
    importer: &str,
    alias: &str,
    specifier: &str,
    version: &str,
) -> Option<&'a String> {
    let importer = ctx.lockfile.as_ref()?.importers.get(importer)?;
    let groups = [&importer.optional_dependencies, &importer.dependencies, &importer.dev_dependencies];
    let held = groups.iter().find_map(|group| group.get(alias))?;
    let same = package_key(&held.version) == package_key(version);
    (same && name_same_repository(&held.specifier, specifier)).then_some(&held.specifier)
}
