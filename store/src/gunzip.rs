//! Decompression of a whole tarball in one go: libdeflate needs 0.31 CPU seconds for the 1,346 tarballs of a large
//! project where streaming inflaters need 0.6. One gzip member and zeros behind it: several members, which two decoders
//! could read differently, are an error, and so is what does not end with the length of what came out.

use std::{
    cell::RefCell,
    sync::{Mutex, MutexGuard, PoisonError, TryLockError},
};

use libdeflater::{DecompressionError, Decompressor};

use crate::tarball::{Limits, Rejection};

thread_local! {
    /// Decompressor, and output of up to [`OWN`] bytes, reused from tarball to tarball: both are large.
    static REUSED: RefCell<(Decompressor, Vec<u8>)> = RefCell::new((Decompressor::new(), Vec::new()));
}

/// For tarballs that unpack to more than [`OWN`]: all threads share one buffer, since new pages are what costs.
static LARGE: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Up to so many bytes a thread has an output buffer of its own.
const OWN: usize = 6 << 20;
/// What [`LARGE`] may keep between two tarballs, bytes: the pages of a new one cost more than inflating into it. Only
/// the largest packages of the registry unpack to more, and for those nobody gets a buffer beside it.
const KEPT: usize = 96 << 20;
/// By what [`LARGE`] grows, bytes: only what is written to takes memory, and a new buffer loses what it has.
const STEP: usize = KEPT / 2;
/// Below this size no compression ratio is suspicious.
const RATIO_FROM: usize = 32 << 20;

/// Decompresses and hands the tar to `read`.
pub(crate) fn with_tar<T>(
    gz: &[u8],
    limits: &Limits,
    read: impl FnOnce(&[u8]) -> Result<T, Rejection>,
) -> Result<T, Rejection> {
    REUSED.with_borrow_mut(|(inflater, own)| {
        let (stated, most) = (stated_length(gz) as usize, most(gz, limits));
        if stated <= OWN {
            if own.is_empty() {
                *own = vec![0; OWN]; // zero pages of the system: only what is written to takes memory
            }
            if let Some(length) = gunzip(inflater, gz, &mut own[..OWN.min(most)])? {
                return read(&own[..length]);
            }
        }
        let mut large = match try_large() {
            Some(large) => large,
            None => {
                // An ordinary package waits for no other one: a buffer for it alone costs new pages, no more. What lies
                // about its length, or is as large as a bomb, waits for its turn.
                if (OWN + 1..=KEPT).contains(&stated) {
                    let mut lone = vec![0; stated.min(most)];
                    if let Some(length) = gunzip(inflater, gz, &mut lone)? {
                        return read(&lone[..length]);
                    }
                }
                LARGE.lock().unwrap_or_else(PoisonError::into_inner)
            }
        };
        let result = grow(inflater, gz, &mut large, limits).and_then(|length| read(&large[..length]));
        if large.len() > KEPT {
            *large = Vec::new();
        }
        result
    })
}

fn try_large() -> Option<MutexGuard<'static, Vec<u8>>> {
    match LARGE.try_lock() {
        Ok(large) => Some(large),
        Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// The longest output that is let through, bytes.
fn most(gz: &[u8], limits: &Limits) -> usize {
    let by_ratio = gz.len().saturating_mul(limits.ratio.saturating_add(1)).saturating_sub(1);
    by_ratio.max(RATIO_FROM).min(usize::try_from(limits.unpacked).unwrap_or(usize::MAX))
}

/// Decompresses into `out`, which grows as needed, never beyond what is let through; the length of the result.
fn grow(inflater: &mut Decompressor, gz: &[u8], out: &mut Vec<u8>, limits: &Limits) -> Result<usize, Rejection> {
    let most = most(gz, limits);
    // A hint, no more: what states less than it has does not fit into [`OWN`] bytes, or it would not be here.
    let mut room = (stated_length(gz) as usize).max(2 * OWN).min(most);
    loop {
        if out.len() < room {
            *out = Vec::new(); // before the new one, so that not both are held
            *out = vec![0; room.next_multiple_of(STEP)]; // zero pages of the system: nothing is written twice
        }
        match gunzip(inflater, gz, &mut out[..room])? {
            Some(length) => return Ok(length),
            None if room < most => room = room.saturating_mul(2).min(most),
            None if most as u64 == limits.unpacked => {
                return Err(Rejection::TooLarge { what: "unpacked size", limit: limits.unpacked });
            }
            None => return Err(Rejection::TooLarge { what: "compression ratio", limit: limits.ratio as u64 }),
        }
    }
}

/// Decompresses into `out`; the length of the result, or `None` if there is not room enough.
fn gunzip(inflater: &mut Decompressor, gz: &[u8], out: &mut [u8]) -> Result<Option<usize>, Rejection> {
    if gz.len() < SMALLEST || gz[..3] != MAGIC {
        return Err(Rejection::Gzip("it is not compressed with gzip"));
    }
    let end = gz.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    // libdeflate stops after the first member and does not say where that was. A second one needs a second header,
    // which is rare enough in compressed data to afford the proof: without its last byte that is no padding a single
    // member is cut off, and the first of several is not. The proof comes first, because it spoils the output.
    if has_another_header(gz) {
        match inflater.gzip_decompress(&gz[..end - 1], out) {
            Ok(_) => return Err(Rejection::Gzip("it has more than one gzip member")),
            Err(DecompressionError::InsufficientSpace) => return Ok(None),
            Err(DecompressionError::BadData) => {}
        }
    }
    let length = match inflater.gzip_decompress(gz, out) {
        Ok(length) => length,
        Err(DecompressionError::InsufficientSpace) => return Ok(None),
        Err(DecompressionError::BadData) => {
            return Err(Rejection::Gzip("the compressed data are damaged or cut off"));
        }
    };
    // Padding with zeros is harmless, and a length may itself end in zeros: the last length that fits counts. What
    // follows and ends in that length by chance or on purpose is let through: no decoder takes it for data.
    let ends_here = (end..=(end + 4).min(gz.len())).any(|end| stated_length(&gz[..end]) as usize == length & LOW);
    if !ends_here {
        return Err(Rejection::Gzip("something follows the compressed data"));
    }
    Ok(Some(length))
}

/// The first bytes of a gzip member that is compressed with deflate.
const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
/// Flags of a member that must be zero: every decoder refuses a member that has one.
const RESERVED: u8 = 0xe0;
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

#[cfg(test)]
mod tests;
