//! `store path`, `store status`, `store prune`.

use std::sync::Arc;

use super::Failures;
use crate::{
    cli::{Invocation, NotYet, StoreCommand},
    config::{self, Environment},
    report::{Event, Report},
};

/// The folder of the store's current format, below the configured one.
const FORMAT: &str = "v1";

/// Does what was typed after `store`.
pub(super) fn run(
    command: StoreCommand,
    invocation: &Invocation,
    environment: &Environment,
    report: &Arc<dyn Report>,
) -> Result<(), Failures> {
    let directories = config::directories(invocation, environment).map_err(|error| vec![error.into()])?;
    let store = directories.store.join(FORMAT);
    match command {
        StoreCommand::Path => report.event(Event::Output(format!("{}\n", store.display()))),
        StoreCommand::Status => return Err(vec![NotYet::new("store status").diagnostic()]),
        StoreCommand::Prune => return Err(vec![NotYet::new("store prune").diagnostic()]),
    }
    Ok(())
}
