use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use crate::{
    config::{
        credentials::Credentials,
        npmrc::{self, Level},
    },
    registry::{
        NetworkMode,
        testing::{Server, ask, metadata, registry, response, serve, settings},
    },
};

use super::*;

const PACKUMENT: &[u8] = br#"{"name":"a","dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{"name":"a","version":"1.0.0"},"0.9.0":{"name":"a","version":"0.9.0"}}}"#;

fn count(server: &Server) -> usize {
    server.asked.lock().unwrap().len()
}

fn versions(answer: &Answer) -> &str {
    match answer {
        Answer::Metadata(metadata) => &metadata.versions,
        other => panic!("{other:?}"),
    }
}

fn reason(answer: &Answer) -> (Reason, String) {
    match answer {
        Answer::Unavailable(why) => (why.reason, why.detail.clone().unwrap()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn everybody_who_asks_for_a_package_shares_one_request() {
    let server = serve(|_| {
        std::thread::sleep(Duration::from_millis(50));
        response("200 OK", "", PACKUMENT)
    });
    let cache = tempfile::tempdir().unwrap();
    let (registry, _) = registry(settings(&server.url, cache.path()));
    let (sender, answers) = mpsc::channel();
    for id in 0..5 {
        registry.ask(metadata("a"), Reply::new(id, &sender));
    }
    for _ in 0..5 {
        let (_, answer) = answers.recv_timeout(Duration::from_secs(5)).unwrap();
        let Answer::Metadata(found) = answer else { panic!("{answer:?}") };
        assert_eq!(found.versions, "1.0.0\n0.9.0");
        assert_eq!(found.manifests[0].1, br#"{"name":"a","version":"1.0.0"}"#);
    }
    let name = PackageName::parse("a").unwrap();
    let manifest = Request::Manifest { name, registry: None, version: "0.9.0".to_owned() };
    assert_eq!(ask(&registry, manifest.clone()), Answer::Manifest(br#"{"name":"a","version":"0.9.0"}"#.to_vec()));
    registry.settle();
    assert_eq!(ask(&registry, manifest), Answer::Manifest(br#"{"name":"a","version":"0.9.0"}"#.to_vec()));
    assert_eq!(count(&server), 1);
    let asked = server.asked.lock().unwrap();
    assert_eq!(asked[0].header("accept-encoding"), Some("gzip"));
    assert!(asked[0].header("accept").unwrap().contains("install-v1"));
}

#[test]
fn a_fresh_entry_is_used_unasked_and_an_old_one_is_confirmed() {
    let server = serve(|asked| match asked.header("if-none-match") {
        Some("\"x\"") => response("304 Not Modified", "cache-control: max-age=60\r\n", b""),
        _ => response("200 OK", "etag: \"x\"\r\ncache-control: public, max-age=60\r\n", PACKUMENT),
    });
    let cache = tempfile::tempdir().unwrap();
    for (now, requests) in [(0, 1), (59_999, 1), (60_000, 2), (100_000, 2), (120_000, 3)] {
        let mut settings = settings(&server.url, cache.path());
        settings.now += now;
        let (registry, _) = registry(settings);
        assert_eq!(versions(&ask(&registry, metadata("a"))), "1.0.0\n0.9.0");
        registry.settle();
        assert_eq!(count(&server), requests, "{now}");
    }
}

#[test]
fn manifests_that_another_process_has_replaced_are_asked_for_again() {
    const CHANGED: &[u8] = br#"{"name":"a","versions":{"1.0.0":{"name":"a","version":"1.0.0"}}}"#;
    let server = serve(|asked| response("200 OK", "", if asked.before == 1 { CHANGED } else { PACKUMENT }));
    let cache = tempfile::tempdir().unwrap();
    let (first, _) = registry(settings(&server.url, cache.path()));
    assert_eq!(versions(&ask(&first, metadata("a"))), "1.0.0\n0.9.0");
    first.settle();
    let mut later = settings(&server.url, cache.path());
    later.mode = NetworkMode::Revalidate;
    let (second, _) = registry(later);
    assert_eq!(versions(&ask(&second, metadata("a"))), "1.0.0");
    second.settle();
    let manifest = |version: &str| Request::Manifest {
        name: PackageName::parse("a").unwrap(),
        registry: None,
        version: version.to_owned(),
    };
    assert_eq!(ask(&first, manifest("0.9.0")), Answer::Manifest(br#"{"name":"a","version":"0.9.0"}"#.to_vec()));
    assert_eq!(count(&server), 3);
    first.settle();
    std::fs::remove_dir_all(cache.path()).unwrap();
    assert_eq!(ask(&first, manifest("1.0.0")), Answer::Manifest(br#"{"name":"a","version":"1.0.0"}"#.to_vec()));
    assert_eq!(reason(&ask(&first, manifest("7.0.0"))).0, Reason::NotFound);
}

#[test]
fn who_was_sent_no_validators_confirms_nothing() {
    let elsewhere = serve(|_| response("304 Not Modified", "cache-control: max-age=60\r\n", b""));
    let location = format!("location: {}a\r\n", elsewhere.url);
    let server = serve(move |asked| match asked.before {
        0 => response("200 OK", "etag: \"x\"\r\n", PACKUMENT),
        _ => response("302 Found", &location, b""),
    });
    let cache = tempfile::tempdir().unwrap();
    let (first, _) = registry(settings(&server.url, cache.path()));
    ask(&first, metadata("a"));
    first.settle();
    let (second, _) = registry(settings(&server.url, cache.path()));
    assert!(reason(&ask(&second, metadata("a"))).1.contains("304"));
    assert_eq!(elsewhere.asked.lock().unwrap()[0].header("if-none-match"), None);
}

#[test]
fn without_validators_an_entry_is_fresh_for_five_minutes() {
    let server = serve(|_| response("200 OK", "cache-control: max-age=99999\r\n", PACKUMENT));
    let cache = tempfile::tempdir().unwrap();
    for (now, requests) in [(0, 1), (299_999, 1), (300_000, 2)] {
        let mut settings = settings(&server.url, cache.path());
        settings.now += now;
        let (registry, _) = registry(settings);
        ask(&registry, metadata("a"));
        registry.settle();
        assert_eq!(count(&server), requests, "{now}");
    }
}

#[test]
fn offline_uses_what_is_cached_and_nothing_else() {
    let server = serve(|_| response("200 OK", "etag: \"x\"\r\n", PACKUMENT));
    let cache = tempfile::tempdir().unwrap();
    let (online, _) = registry(settings(&server.url, cache.path()));
    ask(&online, metadata("a"));
    online.settle();
    let mut settings = settings(&server.url, cache.path());
    settings.mode = NetworkMode::Offline;
    settings.now += 999_999_999;
    let (offline, _) = registry(settings);
    assert_eq!(versions(&ask(&offline, metadata("a"))), "1.0.0\n0.9.0");
    assert_eq!(reason(&ask(&offline, metadata("b"))).0, Reason::Offline);
    assert_eq!(count(&server), 1);
}

#[test]
fn an_outage_falls_back_to_the_cache_with_a_warning() {
    let server = serve(|asked| match asked.before {
        0 => response("200 OK", "etag: \"x\"\r\n", PACKUMENT),
        _ => response("503 Service Unavailable", "", b""),
    });
    let cache = tempfile::tempdir().unwrap();
    let (first, _) = registry(settings(&server.url, cache.path()));
    ask(&first, metadata("a"));
    first.settle();
    let (second, told) = registry(settings(&server.url, cache.path()));
    assert_eq!(versions(&ask(&second, metadata("a"))), "1.0.0\n0.9.0");
    assert_eq!(count(&server), 4);
    let told = told.0.lock().unwrap();
    assert!(matches!(told.last(), Some(Event::Message { level: LogLevel::Warn, .. })), "{told:?}");
}

#[test]
fn permanent_errors_are_final_and_quick() {
    let table = [
        ("401 Unauthorized", "", Reason::Unauthorized),
        ("403 Forbidden", r#"{"error":"no\u001b[31m entry"}"#, Reason::Forbidden),
        ("404 Not Found", "{}", Reason::NotFound),
        ("200 OK", "<html>log in</html>", Reason::Invalid),
        ("200 OK", "{\"name\":\"b\",\"versions\":{}}", Reason::Invalid),
    ];
    for (status, body, wanted) in table {
        let server = serve(move |_| response(status, "", body.as_bytes()));
        let cache = tempfile::tempdir().unwrap();
        let (registry, _) = registry(settings(&server.url, cache.path()));
        let started = Instant::now();
        let (found, detail) = reason(&ask(&registry, metadata("a")));
        assert_eq!(found, wanted, "{status} {detail}");
        assert!(started.elapsed() < Duration::from_secs(2) && !detail.contains('\u{1b}'), "{detail}");
        assert_eq!(count(&server), 1, "{status}");
        if body.starts_with('<') {
            assert!(detail.contains("login page"), "{detail}");
        }
    }
}

#[test]
fn what_may_pass_is_tried_again() {
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n{\"name\"".to_vec();
    let stalled = b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\nstall".to_vec();
    let busy = response("500 Oops", "", b"");
    for first in [half, stalled, busy, b"silence".to_vec(), Vec::new()] {
        let shown = String::from_utf8_lossy(&first).into_owned();
        let server = serve(move |asked| match asked.before {
            0 => first.clone(),
            _ => response("200 OK", "", PACKUMENT),
        });
        let cache = tempfile::tempdir().unwrap();
        let (registry, told) = registry(settings(&server.url, cache.path()));
        assert_eq!(versions(&ask(&registry, metadata("a"))), "1.0.0\n0.9.0", "{shown}");
        assert_eq!(count(&server), 2, "{shown}");
        assert!(matches!(told.0.lock().unwrap()[..], [Event::RequestRetry { attempt: 1, max_retries: 2, .. }]));
    }
}

#[test]
fn retry_after_is_obeyed_up_to_a_minute() {
    let server = serve(|asked| match asked.before {
        0 => response("429 Too Many Requests", "retry-after: 1\r\n", b""),
        _ => response("200 OK", "", PACKUMENT),
    });
    let cache = tempfile::tempdir().unwrap();
    let (patient, _) = registry(settings(&server.url, cache.path()));
    let started = Instant::now();
    ask(&patient, metadata("a"));
    assert!(started.elapsed() >= Duration::from_secs(1));

    let server = serve(|_| response("503 Busy", "retry-after: 86400\r\n", b""));
    let (patient, _) = registry(settings(&server.url, cache.path()));
    let (found, detail) = reason(&ask(&patient, metadata("a")));
    assert!(found == Reason::Network && detail.contains("86400"), "{detail}");
    assert_eq!(count(&server), 1);
}

#[test]
fn credentials_do_not_follow_a_redirect_to_another_origin() {
    let other = serve(|_| response("200 OK", "", PACKUMENT));
    let target = format!("location: {}a\r\n", other.url);
    let server = serve(move |_| response("302 Found", &target, b""));
    let cache = tempfile::tempdir().unwrap();
    let mut settings = settings(&server.url, cache.path());
    let key = server.url.strip_prefix("http:").unwrap();
    let file = npmrc::parse(format!("{key}:_authToken=t0p").as_bytes(), Level::User, "", &|_| None);
    settings.credentials = Credentials::from_levels(&[file], None, &mut Vec::new());
    let (registry, _) = registry(settings);
    assert_eq!(versions(&ask(&registry, metadata("a"))), "1.0.0\n0.9.0");
    assert_eq!(server.asked.lock().unwrap()[0].header("authorization"), Some("Bearer t0p"));
    assert_eq!(other.asked.lock().unwrap()[0].header("authorization"), None);
}

#[test]
fn a_token_helper_that_takes_its_time_holds_nobody_else_up() {
    let server = serve(|_| response("404 Not Found", "", b""));
    let other = serve(|_| response("200 OK", "", PACKUMENT));
    let cache = tempfile::tempdir().unwrap();
    let mut settings = settings(&other.url, cache.path());
    settings.registries.scoped = [("@s".to_owned(), server.url.clone())].into();
    let key = server.url.strip_prefix("http:").unwrap();
    let file = npmrc::parse(format!("{key}:tokenHelper=/bin/helper").as_bytes(), Level::User, "", &|_| None);
    let (go_on, waits) = mpsc::channel::<()>();
    let waits = Mutex::new(waits);
    settings.credentials =
        Credentials::from_levels(&[file], None, &mut Vec::new()).with_helper_runner(Arc::new(move |_| {
            let told = waits.lock().unwrap().recv_timeout(Duration::from_secs(10));
            told.map(|()| "t0p".to_owned()).map_err(|error| error.to_string())
        }));
    let (registry, _) = registry(settings);
    let (sender, answers) = mpsc::channel();
    // As many as the network has threads, and one more.
    for (id, name) in (0..).zip(["@s/a", "@s/b", "@s/c"]) {
        registry.ask(metadata(name), Reply::new(id, &sender));
    }
    assert_eq!(versions(&ask(&registry, metadata("a"))), "1.0.0\n0.9.0");
    go_on.send(()).unwrap();
    (0..3).for_each(|_| drop(answers.recv_timeout(Duration::from_secs(10)).unwrap()));
    let asked = server.asked.lock().unwrap();
    assert!(asked.len() == 3 && asked.iter().all(|it| it.header("authorization") == Some("Bearer t0p")));
}

#[test]
fn redirects_have_an_end() {
    let server = serve(|asked| response("302 Found", &format!("location: {}x\r\n", asked.path), b""));
    let cache = tempfile::tempdir().unwrap();
    let (registry, _) = registry(settings(&server.url, cache.path()));
    let (_, detail) = reason(&ask(&registry, metadata("a")));
    assert!(detail.contains("more than 5 redirects"), "{detail}");
    assert_eq!(count(&server), 6);
}

#[test]
fn a_gzip_body_is_decoded_and_a_bomb_is_not() {
    let pack = |text: &[u8]| {
        let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::fastest());
        let mut packed = vec![0; compressor.gzip_compress_bound(text.len())];
        let length = compressor.gzip_compress(text, &mut packed).unwrap();
        packed.truncate(length);
        packed
    };
    let body = pack(PACKUMENT);
    let server = serve(move |_| response("200 OK", "content-encoding: gzip\r\n", &body));
    let cache = tempfile::tempdir().unwrap();
    let (registry, _) = registry(settings(&server.url, cache.path()));
    assert_eq!(versions(&ask(&registry, metadata("a"))), "1.0.0\n0.9.0");
    let bomb = pack(&vec![b' '; 1 << 20]);
    let read = super::super::body::with_gunzipped(&bomb, 1 << 16, <[u8]>::len);
    assert!(matches!(read, Err(super::super::body::BodyError::TooLarge)));
}

#[test]
fn a_scoped_name_is_asked_for_with_its_slash_encoded() {
    let server = serve(|_| response("404 Not Found", "", b""));
    let cache = tempfile::tempdir().unwrap();
    let (registry, _) = registry(settings(&server.url, cache.path()));
    ask(&registry, metadata("@s/x"));
    assert_eq!(server.asked.lock().unwrap()[0].path, "/@s%2Fx");
}
