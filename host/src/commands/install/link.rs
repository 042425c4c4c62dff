//! Links, and mends the store where a file of it turns out to be damaged: the package is set aside and fetched again.
//! Nothing reachable has changed by then.

use super::{Failures, Install, Network, one, packages};
use crate::{
    diagnostic::Diagnostic,
    graph::Placement,
    link::{self, Early, Job, LinkError, Linked, PackageSource, Stored},
    plan::Plan,
    report::LogLevel,
    state::{Layout, modules_yaml},
};

/// More damaged packages than this are no accident.
const MENDED: usize = 1000;

/// Carries the plan out.
pub(super) fn carry_out(
    install: &Install<'_>,
    network: &Network<'_>,
    (placement, plan): (&Placement, &Plan),
    layout: &Layout,
    (mut stored, mut early): (Stored, Early),
    modules_yaml: &modules_yaml::Text,
) -> Result<Linked, Failures> {
    let _phase = install.phase("link");
    for _ in 0..MENDED {
        let job = job(install, placement, plan, layout, &stored);
        match link::link(&job, std::mem::take(&mut early), modules_yaml) {
            Ok(linked) => return Ok(linked),
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
                let wanted = (&mut again, plan.clone(), Early::default());
                let ((held, built), _) = packages::have(install, network, &store, layout, wanted)?;
                if again.snapshots.len() != placement.snapshots.len() {
                    // An optional package, which is left out where it is not to be had; but all that is planned counts
                    // with it.
                    return Err(vec![not_to_be_had(&package)]);
                }
                (stored, early) = (held, built);
            }
            Err(error) => return Err(one(error)),
        }
    }
    Err(vec![
        Diagnostic::new("ERR_WASI_PM_STORE_DAMAGED", "The store is damaged in too many places")
            .with_hint("Remove the store's folder; what is needed is fetched again"),
    ])
}

fn not_to_be_had(package: &str) -> Diagnostic {
    let message = format!("The store's copy of {package} is damaged, and it cannot be fetched again");
    Diagnostic::new("ERR_WASI_PM_STORE_DAMAGED", message)
        .with_hint("It is optional and no longer in the store: install again, and it is left out")
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
        import: install.context.config.layout.import,
        verify: install.context.config.layout.verify_store_integrity,
        report: install.context.report.as_ref(),
        timings: &install.context.timings,
    }
}
