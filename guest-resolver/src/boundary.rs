//! The one file where WIT records and our own types turn into each other.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use wit::guest::exports::wasi_pm::resolver::{
    lockfile::{Placed as WitPlaced, Placement as WitPlacement},
    resolution as r,
};
use wit::guest::wasi_pm::resolver::types as t;
use wit::settings::Settings;

use crate::{
    engines,
    lockfile::{self, Lockfile, LockfileError, Manifests, error::NO_LOCKFILE, model::Resolution},
    place::{self, Group, Layout, PlaceContext, Placed, Placing, Project, Target},
    platform::Machine,
};

/// A project, parsed: settings, manifests and what placing needs of them.
pub struct Parsed {
    /// The settings object.
    pub settings: Settings,
    /// By importer.
    pub manifests: Manifests,
    /// By importer, with the projects beside them that have lockfiles of their own.
    pub projects: BTreeMap<String, Project>,
}

/// Parses settings and manifests.
///
/// # Errors
/// One failure for each text that is not what it should be.
pub fn parse(project: &r::Project) -> Result<Parsed, Vec<t::Failure>> {
    let settings: Settings = serde_json::from_str(&project.settings).map_err(|error| {
        vec![failure_of("ERR_WASI_PM_BAD_SETTINGS", format!("the settings cannot be read: {error}"))]
    })?;
    let mut manifests = Manifests::new();
    let mut failures = Vec::new();
    for importer in &project.importers {
        match serde_json::from_str::<Map<String, Value>>(&importer.manifest) {
            Ok(manifest) => drop(manifests.insert(importer.id.clone(), manifest)),
            Err(error) => failures.push(failure_of(
                "ERR_PNPM_JSON_PARSE",
                format!("the manifest of {} cannot be read: {error}", importer.id),
            )),
        }
    }
    if !failures.is_empty() {
        return Err(failures);
    }
    let field =
        |manifest: &Map<String, Value>, name: &str| manifest.get(name).and_then(Value::as_str).map(str::to_owned);
    let project = |(id, manifest): (&String, &Map<String, Value>)| {
        (id.clone(), Project { name: field(manifest, "name"), version: field(manifest, "version") })
    };
    let mut projects: BTreeMap<String, Project> = manifests.iter().map(project).collect();
    for (id, text) in &settings.workspace.neighbours {
        let manifest: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
        projects.insert(id.clone(), project((id, &manifest)).1);
    }
    Ok(Parsed { settings, manifests, projects })
}

/// The export `lockfile.place`.
///
/// # Errors
/// No lockfile, or one that cannot be used.
pub fn place_lockfile(project: &r::Project) -> Result<WitPlaced, Vec<t::Failure>> {
    let (parsed, mut lockfile) = open(project)?;
    let told = engines::of_projects(project, &parsed.settings)?;
    let drifts = lockfile::check(&lockfile, &parsed.settings, &parsed.manifests).map_err(failures)?;
    if !drifts.is_empty() {
        return Ok(WitPlaced::Outdated(drifts.into_iter().map(failure).collect()));
    }
    let projects = lockfile.importers.len();
    lockfile.importers.retain(|id, _| parsed.manifests.contains_key(id));
    let has_conflict = project.lockfile.as_deref().is_some_and(lockfile::has_conflict);
    let is_merged = has_conflict || !parsed.settings.lockfile.branches.is_empty();
    let rewritten = (is_merged || lockfile.importers.len() < projects).then(|| lockfile::write(&lockfile));
    let mut placing = placing(&lockfile, (&parsed.settings, &parsed.projects), &project.platform)?;
    let snapshots = placing.by_ref().map(snapshot).collect();
    let placed = placed(placing)?;
    let mut outcome = outcome(&placed, rewritten);
    outcome.notices.extend(told.into_iter().map(r::Notice::Other));
    Ok(WitPlaced::Fits(WitPlacement { snapshots, layout: layout(&placed), outcome }))
}

/// The export `lockfile.check`.
///
/// # Errors
/// No lockfile, or one that cannot be used.
pub fn check_lockfile(project: &r::Project) -> Result<Vec<t::Failure>, Vec<t::Failure>> {
    let (parsed, lockfile) = open(project)?;
    let drifts = lockfile::check(&lockfile, &parsed.settings, &parsed.manifests).map_err(failures)?;
    Ok(drifts.into_iter().map(failure).collect())
}

/// Begins to place a lockfile, made here or read, for this project.
///
/// # Errors
/// As [`Placing::begin`].
pub fn placing<'a>(
    lockfile: &'a Lockfile,
    (settings, projects): (&'a Settings, &'a BTreeMap<String, Project>),
    platform: &'a t::Platform,
) -> Result<Placing<'a>, Vec<t::Failure>> {
    Placing::begin(lockfile, PlaceContext { settings, platform: machine(platform), projects }).map_err(failures)
}

/// What goes where, once all snapshots have come.
///
/// # Errors
/// As [`Placing::finish`].
pub fn placed(placing: Placing<'_>) -> Result<Layout<'_>, Vec<t::Failure>> {
    placing.finish().map_err(failures)
}

/// The machine, borrowed.
#[must_use]
pub fn machine(platform: &t::Platform) -> Machine<'_> {
    Machine { os: &platform.os, cpu: &platform.cpu, libc: platform.libc.as_deref(), node: platform.node.as_deref() }
}

fn open(project: &r::Project) -> Result<(Parsed, Lockfile), Vec<t::Failure>> {
    let parsed = parse(project)?;
    let Some(text) = &project.lockfile else {
        let error = LockfileError::new(NO_LOCKFILE, "there is no pnpm-lock.yaml");
        return Err(failures(error.hint("Install without --frozen-lockfile to make one")));
    };
    let lockfile = lockfile::read_for(text, &parsed.settings).map_err(failures)?;
    Ok((parsed, lockfile))
}

/// A failure of the lockfile.
#[must_use]
pub fn failure(error: LockfileError) -> t::Failure {
    let LockfileError { code, message, facts, hint } = error;
    t::Failure { code: code.to_owned(), message, facts, chain: Vec::new(), hint }
}

fn failures(error: LockfileError) -> Vec<t::Failure> {
    vec![failure(error)]
}

fn failure_of(code: &str, message: String) -> t::Failure {
    t::Failure { code: code.to_owned(), message, facts: Vec::new(), chain: Vec::new(), hint: None }
}

/// What goes where, besides the snapshots.
#[must_use]
pub fn layout(placed: &Layout<'_>) -> r::Layout {
    let roots = placed.roots.iter().map(|(importer, links)| r::ImporterLinks {
        importer: (*importer).to_owned(),
        links: links.iter().map(root_link).collect(),
    });
    r::Layout {
        roots: roots.collect(),
        hoisted: placed.hoisted.iter().map(hoisted).collect(),
        skipped: placed.skipped.iter().map(skipped).collect(),
    }
}

/// The end of a session; `lockfile` is the text of a new one.
#[must_use]
pub fn outcome(placed: &Layout<'_>, lockfile: Option<String>) -> r::Outcome {
    r::Outcome {
        lockfile,
        current_lockfile: placed.current_lockfile.clone(),
        notices: notices(placed),
        manifests: Vec::new(),
        catalogs: Vec::new(),
    }
}

/// A snapshot as it goes out.
#[must_use]
pub fn snapshot(placed: Placed<'_>) -> r::Snapshot {
    let link = |(alias, to): &(&str, Target)| r::Link { alias: (*alias).to_owned(), target: target(to) };
    r::Snapshot {
        dep_path: placed.dep_path.to_owned(),
        name: placed.name.to_owned(),
        version: placed.version.to_owned(),
        source: source(&placed),
        dependencies: placed.dependencies.iter().map(link).collect(),
        optional: placed.optional,
        has_bin: placed.package.has_bin,
        requires_build: None,
        patch: placed.patch.map(str::to_owned),
        slot: placed.slot,
    }
}

fn target(target: &Target) -> r::LinkTarget {
    match target {
        Target::Snapshot(at) => r::LinkTarget::Snapshot(*at),
        Target::Directory(path) => r::LinkTarget::Directory(path.clone()),
    }
}

/// A key of a version is a package of a registry, `work:1.0.0` one of a named registry; all others say what they are.
fn source(placed: &Placed<'_>) -> t::Source {
    match &placed.package.resolution {
        Resolution::Tarball { integrity, tarball, git_hosted, path } => {
            let (integrity, tarball, path) = (integrity.clone(), tarball.clone(), path.clone());
            if wit::Version::check(placed.id).is_ok() {
                return t::Source::Registry(t::RegistrySource { registry: None, tarball, integrity });
            }
            let named = placed.id.split_once(':').filter(|(_, version)| wit::Version::check(version).is_ok());
            if let Some((registry, _)) = named {
                let registry = Some(registry.to_owned());
                return t::Source::Registry(t::RegistrySource { registry, tarball, integrity });
            }
            let url = tarball.unwrap_or_else(|| placed.id.to_owned());
            t::Source::Tarball(t::TarballSource { url, integrity, git_hosted: *git_hosted, path })
        }
        Resolution::Directory(directory) => t::Source::Directory(directory.clone()),
        Resolution::Git { commit, repo, path } => {
            t::Source::Git(t::GitSource { repository: repo.clone(), commit: commit.clone(), path: path.clone() })
        }
        Resolution::Custom { plugin, value, integrity } => {
            let (plugin, value, integrity) = (plugin.clone(), value.clone(), integrity.clone());
            t::Source::Custom(t::CustomSource { plugin, value, integrity })
        }
        Resolution::Other { kind, .. } => t::Source::Unsupported(kind.chars().take(200).collect()),
    }
}

fn root_link(link: &place::RootLink<'_>) -> r::RootLink {
    r::RootLink {
        alias: link.alias.to_owned(),
        real_name: link.real_name.to_owned(),
        version: link.version.map(str::to_owned),
        latest: None,
        group: match link.group {
            Group::Prod => t::DependencyGroup::Prod,
            Group::Dev => t::DependencyGroup::Dev,
            Group::Optional => t::DependencyGroup::Optional,
        },
        target: target(&link.target),
    }
}

fn hoisted(link: &place::HoistedLink<'_>) -> r::HoistedLink {
    let target = target(&link.target);
    r::HoistedLink { alias: link.alias.to_owned(), owner: link.owner.to_owned(), target, public: link.public }
}

fn skipped(skipped: &place::Skipped<'_>) -> r::Skipped {
    r::Skipped {
        dep_path: skipped.dep_path.to_owned(),
        name: skipped.name.to_owned(),
        version: Some(skipped.version.to_owned()),
        reason: match skipped.misfit.engine {
            true => r::SkipReason::UnsupportedEngine,
            false => r::SkipReason::UnsupportedPlatform,
        },
        detail: skipped.misfit.detail.clone(),
        parents: skipped.parents.iter().map(|parent| (*parent).to_owned()).collect(),
    }
}

fn notices(placed: &Layout<'_>) -> Vec<r::Notice> {
    let deprecated = placed.deprecated.iter().map(|one| {
        r::Notice::Deprecated(r::Deprecation {
            name: one.name.to_owned(),
            version: one.version.to_owned(),
            message: one.message.to_owned(),
            importer: one.importer.to_owned(),
            depth: one.depth,
        })
    });
    let misfits = placed.misfits.iter().map(|(dep_path, misfit)| {
        let (code, what) = match misfit.engine {
            true => (lockfile::error::UNSUPPORTED_ENGINE, "engine"),
            false => (lockfile::error::UNSUPPORTED_PLATFORM, "platform"),
        };
        let error = LockfileError::new(code, format!("Unsupported {what} for {dep_path}: {}", misfit.detail));
        r::Notice::Other(failure(error.fact("package", *dep_path)))
    });
    deprecated.chain(misfits).collect()
}
