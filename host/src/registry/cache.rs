//! Packuments on disk: `<cacheDir>/v1/metadata/<registry>/<abbreviated|full>/<name>`, one file each.
//!
//! ```text
//! magic 8 · stamp 8 · checked at 8 · fresh for 8 · length of the index 8 · length of the body 8     little endian
//! index   (postcard: validators and what the resolver is told, ready made)
//! body    (the manifests one after another, newest first)
//! ```
//! A warm look-up is one open and one read; a manifest is one more read. Files come whole by rename, without fsync:
//! what does not fit its own lengths is no entry. The stamp, a digest of index and body, tells a reader that the file
//! is still the one whose index it holds, or one that another process has written with the same content; only the two
//! times are ever written in place.

use std::{
    borrow::Cow,
    cell::RefCell,
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use twox_hash::xxhash3_128;
use wit::PackageName;

use super::packument::Index;
use crate::cache;

/// Cached metadata is used unasked for this long at most, milliseconds.
pub const MAX_FRESH: u64 = 5 * 60 * 1000;

const MAGIC: &[u8; 8] = b"wpm-md01";
const HEADER: usize = 48;
/// Most entries have their index and newest manifests in this many bytes.
const FIRST_READ: usize = 24 << 10;
/// No index is longer; what says so is damaged.
const MAX_INDEX: u64 = 256 << 20;

/// What a registry gave to ask again with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Validators {
    /// `ETag`.
    pub(super) etag: Option<String>,
    /// `Last-Modified`.
    pub(super) last_modified: Option<String>,
}

/// Until when an entry is used unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Freshness {
    /// Milliseconds since 1970.
    pub(super) checked_at: u64,
    /// Milliseconds.
    pub(super) fresh_for: u64,
}

impl Freshness {
    /// It may be used unasked. A time in the future (a clock that went back) counts as old.
    pub(super) fn holds_at(self, now: u64) -> bool {
        now >= self.checked_at && now - self.checked_at < self.fresh_for.min(MAX_FRESH)
    }
}

/// An entry, read.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) index: Index,
    pub(super) validators: Validators,
    pub(super) freshness: Freshness,
    pub(super) place: Place,
    /// The first bytes of the body.
    pub(super) head: Vec<u8>,
}

/// Where the manifests of an entry are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    path: PathBuf,
    stamp: u64,
    body_at: u64,
    body_len: u64,
}

/// The file of a package. Names with upper case get a digest, because some file systems do not tell them apart.
pub(super) fn path(folder: &Path, full: bool, name: &PackageName) -> PathBuf {
    let form = folder.join(if full { "full" } else { "abbreviated" });
    let text = name.as_str();
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        let digest = blake3::hash(text.as_bytes()).to_hex();
        return form.join(format!("{}_{}", text.to_ascii_lowercase(), &digest[..16]));
    }
    form.join(text)
}

thread_local! {
    /// The bytes of the first read: a thread reads one entry after another.
    static FIRST: RefCell<Vec<u8>> = RefCell::new(vec![0; FIRST_READ]);
}

/// Reads an entry; `None`: there is none that can be used.
pub(super) fn load(path: &Path) -> Option<Entry> {
    let file = File::open(path).ok()?;
    FIRST.with_borrow_mut(|buffer| {
        let got = file.read_at(buffer, 0).ok()?;
        read(&file, path, &buffer[..got])
    })
}

/// Reads an entry of which `first` has the first bytes: [`FIRST_READ`], or all there are.
fn read(file: &File, path: &Path, first: &[u8]) -> Option<Entry> {
    let header = Header::parse(first)?;
    if header.index_len > MAX_INDEX {
        return None;
    }
    let index_end = HEADER + usize::try_from(header.index_len).ok()?;
    let index = match first.get(HEADER..index_end) {
        Some(index) => Cow::Borrowed(index),
        None => {
            let mut index = vec![0; index_end - HEADER];
            file.read_exact_at(&mut index, HEADER as u64).ok()?;
            Cow::Owned(index)
        }
    };
    let (validators, index) = postcard::from_bytes(&index).ok()?;
    let body_at = index_end as u64;
    let length = body_at.checked_add(header.body_len)?;
    // Where the whole file is here, its length is known without asking for it.
    let is_whole = first.len() < FIRST_READ && first.len() as u64 == length;
    (is_whole || file.metadata().ok()?.len() == length).then_some(())?;
    Some(Entry {
        index,
        validators,
        freshness: Freshness { checked_at: header.checked_at, fresh_for: header.fresh_for },
        place: Place { path: path.to_owned(), stamp: header.stamp, body_at, body_len: header.body_len },
        head: first.get(index_end..).unwrap_or_default().to_vec(),
    })
}

/// Writes an entry.
///
/// # Errors
/// What the file system says; the old entry, if any, stays.
pub(super) fn store(
    path: &Path,
    index: &Index,
    body: &[u8],
    validators: &Validators,
    freshness: Freshness,
) -> io::Result<Place> {
    let index = postcard::to_stdvec(&(validators, index)).map_err(io::Error::other)?;
    let stamp = stamp(&index, body);
    let (index_len, body_len) = (index.len() as u64, body.len() as u64);
    let header =
        Header { stamp, checked_at: freshness.checked_at, fresh_for: freshness.fresh_for, index_len, body_len };
    cache::replace(path, &[&[&header.bytes()[..], &index].concat(), body])?;
    Ok(Place { path: path.to_owned(), stamp, body_at: HEADER as u64 + index_len, body_len })
}

fn stamp(index: &[u8], body: &[u8]) -> u64 {
    let mut hasher = xxhash3_128::Hasher::new();
    hasher.write(index);
    hasher.write(body);
    // Half of the digest tells two states of one packument apart.
    hasher.finish_128() as u64
}

/// Notes that the registry confirmed an entry.
///
/// # Errors
/// What the file system says; also if the file is another by now.
pub(super) fn renew(place: &Place, freshness: Freshness) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(&place.path)?;
    let mut header = [0; HEADER];
    file.read_exact_at(&mut header, 0)?;
    if Header::parse(&header).is_none_or(|header| header.stamp != place.stamp) {
        return Err(io::Error::other("the entry is another by now"));
    }
    let times = [freshness.checked_at.to_le_bytes(), freshness.fresh_for.to_le_bytes()].concat();
    file.write_all_at(&times, 16)
}

impl Place {
    /// Reads a manifest; `None` if the file is gone or another by now.
    pub(super) fn read(&self, (start, length): (u32, u32)) -> Option<Vec<u8>> {
        if u64::from(start) + u64::from(length) > self.body_len {
            return None;
        }
        let file = File::open(&self.path).ok()?;
        let mut stamp = [0; 8];
        file.read_exact_at(&mut stamp, 8).ok()?;
        if u64::from_le_bytes(stamp) != self.stamp {
            return None;
        }
        let mut manifest = vec![0; length as usize];
        file.read_exact_at(&mut manifest, self.body_at + u64::from(start)).ok()?;
        is_object(&manifest).then_some(manifest)
    }
}

/// It begins and ends as an object does: a file that lost its content in a power cut does not.
pub(super) fn is_object(manifest: &[u8]) -> bool {
    manifest.first() == Some(&b'{') && manifest.last() == Some(&b'}')
}

struct Header {
    stamp: u64,
    checked_at: u64,
    fresh_for: u64,
    index_len: u64,
    body_len: u64,
}

impl Header {
    fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.get(..8)? != MAGIC {
            return None;
        }
        let number = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        Some(Self {
            stamp: number(8)?,
            checked_at: number(16)?,
            fresh_for: number(24)?,
            index_len: number(32)?,
            body_len: number(40)?,
        })
    }

    fn bytes(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(MAGIC);
        let fields = [self.stamp, self.checked_at, self.fresh_for, self.index_len, self.body_len];
        for (at, field) in fields.iter().enumerate() {
            bytes[8 + at * 8..16 + at * 8].copy_from_slice(&field.to_le_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests;
