//! What was typed: the command line, as clap sees it, turned into an [`Invocation`]. What it means is found out by
//! `config`.

mod arguments;
pub mod change;
pub mod exit;
mod order;
mod words;

use std::path::PathBuf;

use serde_json::Value;

pub(crate) use arguments::command;
pub use arguments::{help, parse};
pub use change::Change;
pub use words::NotYet;

use crate::{diagnostic::Diagnostic, report::LogLevel};

/// One command line.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation {
    /// What to do.
    pub command: Command,
    /// `--dir`.
    pub dir: Option<PathBuf>,
    /// Settings in the order they were typed, names as in `pnpm-workspace.yaml` or in kebab case: flags and
    /// `--config.<setting>=<value>`.
    pub settings: Vec<(String, Value)>,
    /// What is shown.
    pub show: Show,
}

/// What is shown, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Show {
    /// `--reporter`; `None`: what fits the terminal.
    pub reporter: Option<Reporter>,
    /// `--loglevel`; `None`: silent.
    pub level: Option<LogLevel>,
    /// `--color`.
    pub color: Color,
    /// `--timings`.
    pub timings: Option<TimingsFormat>,
}

/// `--reporter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Reporter {
    /// Live on a terminal, lines elsewhere.
    Default,
    /// Lines.
    AppendOnly,
    /// One JSON object for each event, on standard error.
    Ndjson,
    /// Nothing but errors.
    Silent,
}

/// `--color`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// `--timings`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum TimingsFormat {
    /// A page with a waterfall.
    Html,
    /// The spans as JSON.
    Json,
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// `install` and `ci`.
    Install(InstallOptions),
    /// `add`, `update`, `remove`.
    Change(Change),
    /// `store path`, `store status`, `store prune`.
    Store(StoreCommand),
    /// `completion <shell>`.
    Completion(clap_complete::Shell),
    /// `--version`, `--help`: a text for standard output.
    Print(String),
    /// A word of pnpm's that is not done yet.
    NotYet(NotYet),
}

/// What no setting expresses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InstallOptions {
    /// `ci`: start without `node_modules`, and with a lockfile that fits.
    pub clean: bool,
}

/// What to do with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Subcommand)]
pub enum StoreCommand {
    /// Print where the store is
    Path,
    /// Check every package in the store against its contents
    Status,
    /// Remove packages that no project uses and that came more than an hour ago
    Prune,
}

/// A command line that cannot be understood. It ends the process with [`exit::USAGE`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageError(pub Diagnostic);

#[cfg(test)]
mod tests;
