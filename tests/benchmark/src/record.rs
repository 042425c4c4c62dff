//! Records a mirror: a registry of this process that asks a real one for what it lacks, while every contender installs
//! every fixture once. Which registry is asked is up to npm's configuration, or to the caller.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use serde_json::{Value, json};

use crate::{
    contender::Contender,
    fixture::Fixture,
    measure::contender_argument,
    registry::{Registry, tarball_path},
};

/// What is to be recorded.
#[derive(Args)]
pub(crate) struct Recording {
    /// The mirror to make or to add to.
    #[arg(long)]
    mirror: PathBuf,
    /// The registry to ask; by default the one that npm is configured with.
    #[arg(long)]
    registry: Option<String>,
    /// Scratch; a folder of this process is made in it.
    #[arg(long)]
    work: PathBuf,
    /// A folder with a package.json; may be given again.
    #[arg(long, required = true)]
    fixture: Vec<PathBuf>,
    /// Contenders: they ask for different things.
    #[arg(required = true, value_name = "NAME=PROGRAM", value_parser = contender_argument)]
    contenders: Vec<(String, PathBuf)>,
}

/// Fetches an address, as metadata that is full or not, or as a tarball.
type Fetch = Box<dyn Fn(&str, Option<Detail>) -> Option<Vec<u8>> + Send + Sync>;

/// How much of a packument is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// What an install needs.
    Abbreviated,
    /// All of it.
    Full,
}

/// The registry that a recording asks.
pub(crate) struct Upstream {
    /// Ends in `/`.
    base: String,
    fetch: Fetch,
    staged: AtomicU32,
}

/// Records; tells what the mirror has.
///
/// # Errors
/// If a contender cannot install a fixture.
pub(crate) fn record(recording: &Recording) -> Result<String> {
    let base = match &recording.registry {
        Some(given) => given.clone(),
        None => npm_registry()?,
    };
    let registry = Registry::recording(&recording.mirror, Upstream::new(&base, Box::new(curl)))?;
    let work = recording.work.join(format!("recording-{}", std::process::id()));
    fs::create_dir_all(&work)?;
    let work = work.canonicalize()?;
    for folder in &recording.fixture {
        let fixture = Fixture::read(folder)?;
        for (name, program) in &recording.contenders {
            let folder = work.join(&fixture.name).join(name);
            let mut contender = Contender::new(name, program, &folder, &fixture, &registry)?;
            contender.seed(&registry).with_context(|| format!("{name} in {}", fixture.name))?;
        }
    }
    fs::remove_dir_all(work).ok();
    let count = |kind: &str| fs::read_dir(recording.mirror.join(kind)).map_or(0, Iterator::count);
    Ok(format!("the mirror has {} packuments and {} tarballs", count("packuments"), count("tarballs")))
}

fn npm_registry() -> Result<String> {
    let output = Command::new("npm").args(["config", "get", "registry"]).output().context("npm cannot be asked")?;
    let said = String::from_utf8(output.stdout)?.trim().to_owned();
    ensure!(output.status.success() && said.starts_with("http"), "npm names no registry; --registry names one");
    Ok(said)
}

/// By `curl`, which knows of proxies and certificates.
fn curl(address: &str, detail: Option<Detail>) -> Option<Vec<u8>> {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--fail", "--location", "--compressed", "--retry", "3"]);
    match detail {
        Some(Detail::Abbreviated) => command.args(["--header", "accept: application/vnd.npm.install-v1+json"]),
        Some(Detail::Full) => command.args(["--header", "accept: application/json"]),
        None => &mut command,
    };
    let output = command.arg("--").arg(address).stderr(Stdio::inherit()).output().ok()?;
    output.status.success().then_some(output.stdout)
}

impl Upstream {
    /// The registry at an address.
    pub(crate) fn new(base: &str, fetch: Fetch) -> Self {
        Self { base: format!("{}/", base.trim_end_matches('/')), fetch, staged: AtomicU32::new(0) }
    }

    /// Fetches what is asked for and keeps it in `file`; `None` if there is no such thing.
    pub(crate) fn record(&self, path: &str, file: &Path, tarball: bool, full: bool) -> Option<Vec<u8>> {
        let bytes = if tarball {
            (self.fetch)(&format!("{}{path}", self.base), None)?
        } else {
            let detail = if full { Detail::Full } else { Detail::Abbreviated };
            let body = (self.fetch)(&format!("{}{}", self.base, path.replacen('/', "%2f", 1)), Some(detail))?;
            local(&body).ok()?
        };
        let staged = file.with_extension(format!("{}.tmp", self.staged.fetch_add(1, Ordering::Relaxed)));
        fs::write(&staged, &bytes).ok()?;
        fs::rename(staged, file).ok()?;
        Some(bytes)
    }
}

/// A packument whose tarballs are at `@BASE@/`, which stands for wherever the mirror is served.
fn local(body: &[u8]) -> Result<Vec<u8>> {
    let mut document: Value = serde_json::from_slice(body)?;
    let Some(name) = document["name"].as_str().map(ToOwned::to_owned) else { bail!("it has no name") };
    for (version, manifest) in document.get_mut("versions").and_then(Value::as_object_mut).into_iter().flatten() {
        let Some(address) = manifest.get_mut("dist").and_then(|dist| dist.get_mut("tarball")) else { continue };
        // Old packages have tarballs under other names than theirs.
        let path = address.as_str().and_then(|text| Some(text[text.find(&format!("{name}/-/"))?..].to_owned()));
        *address = json!(format!("@BASE@/{}", path.unwrap_or_else(|| tarball_path(&name, version))));
    }
    Ok(serde_json::to_vec(&document)?)
}

#[cfg(test)]
mod tests;
