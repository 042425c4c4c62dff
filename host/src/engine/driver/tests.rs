//! Oracles that do not do their duty.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use super::*;
use crate::facts::{Download, Reason, Request, Unavailable};

/// Answers nothing at all.
struct Deaf;

impl Oracle for Deaf {
    fn ask(&self, _request: Request, reply: Reply) {
        drop(reply);
    }

    fn download(&self, _downloads: Vec<Download>) {}
}

/// Answers once somebody else has panicked with the question in hand.
struct Clumsy;

impl Oracle for Clumsy {
    fn ask(&self, _request: Request, reply: Reply) {
        let worker = thread::spawn(move || {
            let _held = reply;
            panic!("made to fail");
        });
        assert!(worker.join().is_err());
    }

    fn download(&self, _downloads: Vec<Download>) {}
}

/// Answers only when it is helped, one question each time.
#[derive(Default)]
struct Helped {
    waiting: Mutex<Vec<Reply>>,
    helps: AtomicU32,
    rests: AtomicU32,
}

impl Oracle for Helped {
    fn ask(&self, _request: Request, reply: Reply) {
        self.waiting.lock().unwrap().push(reply);
    }

    fn download(&self, _downloads: Vec<Download>) {}

    fn help(&self, _with: Work) -> bool {
        let reply = self.waiting.lock().unwrap().pop();
        let Some(reply) = reply else { return false };
        self.helps.fetch_add(1, Ordering::Relaxed);
        reply.give(Answer::Unavailable(Unavailable {
            reason: Reason::NotFound,
            url: None,
            status: None,
            detail: None,
        }));
        true
    }

    fn stop_helping(&self) {
        self.rests.fetch_add(1, Ordering::Relaxed);
    }
}

fn project() -> Project {
    Project {
        importers: vec![(ImporterId::parse(".").unwrap(), r#"{"dependencies":{"a":"1","b":"1"}}"#.to_owned())],
        lockfile: None,
        settings: Settings::default(),
        platform: Platform { os: "linux".to_owned(), cpu: "x64".to_owned(), libc: None, node: None },
        intent: Intent::Install,
    }
}

fn ends(oracle: impl Oracle + 'static) {
    let (done, ended) = channel();
    thread::spawn(move || {
        let failed = matches!(resolve(&project(), &oracle, Limits::default()), Err(ResolveError::Failures(_)));
        done.send(failed)
    });
    let failed = ended.recv_timeout(Duration::from_secs(30)).expect("the session does not wait for ever");
    assert!(failed, "it says what it could not have");
}

#[test]
fn a_request_that_is_dropped_unanswered_ends_the_session_with_a_failure() {
    ends(Deaf);
}

#[test]
fn a_request_that_is_lost_in_a_panic_ends_the_session_with_a_failure() {
    ends(Clumsy);
}

#[test]
fn whoever_waits_helps_to_find_what_was_asked_for_and_rests_at_the_end() {
    let oracle = Arc::new(Helped::default());
    let (done, ended) = channel();
    let helped = oracle.clone();
    thread::spawn(move || done.send(resolve(&project(), &*helped, Limits::default()).is_err()));
    let failed = ended.recv_timeout(Duration::from_secs(30)).expect("nobody else answers");
    assert!(failed, "it says what it could not have");
    assert!(oracle.helps.load(Ordering::Relaxed) >= 1);
    assert!(oracle.rests.load(Ordering::Relaxed) >= 1);
}

/// A last progress with nothing in it.
fn nothing() -> wire::Progress {
    wire::Progress {
        requests: Vec::new(),
        downloads: Vec::new(),
        snapshots: Vec::new(),
        layout: None,
        outcome: Some(wire::Outcome {
            lockfile: None,
            current_lockfile: None,
            notices: Vec::new(),
            manifests: Vec::new(),
            catalogs: Vec::new(),
        }),
    }
}

fn request() -> wire::NumberedRequest {
    wire::NumberedRequest { id: 1, request: wire::Request::Git("x".to_owned()) }
}

fn layout() -> wire::Layout {
    wire::Layout { roots: Vec::new(), hoisted: Vec::new(), skipped: Vec::new() }
}

#[test]
fn who_says_what_goes_where_asks_nothing_and_goes_on() {
    let placing = || wire::Progress { layout: Some(layout()), outcome: None, ..nothing() };
    assert_eq!(check_batch(&placing()), Ok(()));
    assert!(check_batch(&wire::Progress { requests: vec![request()], ..placing() }).is_err());
    let snapshot = wire::Snapshot {
        dep_path: "a@1.0.0".to_owned(),
        slot: "a@1.0.0".to_owned(),
        name: "a".to_owned(),
        version: "1.0.0".to_owned(),
        source: types::Source::Directory("a".to_owned()),
        dependencies: Vec::new(),
        optional: false,
        has_bin: false,
        requires_build: None,
        patch: None,
    };
    let batch = |count| wire::Progress { snapshots: vec![snapshot.clone(); count], layout: None, ..placing() };
    assert_eq!(check_batch(&batch(MOST_SNAPSHOTS)), Ok(()));
    assert!(check_batch(&batch(MOST_SNAPSHOTS + 1)).is_err());
    assert!(check_batch(&wire::Progress { layout: None, ..placing() }).is_err());
    assert!(check_batch(&nothing()).is_err(), "an end without a layout");
}

#[test]
fn after_the_layout_comes_the_outcome_and_nothing_else() {
    assert!(end(nothing()).is_ok());
    assert!(end(wire::Progress { outcome: None, ..nothing() }).is_err());
    assert!(end(wire::Progress { layout: Some(layout()), ..nothing() }).is_err());
    assert!(end(wire::Progress { requests: vec![request()], ..nothing() }).is_err());
}
