//! A registry in this process, on loopback: serves a [`World`] as real registries do (abbreviated and full packuments,
//! gzip, ETag and 304, `max-age`, `Last-Modified`), counts requests, and misbehaves on demand.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use crate::world::{World, gzip, integrity, tarball_path};

/// A running registry; it stops when dropped.
pub struct Registry {
    /// Its address, ending in `/`.
    pub url: String,
    shared: Arc<Shared>,
}

struct Shared {
    world: Mutex<World>,
    faults: Mutex<BTreeMap<String, Fault>>,
    log: Mutex<Vec<Seen>>,
    max_age: Mutex<u32>,
    heads: Mutex<Heads>,
    stopped: AtomicBool,
}

/// A request that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `GET` or `HEAD`.
    pub method: String,
    /// Decoded, without the leading `/`.
    pub path: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The answer's status.
    pub status: u16,
}

/// How heads of packuments are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heads {
    /// They say when a packument last changed.
    Dated,
    /// They do not, as with some registries.
    Undated,
    /// They are refused with this status where they are asked for alone.
    Refused(u16),
}

/// How a path misbehaves.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Answers this status with a short text.
    Status(u16),
    /// Answers this status so often, with `Retry-After` seconds, then serves.
    StatusTimes(u16, u32, Option<u32>),
    /// Answers 200 with this body and content type.
    Body(&'static str, Vec<u8>),
    /// Sends half of the body, then closes.
    Truncated,
    /// Sends the headers, then nothing until the registry stops.
    Stalled,
    /// Waits, then serves.
    Delay(Duration),
    /// Sends the body bit by bit, ever more slowly, until the path behaves again: then the rest at once, or, if another
    /// fault has been set by then, nothing more.
    Slow,
    /// Redirects there.
    Redirect(String),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Registry {
    /// Starts to serve.
    ///
    /// # Panics
    /// If loopback cannot be listened on.
    #[must_use]
    pub fn start(world: World) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be listened on");
        let url = format!("http://{}/", listener.local_addr().expect("a bound socket has an address"));
        let shared = Arc::new(Shared {
            world: Mutex::new(world),
            faults: Mutex::default(),
            log: Mutex::default(),
            max_age: Mutex::new(300),
            heads: Mutex::new(Heads::Dated),
            stopped: AtomicBool::new(false),
        });
        let (served, base) = (shared.clone(), url.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if served.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let (Ok(stream), served, base) = (stream, served.clone(), base.clone()) else { continue };
                std::thread::spawn(move || connection(&stream, &served, &base));
            }
        });
        Self { url, shared }
    }

    /// Replaces the world: a publish between two steps.
    pub fn publish(&self, world: World) {
        *lock(&self.shared.world) = world;
    }

    /// Makes a path (`lodash`, `lodash/-/lodash-1.0.0.tgz`) misbehave.
    pub fn fault(&self, path: &str, fault: Fault) {
        lock(&self.shared.faults).insert(path.to_owned(), fault);
    }

    /// Makes all behave again.
    pub fn heal(&self) {
        lock(&self.shared.faults).clear();
    }

    /// Sets the `max-age` of packuments, seconds.
    pub fn max_age(&self, seconds: u32) {
        *lock(&self.shared.max_age) = seconds;
    }

    /// Answers to who asks for the heads of packuments alone in this way.
    pub fn heads(&self, heads: Heads) {
        *lock(&self.shared.heads) = heads;
    }

    /// What was asked for since the last call.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut lock(&self.shared.log))
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        let address = self.url.trim_start_matches("http://").trim_end_matches('/');
        drop(TcpStream::connect(address)); // wakes the listener
    }
}

struct Asked {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
}

struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Reply {
    fn text(status: u16, text: &str) -> Self {
        Self { status, headers: vec![("content-type", "application/json".into())], body: text.as_bytes().to_vec() }
    }
}

fn connection(stream: &TcpStream, shared: &Shared, base: &str) {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    while let Some(asked) = read_request(&mut reader) {
        let fault = take_fault(shared, &asked.path);
        let mut reply = match &fault {
            Some(Fault::Status(status)) => Reply::text(*status, "{\"error\":\"made to fail\"}"),
            Some(Fault::StatusTimes(status, _, after)) => {
                let mut reply = Reply::text(*status, "{\"error\":\"made to fail\"}");
                reply.headers.extend(after.map(|seconds| ("retry-after", seconds.to_string())));
                reply
            }
            Some(Fault::Body(kind, body)) => {
                Reply { status: 200, headers: vec![("content-type", (*kind).into())], body: body.clone() }
            }
            Some(Fault::Redirect(to)) => {
                Reply { status: 302, headers: vec![("location", to.clone())], body: Vec::new() }
            }
            Some(Fault::Delay(time)) => {
                std::thread::sleep(*time);
                answer(shared, base, &asked)
            }
            Some(Fault::Truncated | Fault::Stalled | Fault::Slow) | None => answer(shared, base, &asked),
        };
        let authorization = asked.headers.get("authorization").cloned();
        let (method, path) = (asked.method.clone(), asked.path.clone());
        lock(&shared.log).push(Seen { method, path, authorization, status: reply.status });
        let length = reply.body.len();
        if asked.method == "HEAD" {
            reply.body.clear();
        }
        match fault {
            Some(Fault::Truncated) => reply.body.truncate(length / 2),
            Some(Fault::Stalled) => reply.body.clear(),
            _ => {}
        }
        let mut head = format!("HTTP/1.1 {} x\r\ncontent-length: {length}\r\n", reply.status);
        for (name, value) in &reply.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        let sent = writer.write_all(head.as_bytes()).and_then(|()| match fault {
            Some(Fault::Slow) => send_slowly(writer, shared, &asked.path, &reply.body),
            _ => writer.write_all(&reply.body),
        });
        if sent.is_err() {
            return;
        }
        match fault {
            Some(Fault::Truncated) => return,
            Some(Fault::Stalled) => {
                while !shared.stopped.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(20));
                }
                return;
            }
            _ => {}
        }
    }
}

/// Pieces of 128 KiB: a dozen within half a second, then four a second.
fn send_slowly(mut writer: &TcpStream, shared: &Shared, path: &str, body: &[u8]) -> std::io::Result<()> {
    let mut pieces = body.chunks(128 << 10).enumerate();
    loop {
        match lock(&shared.faults).get(path) {
            Some(Fault::Slow) if !shared.stopped.load(Ordering::Relaxed) => {}
            Some(_) => return Err(std::io::ErrorKind::Interrupted.into()),
            None => return pieces.try_for_each(|(_, piece)| writer.write_all(piece)),
        }
        // The last one is kept back.
        if pieces.len() > 1
            && let Some((at, piece)) = pieces.next()
        {
            writer.write_all(piece)?;
            std::thread::sleep(Duration::from_millis(if at < 12 { 40 } else { 250 }));
        } else {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn take_fault(shared: &Shared, path: &str) -> Option<Fault> {
    let mut faults = lock(&shared.faults);
    let fault = faults.get(path)?.clone();
    if let Fault::StatusTimes(status, times, after) = fault {
        if times <= 1 {
            faults.remove(path);
        } else {
            faults.insert(path.to_owned(), Fault::StatusTimes(status, times - 1, after));
        }
    }
    Some(fault)
}

fn read_request(reader: &mut BufReader<&TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let method = line.split(' ').next()?.to_owned();
    let path = line.split(' ').nth(1)?.split('?').next()?.trim_start_matches('/');
    let path = path.replace("%2f", "/").replace("%2F", "/").replace("%40", "@");
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length: u64 = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    reader.take(length).read_to_end(&mut Vec::new()).ok()?;
    Some(Asked { method, path, headers })
}

fn answer(shared: &Shared, base: &str, asked: &Asked) -> Reply {
    let world = lock(&shared.world);
    if let Some(package) = world.get(&asked.path) {
        let heads = *lock(&shared.heads);
        if let Heads::Refused(status) = heads
            && asked.method == "HEAD"
        {
            return Reply::text(status, "{}");
        }
        let full = !asked.headers.get("accept").is_some_and(|accept| accept.contains("vnd.npm.install-v1"));
        let text = package.packument(&asked.path, base, full).to_string();
        let etag = format!("\"{}\"", &integrity(text.as_bytes())[7..27]);
        let mut headers = vec![
            ("etag", etag.clone()),
            ("cache-control", format!("public, max-age={}", lock(&shared.max_age))),
            ("vary", "accept, accept-encoding".to_owned()),
        ];
        let modified = package.packument(&asked.path, base, true)["time"]["modified"].take();
        if let Some(modified) = modified.as_str().and_then(wit::time::parse_time)
            && heads != Heads::Undated
        {
            let since = Duration::from_millis(modified.unsigned_abs());
            headers.push(("last-modified", httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + since)));
        }
        if asked.headers.get("if-none-match") == Some(&etag) {
            return Reply { status: 304, headers, body: Vec::new() };
        }
        headers.push(("content-type", "application/json".into()));
        if !asked.headers.get("accept-encoding").is_some_and(|encodings| encodings.contains("gzip")) {
            return Reply { status: 200, headers, body: text.into_bytes() };
        }
        headers.push(("content-encoding", "gzip".into()));
        return Reply { status: 200, headers, body: gzip(text.as_bytes()) };
    }
    if let Some((name, _)) = asked.path.split_once("/-/")
        && let Some(package) = world.get(name)
        && let Some(version) = package.versions.keys().find(|version| tarball_path(name, version) == asked.path)
    {
        let headers = vec![("content-type", "application/octet-stream".to_owned())];
        return Reply { status: 200, headers, body: package.tarball(name, version) };
    }
    if let Some((name, wanted)) = asked.path.rsplit_once('/')
        && let Some(package) = world.get(name)
    {
        let mut packument = package.packument(name, base, true);
        let tagged = packument["dist-tags"][wanted].as_str().unwrap_or(wanted).to_owned();
        let manifest = packument["versions"][tagged].take();
        if !manifest.is_null() {
            return Reply::text(200, &manifest.to_string());
        }
    }
    Reply::text(404, "{\"error\":\"not found\"}")
}
