use std::sync::mpsc;

use reqwest::header::HeaderMap;

use super::*;
use crate::registry::{
    Budget, Http, Lane, Query, parse_url,
    testing::{Told, response, serve, settings},
};

/// What was seen of a body at each call of [`Watch::more`].
type Sights = Arc<Mutex<Vec<Option<End>>>>;

fn watch() -> (Watch, Sights) {
    let (body, sights) = (Arc::new(Growing::default()), Sights::default());
    let (seen, told) = (body.clone(), sights.clone());
    let more = move || told.lock().unwrap().push(seen.end());
    (Watch { body, more: Box::new(more) }, sights)
}

#[test]
fn of_a_body_that_broke_off_nothing_is_kept_and_that_is_told_once() {
    let whole = vec![7; 4 * STEP];
    let served = whole.clone();
    let (watch, sights) = watch();
    let (body, held) = (watch.body.clone(), watch.body.clone());
    let watch = Mutex::new(Some(watch));
    let server = serve(move |asked| {
        let whole = response("200 OK", "", &served);
        match asked.before {
            0 => whole[..whole.len() - 9].to_vec(),
            _ => {
                assert_eq!(held.end(), Some(End::Broken), "it is kept while the next attempt is waited for");
                whole
            }
        }
    });
    let cache = tempfile::tempdir().unwrap();
    let http = Http::new(settings(&server.url, cache.path()), Arc::new(Told::default()));
    let query = Query {
        url: parse_url(&server.url).unwrap(),
        lane: Lane::Tarball(0),
        accept: "*/*",
        encoding: "identity",
        headers: HeaderMap::new(),
        cap: 1 << 30,
        budget: None,
        started: Some(Box::new(move |_, _| watch.lock().unwrap().take())),
    };
    let (tell, told) = mpsc::channel();
    let asking = http.clone();
    http.spawn(async move { tell.send(asking.get(&query).await).unwrap() });
    assert_eq!(told.recv_timeout(Duration::from_secs(60)).unwrap().unwrap().body, whole);
    let sights = sights.lock().unwrap();
    assert!(sights.len() > 1 && sights[..sights.len() - 1].iter().all(Option::is_none), "{sights:?}");
    assert_eq!(sights.last(), Some(&Some(End::Broken)));
    assert!(!body.copy(0, &mut Vec::with_capacity(1)));
}

#[test]
fn a_body_of_unknown_length_counts_for_what_it_has_grown_to() {
    let server = serve(|_| [&b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"[..], &vec![7; 3 << 20]].concat());
    let cache = tempfile::tempdir().unwrap();
    let http = Http::new(settings(&server.url, cache.path()), Arc::new(Told::default()));
    let query = Query {
        url: parse_url(&server.url).unwrap(),
        lane: Lane::Tarball(0),
        accept: "*/*",
        encoding: "identity",
        headers: HeaderMap::new(),
        cap: 1 << 30,
        budget: Some(Budget::default()),
        started: None,
    };
    let (tell, told) = mpsc::channel();
    let asking = http.clone();
    http.spawn(async move { tell.send(asking.get(&query).await).unwrap() });
    let response = told.recv_timeout(Duration::from_secs(60)).unwrap().unwrap();
    assert_eq!((response.body.len(), response.memory.unwrap().kib()), (3 << 20, 3 << 10));
}
