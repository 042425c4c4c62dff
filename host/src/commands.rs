//! One function for each command: a list of named steps.

use std::sync::Arc;

use crate::{config::Config, report::Report, timings::Timings};

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
