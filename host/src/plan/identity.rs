//! Digests that say whether a slot on disk is still the one that is wanted.

use std::fmt::Write as _;

use crate::{
    graph::{Placement, Snapshot, Source, Target},
    state::{Layout, tree::Digest, tree::digest},
};

/// Of what shapes the tree as a whole: a change builds it anew.
pub(super) fn shape(layout: &Layout) -> Digest {
    let text = format!(
        "{}\n{}\n{:?}\n{:?}\n{:?}\n{}\n{}",
        layout.root(),
        layout.store_dir,
        layout.global,
        layout.hoist_pattern,
        layout.public_hoist_pattern,
        layout.virtual_store_dir_max_length,
        layout.extend_node_path
    );
    digest(text.as_bytes())
}

/// Of what a package is.
pub(super) fn content(snapshot: &Snapshot) -> Digest {
    let mut text = format!("{}\n{}\n", snapshot.dep_path, snapshot.name);
    let mut put = |part: &str| {
        text.push_str(part);
        text.push('\n');
    };
    match &snapshot.source {
        Source::Registry { integrity, tarball, .. } => {
            put("registry");
            put(integrity.as_deref().or(tarball.as_deref()).unwrap_or(""));
        }
        Source::Tarball { url, integrity, path, .. } => {
            put("tarball");
            put(integrity.as_deref().unwrap_or(url));
            put(path.as_deref().unwrap_or(""));
        }
        Source::Git { repository, commit, path } => {
            put("git");
            put(repository);
            put(commit);
            put(path.as_deref().unwrap_or(""));
        }
        Source::Directory(folder) => {
            put("directory");
            put(folder);
        }
        Source::Unsupported(kind) => {
            put("unsupported");
            put(kind);
        }
        Source::Custom { plugin, value, integrity } => {
            put("custom");
            put(plugin);
            // A value is whatever a plugin answers: it may look like an integrity, and have more than one line.
            let of_value = || format!("value {value:?}");
            put(&integrity.as_ref().map_or_else(of_value, |integrity| format!("integrity {integrity}")));
        }
    }
    put(snapshot.patch.as_deref().unwrap_or(""));
    digest(text.as_bytes())
}

/// Of where its links lead.
pub(super) fn edges(snapshot: &Snapshot, placement: &Placement) -> Digest {
    let mut text = String::new();
    for link in &snapshot.dependencies {
        let result = match &link.target {
            Target::Snapshot(index) => {
                let target = &placement.snapshots[*index as usize];
                writeln!(text, "{}\t{}\t{}", link.alias, target.slot, target.name)
            }
            Target::Directory(importer) => writeln!(text, "{}\t{importer}", link.alias),
        };
        result.expect("a String takes all that is written");
    }
    digest(text.as_bytes())
}

#[cfg(test)]
mod tests;
