//! Specifiers of protocols that nobody here knows: a plugin that is played answers them, or none does.

use wit::guest::exports::wasi_pm::resolver::resolution::{Addition, CustomRequest, ResolvedPackage, Snapshot};
use wit::guest::wasi_pm::resolver::types::{CustomSource, Source};

use super::*;

/// What the plugin knows.
fn plugin(specifier: &str) -> Option<Value> {
    Some(match specifier {
        "store:team/art" => json!({"version": "1.2.3", "dependencies": {"kid": "store:team/kid", "util": "1"}}),
        "store:team/kid" => json!({"name": "kid", "version": "2.0.0", "peerDependencies": {"host": "*"}}),
        "store:other" | "store:team/other" => json!({"name": "real", "version": "0.1.0"}),
        _ => return None,
    })
}

fn taken_by_none() -> Unavailable {
    Unavailable { reason: UnavailableReason::Plugin, url: None, status: None, detail: None }
}

fn played(asked: &CustomRequest) -> Answer {
    let Some(manifest) = plugin(&asked.specifier) else { return Answer::Unavailable(taken_by_none()) };
    let (plugin, value) = ("shop".to_owned(), format!("pinned: {}", asked.specifier));
    let source = Source::Custom(CustomSource { plugin, value, integrity: Some(HASH.to_owned()) });
    Answer::Resolved(ResolvedPackage { source, manifest: manifest.to_string().into_bytes() })
}

/// What a session with a plugin came to.
#[derive(Debug)]
struct Played {
    outcome: Outcome,
    snapshots: Vec<Snapshot>,
    asked: Vec<(String, String)>,
}

fn play(project: Project, plugin: impl Fn(&CustomRequest) -> Answer) -> Result<Played, Vec<Failure>> {
    let registry = registry();
    let mut session = Session::open(project)?;
    let (mut replies, mut snapshots, mut asked) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let progress = session.advance(replies)?;
        snapshots.extend(progress.snapshots);
        if let Some(outcome) = progress.outcome {
            return Ok(Played { outcome, snapshots, asked });
        }
        let answered = |it: NumberedRequest| {
            let answer = match &it.request {
                Request::Custom(custom) => {
                    asked.push((custom.alias.clone(), custom.specifier.clone()));
                    plugin(custom)
                }
                other => answer(&registry, other),
            };
            Reply { id: it.id, answer }
        };
        replies = progress.requests.into_iter().map(answered).collect();
    }
}

fn locked(manifest: &Value, lockfile: Option<String>) -> Project {
    Project { lockfile, ..given(manifest, &json!({})) }
}

fn art() -> Value {
    json!({"dependencies": {"art": "store:team/art", "alias": "store:other", "host": "2"}})
}

#[test]
fn a_plugin_is_asked_and_what_it_answers_is_locked_and_placed() {
    let made = play(locked(&art(), None), played).unwrap();
    let wanted = [("art", "store:team/art"), ("alias", "store:other"), ("kid", "store:team/kid")];
    assert_eq!(made.asked, wanted.map(|(alias, specifier)| (alias.to_owned(), specifier.to_owned())));
    let text = made.outcome.lockfile.unwrap();
    let parts = [
        "      alias:\n        specifier: store:other\n        version: real@store:other\n",
        "      art:\n        specifier: store:team/art\n        version: art@store:team/art(host@2.0.0)\n",
        "  art@store:team/art:\n    resolution: {integrity: ",
        ", type: custom:shop, value: 'pinned: store:team/art'}\n    version: 1.2.3\n",
        "      kid: kid@store:team/kid(host@2.0.0)\n",
    ];
    parts.into_iter().for_each(|part| assert!(text.contains(part), "{part}\n{text}"));
    let kid = made.snapshots.iter().find(|snapshot| snapshot.name == "kid").unwrap();
    assert_eq!((kid.version.as_str(), kid.slot.as_str()), ("2.0.0", "kid@store+team+kid_host@2.0.0"));
    let Source::Custom(source) = &kid.source else { panic!("{kid:?}") };
    assert_eq!((source.plugin.as_str(), source.value.as_str()), ("shop", "pinned: store:team/kid"));
    assert_eq!(source.integrity.as_deref(), Some(HASH));
}

#[test]
fn what_is_locked_needs_no_plugin_while_its_specifier_stands() {
    let first = play(locked(&art(), None), played).unwrap().outcome.lockfile.unwrap();
    let again = play(locked(&art(), Some(first.clone())), |asked| panic!("{asked:?}")).unwrap();
    assert_eq!(again.outcome.lockfile, None, "to resolve again changes nothing");
    let more = json!({"dependencies": {"art": "store:team/art", "host": "2", "lib": "1.0.0"}});
    let changed = play(locked(&more, Some(first.clone())), |asked| panic!("{asked:?}")).unwrap();
    let text = changed.outcome.lockfile.unwrap();
    assert!(text.contains("art@store:team/art(host@2.0.0):\n") && !text.contains("real@store:other"), "{text}");
    let other = json!({"dependencies": {"art": "store:other", "host": "2"}});
    assert_eq!(
        play(locked(&other, Some(first)), played).unwrap().asked,
        [("art".to_owned(), "store:other".to_owned())]
    );
}

#[test]
fn a_lockfile_that_a_custom_resolver_of_pnpm_made_is_kept_as_it_stands() {
    let alone = json!({"dependencies": {"alias": "store:other"}});
    let ours = play(locked(&alone, None), played).unwrap().outcome.lockfile.unwrap();
    let theirs =
        ours.replace("type: custom:shop, value: 'pinned: store:other'", "key: {a: 1}, type: custom:shop, z: b");
    assert_ne!(ours, theirs);
    let more = json!({"dependencies": {"alias": "store:other", "lib": "1.0.0"}});
    let made = play(locked(&more, Some(theirs)), |asked| panic!("{asked:?}")).unwrap();
    assert!(made.outcome.lockfile.unwrap().contains("key: {a: 1}, type: custom:shop, z: b}\n"));
    let kept = made.snapshots.iter().find(|snapshot| snapshot.name == "real").unwrap();
    assert!(matches!(&kept.source, Source::Unsupported(kind) if kind == "custom:shop"), "{kept:?}");
}

#[test]
fn what_no_plugin_takes_is_refused_in_pnpms_words_and_left_out_where_it_is_optional() {
    let refused =
        |manifest: Value| play(locked(&manifest, None), |_| Answer::Unavailable(taken_by_none())).unwrap_err();
    let failed = refused(art()).remove(0);
    assert_eq!(failed.code, "ERR_PNPM_UNSUPPORTED_PROTOCOL");
    assert_eq!(failed.message, "Unsupported protocol \"store:\" in the dependency specifier \"store:team/art\"");
    let failed = refused(json!({"dependencies": {"alias": "store:other"}})).remove(0);
    assert_eq!(failed.code, "ERR_PNPM_SPEC_NOT_SUPPORTED_BY_ANY_RESOLVER");
    assert_eq!(failed.chain, [".", "alias@store:other"]);
    let optional = json!({"dependencies": {"lib": "1.0.0"}, "optionalDependencies": {"alias": "store:other"}});
    let made = play(locked(&optional, None), |_| Answer::Unavailable(taken_by_none())).unwrap();
    assert!(!made.outcome.lockfile.unwrap().contains("store:other"));
}

#[test]
fn a_plugin_that_fails_is_heard() {
    let failing = |detail: &str| {
        let why = Unavailable { detail: Some(detail.to_owned()), ..taken_by_none() };
        play(locked(&art(), None), move |_| Answer::Unavailable(why.clone())).unwrap_err().remove(0)
    };
    assert_eq!(failing("ERR_SHOP_SHUT: it is night").message, "it is night");
    let failed = failing("it trapped");
    assert_eq!(failed.code, "ERR_WASI_PM_PLUGIN_FAILED");
    assert!(failed.message.ends_with("could not be had: it trapped"), "{failed:?}");
}

#[test]
fn an_answer_that_is_not_a_plugins_is_refused() {
    let with = |plugin: &str, integrity: Option<&str>| {
        let (plugin, value) = (plugin.to_owned(), String::new());
        Source::Custom(CustomSource { plugin, value, integrity: integrity.map(str::to_owned) })
    };
    let wrong = [with("", None), with("a: b", None), with("shop", Some("sha512-")), Source::Directory("x".to_owned())];
    for source in wrong {
        let manifest = br#"{"name": "art", "version": "1.0.0"}"#.to_vec();
        let resolved = ResolvedPackage { source: source.clone(), manifest };
        let failed = play(locked(&art(), None), move |_| Answer::Resolved(resolved.clone())).unwrap_err().remove(0);
        assert_eq!(failed.code, "ERR_WASI_PM_BAD_REPLY", "{source:?}");
    }
}

#[test]
fn a_package_of_a_registry_may_ask_a_plugin() {
    let cart = json!({"dependencies": {"cart": "1"}});
    let text = play(locked(&cart, None), played).unwrap().outcome.lockfile.unwrap();
    assert!(text.contains("alias: real@store:team/other"), "{text}");
    let none = play(locked(&cart, None), |_| Answer::Unavailable(taken_by_none())).unwrap_err().remove(0);
    assert_eq!(none.code, "ERR_PNPM_UNSUPPORTED_PROTOCOL");
}

#[test]
fn what_is_added_may_be_a_plugins() {
    let add = |word: &str| Project {
        intent: Intent::Add(Addition {
            importers: vec![".".to_owned()],
            packages: vec![word.to_owned()],
            groups: Vec::new(),
            workspace: false,
        }),
        ..locked(&json!({}), None)
    };
    for (word, key) in [("mine@store:other", "mine"), ("store:other", "real")] {
        let made = play(add(word), played).unwrap();
        let manifest: Value = serde_json::from_str(&made.outcome.manifests[0].manifest).unwrap();
        assert_eq!(manifest["dependencies"], json!({ key: "store:other" }));
    }
    let refused = |word: &str| play(add(word), |_| Answer::Unavailable(taken_by_none())).unwrap_err().remove(0);
    assert!(refused("store:other").hint.unwrap().starts_with("Name a package as"));
    assert_eq!(refused("mine@store:other").code, "ERR_PNPM_SPEC_NOT_SUPPORTED_BY_ANY_RESOLVER");
}
