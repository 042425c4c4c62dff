//! Everything the user sees. Other modules send [`Event`]s to a [`Report`]; only this module and its children write
//! to the terminal.

pub mod event;
mod text;

pub use event::{Event, LogLevel, Report};
pub use text::clean;
