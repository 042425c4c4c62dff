//! `add`: packages are looked up and written into manifests, as a range over the version that was found.

mod nameless;
mod search;
mod typed;

use wit::guest::exports::wasi_pm::resolver::resolution::Addition;
use wit::guest::wasi_pm::resolver::types::{DependencyGroup, Failure};

use crate::lockfile::model::{dep_path_of, package_key, split_key};
use crate::resolve::context::Context;
use crate::resolve::explain;
use crate::resolve::wanted::failure;
use crate::semver::Version;

use super::catalog::{self, Decision, Written};
use super::text::{ManifestText, field};
use super::{Expected, Plan, all};
use search::Search;
use typed::Typed;

/// Where a package is looked for in a manifest, in pnpm's order.
const GUESSED: [DependencyGroup; 4] =
    [DependencyGroup::Optional, DependencyGroup::Prod, DependencyGroup::Dev, DependencyGroup::Peer];

/// What is written for one word.
struct Found {
    alias: String,
    specifier: String,
    /// The package of a registry that it leads to.
    package: Option<(String, Version)>,
}

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
        // A version that is written exactly leads to itself: nothing else has to make way for it.
        let exact = Version::parse(&specifier).is_some();
        if !exact {
            if alias == name {
                leave_locked(ctx, id, (&name, &version), plan);
            } else if is_locked(ctx, id, &alias) {
                // pnpm takes what goes by another name than its own for another version, whichever it is.
                plan.movers.add(id);
            }
            if !plan.movers.contains(id) {
                plan.named.push((name.clone(), version.clone()));
            }
        }
        plan.expected.push(Expected { importer: id.to_owned(), alias: alias.clone(), name, version, exact });
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
    if let Some(group) = groups.iter().find(|group| before.is_in_the_way(**group)) {
        return Err(Failure {
            hint: Some("Take it out of package.json, or make it a mapping of names to ranges".to_owned()),
            ..failure(
                "ERR_PNPM_PACKAGE_MANIFEST_INVALID_ATTRIBUTE",
                format!(
                    "{} in the package.json of {id} is no mapping, so that nothing can be added to it",
                    field(*group)
                ),
            )
        });
    }
    if let Some(manifest) = plan.manifests.get_mut(id) {
        groups.into_iter().for_each(|group| manifest.put(group, &alias, &saved));
    }
    Ok(())
}

/// Whether a project has a dependency of this key already.
fn is_locked(ctx: &Context, id: &str, alias: &str) -> bool {
    let importer = ctx.lockfile.as_ref().and_then(|lockfile| lockfile.importers.get(id));
    importer.is_some_and(|importer| {
        let groups = [&importer.dependencies, &importer.dev_dependencies, &importer.optional_dependencies];
        groups.into_iter().any(|group| group.contains_key(alias))
    })
}

/// Lets go of the version that a project has had of a package so far, if it is another: as pnpm has it, the project's
/// other names of the package are picked anew, and what asks for the package from now on prefers no version that is
/// locked. What lies below the project's dependencies is the project's to decide then, however near other projects are.
fn leave_locked(ctx: &Context, id: &str, (name, version): (&str, &Version), plan: &mut Plan) {
    let Some(importer) = ctx.lockfile.as_ref().and_then(|lockfile| lockfile.importers.get(id)) else { return };
    let groups = [&importer.dependencies, &importer.dev_dependencies, &importer.optional_dependencies];
    let all =
        groups.into_iter().flatten().filter_map(|(alias, held)| Some((alias, dep_path_of(alias, &held.version)?)));
    let of_package: Vec<(&String, String)> = all
        .filter_map(|(alias, key)| {
            let (held, version) = split_key(package_key(&key))?;
            (held == name).then(|| (alias, version.to_owned()))
        })
        .collect();
    let is_left = of_package.iter().any(|(alias, held)| *alias == name && *held != version.to_string());
    if is_left {
        plan.movers.add(id);
        plan.anew_direct.extend(of_package.into_iter().map(|(alias, _)| (Some(id.to_owned()), alias.clone())));
        plan.unpreferred.insert(name.to_owned());
        plan.absorbs = false;
    }
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
