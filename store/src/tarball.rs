//! A strict reader of npm tarballs that are in memory. Whatever two readers could understand differently is an error
//! with a stable code, not a choice; links, devices and the like are left out, as npm and pnpm do. Nothing here touches
//! the disk: what comes out are names that are safe to use and slices of the input.
//!
//! Formats: ustar and PAX (POSIX.1-2017, `pax`), GNU long names.

use std::{borrow::Cow, collections::HashMap};

mod header;
mod path;

use header::{Header, Kind};
pub(crate) use path::below_package;

/// What a package may be at most.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Of all files together, bytes.
    pub unpacked: u64,
    /// Of one file, bytes.
    pub entry: u64,
    /// Entries.
    pub entries: usize,
    /// Bytes of a path.
    pub path: usize,
    /// Components of a path.
    pub depth: usize,
    /// Unpacked to packed, from 32 MiB on.
    pub ratio: usize,
    /// Of `package.json`, bytes.
    pub manifest: u64,
}

impl Default for Limits {
    /// Far above every package in use: the largest of the registry unpack to a few hundred MiB and 100,000 files.
    fn default() -> Self {
        Self {
            unpacked: 2 << 30,
            entry: 1 << 30,
            entries: 400_000,
            path: 4096,
            depth: 256,
            ratio: 1000,
            manifest: 16 << 20,
        }
    }
}

/// Why a tarball is refused. Final: the same bytes are refused again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The outer layer.
    #[error("the tarball is damaged: {0}")]
    Gzip(&'static str),
    /// A header or the layout.
    #[error("the tarball is malformed at byte {offset}: {reason}")]
    Malformed {
        /// Where in the unpacked tar.
        offset: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// A path that could be read in two ways, or that no file system bears.
    #[error("the tarball has an entry with a path that is refused: {path:?}: {reason}")]
    Path {
        /// The path, control characters escaped, cut after 200 characters.
        path: String,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// A path that leads out of the package.
    #[error("the tarball has an entry that leads out of the package: {path:?}")]
    Traversal {
        /// The path, cut after 200 characters.
        path: String,
    },
    /// A path that is a file and a folder.
    #[error("the tarball has both a file {path:?} and entries below it")]
    FileAndFolder {
        /// The path.
        path: String,
    },
    /// Files whose content was made so that they have one digest.
    #[error("the tarball has files that differ and have the same digest: {one:?} and {other:?}")]
    Forged {
        /// A path.
        one: String,
        /// Another one.
        other: String,
    },
    /// A limit.
    #[error("the tarball is over a limit: {what} of at most {limit}")]
    TooLarge {
        /// Which.
        what: &'static str,
        /// How much is allowed.
        limit: u64,
    },
}

impl Rejection {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Gzip(_) => "ERR_PNPM_TARBALL_DECODE_GZIP",
            Self::Malformed { .. } => "ERR_PNPM_TARBALL_EXTRACT",
            Self::Path { .. } => "ERR_WASI_PM_TAR_PATH",
            Self::Traversal { .. } => "ERR_WASI_PM_TAR_PATH_TRAVERSAL",
            Self::FileAndFolder { .. } => "ERR_WASI_PM_TAR_FILE_DIR_CONFLICT",
            Self::Forged { .. } => "ERR_WASI_PM_TAR_FORGED",
            Self::TooLarge { .. } => "ERR_PNPM_TARBALL_TOO_LARGE",
        }
    }
}

/// The files of a tarball.
#[derive(Debug, Default)]
pub(crate) struct Contents<'a> {
    /// By path.
    pub(crate) files: Vec<File<'a>>,
    /// Links, devices and the like.
    pub(crate) skipped: u32,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File<'a> {
    /// Below the package: normal components, `/` between them.
    pub(crate) path: Cow<'a, str>,
    /// Its content.
    pub(crate) data: &'a [u8],
    /// Any of the executable bits.
    pub(crate) executable: bool,
}

/// Of which a tar is made, bytes.
pub(crate) const BLOCK: usize = 512;

/// What extended headers say of the next entry.
#[derive(Debug, Default)]
struct Extended {
    path: Option<Vec<u8>>,
    size: Option<u64>,
    from_pax: bool,
    from_gnu: bool,
}

impl Extended {
    fn is_empty(&self) -> bool {
        !self.from_pax && !self.from_gnu
    }
}

/// What a header begins, and how many bytes of data follow it.
#[derive(Debug)]
pub(crate) enum Entry<'a> {
    /// The end-of-archive mark; what follows is padding.
    End,
    /// An extended header: its data belong to [`Reader::extend`].
    Extension(Extension, usize),
    /// A file.
    File { path: Cow<'a, str>, executable: bool, size: usize },
    /// A folder, a link, a device or the like.
    Skipped(usize),
}

/// An extended header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extension(Kind);

/// The rules of a tar, header by header: whoever has all of it and whoever gets it bit by bit read the same.
#[derive(Debug)]
pub(crate) struct Reader {
    limits: Limits,
    extended: Extended,
    entries: usize,
    total: u64,
    /// Links, devices and the like so far.
    pub(crate) skipped: u32,
}

impl Reader {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { limits: limits.clone(), extended: Extended::default(), entries: 0, total: 0, skipped: 0 }
    }

    /// Takes the block of 512 bytes at this offset as the next header.
    pub(crate) fn header<'a>(&mut self, block: &'a [u8], offset: usize) -> Result<Entry<'a>, Rejection> {
        let malformed = |reason| Rejection::Malformed { offset, reason };
        if block.iter().all(|&byte| byte == 0) {
            return Ok(Entry::End);
        }
        let limits = &self.limits;
        self.entries += 1;
        if self.entries > limits.entries {
            return Err(Rejection::TooLarge { what: "entries", limit: limits.entries as u64 });
        }
        let header = Header::parse(block).map_err(malformed)?;
        let size = effective_size(&header, &self.extended).map_err(malformed)?;
        if size > limits.entry {
            return Err(Rejection::TooLarge { what: "size of an entry", limit: limits.entry });
        }
        let length = usize::try_from(size).map_err(|_| malformed("a size is too large"))?;
        if matches!(header.kind, Kind::Pax | Kind::PaxGlobal | Kind::GnuLongName | Kind::GnuLongLink) {
            return Ok(Entry::Extension(Extension(header.kind), length));
        }
        if self.extended.from_pax && self.extended.from_gnu {
            return Err(malformed("an entry has both a PAX header and a GNU long name"));
        }
        let of = std::mem::take(&mut self.extended);
        if header.kind != Kind::File {
            self.skipped += u32::from(header.kind == Kind::Other);
            return Ok(Entry::Skipped(length));
        }
        self.total += size;
        if self.total > limits.unpacked {
            return Err(Rejection::TooLarge { what: "unpacked size", limit: limits.unpacked });
        }
        Ok(Entry::File { path: path(&header, of.path, limits)?, executable: header.mode & 0o111 != 0, size: length })
    }

    /// Takes the data of an extended header whose header is at this offset.
    pub(crate) fn extend(&mut self, extension: Extension, data: &[u8], offset: usize) -> Result<(), Rejection> {
        let extended = &mut self.extended;
        let read = match extension.0 {
            Kind::Pax => read_pax(data, extended),
            Kind::PaxGlobal => check_global(data),
            kind => {
                if kind == Kind::GnuLongName {
                    extended.path = Some(data.strip_suffix(&[0]).unwrap_or(data).to_vec());
                }
                extended.from_gnu = true; // GnuLongLink: of a link, which is left out
                Ok(())
            }
        };
        read.map_err(|reason| Rejection::Malformed { offset, reason })
    }

    /// To be asked after the last entry of a tar of so many bytes.
    pub(crate) fn end(&self, length: usize) -> Result<(), Rejection> {
        if self.extended.is_empty() {
            return Ok(());
        }
        Err(Rejection::Malformed { offset: length, reason: "an extended header has no entry" })
    }
}

/// Reads a whole tar.
///
/// # Errors
/// [`Rejection`], for the first thing that is wrong.
pub(crate) fn read<'a>(tar: &'a [u8], limits: &Limits) -> Result<Contents<'a>, Rejection> {
    let mut files = Vec::new();
    let mut reader = Reader::new(limits);
    let mut at = 0;
    while at < tar.len() {
        let offset = at;
        let malformed = |reason| Rejection::Malformed { offset, reason };
        let block = tar.get(at..at + BLOCK).ok_or_else(|| malformed("a header is cut off"))?;
        let data = |size: usize| {
            let start = offset + BLOCK;
            tar.get(start..start.saturating_add(size)).ok_or_else(|| malformed("an entry is cut off"))
        };
        let size = match reader.header(block, offset)? {
            Entry::End => break,
            Entry::Extension(extension, size) => {
                reader.extend(extension, data(size)?, offset)?;
                size
            }
            Entry::File { path, executable, size } => {
                files.push(File { path, data: data(size)?, executable });
                size
            }
            Entry::Skipped(size) => data(size)?.len(),
        };
        at += BLOCK + size.next_multiple_of(BLOCK);
    }
    reader.end(tar.len())?;
    Ok(Contents { files: unique(files)?, skipped: reader.skipped })
}

/// A PAX size counts; a header that states another one, other than the 0 of sizes that do not fit, is refused.
fn effective_size(header: &Header<'_>, extended: &Extended) -> Result<u64, &'static str> {
    match (header.kind, extended.size) {
        (Kind::Pax | Kind::PaxGlobal | Kind::GnuLongName | Kind::GnuLongLink, _) if header.size > 1 << 20 => {
            Err("an extended header is larger than 1 MiB")
        }
        (Kind::Pax | Kind::PaxGlobal | Kind::GnuLongName | Kind::GnuLongLink, _) | (_, None) => Ok(header.size),
        (_, Some(1..)) if header.is_bare => Err("an entry of a kind that has no data has a PAX size"),
        (_, Some(size)) if header.size == size || header.size == 0 => Ok(size),
        (_, Some(_)) => Err("the PAX size of an entry differs from that of its header"),
    }
}

/// Reads `<length> <key>=<value>\n` records; only path and size matter to a package.
fn read_pax(data: &[u8], extended: &mut Extended) -> Result<(), &'static str> {
    if extended.from_pax {
        return Err("an entry has two PAX headers");
    }
    extended.from_pax = true;
    for record in records(data) {
        let (key, value) = record?;
        match key {
            b"path" => extended.path = Some(value.to_vec()),
            b"size" => {
                let text = std::str::from_utf8(value).map_err(|_| "a PAX size is no number")?;
                extended.size = Some(text.parse().map_err(|_| "a PAX size is no number")?);
            }
            b"GNU.sparse.name" | b"GNU.sparse.realsize" | b"GNU.sparse.major" => {
                return Err("an entry is a sparse file");
            }
            _ => {}
        }
    }
    Ok(())
}

/// A global header may carry what does not matter to a package, such as the commit that `git archive` notes.
fn check_global(data: &[u8]) -> Result<(), &'static str> {
    for record in records(data) {
        if matches!(record?.0, b"path" | b"size" | b"linkpath") {
            return Err("a global PAX header changes every entry");
        }
    }
    Ok(())
}

fn records(mut data: &[u8]) -> impl Iterator<Item = Result<(&[u8], &[u8]), &'static str>> {
    std::iter::from_fn(move || {
        if data.is_empty() || data[0] == 0 {
            return None;
        }
        let record = record(data);
        match record {
            Ok((_, _, length)) => data = &data[length..],
            Err(_) => data = &[],
        }
        Some(record.map(|(key, value, _)| (key, value)))
    })
}

fn record(data: &[u8]) -> Result<(&[u8], &[u8], usize), &'static str> {
    let space = data.iter().take(12).position(|&byte| byte == b' ').ok_or("a PAX record has no length")?;
    let length: usize = std::str::from_utf8(&data[..space])
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or("a PAX record has no length")?;
    let record = data.get(space + 1..length).ok_or("a PAX record is longer than its header")?;
    let record = record.strip_suffix(b"\n").ok_or("a PAX record does not end in a newline")?;
    let equals = record.iter().position(|&byte| byte == b'=').ok_or("a PAX record has no value")?;
    let (key, value) = (&record[..equals], &record[equals + 1..]);
    if matches!(key, b"path" | b"size") && value.contains(&0) {
        return Err("a PAX value has a zero byte");
    }
    Ok((key, value, length))
}

fn path<'a>(header: &Header<'a>, long: Option<Vec<u8>>, limits: &Limits) -> Result<Cow<'a, str>, Rejection> {
    match long.map_or_else(|| header.path(), Cow::Owned) {
        Cow::Borrowed(raw) => below_package(raw, limits),
        Cow::Owned(raw) => Ok(Cow::Owned(below_package(&raw, limits)?.into_owned())),
    }
}

/// Of two entries with the same path the last one counts, as in npm; a path that is a file and a folder is refused.
pub(crate) fn unique(files: Vec<File<'_>>) -> Result<Vec<File<'_>>, Rejection> {
    let mut last: HashMap<Cow<'_, str>, usize> = HashMap::with_capacity(files.len());
    for (at, file) in files.iter().enumerate() {
        last.insert(file.path.clone(), at);
    }
    let mut kept: Vec<File<'_>> = Vec::with_capacity(last.len());
    for (at, file) in files.into_iter().enumerate() {
        if last.get(&file.path) == Some(&at) {
            kept.push(file);
        }
    }
    kept.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    for file in &kept {
        for (slash, _) in file.path.match_indices('/') {
            if last.contains_key(&file.path[..slash]) {
                return Err(Rejection::FileAndFolder { path: file.path[..slash].to_owned() });
            }
        }
    }
    Ok(kept)
}

#[cfg(test)]
pub(crate) mod tests;
