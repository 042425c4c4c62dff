//! A registry in this process that replays a recorded mirror, counts requests, and can stand behind a slow link. It
//! tells when packuments last changed, as real ones do, and answers who asks for that alone.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use anyhow::Result;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use wit::time::{format_time, parse_time};

use crate::record::Upstream;

const LATENCY: Duration = Duration::from_millis(50);
const BYTES_PER_SECOND: f64 = 200e6 / 8.0;
const CHUNK: usize = 16 * 1024;

/// When generated packages came out: long before any run.
const PUBLISHED: &str = "2024-01-01T00:00:00.000Z";

/// A running registry; it ends with the process.
pub(crate) struct Registry {
    /// Its address, ending in `/`.
    pub(crate) url: String,
    shared: Arc<Shared>,
}

struct Shared {
    mirror: Option<PathBuf>,
    /// Where to ask for what the mirror lacks.
    upstream: Option<Upstream>,
    base: String,
    answers: Mutex<HashMap<String, Option<Arc<Answer>>>>,
    asked: Mutex<Asked>,
    /// What was asked for in the time before the last count.
    counted: Mutex<Asked>,
    slow: AtomicBool,
    line_free: Mutex<Instant>,
}

/// Paths that were asked for.
#[derive(Clone, Default)]
pub(crate) struct Asked {
    /// Of packuments.
    pub(crate) packuments: Vec<String>,
    /// Of the heads of packuments alone.
    pub(crate) heads: Vec<String>,
    /// Of tarballs.
    pub(crate) tarballs: Vec<String>,
}

struct Answer {
    plain: Vec<u8>,
    gzip: Option<Vec<u8>>,
    etag: String,
    /// `Last-Modified`.
    modified: Option<String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Registry {
    /// Serves the folders `packuments` and `tarballs` of a mirror, and what is published to it.
    pub(crate) fn start(mirror: Option<&Path>) -> Result<Self> {
        Self::serve(mirror, None)
    }

    /// Serves a mirror, and adds to it what it lacks.
    pub(crate) fn recording(mirror: &Path, upstream: Upstream) -> Result<Self> {
        for folder in ["packuments", "tarballs"] {
            fs::create_dir_all(mirror.join(folder))?;
        }
        Self::serve(Some(mirror), Some(upstream))
    }

    fn serve(mirror: Option<&Path>, upstream: Option<Upstream>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}/", listener.local_addr()?);
        let shared = Arc::new(Shared {
            mirror: mirror.map(Path::to_owned),
            upstream,
            base: url.clone(),
            answers: Mutex::default(),
            asked: Mutex::default(),
            counted: Mutex::default(),
            slow: AtomicBool::new(false),
            line_free: Mutex::new(Instant::now()),
        });
        let served = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let served = served.clone();
                std::thread::spawn(move || connection(&stream, &served));
            }
        });
        Ok(Self { url, shared })
    }

    /// Adds a package with one version. In its manifest, `@BASE@/` stands for the registry's address.
    pub(crate) fn publish(&self, name: &str, manifest: &Value, tarball: Vec<u8>) {
        let version = manifest["version"].as_str().unwrap_or_default();
        let common = json!({
            "name": name, "modified": PUBLISHED, "dist-tags": { "latest": version }, "versions": { version: manifest },
        });
        let mut full = common.clone();
        full["time"] = json!({ "created": PUBLISHED, "modified": PUBLISHED, version: PUBLISHED });
        let mut answers = lock(&self.shared.answers);
        for (key, text) in [(name.to_owned(), common), (format!("full:{name}"), full)] {
            answers.insert(key, Some(Arc::new(packument(text.to_string().as_bytes(), &self.shared.base))));
        }
        answers.insert(tarball_path(name, version), Some(Arc::new(raw(tarball))));
    }

    /// Puts the registry behind 50 ms and 200 Mbit/s shared by all connections, or back on loopback.
    pub(crate) fn slow(&self, slow: bool) {
        self.shared.slow.store(slow, Ordering::Relaxed);
    }

    /// Requests for packuments, or their heads, and for tarballs since the last call.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let asked = std::mem::take(&mut *lock(&self.shared.asked));
        let counts = ((asked.packuments.len() + asked.heads.len()) as u64, asked.tarballs.len() as u64);
        *lock(&self.shared.counted) = asked;
        counts
    }

    /// What the last call of [`Registry::counts`] counted, the largest first.
    pub(crate) fn counted(&self) -> Asked {
        let (mut asked, answers) = (lock(&self.shared.counted).clone(), lock(&self.shared.answers));
        let size = |path: &String| answers.get(path).and_then(|it| Some(it.as_ref()?.plain.len()));
        for paths in [&mut asked.packuments, &mut asked.tarballs] {
            paths.sort_by_key(|path| std::cmp::Reverse(size(path)));
        }
        asked
    }
}

fn connection(stream: &TcpStream, shared: &Shared) {
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    stream.set_nodelay(true).ok();
    while let Some(asked) = read_request(&mut reader) {
        let slow = shared.slow.load(Ordering::Relaxed);
        if slow {
            std::thread::sleep(LATENCY);
        }
        let reply = reply(shared, &asked);
        let sent = if slow {
            reply.chunks(CHUNK).try_for_each(|chunk| {
                wait_for_line(shared, chunk.len());
                writer.write_all(chunk)
            })
        } else {
            writer.write_all(&reply)
        };
        if sent.is_err() {
            return;
        }
    }
}

/// Takes the next free time of the one line for so many bytes, and waits until they would have passed.
fn wait_for_line(shared: &Shared, bytes: usize) {
    let until = {
        let mut free = lock(&shared.line_free);
        *free = (*free).max(Instant::now()) + Duration::from_secs_f64(bytes as f64 / BYTES_PER_SECOND);
        *free
    };
    std::thread::sleep(until.saturating_duration_since(Instant::now()));
}

struct Request {
    is_head: bool,
    path: String,
    headers: HashMap<String, String>,
}

fn read_request(reader: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let is_head = line.starts_with("HEAD ");
    let path = line.split(' ').nth(1)?.split('?').next()?.trim_start_matches('/');
    let path = path.replace("%2f", "/").replace("%2F", "/").replace("%40", "@");
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            return Some(Request { is_head, path, headers });
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
}

fn reply(shared: &Shared, asked: &Request) -> Vec<u8> {
    let Request { is_head, path, headers } = asked;
    let tarball = path.contains("/-/");
    {
        let mut asked = lock(&shared.asked);
        let paths = match (tarball, is_head) {
            (true, _) => &mut asked.tarballs,
            (false, true) => &mut asked.heads,
            (false, false) => &mut asked.packuments,
        };
        paths.push(path.to_owned());
    }
    let header = |name: &str, part: &str| headers.get(name).is_some_and(|value| value.contains(part));
    let full = !tarball && !header("accept", "vnd.npm.install-v1");
    // The mirror holds the forms that somebody has asked for; both have one date.
    let other = || find(shared, path, tarball, !full).filter(|_| *is_head);
    let Some(answer) = find(shared, path, tarball, full).or_else(other) else {
        return b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}".to_vec();
    };
    if tarball {
        return with_head("200 OK", "content-type: application/octet-stream\r\n", &answer.plain);
    }
    let kind = if full { "application/json" } else { "application/vnd.npm.install-v1+json" };
    let etag = &answer.etag;
    let modified = answer.modified.as_ref().map(|date| format!("last-modified: {date}\r\n")).unwrap_or_default();
    let head = format!("content-type: {kind}\r\netag: {etag}\r\n{modified}cache-control: public, max-age=300\r\n");
    if *is_head {
        return format!("HTTP/1.1 200 OK\r\n{head}content-length: {}\r\n\r\n", answer.plain.len()).into_bytes();
    }
    if headers.get("if-none-match") == Some(etag) {
        return format!("HTTP/1.1 304 Not Modified\r\n{head}\r\n").into_bytes();
    }
    match &answer.gzip {
        Some(body) if header("accept-encoding", "gzip") => {
            with_head("200 OK", &format!("{head}content-encoding: gzip\r\n"), body)
        }
        _ => with_head("200 OK", &head, &answer.plain),
    }
}

fn with_head(status: &str, head: &str, body: &[u8]) -> Vec<u8> {
    let mut all = format!("HTTP/1.1 {status}\r\n{head}content-length: {}\r\n\r\n", body.len()).into_bytes();
    all.extend_from_slice(body);
    all
}

/// The answer from memory, or from the mirror the first time (each contender's first, untimed run warms it).
fn find(shared: &Shared, path: &str, tarball: bool, full: bool) -> Option<Arc<Answer>> {
    let key = if full { format!("full:{path}") } else { path.to_owned() };
    if let Some(known) = lock(&shared.answers).get(&key) {
        return known.clone();
    }
    let bytes = shared.mirror.as_ref().and_then(|mirror| {
        let file = mirror_file(mirror, &key, tarball);
        let known = fs::read(&file).ok();
        known.or_else(|| shared.upstream.as_ref()?.record(path, &file, tarball, full))
    });
    let answer = bytes.map(|bytes| Arc::new(if tarball { raw(bytes) } else { packument(&bytes, &shared.base) }));
    lock(&shared.answers).insert(key, answer.clone());
    answer
}

/// Where a mirror keeps an answer: the path that is asked for, of a full packument after `full:`.
pub(crate) fn mirror_file(mirror: &Path, key: &str, tarball: bool) -> PathBuf {
    mirror.join(if tarball { "tarballs" } else { "packuments" }).join(hex(key.as_bytes()))
}

/// The path of a tarball, as registries have it.
pub(crate) fn tarball_path(name: &str, version: &str) -> String {
    let file = name.split('/').next_back().unwrap_or(name);
    format!("{name}/-/{file}-{version}.tgz")
}

fn raw(plain: Vec<u8>) -> Answer {
    Answer { plain, gzip: None, etag: String::new(), modified: None }
}

fn packument(bytes: &[u8], base: &str) -> Answer {
    let mut text = String::from_utf8_lossy(bytes).replace("@BASE@/", base);
    let modified = modified(&mut text)
        .map(|millis| httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_millis(millis.unsigned_abs())));
    let plain = text.into_bytes();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let gzip = encoder.write_all(&plain).and_then(|()| encoder.finish()).ok();
    Answer { etag: format!("\"{}\"", hex(&plain)), plain, gzip, modified }
}

/// When a packument last changed: the newest date of its `time`, else what it says itself; if it does not say it, it is
/// made to, as packuments of real registries do.
fn modified(packument: &mut String) -> Option<i64> {
    let document: Value = serde_json::from_str(packument).ok()?;
    let times = document["time"].as_object().into_iter().flatten().filter_map(|(_, time)| parse_time(time.as_str()?));
    let said = document["modified"].as_str();
    let modified = times.max().or_else(|| parse_time(said?))?;
    if said.is_none() {
        let after_brace = packument.find('{')? + 1;
        packument.insert_str(after_brace, &format!("\"modified\":\"{}\",", format_time(modified)));
    }
    Some(modified)
}

fn hex(bytes: &[u8]) -> String {
    Sha1::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
