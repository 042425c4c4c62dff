//! What earlier runs left behind in `node_modules`, and what this one leaves: pnpm's files, so that pnpm can carry on,
//! and our own, which are the only ones we trust. Nothing here decides anything; `plan` and the pipeline do.
//!
//! ```text
//! node_modules/.wasi-pm-state            inputs of the last complete run        up_to_date
//! node_modules/.pnpm/.wasi-pm-tree       what stands where                      tree
//! node_modules/.modules.yaml             pnpm's                                 modules_yaml
//! node_modules/.pnpm/lock.yaml           pnpm's current lockfile                record
//! node_modules/.pnpm-workspace-state-v1.json  pnpm's                            workspace_state
//! node_modules/.wasi-pm-lock             advisory lock of the project           project_lock
//! ```

pub mod disk;
pub mod layout;
pub mod modules_yaml;
pub mod project_lock;
pub mod record;
pub mod stamps;
pub mod tree;
pub mod up_to_date;
pub mod workspace_state;

pub use disk::Disk;
pub use layout::Layout;
pub use record::{Record, record};
pub use stamps::Stamps;
pub use tree::Tree;

/// The folder of dependencies.
pub const MODULES: &str = "node_modules";
/// The virtual store inside it.
pub const VIRTUAL_STORE: &str = ".pnpm";
