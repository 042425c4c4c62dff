//! Files that may be anything: what a project or a repository brings is read only if it is a regular file, and only up
//! to a limit. A link to a device that never ends, or a pipe that nobody writes to, is an error, not a hang.

use std::{
    fs::File,
    io::{self, ErrorKind, Read as _},
    path::Path,
};

use rustix::fs::{Mode, OFlags};

/// What a link in the place of a file means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    /// The file that it leads to.
    Followed,
    /// An error.
    Refused,
}

/// An open regular file and its length; opening it waits for nobody.
///
/// # Errors
/// As `open(2)`; [`ErrorKind::InvalidInput`] if it is no regular file.
pub(crate) fn open(path: &Path, links: Links) -> io::Result<(File, u64)> {
    let mut flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    flags.set(OFlags::NOFOLLOW, links == Links::Refused);
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let found = file.metadata()?;
    match found.is_file() {
        true => Ok((file, found.len())),
        false => Err(io::Error::new(ErrorKind::InvalidInput, "it is no regular file")),
    }
}

/// All of a regular file of at most `limit` bytes.
///
/// # Errors
/// As [`open`] and `read(2)`; [`ErrorKind::FileTooLarge`] if it is longer.
pub(crate) fn read(path: &Path, limit: u64, links: Links) -> io::Result<Vec<u8>> {
    let (file, length) = open(path, links)?;
    read_open(&file, length, limit)
}

/// All of an open file that was `length` bytes long, and may be longer by now.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_open(file: &File, length: u64, limit: u64) -> io::Result<Vec<u8>> {
    let too_large = || io::Error::new(ErrorKind::FileTooLarge, format!("it is larger than {limit} bytes"));
    if length > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1);
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(too_large()) } else { Ok(bytes) }
}

/// The beginning of a regular file: what it has beyond `limit` bytes is left.
///
/// # Errors
/// As [`open`] and `read(2)`.
pub(crate) fn read_beginning(path: &Path, limit: u64, links: Links) -> io::Result<Vec<u8>> {
    let (file, length) = open(path, links)?;
    let mut bytes = Vec::with_capacity(usize::try_from(length.min(limit)).unwrap_or(0) + 1);
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// All of a regular file that is UTF-8.
///
/// # Errors
/// As [`read`]; [`ErrorKind::InvalidData`] if it is no UTF-8.
pub(crate) fn read_text(path: &Path, limit: u64, links: Links) -> io::Result<String> {
    String::from_utf8(read(path, limit, links)?).map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn only_regular_files_up_to_the_limit_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "12345").unwrap();
        symlink(at("file"), at("link")).unwrap();
        symlink("/dev/zero", at("endless")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .unwrap();
        let kind = |name: &str, limit, links| read(&at(name), limit, links).map_err(|error| error.kind());
        assert_eq!(kind("file", 5, Links::Refused), Ok(b"12345".to_vec()));
        assert_eq!(kind("link", 5, Links::Followed), Ok(b"12345".to_vec()));
        assert_eq!(kind("file", 4, Links::Followed), Err(ErrorKind::FileTooLarge));
        assert_eq!(read_beginning(&at("file"), 4, Links::Followed).unwrap(), b"1234");
        assert_eq!(read_beginning(&at("file"), 9, Links::Followed).unwrap(), b"12345");
        assert!(read_beginning(&at("endless"), 9, Links::Followed).is_err());
        assert_eq!(kind("gone", 4, Links::Followed), Err(ErrorKind::NotFound));
        assert!(kind("link", 5, Links::Refused).is_err());
        for what in ["endless", "pipe", "."] {
            assert_eq!(kind(what, 5, Links::Followed), Err(ErrorKind::InvalidInput), "{what}");
        }
    }
}
