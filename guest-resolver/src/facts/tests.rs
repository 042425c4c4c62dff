use std::task::Poll;

use wit::guest::exports::wasi_pm::resolver::resolution::{Answer, Metadata, Reply, Request};

use super::{Facts, PackumentKey, Want};
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
    let look = || facts.packument(key, &Want::default(), |symbol| symbols.text(symbol));
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
