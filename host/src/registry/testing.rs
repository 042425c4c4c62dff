//! A server on loopback for tests: answers come from a function of the request, and requests are remembered.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use wit::{PackageName, settings::Registries};

use super::{Http, NetworkSettings, Registry, RetryPolicy, Timeouts};
use crate::{
    facts::{Answer, MetadataRequest, Oracle, Reply, Request},
    report::event::{Event, Report},
    timings::Timings,
};

/// A request: the head as it came.
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) head: String,
    /// How many came before it.
    pub(crate) before: usize,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) asked: Arc<Mutex<Vec<Asked>>>,
}

/// Starts a server; it closes the connection after each answer, which is written as it is.
pub(crate) fn serve(answer: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static) -> Server {
    serve_by(move |asked, stream| {
        let bytes = answer(asked);
        if bytes != b"silence" {
            drop(stream.write_all(&bytes));
        }
        if bytes == b"silence" || bytes.ends_with(b"stall") {
            std::thread::sleep(Duration::from_secs(5));
        }
    })
}

/// Starts a server whose answers are written by a function, at its own pace.
pub(crate) fn serve_by(answer: impl Fn(&Asked, &mut TcpStream) + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
    let (held, answer) = (asked.clone(), Arc::new(answer));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (held, answer) = (held.clone(), answer.clone());
            std::thread::spawn(move || handle(&mut stream.unwrap(), &held, &*answer));
        }
    });
    Server { url, asked }
}

fn handle(stream: &mut TcpStream, held: &Mutex<Vec<Asked>>, answer: &dyn Fn(&Asked, &mut TcpStream)) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let asked = Asked { path, head, before: 0 };
    let asked = {
        let mut all = held.lock().unwrap();
        let asked = Asked { before: all.len(), ..asked };
        all.push(Asked { path: asked.path.clone(), head: asked.head.clone(), before: asked.before });
        asked
    };
    answer(&asked, stream);
}

/// A whole answer.
pub(crate) fn response(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

/// Remembers what it is told.
#[derive(Default)]
pub(crate) struct Told(pub(crate) Mutex<Vec<Event>>);

impl Report for Told {
    fn event(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

/// Settings for a registry at `url`, with short waits.
pub(crate) fn settings(url: &str, cache: &Path) -> NetworkSettings {
    let registries = Registries { default: url.to_owned(), ..Registries::default() };
    let mut settings = NetworkSettings::new(registries, cache.to_owned(), 1_000_000);
    settings.retry =
        RetryPolicy { retries: 2, factor: 1.0, min: Duration::from_millis(20), max: Duration::from_millis(50) };
    let short = Duration::from_millis(300);
    settings.timeouts = Timeouts { connect: short, headers: short, stall: short };
    settings
}

/// A registry with these settings, and what it reports.
pub(crate) fn registry(settings: NetworkSettings) -> (Registry, Arc<Told>) {
    let told = Arc::new(Told::default());
    (Registry::new(Http::new(settings, told.clone()), Timings::off()), told)
}

pub(crate) fn metadata(name: &str) -> Request {
    let name = PackageName::parse(name).unwrap();
    Request::Metadata(MetadataRequest { name, registry: None, full: false, wanted: None, likely: false })
}

/// Asks and waits.
pub(crate) fn ask(registry: &Registry, request: Request) -> Answer {
    let (sender, answers) = mpsc::channel();
    registry.ask(request, Reply::new(7, &sender));
    let (id, answer) = answers.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(id, 7);
    answer
}
