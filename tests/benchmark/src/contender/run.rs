//! One run of a contender, timed by a small copy of this program.

use std::{
    fs,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Result, bail};
use wait4::Wait4 as _;

use super::Contender;
use crate::registry::Registry;

/// One timed run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// Wall clock, milliseconds.
    pub(crate) wall: f64,
    /// User and system time, milliseconds.
    pub(crate) cpu: f64,
    /// Peak resident memory, MiB.
    pub(crate) peak: f64,
    /// Requests for packuments and tarballs.
    pub(crate) requests: (u64, u64),
}

impl Contender {
    pub(super) fn run(&self, frozen: bool, registry: &Registry) -> Result<Run> {
        let home = self.folder.join("home");
        let log = self.folder.join("output.log");
        let output = fs::File::create(&log)?;
        let result = self.folder.join("measured");
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(RUN_ONE).arg(&result).arg(&self.program).args(self.kind.arguments(frozen));
        command.current_dir(self.project()).env_remove("CI").env("HOME", &home);
        command.env("XDG_DATA_HOME", home.join("data")).env("XDG_CACHE_HOME", home.join("cache"));
        command.env("XDG_STATE_HOME", home.join("state")).env("PNPM_HOME", &home);
        command.stdin(Stdio::null()).stderr(output.try_clone()?).stdout(output);
        let ended = command.status()?;
        if !ended.success() {
            let said = fs::read_to_string(log).unwrap_or_default();
            let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            let telling = lines.iter().find(|line| line.to_ascii_lowercase().contains("err"));
            bail!("{ended}: {}", telling.or(lines.last()).unwrap_or(&"it printed nothing"));
        }
        let measured: Vec<f64> = serde_json::from_slice(&fs::read(result)?)?;
        let [wall, cpu, peak] = measured[..] else { bail!("the measurement is not readable") };
        Ok(Run { wall, cpu, peak, requests: registry.counts() })
    }
}

/// The first argument of the copy of this program that starts a contender: Linux counts the size of the process that
/// starts another as the other's peak, and this one holds the registry.
pub(crate) const RUN_ONE: &str = "run-one";

/// Runs a program, writes wall clock, CPU time and peak memory to `result`, and passes on whether it succeeded.
pub(crate) fn run_one(result: &str, program: &str, arguments: &[String]) -> Result<bool> {
    let start = Instant::now();
    let ended = Command::new(program).args(arguments).spawn()?.wait4()?;
    let wall = start.elapsed().as_secs_f64() * 1000.0;
    let cpu = (ended.rusage.utime + ended.rusage.stime).as_secs_f64() * 1000.0;
    let peak = ended.rusage.maxrss as f64 / 1024.0 / 1024.0;
    fs::write(result, serde_json::to_vec(&[wall, cpu, peak])?)?;
    Ok(ended.status.success())
}
