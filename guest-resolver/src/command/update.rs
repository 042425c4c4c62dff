//! `update`: which locked versions are let go, and what is written into manifests before anything is picked.
//!
//! Within ranges nothing is written beforehand: the ranges follow once it is known what was picked. Beyond them
//! (`--latest`), at a version that was named, and with `--workspace` the manifests lead and the resolution follows.

mod project;
mod written;

use std::collections::BTreeMap;

use wit::guest::exports::wasi_pm::resolver::resolution::Update;
use wit::guest::wasi_pm::resolver::types::Failure;

use crate::resolve::context::Context;
use crate::resolve::wanted::failure;
use crate::semver::Version;

use super::Plan;
use super::selector::Selector;
use super::text::INSTALLED;
use project::{Direct, Freed, Project};

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
    let mut by_project = BTreeMap::new();
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
        let mut own = Freed::default();
        project.prepare(plan, &mut own).await?;
        by_project.insert(id.clone(), own.anew());
        freed.add(own);
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
    // Each project lets go of what it has found itself; the others keep that.
    let mut all = by_project.values();
    let first = all.next();
    if all.any(|own| Some(own) != first) {
        plan.anew_of = by_project;
    }
    plan.anew = Some(freed.anew());
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
