//! What wasi-pm's tests from the outside stand on: a registry in this process, scenarios as data, and projects in
//! folders of their own. Nothing here reaches the network, and no child sees the caller's configuration.

pub mod corpus;
pub mod cost;
pub mod native;
pub mod oracle;
pub mod plugin;
pub mod project;
pub mod random;
pub mod registry;
pub mod scenario;
pub mod web;
pub mod world;
