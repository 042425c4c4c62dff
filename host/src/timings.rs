//! What takes how long: phases, downloads and link work, recorded as it happens for `--timings`.
//! A recorder that is off costs one branch.

pub mod html;

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// A span of time with a name, relative to the start of the process's work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The lane it is drawn in.
    pub lane: Lane,
    /// What was done: `resolve`, `link`, `lodash@4.17.21`.
    pub name: String,
    /// Start.
    pub start: Duration,
    /// End.
    pub end: Duration,
    /// Bytes that came or went; 0 where that has no meaning.
    pub bytes: u64,
}

/// A lane of the waterfall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Steps of the command: config, resolve, fetch, link, bins, scripts, state.
    Phase,
    /// Packuments over the network.
    Metadata,
    /// Tarballs over the network.
    Download,
    /// Verify, unpack and write one tarball.
    Import,
    /// Place one package.
    Link,
}

/// Records spans from any thread. Cloning it is cheap.
#[derive(Debug, Clone, Default)]
pub struct Timings(Option<Arc<Recording>>);

#[derive(Debug)]
struct Recording {
    origin: Instant,
    spans: Mutex<Vec<Span>>,
}

impl Timings {
    /// A recorder that is on.
    #[must_use]
    pub fn on() -> Self {
        Self(Some(Arc::new(Recording { origin: Instant::now(), spans: Mutex::new(Vec::new()) })))
    }

    /// A recorder that records nothing.
    #[must_use]
    pub fn off() -> Self {
        Self(None)
    }

    /// Records until the guard is dropped. `name` is called only if the recorder is on.
    #[must_use]
    pub fn span(&self, lane: Lane, name: impl FnOnce() -> String) -> SpanGuard {
        SpanGuard(self.0.as_ref().map(|recording| (recording.clone(), lane, name(), Instant::now(), 0)))
    }

    /// Everything recorded so far, by start.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        let Some(recording) = &self.0 else { return Vec::new() };
        let mut spans = recording.spans.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        spans.sort_by_key(|span| span.start);
        spans
    }
}

/// Ends a span when dropped.
#[derive(Debug)]
pub struct SpanGuard(Option<(Arc<Recording>, Lane, String, Instant, u64)>);

impl SpanGuard {
    /// Adds bytes to the span.
    pub fn bytes(&mut self, bytes: u64) {
        if let Some(inner) = &mut self.0 {
            inner.4 += bytes;
        }
    }
}

impl Drop for SpanGuard {
    fn drop(&mut self) {
        let Some((recording, lane, name, started, bytes)) = self.0.take() else { return };
        let span = Span { lane, name, start: started - recording.origin, end: recording.origin.elapsed(), bytes };
        recording.spans.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(span);
    }
}
