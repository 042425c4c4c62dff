//! wasi-pm's native half: it owns the command line, the network, the store and `node_modules`, and drives the one
//! resolver there is, a sandboxed component. It holds no resolution logic of its own.
//!
//! ```text
//! cli ─▶ config ─▶ commands::install ─▶ uptodate ─ same as last time ─▶ done
//!                        │ no
//!                        ▼
//!                 engine (component) ⇄ registry (HTTP, packument cache)
//!                        │ downloads ──────▶ fetch ──▶ store
//!                        ▼ graph::Placement
//!                 plan (pure) ──▶ link ──▶ scripts ──▶ state files, lockfile, summary (report)
//! ```

mod beside;
mod cache;
pub mod cli;
pub mod commands;
pub mod config;
pub mod diagnostic;
pub mod engine;
mod exotic;
pub mod facts;
pub mod fetch;
pub mod graph;
mod limited;
pub mod link;
mod pack;
pub mod patch;
pub mod plan;
pub mod platform;
mod program;
pub mod registry;
pub mod remember;
mod replace;
pub mod report;
pub mod scripts;
pub mod state;
pub mod timings;
pub mod verify;
mod within;

pub use program::main;
