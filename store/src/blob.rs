//! The files of a package, under names that their content makes. Such a name finds damage and lets equal files be one;
//! it vouches for nothing. What a package holds is proved by the digest of its tarball, and whoever can change a file
//! of the store can change the index beside it. So XXH3 does, in a quarter of the time of the fastest cryptographic
//! digest (4 percent of a cold installation); and because it can be forged, files are the same only where they were
//! compared.

use std::{
    collections::HashMap,
    fs,
    io::{self, Read},
};

use cap_std::fs::Dir;
use rustix::fs::{Mode, OFlags, fchmod, fstat, openat};
pub(crate) use twox_hash::xxhash3_128::Hasher;

use crate::digest::hex;

/// What a file is called in the folder of its package.
pub(crate) fn blob(digest: u128, executable: bool) -> String {
    let mut name = base(digest);
    if executable {
        name.push_str("-x");
    }
    name
}

/// What the name of a file with this digest begins with.
pub(crate) fn base(digest: u128) -> String {
    hex(&digest.to_be_bytes())
}

/// Reads all; the digest of what there was.
pub(crate) fn digest_of(mut file: impl Read) -> io::Result<u128> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finish_128()),
            Ok(got) => hasher.write(&buffer[..got]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The names that are taken in the folder of a package, and how files are made there.
#[derive(Debug, Default)]
pub(crate) struct Blobs {
    /// Each with its first user, by whatever count the owner keeps.
    taken: HashMap<String, usize>,
    /// Files get the wanted mode at creation: not so under an unusual umask. Found out with the first file.
    exact: Option<bool>,
}

impl Blobs {
    /// With room for so many.
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self { taken: HashMap::with_capacity(count), exact: None }
    }

    /// Takes a name; if it is taken, says by whom, and the two are to be compared.
    pub(crate) fn take(&mut self, name: &str, user: usize) -> Option<usize> {
        match self.taken.get(name) {
            Some(&first) => Some(first),
            None => self.taken.insert(name.to_owned(), user),
        }
    }

    /// An empty file of this name and the right mode.
    pub(crate) fn create(&mut self, dir: &Dir, name: &str, executable: bool) -> io::Result<fs::File> {
        let mode = Mode::from_raw_mode(if executable { 0o755 } else { 0o644 });
        // The name is ours: digits and letters. So a plain call will do, which is cheaper than a confined one.
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = fs::File::from(openat(dir, name, flags, mode)?);
        if self.exact.is_none() {
            self.exact = Some(Mode::from_raw_mode(fstat(&file)?.st_mode) & Mode::from_raw_mode(0o777) == mode);
        }
        if self.exact == Some(false) {
            fchmod(&file, mode)?;
        }
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_the_one_that_the_specification_gives() {
        // XXH3_128bits with no seed, of nothing: the canonical form of the reference implementation.
        assert_eq!(base(Hasher::oneshot(b"")), "99aa06d3014798d86001c324468d497f");
        let long: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
        assert_eq!(digest_of(&long[..]).unwrap(), Hasher::oneshot(&long));
        assert_eq!(blob(1, true), "00000000000000000000000000000001-x");
    }

    #[test]
    fn a_name_is_taken_once() {
        let mut blobs = Blobs::default();
        assert_eq!((blobs.take("a", 3), blobs.take("b", 4), blobs.take("a", 5)), (None, None, Some(3)));
    }
}
