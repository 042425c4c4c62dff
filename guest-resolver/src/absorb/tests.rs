use serde_json::{Map, Value};

use super::*;

/// `a` needs `b` 1.1.0, `o` needs `b` 1.0.0 and is optional, `p` stands beside its peer `q`.
const LOCKFILE: &str = "\
lockfileVersion: '9.0'
settings: {autoInstallPeers: true, excludeLinksFromLockfile: false}
importers:
  .:
    dependencies:
      a: {specifier: ^1.0.0, version: 1.0.0}
      p: {specifier: ^1.0.0, version: 1.0.0(q@1.0.0)}
      q: {specifier: ^1.0.0, version: 1.0.0}
    optionalDependencies:
      o: {specifier: ^1.0.0, version: 1.0.0}
  one:
    dependencies:
      c: {specifier: ^1.0.0, version: 1.0.0}
packages:
  a@1.0.0: {resolution: {integrity: SHA}}
  b@1.0.0: {resolution: {integrity: SHA}}
  b@1.1.0: {resolution: {integrity: SHA}}
  c@1.0.0: {resolution: {integrity: SHA}}
  o@1.0.0: {resolution: {integrity: SHA}}
  p@1.0.0: {resolution: {integrity: SHA}, peerDependencies: {q: '*', x: '*'}}
  q@1.0.0: {resolution: {integrity: SHA}}
snapshots:
  a@1.0.0: {dependencies: {b: 1.1.0}}
  b@1.0.0: {optional: true}
  b@1.1.0: {}
  c@1.0.0: {}
  o@1.0.0: {dependencies: {b: 1.0.0}, optional: true}
  p@1.0.0(q@1.0.0): {dependencies: {q: 1.0.0}}
  q@1.0.0: {}
";

const ROOT: &str = r#"{"dependencies":{"a":"^1.0.0","p":"^1.0.0","q":"^1.0.0"},"optionalDependencies":{"o":"^1.0.0"}}"#;
const ONE: &str = r#"{"dependencies":{"c":"^1.0.0"}}"#;

fn absorbed_with(settings: &Settings, lockfile: &str, manifests: &[(&str, &str)]) -> Option<Lockfile> {
    let parsed: Vec<(String, Manifest)> =
        manifests.iter().map(|(id, text)| ((*id).to_owned(), Manifest::parse(text.as_bytes()).unwrap())).collect();
    let written = parsed.iter().map(|(id, manifest)| (id.clone(), manifest)).collect();
    let fields = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap();
    let manifests = manifests.iter().map(|(id, text)| ((*id).to_owned(), fields(text))).collect();
    let digest = format!("sha512-{}==", "A".repeat(86));
    let lockfile = lockfile::read(&lockfile.replace("SHA", &digest)).unwrap();
    absorb(&lockfile, Wanted { settings, written: &written, manifests: &manifests })
}

fn absorbed(manifests: &[(&str, &str)]) -> Option<Lockfile> {
    absorbed_with(&Settings::default(), LOCKFILE, manifests)
}

fn version(lockfile: &Lockfile, id: &str, alias: &str) -> Option<String> {
    Some(lockfile.importers.get(id)?.dependencies.get(alias)?.version.clone())
}

/// The keys of all snapshots, `?` behind those that are optional.
fn snapshots(lockfile: &Lockfile) -> Vec<String> {
    let shown = |optional: bool| if optional { "?" } else { "" };
    lockfile.snapshots.iter().map(|(key, held)| format!("{key}{}", shown(held.optional))).collect()
}

#[test]
fn what_has_not_changed_is_left_to_the_others() {
    assert!(absorbed(&[(".", ROOT), ("one", ONE)]).is_none());
}

#[test]
fn a_range_moves_to_a_locked_version() {
    let found = absorbed(&[(".", ROOT), ("one", r#"{"dependencies":{"c":"~1.0.0"}}"#)]).unwrap();
    assert_eq!(found.importers["one"].dependencies["c"].specifier, "~1.0.0");
    assert_eq!(version(&found, "one", "c").as_deref(), Some("1.0.0"));
    let other = LOCKFILE
        .replace("b@1.0.0: {optional: true}", "c@1.2.0: {}\n  b@1.0.0: {optional: true}")
        .replace("b@1.0.0: {resolution", "c@1.2.0: {resolution: {integrity: SHA}}\n  b@1.0.0: {resolution");
    let manifests = [(".", ROOT), ("one", r#"{"dependencies":{"c":">=1.0.0"}}"#)];
    let found = absorbed_with(&Settings::default(), &other, &manifests).unwrap();
    assert_eq!(version(&found, "one", "c").as_deref(), Some("1.2.0"), "the highest, as a resolution would have it");
    assert!(!found.snapshots.contains_key("c@1.0.0"), "nothing reaches it any more");
}

#[test]
fn only_a_resolution_finds_a_version_that_is_not_locked() {
    assert!(absorbed(&[(".", ROOT), ("one", r#"{"dependencies":{"c":"^2.0.0"}}"#)]).is_none());
    assert!(absorbed(&[(".", ROOT), ("one", r#"{"dependencies":{"c":"^1.0.0","z":"*"}}"#)]).is_none());
    assert!(absorbed(&[(".", ROOT), ("one", r#"{"dependencies":{"c":"latest"}}"#)]).is_none());
}

#[test]
fn an_edge_comes_and_makes_what_it_reaches_needed() {
    let found = absorbed(&[(".", ROOT), ("one", r#"{"dependencies":{"b":"*","c":"^1.0.0"}}"#)]).unwrap();
    assert_eq!(version(&found, "one", "b").as_deref(), Some("1.1.0"));
    let found = absorbed(&[(".", ROOT), ("one", r#"{"dependencies":{"b":"1.0.0","c":"^1.0.0"}}"#)]).unwrap();
    assert!(snapshots(&found).contains(&"b@1.0.0".to_owned()), "{:?}", snapshots(&found));
}

#[test]
fn an_edge_goes_and_what_nothing_reaches_goes_too() {
    let root = r#"{"dependencies":{"p":"^1.0.0","q":"^1.0.0"},"optionalDependencies":{"o":"^1.0.0"}}"#;
    let found = absorbed(&[(".", root), ("one", ONE)]).unwrap();
    assert_eq!(snapshots(&found), ["b@1.0.0?", "c@1.0.0", "o@1.0.0?", "p@1.0.0(q@1.0.0)", "q@1.0.0"]);
    assert!(!found.packages.contains_key("b@1.1.0") && !found.packages.contains_key("a@1.0.0"));
}

#[test]
fn an_edge_that_changes_its_group_changes_what_is_optional() {
    let root = r#"{"dependencies":{"o":"^1.0.0","p":"^1.0.0","q":"^1.0.0"},"optionalDependencies":{"a":"^1.0.0"}}"#;
    let found = absorbed(&[(".", root), ("one", ONE)]).unwrap();
    let optional: Vec<String> = snapshots(&found).into_iter().filter(|key| key.ends_with('?')).collect();
    assert_eq!(optional, ["a@1.0.0?", "b@1.1.0?"]);
}

#[test]
fn projects_come_and_go() {
    let found = absorbed(&[(".", ROOT)]).unwrap();
    assert!(!found.importers.contains_key("one") && !found.packages.contains_key("c@1.0.0"));
    let found = absorbed(&[(".", ROOT), ("one", ONE), ("two", r#"{"devDependencies":{"b":"^1.0.0"}}"#)]).unwrap();
    assert_eq!(found.importers["two"].dev_dependencies["b"].version, "1.1.0");
    assert!(absorbed(&[(".", ROOT), ("one", ONE), ("two", r#"{"dependencies":{"z":"*"}}"#)]).is_none());
}

#[test]
fn a_project_that_another_is_linked_to_does_not_go_unseen() {
    let linked = LOCKFILE
        .replace("q: {specifier: ^1.0.0, version: 1.0.0}", "one: {specifier: 'workspace:*', version: 'link:one'}");
    let linked = linked.replace("p: {specifier: ^1.0.0, version: 1.0.0(q@1.0.0)}\n      ", "");
    let root = r#"{"dependencies":{"a":"^1.0.0","one":"workspace:*"},"optionalDependencies":{"o":"^1.0.0"}}"#;
    assert!(absorbed_with(&Settings::default(), &linked, &[(".", root)]).is_none());
}

#[test]
fn what_may_lead_to_a_folder_is_resolved() {
    for specifier in ["workspace:*", "link:../c", "file:../c"] {
        let one = format!(r#"{{"dependencies":{{"b":"{specifier}","c":"^1.0.0"}}}}"#);
        assert!(absorbed(&[(".", ROOT), ("one", &one)]).is_none(), "{specifier}");
    }
    let one = r#"{"dependencies":{"b":"*","c":"^1.0.0"}}"#;
    assert!(absorbed(&[(".", ROOT), ("one", one), ("two", r#"{"name":"b"}"#)]).is_none(), "a project has that name");
}

#[test]
fn peers_are_left_to_a_resolution() {
    let one = r#"{"dependencies":{"c":"^1.0.0","p":"^1.0.0"}}"#;
    assert!(absorbed(&[(".", ROOT), ("one", one)]).is_none(), "what p is depends on who asks");
    let root = r#"{"dependencies":{"a":"^1.0.0","p":"^1.0.0"},"optionalDependencies":{"o":"^1.0.0"}}"#;
    assert!(absorbed(&[(".", root), ("one", ONE)]).is_none(), "the key of p names q");
    let there = LOCKFILE.replace("c@1.0.0", "x@1.0.0").replace("c: {specifier", "x: {specifier");
    let one = r#"{"dependencies":{"x":"^1.0.0"}}"#;
    let root = ROOT.replace(r#""a""#, r#""x":"^1.0.0","a""#);
    assert!(absorbed_with(&Settings::default(), &there, &[(".", &root), ("one", one)]).is_none(), "p asks for x");
}

#[test]
fn settings_may_ask_for_a_resolution() {
    let changed = [(".", ROOT), ("one", r#"{"dependencies":{"b":"*","c":"^1.0.0"}}"#)];
    let mut settings = Settings::default();
    settings.lockfile.always_resolve = true;
    assert!(absorbed_with(&settings, LOCKFILE, &changed).is_none());
    settings = Settings::default();
    settings.rules.resolution_mode = ResolutionMode::LowestDirect;
    assert!(absorbed_with(&settings, LOCKFILE, &changed).is_none(), "one of two is the lowest, or neither");
    let only = [(".", ROOT), ("one", r#"{"dependencies":{"b":"^1.1.0","c":"^1.0.0"}}"#)];
    assert_eq!(
        absorbed_with(&settings, LOCKFILE, &only).and_then(|it| version(&it, "one", "b")).as_deref(),
        Some("1.1.0")
    );
    settings.peers.dedupe_peers = true;
    assert!(absorbed_with(&settings, LOCKFILE, &only).is_none(), "the lockfile was made under others");
}

#[test]
fn a_time_that_is_not_known_is_asked_for() {
    let changed = [(".", ROOT), ("one", r#"{"dependencies":{"b":"*","c":"^1.0.0"}}"#)];
    let timed = |key: &str| LOCKFILE.to_owned() + "time:\n  " + key + ": '2020-01-01T00:00:00.000Z'\n";
    assert!(absorbed_with(&Settings::default(), &timed("b@1.0.0"), &changed).is_none());
    assert!(absorbed_with(&Settings::default(), &timed("b@1.1.0"), &changed).is_some());
}

#[test]
fn an_entry_of_a_catalog_that_nobody_asks_for_goes() {
    let catalogs = "catalogs:\n  default:\n    a: {specifier: ^1.0.0, version: 1.0.0}\nimporters:";
    let cataloged = LOCKFILE.replace("importers:", catalogs).replace(
        "a: {specifier: ^1.0.0, version: 1.0.0}\n      p",
        "a: {specifier: 'catalog:', version: 1.0.0}\n      p",
    );
    let mut settings = Settings::default();
    settings.rules.catalogs.insert("default".into(), [("a".to_owned(), "^1.0.0".to_owned())].into());
    let root = r#"{"dependencies":{"p":"^1.0.0","q":"^1.0.0"},"optionalDependencies":{"o":"^1.0.0"}}"#;
    let found = absorbed_with(&settings, &cataloged, &[(".", root), ("one", ONE)]).unwrap();
    assert!(found.catalogs.is_empty());
    let held =
        absorbed_with(&settings, &cataloged, &[(".", &ROOT.replace(r#""a":"^1.0.0""#, r#""a":"catalog:""#))]).unwrap();
    assert!(held.catalogs["default"].contains_key("a"));
}

#[test]
fn a_copy_of_a_project_is_made_anew_where_the_project_asks_for_something_else() {
    let copied = LOCKFILE
        .replace("q: {specifier: ^1.0.0, version: 1.0.0}", "one: {specifier: 'workspace:*', version: 'file:one'}")
        .replace("p: {specifier: ^1.0.0, version: 1.0.0(q@1.0.0)}", "q: {specifier: ^1.0.0, version: 1.0.0}")
        .replace("packages:\n", "packages:\n  one@file:one: {resolution: {directory: one, type: directory}}\n")
        .replace("snapshots:\n", "snapshots:\n  one@file:one: {dependencies: {c: 1.0.0}}\n");
    let root =
        r#"{"dependencies":{"one":"workspace:*","a":"^1.0.0","q":"^1.0.0"},"optionalDependencies":{"o":"^1.0.0"}}"#;
    let mut settings = Settings::default();
    settings.workspace.inject_workspace_packages = true;
    let copied = copied
        .replace("excludeLinksFromLockfile: false", "excludeLinksFromLockfile: false, injectWorkspacePackages: true");
    let named = |dependencies: &str| format!(r#"{{"name":"one","version":"1.0.0","dependencies":{dependencies}}}"#);
    let fits = absorbed_with(&settings, &copied, &[(".", root), ("one", &named(r#"{"c":"~1.0.0"}"#))]);
    assert!(fits.is_some());
    let more = absorbed_with(&settings, &copied, &[(".", root), ("one", &named(r#"{"b":"*","c":"^1.0.0"}"#))]);
    assert!(more.is_none());
}
