//! `pnpm-lock.yaml`, version 9.0: its model, its reader and its writer, and the check of an existing one against
//! manifests and settings.

mod check;
pub mod error;
mod merge;
pub mod model;
mod read;
mod write;
pub(crate) mod yaml;

pub use check::{Manifests, check};
pub use error::LockfileError;
pub use merge::has_conflict;
pub use model::Lockfile;
pub(crate) use read::join;
pub use read::{read, read_for};
pub use write::write;
pub(crate) use write::{Kept, write_kept};
