//! Peers that are missing or do not fit, grouped as pnpm groups them, with the way to each package that asks:
//!
//! ```text
//! ✕ unmet peer react
//!   Installed: 18.0.0
//!   Wanted:
//!     ^17.0.0:
//!       widget@1.0.0 (through toolkit@2.0.0)
//! ```
//! Where a workspace has several projects, each group stands below its project.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{diagnostic::Diagnostic, graph::PeerIssue};

#[cfg(test)]
mod tests;

/// A group of issues: of one project, for one peer, with one version found.
type Key<'a> = (&'a str, bool, &'a str, Option<&'a str>);

/// The text, ending in a line end. At most `limit` groups.
pub(crate) fn tree(issues: &[PeerIssue], limit: usize) -> String {
    let mut groups: BTreeMap<Key<'_>, Vec<&PeerIssue>> = BTreeMap::new();
    for issue in issues {
        let key = (issue.importer.as_str(), issue.found.is_none(), issue.peer.as_str(), issue.found.as_deref());
        groups.entry(key).or_default().push(issue);
    }
    let several = issues.iter().any(|issue| issue.importer != ".");
    let indent = if several { "  " } else { "" };
    let mut text = String::new();
    let mut project = None;
    for ((importer, ..), group) in groups.iter().take(limit) {
        if several && project.replace(importer) != Some(importer) {
            let _ = writeln!(text, "{importer}");
        }
        for line in section(group) {
            let _ = writeln!(text, "{indent}{line}");
        }
    }
    if groups.len() > limit {
        let _ = writeln!(text, "and {} more", groups.len() - limit);
    }
    text
}

/// The error that strict peers end with.
pub(crate) fn unmet(issues: &[PeerIssue]) -> Diagnostic {
    let missing = issues.iter().find(|issue| issue.found.is_none());
    let way = match (missing, issues.first()) {
        (Some(issue), _) if issue.conflict => {
            format!("Choose versions of the packages that ask for {} and agree on one of it", issue.peer)
        }
        (Some(issue), _) => {
            format!("Add {}@{} to the project, or set autoInstallPeers: true", issue.peer, issue.wanted)
        }
        (None, Some(issue)) => format!("Ask for a version of {} that satisfies {}", issue.peer, issue.wanted),
        (None, None) => "Look at the peers of your dependencies".to_owned(),
    };
    let mut diagnostic = Diagnostic::new("ERR_PNPM_PEER_DEP_ISSUES", "Unmet peer dependencies");
    diagnostic.causes.push(tree(issues, usize::MAX));
    diagnostic.with_hint(format!("{way}; strictPeerDependencies: false makes this a warning"))
}

fn section(group: &[&PeerIssue]) -> Vec<String> {
    let Some(first) = group.first() else { return Vec::new() };
    let what = match (&first.found, first.conflict) {
        (Some(_), _) => "unmet",
        (None, true) => "conflicting",
        (None, false) => "missing",
    };
    let mut lines = vec![format!("✕ {what} peer {}", first.peer)];
    lines.extend(first.found.iter().map(|version| format!("  Installed: {version}")));
    lines.push("  Wanted:".to_owned());
    let mut by_range: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for issue in group {
        let asks = by_range.entry(&issue.wanted).or_default();
        let who = who(issue);
        if !asks.contains(&who) {
            asks.push(who);
        }
    }
    for (range, asks) in by_range {
        let quote = if range.contains(' ') || range == "*" { "\"" } else { "" };
        lines.push(format!("    {quote}{range}{quote}:"));
        lines.extend(asks.into_iter().map(|who| format!("      {who}")));
    }
    lines
}

fn who(issue: &PeerIssue) -> String {
    match issue.chain.split_last() {
        None => issue.importer.clone(),
        Some((last, [])) => last.clone(),
        Some((last, above)) => format!("{last} (through {})", above.join(" > ")),
    }
}
