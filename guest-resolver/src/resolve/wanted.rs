//! From one edge to one package: a pure function of the edge, the preferences and the known facts. Pending while a
//! fact is missing.

use std::rc::Rc;
use std::task::{Poll, ready};

use wit::guest::exports::wasi_pm::resolver::resolution::Download;
use wit::guest::wasi_pm::resolver::types::{Failure, RegistrySource, Source};
use wit::settings::{LinkWorkspacePackages, ResolutionMode};

use crate::boundary;
use crate::facts::{PackumentKey, Want as Ask};
use crate::intern::Symbol;
use crate::manifest::{Dist, Manifest};
use crate::pick::{Direction, Packument, PickError, PickOptions, Preference, pick};
use crate::platform;
use crate::specifier::{Specifier, Want, WorkspaceTarget, WorkspaceWant};
use crate::trust;

use super::context::{Context, Project};
use super::cutoff;
use super::edges::Edge;
use super::explain::{self, Asked};
use super::hooks;
use super::patches;
use super::paths;
use super::tree::{Origin, Resolved};
use super::unvouched;

/// An edge to resolve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// The key in the manifest.
    pub alias: Symbol,
    /// The value.
    pub specifier: Symbol,
    /// It may be left out.
    pub optional: bool,
    /// It is copied, not linked, if it is a project of the workspace.
    pub injected: bool,
    /// A project asks for it, and the lowest version may be meant.
    pub direct: bool,
    /// The project below which it stands.
    pub importer: Symbol,
    /// What paths are relative to: that project, or the copied folder whose manifest names it.
    pub base: Symbol,
    /// Only a prefetch.
    pub likely: bool,
}

/// What the outcome of an edge depends on, besides facts.
pub type WantedKey = (Symbol, Symbol, u8, Option<(Symbol, Symbol)>, Vec<Chosen>);

/// A version that a level above has chosen of the same package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chosen {
    /// The version.
    pub version: Symbol,
    /// What it weighs among the preferences.
    pub weight: u32,
}

type Outcome = Poll<Result<Rc<Resolved>, Failure>>;

/// Resolves an edge; `overlay` holds versions that parents have chosen of the same package.
pub fn resolve(ctx: &Context, mut wanted: Wanted, overlay: &[Chosen]) -> Outcome {
    let specifier = ctx.specifier(wanted.alias, wanted.specifier);
    let mut local = matches!(&*specifier, Specifier::Workspace(_) | Specifier::Link(_) | Specifier::File(_))
        || ctx.settings.workspace.link_workspace_packages != LinkWorkspacePackages::Off;
    let flags = u8::from(wanted.optional) | u8::from(wanted.injected) << 1 | u8::from(wanted.direct) << 2;
    if !local && let Specifier::Registry { name, .. } = &*specifier {
        if !wanted.direct {
            wanted.importer = first_to_ask(ctx, wanted, flags, overlay);
        }
        local = !ctx.anew_of.is_empty() || ctx.preferred.is_declared(wanted.importer, ctx.name_of(wanted.alias, name));
    }
    let key =
        (wanted.alias, wanted.specifier, flags, local.then_some((wanted.importer, wanted.base)), overlay.to_vec());
    if let Some(known) = ctx.resolved.borrow().get(&key) {
        return Poll::Ready(Ok(Rc::clone(known)));
    }
    let outcome = ready!(by_kind(ctx, wanted, &specifier, overlay))?;
    ctx.resolved.borrow_mut().insert(key, Rc::clone(&outcome));
    Poll::Ready(Ok(outcome))
}

/// The project whose preferences decide an edge below dependencies: the first that came to an edge of the same terms.
/// A prefetch leaves no trace.
fn first_to_ask(ctx: &Context, wanted: Wanted, flags: u8, overlay: &[Chosen]) -> Symbol {
    let key = (wanted.alias, wanted.specifier, flags, None, overlay.to_vec());
    let mut askers = ctx.askers.borrow_mut();
    if wanted.likely {
        return askers.get(&key).copied().unwrap_or(wanted.importer);
    }
    *askers.entry(key).or_insert(wanted.importer)
}

/// Notes that a project has come to an edge below one of its packages, before any version above it counts.
pub fn foresee(ctx: &Context, importer: Symbol, edge: &Edge) {
    let key = (edge.alias, edge.specifier, u8::from(edge.optional), None, Vec::new());
    ctx.askers.borrow_mut().entry(key).or_insert(importer);
}

fn by_kind(ctx: &Context, wanted: Wanted, specifier: &Specifier, overlay: &[Chosen]) -> Outcome {
    match specifier {
        Specifier::Registry { name, want, registry } => {
            let from = Registry { name, want, alias: registry.as_deref() };
            by_registry_or_workspace(ctx, wanted, from, overlay)
        }
        Specifier::Jsr { name, want, .. } => from_registry(ctx, wanted, Registry { name, want, alias: None }, overlay),
        Specifier::Workspace(want) => Poll::Ready(from_workspace(ctx, wanted, want)),
        Specifier::Link(path) if path.starts_with(['/', '~']) => {
            Poll::Ready(ready!(unvouched::folder(ctx, wanted, path)).map(|folder| linked(ctx, wanted, &folder)))
        }
        Specifier::Link(path) => Poll::Ready(Ok(linked(ctx, wanted, &paths::join(&ctx.text(wanted.base), path)))),
        Specifier::Unsupported(refused) => Poll::Ready(Err(failure(refused.code, refused.message.clone()))),
        Specifier::File(_) | Specifier::Tarball(_) | Specifier::Git(_) | Specifier::Custom(_) => {
            unvouched::resolve(ctx, wanted, specifier)
        }
        Specifier::Catalog(_) => {
            let text = format!("{}@{}", ctx.text(wanted.alias), ctx.text(wanted.specifier));
            let code = "ERR_PNPM_SPEC_NOT_SUPPORTED_BY_ANY_RESOLVER";
            Poll::Ready(Err(failure(code, format!("{text} isn't supported by any available resolver"))))
        }
    }
}

#[derive(Clone, Copy)]
struct Registry<'a> {
    name: &'a str,
    want: &'a Want,
    alias: Option<&'a str>,
}

fn by_registry_or_workspace(ctx: &Context, wanted: Wanted, from: Registry<'_>, overlay: &[Chosen]) -> Outcome {
    let rules = &ctx.settings.workspace;
    let looks_around = match rules.link_workspace_packages {
        LinkWorkspacePackages::Off => false,
        LinkWorkspacePackages::Direct => wanted.direct,
        LinkWorkspacePackages::Deep => true,
    };
    let local =
        looks_around.then(|| matching_project(ctx, from.name, &WorkspaceTarget::Version(from.want.clone()))).flatten();
    let Some(local) = local else { return from_registry(ctx, wanted, from, overlay) };
    if rules.prefer_workspace_packages {
        return Poll::Ready(Ok(from_project(ctx, wanted, local)));
    }
    match ready!(from_registry(ctx, wanted, from, overlay)) {
        Ok(found) if is_higher(&ctx.text(found.version), local) => Poll::Ready(Ok(found)),
        _ => Poll::Ready(Ok(from_project(ctx, wanted, local))),
    }
}

fn is_higher(found: &str, project: &Project) -> bool {
    use crate::semver::Version;
    let local = project.manifest.version.as_deref().and_then(Version::parse_loose);
    Version::parse_loose(found).zip(local).is_some_and(|(found, local)| found > local)
}

fn from_registry(ctx: &Context, wanted: Wanted, from: Registry<'_>, overlay: &[Chosen]) -> Outcome {
    let line = match ready!(line(ctx, wanted, from, overlay)) {
        Ok(line) => line,
        Err(refused) => return Poll::Ready(Err(refused)),
    };
    let Line { key, packument, index } = line;
    let name = key.name;
    let version = ctx.symbol(packument.text(index));
    // Edges of other terms come to the same package again and again.
    let known = (key, version, wanted.optional);
    if let Some(resolved) = ctx.picked.borrow().get(&known) {
        return Poll::Ready(Ok(Rc::clone(resolved)));
    }
    let manifest = match ready!(ctx.facts.manifest(key, version, |symbol| ctx.text(symbol))) {
        Ok(manifest) => manifest,
        Err(why) => return Poll::Ready(Err(explain::unavailable(from.name, &why))),
    };
    let manifest = hooks::package(ctx, (name, version, key.full), from.name, &manifest);
    if let Err(refused) = check_aliases(&manifest, from.name, &ctx.text(version)) {
        return Poll::Ready(Err(refused));
    }
    // Of `esbuild`'s 26 platforms one is installed; the others are most of the bytes.
    if !wanted.optional || fits(ctx, &manifest) {
        offer(ctx, name, version, from.alias, &manifest.dist);
    }
    let id = match from.alias {
        None => [from.name, "@", &ctx.text(version)].concat(),
        Some(alias) => [from.name, "@", alias, ":", &ctx.text(version)].concat(),
    };
    let origin = Origin::Registry(from.alias.map(str::to_owned));
    let id = match patched(ctx, id, from.name, &ctx.text(version)) {
        Ok(id) => id,
        Err(refused) => return Poll::Ready(Err(refused)),
    };
    let resolved = Rc::new(Resolved { id, name, version, manifest, origin, as_locked: false });
    ctx.picked.borrow_mut().insert(known, Rc::clone(&resolved));
    Poll::Ready(Ok(resolved))
}

/// A version that was picked.
#[derive(Debug, Clone)]
pub struct Line {
    key: PackumentKey,
    packument: Rc<Packument>,
    index: usize,
}

/// Picks a version. What preferences have no part in is picked once, however many edges ask for it and however often
/// each is looked at until its manifest is there.
fn line(ctx: &Context, wanted: Wanted, from: Registry<'_>, overlay: &[Chosen]) -> Poll<Result<Line, Failure>> {
    let name = ctx.name_of(wanted.alias, from.name);
    let registry = from.alias.map(|alias| ctx.symbol(alias));
    let needs_times = cutoff::needs_times(ctx);
    let mut key = PackumentKey { name, registry, full: wanted.optional || ctx.trust.is_some() || needs_times };
    let preferred = preferences(ctx, wanted, name, overlay);
    let is_plain = preferred.is_empty() && ctx.trust.is_none() && !cutoff::is_time_based(ctx);
    let plain = (key, wanted.specifier, wanted.direct);
    if is_plain && let Some(known) = ctx.lines.borrow().get(&plain) {
        return Poll::Ready(Ok(known.clone()));
    }
    let ask = || {
        let version = match from.want {
            Want::Version(version) => Some(version.to_string()),
            Want::Range(wanted) => wanted.range.beginning(),
            Want::Tag(_) => None,
        };
        Ask { version, likely: wanted.likely }
    };
    let lowest = wanted.direct && ctx.settings.rules.resolution_mode != ResolutionMode::Highest;
    let options = PickOptions {
        preferred: &preferred,
        direction: if lowest { Direction::Lowest } else { Direction::Highest },
        age: cutoff::age(ctx, &wanted),
        refused: &[],
    };
    let line = loop {
        let packument = match ready!(ctx.facts.packument(key, ask, |symbol| ctx.text(symbol))) {
            Ok(packument) => packument,
            Err(why) => return Poll::Ready(Err(explain::unavailable(from.name, &why))),
        };
        match pick(&packument, from.want, &options) {
            Ok(picked) => match trust::pick_on(ctx.trust.as_ref(), &packument, from.want, &options, picked) {
                Ok(picked) => break Line { key, packument, index: picked.index },
                Err(refused) => return Poll::Ready(Err(*refused)),
            },
            Err(PickError::NeedsFull) if !key.full => key.full = true,
            Err(why) => {
                let (alias, specifier) = (ctx.text(wanted.alias), ctx.text(wanted.specifier));
                let asked = Asked { alias: &alias, specifier: &specifier, want: from.want };
                return Poll::Ready(Err(explain::no_pick(asked, &packument, why)));
            }
        }
    };
    if is_plain {
        ctx.lines.borrow_mut().insert(plain, line.clone());
    }
    Poll::Ready(Ok(line))
}

/// Preferences of the project, and versions that parents have chosen.
fn preferences(ctx: &Context, wanted: Wanted, name: Symbol, overlay: &[Chosen]) -> Vec<Preference> {
    let own_peer = wanted.direct.then(|| ctx.preferred.of_own_peer(wanted.importer, name)).flatten();
    let mut all = own_peer.unwrap_or_else(|| ctx.preferred.of(wanted.importer, name));
    if wanted.direct {
        all.extend(ctx.preferred.expected(wanted.importer, name));
    }
    for Chosen { version, weight } in overlay {
        let Some(version) = crate::semver::Version::parse_loose(&ctx.text(*version)) else { continue };
        let want = Want::Version(version);
        match all.iter_mut().find(|held| held.want == want) {
            Some(held) => held.weight = held.weight.saturating_add(*weight),
            None => all.push(Preference { want, weight: *weight }),
        }
    }
    all
}

pub(super) fn check_aliases(manifest: &Manifest, name: &str, version: &str) -> Result<(), Failure> {
    let maps = [&manifest.dependencies, &manifest.optional_dependencies];
    let Some(bad) = maps.into_iter().flat_map(|map| map.keys()).find(|alias| wit::Alias::check(alias).is_err()) else {
        return Ok(());
    };
    let bad: String = bad.chars().take(120).collect();
    Err(failure(
        "ERR_PNPM_INVALID_DEPENDENCY_NAME",
        format!("Package \"{name}@{version}\" contains a dependency with an invalid name: {bad:?}"),
    ))
}

/// An identity with the hash of the patch that belongs to the package.
pub(super) fn patched(ctx: &Context, id: String, name: &str, version: &str) -> Result<Rc<str>, Failure> {
    let patch = patches::of(&ctx.settings.rules.patched_dependencies, name, version)?;
    Ok(match patch {
        Some((_, hash)) => format!("{id}(patch_hash={hash})").into(),
        None => id.into(),
    })
}

/// Whether a package runs on the machine's platform.
fn fits(ctx: &Context, manifest: &Manifest) -> bool {
    let list = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
    let wanted = platform::Wanted {
        os: list(&manifest.os),
        cpu: list(&manifest.cpu),
        libc: list(&manifest.libc),
        ..platform::Wanted::default()
    };
    let supported = &ctx.settings.selection.supported_architectures;
    platform::check(&wanted, boundary::machine(&ctx.platform), supported) == platform::Fit::Fits
}

fn offer(ctx: &Context, name: Symbol, version: Symbol, registry: Option<&str>, dist: &Dist) {
    if ctx.settings.selection.lockfile_only || ctx.offered.borrow_mut().insert((name, version), ()).is_some() {
        return;
    }
    let source = Source::Registry(RegistrySource {
        registry: registry.map(str::to_owned),
        tarball: super::to_lockfile::unusual_tarball(ctx, registry, (&ctx.text(name), &ctx.text(version)), dist),
        integrity: super::to_lockfile::integrity(dist),
    });
    let files = dist.file_count.unwrap_or(0).saturating_mul(3_000);
    ctx.downloads.borrow_mut().push(Download {
        name: (*ctx.text(name)).to_owned(),
        version: (*ctx.text(version)).to_owned(),
        source,
        size_hint: dist.unpacked_size.map(|size| size.saturating_add(files)),
    });
}

fn from_workspace(ctx: &Context, wanted: Wanted, want: &WorkspaceWant) -> Result<Rc<Resolved>, Failure> {
    if let WorkspaceTarget::Directory(path) = &want.target {
        return Ok(linked(ctx, wanted, &paths::join(&ctx.text(wanted.base), path)));
    }
    let alias = ctx.text(wanted.alias);
    let name = want.name.as_deref().unwrap_or(&alias);
    if let Some(project) = matching_project(ctx, name, &want.target) {
        return Ok(from_project(ctx, wanted, project));
    }
    let named: Vec<&Project> = ctx.workspace_named(name).collect();
    let text = ctx.text(wanted.specifier);
    if named.is_empty() {
        let mut missing = failure(
            "ERR_PNPM_WORKSPACE_PKG_NOT_FOUND",
            format!(
                "\"{name}@{text}\" is in the dependencies but no package named \"{name}\" is present in the workspace"
            ),
        );
        let names: Vec<&str> = ctx.workspace().filter_map(|p| p.manifest.name.as_deref()).collect();
        missing.facts.push(("workspace".to_owned(), names.join(", ")));
        return Err(missing);
    }
    let versions: Vec<&str> = named.iter().filter_map(|p| p.manifest.version.as_deref()).collect();
    Err(failure(
        "ERR_PNPM_NO_MATCHING_VERSION_INSIDE_WORKSPACE",
        format!(
            "No matching version found for {alias}@{text} inside the workspace. Available versions: {}",
            versions.join(", ")
        ),
    ))
}

/// The project of that name with the highest version that fits.
fn matching_project<'a>(ctx: &'a Context, name: &str, target: &WorkspaceTarget) -> Option<&'a Project> {
    use crate::semver::Version;
    let fits = |version: &Version| match target {
        WorkspaceTarget::Any | WorkspaceTarget::Version(Want::Tag(_)) => true,
        WorkspaceTarget::Version(Want::Version(exact)) => exact == version,
        WorkspaceTarget::Version(Want::Range(range)) => range.range.satisfies_as_peer(version) || &*range.text == "*",
        WorkspaceTarget::Directory(_) => false,
    };
    ctx.workspace_named(name)
        .map(|project| (Version::parse_loose(project.manifest.version.as_deref().unwrap_or("0.0.0")), project))
        .filter(|(version, _)| version.as_ref().is_none_or(&fits))
        .max_by(|a, b| a.0.cmp(&b.0))
        .map(|(_, project)| project)
}

fn from_project(ctx: &Context, wanted: Wanted, project: &Project) -> Rc<Resolved> {
    let folder = match (&project.manifest.publish_directory, project.manifest.link_directory) {
        (Some(folder), link) if link != Some(false) => paths::join(&project.id, folder),
        _ => project.id.clone(),
    };
    if !wanted.injected && !ctx.settings.workspace.inject_workspace_packages {
        return linked(ctx, wanted, &folder);
    }
    let name = project.manifest.name.clone().unwrap_or_else(|| ctx.text(wanted.alias).to_string());
    let path = format!("file:{folder}");
    Rc::new(Resolved {
        id: format!("{name}@{path}").into(),
        name: ctx.symbol(&name),
        version: ctx.symbol(&path),
        manifest: Rc::new(Manifest { dev_dependencies: Default::default(), ..Manifest::clone(&project.manifest) }),
        origin: Origin::Directory(folder),
        as_locked: false,
    })
}

fn linked(ctx: &Context, wanted: Wanted, folder: &str) -> Rc<Resolved> {
    let id = format!("link:{folder}");
    let manifest = ctx.project(folder).map(|project| Rc::clone(&project.manifest)).unwrap_or_default();
    Rc::new(Resolved {
        version: ctx.symbol(&id),
        id: id.into(),
        name: wanted.alias,
        manifest,
        origin: Origin::Link(folder.to_owned()),
        as_locked: false,
    })
}

/// A failure with nothing but code and message.
pub fn failure(code: &str, message: String) -> Failure {
    Failure { code: code.to_owned(), message, facts: Vec::new(), chain: Vec::new(), hint: None }
}
