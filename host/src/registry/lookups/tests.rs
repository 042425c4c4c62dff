use std::{
    fs,
    sync::mpsc,
    time::{Duration, Instant},
};

use wit::PackageName;

use super::*;
use crate::{
    facts::{Answer, Oracle as _, Reply},
    registry::{
        NetworkMode, Registry,
        testing::{ask, metadata, registry, response, serve, settings},
    },
};

const PATIENCE: Duration = Duration::from_secs(5);

/// A registry that is not reached, with an empty cache.
fn offline() -> (Registry, tempfile::TempDir) {
    let cache = tempfile::tempdir().unwrap();
    let mut settings = settings("http://127.0.0.1:9/", cache.path());
    settings.mode = NetworkMode::Offline;
    (registry(settings).0, cache)
}

fn key(name: &str) -> Key {
    Key { name: PackageName::parse(name).unwrap(), named: None, full: false }
}

#[test]
fn everything_is_looked_for_however_many_ask_at_once() {
    let (registry, _cache) = offline();
    let (sender, answers) = mpsc::channel();
    thread::scope(|scope| {
        for asker in 0..4 {
            let (registry, sender) = (&registry, sender.clone());
            scope.spawn(move || {
                for at in 0..50 {
                    registry.ask(metadata(&format!("p{asker}-{at}")), Reply::new(asker * 50 + at, &sender));
                }
            });
        }
    });
    let mut answered: Vec<u32> = (0..200).map(|_| answers.recv_timeout(PATIENCE).unwrap().0).collect();
    answered.sort_unstable();
    assert!(answered.into_iter().eq(0..200));
}

#[test]
fn what_waits_behind_a_reader_that_panics_is_still_looked_for() {
    let (registry, _cache) = offline();
    let inner = registry.0.clone();
    let busy = inner.pool().current_num_threads() - 1;
    lock(&inner.lookups.0).readers = busy;
    let (sender, answers) = mpsc::channel();
    registry.ask(metadata("a"), Reply::new(7, &sender));
    assert_eq!(lock(&inner.lookups.0).waiting.len(), 1, "every reader is busy");
    let panicking = inner.clone();
    inner.pool().spawn(move || {
        let _reader = Reader(&panicking);
        panic!("as it is meant to");
    });
    assert_eq!(answers.recv_timeout(PATIENCE).unwrap().0, 7);
}

#[test]
fn what_is_read_ahead_and_fresh_is_answered_and_nobody_is_asked_for_the_rest() {
    const A: &[u8] =
        br#"{"name":"a","dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{"name":"a","version":"1.0.0"}}}"#;
    let server = serve(|_| response("200 OK", "cache-control: max-age=60\r\n", A));
    let cache = tempfile::tempdir().unwrap();
    let (first, _) = registry(settings(&server.url, cache.path()));
    ask(&first, metadata("a"));
    first.settle();
    let (second, _) = registry(settings(&server.url, cache.path()));
    let names = ["b", "a"].map(|name| (PackageName::parse(name).unwrap(), false)).to_vec();
    second.read_ahead(move || names);
    let deadline = Instant::now() + PATIENCE;
    while lock(&second.0.lookups.0).readers > 0 {
        assert!(Instant::now() < deadline, "it is read in time");
        thread::sleep(Duration::from_millis(1));
    }
    fs::remove_dir_all(cache.path()).unwrap();
    let found = ask(&second, metadata("a"));
    assert!(matches!(found, Answer::Metadata(found) if found.versions == "1.0.0" && found.manifests.len() == 1));
    assert_eq!(server.asked.lock().unwrap().len(), 1, "the one that filled the cache");
    ask(&second, metadata("b"));
    assert_eq!(server.asked.lock().unwrap().len(), 2, "whoever asks in earnest is not left waiting");
}

#[test]
fn where_nothing_is_there_reading_ahead_stops_and_whoever_asks_is_answered() {
    let (registry, _cache) = offline();
    let name = |at: u32| format!("p{at}");
    registry.read_ahead(move || (0..200).map(|at| (PackageName::parse(&name(at)).unwrap(), false)).collect());
    let (sender, answers) = mpsc::channel();
    (0..200).for_each(|at| registry.ask(metadata(&format!("p{at}")), Reply::new(at, &sender)));
    let mut answered: Vec<u32> = (0..200).map(|_| answers.recv_timeout(PATIENCE).unwrap().0).collect();
    answered.sort_unstable();
    assert!(answered.into_iter().eq(0..200));
    let inner = registry.0.clone();
    read_ahead(&inner, || (200..400).map(|at| key(&format!("p{at}"))).collect());
    let deadline = Instant::now() + PATIENCE;
    while lock(&inner.lookups.0).readers > 0 {
        assert!(Instant::now() < deadline, "it stops in time");
        thread::sleep(Duration::from_millis(1));
    }
    assert!(lock(&inner.lookups.0).missed <= 2 * IN_VAIN, "it does not go on in vain");
}

#[test]
fn who_helps_stands_in_for_a_reader_and_others_go_on_when_it_rests() {
    let (registry, _cache) = offline();
    let inner = &registry.0;
    assert!(!registry.help(Work::Answers), "nothing was asked for");
    let (sender, answers) = mpsc::channel();
    // As many readers as there may be beside whoever helps are at work already.
    lock(&inner.lookups.0).readers = most_readers() - 1;
    (0..20).for_each(|at| registry.ask(metadata(&format!("p{at}")), Reply::new(at, &sender)));
    assert!(answers.try_recv().is_err(), "no other thread was woken");
    (0..10).for_each(|_| assert!(registry.help(Work::Answers)));
    assert_eq!(answers.try_iter().count(), 10, "it was done on this thread");
    lock(&inner.lookups.0).readers = 0;
    registry.stop_helping();
    (0..10).for_each(|_| drop(answers.recv_timeout(PATIENCE).unwrap()));
    registry.ask(metadata("p20"), Reply::new(20, &sender));
    assert_eq!(answers.recv_timeout(PATIENCE).unwrap().0, 20);
}

#[test]
fn a_reader_that_is_one_too_many_while_somebody_helps_ends() {
    let (registry, _cache) = offline();
    let inner = &registry.0;
    let most = most_readers();
    lock(&inner.lookups.0).waiting.extend([key("a"), key("a")]);
    lock(&inner.lookups.0).readers = most;
    assert!(inner.lookups.next(most).is_some());
    lock(&inner.lookups.0).is_helped = true;
    assert!(inner.lookups.next(most).is_none(), "whoever helps takes it");
    assert_eq!(lock(&inner.lookups.0).readers, most - 1);
    assert_eq!(lock(&inner.lookups.0).waiting.len(), 1);
}

#[test]
fn what_nobody_has_asked_for_yet_is_left_where_answers_are_waited_for() {
    let cache = tempfile::tempdir().unwrap();
    let (registry, _) = registry(settings("http://127.0.0.1:9/", cache.path()));
    lock(&registry.0.lookups.0).ahead.push_back(key("a"));
    assert!(!registry.help(Work::Answers));
    assert!(registry.help(Work::Anything));
    assert!(!registry.help(Work::Anything));
}
