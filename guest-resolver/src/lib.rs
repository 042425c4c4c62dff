//! wasi-pm's resolution and lockfile logic: pure and deterministic. No files, no sockets, no clock, no environment.
//! The outcome depends on the project and on the facts in the replies alone, never on their order.
//!
//! ```text
//! project ─▶ lockfile::read ─▶ lockfile::check ─ fits ─────────────────────────────┐
//!                 │ outdated, or an update                                          ▼
//!                 ▼                                                            place, hoist ─▶ snapshots
//!            session ⇄ requests, replies                                            ▲
//!              └─ resolve (tree, pick, peers) ─▶ lockfile::model ─▶ lockfile::write ┘
//! ```

pub mod absorb;
pub mod age;
pub mod boundary;
pub mod catalogs;
pub mod command;
mod component;
pub mod engines;
pub mod extensions;
pub mod facts;
pub mod hoist;
pub mod intern;
pub mod lockfile;
pub mod manifest;
pub mod overrides;
pub mod peer_issues;
pub mod peers;
pub mod pick;
pub mod pieces;
pub mod place;
pub mod platform;
pub mod resolve;
pub mod semver;
pub mod session;
pub mod slot;
pub mod specifier;
pub mod trust;
