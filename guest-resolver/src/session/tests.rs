//! Small registries in memory: what a session makes of them, and that the order of replies leaves no trace.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use wit::guest::exports::wasi_pm::resolver::resolution::{
    Answer, Importer, Intent, Metadata, NumberedRequest, Outcome, Project, Reply, Request, Skipped, Unavailable,
    UnavailableReason,
};
use wit::guest::wasi_pm::resolver::types::{Failure, Platform};

use super::Session;

mod plugins;

/// What every package hashes to.
const HASH: &str = "sha512-9vDv/EQ58Fxl1hwoIeb5VZDxR8xNsCDt4lGWx6xIwBFRd9f2zrKFg2Os9V6xvDgwMPQuwDVCeSZJYyMOdiU3mA==";

/// Name to versions with their manifests, in the registry's order; the last is `latest`.
type Registry = BTreeMap<&'static str, Vec<(&'static str, Value)>>;

fn registry() -> Registry {
    BTreeMap::from([
        ("app", vec![("1.0.0", json!({"dependencies": {"lib": "^1.0.0", "util": "^1.0.0"}}))]),
        ("lib", vec![("1.0.0", json!({})), ("1.1.0", json!({"peerDependencies": {"host": "^2.0.0"}}))]),
        ("util", vec![("1.0.0", json!({"optionalDependencies": {"gone": "1"}, "dependencies": {"ring": "1"}}))]),
        ("ring", vec![("1.0.0", json!({"dependencies": {"util": "1", "lib": "*"}}))]),
        ("odd", vec![("1.0.0", json!({"optionalDependencies": {"lib": "https://files.example/lib.tgz"}}))]),
        ("cart", vec![("1.0.0", json!({"dependencies": {"alias": "store:team/other"}}))]),
        ("tool", vec![("1.0.0", json!({"optionalDependencies": {"tool-linux": "1", "tool-darwin": "1"}}))]),
        ("tool-linux", vec![("1.0.0", json!({"os": ["linux"]}))]),
        ("tool-darwin", vec![("1.0.0", json!({"os": ["darwin"]}))]),
        ("seat", vec![("1.0.0", json!({"dependencies": {"part": "^1.0.0"}, "peerDependencies": {"host": "2"}}))]),
        ("part", vec![("1.0.0", json!({})), ("1.1.0", json!({}))]),
        ("host", vec![("2.0.0", json!({"dependencies": {"ring": "1"}})), ("3.0.0", json!({}))]),
    ])
}

fn answer(registry: &Registry, request: &Request) -> Answer {
    let absent = || {
        let (url, detail) = (None, None);
        Answer::Unavailable(Unavailable { reason: UnavailableReason::NotFound, url, status: Some(404), detail })
    };
    let manifest = |name: &str, version: &str, manifest: &Value| {
        let mut full: Map<String, Value> = manifest.as_object().unwrap().clone();
        full.insert("name".to_owned(), name.into());
        full.insert("version".to_owned(), version.into());
        full.insert("dist".to_owned(), json!({"integrity": HASH}));
        serde_json::to_vec(&full).unwrap()
    };
    match request {
        Request::Metadata(asked) => {
            let Some(versions) = registry.get(asked.name.as_str()) else { return absent() };
            Answer::Metadata(Metadata {
                versions: versions.iter().map(|(version, _)| *version).collect::<Vec<_>>().join("\n"),
                dist_tags: vec![("latest".to_owned(), versions.last().unwrap().0.to_owned())],
                times: None,
                modified: None,
                full: asked.full,
                deprecated: Vec::new(),
                trust: None,
                manifests: Vec::new(),
            })
        }
        Request::Manifest(asked) => {
            let found = registry[asked.name.as_str()].iter().find(|(version, _)| *version == asked.version);
            let (version, found) = found.unwrap();
            Answer::Manifest(manifest(&asked.name, version, found))
        }
        _ => absent(),
    }
}

/// A project on Linux; with `selection` of the settings.
fn given(manifest: &Value, selection: &Value) -> Project {
    Project {
        importers: vec![Importer { id: ".".to_owned(), manifest: manifest.to_string() }],
        lockfile: None,
        settings: json!({"registries": {"default": "https://registry.example/"}, "selection": selection}).to_string(),
        platform: Platform { os: "linux".to_owned(), cpu: "x64".to_owned(), libc: None, node: None },
        intent: Intent::Install,
    }
}

/// What a session came to.
#[derive(Debug)]
struct Made {
    outcome: Outcome,
    skipped: Vec<Skipped>,
}

/// Runs a session; `choose` says how many of the open requests are answered next, and which one first.
fn run(manifest: &Value, mut choose: impl FnMut(usize) -> (usize, usize)) -> Result<Made, Vec<Failure>> {
    let registry = registry();
    let mut session = Session::open(given(manifest, &json!({"lockfileOnly": true})))?;
    let mut open: Vec<NumberedRequest> = Vec::new();
    let mut replies = Vec::new();
    loop {
        let progress = session.advance(replies)?;
        if let Some(layout) = progress.layout {
            let last = session.advance(Vec::new())?;
            let outcome = last.outcome.expect("the outcome follows the layout");
            return Ok(Made { outcome, skipped: layout.skipped });
        }
        open.extend(progress.requests);
        assert!(!open.is_empty(), "it waits for nothing");
        let (count, first) = choose(open.len());
        replies = (0..count.clamp(1, open.len()))
            .map(|_| open.remove(first % open.len()))
            .map(|asked| Reply { id: asked.id, answer: answer(&registry, &asked.request) })
            .collect();
    }
}

/// The names of the packages that a session offers for download.
fn offered(manifest: &Value, selection: &Value) -> Vec<String> {
    let registry = registry();
    let mut session = Session::open(given(manifest, selection)).unwrap();
    let (mut replies, mut names) = (Vec::new(), Vec::new());
    loop {
        let progress = session.advance(replies).unwrap();
        names.extend(progress.downloads.into_iter().map(|download| download.name));
        if progress.outcome.is_some() {
            names.sort();
            return names;
        }
        let requests = progress.requests.into_iter();
        replies = requests.map(|it| Reply { id: it.id, answer: answer(&registry, &it.request) }).collect();
    }
}

/// What a session asks for that resolves a project which has a lockfile, and the lockfile it comes to.
fn asked_again(before: &Value, manifest: &Value, settings: &Value) -> (Vec<String>, String) {
    let registry = registry();
    let again = locked(before, manifest, settings);
    let (mut asked, lockfile) = resolve_again(again, |request| answer(&registry, request)).unwrap();
    asked.sort();
    asked.dedup();
    (asked, lockfile.unwrap())
}

/// A project that has the lockfile of an earlier manifest.
fn locked(before: &Value, manifest: &Value, settings: &Value) -> Project {
    let registry = registry();
    let first = given(before, &json!({"lockfileOnly": true}));
    let lockfile = resolve_again(first, |request| answer(&registry, request)).unwrap().1;
    let mut again = given(manifest, &json!({"lockfileOnly": true}));
    let mut all: Value = serde_json::from_str(&again.settings).unwrap();
    all["lockfile"] = json!({"complete": true});
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    again.settings = all.to_string();
    again.lockfile = lockfile;
    again
}

fn resolve_again(
    project: Project,
    answer: impl Fn(&Request) -> Answer,
) -> Result<(Vec<String>, Option<String>), Vec<Failure>> {
    let mut session = Session::open(project)?;
    let (mut replies, mut asked) = (Vec::new(), Vec::new());
    loop {
        let progress = session.advance(replies)?;
        if let Some(outcome) = progress.outcome {
            return Ok((asked, outcome.lockfile));
        }
        asked.extend(progress.requests.iter().map(|it| match &it.request {
            Request::Metadata(it) => it.name.clone(),
            Request::Manifest(it) => it.name.clone(),
            other => panic!("{other:?}"),
        }));
        let requests = progress.requests.into_iter();
        replies = requests.map(|it| Reply { id: it.id, answer: answer(&it.request) }).collect();
    }
}

fn project() -> Value {
    json!({"dependencies": {"app": "^1.0.0"}, "devDependencies": {"util": "1"}})
}

#[test]
fn a_missing_peer_is_added_and_named_in_the_dep_paths() {
    let text = run(&project(), |open| (open, 0)).unwrap().outcome.lockfile.unwrap();
    assert!(text.contains("lib@1.1.0(host@2.0.0"), "{text}");
    assert!(!text.contains("host@3.0.0"), "{text}");
}

#[test]
fn an_optional_dependency_that_is_not_there_is_skipped_and_told() {
    let made = run(&project(), |open| (open, 0)).unwrap();
    assert!(made.skipped.iter().any(|skipped| skipped.name == "gone"));
    assert!(!made.outcome.lockfile.unwrap().contains("gone"));
}

#[test]
fn a_version_that_does_not_exist_is_told_with_the_way_to_it() {
    let failures = run(&json!({"dependencies": {"lib": "^9.0.0"}}), |open| (open, 0)).unwrap_err();
    assert_eq!(failures[0].code, "ERR_PNPM_NO_MATCHING_VERSION");
    assert_eq!(failures[0].chain, [".", "lib@^9.0.0"]);
    assert!(failures[0].facts.iter().any(|(name, value)| name == "versions" && value == "1.1.0, 1.0.0"));
}

#[test]
fn a_package_that_is_not_there_is_a_failure() {
    let failures = run(&json!({"dependencies": {"gone": "1"}}), |open| (open, 0)).unwrap_err();
    assert_eq!(failures[0].code, "ERR_PNPM_FETCH_404");
}

#[test]
fn a_package_that_asks_for_bytes_of_no_registry_is_refused_unfetched_even_where_it_need_not_have_them() {
    let failures = run(&json!({"dependencies": {"odd": "1"}}), |open| (open, 0)).unwrap_err();
    assert_eq!(failures[0].code, "ERR_PNPM_EXOTIC_SUBDEP");
    assert_eq!(failures[0].chain, [".", "odd@1.0.0", "lib@https://files.example/lib.tgz"]);
}

#[test]
fn an_optional_package_of_another_platform_is_not_offered_for_download() {
    let tool = json!({"dependencies": {"tool": "1"}});
    assert_eq!(offered(&tool, &json!({})), ["tool", "tool-linux"]);
    let both = json!({"supportedArchitectures": {"os": ["current", "darwin"]}});
    assert_eq!(offered(&tool, &both), ["tool", "tool-darwin", "tool-linux"]);
}

#[test]
fn a_package_of_another_platform_that_must_be_there_is_offered() {
    let wanted = json!({"dependencies": {"tool": "1", "tool-darwin": "1"}});
    assert_eq!(offered(&wanted, &json!({})), ["tool", "tool-darwin", "tool-linux"]);
}

#[test]
fn what_goes_where_comes_after_the_last_snapshots_and_before_the_lockfile() {
    let registry = registry();
    let mut session = Session::open(given(&project(), &json!({}))).unwrap();
    let (mut replies, mut wanted, mut placed) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let progress = session.advance(replies).unwrap();
        placed.extend(progress.snapshots.iter().map(|snapshot| snapshot.name.clone()));
        if let Some(layout) = progress.layout {
            assert!(progress.snapshots.is_empty() && progress.outcome.is_none());
            assert_eq!(
                layout.roots[0].links.iter().map(|link| link.alias.as_str()).collect::<Vec<_>>(),
                ["app", "util"]
            );
            break;
        }
        assert!(progress.outcome.is_none());
        assert!(placed.is_empty() || progress.requests.is_empty(), "nothing is asked for any more");
        wanted.extend(progress.requests.iter().filter_map(|asked| match &asked.request {
            Request::Metadata(it) => Some((it.name.clone(), it.wanted.clone())),
            _ => None,
        }));
        let requests = progress.requests.into_iter();
        replies = requests.map(|it| Reply { id: it.id, answer: answer(&registry, &it.request) }).collect();
    }
    assert_eq!(placed, ["app", "host", "lib", "ring", "util"]);
    assert!(wanted.contains(&("app".to_owned(), Some("1.".to_owned()))), "how the picked version begins: {wanted:?}");
    let last = session.advance(Vec::new()).unwrap();
    assert!(last.layout.is_none() && last.outcome.unwrap().lockfile.is_some());
    assert_eq!(session.advance(Vec::new()).unwrap_err()[0].code, "ERR_WASI_PM_SESSION_ENDED");
}

#[test]
fn many_snapshots_come_in_batches_and_each_once() {
    let names: Vec<&'static str> = (0..300).map(|at| &*Box::leak(format!("p{at:03}").into_boxed_str())).collect();
    let registry: Registry = names.iter().map(|name| (*name, vec![("1.0.0", json!({}))])).collect();
    let wanted: Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), "1".into())).collect();
    let mut session = Session::open(given(&json!({"dependencies": wanted}), &json!({}))).unwrap();
    let (mut replies, mut batches, mut placed) = (Vec::new(), Vec::new(), Vec::new());
    let layout = loop {
        let progress = session.advance(replies).unwrap();
        batches.extend(Some(progress.snapshots.len()).filter(|count| *count > 0));
        placed.extend(progress.snapshots.into_iter().map(|snapshot| snapshot.name));
        if let Some(layout) = progress.layout {
            break layout;
        }
        let requests = progress.requests.into_iter();
        replies = requests.map(|it| Reply { id: it.id, answer: answer(&registry, &it.request) }).collect();
    };
    assert_eq!((batches, placed), (vec![128, 128, 44], names.iter().map(|name| (*name).to_owned()).collect()));
    assert_eq!(layout.roots[0].links.len(), 300);
}

#[test]
fn what_is_added_beside_packages_with_peers_is_all_that_is_asked_for() {
    let before = json!({"dependencies": {"app": "^1.0.0", "seat": "1", "host": "2"}});
    let after = json!({"dependencies": {"app": "^1.0.0", "seat": "1", "host": "2", "tool": "1"}});
    let (asked, lockfile) = asked_again(&before, &after, &json!({}));
    assert_eq!(asked, ["tool", "tool-darwin", "tool-linux"]);
    assert_eq!(lockfile, asked_again(&json!({}), &after, &json!({})).1, "as if all were new");
}

#[test]
fn of_a_lockfile_that_may_lack_something_all_is_asked_for() {
    let before = json!({"dependencies": {"app": "^1.0.0", "seat": "1", "host": "2"}});
    let after = json!({"dependencies": {"app": "^1.0.0", "seat": "1", "host": "2", "tool": "1"}});
    let (asked, _) = asked_again(&before, &after, &json!({"lockfile": {"complete": false}}));
    assert!(asked.contains(&"seat".to_owned()), "{asked:?}");
}

#[test]
fn a_range_is_asked_for_where_a_project_now_has_a_higher_version() {
    let before = json!({"dependencies": {"seat": "1", "host": "2", "part": "1.0.0"}});
    let after = json!({"dependencies": {"seat": "1", "host": "2", "part": "1.1.0"}});
    let (asked, lockfile) = asked_again(&before, &after, &json!({}));
    assert_eq!(asked, ["part", "seat"]);
    assert!(!lockfile.contains("part@1.0.0"), "what is below follows: {lockfile}");
}

#[test]
fn where_a_range_counts_only_what_is_not_there_stays_as_it_is_locked() {
    let before = json!({"dependencies": {"seat": "1", "host": "2", "part": "1.0.0"}});
    let after = json!({"dependencies": {"seat": "1", "host": "2", "part": "1.1.0"}});
    let registry = registry();
    let with_seat = |reason, status| {
        let unavailable = Unavailable { reason, url: None, status, detail: None };
        let is_seat = |request: &Request| matches!(request, Request::Metadata(asked) if asked.name == "seat");
        resolve_again(locked(&before, &after, &json!({})), |request| match is_seat(request) {
            true => Answer::Unavailable(unavailable.clone()),
            false => answer(&registry, request),
        })
    };
    for (reason, status) in [(UnavailableReason::NotFound, Some(404)), (UnavailableReason::Offline, None)] {
        let lockfile = with_seat(reason, status).unwrap().1.unwrap();
        assert!(lockfile.contains("part@1.0.0") && lockfile.contains("part@1.1.0"), "{lockfile}");
    }
    for (reason, status, code) in [
        (UnavailableReason::Network, Some(500), "ERR_PNPM_FETCH_500"),
        (UnavailableReason::Network, None, "ERR_PNPM_META_FETCH_FAIL"),
        (UnavailableReason::Unauthorized, Some(401), "ERR_PNPM_FETCH_401"),
        (UnavailableReason::Forbidden, Some(403), "ERR_PNPM_FETCH_403"),
        (UnavailableReason::Invalid, None, "ERR_PNPM_META_FETCH_FAIL"),
    ] {
        let failures = with_seat(reason, status).unwrap_err();
        assert_eq!((failures[0].code.as_str(), failures[0].chain.join(" > ")), (code, ". > seat@1".to_owned()));
    }
}

#[test]
fn what_is_locked_is_not_asked_for_where_versions_are_held_to_their_age_either() {
    let before = json!({"dependencies": {"app": "^1.0.0", "seat": "1", "host": "2"}});
    let after = json!({"dependencies": {"app": "^1.0.0", "seat": "1", "host": "2", "tool": "1"}});
    let age = json!({"now": 1_000_000_000_000_u64, "policy": {"minimumReleaseAge": 1, "minimumReleaseAgeIgnoreMissingTime": true}});
    assert_eq!(asked_again(&before, &after, &age).0, ["tool", "tool-darwin", "tool-linux"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_order_of_replies_leaves_no_trace(choices in prop::collection::vec((1_usize..4, 0_usize..16), 1..64)) {
        let expected = run(&project(), |open| (open, 0)).unwrap();
        let mut at = 0;
        let shuffled = run(&project(), |_| {
            at += 1;
            choices[at % choices.len()]
        }).unwrap();
        prop_assert_eq!(expected.outcome.lockfile, shuffled.outcome.lockfile);
        prop_assert_eq!(expected.skipped.len(), shuffled.skipped.len());
    }
}
