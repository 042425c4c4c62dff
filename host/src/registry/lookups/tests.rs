use std::{sync::mpsc, time::Duration};

use super::*;
use crate::{
    facts::{Oracle as _, Reply},
    registry::{
        NetworkMode,
        testing::{metadata, registry, settings},
    },
};

const PATIENCE: Duration = Duration::from_secs(5);

#[test]
fn everything_is_looked_for_however_many_ask_at_once() {
    let cache = tempfile::tempdir().unwrap();
    let mut settings = settings("http://127.0.0.1:9/", cache.path());
    settings.mode = NetworkMode::Offline;
    let (registry, _) = registry(settings);
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
    let cache = tempfile::tempdir().unwrap();
    let mut settings = settings("http://127.0.0.1:9/", cache.path());
    settings.mode = NetworkMode::Offline;
    let (registry, _) = registry(settings);
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
