use super::*;
use crate::manifest::Manifest;

const LOCKFILE: &str = "lockfileVersion: '9.0'

settings:
  autoInstallPeers: false
  excludeLinksFromLockfile: false

importers:

  .:
    dependencies:
      a:
        specifier: workspace:*
        version: link:a
      host:
        specifier: 2.0.0
        version: 2.0.0
      mid:
        specifier: 1.0.0
        version: 1.0.0(host@2.0.0)

  a:
    dependencies:
      other:
        specifier: 1.0.0
        version: 1.0.0

packages:

  host@2.0.0:
    resolution: {integrity: sha512-AAAA}

  mid@1.0.0:
    resolution: {integrity: sha512-AAAA}

  other@1.0.0:
    resolution: {integrity: sha512-AAAA}
    peerDependencies:
      extra: ^1.0.0
      fine: '*'
    peerDependenciesMeta:
      fine:
        optional: true

  plugin@1.0.0:
    resolution: {integrity: sha512-AAAA}
    peerDependencies:
      extra: ^2.0.0
      host: ^1.0.0

snapshots:

  host@2.0.0: {}

  mid@1.0.0(host@2.0.0):
    dependencies:
      plugin: 1.0.0(host@2.0.0)
    transitivePeerDependencies:
      - host

  other@1.0.0: {}

  plugin@1.0.0(host@2.0.0):
    dependencies:
      host: 2.0.0
";

fn issues(rules: &PeerDependencyRules) -> Vec<String> {
    let integrity = format!("sha512-{}==", "A".repeat(86));
    let lockfile = crate::lockfile::read(&LOCKFILE.replace("sha512-AAAA", &integrity)).unwrap();
    let project = |id: &str, manifest: &str| {
        let written = Manifest::parse(manifest.as_bytes()).unwrap();
        (id.to_owned(), Project { id: id.to_owned(), manifest: written.clone().into(), written })
    };
    let projects = BTreeMap::from([
        project(".", "{}"),
        project("a", r#"{"name":"a","version":"1.2.3","peerDependencies":{"host":"^4.0.0"}}"#),
    ]);
    let told = find(&lockfile, &projects, rules).into_iter().map(|notice| match notice {
        Notice::PeerIssue(issue) => {
            let found = issue.found.unwrap_or_else(|| "nothing".to_owned());
            format!("{} {} {}: {found} for {}", issue.importer, issue.chain.join(">"), issue.peer, issue.wanted)
        }
        Notice::Other(conflict) => format!("conflict over {}", conflict.facts[1].1),
        Notice::Deprecated(_) => unreachable!("peers are no deprecations"),
    });
    told.collect()
}

#[test]
fn what_is_unmet_comes_before_what_is_missing_and_optional_peers_may_be() {
    let told = issues(&PeerDependencyRules::default());
    assert_eq!(
        told,
        [
            "conflict over extra",
            ". mid@1.0.0>plugin@1.0.0 host: 2.0.0 for ^1.0.0",
            ". a@1.2.3 host: 2.0.0 for ^4.0.0",
            ". a@1.2.3>other@1.0.0 extra: nothing for ^1.0.0",
            ". mid@1.0.0>plugin@1.0.0 extra: nothing for ^2.0.0",
        ]
    );
}

#[test]
fn rules_forgive_by_peer_and_by_who_asks_for_it() {
    let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let ignored = PeerDependencyRules { ignore_missing: list(&["ext*"]), ..PeerDependencyRules::default() };
    assert_eq!(issues(&ignored).len(), 2);
    let any = PeerDependencyRules { allow_any: list(&["host"]), ..PeerDependencyRules::default() };
    assert_eq!(issues(&any).len(), 3);
    let allowed = |selector: &str, range: &str| PeerDependencyRules {
        allowed_versions: BTreeMap::from([(selector.to_owned(), range.to_owned())]),
        ..PeerDependencyRules::default()
    };
    assert_eq!(issues(&allowed("host", "3 || 2")).len(), 3);
    assert_eq!(issues(&allowed("host", "3")).len(), 5);
    assert_eq!(issues(&allowed("plugin>host", "2")).len(), 4);
    assert_eq!(issues(&allowed("plugin@1>host", "2")).len(), 4);
    assert_eq!(issues(&allowed("plugin@2>host", "2")).len(), 5);
}
