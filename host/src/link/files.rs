//! The files of one package, from the store into a folder that is new and out of reach: nothing is looked at there
//! before it is made.

use std::{collections::HashSet, io};

use crate::link::{
    Contents, Folder, Importer,
    import::{self, ImportFailure},
};

/// What is placed, and how.
pub(super) struct Files<'a> {
    /// What is in the package.
    pub(super) contents: &'a Contents,
    /// The folder of its blobs.
    pub(super) store: &'a Folder,
    /// How files are brought in.
    pub(super) importer: &'a Importer,
    /// Each file is held to its size and type first.
    pub(super) is_checked: bool,
}

/// The file that could not be placed, and why.
pub(super) struct FileFailure<'a> {
    pub(super) path: &'a str,
    pub(super) why: Why,
}

pub(super) enum Why {
    /// The folder that it goes to could not be made.
    Folder(io::Error),
    File(ImportFailure),
}

impl<'a> Files<'a> {
    /// Places all files but those that are left out. They come sorted, so the folders on the way to the last one are
    /// mostly those of the next.
    pub(super) fn place(&self, home: &Folder, is_left_out: impl Fn(&str) -> bool) -> Result<(), FileFailure<'a>> {
        let executables: HashSet<&str> = self.contents.bins.iter().map(|bin| normal(&bin.path)).collect();
        let mut open: Vec<(&str, Folder)> = Vec::new();
        for file in self.contents.files.iter().filter(|file| !is_left_out(&file.path)) {
            let path = file.path.as_str();
            let (folders, name) = match path.rsplit_once('/') {
                Some((folders, name)) => (Some(folders), name),
                None => (None, path),
            };
            let into =
                enter(home, &mut open, folders).map_err(|error| FileFailure { path, why: Why::Folder(error) })?;
            let check = || if self.is_checked { import::check(self.store, file) } else { Ok(()) };
            let is_bin = executables.contains(path);
            let placed = check().and_then(|()| self.importer.place(self.store, file, into, name, is_bin));
            placed.map_err(|failure| FileFailure { path, why: Why::File(failure) })?;
        }
        Ok(())
    }
}

/// The handle of the folder a file goes to; handles of other branches are given back.
fn enter<'b, 'c>(
    home: &'c Folder,
    open: &'c mut Vec<(&'b str, Folder)>,
    folders: Option<&'b str>,
) -> io::Result<&'c Folder> {
    let mut depth = 0;
    for name in folders.into_iter().flat_map(|folders| folders.split('/')) {
        if open.get(depth).is_none_or(|(held, _)| *held != name) {
            open.truncate(depth);
            let folder = open.last().map_or(home, |(_, folder)| folder).make(name)?;
            open.push((name, folder));
        }
        depth += 1;
    }
    open.truncate(depth);
    Ok(open.last().map_or(home, |(_, folder)| folder))
}

/// A path as the index has it.
pub(super) fn normal(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path)
}
