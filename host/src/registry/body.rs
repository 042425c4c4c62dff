//! Reads a body to its end: with a cap on its size, and given up when it makes no progress rather than after a time.

use std::{cell::RefCell, time::Duration};

use libdeflater::{DecompressionError, Decompressor};
use tokio::time::{Instant, timeout_at};

/// Bytes that must come within the stall time, or the body counts as stalled.
pub(super) const MIN_PROGRESS: usize = 1024;

/// How much is reserved because a header says so.
const MAX_TRUST: usize = 64 << 20;

/// Why a body could not be read.
#[derive(Debug)]
pub(super) enum BodyError {
    /// Over the cap.
    TooLarge,
    /// No progress.
    Stalled,
    /// The connection ended or the framing is broken.
    Broken(String),
}

/// Reads it all.
pub(super) async fn read(response: &mut reqwest::Response, cap: usize, stall: Duration) -> Result<Vec<u8>, BodyError> {
    let announced = response.content_length().map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX));
    if announced > cap {
        return Err(BodyError::TooLarge);
    }
    let mut body = Vec::with_capacity(announced.min(MAX_TRUST));
    let mut deadline = Instant::now() + stall;
    let mut since = 0;
    loop {
        match timeout_at(deadline, response.chunk()).await {
            Err(_) => return Err(BodyError::Stalled),
            Ok(Err(error)) => return Err(BodyError::Broken(super::http::words(&error))),
            Ok(Ok(None)) => return Ok(body),
            Ok(Ok(Some(chunk))) => {
                if body.len() + chunk.len() > cap {
                    return Err(BodyError::TooLarge);
                }
                body.extend_from_slice(&chunk);
                since += chunk.len();
                if since >= MIN_PROGRESS {
                    since = 0;
                    deadline = Instant::now() + stall;
                }
            }
        }
    }
}

thread_local! {
    /// Decompressor and output, reused from body to body: to make them anew costs a tenth of reading a packument.
    static REUSED: RefCell<(Decompressor, Vec<u8>)> = RefCell::new((Decompressor::new(), Vec::new()));
}

/// What the output may keep between two bodies, bytes: nearly all packuments are smaller.
const KEPT: usize = 4 << 20;

/// Undoes `Content-Encoding: gzip` and hands the result to `read`.
///
/// # Errors
/// [`BodyError::TooLarge`] if it decodes to more than `cap` bytes; [`BodyError::Broken`].
pub(super) fn with_gunzipped<T>(packed: &[u8], cap: usize, read: impl FnOnce(&[u8]) -> T) -> Result<T, BodyError> {
    REUSED.with_borrow_mut(|(inflater, out)| {
        let length = gunzip(inflater, packed, cap, out)?;
        let result = read(&out[..length]);
        if out.len() > KEPT {
            *out = Vec::new();
        }
        Ok(result)
    })
}

/// Decodes into `out`, which grows as needed; the length of the result.
fn gunzip(inflater: &mut Decompressor, packed: &[u8], cap: usize, out: &mut Vec<u8>) -> Result<usize, BodyError> {
    let broken = || BodyError::Broken("the body is no gzip".to_owned());
    // The last four bytes say how long it is; what they claim is not trusted beyond gzip's highest ratio.
    let tail = packed.last_chunk::<4>().ok_or_else(broken)?;
    let claimed = u32::from_le_bytes(*tail) as usize;
    let mut size = claimed.min(packed.len().saturating_mul(1032)).max(64);
    loop {
        if size > cap {
            return Err(BodyError::TooLarge);
        }
        if out.len() < size {
            *out = Vec::new(); // before the new one, so that not both are held
            *out = vec![0; size];
        }
        match inflater.gzip_decompress(packed, &mut out[..size]) {
            Ok(length) => return Ok(length),
            Err(DecompressionError::InsufficientSpace) if size < cap => size = (size * 2).min(cap),
            Err(DecompressionError::InsufficientSpace) => return Err(BodyError::TooLarge),
            Err(_) => return Err(broken()),
        }
    }
}
