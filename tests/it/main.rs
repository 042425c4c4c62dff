//! wasi-pm from the outside. Every test has a registry, a project, a home, a store and a cache of its own.
#![expect(clippy::unwrap_used, reason = "tests")]

mod agreement;
mod bad_input;
mod carried;
mod commands;
mod failures;
mod faults;
mod global_virtual_store;
mod hosted;
mod hostile_lockfiles;
mod install;
mod lockfiles;
mod modes;
mod own_lockfiles;
mod patches;
mod plugins;
mod properties;
mod release_age;
mod slow_tarballs;
mod specifiers;
mod support;
mod tls;
