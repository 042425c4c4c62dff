//! What an update lets go and leads elsewhere in one project.

use std::collections::BTreeSet;

use wit::guest::exports::wasi_pm::resolver::resolution::Update;
use wit::guest::wasi_pm::resolver::types::{DependencyGroup, Failure};
use wit::wildcard;

use crate::lockfile::model::{dep_path_of, package_key, split_key};
use crate::resolve::anew::{Anew, Targets};
use crate::resolve::context::Context;
use crate::semver::Version;
use crate::specifier::{Specifier, Want};

use super::super::add::not_in_workspace;
use super::super::range::Style;
use super::super::selector::{Selector, take};
use super::super::text::INSTALLED;
use super::super::workspace::{self, Declared};
use super::super::{Plan, all};

/// A dependency of a project.
#[derive(Debug, Clone)]
pub(super) struct Direct {
    pub(super) alias: String,
    pub(super) group: DependencyGroup,
    pub(super) specifier: String,
}

impl Direct {
    pub(super) fn entry(&self) -> (String, String) {
        (self.alias.clone(), self.specifier.clone())
    }
}

/// One update of one project.
pub(super) struct Project<'a> {
    pub(super) ctx: &'a Context,
    pub(super) update: &'a Update,
    pub(super) selectors: &'a [Selector],
    pub(super) id: &'a str,
    pub(super) direct: Vec<Direct>,
}

/// What is let go.
#[derive(Debug, Default)]
pub(super) struct Freed {
    pub(super) all: bool,
    pub(super) targets: Targets,
    /// A selector has found something to do.
    pub(super) any: bool,
    /// Selectors with a version that have found a direct dependency, by index.
    pub(super) found: BTreeSet<usize>,
}

impl Freed {
    /// Which locked versions these are.
    pub(super) fn anew(&self) -> Anew {
        match self.all {
            true => Anew::All,
            false if self.any => Anew::Only(self.targets.clone()),
            false => Anew::None,
        }
    }

    /// What another project lets go is let go too.
    pub(super) fn add(&mut self, other: Self) {
        self.all |= other.all;
        self.any |= other.any;
        self.targets.extend(other.targets);
        self.found.extend(other.found);
    }

    fn let_go(&mut self, names: impl IntoIterator<Item = String>) {
        names.into_iter().for_each(|name| self.targets.add(name));
    }
}

impl Project<'_> {
    pub(super) async fn prepare(&self, plan: &mut Plan, freed: &mut Freed) -> Result<(), Failure> {
        let rewrites = match self.to_workspace()? {
            Some(rewrites) => {
                freed.any = true;
                freed.let_go(rewrites.iter().map(|it| it.alias.clone()));
                rewrites
            }
            None if self.selectors.is_empty() => self.everything(plan, freed).await?,
            None if !self.update.direct && !self.update.latest && self.has_no_versions() => {
                self.by_name(plan, freed);
                Vec::new()
            }
            None => self.matched(plan, freed).await?,
        };
        self.write(plan, rewrites)
    }

    fn has_no_versions(&self) -> bool {
        self.selectors.iter().all(|selector| selector.version.is_none())
    }

    fn is_ignored(&self, name: &str) -> bool {
        wildcard::takes(&self.ctx.settings.saving.ignored_updates, name)
    }

    /// The names of all packages in the lockfile.
    fn locked(&self) -> impl Iterator<Item = &str> {
        let keys = self.ctx.lockfile.iter().flat_map(|lockfile| lockfile.snapshots.keys());
        keys.filter_map(|key| Some(split_key(package_key(key))?.0))
    }

    /// The names of all that the lockfile has below direct dependencies.
    fn below(&self, direct: &[&Direct]) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let Some(lockfile) = &self.ctx.lockfile else { return names };
        let Some(importer) = lockfile.importers.get(self.id) else { return names };
        let groups = [&importer.dependencies, &importer.dev_dependencies, &importer.optional_dependencies];
        let locked = |alias: &String| groups.iter().find_map(|group| dep_path_of(alias, &group.get(alias)?.version));
        let mut open: Vec<String> = direct.iter().filter_map(|direct| locked(&direct.alias)).collect();
        let mut seen: BTreeSet<String> = open.iter().cloned().collect();
        while let Some(key) = open.pop() {
            names.extend(split_key(package_key(&key)).map(|(name, _)| name.to_owned()));
            let Some(snapshot) = lockfile.snapshots.get(&key) else { continue };
            let edges = snapshot.dependencies.iter().chain(&snapshot.optional_dependencies);
            let below = edges.filter_map(|(alias, value)| dep_path_of(alias, value));
            open.extend(below.filter(|key| seen.insert(key.clone())));
        }
        names
    }

    /// What the update leads to projects of the workspace; `None`: nothing does.
    fn to_workspace(&self) -> Result<Option<Vec<Direct>>, Failure> {
        if !self.update.workspace {
            return Ok(None);
        }
        let mut rewrites = Vec::new();
        for direct in &self.direct {
            let Direct { alias, specifier, .. } = direct;
            if self.selectors.is_empty() {
                if self.is_ignored(alias) || !workspace::has(self.ctx, alias) {
                    continue;
                }
            } else if !take(self.selectors, alias) {
                continue;
            } else if !workspace::has(self.ctx, alias) {
                return Err(not_in_workspace(self.ctx, alias));
            }
            let asked = self.selectors.iter().find(|selector| selector.takes(alias));
            let asked = asked.and_then(|selector| selector.version.as_deref()).unwrap_or("*");
            let asked = asked.strip_prefix("workspace:").unwrap_or(asked);
            let want = Want::parse(asked).unwrap_or_else(Want::any);
            let saved = match workspace::version(self.ctx, alias, &want) {
                // That nothing fits is told by the resolution, of the range that was asked for.
                None => format!("workspace:{asked}"),
                Some(version) => workspace::specifier(
                    Declared { so_far: Some(specifier), asked: None },
                    alias,
                    (alias, Some(&version)),
                    self.ctx.settings.saving.workspace_protocol,
                    Style::of_update(&self.ctx.settings.saving),
                ),
            };
            rewrites.push(Direct { specifier: saved, ..direct.clone() });
        }
        Ok((!rewrites.is_empty()).then_some(rewrites))
    }

    /// Nothing was named.
    async fn everything(&self, plan: &mut Plan, freed: &mut Freed) -> Result<Vec<Direct>, Failure> {
        freed.any = true;
        let direct: Vec<&Direct> = self.direct.iter().filter(|direct| !self.is_ignored(&direct.alias)).collect();
        freed.let_go(direct.iter().map(|direct| direct.alias.clone()));
        let ignores = !self.ctx.settings.saving.ignored_updates.is_empty();
        let is_whole = INSTALLED.iter().all(|group| self.groups().contains(group));
        if is_whole && !ignores {
            freed.all = true;
        } else if is_whole && !(self.update.latest && direct.is_empty()) {
            freed.let_go(self.locked().filter(|name| !self.is_ignored(name)).map(str::to_owned));
        }
        self.latest_or_follow(plan, &direct).await
    }

    fn groups(&self) -> &[DependencyGroup] {
        if self.update.groups.is_empty() { &INSTALLED } else { &self.update.groups }
    }

    /// Names alone: at any depth.
    fn by_name(&self, plan: &mut Plan, freed: &mut Freed) {
        freed.any = true;
        let matched: Vec<&Direct> = self.direct.iter().filter(|it| take(self.selectors, &it.alias)).collect();
        if self.update.save {
            plan.let_follow(self.ctx, self.id, matched.iter().map(|direct| direct.entry()));
        }
        freed.let_go(matched.into_iter().map(|direct| direct.alias.clone()));
        freed.let_go(self.locked().filter(|name| take(self.selectors, name)).map(str::to_owned));
    }

    /// What was named with a version, or beyond its range: direct dependencies.
    async fn matched(&self, plan: &mut Plan, freed: &mut Freed) -> Result<Vec<Direct>, Failure> {
        let matched: Vec<&Direct> = self.direct.iter().filter(|it| take(self.selectors, &it.alias)).collect();
        if matched.is_empty() {
            if self.update.direct || self.update.latest {
                return Ok(Vec::new());
            }
            freed.any = true;
            let is_exact =
                |selector: &Selector| selector.version.as_deref().is_some_and(|it| Version::parse(it).is_some());
            let others: Vec<Selector> = self.selectors.iter().filter(|it| !is_exact(it)).cloned().collect();
            freed.let_go(self.locked().filter(|name| take(&others, name)).map(str::to_owned));
            return Ok(Vec::new());
        }
        freed.any = true;
        if self.update.latest {
            freed.let_go(matched.iter().map(|direct| direct.alias.clone()));
            // What the project asks for itself and did not name stays.
            let others = self.direct.iter().filter(|it| !take(self.selectors, &it.alias));
            let others: BTreeSet<String> = others.map(|it| named(self.ctx, &it.alias, &it.specifier)).collect();
            freed.let_go(self.below(&matched).into_iter().filter(|name| !others.contains(name)));
            return self.latest_or_follow(plan, &matched).await;
        }
        let mut asked = Vec::new();
        for direct in matched {
            let selector = self.selectors.iter().position(|selector| selector.takes(&direct.alias));
            let Some(version) = selector.and_then(|at| self.selectors[at].version.as_deref()) else {
                if self.update.save {
                    plan.let_follow(self.ctx, self.id, std::iter::once(direct.entry()));
                }
                freed.targets.add(direct.alias.clone());
                continue;
            };
            freed.found.extend(selector);
            if !self.update.save && !self.is_admitted(plan, direct, version) {
                continue;
            }
            let names = [version, direct.specifier.as_str()].map(|text| named(self.ctx, &direct.alias, text));
            match Version::parse(version) {
                Some(version) => names.into_iter().for_each(|name| freed.targets.add_line(name, &version)),
                None => freed.let_go(names),
            }
            asked.push((direct, version));
        }
        let versions = all(asked.len(), |at| self.version(asked[at])).await;
        let mut rewrites = Vec::new();
        for ((direct, asked), version) in asked.into_iter().zip(versions) {
            let version = version?;
            if let Some(version) = &version {
                plan.named.push((named(self.ctx, &direct.alias, &direct.specifier), version.clone()));
            }
            if self.update.save {
                let specifier = version.map_or_else(|| asked.to_owned(), |version| self.written(direct, &version));
                rewrites.push(Direct { specifier, ..direct.clone() });
            }
        }
        Ok(rewrites)
    }
}

/// The package that a selector's version names, where it is another than its key.
pub(super) fn named(ctx: &Context, alias: &str, asked: &str) -> String {
    match Specifier::parse(alias, asked, &ctx.settings.registries) {
        Specifier::Registry { name, .. } | Specifier::Jsr { name, .. } => name,
        _ => alias.to_owned(),
    }
}
