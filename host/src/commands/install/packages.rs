//! Every package of the placement into the store. An optional one that cannot be had is left out, with what only it
//! needs; any other failure ends the installation, all of them told.

use std::{collections::HashSet, sync::Arc};

use store::Store;

use super::{Failures, Install, Network, network::Held, one};
use crate::{
    diagnostic::Diagnostic,
    fetch::FetchJob,
    graph::{Placement, SnapshotIndex},
    link::Stored,
    plan::Plan,
    state::Layout,
};

/// Opens the store.
pub(super) fn open_store(install: &Install<'_>) -> Result<Store, Failures> {
    Store::open(&install.context.config.directories.store).map_err(|error| {
        let mut diagnostic = Diagnostic::new("ERR_WASI_PM_STORE", error.to_string())
            .with_hint("Set another folder with --store-dir, or make this one writable");
        diagnostic.causes.push(error.source.to_string());
        vec![diagnostic]
    })
}

/// Has all packages. The plan is made anew if an optional package was left out.
pub(super) fn have(
    install: &Install<'_>,
    network: &Network<'_>,
    store: &Store,
    layout: &Layout,
    placement: &mut Placement,
    plan: Plan,
) -> Result<(Stored, Plan), Failures> {
    let _phase = install.phase("fetch");
    let mut indexes = fetch(network, store, placement)?;
    let missing: HashSet<SnapshotIndex> =
        (0..).zip(&indexes).filter(|(_, index)| index.is_none()).map(|(at, _)| at).collect();
    let plan = if missing.is_empty() {
        plan
    } else {
        let kept = placement.leave_out(&missing);
        indexes = kept.iter().map(|&at| indexes[at as usize].take()).collect();
        install.plan(placement, layout)?
    };
    let packages = indexes.into_iter().flatten().map(|held| (held.integrity.clone(), held.contents.clone()));
    Ok((Stored::new(store.clone(), packages.collect()), plan))
}

/// The index of each package; `None` for an optional one that cannot be had.
fn fetch(network: &Network<'_>, store: &Store, placement: &Placement) -> Result<Vec<Option<Arc<Held>>>, Failures> {
    let jobs: Vec<FetchJob> = placement.snapshots.iter().map(FetchJob::from).collect();
    let outcomes = network.fetcher(store)?.finish(&jobs);
    let mut failed: Failures = Vec::new();
    let mut indexes = Vec::with_capacity(jobs.len());
    for (job, outcome) in jobs.iter().zip(outcomes) {
        match outcome {
            Ok(index) => indexes.push(Some(index)),
            Err(_) if job.optional => indexes.push(None),
            Err(error) => {
                failed.extend(one(error));
                indexes.push(None);
            }
        }
    }
    failed.dedup();
    if failed.is_empty() { Ok(indexes) } else { Err(failed) }
}
