//! What happens when a command is cut short: by a signal, or by a bug. Every publication in store and project is a
//! rename, so there is nothing to undo: the process may end at any instant, but waits for files that belong together.

use std::{
    panic,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
};

use tokio::signal::unix::{SignalKind, signal};

use crate::{cli::exit, diagnostic::Diagnostic, report, scripts::Running};

/// The script that is under way: it must not outlive this process.
pub(super) static RUNNING: LazyLock<Running> = LazyLock::new(Running::default);

static TOGETHER: Mutex<()> = Mutex::new(());

/// Files that belong together are being written: until this is dropped no signal ends the process.
pub(super) fn together() -> MutexGuard<'static, ()> {
    TOGETHER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the process with 130 or 143 when Ctrl-C or SIGTERM comes. To be called when real work starts: a run with
/// nothing to do is over before it would pay. A system that gives no thread or handler keeps its own way of ending.
pub fn watch_signals() {
    reserve_handles();
    let watch = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        let code = runtime.block_on(async {
            let (mut interrupt, mut terminate) =
                (signal(SignalKind::interrupt()).ok()?, signal(SignalKind::terminate()).ok()?);
            Some(tokio::select! {
                _ = interrupt.recv() => exit::INTERRUPTED,
                _ = terminate.recv() => exit::TERMINATED,
            })
        });
        if let Some(code) = code {
            RUNNING.stop(); // a script has a process group of its own, so the terminal's Ctrl-C does not reach it
            let _written = together();
            store::abandon_imports();
            report::leave_line();
            std::process::exit(i32::from(code));
        }
    };
    let _none = std::thread::Builder::new().name("signals".to_owned()).spawn(watch);
}

/// Has the kernel make its table of this process's handles large enough now. As soon as there are threads it waits for
/// all processors, some ten milliseconds, whenever a handle does not fit (the 65th, the 257th).
fn reserve_handles() {
    const HANDLES: i32 = 1000; // below the usual limit of 1024; where that is lower, nothing is reserved
    let _ = rustix::io::fcntl_dupfd_cloexec(std::io::stderr(), HANDLES); // and given back at once: the table stays
}

/// Words a panic as what it is: a bug of ours, with what is needed to report it.
pub fn install_panic_hook() {
    panic::set_hook(Box::new(|info| {
        let payload = info.payload();
        let words = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        report::print_error(&bug(words, &info.location().map(ToString::to_string).unwrap_or_default()));
    }));
}

fn bug(words: &str, place: &str) -> Diagnostic {
    let mut diagnostic = Diagnostic::new("ERR_WASI_PM_BUG", "wasi-pm has a bug and cannot go on").with_hint(
        "Please report it with this text and the command; nothing is lost, and running the command again is safe",
    );
    diagnostic.causes.push(format!("{words}, at {place}"));
    diagnostic.causes.push(format!(
        "wasi-pm {} on {} {}",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH
    ));
    diagnostic
}

#[cfg(test)]
mod tests;
