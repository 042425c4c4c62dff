//! One 512-byte header of a tar: its fields, checked.

use std::borrow::Cow;

/// What an entry is, as far as a package cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    Pax,
    PaxGlobal,
    GnuLongName,
    GnuLongLink,
    /// Links, devices, pipes, sparse files and whatever else: left out.
    Other,
}

/// A header.
#[derive(Debug)]
pub(super) struct Header<'a> {
    pub(super) kind: Kind,
    pub(super) size: u64,
    /// It is of a kind that has no data.
    pub(super) is_bare: bool,
    pub(super) mode: u32,
    name: &'a [u8],
    prefix: &'a [u8],
}

impl<'a> Header<'a> {
    /// Reads the fields of a block of 512 bytes.
    pub(super) fn parse(block: &'a [u8]) -> Result<Self, &'static str> {
        let stated = octal(&block[148..156]).ok_or("a header has no checksum")?;
        let unsigned = checksum(block);
        if stated != unsigned && i64::try_from(stated) != Ok(signed_checksum(block, unsigned)) {
            return Err("the checksum of a header is wrong");
        }
        let kind = match block[156] {
            b'0' | 0 | b'7' => Kind::File,
            b'5' => Kind::Folder,
            b'x' => Kind::Pax,
            b'g' => Kind::PaxGlobal,
            b'L' => Kind::GnuLongName,
            b'K' => Kind::GnuLongLink,
            _ => Kind::Other,
        };
        let size = match (kind, number(&block[124..136])) {
            (_, Some(size)) => size,
            (Kind::Folder | Kind::Other, None) => 0,
            (_, None) => return Err("the size of an entry is no number"),
        };
        // A folder has no data, whatever its header says; links neither.
        let is_bare = kind == Kind::Folder || matches!(block[156], b'1'..=b'6');
        let size = if is_bare { 0 } else { size };
        let mode = number(&block[100..108]).and_then(|mode| u32::try_from(mode).ok()).unwrap_or(0o644);
        let ustar = &block[257..263] == b"ustar\0"; // GNU's own magic has a space there, and no prefix field
        let name = text(&block[..100]);
        // Old tars mark a folder by a slash at the end.
        let kind = if kind == Kind::File && name.ends_with(b"/") { Kind::Folder } else { kind };
        Ok(Self { kind, size, is_bare, mode, name, prefix: if ustar { text(&block[345..500]) } else { b"" } })
    }

    /// `prefix/name`.
    pub(super) fn path(&self) -> Cow<'a, [u8]> {
        if self.prefix.is_empty() {
            return Cow::Borrowed(self.name);
        }
        Cow::Owned([self.prefix, b"/", self.name].concat())
    }
}

/// Up to the first zero byte.
fn text(field: &[u8]) -> &[u8] {
    field.split(|&byte| byte == 0).next().unwrap_or(field)
}

/// Octal digits, or GNU's base-256 form for what does not fit; `None` for anything else, negative numbers included.
fn number(field: &[u8]) -> Option<u64> {
    match field[0] {
        0x80 => {
            let (high, low) = field.split_at(field.len() - 8);
            high[1..].iter().all(|&byte| byte == 0).then(|| low.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte)))
        }
        0x81..=0xff => None,
        _ => octal(field),
    }
}

/// Digits between spaces and zero bytes; an empty field is 0.
fn octal(field: &[u8]) -> Option<u64> {
    let digits = field.trim_ascii_start().split(|byte| matches!(byte, 0 | b' ')).next()?;
    digits.iter().try_fold(0u64, |sum, &byte| {
        let digit = matches!(byte, b'0'..=b'7').then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(8)?.checked_add(digit)
    })
}

/// The sum of all bytes; the checksum field itself counts as spaces.
fn checksum(block: &[u8]) -> u64 {
    // Plain sums over whole slices, which compilers turn into vector code; then the field is exchanged for spaces.
    let sum = |bytes: &[u8]| bytes.iter().map(|&byte| u32::from(byte)).sum::<u32>();
    u64::from(sum(block) - sum(&block[148..156])) + 8 * u64::from(b' ')
}

/// The same, as some old tars sum it: bytes are signed.
fn signed_checksum(block: &[u8], unsigned: u64) -> i64 {
    let high = |bytes: &[u8]| bytes.iter().map(|&byte| u32::from(byte >> 7)).sum::<u32>();
    let negative = high(block) - high(&block[148..156]);
    unsigned.cast_signed() - 256 * i64::from(negative)
}
