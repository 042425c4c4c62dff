//! The component: compiled ahead of time, sandboxed, limited, driven. `driver` is what others call; `convert` is the
//! only place that knows WIT records; `load` and `memory` hold what is `unsafe`.

mod config;
mod convert;
mod driver;
mod error;
mod intent;
mod limits;
mod load;
mod memory;
mod sandbox;
mod saved;
mod wasi;

pub use driver::{Crossings, Outdated, Placed, Project, ResolveError, Resolved, Rest, check, lay_out, place, resolve};
pub use error::EngineError;
pub use intent::{Addition, Intent, Removal, Update};
pub use limits::Limits;
pub use load::digest;
pub use saved::{CatalogEntry, Saved};
