//! What a component may use, and the state of its store, which refuses more.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// What a component may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// All its memories together, bytes.
    pub memory: usize,
    /// Elements of each table.
    pub table: usize,
    /// One call into it.
    pub call: Duration,
    /// Bytes that one call may return.
    pub returned: usize,
    /// Requests of one session.
    pub requests: usize,
    /// Snapshots of one session; as many downloads.
    pub snapshots: usize,
    /// Bytes that the snapshots of one session may take together.
    pub kept: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 1 << 30,
            table: 20_000,
            call: Duration::from_secs(60),
            returned: 256 << 20,
            requests: 1_000_000,
            snapshots: 500_000,
            kept: 1 << 30,
        }
    }
}

/// The state of one store.
pub(super) struct State {
    limits: Limits,
    /// What its memories have grown to.
    pub(super) memory: usize,
    /// A growth was refused.
    pub(super) exhausted: bool,
    /// What came on stdout and stderr, the first bytes only.
    pub(super) output: Vec<u8>,
}

impl State {
    const OUTPUT: usize = 4096;

    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, memory: 0, exhausted: false, output: Vec::new() }
    }

    /// Keeps what fits.
    pub(super) fn print(&mut self, bytes: impl Iterator<Item = u8>) {
        self.output.extend(bytes.take(Self::OUTPUT - self.output.len().min(Self::OUTPUT)));
    }
}

impl ResourceLimiter for State {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let grown = self.memory.saturating_add(desired.saturating_sub(current));
        if grown > self.limits.memory {
            self.exhausted = true;
            return Err(wasmtime::Error::msg("memory limit"));
        }
        self.memory = grown;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        if desired > self.limits.table {
            self.exhausted = true;
            return Err(wasmtime::Error::msg("table limit"));
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        64
    }

    fn tables(&self) -> usize {
        64
    }

    fn memories(&self) -> usize {
        4
    }
}
