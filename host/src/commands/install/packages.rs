//! Every package of the placement into the store. An optional one that cannot be had is left out, with what only it
//! needs; any other failure ends the installation, all of them told.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use store::Store;

use super::{Failures, Install, Network, link, network::Held, one};
use crate::{
    diagnostic::Diagnostic,
    fetch::FetchJob,
    graph::{Placement, SnapshotIndex, Target},
    link::{Arriving, Contents, Early, Stored, shared::Marks},
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

/// Has all packages, and builds slots of some while others are on their way, beside what was linked early. The plan is
/// made anew if an optional package was left out.
pub(super) fn have(
    install: &Install<'_>,
    network: &Network<'_>,
    store: &Store,
    layout: &Layout,
    (placement, plan, mut early): (&mut Placement, Plan, Early),
) -> Result<((Stored, Early), Plan), Failures> {
    let _phase = install.phase("fetch");
    let needed = needed(placement, &plan);
    let mut indexes = {
        let arriving = Arriving::new(store.clone(), placement.snapshots.len());
        let job = link::job(install, placement, &plan, layout, &arriving);
        let built: HashSet<SnapshotIndex> = plan.slots.iter().map(|change| change.snapshot).collect();
        fetch(network, store, placement, &needed, |at, held| {
            if built.contains(&at) {
                arriving.put(at, &held.integrity, &held.contents);
                early.build(&job, at);
            }
        })?
    };
    let missing: HashSet<SnapshotIndex> =
        (0..).zip(&indexes).filter(|(at, index)| index.is_none() && needed.contains(at)).map(|(at, _)| at).collect();
    let plan = if missing.is_empty() {
        plan
    } else {
        early = Early::default(); // it may have built what is not wanted any more
        let kept = placement.leave_out(&missing);
        indexes = kept.iter().map(|&at| indexes[at as usize].take()).collect();
        install.plan(placement, layout, (None, &Marks::default()), (&mut early, None))?
    };
    let packages = (0..).zip(indexes).map(|(at, held)| match held {
        Some(held) => (Some(held.integrity.clone()), held.contents.clone()),
        None => {
            let requires_build = plan.reused.get(&at).copied().unwrap_or(false);
            (None, Arc::new(Contents { requires_build, ..Contents::default() }))
        }
    });
    Ok(((Stored::new(store.clone(), packages.collect()), early), plan))
}

/// The packages whose files or executables are wanted: all but those of slots that stand and offer no command to the
/// project or to a slot that is made.
pub(super) fn needed(placement: &Placement, plan: &Plan) -> BTreeSet<SnapshotIndex> {
    let snapshots = (0..).zip(&placement.snapshots);
    let mut needed: BTreeSet<SnapshotIndex> =
        snapshots.map(|(at, _)| at).filter(|at| !plan.reused.contains_key(at)).collect();
    let of_new = needed.iter().flat_map(|at| &placement.snapshots[*at as usize].dependencies).map(|link| &link.target);
    let of_roots = placement.roots.iter().flat_map(|root| &root.links).map(|link| &link.target);
    let of_hoisted = placement.hoisted.iter().map(|link| &link.target);
    let offers: Vec<SnapshotIndex> = of_new
        .chain(of_roots)
        .chain(of_hoisted)
        .filter_map(|target| match target {
            Target::Snapshot(at) => Some(*at),
            Target::Directory(_) => None,
        })
        .filter(|at| placement.snapshots[*at as usize].has_bin)
        .collect();
    needed.extend(offers);
    needed
}

/// The index of each package that is needed; `None` for others and for an optional one that cannot be had. While
/// something is on its way, `landed` hears of those that are there.
fn fetch(
    network: &Network<'_>,
    store: &Store,
    placement: &Placement,
    needed: &BTreeSet<SnapshotIndex>,
    mut landed: impl FnMut(SnapshotIndex, &Held),
) -> Result<Vec<Option<Arc<Held>>>, Failures> {
    let mut held: Vec<Option<Arc<Held>>> = placement.snapshots.iter().map(|_| None).collect();
    if needed.is_empty() {
        return Ok(held);
    }
    let order: Vec<SnapshotIndex> = needed.iter().copied().collect();
    let jobs: Vec<FetchJob> = order.iter().map(|at| FetchJob::from(&placement.snapshots[*at as usize])).collect();
    let outcomes = network.fetcher(store)?.finish_telling(&jobs, |at, held| landed(order[at], held));
    let mut failed: Failures = Vec::new();
    for ((at, job), outcome) in needed.iter().zip(&jobs).zip(outcomes) {
        match outcome {
            Ok(index) => held[*at as usize] = Some(index),
            Err(_) if job.optional => {}
            Err(error) => failed.extend(one(error)),
        }
    }
    failed.dedup();
    if failed.is_empty() { Ok(held) } else { Err(failed) }
}
