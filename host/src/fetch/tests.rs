mod slow;

use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha512};
use wit::{PackageName, names::Algorithm};

use super::*;
use crate::{
    diagnostic::Diagnose,
    graph::Source,
    registry::{
        Http, NetworkMode, NetworkSettings,
        testing::{Server, Told, response, serve, settings},
    },
    report::event::Event,
};

/// Keeps tarballs by integrity in memory.
#[derive(Default)]
pub(super) struct Memory(Mutex<Vec<(String, Vec<u8>)>>);

impl PackageStore for Memory {
    type Index = Vec<u8>;
    type Verified = (Vec<u8>, Integrity);

    fn find(&self, integrity: &Integrity) -> Option<Vec<u8>> {
        let held = self.0.lock().unwrap();
        held.iter().find(|(key, _)| *key == integrity.to_string()).map(|(_, tarball)| tarball.clone())
    }

    fn verify(&self, tarballs: Vec<(Vec<u8>, Integrity)>) -> Vec<Result<Self::Verified, ImportFailure>> {
        let wrong = || ImportFailure { code: "ERR_PNPM_TARBALL_INTEGRITY", message: "wrong".to_owned() };
        let is_right = |(tarball, integrity): &(Vec<u8>, Integrity)| sha512(tarball) == integrity.to_string();
        tarballs.into_iter().map(|pair| if is_right(&pair) { Ok(pair) } else { Err(wrong()) }).collect()
    }

    fn import(&self, (tarball, integrity): Self::Verified) -> Result<Vec<u8>, ImportFailure> {
        self.0.lock().unwrap().push((integrity.to_string(), tarball.clone()));
        Ok(tarball)
    }

    type Stream = Vec<u8>;

    fn stream(&self) -> Option<Vec<u8>> {
        Some(Vec::new())
    }

    fn feed(&self, stream: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
        stream.extend_from_slice(bytes);
        Some(())
    }

    fn finish(&self, stream: Vec<u8>, integrity: &Integrity) -> Option<Vec<u8>> {
        self.import(self.verify(vec![(stream, integrity.clone())]).pop()?.ok()?).ok()
    }

    fn gather(&self, _source: &crate::graph::Source) -> Result<Self::Index, ImportFailure> {
        Err(ImportFailure { code: "ERR_PNPM_GIT_FETCH_FAILED", message: "nothing is gathered here".to_owned() })
    }
}

pub(super) fn sha512(bytes: &[u8]) -> String {
    Integrity { algorithm: Algorithm::Sha512, digests: vec![Sha512::digest(bytes).to_vec().into()] }.to_string()
}

fn job(name: &str, integrity: Option<String>) -> FetchJob {
    FetchJob {
        name: PackageName::parse(name).unwrap(),
        version: "1.0.0".to_owned(),
        source: Source::Registry { registry: None, tarball: None, integrity },
        size_hint: None,
        optional: false,
    }
}

struct Setup {
    fetcher: Fetcher<Memory>,
    told: Arc<Told>,
    _cache: tempfile::TempDir,
}

fn setup(server: &Server, change: impl FnOnce(&mut NetworkSettings, &mut FetchOptions)) -> Setup {
    let cache = tempfile::tempdir().unwrap();
    let mut settings = settings(&server.url, cache.path());
    let mut options = FetchOptions::default();
    change(&mut settings, &mut options);
    let told = Arc::new(Told::default());
    let http = Http::new(settings, told.clone());
    Setup { fetcher: Fetcher::new(http, Arc::new(Memory::default()), options), told, _cache: cache }
}

fn code(outcome: &Result<Arc<Vec<u8>>, FetchError>) -> &'static str {
    outcome.as_ref().err().map_or("ok", Diagnose::code)
}

#[test]
fn a_package_is_fetched_once_however_often_it_is_wanted() {
    let server = serve(|_| response("200 OK", "", b"bytes"));
    let setup = setup(&server, |_, _| {});
    let wanted = job("@s/x", Some(sha512(b"bytes")));
    setup.fetcher.start(vec![wanted.clone()], |_| true, |_, _| {});
    setup.fetcher.start(vec![wanted.clone(), wanted.clone()], |_| true, |_, _| {});
    let outcomes = setup.fetcher.finish(&[wanted.clone(), wanted.clone()]);
    assert_eq!(outcomes.iter().map(|o| o.as_ref().unwrap().as_slice()).collect::<Vec<_>>(), [b"bytes"; 2]);
    assert_eq!(setup.fetcher.finish(&[wanted])[0].as_ref().unwrap().as_slice(), b"bytes");
    let asked = server.asked.lock().unwrap();
    assert_eq!((asked.len(), asked[0].path.as_str()), (1, "/@s/x/-/x-1.0.0.tgz"));
    assert_eq!(asked[0].header("accept-encoding"), Some("identity"));
    let told = setup.told.0.lock().unwrap();
    assert!(
        matches!(&told[..], [Event::FetchStarted { attempt: 1, size: Some(5), .. }, Event::Fetched { bytes: 5, .. }]),
        "{told:?}"
    );
}

#[test]
fn what_is_in_the_store_is_not_asked_for() {
    let server = serve(|_| response("404 Not Found", "", b""));
    let setup = setup(&server, |settings, _| settings.mode = NetworkMode::Offline);
    let memory = Memory(Mutex::new(vec![(sha512(b"a"), b"a".to_vec())]));
    let fetcher = Fetcher::new(
        Http::new(settings(&server.url, "".as_ref()), setup.told.clone()),
        Arc::new(memory),
        FetchOptions::default(),
    );
    assert_eq!(code(&fetcher.finish(&[job("a", Some(sha512(b"a")))])[0]), "ok");
    assert!(matches!(setup.told.0.lock().unwrap()[..], [Event::FoundInStore { .. }]));
    assert!(server.asked.lock().unwrap().is_empty());
}

#[test]
fn wrong_bytes_are_downloaded_once_and_refused() {
    let server = serve(|_| response("200 OK", "", b"other"));
    let setup = setup(&server, |_, _| {});
    assert_eq!(code(&setup.fetcher.finish(&[job("a", Some(sha512(b"bytes")))])[0]), "ERR_PNPM_TARBALL_INTEGRITY");
    assert_eq!(server.asked.lock().unwrap().len(), 1);
}

#[test]
fn a_truncated_body_is_fetched_again() {
    let server = serve(|asked| match asked.before {
        0 => b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nby".to_vec(),
        _ => response("200 OK", "", b"bytes"),
    });
    let setup = setup(&server, |_, _| {});
    assert_eq!(code(&setup.fetcher.finish(&[job("a", Some(sha512(b"bytes")))])[0]), "ok");
    assert_eq!(server.asked.lock().unwrap().len(), 2);
}

#[test]
fn what_was_seen_of_a_large_body_that_broke_off_is_forgotten() {
    let body: Vec<u8> = (0..2 << 20).map(|at: u32| (at / 7) as u8).collect();
    let shown = body.clone();
    let server = serve(move |asked| match asked.before {
        0 => {
            let whole = response("200 OK", "", &vec![1; shown.len()]);
            whole[..whole.len() - 9].to_vec()
        }
        _ => response("200 OK", "", &shown),
    });
    let setup = setup(&server, |_, _| {});
    let outcomes = setup.fetcher.finish(&[job("a", Some(sha512(&body)))]);
    assert!(outcomes[0].as_ref().is_ok_and(|taken| **taken == body));
    assert_eq!(server.asked.lock().unwrap().len(), 2);
}

#[test]
fn wrong_bytes_of_a_large_body_are_downloaded_once_and_refused() {
    let server = serve(|_| response("200 OK", "", &vec![1; 2 << 20]));
    let setup = setup(&server, |_, _| {});
    assert_eq!(code(&setup.fetcher.finish(&[job("a", Some(sha512(b"bytes")))])[0]), "ERR_PNPM_TARBALL_INTEGRITY");
    assert_eq!(server.asked.lock().unwrap().len(), 1);
}

#[test]
fn a_web_page_and_a_missing_tarball_are_final() {
    let server = serve(|asked| match asked.path.as_str() {
        "/a/-/a-1.0.0.tgz" => response("200 OK", "content-type: text/html\r\n", b"<html>"),
        _ => response("404 Not Found", "", b""),
    });
    let setup = setup(&server, |_, _| {});
    let outcomes = setup.fetcher.finish(&[job("a", Some(sha512(b"a"))), job("b", Some(sha512(b"b")))]);
    assert_eq!((code(&outcomes[0]), code(&outcomes[1])), ("ERR_PNPM_TARBALL_EXTRACT", "ERR_PNPM_FETCH_404"));
    assert_eq!(server.asked.lock().unwrap().len(), 2);
}

#[test]
fn a_tarball_that_a_proxy_has_compressed_once_more_is_the_same_tarball() {
    let pack = |bytes: &[u8]| {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gz, bytes).unwrap();
        gz.finish().unwrap()
    };
    let (tarball, twice, not_twice) = (pack(b"a tar"), pack(&pack(b"a tar")), pack(b"another tar"));
    let labelled = not_twice.clone();
    let server = serve(move |asked| {
        let body = if asked.path.starts_with("/a/") { &twice } else { &labelled };
        response("200 OK", "content-encoding: gzip\r\n", body)
    });
    let setup = setup(&server, |_, _| {});
    let jobs = [job("a", Some(sha512(&tarball))), job("b", Some(sha512(&not_twice)))];
    let outcomes = setup.fetcher.finish(&jobs);
    let taken: Vec<_> =
        outcomes.iter().map(|outcome| (code(outcome), outcome.as_ref().ok().map(|it| &***it))).collect();
    assert_eq!(taken, [("ok", Some(&tarball[..])), ("ok", Some(&not_twice[..]))]);
}

#[test]
fn an_answer_that_nothing_has_changed_is_refused_where_nobody_asked_for_that() {
    let server = serve(|_| response("304 Not Modified", "", b""));
    let setup = setup(&server, |_, _| {});
    assert_eq!(code(&setup.fetcher.finish(&[job("a", Some(sha512(b"bytes")))])[0]), "ERR_PNPM_FETCH_STATUS");
}

#[test]
fn packages_that_are_there_are_told_while_another_is_on_its_way() {
    let (tell, told) = std::sync::mpsc::channel();
    let told = Mutex::new(told);
    let server = serve(move |asked| {
        let is_told = || told.lock().unwrap().recv_timeout(std::time::Duration::from_secs(60)).is_ok();
        match asked.path.as_str() {
            "/a/-/a-1.0.0.tgz" => response("200 OK", "", b"a"),
            _ if is_told() => response("200 OK", "", b"b"),
            _ => response("404 Not Found", "", b""),
        }
    });
    let setup = setup(&server, |_, _| {});
    let mut seen = Vec::new();
    let jobs = [job("b", Some(sha512(b"b"))), job("a", Some(sha512(b"a")))];
    let outcomes = setup.fetcher.finish_telling(&jobs, |at, index| {
        seen.push((at, index.to_vec()));
        tell.send(()).unwrap();
    });
    assert_eq!(outcomes.iter().map(code).collect::<Vec<_>>(), ["ok"; 2]);
    assert_eq!(seen, [(1, b"a".to_vec())]);
}

#[test]
fn without_an_integrity_nothing_is_taken_unless_allowed() {
    let server = serve(|_| response("200 OK", "", b"bytes"));
    let strict = setup(&server, |_, _| {});
    assert_eq!(code(&strict.fetcher.finish(&[job("a", None)])[0]), "ERR_PNPM_MISSING_TARBALL_INTEGRITY");
    assert!(server.asked.lock().unwrap().is_empty());
    let lenient = setup(&server, |_, options| options.allow_missing_integrity = true);
    assert_eq!(code(&lenient.fetcher.finish(&[job("a", None)])[0]), "ok");
}

#[test]
fn offline_names_everything_that_is_missing() {
    let server = serve(|_| response("404 Not Found", "", b""));
    let setup = setup(&server, |settings, _| settings.mode = NetworkMode::Offline);
    let outcomes = setup.fetcher.finish(&[job("b", Some(sha512(b"b"))), job("a", Some(sha512(b"a")))]);
    let error = outcomes[0].as_ref().unwrap_err();
    assert_eq!(error.code(), "ERR_PNPM_NO_OFFLINE_TARBALL");
    assert!(error.to_string().ends_with("lacks a@1.0.0, b@1.0.0"), "{error}");
    assert!(server.asked.lock().unwrap().is_empty());
}

#[test]
fn an_optional_package_is_left_out_only_where_all_others_are_there() {
    let server = serve(|_| response("404 Not Found", "", b""));
    let setup = setup(&server, |settings, _| settings.mode = NetworkMode::Offline);
    let optional = FetchJob { optional: true, ..job("b", Some(sha512(b"b"))) };
    let warnings = || -> Vec<String> {
        let told = setup.told.0.lock().unwrap();
        let message = |event: &Event| match event {
            Event::Message { message, .. } => Some(message.clone()),
            _ => None,
        };
        told.iter().filter_map(message).collect()
    };
    drop(setup.fetcher.finish(&[optional.clone(), job("a", Some(sha512(b"a")))]));
    assert_eq!(warnings(), Vec::<String>::new());
    drop(setup.fetcher.finish(&[optional]));
    assert!(matches!(&warnings()[..], [one] if one.ends_with("lacks b@1.0.0")), "{:?}", warnings());
}

#[test]
fn tarball_addresses_that_leave_http_are_refused() {
    let server = serve(|_| response("200 OK", "", b"bytes"));
    let setup = setup(&server, |settings, _| {
        settings.registries.scoped.insert("@pub".to_owned(), "https://registry.example/".to_owned());
    });
    for (name, bad) in [
        ("a", "file:///etc/passwd"),
        ("a", "git+ssh://x.example/y"),
        ("a", "http://user:secret@x.example/a.tgz"),
        ("@pub/a", "http://other.example/a.tgz"),
        ("@pub/a", "https://169.254.169.254/a.tgz"),
    ] {
        let integrity = Some(sha512(bad.as_bytes()));
        let source = Source::Registry { registry: None, tarball: Some(bad.to_owned()), integrity };
        let outcome = &setup.fetcher.finish(&[FetchJob { source, ..job(name, None) }])[0];
        assert_eq!(code(outcome), "ERR_WASI_PM_BAD_URL", "{bad}");
        let shown = format!("{:?}", outcome.as_ref().unwrap_err());
        assert!(!shown.contains("secret"), "{shown}");
    }
    assert!(server.asked.lock().unwrap().is_empty());
}

#[test]
fn a_local_tarball_is_taken_from_beside_the_lockfile() {
    let server = serve(|_| response("404 Not Found", "", b""));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.tgz"), b"bytes").unwrap();
    let setup = setup(&server, |_, options| options.lockfile_dir = folder.path().to_owned());
    let of = |url: &str| {
        let source = Source::Tarball { url: url.to_owned(), integrity: None, git_hosted: false, path: None };
        FetchJob { source, ..job("x", None) }
    };
    let outcomes = setup.fetcher.finish(&[of("file:x.tgz"), of("file:y.tgz")]);
    assert_eq!((code(&outcomes[0]), code(&outcomes[1])), ("ok", "ERR_PNPM_TARBALL_FETCH"));
}
