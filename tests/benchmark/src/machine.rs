//! The machine that a result was measured on, as far as it changes what was measured: no names, no paths.

use std::{fs, path::Path, thread};

use serde::{Deserialize, Serialize};

/// A machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// Model of the processor.
    pub(crate) cpu: String,
    /// Threads that run at once.
    pub(crate) cores: usize,
    /// GiB of memory.
    pub(crate) memory: u64,
    /// Name and version of the kernel.
    pub(crate) kernel: String,
    /// Kind of the file system that was worked on.
    pub(crate) disk: String,
}

impl Machine {
    /// This one, working in `folder`.
    pub(crate) fn here(folder: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let kib: u64 = field(&read("/proc/meminfo"), "MemTotal")
            .and_then(|text| text.split(' ').next()?.parse().ok())
            .unwrap_or(0);
        let version = read("/proc/sys/kernel/osrelease");
        // What follows the version is the name of whoever built it.
        let version = version.split('-').next().unwrap_or_default().trim();
        Self {
            cpu: field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: thread::available_parallelism().map_or(0, usize::from),
            memory: (kib + (1 << 19)) >> 20,
            kernel: format!("{} {version}", std::env::consts::OS).trim().to_owned(),
            disk: disk(&read("/proc/self/mounts"), folder).unwrap_or_else(|| "unknown".to_owned()),
        }
    }

    /// As a sentence has it.
    pub(crate) fn describe(&self) -> String {
        let Self { cpu, cores, memory, kernel, disk } = self;
        format!("{cpu}, {cores} cores, {memory} GiB of memory, {kernel}, {disk}")
    }
}

/// The value behind `name` in lines of `name: value`.
fn field(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The kind of the mount that holds a folder: the one with the longest path.
fn disk(mounts: &str, folder: &Path) -> Option<String> {
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    let holding = mounts.filter(|(at, _)| folder.starts_with(at));
    // Of two on one folder the later one is seen.
    holding.max_by_key(|(at, _)| at.len()).map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests;
