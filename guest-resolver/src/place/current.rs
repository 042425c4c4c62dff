//! The lockfile of what stands on disk, `node_modules/.pnpm/lock.yaml`: selected projects, included groups, and what
//! they lead to. Packages that do not fit the platform stay in it, as pnpm leaves them.

use std::collections::BTreeMap;

use super::{PlaceContext, graph::Graph};
use crate::lockfile::{Kept, model::Importer, write_kept};

/// Its text; `None` if it would be the lockfile's.
pub(super) fn current_lockfile(graph: &Graph<'_>, context: &PlaceContext<'_>) -> Option<String> {
    let selection = &context.settings.selection;
    let all_groups = selection.dependencies && selection.dev_dependencies && selection.optional_dependencies;
    let all_importers = graph.roots.len() == graph.lockfile.importers.len();
    let all_snapshots = graph.nodes.iter().all(|node| node.wanted);
    if all_groups && all_importers && all_snapshots && graph.lockfile.environment_document.is_none() {
        return None;
    }
    let keep = |included: bool, group: &BTreeMap<_, _>| if included { group.clone() } else { BTreeMap::new() };
    let importers = graph.roots.keys().filter_map(|id| {
        let importer = graph.lockfile.importers.get(*id)?;
        let kept = Importer {
            dependencies: keep(selection.dependencies, &importer.dependencies),
            dev_dependencies: keep(selection.dev_dependencies, &importer.dev_dependencies),
            optional_dependencies: keep(
                selection.dependencies && selection.optional_dependencies,
                &importer.optional_dependencies,
            ),
            ..importer.clone()
        };
        Some((*id, kept))
    });
    let snapshots = graph.nodes.iter().filter(|node| node.wanted).map(|node| node.dep_path).collect();
    Some(write_kept(graph.lockfile, &Kept { snapshots, importers: importers.collect() }))
}
