//! What a resolution costs: the same project resolved natively and in the component, from the same answers in memory.
//! Timed is the resolver alone, with what the boundary takes; not the finding of answers.

use std::{
    cell::Cell,
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, Instant},
};

use guest_resolver::session::Session;
use host::{
    engine::{self, Crossings, Intent, Limits, ResolveError},
    facts::{Answer, Download, Oracle, Reply, Request},
    graph::Placement,
    platform::Platform,
    registry::Packument,
};
use serde_json::{Map, Value, json};
use sha1::{Digest as _, Sha1};
use wit::{ImporterId, PackageName, settings::Settings};

use crate::{
    native,
    oracle::{Answers, not_found},
};

/// Layers of the peer-heavy graph.
const DEPTH: usize = 5;

/// Packuments, read once, as the host reads them.
#[derive(Debug, Default)]
pub struct Known {
    packuments: Mutex<HashMap<(String, bool), Option<Packument>>>,
    mirror: Option<PathBuf>,
}

impl Known {
    /// Those of a recorded mirror: `tests/benchmark` says what that is.
    #[must_use]
    pub fn mirror(mirror: &Path) -> Self {
        Self { mirror: Some(mirror.to_owned()), ..Self::default() }
    }

    /// Adds a package with one version.
    fn add(&self, name: &PackageName, manifest: &Map<String, Value>) {
        let mut manifest = manifest.clone();
        manifest.insert("name".to_owned(), json!(name.as_str()));
        manifest.insert("version".to_owned(), json!("1.0.0"));
        let tarball = format!("https://registry.example/{name}/-/{name}-1.0.0.tgz");
        let integrity = format!("sha512-{}==", "A".repeat(86));
        manifest.insert("dist".to_owned(), json!({ "integrity": integrity, "tarball": tarball }));
        let document =
            json!({ "name": name.as_str(), "dist-tags": { "latest": "1.0.0" }, "versions": { "1.0.0": manifest } });
        for full in [false, true] {
            let packument = Packument::read(document.to_string().as_bytes(), name, full).ok();
            lock(&self.packuments).insert((name.to_string(), full), packument);
        }
    }

    fn with<T>(&self, name: &PackageName, full: bool, ask: impl Fn(&Packument) -> Option<T>) -> Option<T> {
        let mut known = lock(&self.packuments);
        let packument = known.entry((name.to_string(), full)).or_insert_with(|| self.recorded(name, full));
        packument.as_ref().and_then(ask)
    }

    fn recorded(&self, name: &PackageName, full: bool) -> Option<Packument> {
        let key = format!("{}{name}", if full { "full:" } else { "" });
        let file: String = Sha1::digest(key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let text = fs::read_to_string(self.mirror.as_ref()?.join("packuments").join(file)).ok()?;
        Packument::read(text.replace("@BASE@/", "https://registry.example/").as_bytes(), name, full).ok()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Answers for Known {
    fn answer(&self, request: &Request) -> Answer {
        let found = match request {
            Request::Metadata(it) => {
                self.with(&it.name, it.full, |known| Some(Answer::Metadata(known.metadata(it.wanted.as_deref()))))
            }
            Request::Manifest { name, version, .. } => {
                let of =
                    |full| self.with(name, full, |known| known.manifest(version).ok().flatten().map(Answer::Manifest));
                of(false).or_else(|| of(true))
            }
            _ => None,
        };
        found.unwrap_or_else(not_found)
    }
}

/// A project to resolve and all that it can ask for.
#[derive(Debug)]
pub struct Case {
    /// What it is called.
    pub name: String,
    /// The project.
    pub project: engine::Project,
    /// The answers.
    pub known: Known,
}

impl Case {
    /// Five layers, every package depending on all of the next and on one peer that the project brings.
    ///
    /// # Panics
    /// Never: its names are those of packages.
    #[must_use]
    pub fn peers(width: usize) -> Self {
        let name = |layer: usize, at: usize| format!("layer-{layer}-{at}");
        let ranges = |names: Vec<String>| names.into_iter().map(|name| (name, json!("^1.0.0"))).collect::<Map<_, _>>();
        let known = Known::default();
        let add = |name: &str, fields: Value| {
            let name = PackageName::parse(name).expect("letters, digits and hyphens");
            known.add(&name, fields.as_object().unwrap_or(&Map::new()));
        };
        add("provider", json!({}));
        for layer in 0..DEPTH {
            let next = if layer + 1 < DEPTH { width } else { 0 };
            let below = ranges((0..next).map(|at| name(layer + 1, at)).collect());
            for at in 0..width {
                let peers = json!({ "provider": "^1.0.0" });
                add(&name(layer, at), json!({ "dependencies": below, "peerDependencies": peers }));
            }
        }
        let direct = ranges((0..width).map(|at| name(0, at)).chain(["provider".to_owned()]).collect());
        let manifest = json!({ "name": "peers", "dependencies": direct });
        Self { name: format!("peers, {width} wide"), project: project(&manifest.to_string()), known }
    }

    /// The `package.json` of a folder, answered from a mirror.
    ///
    /// # Errors
    /// If there is none.
    pub fn recorded(folder: &Path, mirror: &Path) -> io::Result<Self> {
        let manifest = fs::read_to_string(folder.join("package.json"))?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, project: project(&manifest), known: Known::mirror(mirror) })
    }
}

fn project(manifest: &str) -> engine::Project {
    let mut settings = Settings::default();
    settings.registries.default = "https://registry.example/".to_owned();
    engine::Project {
        importers: vec![(ImporterId::parse(".").expect("the root"), manifest.to_owned())],
        lockfile: None,
        settings,
        platform: Platform { os: "linux".into(), cpu: "x64".into(), libc: Some("glibc".into()), node: None },
        intent: Intent::Install,
    }
}

/// One resolution.
#[derive(Debug, Clone)]
pub struct Cost {
    /// Time in the resolver.
    pub time: Duration,
    /// Calls into it.
    pub calls: u64,
    /// Requests it made.
    pub requests: u64,
    /// The new lockfile.
    pub lockfile: Option<String>,
}

/// Resolves natively; `batch` replies at most with each call.
///
/// # Errors
/// The codes of its failures.
pub fn native(case: &Case, batch: usize) -> Result<Cost, native::Codes> {
    let codes = |failures: Vec<wit::guest::wasi_pm::resolver::types::Failure>| -> native::Codes {
        failures.into_iter().map(|failure| failure.code).collect()
    };
    let time = Cell::new(Duration::ZERO);
    let record = native::record(&case.project);
    let mut session = timed(&time, || Session::open(record)).map_err(codes)?;
    let (mut open, mut replies, mut calls, mut requests) = (Vec::new(), Vec::new(), 1, 0);
    loop {
        calls += 1;
        let progress = timed(&time, || session.advance(replies)).map_err(codes)?;
        if let Some(outcome) = progress.outcome {
            return Ok(Cost { time: time.get(), calls, requests, lockfile: outcome.lockfile });
        }
        requests += progress.requests.len() as u64;
        open.extend(progress.requests);
        let now = open.drain(..batch.min(open.len()));
        replies = now.map(|asked| native::reply(&case.known, asked)).collect();
    }
}

fn timed<T>(total: &Cell<Duration>, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let made = work();
    total.set(total.get() + start.elapsed());
    made
}

/// Answers the component at once, and takes the time that answering needs.
struct Timed<'a> {
    known: &'a Known,
    spent: Mutex<Duration>,
}

impl Oracle for Timed<'_> {
    fn ask(&self, request: Request, reply: Reply) {
        let start = Instant::now();
        reply.give(self.known.answer(&request));
        *lock(&self.spent) += start.elapsed();
    }

    fn download(&self, _downloads: Vec<Download>) {}
}

/// Resolves in the component: the time with its start and all that crosses the boundary, and what crosses.
///
/// # Errors
/// As [`engine::resolve`].
pub fn component(case: &Case) -> Result<(Duration, Crossings, Placement), ResolveError> {
    let oracle = Timed { known: &case.known, spent: Mutex::default() };
    let start = Instant::now();
    let resolved = engine::resolve(&case.project, &oracle, Limits::default())?;
    let time = start.elapsed().saturating_sub(*lock(&oracle.spent));
    Ok((time, resolved.crossings, resolved.placement))
}

/// The time of the component's start alone: an empty project.
///
/// # Errors
/// As [`engine::resolve`].
pub fn start() -> Result<Duration, ResolveError> {
    let case = Case { name: "nothing".to_owned(), project: project("{}"), known: Known::default() };
    component(&case).map(|(time, ..)| time)
}
