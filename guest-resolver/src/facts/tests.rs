use std::task::Poll;

use wit::guest::exports::wasi_pm::resolver::resolution::{Answer, Metadata, Reply, Request};

use super::{Facts, PackumentKey, Waits, Want};
use crate::intern::Symbols;

fn metadata(versions: &str) -> Metadata {
    Metadata {
        versions: versions.to_owned(),
        dist_tags: Vec::new(),
        times: None,
        modified: None,
        full: false,
        deprecated: Vec::new(),
        trust: None,
        manifests: vec![("1.0.0".to_owned(), br#"{"name": "a"}"#.to_vec())],
    }
}

#[test]
fn a_fact_is_asked_for_once_and_known_after_the_reply() {
    let (facts, symbols) = (Facts::default(), Symbols::default());
    let key = PackumentKey { name: symbols.number("a"), registry: None, full: false };
    let look = || facts.packument(key, Want::default, |symbol| symbols.text(symbol));
    assert!(look().is_pending() && look().is_pending());
    let requests = facts.take_requests();
    assert!(matches!(&requests[..], [only] if matches!(&only.request, Request::Metadata(asked) if asked.name == "a")));
    facts.accept(Reply { id: requests[0].id, answer: Answer::Metadata(metadata("1.0.0")) });
    assert!(matches!(look(), Poll::Ready(Ok(_))));
    let version = symbols.number("1.0.0");
    let manifest = facts.manifest(key, version, |symbol| symbols.text(symbol));
    assert!(matches!(manifest, Poll::Ready(Ok(manifest)) if manifest.name.as_deref() == Some("a")));
    assert!(facts.take_requests().is_empty(), "the manifest came along");
}

#[test]
fn what_waits_for_a_reply_is_not_looked_up_again_before_it_has_come() {
    let (facts, symbols) = (Facts::default(), Symbols::default());
    let key = |name| PackumentKey { name: symbols.number(name), registry: None, full: false };
    let (mut waits, mut looked) = (Waits::default(), 0);
    let mut look = || {
        facts.look(&mut waits, || {
            looked += 1;
            facts.packument(key("a"), Want::default, |symbol| symbols.text(symbol))
        })
    };
    assert!(look().is_pending() && look().is_pending());
    assert!(facts.packument(key("b"), Want::default, |symbol| symbols.text(symbol)).is_pending());
    let requests = facts.take_requests();
    facts.accept(Reply { id: requests[1].id, answer: Answer::Metadata(metadata("1.0.0")) });
    assert!(look().is_pending());
    facts.accept(Reply { id: requests[0].id, answer: Answer::Metadata(metadata("1.0.0")) });
    assert!(matches!(look(), Poll::Ready(Ok(_))));
    assert_eq!(looked, 2);
}

#[test]
fn of_the_manifests_that_come_along_each_is_found_by_its_version() {
    let (facts, symbols) = (Facts::default(), Symbols::default());
    let key = PackumentKey { name: symbols.number("a"), registry: None, full: false };
    assert!(facts.packument(key, Want::default, |symbol| symbols.text(symbol)).is_pending());
    let id = facts.take_requests()[0].id;
    let mut answer = metadata("1.0.0\n2.0.0\n3.0.0");
    answer.manifests.push(("2.0.0".to_owned(), br#"{"name": "b"}"#.to_vec()));
    facts.accept(Reply { id, answer: Answer::Metadata(answer) });
    let name = |version| match facts.manifest(key, symbols.number(version), |symbol| symbols.text(symbol)) {
        Poll::Ready(Ok(manifest)) => manifest.name.clone(),
        _ => None,
    };
    assert_eq!([name("2.0.0"), name("1.0.0"), name("3.0.0")], [Some("b".to_owned()), Some("a".to_owned()), None]);
    assert_eq!(facts.take_requests().len(), 1, "only what did not come along is asked for");
}
