//! Reads a body to its end: with a cap on its size, and given up when it makes no progress rather than after a time.

use std::{
    cell::RefCell,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use libdeflater::{DecompressionError, Decompressor};
use tokio::time::{Instant, timeout_at};

use super::budget::Memory;

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

/// How much comes between two calls of [`Watch::more`], bytes.
const STEP: usize = 128 << 10;

/// Somebody who works on a body while it comes.
pub(crate) struct Watch {
    /// What has come.
    pub(crate) body: Arc<Growing>,
    /// Called where there is more of it, or where no more will come, on the network's threads: it must not block.
    pub(crate) more: Box<dyn Fn() + Send + Sync>,
}

/// A large body of which a part has come. Of several attempts at it only the first one is shown.
#[derive(Default)]
pub(crate) struct Growing(Mutex<Grown>);

#[derive(Default)]
struct Grown {
    bytes: Vec<u8>,
    since: Option<Instant>,
    end: Option<End>,
}

/// What became of a body that was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// All of it has come.
    Whole,
    /// It broke off, and what has come is of no use.
    Broken,
}

impl Growing {
    fn lock(&self) -> MutexGuard<'_, Grown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Copies what has come from this place on, as far as there is room in `into`; false if there is nothing.
    pub(crate) fn copy(&self, from: usize, into: &mut Vec<u8>) -> bool {
        let grown = self.lock();
        let rest = grown.bytes.get(from..).unwrap_or_default();
        into.clear();
        into.extend_from_slice(&rest[..rest.len().min(into.capacity())]);
        !into.is_empty()
    }

    /// What became of it; `None` while it comes.
    pub(crate) fn end(&self) -> Option<End> {
        self.lock().end
    }

    /// Some more has come.
    pub(crate) fn push(&self, chunk: &[u8]) {
        let mut grown = self.lock();
        grown.since.get_or_insert_with(Instant::now);
        grown.bytes.extend_from_slice(chunk);
    }

    /// How long it has been coming.
    pub(crate) fn age(&self) -> Duration {
        self.lock().since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// All has come: takes it away.
    pub(crate) fn take(&self) -> Vec<u8> {
        self.ended(End::Whole)
    }

    /// No more will come: what has come is let go.
    pub(crate) fn give_up(&self) {
        drop(self.ended(End::Broken));
    }

    fn ended(&self, end: End) -> Vec<u8> {
        let mut grown = self.lock();
        grown.end = Some(end);
        std::mem::take(&mut grown.bytes)
    }
}

/// What a body is held to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The largest one, bytes.
    pub(super) cap: usize,
    /// Given up after so long without progress.
    pub(super) stall: Duration,
}

/// Reads it all; `watch` sees it grow, and `memory` is what it counts for.
pub(super) async fn read(
    response: &mut reqwest::Response,
    Limits { cap, stall }: Limits,
    watch: Option<Watch>,
    mut memory: Option<&mut Memory>,
) -> Result<Vec<u8>, BodyError> {
    let announced = response.content_length().map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX));
    if announced > cap {
        return Err(BodyError::TooLarge);
    }
    let mut body = Body::new(Vec::with_capacity(announced.min(MAX_TRUST)), watch);
    let mut deadline = Instant::now() + stall;
    let mut since = 0;
    loop {
        match timeout_at(deadline, response.chunk()).await {
            Err(_) => return Err(BodyError::Stalled),
            Ok(Err(error)) => return Err(BodyError::Broken(super::http::words(&error))),
            Ok(Ok(None)) => return Ok(body.end()),
            Ok(Ok(Some(chunk))) => {
                if body.length + chunk.len() > cap {
                    return Err(BodyError::TooLarge);
                }
                if let Some(memory) = memory.as_deref_mut()
                    && memory.cover(body.length + chunk.len()).await
                {
                    deadline = Instant::now() + stall; // it was not the body that made no progress
                }
                body.push(&chunk);
                since += chunk.len();
                if since >= MIN_PROGRESS {
                    since = 0;
                    deadline = Instant::now() + stall;
                }
            }
        }
    }
}

/// Where a body is gathered: here, or where others can see it. Those learn it if it is dropped before its end.
struct Body {
    own: Vec<u8>,
    watch: Option<Watch>,
    length: usize,
    told: usize,
}

impl Body {
    fn new(room: Vec<u8>, watch: Option<Watch>) -> Self {
        let own = match &watch {
            Some(watch) => std::mem::replace(&mut watch.body.lock().bytes, room),
            None => room,
        };
        Self { own, watch, length: 0, told: 0 }
    }

    fn push(&mut self, chunk: &[u8]) {
        self.length += chunk.len();
        let Some(watch) = &self.watch else { return self.own.extend_from_slice(chunk) };
        watch.body.push(chunk);
        if self.length - self.told >= STEP {
            self.told = self.length;
            (watch.more)();
        }
    }

    fn end(mut self) -> Vec<u8> {
        self.watch.take().map_or_else(|| std::mem::take(&mut self.own), |watch| watch.body.take())
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.body.give_up();
            (watch.more)();
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

/// The tarball in a body that says it is compressed. Some proxies compress one once more though nobody asked for it;
/// some servers mean by it that the tarball itself is, and then it stays as it is.
pub(crate) fn tarball_in(body: Vec<u8>, cap: usize) -> Vec<u8> {
    const GZIP: [u8; 2] = [0x1f, 0x8b];
    let inner = with_gunzipped(&body, cap, |inner| inner.starts_with(&GZIP).then(|| inner.to_vec()));
    inner.ok().flatten().unwrap_or(body)
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

#[cfg(test)]
mod tests;
