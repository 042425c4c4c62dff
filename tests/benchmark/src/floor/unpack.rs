//! Tarballs and packuments, fetched over many connections, and unpacked into a folder each or inflated, by whoever is
//! free.

use std::{
    collections::VecDeque,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, sync_channel},
    },
    thread::Scope,
};

use anyhow::{Context as _, Result, ensure};
use libdeflater::Decompressor;
use rustix::fs::{CWD, Mode, OFlags, openat};
use sha2::{Digest as _, Sha512};

/// As many as a slow line with latency needs; a near registry is asked over [`NEAR`], which spares switches.
const FAR: usize = 64;
const NEAR: usize = 4;

/// Bodies in memory that nobody has unpacked yet.
const WAITING: usize = 16;

/// Asked for besides, so that packuments come as installers have them.
const PACKUMENT: &str = "accept: application/vnd.npm.install-v1+json\r\naccept-encoding: gzip\r\n";

/// What has come, and its place in the list.
pub(super) struct Body {
    at: usize,
    is_tarball: bool,
    bytes: Vec<u8>,
}

/// What arrives.
pub(super) struct Bodies(Mutex<Receiver<Result<Body>>>);

impl Bodies {
    /// One that has arrived.
    pub(super) fn arrived(&self) -> Option<Result<Body>> {
        self.0.try_lock().ok()?.try_recv().ok()
    }

    /// The next one; `None` if all were taken.
    pub(super) fn wait(&self) -> Option<Result<Body>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
    }
}

/// Starts to fetch from the registry at `url`, `far` if it answers late.
pub(super) fn fetch<'scope>(scope: &'scope Scope<'scope, '_>, url: &str, far: bool, paths: &'scope [String]) -> Bodies {
    let (sender, receiver) = sync_channel(WAITING);
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    let open = Arc::new(Mutex::new(paths.iter().enumerate().collect::<VecDeque<_>>()));
    for connection in 0..if far { FAR } else { NEAR }.min(paths.len()) {
        let (sender, open, address) = (sender.clone(), open.clone(), address.to_owned());
        // Half of them begin with the small ones: many answers that are late must be on their way while a few fill
        // the line.
        let take = if connection % 2 == 0 { VecDeque::pop_front } else { VecDeque::pop_back };
        scope.spawn(move || {
            let mut stream = None;
            loop {
                let Some((at, path)) = take(&mut open.lock().unwrap_or_else(PoisonError::into_inner)) else { return };
                let body = get(&mut stream, &address, path).with_context(|| path.clone());
                if sender.send(body.map(|bytes| Body { at, is_tarball: is_tarball(path), bytes })).is_err() {
                    return;
                }
            }
        });
    }
    Bodies(Mutex::new(receiver))
}

fn get(connection: &mut Option<BufReader<TcpStream>>, address: &str, path: &str) -> Result<Vec<u8>> {
    let stream = match connection {
        Some(stream) => stream,
        none => none.insert(BufReader::new(TcpStream::connect(address)?)),
    };
    // In one piece: the parts of a request that is written in several wait for each other's acknowledgement.
    let accept = if is_tarball(path) { "" } else { PACKUMENT };
    stream.get_mut().write_all(format!("GET /{path} HTTP/1.1\r\nhost: {address}\r\n{accept}\r\n").as_bytes())?;
    let (mut line, mut length) = (String::new(), None);
    stream.read_line(&mut line)?;
    ensure!(line.contains(" 200 "), "{}", line.trim_end());
    while line != "\r\n" {
        line.clear();
        ensure!(stream.read_line(&mut line)? > 0, "the answer was cut off");
        length = line.strip_prefix("content-length: ").map(|length| length.trim_end().parse()).or(length);
    }
    let mut body = vec![0; length.context("its length is not told")??];
    stream.read_exact(&mut body)?;
    Ok(body)
}

fn is_tarball(path: &str) -> bool {
    path.contains("/-/")
}

/// What one thread unpacks with, and uses again.
pub(super) struct Unpacker {
    decompressor: Decompressor,
    plain: Vec<u8>,
}

impl Unpacker {
    pub(super) fn new() -> Self {
        Self { decompressor: Decompressor::new(), plain: Vec::new() }
    }

    /// Digests a tarball and writes its files; a packument is only inflated.
    pub(super) fn unpack(&mut self, body: &Body, store: &Path) -> Result<()> {
        if body.is_tarball {
            std::hint::black_box(Sha512::digest(&body.bytes));
        }
        let size = body.bytes.last_chunk().map_or(0, |size| u32::from_le_bytes(*size)) as usize;
        if self.plain.len() < size {
            self.plain.resize(size, 0);
        }
        let length = self.decompressor.gzip_decompress(&body.bytes, &mut self.plain)?;
        if !body.is_tarball {
            return Ok(());
        }
        let into = store.join(body.at.to_string());
        fs::create_dir(&into)?;
        let into = super::open(CWD, &into)?;
        for (number, entry) in tar::Archive::new(&self.plain[..length]).entries()?.enumerate() {
            let entry = entry?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let at = usize::try_from(entry.raw_file_position())?;
            let end = at + usize::try_from(entry.size())?;
            let bytes = self.plain.get(at..end).context("a file leads out of its archive")?;
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let file = openat(&into, number.to_string(), flags, Mode::from_raw_mode(0o644))?;
            fs::File::from(file).write_all(bytes)?;
        }
        Ok(())
    }
}
