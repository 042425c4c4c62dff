//! Import of a tarball that is still coming: whatever has come is hashed, inflated and written at once, so that little
//! is left to do when the last byte is there.
//!
//! ```text
//! bytes ─┬─▶ SHA-512 ────────────────────────────────────────┐
//!        └─▶ inflate ─▶ window ─▶ headers ─▶ files in `tmp/` ┴─▶ all as promised: index, one rename
//! ```
//! This way takes plain tarballs only, and decides nothing: of whatever is unusual or wrong it says [`GivenUp`],
//! removes what it wrote, and the whole tarball is imported, or refused, as if nobody had tried. Invariant: what it
//! publishes is what [`Store::import`] would have published, and nothing can be found before every byte has been held
//! to the integrity. It needs some 600 KiB and the package's index.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Read, Write as _},
};

use cap_std::fs::Dir;
use flate2::{Decompress, FlushDecompress, Status};
use sha2::{Digest as _, Sha512};
use wit::{Integrity, names::Algorithm};

use crate::{
    Imported, Store,
    blob::{Blobs, Hasher, blob},
    digest::compare,
    import::{MANIFEST, describe},
    index::{FileEntry, INDEX},
    key::Key,
    staged::Staged,
    tarball::{self, BLOCK, Entry, Extension, File, Limits, Reader},
};

/// This tarball cannot be imported bit by bit: import the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GivenUp;

/// What is unpacked and not yet taken, bytes at most.
const WINDOW: usize = 512 << 10;
/// Larger files are written as they come; others, and what extended headers hold, are waited for.
const LARGE: usize = 128 << 10;
/// What a large file is called until its digest is known: no digest looks like this.
const UNNAMED: &str = "unnamed";
/// Bits of the window of deflate.
const WINDOW_BITS: u8 = 15;

/// What is written at most of a tarball while nothing of it is verified. What is larger is imported as a whole.
#[derive(Debug, Clone, Copy)]
struct Most {
    /// Bytes.
    written: u64,
    /// Unpacked to packed, from `small` bytes on.
    ratio: u64,
    small: u64,
    files: usize,
}

const MOST: Most = Most { written: 256 << 20, ratio: 20, small: 8 << 20, files: 20_000 };

/// A package of which a part has come. It is removed unless it is finished.
pub struct Stream {
    limits: Limits,
    most: Most,
    hasher: Sha512,
    inflater: Decompress,
    /// The compressed data have ended.
    is_inflated: bool,
    window: Vec<u8>,
    /// What is filled of the window, and has not been taken.
    filled: std::ops::Range<usize>,
    /// Where that begins in the tar.
    offset: usize,
    reader: Reader,
    next: Next,
    files: Vec<FileEntry>,
    manifest: Vec<u8>,
    blobs: Blobs,
    staged: Staged,
}

/// What is to be taken from the window.
enum Next {
    Header,
    /// Its size, and where its header is.
    Extension(Extension, usize, usize),
    File {
        path: String,
        executable: bool,
        size: usize,
    },
    Large(Box<Large>),
    /// So many bytes that nobody wants.
    Skipped(usize),
    /// Behind the end of the archive.
    Nothing,
}

/// A large file that is being written.
struct Large {
    entry: FileEntry,
    size: usize,
    left: usize,
    hasher: Hasher,
    file: fs::File,
}

impl Store {
    /// Begins to import a tarball whose bytes are yet to come.
    ///
    /// # Errors
    /// [`GivenUp`] if nothing can be written.
    pub fn stream(&self, limits: &Limits) -> Result<Stream, GivenUp> {
        self.stream_at_most(MOST, limits)
    }

    fn stream_at_most(&self, most: Most, limits: &Limits) -> Result<Stream, GivenUp> {
        let staged = Staged::new(self).map_err(|_| GivenUp)?;
        Ok(Stream {
            limits: limits.clone(),
            most: Most { ratio: most.ratio.min(limits.ratio as u64), ..most },
            hasher: Sha512::new(),
            inflater: Decompress::new_gzip(WINDOW_BITS),
            is_inflated: false,
            window: vec![0; WINDOW],
            filled: 0..0,
            offset: 0,
            reader: Reader::new(limits),
            next: Next::Header,
            files: Vec::new(),
            manifest: Vec::new(),
            blobs: Blobs::default(),
            staged,
        })
    }
}

impl Stream {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`GivenUp`], after which the stream is of no use.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), GivenUp> {
        self.hasher.update(bytes);
        // A full window may have been too small for what the bytes before hold.
        while !bytes.is_empty() || (self.filled.end == WINDOW && !self.is_inflated) {
            if self.is_inflated {
                return Err(GivenUp); // something follows the one member
            }
            bytes = &bytes[self.inflate(bytes)?..];
            while self.filled.len() >= self.next.wants() {
                self.take()?;
            }
        }
        Ok(())
    }

    /// All bytes have come: publishes the package, if it has this integrity.
    ///
    /// # Errors
    /// [`GivenUp`]; the store is as it was.
    pub fn finish(mut self, expected: &Integrity) -> Result<Imported, GivenUp> {
        let is_over = self.is_inflated && matches!(self.next, Next::Nothing);
        if !is_over || expected.algorithm != Algorithm::Sha512 || self.reader.end(self.offset).is_err() {
            return Err(GivenUp);
        }
        let digest = std::mem::take(&mut self.hasher).finalize();
        let integrity = compare(digest.as_slice().into(), expected).map_err(|_| GivenUp)?;
        self.sort()?;
        let index = describe(&self.manifest, self.files, self.reader.skipped, &self.limits);
        let file = self.blobs.create(&self.staged.dir, INDEX, false);
        file.and_then(|mut file| file.write_all(&index.encode())).map_err(|_| GivenUp)?;
        let key = Key::of(integrity.algorithm, &integrity.digests[0]);
        let is_new = self.staged.publish(&key).map_err(|_| GivenUp)?;
        Ok(Imported { index, integrity, is_new })
    }

    /// Fills the window behind what is in it already; how many bytes that took.
    fn inflate(&mut self, bytes: &[u8]) -> Result<usize, GivenUp> {
        self.window.copy_within(self.filled.clone(), 0);
        self.filled = 0..self.filled.len();
        let (before, made) = (self.inflater.total_in(), self.inflater.total_out());
        let room = &mut self.window[self.filled.end..];
        let status = self.inflater.decompress(bytes, room, FlushDecompress::None).map_err(|_| GivenUp)?;
        let all = self.inflater.total_out();
        self.filled.end += usize::try_from(all - made).map_err(|_| GivenUp)?;
        self.is_inflated = status == Status::StreamEnd;
        let used = self.inflater.total_in() - before;
        let is_stuck = used == 0 && all == made && !self.is_inflated && !bytes.is_empty();
        if is_stuck || all > self.limits.unpacked || self.is_suspicious() {
            return Err(GivenUp);
        }
        usize::try_from(used).map_err(|_| GivenUp)
    }

    /// More was made of the bytes than packages are made of; the whole has another ratio, and is judged by that.
    fn is_suspicious(&self) -> bool {
        let (taken, made) = (self.inflater.total_in(), self.inflater.total_out());
        let Most { written, ratio, small, .. } = self.most;
        made > written || (made > small && made / taken.max(1) > ratio)
    }

    /// Takes the next thing, which is in the window as far as it is wanted.
    fn take(&mut self) -> Result<(), GivenUp> {
        let ready = &self.window[self.filled.clone()];
        let (taken, next) = match std::mem::replace(&mut self.next, Next::Nothing) {
            Next::Header => {
                let entry = self.reader.header(&ready[..BLOCK], self.offset).map_err(|_| GivenUp)?;
                if matches!(entry, Entry::File { .. }) && self.files.len() >= self.most.files {
                    return Err(GivenUp);
                }
                (BLOCK, Next::begin(entry, self.offset, &self.staged.dir, &mut self.blobs)?)
            }
            Next::Extension(extension, size, offset) => {
                self.reader.extend(extension, &ready[..size], offset).map_err(|_| GivenUp)?;
                (size, Next::padding(size))
            }
            Next::File { path, executable, size } => {
                let data = &ready[..size];
                if path == MANIFEST {
                    self.manifest = data.to_vec();
                }
                let blob = blob(Hasher::oneshot(data), executable);
                let dir = &self.staged.dir;
                match self.blobs.take(&blob, self.files.len()) {
                    None => self.blobs.create(dir, &blob, executable).and_then(|mut file| file.write_all(data)),
                    Some(_) => held_to(dir, &blob, data),
                }
                .map_err(|_| GivenUp)?;
                self.files.push(FileEntry { path, blob, size: size as u64, executable });
                (size, Next::padding(size))
            }
            Next::Large(mut large) => {
                let taken = ready.len().min(large.left);
                large.write(&ready[..taken]).map_err(|_| GivenUp)?;
                if large.left > 0 {
                    (taken, Next::Large(large))
                } else {
                    let at = self.files.len();
                    let (entry, size) = large.end(&self.staged.dir, &mut self.blobs, at).map_err(|_| GivenUp)?;
                    self.files.push(entry);
                    (taken, Next::padding(size))
                }
            }
            Next::Skipped(size) => {
                let taken = ready.len().min(size);
                (taken, if taken < size { Next::Skipped(size - taken) } else { Next::Header })
            }
            Next::Nothing => (ready.len(), Next::Nothing),
        };
        self.next = next;
        self.filled.start += taken;
        self.offset += taken;
        Ok(())
    }

    /// Puts the files in order. Whether a path may be there twice, or below another, is not for this way to say.
    fn sort(&mut self) -> Result<(), GivenUp> {
        let named = |file: &FileEntry| File { path: file.path.clone().into(), data: &[], executable: file.executable };
        let unique = tarball::unique(self.files.iter().map(named).collect()).map_err(|_| GivenUp)?;
        self.files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        if unique.len() == self.files.len() { Ok(()) } else { Err(GivenUp) }
    }
}

impl Next {
    /// What follows the header of this entry, whose header is at this offset.
    fn begin(entry: Entry<'_>, offset: usize, dir: &Dir, blobs: &mut Blobs) -> Result<Self, GivenUp> {
        Ok(match entry {
            Entry::End => Self::Nothing,
            Entry::Extension(_, size) if size > LARGE => return Err(GivenUp),
            Entry::Extension(extension, size) => Self::Extension(extension, size, offset),
            Entry::Skipped(size) => Self::Skipped(size.next_multiple_of(BLOCK)),
            Entry::File { path, executable, size } if size <= LARGE => {
                Self::File { path: path.into_owned(), executable, size }
            }
            Entry::File { path, .. } if path == MANIFEST => return Err(GivenUp),
            Entry::File { path, executable, size } => {
                let file = blobs.create(dir, UNNAMED, executable).map_err(|_| GivenUp)?;
                let entry = FileEntry { path: path.into_owned(), blob: String::new(), size: size as u64, executable };
                Self::Large(Box::new(Large { entry, size, left: size, hasher: Hasher::new(), file }))
            }
        })
    }

    /// So many bytes must be there before any is taken.
    fn wants(&self) -> usize {
        match self {
            Self::Header => BLOCK,
            Self::Extension(_, size, _) | Self::File { size, .. } => *size,
            Self::Skipped(size) => (*size).min(1),
            Self::Large(_) | Self::Nothing => 1,
        }
    }

    /// What follows data of this size: they fill blocks.
    fn padding(size: usize) -> Self {
        Self::Skipped(size.next_multiple_of(BLOCK) - size)
    }
}

impl Large {
    fn write(&mut self, data: &[u8]) -> io::Result<()> {
        self.hasher.write(data);
        self.left -= data.len();
        self.file.write_all(data)
    }

    /// Gives the file, which is so many'th, the name that its content makes.
    fn end(self, dir: &Dir, blobs: &mut Blobs, at: usize) -> io::Result<(FileEntry, usize)> {
        let blob = blob(self.hasher.finish_128(), self.entry.executable);
        match blobs.take(&blob, at) {
            None => dir.rename(UNNAMED, dir, &blob)?,
            Some(_) => {
                held_to(dir, &blob, dir.open(UNNAMED)?)?;
                dir.remove_file(UNNAMED)?;
            }
        }
        Ok((FileEntry { blob, ..self.entry }, self.size))
    }
}

/// An error unless the file of this name has this content.
fn held_to(dir: &Dir, name: &str, content: impl Read) -> io::Result<()> {
    let (mut one, mut other) = (BufReader::new(dir.open(name)?), BufReader::new(content));
    loop {
        let (left, right) = (one.fill_buf()?, other.fill_buf()?);
        let both = left.len().min(right.len());
        if left[..both] != right[..both] || (both == 0 && left.len() != right.len()) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if both == 0 {
            return Ok(());
        }
        one.consume(both);
        other.consume(both);
    }
}

#[cfg(test)]
mod tests;
