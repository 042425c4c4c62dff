//! The YAML of a lockfile: a tree that borrows from the text, a scanner for text as pnpm writes it, a full parser for
//! all other text, and pnpm's emitter. Knows nothing of what a lockfile says.
//!
//! ```text
//! text ─▶ scan ─┬─▶ Node ─▶ emit ─▶ text
//!               └ not canonical ─▶ full ─▶ Node
//! ```
//! Invariant: on text that `scan` takes, `full` gives the same tree.

pub(crate) mod emit;
pub(crate) mod full;
pub(crate) mod scalar;
pub(crate) mod scan;

use std::borrow::Cow;

/// A map in the order of the file.
pub(crate) type Entries<'a> = Vec<(Cow<'a, str>, Node<'a>)>;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node<'a> {
    /// A string.
    Text(Cow<'a, str>),
    /// What is no string: `true`, `1000`, `null`.
    Plain(Cow<'a, str>),
    /// A map.
    Map(Entries<'a>),
    /// A list.
    List(Vec<Node<'a>>),
    /// What follows `key:` in the file, for the emitter only.
    Raw(&'a str),
}

impl<'a> Node<'a> {
    /// A string, borrowed.
    pub(crate) fn text(value: &'a str) -> Self {
        Self::Text(Cow::Borrowed(value))
    }

    /// `true` or `false`.
    pub(crate) fn bool(value: bool) -> Self {
        Self::Plain(Cow::Borrowed(if value { "true" } else { "false" }))
    }

    /// What it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Plain(_) => "a number, a boolean or nothing",
            Self::Map(_) => "a map",
            Self::List(_) => "a list",
            Self::Raw(_) => "text",
        }
    }
}

#[cfg(test)]
mod tests;
