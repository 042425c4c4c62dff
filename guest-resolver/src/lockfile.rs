//! `pnpm-lock.yaml`, version 9.0: its model, its reader and its writer, and the check of an existing one against
//! manifests and settings.

pub mod model;

pub use model::Lockfile;
