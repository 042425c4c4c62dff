//! The component: compiled ahead of time, sandboxed, limited, driven. `driver` is what others call; `convert` is the
//! only place that knows WIT records; `load` and `memory` hold what is `unsafe`.

mod config;
mod convert;
mod driver;
mod error;
mod limits;
mod load;
mod memory;
mod sandbox;
mod wasi;

pub use driver::{
    Addition, CatalogEntry, Crossings, Intent, Outdated, Placed, Project, Removal, ResolveError, Resolved, Saved,
    Update, check, place, resolve,
};
pub use error::EngineError;
pub use limits::Limits;
pub use load::digest;
