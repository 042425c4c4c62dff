//! The words that the host and the guest share.
//!
//! - `resolver/` and `plugin/` hold the WIT packages.
//! - [`names`] holds newtypes that cannot hold a bad value: whoever has one need not check it again.
//! - [`settings`] is the schema of the settings object that a project carries across the boundary.
//! - [`wildcard`] says what `*` in a pattern of names fits.
//! - [`time`] reads and writes the instants that registries give.
//! - `host` and `guest` (features of the same names) are the generated bindings.
//!
//! Nothing here does I/O, and nothing here knows how a lockfile looks.

#[cfg(feature = "guest")]
pub mod guest;
#[cfg(feature = "host")]
pub mod host;
pub mod names;
pub mod settings;
pub mod time;
pub mod wildcard;

pub use names::{Alias, BadName, DepPath, ImporterId, Integrity, PackageName, Slot, Version};
