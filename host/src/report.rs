//! Everything the user sees. Other modules send [`Event`]s to a [`Report`]; only this module and its children write
//! to the terminal. A terminal or pipe that is closed is no error: writing to it is given up quietly.
//!
//! | reporter | standard output | standard error |
//! | --- | --- | --- |
//! | `default`, `append-only` | what happens, results | warnings, errors |
//! | `ndjson` | results | one JSON object for each event, errors |
//! | `silent` | results | errors |

mod error;
pub mod event;
mod human;
mod live;
mod ndjson;
mod peers;
mod summary;
mod text;

use std::{
    io::{self, Write},
    sync::Arc,
};

pub use error::render;
pub use event::{Event, LogLevel, Report};
pub(crate) use peers::unmet as unmet_peers;
pub use text::clean;

use crate::{
    cli::{Color, Reporter, Show},
    config::{Environment, environment},
};

/// What a reporter needs to know of its surroundings.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which.
    pub reporter: Reporter,
    /// Messages below are not shown.
    pub level: LogLevel,
    /// Colours on standard output.
    pub color_stdout: bool,
    /// Colours on standard error.
    pub color_stderr: bool,
    /// Progress is drawn again and again in one place.
    pub live: bool,
    /// Columns.
    pub width: usize,
    /// Milliseconds since 1970.
    pub clock: fn() -> u64,
    /// The name of this machine, for NDJSON.
    pub hostname: String,
    /// This process, for NDJSON.
    pub pid: u32,
}

impl Options {
    /// What the flags and the terminal ask for.
    #[must_use]
    pub fn new(show: Show, environment: &Environment) -> Self {
        let allowed = |terminal| match show.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !environment.no_color(),
        };
        let reporter = show.reporter.unwrap_or(Reporter::Default);
        let width = environment.get("COLUMNS").and_then(|text| text.parse().ok()).unwrap_or(80);
        Self {
            reporter: if show.level.is_none() { Reporter::Silent } else { reporter },
            level: show.level.unwrap_or(LogLevel::Error),
            color_stdout: allowed(environment.terminal.stdout),
            color_stderr: allowed(environment.terminal.stderr),
            live: reporter == Reporter::Default && environment.terminal.stdout && !environment.ci(),
            width: std::cmp::Ord::clamp(width, 20, 200),
            clock: environment::now,
            hostname: if reporter == Reporter::Ndjson { environment.hostname() } else { String::new() },
            pid: std::process::id(),
        }
    }
}

/// Where a reporter writes.
pub struct Sinks {
    /// Standard output.
    pub out: Box<dyn Write + Send>,
    /// Standard error.
    pub err: Box<dyn Write + Send>,
}

impl Sinks {
    /// Of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self { out: Box::new(io::stdout()), err: Box::new(io::stderr()) }
    }

    /// A line for standard output.
    fn out(&mut self, text: &str) {
        write(&mut self.out, text);
    }

    /// A line for standard error.
    fn err(&mut self, text: &str) {
        write(&mut self.err, text);
    }
}

/// Writes and flushes; a reader that has gone away is its own business (EPIPE).
fn write(sink: &mut impl Write, text: &str) {
    let _gone = sink.write_all(text.as_bytes()).and_then(|()| sink.flush());
}

/// Makes the reporter that the options ask for.
#[must_use]
pub fn reporter(options: Options, sinks: Sinks) -> Arc<dyn Report> {
    match options.reporter {
        Reporter::Ndjson => Arc::new(ndjson::Ndjson::new(options, sinks)),
        Reporter::Silent => Arc::new(human::Human::silent(options, sinks)),
        Reporter::Default | Reporter::AppendOnly => Arc::new(human::Human::new(options, sinks)),
    }
}

/// The reporter of this process.
#[must_use]
pub fn start(show: Show, environment: &Environment) -> Arc<dyn Report> {
    reporter(Options::new(show, environment), Sinks::of_process())
}

/// Prints an error where there is no reporter yet, or none can be trusted: command lines that cannot be understood,
/// bugs.
pub fn print_error(diagnostic: &crate::diagnostic::Diagnostic) {
    let color = io::IsTerminal::is_terminal(&io::stderr());
    write(&mut io::stderr(), &render(diagnostic, color));
}

/// Leaves the line that progress is drawn on, before the process ends without its reporter.
pub fn leave_line() {
    if io::IsTerminal::is_terminal(&io::stdout()) {
        write(&mut io::stdout(), "\n");
    }
}

#[cfg(test)]
mod tests;
