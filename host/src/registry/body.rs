//! Reads a body to its end: with a cap on its size, and given up when it makes no progress rather than after a time.

use std::time::Duration;

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

/// Undoes `Content-Encoding: gzip`; `None`: it is broken.
///
/// # Errors
/// [`BodyError::TooLarge`] if it decodes to more than `cap` bytes.
pub(super) fn gunzip(packed: &[u8], cap: usize) -> Result<Vec<u8>, BodyError> {
    let broken = || BodyError::Broken("the body is no gzip".to_owned());
    // The last four bytes say how long it is; what they claim is not trusted beyond gzip's highest ratio.
    let tail = packed.last_chunk::<4>().ok_or_else(broken)?;
    let claimed = u32::from_le_bytes(*tail) as usize;
    let mut size = claimed.min(packed.len().saturating_mul(1032)).max(64);
    loop {
        if size > cap {
            return Err(BodyError::TooLarge);
        }
        let mut out = vec![0; size];
        match Decompressor::new().gzip_decompress(packed, &mut out) {
            Ok(length) => {
                out.truncate(length);
                return Ok(out);
            }
            Err(DecompressionError::InsufficientSpace) if size < cap => size = (size * 2).min(cap),
            Err(DecompressionError::InsufficientSpace) => return Err(BodyError::TooLarge),
            Err(_) => return Err(broken()),
        }
    }
}
