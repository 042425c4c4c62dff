//! What can go wrong with a component, whatever it was asked. Each error names it.

use std::time::Duration;

use crate::diagnostic::Diagnose;

/// A component failed as a program; what it says of packages is [`crate::graph::Failure`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The compiled form does not suit this machine or this program.
    #[error("the component {component} could not be loaded: {detail}")]
    Load {
        /// Its name.
        component: String,
        /// In wasmtime's words.
        detail: String,
    },
    /// It imports or lacks something.
    #[error("the component {component} does not fit this program: {detail}")]
    Link {
        /// Its name.
        component: String,
        /// What, and why.
        detail: String,
    },
    /// It crashed.
    #[error("the component {component} crashed: {detail}")]
    Trap {
        /// Its name.
        component: String,
        /// The trap and the last words on its error output.
        detail: String,
    },
    /// It computed for too long without an answer.
    #[error("the component {component} gave no answer within {limit:?}")]
    Timeout {
        /// Its name.
        component: String,
        /// The limit.
        limit: Duration,
    },
    /// It asked for too much memory.
    #[error("the component {component} asked for more than {limit} bytes of memory or too large a table")]
    Memory {
        /// Its name.
        component: String,
        /// The limit.
        limit: usize,
    },
    /// It answered what no sound component answers.
    #[error("the component {component} gave an invalid answer: {detail}")]
    Answer {
        /// Its name.
        component: String,
        /// The rule it breaks.
        detail: String,
    },
}

impl Diagnose for EngineError {
    fn code(&self) -> &'static str {
        match self {
            Self::Load { .. } => "ERR_WASI_PM_COMPONENT_LOAD",
            Self::Link { .. } => "ERR_WASI_PM_COMPONENT_LINK",
            Self::Trap { .. } => "ERR_WASI_PM_COMPONENT_TRAP",
            Self::Timeout { .. } => "ERR_WASI_PM_COMPONENT_TIMEOUT",
            Self::Memory { .. } => "ERR_WASI_PM_COMPONENT_MEMORY",
            Self::Answer { .. } => "ERR_WASI_PM_COMPONENT_ANSWER",
        }
    }
}
