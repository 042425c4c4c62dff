//! One shape for everything that goes wrong: a stable code, one sentence, its causes, one hint. Lower layers return
//! typed errors that implement [`Diagnose`]; only `report` renders a [`Diagnostic`].

use std::error::Error;

use crate::graph::Failure;

/// An error with a stable code: `ERR_PNPM_*` where pnpm has the same condition, else `ERR_WASI_PM_*`.
pub trait Diagnose: Error {
    /// The stable code.
    fn code(&self) -> &'static str;
    /// What the user can do, one sentence.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// What is shown to the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The stable code.
    pub code: String,
    /// One sentence without a final stop.
    pub message: String,
    /// From the nearest to the deepest.
    pub causes: Vec<String>,
    /// From the importer to the culprit, for failures of resolution.
    pub chain: Vec<String>,
    /// What the user can do.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// A diagnostic that needs no typed error.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), causes: Vec::new(), chain: Vec::new(), hint: None }
    }

    /// With what the user can do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl<E: Diagnose> From<E> for Diagnostic {
    fn from(error: E) -> Self {
        let mut causes = Vec::new();
        let mut next = error.source();
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        Self {
            code: error.code().to_owned(),
            message: error.to_string(),
            causes,
            chain: Vec::new(),
            hint: error.hint(),
        }
    }
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        let causes = failure.facts.into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
        Self { code: failure.code, message: failure.message, causes, chain: failure.chain, hint: failure.hint }
    }
}
