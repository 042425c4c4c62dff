//! Finds values in JSON without building them: every value is a span of bytes. It is lenient inside values that are
//! only skipped (whoever reads such a span parses it), bounded in depth, and never panics.

use std::borrow::Cow;

use memchr::memchr2;

/// Values nested deeper than this are refused.
const MAX_DEPTH: usize = 256;

/// A part of the text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// Its first byte.
    pub(super) start: usize,
    /// The byte after its last.
    pub(super) end: usize,
}

impl Span {
    /// The bytes.
    pub(super) fn of(self, text: &[u8]) -> &[u8] {
        &text[self.start..self.end]
    }
}

/// Why a text could not be walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ScanError {
    /// It ends early or is not JSON, at this byte.
    #[error("it is not JSON at byte {0}")]
    Malformed(usize),
    /// It is nested too deeply.
    #[error("it is nested more than {MAX_DEPTH} deep")]
    TooDeep,
}

/// Walks the entries of the object that starts at `at` (after white space): calls `entry` with the raw key (without
/// quotes) and the span of the value; returns the byte after the object.
pub(super) fn object(
    text: &[u8],
    at: usize,
    mut entry: impl FnMut(Span, Span) -> Result<(), ScanError>,
) -> Result<usize, ScanError> {
    walk(text, at, |key, start| {
        let end = value(text, start)?;
        entry(key, Span { start, end }).map(|()| end)
    })
}

/// As [`object`], for values that are walked themselves, so that nothing is passed over twice: `entry` gets the byte
/// where a value starts and returns the byte after it.
pub(super) fn walk(
    text: &[u8],
    at: usize,
    mut entry: impl FnMut(Span, usize) -> Result<usize, ScanError>,
) -> Result<usize, ScanError> {
    let mut at = expect(text, at, b'{')?;
    at = space(text, at);
    if text.get(at) == Some(&b'}') {
        return Ok(at + 1);
    }
    loop {
        at = space(text, at);
        let after = string(text, at)?;
        let key = Span { start: at + 1, end: after - 1 };
        let start = space(text, expect(text, after, b':')?);
        at = space(text, entry(key, start)?);
        match text.get(at) {
            Some(b',') => at += 1,
            Some(b'}') => return Ok(at + 1),
            _ => return Err(ScanError::Malformed(at)),
        }
    }
}

/// The byte after the value that starts at `at`.
pub(super) fn value(text: &[u8], at: usize) -> Result<usize, ScanError> {
    match text.get(at) {
        Some(b'"') => string(text, at),
        Some(b'{' | b'[') => container(text, at),
        Some(b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
            let rest = &text[at..];
            let length = rest
                .iter()
                .position(|byte| !matches!(byte, b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'E'))
                .unwrap_or(rest.len());
            Ok(at + length)
        }
        _ => Err(ScanError::Malformed(at)),
    }
}

/// The text of a string span (with its quotes); `None` if the value is no string or not UTF-8.
pub(super) fn text(value: &[u8]) -> Option<Cow<'_, str>> {
    let inner = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    unescape(inner)
}

/// The text of a raw key.
pub(super) fn unescape(inner: &[u8]) -> Option<Cow<'_, str>> {
    if memchr::memchr(b'\\', inner).is_none() {
        return std::str::from_utf8(inner).ok().map(Cow::Borrowed);
    }
    let mut quoted = Vec::with_capacity(inner.len() + 2);
    quoted.push(b'"');
    quoted.extend_from_slice(inner);
    quoted.push(b'"');
    serde_json::from_slice::<String>(&quoted).ok().map(Cow::Owned)
}

/// The byte after white space.
pub(super) fn space(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

fn expect(text: &[u8], at: usize, wanted: u8) -> Result<usize, ScanError> {
    let at = space(text, at);
    if text.get(at) == Some(&wanted) { Ok(at + 1) } else { Err(ScanError::Malformed(at)) }
}

fn string(text: &[u8], at: usize) -> Result<usize, ScanError> {
    if text.get(at) != Some(&b'"') {
        return Err(ScanError::Malformed(at));
    }
    let mut next = at + 1;
    while let Some(found) = text.get(next..).and_then(quote_or_backslash) {
        next += found;
        if text[next] == b'"' {
            return Ok(next + 1);
        }
        next += 2;
    }
    Err(ScanError::Malformed(at))
}

/// Where the first quote or backslash is. Most texts are names of a few bytes, for which eight at a time are faster
/// than starting a search that is made for long ones.
fn quote_or_backslash(text: &[u8]) -> Option<usize> {
    let mut words = text.as_chunks::<8>().0.iter().take(4).enumerate();
    let near = words.find_map(|(at, word)| {
        let word = u64::from_le_bytes(*word);
        let found = zero_bytes(word ^ QUOTES) | zero_bytes(word ^ BACKSLASHES);
        (found != 0).then(|| at * 8 + found.trailing_zeros() as usize / 8)
    });
    near.or_else(|| {
        let passed = (text.len() / 8).min(4) * 8;
        memchr2(b'"', b'\\', &text[passed..]).map(|at| at + passed)
    })
}

/// One in each byte.
const EACH: u64 = 0x0101_0101_0101_0101;
const QUOTES: u64 = EACH * b'"' as u64;
const BACKSLASHES: u64 = EACH * b'\\' as u64;

/// The highest bit of each byte that is zero, and maybe of some above the first one.
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(EACH) & !word & (EACH << 7)
}

fn container(text: &[u8], start: usize) -> Result<usize, ScanError> {
    let mut depth = 0;
    let mut at = start;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                at = string(text, at)?;
                continue;
            }
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(ScanError::TooDeep);
                }
            }
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Ok(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
    Err(ScanError::Malformed(start))
}

#[cfg(test)]
mod tests;
