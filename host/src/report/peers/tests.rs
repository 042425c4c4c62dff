use super::*;

fn issue(importer: &str, chain: &[&str], peer: &str, wanted: &str, found: Option<&str>) -> PeerIssue {
    PeerIssue {
        importer: importer.to_owned(),
        chain: chain.iter().map(|&text| text.to_owned()).collect(),
        peer: peer.to_owned(),
        wanted: wanted.to_owned(),
        found: found.map(str::to_owned),
        optional: false,
        conflict: false,
    }
}

#[test]
fn issues_are_grouped_by_peer_and_range_with_the_way_to_whoever_asks() {
    let issues = [
        issue(".", &["mid@1.0.0", "plugin@1.0.0"], "host", "^1.0.0", Some("2.0.0")),
        issue(".", &["other@1.0.0"], "host", ">=1 <2", Some("2.0.0")),
        issue(".", &["other@1.0.0"], "extra", "^1.0.0", None),
    ];
    let error = crate::report::error::render(&unmet(&issues), false);
    insta::assert_snapshot!(error, @r#"
    error[ERR_PNPM_PEER_DEP_ISSUES]: Unmet peer dependencies
      ✕ unmet peer host
        Installed: 2.0.0
        Wanted:
          ">=1 <2":
            other@1.0.0
          ^1.0.0:
            plugin@1.0.0 (through mid@1.0.0)
      ✕ missing peer extra
        Wanted:
          ^1.0.0:
            other@1.0.0

    hint: Add extra@^1.0.0 to the project, or set autoInstallPeers: true; strictPeerDependencies: false makes this a warning
    "#);
}

#[test]
fn projects_stand_above_their_issues_and_only_so_many_are_shown() {
    let conflict = PeerIssue { conflict: true, ..issue("packages/a", &["b@1.0.0"], "c", "1", None) };
    let issues = [conflict, issue("packages/b", &["b@1.0.0"], "c", "1", None)];
    insta::assert_snapshot!(tree(&issues, 1), @"
    packages/a
      ✕ conflicting peer c
        Wanted:
          1:
            b@1.0.0
    and 1 more
    ");
}
