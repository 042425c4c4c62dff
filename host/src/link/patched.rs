//! The patched files of a slot: made in memory from the store's, written as files of their own.

use std::{
    collections::BTreeMap,
    io::{self, Read as _, Write as _},
};

use crate::{
    graph::SnapshotIndex,
    link::{Folder, Job, LinkError},
    patch::{Change, PatchError},
};

/// What a package's patch makes of its files, by path; nothing where it has none.
///
/// # Errors
/// [`LinkError::Patch`], or [`LinkError::Damaged`] where the store's copy is no basis for it.
pub(super) fn changes(
    job: &Job<'_>,
    index: SnapshotIndex,
    store: &Folder,
) -> Result<BTreeMap<String, Change>, LinkError> {
    let snapshot = &job.placement.snapshots[index as usize];
    let Some(hash) = &snapshot.patch else { return Ok(BTreeMap::new()) };
    let package = format!("{}@{}", snapshot.name, snapshot.version);
    let Some(patch) = job.patches.iter().find(|patch| patch.hash == *hash) else {
        return Err(PatchError::Missing { package, hash: hash.clone() }.into());
    };
    let mut damaged = None;
    let mut read = |path: &str| {
        let Some(file) = job.source.contents(index).files.iter().find(|file| file.path == path) else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        let read = store.read(&file.blob).and_then(|mut blob| blob.read_to_end(&mut bytes));
        if read.is_err() || bytes.len() as u64 != file.size {
            damaged = Some(format!("{path} is not what it should be"));
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Some((bytes, file.executable)))
    };
    let made = patch.apply(&package, &mut read);
    match damaged {
        Some(detail) => {
            Err(LinkError::Damaged { snapshot: index, package: snapshot.dep_path.as_str().to_owned(), detail })
        }
        None => Ok(made?),
    }
}

/// Writes a changed file as a new one: never through a link, never over anything.
pub(super) fn write(home: &Folder, path: &str, change: &Change, is_bin: bool) -> io::Result<()> {
    let Change::Write { bytes, executable } = change else { return Ok(()) };
    let mode = if *executable || is_bin { 0o755 } else { 0o644 };
    let mut file = match path.rsplit_once('/') {
        Some((folders, name)) => home.make_all(folders)?.create(name, mode)?,
        None => home.create(path, mode)?,
    };
    file.write_all(bytes)
}
