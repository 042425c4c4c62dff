//! From projects to a lockfile: the walk of each project, peers added until none is missing, variants placed.
//!
//! One `async fn` in canonical order over the table of facts; it waits in one place, [`walk`], so the outcome depends
//! on the facts alone.

mod add_peers;
pub mod anew;
pub mod as_locked;
mod commit;
pub mod context;
pub mod cutoff;
pub mod edges;
pub mod exotic;
pub mod explain;
pub mod held;
pub mod hoist;
pub mod hooks;
pub mod immature;
mod locked_peers;
pub(crate) mod own_peers;
pub mod patches;
pub mod paths;
mod pins;
mod place_variants;
pub mod preferences;
pub mod prefetch;
mod reuse;
mod start;
mod subtree;
pub mod to_lockfile;
pub mod tree;
mod unvouched;
pub mod walk;
pub mod wanted;

use wit::guest::wasi_pm::resolver::types::Failure;

use crate::peers::Graph;
use crate::peers::dedupe::DirectPaths;

use add_peers::add_peers;
use context::Context;
use place_variants::place;
use prefetch::Prefetch;
use start::{direct_edges, root_dependencies, start};
use subtree::Subtrees;
use tree::Tree;
use walk::{From, Walker};

/// What a resolution comes to.
#[derive(Debug)]
pub struct Resolution {
    /// Packages and their children.
    pub tree: Tree,
    /// What is placed.
    pub graph: Graph,
    /// The dep-paths of the projects' dependencies.
    pub direct: DirectPaths,
}

/// Resolves all projects.
///
/// # Errors
/// The first failure in order.
pub async fn resolve(ctx: &Context, prefetch: &Prefetch) -> Result<Resolution, Failure> {
    patches::check(&ctx.settings.rules.patched_dependencies)?;
    let mut wanted = Vec::new();
    for (id, project) in &ctx.projects {
        let mut edges = direct_edges(ctx, &project.manifest)?;
        pins::of_importer(ctx, id, &mut edges);
        wanted.push((id.clone(), edges));
    }
    let subtrees = Subtrees::new(ctx, &wanted);
    for (id, edges) in &wanted {
        let importer = ctx.symbol(id);
        prefetch.add(importer, edges.iter().filter(|edge| !subtrees.says(ctx, edge)));
    }
    cutoff::settle(ctx, &wanted).await;
    let mut walker = Walker::new(subtrees);
    for (order, (id, edges)) in wanted.iter().enumerate() {
        walker.look_ahead(ctx, From::declared(ctx, order, id), edges).await?;
    }
    let mut states = Vec::new();
    for (order, (id, edges)) in wanted.into_iter().enumerate() {
        states.push(start(ctx, &mut walker, order, id, edges).await?);
    }
    let roots = root_dependencies(ctx, &walker.tree, &states);
    add_peers(ctx, &mut walker, &mut states, &roots).await?;
    place(ctx, walker.tree, &states)
}
