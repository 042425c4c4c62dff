//! One function for each command: a list of named steps.

mod completion;
pub mod guard;
mod install;
mod store;

use std::sync::Arc;

pub use install::{intent, saving};

use crate::{
    cli::{Command, Invocation, TimingsFormat},
    config::{Config, Environment},
    diagnostic::Diagnostic,
    report::{Event, LogLevel, Report},
    timings::{Lane, Timings, html},
};

/// What every command is given.
#[derive(Clone)]
pub struct Context {
    /// What is wanted.
    pub config: Arc<Config>,
    /// Where to say what happens.
    pub report: Arc<dyn Report>,
    /// Where to note what takes how long.
    pub timings: Timings,
}

/// Why a command failed: one or more reasons, the first one first.
pub type Failures = Vec<Diagnostic>;

/// Does what was typed.
///
/// # Errors
/// What stopped the command; the caller reports it.
pub fn run(invocation: &Invocation, environment: &Environment, report: &Arc<dyn Report>) -> Result<(), Failures> {
    match &invocation.command {
        Command::Print(text) => report.event(Event::Output(text.clone())),
        Command::NotYet(word) => return Err(vec![word.diagnostic()]),
        Command::Completion(shell) => report.event(Event::Output(completion::script(*shell))),
        Command::Store(command) => store::run(*command, invocation, environment, report)?,
        Command::Install(_) | Command::Change(_) => return install(invocation, environment, report),
    }
    Ok(())
}

fn install(invocation: &Invocation, environment: &Environment, report: &Arc<dyn Report>) -> Result<(), Failures> {
    let timings = if invocation.show.timings.is_some() { Timings::on() } else { Timings::off() };
    let config = {
        let _span = timings.span(Lane::Phase, || "config".to_owned());
        Config::load(invocation, environment).map_err(|error| vec![error.into()])?
    };
    let prefix = config.project.root.display().to_string();
    for message in &config.warnings {
        let message = message.clone();
        report.event(Event::Message { level: LogLevel::Warn, prefix: prefix.clone(), message });
    }
    let context = Context { config: Arc::new(config), report: report.clone(), timings };
    let result = install::run(&context, environment);
    if let Some(format) = invocation.show.timings {
        write_timings(&context, format);
    }
    result
}

/// Writes the report of `--timings` beside the lockfile and says where; it never fails the command.
fn write_timings(context: &Context, format: TimingsFormat) {
    let spans = context.timings.spans();
    let (name, text) = match format {
        TimingsFormat::Html => ("wasi-pm-timings.html", html::page(&spans)),
        TimingsFormat::Json => ("wasi-pm-timings.json", html::json(&spans)),
    };
    let root = &context.config.project.root;
    let path = root.join(name);
    let (level, message) = match std::fs::write(&path, text) {
        Ok(()) => (LogLevel::Info, format!("Timings are in {}", path.display())),
        Err(error) => (LogLevel::Warn, format!("Timings cannot be written to {}: {error}", path.display())),
    };
    context.report.event(Event::Message { level, prefix: root.display().to_string(), message });
}
