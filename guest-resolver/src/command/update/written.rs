//! What an update writes into manifests and catalogs.

use std::task::{Poll, ready};

use wit::guest::wasi_pm::resolver::types::Failure;

use crate::catalogs::catalog_name;
use crate::semver::{Range, Version};
use crate::specifier::{Specifier, Want};

use super::super::catalog::{self, Decision, Written};
use super::super::latest::{self, Package};
use super::super::range::Style;
use super::super::{Plan, all};
use super::project::{Direct, Project, named};

impl Project<'_> {
    /// The version that is meant, if it is one: named itself, or by a tag.
    pub(super) fn version(&self, (direct, asked): (&Direct, &str)) -> Poll<Result<Option<Version>, Failure>> {
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

    /// A version as the dependency is written so far. A range of more than one thing stays as it is, if it allows the
    /// version.
    pub(super) fn written(&self, direct: &Direct, version: &Version) -> String {
        let text = version.to_string();
        let so_far = &direct.specifier;
        let style = Style::in_specifier(so_far);
        if style.is_none() && !so_far.is_empty() && catalog::covers(so_far, &text) {
            return so_far.clone();
        }
        let range = style.map_or_else(|| text.clone(), |style| style.over(&text));
        match Specifier::parse(&direct.alias, so_far, &self.ctx.settings.registries) {
            Specifier::Registry { name, registry: None, .. } if name != direct.alias && so_far.starts_with("npm:") => {
                format!("npm:{name}@{range}")
            }
            Specifier::Registry { registry: None, .. } if !so_far.contains("://") => range,
            _ => text,
        }
    }

    /// Whether a version is within the range that stays in the manifest.
    pub(super) fn is_admitted(&self, plan: &mut Plan, direct: &Direct, asked: &str) -> bool {
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
    pub(super) async fn latest_or_follow(&self, plan: &mut Plan, direct: &[&Direct]) -> Result<Vec<Direct>, Failure> {
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
    pub(super) fn write(&self, plan: &mut Plan, rewrites: Vec<Direct>) -> Result<(), Failure> {
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
