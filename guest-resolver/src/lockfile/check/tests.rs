use super::*;
use crate::lockfile::{
    error::OUTDATED,
    model::{CatalogEntry, Importer, ImporterDependency},
};

fn lockfile() -> Lockfile {
    let dependency = ImporterDependency { specifier: "^1.0.0".into(), version: "1.2.0(b@1.0.0)".into() };
    let importer = Importer { dependencies: [("a".to_owned(), dependency)].into(), ..Importer::default() };
    Lockfile { importers: [(".".to_owned(), importer)].into(), ..Lockfile::default() }
}

fn codes(lockfile: &Lockfile, settings: &Settings, manifest: &str) -> Vec<&'static str> {
    let manifests = [(".".to_owned(), serde_json::from_str(manifest).unwrap())].into();
    check(lockfile, settings, &manifests).unwrap().iter().map(|drift| drift.code).collect()
}

#[test]
fn a_lockfile_that_says_what_the_manifest_says_fits() {
    let settings = Settings::default();
    assert!(codes(&lockfile(), &settings, r#"{"dependencies":{"a":"^1.0.0"}}"#).is_empty());
    assert!(codes(&lockfile(), &settings, r#"{"peerDependencies":{"a":"^1.0.0"}}"#).is_empty());
}

#[test]
fn each_drift_of_a_manifest_is_told() {
    let settings = Settings::default();
    for manifest in [
        r#"{"dependencies":{"a":"^1.1.0"}}"#,
        r#"{"devDependencies":{"a":"^1.0.0"}}"#,
        r#"{"dependencies":{"a":"^1.0.0","b":"1"}}"#,
        r#"{}"#,
        r#"{"dependencies":{"a":"^1.0.0"},"publishConfig":{"directory":"dist"}}"#,
        r#"{"dependencies":{"a":"^1.0.0"},"dependenciesMeta":{"a":{"injected":true}}}"#,
    ] {
        assert!(codes(&lockfile(), &settings, manifest).contains(&OUTDATED), "{manifest}");
    }
    let mut broken = lockfile();
    broken.importers.get_mut(".").unwrap().dependencies.get_mut("a").unwrap().version = "2.0.0".into();
    assert_eq!(codes(&broken, &settings, r#"{"dependencies":{"a":"^1.0.0"}}"#), [OUTDATED]);
    let mut more = lockfile();
    more.importers.insert("gone".into(), Importer::default());
    assert!(codes(&more, &settings, r#"{"dependencies":{"a":"^1.0.0"}}"#).is_empty());
    let held = more.importers["."].clone();
    more.importers.insert("gone".into(), held);
    assert_eq!(codes(&more, &settings, r#"{"dependencies":{"a":"^1.0.0"}}"#), [OUTDATED]);
    let mut part = settings;
    part.selection.importers = Some(vec![".".into()]);
    assert!(codes(&more, &part, r#"{"dependencies":{"a":"^1.0.0"}}"#).is_empty());
    assert_eq!(codes(&more, &part, r#"{"dependencies":{"a":"^1.1.0"}}"#), [OUTDATED]);
}

#[test]
fn each_drift_of_a_setting_is_told_under_its_name() {
    let manifests = Manifests::new();
    let mut settings = Settings::default();
    settings.rules.overrides.insert("a".into(), "1.0.0".into());
    settings.rules.ignored_optional_dependencies.push("x".into());
    settings.rules.patched_dependencies.insert("a".into(), "00".into());
    settings.peers.auto_install_peers = false;
    settings.peers.dedupe_peers = true;
    settings.peers.peers_suffix_max_length = 10;
    settings.workspace.inject_workspace_packages = true;
    let mut lockfile = Lockfile::default();
    lockfile.settings.auto_install_peers = Some(true);
    lockfile.pnpmfile_checksum = Some("sha256-x".into());
    let entry = CatalogEntry { specifier: "1".into(), version: "1.0.0".into() };
    lockfile.catalogs.insert("default".into(), [("a".to_owned(), entry)].into());
    let drifts = check(&lockfile, &settings, &manifests).unwrap();
    let names: Vec<&str> = drifts.iter().map(|drift| drift.facts[0].1.as_str()).collect();
    let expected = [
        "catalogs",
        "overrides",
        "ignoredOptionalDependencies",
        "patchedDependencies",
        "settings.autoInstallPeers",
        "settings.dedupePeers",
        "settings.peersSuffixMaxLength",
        "pnpmfileChecksum",
        "settings.injectWorkspacePackages",
    ];
    assert_eq!(names, expected);
    assert!(drifts.iter().all(|drift| drift.code == CONFIG_MISMATCH));
}
