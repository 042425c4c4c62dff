//! `add`, `update` and `remove`: what they write into manifests and catalogs, and which locked versions they let go.
//! The rest is an ordinary resolution of the manifests as they then are.
//!
//! ```text
//! manifests ─▶ prepare: look up what has to be written beforehand ─▶ changed manifests, pins let go
//!                                                                        ▼
//!            bump: ranges follow what was picked  ◀── lockfile ◀──── resolution
//! ```

pub mod add;
pub mod bump;
pub mod catalog;
pub mod latest;
pub mod range;
pub mod remove;
pub mod selector;
pub mod text;
pub mod update;
pub mod workspace;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::task::Poll;

use wit::guest::exports::wasi_pm::resolver::resolution::{CatalogEntry, Importer, Intent, Notice, Outcome, Project};
use wit::guest::wasi_pm::resolver::types::Failure;
use wit::settings::Settings;

use crate::lockfile::Lockfile;
use crate::lockfile::model::{dep_path_of, package_key, split_key};
use crate::manifest::Manifest;
use crate::resolve::anew::{Anew, Movers};
use crate::resolve::context::Context;
use crate::resolve::hooks;
use crate::resolve::wanted::failure;
use crate::semver::Version;
use text::ManifestText;

/// What a command changes, before anything is resolved.
#[derive(Debug, Default)]
pub struct Plan {
    /// The manifests of the projects it is about.
    manifests: BTreeMap<String, ManifestText>,
    /// Those that it writes.
    touched: BTreeSet<String>,
    /// By catalog and alias.
    catalogs: BTreeMap<(String, String), String>,
    /// By project, the dependencies whose ranges follow what is picked.
    follow: BTreeMap<String, BTreeSet<String>>,
    /// Which locked versions do not count.
    pub anew: Option<Anew>,
    /// The same by project, where they differ.
    pub anew_of: BTreeMap<String, Anew>,
    /// They count below direct dependencies.
    pub direct: bool,
    /// Direct dependencies that are picked anew: of a project by their key, or of all by the name of the package.
    pub anew_direct: BTreeSet<(Option<String>, String)>,
    /// The projects that let go of locked versions.
    pub movers: Movers,
    /// Names of which no locked version is preferred, though what is locked stays.
    pub unpreferred: BTreeSet<String>,
    /// Versions that were named, by real name: they weigh more than a locked one.
    pub named: Vec<(String, Version)>,
    /// Versions that dependencies of projects were looked up to have: by project and alias, with the real name.
    pub expected: Vec<Expected>,
    /// What is known of the lockfile may do, without a resolution.
    pub absorbs: bool,
    /// Nothing is written but the lockfile.
    keeps_manifests: bool,
    notices: Vec<Notice>,
}

/// A dependency, and the version that was found for it before it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The project.
    pub importer: String,
    /// The key in its manifest.
    pub alias: String,
    /// The name of the package.
    pub name: String,
    /// The version.
    pub version: Version,
    /// It is written exactly, and is not preferred where something else is put in its place.
    pub exact: bool,
}

/// Whether an intent is one of a command.
#[must_use]
pub fn is_one(intent: &Intent) -> bool {
    matches!(intent, Intent::Update(_) | Intent::Add(_) | Intent::Remove(_))
}

/// Finds out what is to be written.
///
/// # Errors
/// What was asked for is not there, or cannot be asked for.
pub async fn prepare(ctx: &Context, given: &Project) -> Result<Plan, Failure> {
    let mut plan = Plan { absorbs: true, ..Plan::default() };
    let importers = match &given.intent {
        Intent::Update(update) => &update.importers,
        Intent::Add(addition) => &addition.importers,
        Intent::Remove(removal) => &removal.importers,
        Intent::Install | Intent::Dedupe | Intent::Fix => return Ok(plan),
    };
    for id in importers {
        let Some(importer) = given.importers.iter().find(|importer| importer.id == *id) else {
            return Err(failure("ERR_WASI_PM_BAD_IMPORTER", format!("there is no project {id}")));
        };
        let text = ManifestText::parse(&importer.manifest).map_err(|error| {
            failure("ERR_PNPM_JSON_PARSE", format!("the package.json of {id} cannot be read: {error}"))
        })?;
        plan.manifests.insert(id.clone(), text);
    }
    match &given.intent {
        Intent::Update(update) => update::prepare(ctx, update, &mut plan).await?,
        Intent::Add(addition) => add::prepare(ctx, addition, &mut plan).await?,
        Intent::Remove(removal) => remove::prepare(removal, &mut plan)?,
        Intent::Install | Intent::Dedupe | Intent::Fix => {}
    }
    Ok(plan)
}

impl Plan {
    /// The project as it is resolved.
    ///
    /// # Errors
    /// The settings cannot be read.
    pub fn apply(&self, given: &mut Project) -> Result<(), Failure> {
        for importer in &mut given.importers {
            if let Some(text) = self.text(&importer.id) {
                importer.manifest = text;
            }
        }
        if !self.catalogs.is_empty() {
            let bad = |error: serde_json::Error| failure("ERR_WASI_PM_BAD_SETTINGS", error.to_string());
            let mut settings: Settings = serde_json::from_str(&given.settings).map_err(bad)?;
            for ((catalog, alias), specifier) in &self.catalogs {
                let entries = settings.rules.catalogs.entry(catalog.clone()).or_default();
                entries.insert(alias.clone(), specifier.clone());
            }
            given.settings = serde_json::to_string(&settings).map_err(bad)?;
        }
        Ok(())
    }

    /// Whether a lockfile has what was looked up.
    #[must_use]
    pub fn accepts(&self, lockfile: &Lockfile) -> bool {
        self.expected.iter().all(|expected| {
            let Some(importer) = lockfile.importers.get(&expected.importer) else { return false };
            let groups = [&importer.dependencies, &importer.dev_dependencies, &importer.optional_dependencies];
            let held = groups.iter().find_map(|group| group.get(&expected.alias));
            let key = held.and_then(|held| dep_path_of(&expected.alias, &held.version));
            let version = key.as_deref().and_then(|key| split_key(package_key(key))).map(|(_, version)| version);
            version == Some(expected.version.to_string().as_str())
        })
    }

    fn text(&self, id: &str) -> Option<String> {
        self.manifests.get(id).filter(|_| self.touched.contains(id))?.written()
    }

    /// Tells of what is to be written.
    pub fn tell(&self, outcome: &mut Outcome) {
        outcome.notices.extend(self.notices.iter().cloned());
        if self.keeps_manifests {
            return;
        }
        let written = self.touched.iter().filter_map(|id| Some(Importer { id: id.clone(), manifest: self.text(id)? }));
        outcome.manifests = written.collect();
        let entry = |((catalog, alias), specifier): (&(String, String), &String)| CatalogEntry {
            catalog: catalog.clone(),
            alias: alias.clone(),
            specifier: specifier.clone(),
        };
        outcome.catalogs = self.catalogs.iter().map(entry).collect();
    }

    fn warn(&mut self, message: String) {
        self.notices.push(Notice::Other(failure("ERR_WASI_PM_COMMAND", message)));
    }

    /// Lets the ranges of dependencies follow what is picked, but of those that an override leads elsewhere.
    fn let_follow(&mut self, ctx: &Context, id: &str, aliases: impl Iterator<Item = (String, String)>) {
        let free =
            aliases.filter(|(alias, specifier)| !is_overridden(ctx, id, alias, specifier)).map(|(alias, _)| alias);
        self.follow.entry(id.to_owned()).or_default().extend(free);
    }

    /// The catalogs as they are and as far as they were changed.
    fn catalog(&self, ctx: &Context, catalog: &str, alias: &str) -> Option<String> {
        let changed = self.catalogs.get(&(catalog.to_owned(), alias.to_owned()));
        changed.or_else(|| ctx.settings.rules.catalogs.get(catalog)?.get(alias)).cloned()
    }
}

/// Whether an override takes the place of a specifier, though it may say the same.
fn is_overridden(ctx: &Context, id: &str, alias: &str, specifier: &str) -> bool {
    let mut probe = Manifest::default();
    let marked = format!("{specifier} ");
    probe.dependencies.insert(alias.to_owned(), marked.clone());
    hooks::rewrite(&ctx.settings, &ctx.overrides, &mut probe, Some(id));
    probe.dependencies.get(alias) != Some(&marked)
}

/// Looks all of them up at once.
async fn all<T>(count: usize, look: impl Fn(usize) -> Poll<T>) -> Vec<T> {
    let mut found: Vec<Option<T>> = (0..count).map(|_| None).collect();
    std::future::poll_fn(|_| {
        for (at, found) in found.iter_mut().enumerate().filter(|(_, found)| found.is_none()) {
            if let Poll::Ready(known) = look(at) {
                *found = Some(known);
            }
        }
        if found.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    found.into_iter().flatten().collect()
}
