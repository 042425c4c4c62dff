use std::sync::{Arc, mpsc};

use crate::{
    config::{
        credentials::Credentials,
        npmrc::{self, Level},
    },
    registry::testing::{Server, ask, metadata, registry, response, serve, settings},
};

use super::*;

const PACKUMENT: &[u8] = br#"{"name":"a","versions":{"1.0.0":{"name":"a","version":"1.0.0"}}}"#;
const DATE: &str = "last-modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

/// Asks and waits.
fn modified_of(registry: &Registry, name: &str) -> Option<i64> {
    let (tell, told) = mpsc::channel();
    registry.ask_modified(&PackageName::parse(name).unwrap(), None, move |modified| tell.send(modified).unwrap());
    told.recv_timeout(std::time::Duration::from_secs(10)).unwrap()
}

/// What was asked for: methods and paths.
fn asked(server: &Server) -> Vec<String> {
    let asked = std::mem::take(&mut *server.asked.lock().unwrap());
    asked.iter().map(|it| it.head.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn the_head_of_a_packument_tells_when_it_last_changed() {
    let server = serve(|asked| match asked.path.as_str() {
        "/moved" => response("302 Found", "location: /@s%2Fa\r\n", b""),
        "/gone" => response("404 Not Found", DATE, b""),
        "/broken" => response("503 Service Unavailable", DATE, b""),
        "/page" => response("200 OK", &format!("content-type: text/html\r\n{DATE}"), b""),
        "/odd" => response("200 OK", "last-modified: yesterday\r\n", b""),
        _ => response("200 OK", DATE, b""),
    });
    let cache = tempfile::tempdir().unwrap();
    let (registry, _) = registry(settings(&server.url, cache.path()));
    assert_eq!(modified_of(&registry, "@s/a"), Some(784_111_777_000));
    assert_eq!(modified_of(&registry, "moved"), Some(784_111_777_000));
    assert_eq!(modified_of(&registry, "gone"), None);
    assert_eq!(modified_of(&registry, "broken"), None);
    assert_eq!(modified_of(&registry, "odd"), None);
    assert_eq!(modified_of(&registry, "page"), None);
    let expected = ["/@s%2Fa", "/moved", "/@s%2Fa", "/gone", "/broken", "/odd", "/page"];
    assert_eq!(asked(&server), expected.map(|path| format!("HEAD {path}")), "each once");
}

#[test]
fn a_registry_that_does_not_say_is_asked_once() {
    for answer in [
        response("200 OK", "", b""),
        response("200 OK", "last-modified: yesterday\r\n", b""),
        response("405 Method Not Allowed", DATE, b""),
        Vec::new(), // the connection is closed
    ] {
        let server = serve(move |_| answer.clone());
        let cache = tempfile::tempdir().unwrap();
        let (registry, _) = registry(settings(&server.url, cache.path()));
        assert_eq!(modified_of(&registry, "a"), None);
        assert_eq!(modified_of(&registry, "b"), None);
        assert_eq!(asked(&server), ["HEAD /a"]);
    }
}

#[test]
fn nothing_is_asked_offline_or_where_the_packument_itself_is_at_hand() {
    let server = serve(|_| response("200 OK", &format!("{DATE}cache-control: max-age=60\r\n"), PACKUMENT));
    let cache = tempfile::tempdir().unwrap();
    let (first, _) = registry(settings(&server.url, cache.path()));
    ask(&first, metadata("a"));
    assert_eq!(modified_of(&first, "a"), None, "it is in memory");
    first.settle();
    let other = |mode, later| {
        let mut settings = settings(&server.url, cache.path());
        (settings.mode, settings.now) = (mode, settings.now + later);
        registry(settings).0
    };
    assert_eq!(modified_of(&other(NetworkMode::Online, 0), "a"), None, "it is fresh");
    assert_eq!(modified_of(&other(NetworkMode::PreferOffline, 60_000), "a"), None, "that counts however old it is");
    assert_eq!(modified_of(&other(NetworkMode::Offline, 0), "b"), None);
    assert_eq!(asked(&server), ["GET /a"]);
    for (mode, later) in [(NetworkMode::Online, 60_000), (NetworkMode::Revalidate, 0)] {
        assert!(modified_of(&other(mode, later), "a").is_some());
        assert_eq!(asked(&server), ["HEAD /a"]);
    }
}

#[test]
fn the_time_of_a_token_helper_is_not_the_time_of_the_answer() {
    let server = serve(|_| response("200 OK", DATE, b""));
    let cache = tempfile::tempdir().unwrap();
    let mut settings = settings(&server.url, cache.path());
    let longer = settings.timeouts.headers * 2;
    let key = server.url.strip_prefix("http:").unwrap();
    let file = npmrc::parse(format!("{key}:tokenHelper=/bin/helper").as_bytes(), Level::User, "", &|_| None);
    settings.credentials =
        Credentials::from_levels(&[file], None, &mut Vec::new()).with_helper_runner(Arc::new(move |_| {
            std::thread::sleep(longer);
            Ok("t0p".to_owned())
        }));
    let (registry, _) = registry(settings);
    assert_eq!(modified_of(&registry, "a"), Some(784_111_777_000));
    assert_eq!(server.asked.lock().unwrap()[0].header("authorization"), Some("Bearer t0p"));
}
