//! The whole program, for the binary and for the tests' copy of it: parse, load, run, report, exit.

use std::process::ExitCode;

use crate::{
    cli::{self, exit},
    commands,
    config::Environment,
    diagnostic::Diagnostic,
    report::{self, Event},
};

/// Does what the command line of this process says; its exit code.
#[must_use]
pub fn main() -> ExitCode {
    commands::guard::install_panic_hook();
    let environment = match Environment::of_process() {
        Ok(environment) => environment,
        Err(error) => return fail(&no_folder(&error), exit::FAILED),
    };
    let invocation =
        match cli::parse(std::env::args_os().skip(1).map(|text| text.to_string_lossy().into_owned()).collect()) {
            Ok(invocation) => invocation,
            Err(error) => return fail(&error.0, exit::USAGE),
        };
    let report = report::start(invocation.show, &environment);
    let done = commands::run(&invocation, &environment, &report);
    store::abandon_imports();
    match done {
        Ok(()) => ExitCode::from(exit::OK),
        Err(diagnostics) => {
            diagnostics.into_iter().for_each(|diagnostic| report.event(Event::Failed(diagnostic)));
            ExitCode::from(exit::FAILED)
        }
    }
}

fn no_folder(error: &std::io::Error) -> Diagnostic {
    let mut diagnostic = Diagnostic::new("ERR_WASI_PM_NO_CWD", "The current folder cannot be read")
        .with_hint("It may have been deleted: change to another folder and come back");
    diagnostic.causes.push(error.to_string());
    diagnostic
}

fn fail(diagnostic: &Diagnostic, code: u8) -> ExitCode {
    report::print_error(diagnostic);
    ExitCode::from(code)
}
