//! What the list of projects tells, and what it does not.

use super::*;

const LOCKFILE: &str = "lockfileVersion: '9.0'

settings:
  autoInstallPeers: true

importers:

  .:
    dependencies:
      '@scope/tool':
        specifier: ^2.0.0
        version: 2.1.0
      chalk:
        specifier: '*'
        version: 5.6.2(peer@1.0.0)
      react:
        specifier: ^18.0.0
        version: 18.0.0
    devDependencies:
      typed:
        specifier: 'catalog:'
        version: 1.0.0
    dependenciesMeta:
      chalk:
        injected: true

  packages/empty: {}

packages:

  '@scope/tool@2.1.0':
    resolution: {integrity: sha512-x}
";

/// As pnpm writes it where it manages its own version.
const ENVIRONMENT: &str = "---
lockfileVersion: '9.0'

importers:

  .:
    configDependencies: {}
    packageManagerDependencies:
      pnpm:
        specifier: 12.21.0
        version: 12.21.0

packages:

---
";

const FITS: &str = r#"{"dependencies": {"@scope/tool": "^2.0.0", "chalk": "*"}, "devDependencies": {"typed": "catalog:"},
    "peerDependencies": {"react": "^18.0.0"}}"#;

fn found_in(id: &str, manifest: &str) -> Option<String> {
    let id = ImporterId::parse(id).expect("it is a folder");
    find(LOCKFILE, &[(id, manifest.to_owned())], &Settings::default())
}

#[test]
fn what_fits_is_not_told_apart() {
    assert_eq!(found_in(".", FITS), None);
    assert_eq!(found_in("packages/empty", r#"{"name": "empty"}"#), None);
}

#[test]
fn a_dependency_more_or_less_or_of_another_range_is_seen() {
    let more = FITS.replace(r#""chalk": "*""#, r#""chalk": "*", "new": "1""#);
    assert_eq!(found_in(".", &more).as_deref(), Some(". has new@1, the lockfile has not"));
    let less = FITS.replace(r#", "chalk": "*""#, "");
    assert_eq!(found_in(".", &less).as_deref(), Some("the lockfile has chalk, . has not"));
    let other = FITS.replace("^2.0.0", "^3.0.0");
    assert_eq!(found_in(".", &other).as_deref(), Some(". asks for @scope/tool@^3.0.0, the lockfile has ^2.0.0"));
    let first = found_in("packages/empty", r#"{"devDependencies": {"new": "1"}}"#);
    assert_eq!(first.as_deref(), Some("packages/empty has new@1, the lockfile has not"));
}

#[test]
fn optional_dependencies_stand_before_others_of_the_same_name() {
    let both = FITS.replace(r#""chalk": "*"}"#, r#""chalk": "1"}, "optionalDependencies": {"chalk": "*"}"#);
    assert_eq!(found_in(".", &both), None);
}

#[test]
fn what_is_not_certain_is_left_to_the_component() {
    let links = FITS.replace(r#""chalk": "*""#, r#""chalk": "*", "a": "workspace:*", "b": "link:../b""#);
    assert_eq!(found_in(".", &links), None, "links may be left out of the lockfile");
    assert_eq!(found_in("packages/other", r#"{"dependencies": {"new": "1"}}"#), None, "it may be without an entry");
    let more = FITS.replace(r#""chalk": "*""#, r#""chalk": "*", "new": "1""#);
    let mut settings = Settings::default();
    settings.rules.overrides.insert("new".to_owned(), "-".to_owned());
    let importers = [(ImporterId::parse(".").expect("the root"), more)];
    assert_eq!(find(LOCKFILE, &importers, &settings), None, "an override may drop it");
    assert_eq!(find("importers: {.: {}}\n", &importers, &Settings::default()), None, "it is written in another way");
    let quoted = LOCKFILE.replace("'*'", "\"\\u002a\"");
    let importers = [(ImporterId::parse(".").expect("the root"), FITS.to_owned())];
    assert_eq!(find(&quoted, &importers, &Settings::default()), None, "a text in double quotes is not read");
}

#[test]
fn what_is_before_the_projects_own_document_does_not_count() {
    let two = format!("{ENVIRONMENT}{LOCKFILE}");
    let find = |manifest: &str| {
        let importers = [(ImporterId::parse(".").expect("the root"), manifest.to_owned())];
        find(&two, &importers, &Settings::default())
    };
    assert_eq!(find(FITS), None);
    let more = FITS.replace(r#""chalk": "*""#, r#""chalk": "*", "new": "1""#);
    assert_eq!(find(&more).as_deref(), Some(". has new@1, the lockfile has not"));
}

#[test]
fn what_people_have_changed_by_hand_is_left_to_the_component() {
    let importers = [(ImporterId::parse(".").expect("the root"), FITS.to_owned())];
    for (from, to) in [
        ("specifier: ^2.0.0", "specifier: ^2.0.0 # why"),
        ("specifier: ^2.0.0", "specifier: ^2.0.0 "),
        (
            "    devDependencies:\n",
            "    devDependencies:\n      chalk:\n        specifier: 1.0.0\n        version: 1.0.0\n",
        ),
    ] {
        let changed = LOCKFILE.replace(from, to);
        assert_ne!(changed, LOCKFILE);
        assert_eq!(find(&changed, &importers, &Settings::default()), None, "{to}");
    }
}
