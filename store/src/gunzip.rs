//! Decompression of a whole tarball in one go: libdeflate needs 0.31 CPU seconds for the 1,346 tarballs of a large
//! project where streaming inflaters need 0.6. One gzip member, nothing after it but zeros: what two decoders could
//! read differently is an error.

use std::{cell::RefCell, sync::Mutex};

use libdeflater::{DecompressionError, Decompressor};

use crate::tarball::{Limits, Rejection};

thread_local! {
    /// Decompressor and output, reused from tarball to tarball: both are large.
    static REUSED: RefCell<(Decompressor, Vec<u8>)> = RefCell::new((Decompressor::new(), Vec::new()));
}

/// For tarballs that unpack to more than [`OWN`].
static LARGE: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Up to so many bytes a thread has an output buffer of its own.
const OWN: usize = 6 << 20;
/// What an output buffer may keep between two tarballs, bytes: the pages of a new one cost more than inflating into
/// it. Only the largest packages of the registry unpack to more.
const KEPT: usize = 96 << 20;
/// By what an output buffer grows, bytes: only what is written to takes memory, and a new buffer loses what it has.
const STEP: usize = KEPT / 2;
/// Below this size no compression ratio is suspicious.
const RATIO_FROM: usize = 32 << 20;

/// Decompresses and hands the tar to `read`.
pub(crate) fn with_tar<T>(
    gz: &[u8],
    limits: &Limits,
    read: impl FnOnce(&[u8]) -> Result<T, Rejection>,
) -> Result<T, Rejection> {
    REUSED.with_borrow_mut(|(decompressor, own)| {
        // All threads share one large buffer, as long as they do not want it at once: new pages are what costs.
        let mut shared = if stated_length(gz) as usize > OWN { LARGE.try_lock().ok() } else { None };
        let buffer = shared.as_deref_mut().unwrap_or(own);
        let length = gunzip(decompressor, gz, buffer, limits)?;
        let result = read(&buffer[..length]);
        if buffer.len() > KEPT {
            *buffer = Vec::new();
        }
        result
    })
}

/// Decompresses into `out`, which grows as needed; the length of the result.
fn gunzip(inflater: &mut Decompressor, gz: &[u8], out: &mut Vec<u8>, limits: &Limits) -> Result<usize, Rejection> {
    if gz.len() < SMALLEST || gz[..3] != MAGIC {
        return Err(Rejection::Gzip("it is not compressed with gzip"));
    }
    // libdeflate stops after the first member and does not say where that was. A second one needs a second header,
    // which is rare enough in compressed data to afford the proof: without its last bytes a single member is cut off,
    // and the first of several is not. The proof comes first, because it spoils the output.
    if has_another_header(gz) && inflate(inflater, &gz[..gz.len() - TRAILER - 1], out, limits).is_ok() {
        return Err(Rejection::Gzip("it has more than one gzip member"));
    }
    let length = inflate(inflater, gz, out, limits)?;
    let end = gz.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    // Padding with zeros is harmless, and a length may itself end in zeros: the last length that fits counts.
    let ends_here = (end..=(end + 4).min(gz.len())).any(|end| stated_length(&gz[..end]) as usize == length & LOW);
    if !ends_here {
        return Err(Rejection::Gzip("something follows the compressed data"));
    }
    Ok(length)
}

/// The first bytes of a gzip member that is compressed with deflate.
const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
/// Flags of a member that must be zero: every decoder refuses a member that has one.
const RESERVED: u8 = 0xe0;
/// The trailer of a member, bytes.
const TRAILER: usize = 8;
/// Header and trailer of a member, bytes.
const SMALLEST: usize = 18;
/// A member states its length modulo 2^32.
const LOW: usize = u32::MAX as usize;

/// Whether anything behind the first header could begin another member.
fn has_another_header(gz: &[u8]) -> bool {
    let rest = &gz[MAGIC.len()..];
    memchr::memmem::find_iter(rest, &MAGIC)
        .any(|at| rest.get(at + MAGIC.len()).is_none_or(|flags| flags & RESERVED == 0))
}

/// The length that the end of a member states.
fn stated_length(gz: &[u8]) -> u32 {
    gz.last_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn inflate(inflater: &mut Decompressor, gz: &[u8], out: &mut Vec<u8>, limits: &Limits) -> Result<usize, Rejection> {
    let most = usize::try_from(limits.unpacked).unwrap_or(usize::MAX);
    // A hint, never trusted beyond what deflate can do (1032:1).
    let mut room = (stated_length(gz) as usize).min(gz.len().saturating_mul(1032)).clamp(512, most);
    loop {
        if out.len() < room {
            *out = Vec::new(); // before the new one, so that not both are held
            *out = vec![0; room.next_multiple_of(STEP)]; // zero pages of the system: nothing is written twice
        }
        match inflater.gzip_decompress(gz, &mut out[..room]) {
            Ok(length) if length > RATIO_FROM && length / gz.len() > limits.ratio => {
                return Err(Rejection::TooLarge { what: "compression ratio", limit: limits.ratio as u64 });
            }
            Ok(length) => return Ok(length),
            Err(DecompressionError::InsufficientSpace) if room < most => room = room.saturating_mul(2).min(most),
            Err(DecompressionError::InsufficientSpace) => {
                return Err(Rejection::TooLarge { what: "unpacked size", limit: limits.unpacked });
            }
            Err(DecompressionError::BadData) => {
                return Err(Rejection::Gzip("the compressed data are damaged or cut off"));
            }
        }
    }
}

#[cfg(test)]
mod tests;
