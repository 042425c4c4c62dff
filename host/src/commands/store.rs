//! `store path`, `store status`, `store prune`.

use std::{
    io,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use store::{Pruned, Status, Store};

use super::Failures;
use crate::{
    cli::{Invocation, StoreCommand},
    config::{self, Environment},
    diagnostic::Diagnostic,
    link::sweep::{self, Swept},
    report::{Event, Report},
};

/// Does what was typed after `store`.
pub(super) fn run(
    command: StoreCommand,
    invocation: &Invocation,
    environment: &Environment,
    report: &Arc<dyn Report>,
) -> Result<(), Failures> {
    let directories = config::directories(invocation, environment).map_err(|error| vec![error.into()])?;
    if command == StoreCommand::Path {
        // The folder that `Store::open` makes; asking where it is makes nothing.
        report.event(Event::Output(format!("{}\n", directories.store.join("v1").display())));
        return Ok(());
    }
    let store = Store::open(&directories.store).map_err(|error| failed(&error.to_string(), &error.source))?;
    let at = || format!("the store at {} cannot be read", store.path().display());
    let text = match command {
        StoreCommand::Path => unreachable!("it has returned"),
        StoreCommand::Status => return status(&store, report).map_err(|error| failed(&at(), &error))?,
        StoreCommand::Prune => {
            let now = UNIX_EPOCH + Duration::from_millis(environment.now);
            let slots = match sweep::sweep(store.path()).map_err(|error| failed(&at(), &error))? {
                Swept::Removed(0) => String::new(),
                Swept::Removed(count) => format!("Removed {count} slots of the global virtual store\n"),
                Swept::Unknown(project) => format!(
                    "Kept all slots of the global virtual store: {} was not installed to the end\n",
                    project.display()
                ),
            };
            let Pruned { packages, bytes } = store.prune(now).map_err(|error| failed(&at(), &error))?;
            format!("{slots}Removed {packages} packages, {bytes} bytes\n")
        }
    };
    report.event(Event::Output(text));
    Ok(())
}

/// The inner result: the store can be read, and this is what is wrong with it.
fn status(store: &Store, report: &Arc<dyn Report>) -> io::Result<Result<(), Failures>> {
    let Status { damaged, by_size } = store.status()?;
    let doubt = match by_size {
        0 => String::new(),
        1 => "Of 1 package of an earlier version only the sizes of its files could be compared\n".to_owned(),
        count => format!("Of {count} packages of an earlier version only the sizes of their files could be compared\n"),
    };
    if damaged.is_empty() {
        let all = if by_size == 0 { "Every package" } else { "Every other package" };
        report.event(Event::Output(format!("{doubt}{all} in the store is as it was published\n")));
        return Ok(Ok(()));
    }
    if by_size > 0 {
        report.event(Event::Output(doubt));
    }
    let message = format!("{} packages in the store have been changed", damaged.len());
    let mut diagnostic = Diagnostic::new("ERR_PNPM_MODIFIED_DEPENDENCY", message)
        .with_hint("`wasi-pm install` fetches a changed package again when it is needed");
    diagnostic.causes = vec![damaged.into_iter().map(|found| found.package).collect::<Vec<_>>().join("\n")];
    Ok(Err(vec![diagnostic]))
}

fn failed(message: &str, source: &io::Error) -> Failures {
    let mut diagnostic = Diagnostic::new("ERR_WASI_PM_STORE", message);
    diagnostic.causes.push(source.to_string());
    vec![diagnostic]
}
