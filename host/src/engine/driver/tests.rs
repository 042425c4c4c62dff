//! Oracles that do not do their duty.

use std::{thread, time::Duration};

use super::*;
use crate::facts::{Download, Request};

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

#[test]
fn after_the_layout_comes_the_outcome_and_nothing_else() {
    assert!(end(nothing()).is_ok());
    assert!(end(wire::Progress { outcome: None, ..nothing() }).is_err());
    let (roots, hoisted, skipped) = (Vec::new(), Vec::new(), Vec::new());
    let layout = Some(wire::Layout { roots, hoisted, skipped });
    assert!(end(wire::Progress { layout, ..nothing() }).is_err());
    let request = wire::Request::Git("x".to_owned());
    let requests = vec![wire::NumberedRequest { id: 1, request }];
    assert!(end(wire::Progress { requests, ..nothing() }).is_err());
}
