//! Large tarballs that come slowly, so that they are taken in while they come. The server waits for states, never for a
//! time alone.

use std::{io::Write as _, net::TcpStream, sync::Condvar, thread, time::Duration};

use super::*;
use crate::registry::testing::{Asked, serve_by};

const SIZE: usize = 2 << 20;
const HALF: usize = SIZE / 2;

/// What became of a stream.
#[derive(Debug, Clone, PartialEq)]
enum Sign {
    /// Half of the tarball has been taken in.
    Half,
    Finished,
    /// Removed, on the thread of this name.
    Dropped(String),
}

/// What became of the streams, in order.
#[derive(Default)]
struct Signs(Mutex<Vec<Sign>>, Condvar);

impl Signs {
    fn show(&self, sign: Sign) {
        self.0.lock().unwrap().push(sign);
        self.1.notify_all();
    }

    /// Waits until there are so many.
    fn wait(&self, count: usize) -> Vec<Sign> {
        let limit = Duration::from_secs(60);
        let (signs, waited) =
            self.1.wait_timeout_while(self.0.lock().unwrap(), limit, |signs| signs.len() < count).unwrap();
        assert!(!waited.timed_out(), "only {signs:?}");
        signs.clone()
    }
}

/// [`Memory`], and what becomes of its streams.
#[derive(Default)]
struct Watched {
    memory: Memory,
    signs: Arc<Signs>,
}

struct Stream {
    bytes: Vec<u8>,
    signs: Arc<Signs>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.signs.show(Sign::Dropped(thread::current().name().unwrap_or_default().to_owned()));
    }
}

impl PackageStore for Watched {
    type Index = Vec<u8>;
    type Verified = (Vec<u8>, Integrity);
    type Stream = Stream;

    fn find(&self, integrity: &Integrity) -> Option<Vec<u8>> {
        self.memory.find(integrity)
    }

    fn verify(&self, tarballs: Vec<(Vec<u8>, Integrity)>) -> Vec<Result<Self::Verified, ImportFailure>> {
        self.memory.verify(tarballs)
    }

    fn import(&self, verified: Self::Verified) -> Result<Vec<u8>, ImportFailure> {
        self.memory.import(verified)
    }

    fn stream(&self) -> Option<Stream> {
        Some(Stream { bytes: Vec::new(), signs: self.signs.clone() })
    }

    fn feed(&self, stream: &mut Stream, bytes: &[u8]) -> Option<()> {
        let before = stream.bytes.len();
        stream.bytes.extend_from_slice(bytes);
        if before < HALF && stream.bytes.len() >= HALF {
            self.signs.show(Sign::Half);
        }
        Some(())
    }

    fn finish(&self, mut stream: Stream, integrity: &Integrity) -> Option<Vec<u8>> {
        self.signs.show(Sign::Finished);
        self.memory.finish(std::mem::take(&mut stream.bytes), integrity)
    }

    fn gather(&self, source: &Source) -> Result<Vec<u8>, ImportFailure> {
        self.memory.gather(source)
    }
}

/// Sends some more than half, slowly, and goes on when half has been taken in.
fn send_slowly(stream: &mut TcpStream, whole: &[u8], signs: &Signs) {
    let (first, rest) = whole.split_at(whole.len() - HALF / 2);
    for piece in first.chunks(SIZE / 16) {
        drop(stream.write_all(piece));
        thread::sleep(Duration::from_millis(20));
    }
    signs.wait(1);
    drop(stream.write_all(rest));
}

/// Fetches one package from a server that answers like this; the outcome and what became of the streams.
fn fetch(
    expected: &[u8],
    signs: usize,
    answer: impl Fn(&Asked, &mut TcpStream, &Signs) + Send + Sync + 'static,
) -> (Result<Arc<Vec<u8>>, FetchError>, Vec<Sign>) {
    let store = Arc::new(Watched::default());
    let shown = store.signs.clone();
    let server = serve_by(move |asked, stream| answer(asked, stream, &shown));
    let cache = tempfile::tempdir().unwrap();
    let mut settings = settings(&server.url, cache.path());
    settings.timeouts.stall = Duration::from_secs(60);
    settings.timeouts.headers = Duration::from_secs(60);
    let fetcher = Fetcher::new(Http::new(settings, Arc::new(Told::default())), store.clone(), FetchOptions::default());
    let outcome = fetcher.finish(&[job("a", Some(sha512(expected)))]).pop().unwrap();
    (outcome, store.signs.wait(signs))
}

fn body() -> Vec<u8> {
    (0..SIZE).map(|at| (at / 7) as u8).collect()
}

fn is_on_the_pool(sign: &Sign) -> bool {
    matches!(sign, Sign::Dropped(thread) if thread.starts_with("import-"))
}

#[test]
fn a_tarball_that_comes_slowly_is_taken_in_while_it_comes() {
    let (outcome, signs) =
        fetch(&body(), 3, |_, stream, signs| send_slowly(stream, &response("200 OK", "", &body()), signs));
    assert_eq!(*outcome.unwrap(), body());
    assert_eq!(signs[..2], [Sign::Half, Sign::Finished]);
    assert!(is_on_the_pool(&signs[2]), "{signs:?}");
}

#[test]
fn wrong_bytes_that_come_slowly_are_refused() {
    let (outcome, signs) =
        fetch(b"other", 3, |_, stream, signs| send_slowly(stream, &response("200 OK", "", &body()), signs));
    assert_eq!(code(&outcome), "ERR_PNPM_TARBALL_INTEGRITY");
    assert_eq!(signs[..2], [Sign::Half, Sign::Finished]);
}

#[test]
fn a_page_that_comes_slowly_is_refused_and_removed_on_the_pool() {
    let page = [b"<html>".to_vec(), vec![b' '; SIZE]].concat();
    let (outcome, signs) = fetch(&page, 2, {
        let page = page.clone();
        move |_, stream, signs| send_slowly(stream, &response("200 OK", "", &page), signs)
    });
    assert_eq!(code(&outcome), "ERR_PNPM_TARBALL_EXTRACT");
    assert!(is_on_the_pool(&signs[1]), "{signs:?}");
}

#[test]
fn what_broke_off_is_removed_on_the_pool_before_it_is_fetched_again() {
    let (outcome, signs) = fetch(&body(), 2, |asked, stream, signs| match asked.before {
        0 => {
            let whole = response("200 OK", "", &body());
            send_slowly(stream, &whole[..whole.len() - 9], signs);
        }
        _ => {
            signs.wait(2);
            drop(stream.write_all(&response("200 OK", "", &body())));
        }
    });
    assert_eq!(*outcome.unwrap(), body());
    assert_eq!(signs.len(), 2, "{signs:?}");
    assert!(is_on_the_pool(&signs[1]), "{signs:?}");
}
