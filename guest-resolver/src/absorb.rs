//! Rewrites a lockfile in place of a resolution: where what the manifests changed can be read off the lockfile itself,
//! nothing is resolved, as pnpm 12 does it. A range moves to a version that is already there, an edge comes or goes,
//! a project comes or goes. `None` is always right: then everything is resolved.
//!
//! ```text
//! manifests ──> importers: edges follow ──> graph: what nothing reaches goes ──> check: it must fit now
//! ```

mod graph;
mod importers;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use wit::settings::{ResolutionMode, Settings};

use crate::lockfile::{self, Lockfile, Manifests};
use crate::manifest::Manifest;

use graph::Edits;

/// What a lockfile is held against.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The settings of the project.
    pub settings: &'a Settings,
    /// The manifests as written, by project.
    pub written: &'a BTreeMap<String, &'a Manifest>,
    /// The same as JSON, for the check at the end.
    pub manifests: &'a Manifests,
}

impl Wanted<'_> {
    fn picks_lowest(&self) -> bool {
        self.settings.rules.resolution_mode != ResolutionMode::Highest
    }

    /// Whether a specifier leads to a folder, or may be linked to a project of that name.
    fn is_folder(&self, alias: &str, specifier: &str) -> bool {
        ["workspace:", "link:", "file:"].iter().any(|protocol| specifier.starts_with(protocol))
            || self.written.values().any(|manifest| manifest.name.as_deref() == Some(alias))
    }
}

/// The lockfile that fits these manifests; `None` if only a resolution can tell, or if nothing has changed.
#[must_use]
pub fn absorb(lockfile: &Lockfile, wanted: Wanted<'_>) -> Option<Lockfile> {
    if wanted.settings.lockfile.always_resolve || !importers::have_changed(lockfile, wanted) {
        return None;
    }
    let mut edits = Edits::default();
    // Nothing large is copied before it is known that the edges can follow.
    let mut importers = lockfile.importers.clone();
    importers::follow(lockfile, &mut importers, wanted, &mut edits)?;
    let mut candidate = Lockfile { importers, ..lockfile.clone() };
    edits.finish(&mut candidate)?;
    if !importers::copies_fit(&candidate, wanted) {
        return None;
    }
    let drifts = lockfile::check(&candidate, wanted.settings, wanted.manifests).ok()?;
    drifts.is_empty().then_some(candidate)
}
