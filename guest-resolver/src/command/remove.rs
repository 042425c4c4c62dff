//! `remove`: dependencies are taken out of manifests.

use wit::guest::exports::wasi_pm::resolver::resolution::Removal;
use wit::guest::wasi_pm::resolver::types::{DependencyGroup, Failure};

use crate::resolve::wanted::failure;

use super::Plan;
use super::text::{ManifestText, field};

/// The order in which what could be removed is named.
const NAMED: [DependencyGroup; 3] = [DependencyGroup::Dev, DependencyGroup::Prod, DependencyGroup::Optional];

pub(super) fn prepare(removal: &Removal, plan: &mut Plan) -> Result<(), Failure> {
    if removal.names.is_empty() {
        return Err(Failure {
            hint: Some("Name one: `wasi-pm remove <package>`".to_owned()),
            ..failure(
                "ERR_PNPM_MUST_REMOVE_SOMETHING",
                "At least one dependency name should be specified for removal".to_owned(),
            )
        });
    }
    let manifests: Vec<&ManifestText> = plan.manifests.values().collect();
    check(&manifests, removal)?;
    for (id, manifest) in &mut plan.manifests {
        manifest.remove(&removal.names, removal.group);
        plan.touched.insert(id.clone());
    }
    Ok(())
}

/// Whether each of them is in some of the manifests.
fn check(manifests: &[&ManifestText], removal: &Removal) -> Result<(), Failure> {
    let mut groups = removal.group.map_or(NAMED.to_vec(), |group| vec![group]);
    if !removal.strict && removal.group.is_none() {
        groups.push(DependencyGroup::Peer);
    }
    let mut there: Vec<&str> = Vec::new();
    let all = groups.iter().flat_map(|group| manifests.iter().flat_map(|manifest| manifest.entries(*group)));
    for (alias, _) in all {
        if !there.contains(&alias) {
            there.push(alias);
        }
    }
    let missing: Vec<String> =
        removal.names.iter().filter(|name| !there.contains(&name.as_str())).map(|name| format!("'{name}'")).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let why = match (there.is_empty(), removal.group) {
        (true, None) => "project has no dependencies of any kind".to_owned(),
        (true, Some(group)) => format!("project has no '{}'", field(group)),
        (false, group) => {
            let noun = if missing.len() > 1 { "dependencies" } else { "dependency" };
            let place = group.map(|group| format!(" in '{}'", field(group))).unwrap_or_default();
            format!("no such {noun} found{place}")
        }
    };
    let message = format!("Cannot remove {}: {why}", missing.join(", "));
    let hint = (!there.is_empty()).then(|| format!("Available dependencies: {}", there.join(", ")));
    Err(Failure { hint, ..failure("ERR_PNPM_CANNOT_REMOVE_MISSING_DEPS", message) })
}
