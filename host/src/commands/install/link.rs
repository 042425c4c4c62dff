//! Links, and mends the store where a file of it turns out to be damaged: the package is set aside and fetched again.
//! Nothing reachable has changed by then.

use super::{Failures, Install, Network, inputs, one, packages};
use crate::{
    graph::Placement,
    link::{self, Early, Job, LinkError, Linked, PackageSource, Stored},
    plan::Plan,
    report::LogLevel,
    state::Layout,
};

/// More damaged packages than this are no accident.
const MENDED: usize = 1000;

/// Carries the plan out.
pub(super) fn carry_out(
    install: &Install<'_>,
    network: &Network<'_>,
    placement: &Placement,
    plan: &Plan,
    layout: &Layout,
    (mut stored, mut early): (Stored, Early),
) -> Result<(Linked, Stored), Failures> {
    let _phase = install.phase("link");
    for _ in 0..MENDED {
        match link::link(&job(install, placement, plan, layout, &stored), std::mem::take(&mut early)) {
            Ok(linked) => return Ok((linked, stored)),
            Err(LinkError::Damaged { snapshot, package, detail }) => {
                install.message(
                    LogLevel::Warn,
                    format!("The store's copy of {package} is damaged ({detail}); it is fetched again"),
                );
                let store = packages::open_store(install)?;
                if let Some(integrity) = stored.integrity(snapshot) {
                    store.quarantine(integrity);
                }
                network.fetcher(&store)?.forget(&(&placement.snapshots[snapshot as usize]).into());
                let mut again = placement.clone();
                stored = packages::have(install, network, &store, layout, &mut again, plan.clone())?.0.0;
            }
            Err(error) => return Err(one(error)),
        }
    }
    Err(vec![
        crate::diagnostic::Diagnostic::new("ERR_WASI_PM_STORE_DAMAGED", "The store is damaged in too many places")
            .with_hint("Remove the store's folder; what is needed is fetched again"),
    ])
}

/// What linking and the record need to know.
pub(super) fn job<'a>(
    install: &'a Install<'_>,
    placement: &'a Placement,
    plan: &'a Plan,
    layout: &'a Layout,
    source: &'a dyn PackageSource,
) -> Job<'a> {
    Job {
        placement,
        plan,
        layout,
        source,
        patches: &install.context.config.patches,
        method: inputs::method(install.context.config.layout.import),
        verify: install.context.config.layout.verify_store_integrity,
        report: install.context.report.as_ref(),
        timings: &install.context.timings,
    }
}
