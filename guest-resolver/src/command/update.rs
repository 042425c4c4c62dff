//! `update`: which locked versions are let go, and what is written into manifests before anything is picked.
//!
//! Within ranges nothing is written beforehand: the ranges follow once it is known what was picked. Beyond them
//! (`--latest`), at a version that was named, and with `--workspace` the manifests lead and the resolution follows.

use std::collections::BTreeSet;
use std::task::{Poll, ready};

use wit::guest::exports::wasi_pm::resolver::resolution::Update;
use wit::guest::wasi_pm::resolver::types::{DependencyGroup, Failure};
use wit::wildcard;

use crate::catalogs::catalog_name;
use crate::lockfile::model::{dep_path_of, package_key, split_key};
use crate::resolve::context::{Anew, Context};
use crate::resolve::wanted::failure;
use crate::semver::{Range, Version};
use crate::specifier::{Specifier, Want};

use super::catalog::{self, Decision, Written};
use super::latest::Package;
use super::range::Style;
use super::selector::{Selector, take};
use super::text::INSTALLED;
use super::workspace::{self, Declared};
use super::{Plan, all, latest};

/// A dependency of a project.
#[derive(Debug, Clone)]
struct Direct {
    alias: String,
    group: DependencyGroup,
    specifier: String,
}

impl Direct {
    fn entry(&self) -> (String, String) {
        (self.alias.clone(), self.specifier.clone())
    }
}

/// One update of one project.
struct Project<'a> {
    ctx: &'a Context,
    update: &'a Update,
    selectors: &'a [Selector],
    id: &'a str,
    direct: Vec<Direct>,
}

/// What is let go.
#[derive(Debug, Default)]
struct Freed {
    all: bool,
    names: BTreeSet<String>,
    /// A selector has found something to do.
    any: bool,
    /// Those of them whose locked versions are preferred nevertheless.
    preferred: BTreeSet<String>,
    /// Selectors with a version that have found a direct dependency, by index.
    found: BTreeSet<usize>,
}

pub(super) async fn prepare(ctx: &Context, update: &Update, plan: &mut Plan) -> Result<(), Failure> {
    let selectors: Vec<Selector> = update.selectors.iter().map(|text| Selector::parse(text)).collect();
    refuse_versions(update, &selectors)?;
    plan.absorbs = false;
    plan.keeps_manifests = !update.save;
    plan.direct = update.direct;
    if update.latest && !update.save {
        plan.warn(
            "Ignoring \"--latest\": the manifest keeps its version ranges when updating without saving, so dependencies \
             were updated within them instead"
                .to_owned(),
        );
    }
    let mut freed = Freed::default();
    for id in &update.importers {
        let groups = if update.groups.is_empty() { &INSTALLED } else { update.groups.as_slice() };
        let manifest = &plan.manifests[id];
        let direct = groups.iter().flat_map(|group| {
            let direct = |(alias, specifier): (&str, &str)| Direct {
                alias: alias.to_owned(),
                group: *group,
                specifier: specifier.to_owned(),
            };
            manifest.entries(*group).map(direct).collect::<Vec<_>>()
        });
        let project = Project { ctx, update, selectors: &selectors, id, direct: direct.collect() };
        project.prepare(plan, &mut freed).await?;
    }
    if !freed.any && !selectors.is_empty() && update.direct && !update.latest {
        let message = "None of the specified packages were found in the dependencies".to_owned();
        return Err(Failure {
            hint: Some("Without --depth 0, dependencies of dependencies are looked at too".to_owned()),
            ..failure("ERR_PNPM_NO_PACKAGE_IN_DEPENDENCIES", message)
        });
    }
    if !update.latest {
        tell_of_indirect(&selectors, &freed, plan)?;
    }
    if !freed.any {
        plan.absorbs = true;
        return Ok(());
    }
    plan.preferred = freed.preferred;
    plan.anew = Some(if freed.all { Anew::All } else { Anew::Only(freed.names.into_iter().collect()) });
    Ok(())
}

fn refuse_versions(update: &Update, selectors: &[Selector]) -> Result<(), Failure> {
    let with_version = update.selectors.iter().zip(selectors).filter(|(_, selector)| selector.version.is_some());
    let texts: Vec<&str> = with_version.map(|(text, _)| text.as_str()).collect();
    if update.latest && !texts.is_empty() {
        let message = format!("Specs are not allowed to be used with --latest ({})", texts.join(", "));
        let hint = "Name the packages alone, or leave --latest out".to_owned();
        return Err(Failure { hint: Some(hint), ..failure("ERR_PNPM_LATEST_WITH_SPEC", message) });
    }
    Ok(())
}

/// A version of a dependency of a dependency has nowhere to be written to.
fn tell_of_indirect(selectors: &[Selector], freed: &Freed, plan: &mut Plan) -> Result<(), Failure> {
    for (at, selector) in selectors.iter().enumerate() {
        let (name, Some(version)) = (&selector.pattern, &selector.version) else { continue };
        if freed.found.contains(&at) {
            continue;
        }
        if Version::parse(version).is_some() {
            let message = format!(
                "\"{name}\" (requested \"{version}\") is not a direct dependency, so the requested version cannot be \
                 recorded"
            );
            return Err(Failure {
                hint: Some(format!(
                    "Put `{name}: {version}` into overrides in pnpm-workspace.yaml, or update {name} alone"
                )),
                ..failure("ERR_PNPM_UPDATE_VERSION_ON_INDIRECT_DEP", message)
            });
        }
        plan.warn(format!(
            "\"{name}\" is not a direct dependency, so the requested \"{version}\" is ignored; \"{name}\" is updated to what \
             a fresh install would resolve"
        ));
    }
    Ok(())
}

impl Project<'_> {
    async fn prepare(&self, plan: &mut Plan, freed: &mut Freed) -> Result<(), Failure> {
        let rewrites = match self.to_workspace()? {
            Some(rewrites) => {
                freed.any = true;
                freed.names.extend(rewrites.iter().map(|it| it.alias.clone()));
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
                return Err(super::add::not_in_workspace(self.ctx, alias));
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
        freed.names.extend(direct.iter().map(|direct| direct.alias.clone()));
        let ignores = !self.ctx.settings.saving.ignored_updates.is_empty();
        // What is optional may be left out of the manifests' changes; all is picked anew nevertheless, as pnpm has it.
        let is_whole = [DependencyGroup::Prod, DependencyGroup::Dev].iter().all(|group| self.groups().contains(group));
        if is_whole && !ignores {
            freed.all = true;
        } else if is_whole && !(self.update.latest && direct.is_empty()) {
            freed.names.extend(self.locked().filter(|name| !self.is_ignored(name)).map(str::to_owned));
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
        freed.names.extend(matched.into_iter().map(|direct| direct.alias.clone()));
        freed.names.extend(self.locked().filter(|name| take(self.selectors, name)).map(str::to_owned));
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
            freed.names.extend(self.locked().filter(|name| take(&others, name)).map(str::to_owned));
            return Ok(Vec::new());
        }
        freed.any = true;
        if self.update.latest {
            freed.names.extend(matched.iter().map(|direct| direct.alias.clone()));
            // What the project asks for itself and did not name stays.
            let others = self.direct.iter().filter(|it| !take(self.selectors, &it.alias));
            let others: BTreeSet<String> = others.map(|it| named(self.ctx, &it.alias, &it.specifier)).collect();
            freed.names.extend(self.below(&matched).into_iter().filter(|name| !others.contains(name)));
            return self.latest_or_follow(plan, &matched).await;
        }
        let mut asked = Vec::new();
        for direct in matched {
            let selector = self.selectors.iter().position(|selector| selector.takes(&direct.alias));
            let Some(version) = selector.and_then(|at| self.selectors[at].version.as_deref()) else {
                if self.update.save {
                    plan.let_follow(self.ctx, self.id, std::iter::once(direct.entry()));
                }
                freed.names.insert(direct.alias.clone());
                continue;
            };
            freed.found.extend(selector);
            if !self.update.save && !self.is_admitted(plan, direct, version) {
                continue;
            }
            let names = [version, direct.specifier.as_str()].map(|text| named(self.ctx, &direct.alias, text));
            if Version::parse(version).is_some() {
                freed.preferred.extend(names.iter().cloned());
            }
            freed.names.extend(names);
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

    /// The version that is meant, if it is one: named itself, or by a tag.
    fn version(&self, (direct, asked): (&Direct, &str)) -> Poll<Result<Option<Version>, Failure>> {
        if let Some(version) = Version::parse(asked) {
            return Poll::Ready(Ok(Some(version)));
        }
        let Some(want @ Want::Tag(_)) = Want::parse(asked).filter(|_| self.update.save) else {
            return Poll::Ready(Ok(None));
        };
        let name = named(self.ctx, &direct.alias, &direct.specifier);
        let package = Package { alias: &direct.alias, name: &name, registry: None };
        Poll::Ready(ready!(latest::version(self.ctx, package, &want)).map(Some).map_err(|why| Failure {
            code: "ERR_PNPM_PACKAGE_MANAGER_UPDATE_RESOLVE_TAG".to_owned(),
            message: format!("Failed to resolve {}@{asked}: {}", direct.alias, why.message),
            ..why
        }))
    }

    /// A version as the dependency is written so far.
    fn written(&self, direct: &Direct, version: &Version) -> String {
        let text = version.to_string();
        let so_far = &direct.specifier;
        let range = Style::in_specifier(so_far).map_or_else(|| text.clone(), |style| style.over(&text));
        match Specifier::parse(&direct.alias, so_far, &self.ctx.settings.registries) {
            Specifier::Registry { name, registry: None, .. } if name != direct.alias && so_far.starts_with("npm:") => {
                format!("npm:{name}@{range}")
            }
            Specifier::Registry { registry: None, .. } if !so_far.contains("://") => range,
            _ => text,
        }
    }

    /// Whether a version is within the range that stays in the manifest.
    fn is_admitted(&self, plan: &mut Plan, direct: &Direct, asked: &str) -> bool {
        let Direct { alias, specifier, .. } = direct;
        match (Version::parse(asked), Range::parse_loose(specifier)) {
            (Some(version), Ok(range)) if !range.satisfies(&version) => {
                plan.warn(format!(
                    "Skipping \"{alias}@{asked}\": it doesn't satisfy \"{specifier}\", which the manifest keeps when \
                     updating without saving"
                ));
                false
            }
            (Some(_), Ok(_)) => true,
            _ => {
                plan.warn(format!(
                    "Ignoring \"{alias}@{asked}\": the manifest keeps \"{specifier}\" when updating without saving, so \
                     \"{alias}\" was updated within that range instead"
                ));
                true
            }
        }
    }

    /// With `--latest` what is to be written; else the ranges follow.
    async fn latest_or_follow(&self, plan: &mut Plan, direct: &[&Direct]) -> Result<Vec<Direct>, Failure> {
        if !self.update.save {
            return Ok(Vec::new());
        }
        if !self.update.latest {
            plan.let_follow(self.ctx, self.id, direct.iter().map(|direct| direct.entry()));
            return Ok(Vec::new());
        }
        let so_far: Vec<String> = direct
            .iter()
            .map(|direct| {
                let entry =
                    catalog_name(&direct.specifier).and_then(|name| plan.catalog(self.ctx, name, &direct.alias));
                entry.unwrap_or_else(|| direct.specifier.clone())
            })
            .collect();
        let look = |at: usize| match so_far[at].starts_with("workspace:") {
            true => Poll::Ready(Ok(None)),
            false => latest::specifier(self.ctx, &direct[at].alias, &so_far[at]),
        };
        let mut rewrites = Vec::new();
        for (direct, found) in direct.iter().zip(all(so_far.len(), look).await) {
            let found = found.map_err(|why| Failure {
                message: format!("Failed to resolve the latest version of {}: {}", direct.alias, why.message),
                ..why
            })?;
            rewrites.extend(found.map(|specifier| Direct { specifier, ..(*direct).clone() }));
        }
        Ok(rewrites)
    }

    /// Writes into the manifest, or into the catalog that the manifest names.
    fn write(&self, plan: &mut Plan, rewrites: Vec<Direct>) -> Result<(), Failure> {
        for Direct { alias, group, specifier } in rewrites {
            let so_far = self.direct.iter().find(|it| it.alias == alias && it.group == group);
            let so_far = so_far.map(|it| it.specifier.as_str());
            let named = so_far.and_then(catalog_name).filter(|_| self.update.latest);
            if let Some(catalog) = named {
                plan.catalogs.insert((catalog.to_owned(), alias), specifier);
                continue;
            }
            let written = Written { alias: &alias, specifier: &specifier, so_far };
            let entry = |catalog: &str, alias: &str| plan.catalog(self.ctx, catalog, alias);
            let saved = match catalog::decide(&self.ctx.settings.saving, None, written, entry)? {
                Decision::Direct(warning) => {
                    warning.into_iter().for_each(|warning| plan.warn(warning));
                    specifier
                }
                Decision::Catalog { name, entry } => {
                    let reference = catalog::reference(&name);
                    if let Some(entry) = entry {
                        plan.catalogs.insert((name, alias.clone()), entry);
                    }
                    reference
                }
            };
            if let Some(manifest) = plan.manifests.get_mut(self.id) {
                manifest.put(group, &alias, &saved);
                plan.touched.insert(self.id.to_owned());
            }
        }
        Ok(())
    }
}

/// The package that a selector's version names, where it is another than its key.
fn named(ctx: &Context, alias: &str, asked: &str) -> String {
    match Specifier::parse(alias, asked, &ctx.settings.registries) {
        Specifier::Registry { name, .. } | Specifier::Jsr { name, .. } => name,
        _ => alias.to_owned(),
    }
}
