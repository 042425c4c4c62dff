//! Peers: which variant of each package is placed where. A package that asks for peers, itself or through its
//! dependencies, exists once for each set of providers it sees; its dep-path names them.
//!
//! ```text
//! tree ─▶ visit (depth first, with caches) ─▶ records, peers of each node ─▶ finish (dep-paths, one graph)
//!                    │ discovery: only what is missing                            │
//!                    ▼                                                            ▼
//!              peers to add to a project                                   dedupe (variants that both fit)
//! ```

mod cache;
mod children;
mod circles;
pub mod dedupe;
pub mod finish;
mod locked;
pub mod missing;
mod providers;
pub mod refs;
pub mod visit;

pub use cache::Caches;
pub use finish::{Graph, Placed};
pub use locked::Chosen;
pub use missing::{Issue, Scope};
pub use refs::{ParentRef, Refs};
pub use visit::{Discovery, Output, Visit, VisitOptions};
