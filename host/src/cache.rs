//! Files of the cache: each comes whole, by a rename, and what could not be written leaves nothing behind. Several
//! processes, also of containers that count theirs alike, may write the same one at once: one of them wins.

use std::{
    fs::{self, OpenOptions},
    hash::{BuildHasher as _, Hasher as _, RandomState},
    io::{self, ErrorKind, Write as _},
    path::Path,
};

/// A name that nobody else makes: 64 random bits, hexadecimal.
pub(crate) fn unused_name() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

/// Writes a file of these parts, or puts it in the place of another one; makes its folder where there is none.
///
/// # Errors
/// What the file system says; the old file, if any, stays.
pub(crate) fn replace(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let folder = path.parent().ok_or(ErrorKind::InvalidInput)?;
    let aside = folder.join(format!(".{}.tmp", unused_name()));
    let create = || OpenOptions::new().write(true).create_new(true).open(&aside);
    let mut file = match create() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            fs::create_dir_all(folder)?;
            create()?
        }
        other => other?,
    };
    let written = parts.iter().try_for_each(|part| file.write_all(part)).and_then(|()| fs::rename(&aside, path));
    if written.is_err() {
        // Why it could not be written counts for more.
        let _ = fs::remove_file(&aside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_comes_whole_or_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("v1");
        replace(&below.join("a"), &[b"o", b"ne"]).unwrap();
        replace(&below.join("a"), &[b"two"]).unwrap();
        assert_eq!(fs::read(below.join("a")).unwrap(), b"two");
        fs::create_dir_all(below.join("taken/by a folder")).unwrap();
        assert!(replace(&below.join("taken"), &[b"three"]).is_err());
        let mut names: Vec<_> = fs::read_dir(&below).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["a", "taken"]);
    }

    #[test]
    fn no_name_is_given_twice() {
        assert_ne!(unused_name(), unused_name());
    }
}
