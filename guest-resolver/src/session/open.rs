//! What a session is opened with, read once: settings, manifests, the existing lockfile, preferences.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use wit::ImporterId;
use wit::guest::exports::wasi_pm::resolver::resolution::{Download, Intent, Notice, Project as Given};
use wit::guest::wasi_pm::resolver::types::Failure;
use wit::settings::Settings;

use crate::age::AgePolicy;
use crate::catalogs;
use crate::command::Expected;
use crate::engines;
use crate::facts::Facts;
use crate::intern::{NumberMap, Symbol, Symbols, TextMap, map_of_packages};
use crate::lockfile::{self, Lockfile};
use crate::manifest::Manifest;
use crate::overrides::Overrides;
use crate::resolve::anew::{Anew, Movers, Targets};
use crate::resolve::context::{BUDGET, Context, Project};
use crate::resolve::explain;
use crate::resolve::hooks;
use crate::resolve::own_peers;
use crate::resolve::preferences::Preferences;
use crate::resolve::wanted::failure;
use crate::semver::Version;
use crate::specifier::{Specifier, Want};
use crate::trust::TrustRule;

/// What a session begins with besides its project: at first nothing, then what a command has found out.
#[derive(Debug, Default)]
pub(super) struct Begun {
    pub(super) symbols: Symbols,
    pub(super) facts: Facts,
    pub(super) downloads: Vec<Download>,
    pub(super) offered: NumberMap<(Symbol, Symbol), ()>,
    /// What was there before a command changes it; of an installation, all is as it is given.
    pub(super) before: Option<Before>,
    /// Which locked versions a command lets go.
    pub(super) anew: Option<Anew>,
    /// The same by project, where they differ.
    pub(super) anew_of: BTreeMap<String, Anew>,
    pub(super) anew_is_direct: bool,
    pub(super) anew_direct: BTreeSet<(Option<String>, String)>,
    /// The projects that let go of locked versions.
    pub(super) movers: Movers,
    /// Names of which no locked version is preferred, though what is locked stays.
    pub(super) unpreferred: BTreeSet<String>,
    /// Versions that were named, by real name.
    pub(super) named: Vec<(String, Version)>,
    /// Versions that were found for dependencies before they were written.
    pub(super) expected: Vec<Expected>,
}

/// What stays of a project as it was given to a command.
#[derive(Debug)]
pub(super) struct Before {
    /// The manifest of the workspace's root: references of overrides lead there.
    pub(super) root: Option<Manifest>,
    pub(super) lockfile: Option<Lockfile>,
}

/// A context of nothing at all, to stand where another is taken from.
pub(super) fn nothing(given: &Given) -> Result<Context, Vec<Failure>> {
    let (settings, platform) = ("{}".to_owned(), given.platform.clone());
    let (importers, lockfile, intent) = (Vec::new(), None, Intent::Install);
    context(&Given { importers, lockfile, settings, platform, intent }, Begun::default())
}

/// Reads everything; collects what is wrong.
pub(super) fn context(given: &Given, begun: Begun) -> Result<Context, Vec<Failure>> {
    let Begun {
        symbols,
        facts,
        downloads,
        offered,
        before,
        anew: let_go,
        mut anew_of,
        anew_is_direct,
        anew_direct,
        movers,
        unpreferred,
        named,
        expected,
    } = begun;
    let settings: Settings = serde_json::from_str(&given.settings)
        .map_err(|error| vec![failure("ERR_WASI_PM_BAD_SETTINGS", format!("the settings cannot be read: {error}"))])?;
    let told = engines::of_projects(given, &settings)?;
    let written = manifests(given.importers.iter().map(|importer| (&importer.id, &importer.manifest)))?;
    let neighbours = manifests(&settings.workspace.neighbours)?;
    let root = written.get(&settings.workspace.root).or_else(|| neighbours.get(&settings.workspace.root));
    let root = before.as_ref().map_or(root, |before| before.root.as_ref());
    let declared = |name: &str| {
        let root: &Manifest = root?;
        let groups = [&root.dependencies, &root.dev_dependencies, &root.optional_dependencies];
        groups.into_iter().find_map(|group| group.get(name)).cloned()
    };
    let overrides = Overrides::parse(&settings.rules.overrides, &settings.rules.catalogs, declared)
        .map_err(|bad| vec![explain::hinted(failure(bad.code, bad.message))])?
        .seen_from(&settings.workspace.root);
    let age = AgePolicy::new(&settings.policy, settings.now).map_err(|bad| vec![failure(bad.code, bad.message)])?;
    let trust = TrustRule::new(&settings.policy, settings.now).map_err(|bad| vec![failure(bad.code, bad.message)])?;
    let lockfile = match before {
        Some(before) => before.lockfile,
        None => read(given, &settings)?,
    };
    let mut freed = lockfile.as_ref().map(|lockfile| no_longer_overridden(lockfile, &overrides)).unwrap_or_default();
    let anew = match let_go {
        Some(Anew::All) => Anew::All,
        Some(Anew::Only(targets)) => {
            anew_of.values_mut().for_each(|anew| anew.add(&freed));
            freed.extend(targets);
            Anew::Only(freed)
        }
        _ if !freed.is_empty() => Anew::Only(freed),
        _ => Anew::None,
    };
    let project = |(id, written): (String, Manifest)| {
        let mut manifest = written.clone();
        hooks::rewrite(&settings, &overrides, &mut manifest, Some(&id));
        (id.clone(), Project { id, written, manifest: Rc::new(manifest) })
    };
    let projects: BTreeMap<String, Project> = written.into_iter().map(project).collect();
    let neighbours = neighbours.into_iter().map(project).collect();
    let mut preferred = preferences(&settings, &symbols, &projects, lockfile.as_ref(), |name, version| {
        anew.covers(name, Some(version)) || unpreferred.contains(name)
    });
    for (id, own) in &anew_of {
        for (name, version) in lockfile.iter().flat_map(locked_versions) {
            if anew.covers(name, Some(&version)) && !own.covers(name, Some(&version)) {
                preferred.keep(symbols.number(id), symbols.number(name), version);
            }
        }
    }
    for Expected { importer, name, version, .. } in expected.into_iter().filter(|expected| !expected.exact) {
        preferred.expect(symbols.number(&importer), symbols.number(&name), version);
    }
    named.into_iter().for_each(|(name, version)| preferred.name(symbols.number(&name), version));
    Ok(Context {
        settings,
        platform: given.platform.clone(),
        projects,
        neighbours,
        lockfile,
        anew,
        anew_of,
        anew_is_direct,
        anew_direct,
        movers,
        mends: matches!(given.intent, Intent::Fix),
        overrides,
        age,
        cutoff: OnceCell::new(),
        trust,
        symbols,
        facts,
        preferred,
        specifiers: RefCell::new(map_of_packages()),
        hooked: RefCell::new(map_of_packages()),
        edges: RefCell::new(map_of_packages()),
        picked: RefCell::new(map_of_packages()),
        lines: RefCell::new(map_of_packages()),
        askers: RefCell::default(),
        resolved: RefCell::new(map_of_packages()),
        downloads: RefCell::new(downloads),
        offered: RefCell::new(offered),
        notices: RefCell::new(told.into_iter().map(Notice::Other).collect()),
        named: OnceCell::new(),
        skipped: RefCell::default(),
        budget: Cell::new(BUDGET),
    })
}

fn manifests<'a>(
    given: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Result<BTreeMap<String, Manifest>, Vec<Failure>> {
    let mut found = BTreeMap::new();
    let mut failures = Vec::new();
    for (id, text) in given {
        if let Err(bad) = ImporterId::parse(id) {
            failures.push(failure("ERR_WASI_PM_BAD_IMPORTER", bad.to_string()));
            continue;
        }
        match Manifest::parse(text.as_bytes()) {
            Ok(manifest) => drop(found.insert(id.clone(), manifest)),
            Err(error) => {
                let message = format!("the package.json of {id} cannot be read: {error}");
                failures.push(failure("ERR_PNPM_JSON_PARSE", message));
            }
        }
    }
    if failures.is_empty() { Ok(found) } else { Err(failures) }
}

fn read(given: &Given, settings: &Settings) -> Result<Option<Lockfile>, Vec<Failure>> {
    let lockfile = given.lockfile.as_deref();
    lockfile.map(|text| lockfile::read_for(text, settings)).transpose().map_err(|bad| {
        vec![Failure { hint: bad.hint.clone(), facts: bad.facts.clone(), ..failure(bad.code, bad.message.clone()) }]
    })
}

/// Packages that an override by their name alone led somewhere when the lockfile was made, and none does now: nothing
/// says that they are to stay there.
fn no_longer_overridden(lockfile: &Lockfile, overrides: &Overrides) -> Targets {
    let is_name = |selector: &&String| !selector.contains('>') && !selector.get(1..).unwrap_or_default().contains('@');
    let gone = lockfile.overrides.keys().filter(|selector| !overrides.resolved().contains_key(*selector));
    gone.filter(is_name).cloned().collect()
}

/// What each manifest asks for, and what the lockfile holds.
fn preferences(
    settings: &Settings,
    symbols: &Symbols,
    projects: &BTreeMap<String, Project>,
    lockfile: Option<&Lockfile>,
    is_dropped: impl Fn(&str, &Version) -> bool,
) -> Preferences {
    let mut all = Preferences::default();
    let mut anywhere: BTreeMap<&str, Vec<Want>> = BTreeMap::new();
    // Projects ask for the same in the same words again and again.
    let mut read: TextMap<(&str, &str), Option<Want>> = TextMap::default();
    let has_own_peers = projects.values().any(|project| !project.manifest.peer_dependencies.is_empty());
    for (id, project) in projects {
        let manifest = &project.manifest;
        let groups = [&manifest.dev_dependencies, &manifest.dependencies, &manifest.optional_dependencies];
        for (alias, text) in groups.into_iter().flatten() {
            let text = catalogs::resolve(&settings.rules.catalogs, alias, text).ok().flatten().unwrap_or(text);
            let want = read.entry((alias, text)).or_insert_with(|| own_version(settings, alias, text));
            let Some(want) = want else { continue };
            all.declare(symbols.number(id), symbols.number(alias), want.clone());
            if has_own_peers {
                anywhere.entry(alias).or_default().push(want.clone());
            }
        }
    }
    // A project leaves the choice of its own peers to the others.
    for (id, project) in projects {
        let manifest = &project.manifest;
        for peer in manifest.peer_dependencies.keys().filter(|peer| own_peers::is_own(manifest, peer)) {
            let Some(wants) = anywhere.get(peer.as_str()) else { continue };
            let (importer, name) = (symbols.number(id), symbols.number(peer));
            wants.iter().for_each(|want| all.declare(importer, name, want.clone()));
            all.leave_to_others(importer, name, lockfile.and_then(|held| own_peers::locked(held, id, peer)));
        }
    }
    for (name, version) in lockfile.into_iter().flat_map(locked_versions) {
        if !is_dropped(name, &version) {
            all.lock(symbols.number(name), version);
        }
    }
    all
}

/// What is asked for of the package that the key names, if that is one of a registry.
fn own_version(settings: &Settings, alias: &str, text: &str) -> Option<Want> {
    match Specifier::parse(alias, text, &settings.registries) {
        Specifier::Registry { name, want, registry: None } if name == alias && !text.starts_with("npm:") => Some(want),
        _ => None,
    }
}

/// The versions of packages that a lockfile holds.
fn locked_versions(lockfile: &Lockfile) -> impl Iterator<Item = (&str, Version)> {
    lockfile.snapshots.keys().filter_map(|path| {
        let (name, version) = lockfile::model::split_key(lockfile::model::package_key(path))?;
        Some((name, Version::parse_loose(version)?))
    })
}
