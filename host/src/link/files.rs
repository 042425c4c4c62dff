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

/// A folder with fewer files gets no handle: to name it once more for each of them costs less than to open and close
/// it. For the 39,501 files of alotta-modules in 7,975 folders, on one thread: 250 ms with a handle for each, 236 with
/// 8, 246 without any.
const MANY: usize = 8;

impl<'a> Files<'a> {
    /// Places all files but those that are left out. They come sorted, so the folders on the way to the last one are
    /// mostly those of the next.
    pub(super) fn place(&self, home: &Folder, is_left_out: impl Fn(&str) -> bool) -> Result<(), FileFailure<'a>> {
        let executables: HashSet<&str> = self.contents.bins.iter().map(|bin| normal(&bin.path)).collect();
        let files = &self.contents.files;
        let mut levels = Levels { home, made: Vec::new() };
        for (at, file) in files.iter().enumerate().filter(|(_, file)| !is_left_out(&file.path)) {
            let path = file.path.as_str();
            let has_many = |folder: &str| files.get(at + MANY - 1).is_some_and(|file| file.path.starts_with(folder));
            let (into, way) =
                levels.enter(path, has_many).map_err(|error| FileFailure { path, why: Why::Folder(error) })?;
            let check = || if self.is_checked { import::check(self.store, file) } else { Ok(()) };
            let is_bin = executables.contains(path);
            let placed = check().and_then(|()| self.importer.place(self.store, file, into, way, is_bin));
            placed.map_err(|failure| FileFailure { path, why: Why::File(failure) })?;
        }
        Ok(())
    }
}

/// The folders on the way to the last file.
struct Levels<'a, 'p> {
    home: &'a Folder,
    made: Vec<Level<'p>>,
}

struct Level<'p> {
    /// Its path with the `/` at its end.
    path: &'p str,
    /// Without one it was made just now, as a folder.
    handle: Option<Folder>,
}

impl<'p> Levels<'_, 'p> {
    /// The nearest folder with a handle above a file, and the way from there; what is missing on it is made. Handles of
    /// other branches are given back.
    fn enter(&mut self, file: &'p str, has_many: impl Fn(&str) -> bool) -> io::Result<(&Folder, &'p str)> {
        let depth = self.made.iter().take_while(|level| file.starts_with(level.path)).count();
        self.made.truncate(depth);
        let mut end = self.made.last().map_or(0, |level| level.path.len());
        while let Some(length) = file.as_bytes()[end..].iter().position(|byte| *byte == b'/') {
            let (above, start) = self.nearest();
            let (way, path) = (&file[start..end + length], &file[..=end + length]);
            let needs_handle = !above.make_new_below(way)? || has_many(path);
            let handle = needs_handle.then(|| above.open_way(way)).transpose()?;
            self.made.push(Level { path, handle });
            end = path.len();
        }
        let (above, start) = self.nearest();
        Ok((above, &file[start..]))
    }

    /// The last folder with a handle, and where in a path the way from it begins.
    fn nearest(&self) -> (&Folder, usize) {
        let held = self.made.iter().rev().find_map(|level| Some((level.handle.as_ref()?, level.path.len())));
        held.unwrap_or((self.home, 0))
    }
}

/// A path as the index has it.
pub(super) fn normal(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path)
}
