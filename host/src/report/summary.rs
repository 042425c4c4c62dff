//! What came and went among the direct dependencies, as pnpm lists it.

use std::{collections::BTreeMap, path::Path};

use super::{event::RootChange, text::one_line};
use crate::graph::Group;

/// Direct dependencies that came or went.
#[derive(Debug, Default)]
pub(super) struct Changes(BTreeMap<(String, usize), Vec<Line>>);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    name: String,
    came: bool,
    text: String,
}

impl Changes {
    /// Notes one.
    pub(super) fn note(&mut self, change: &RootChange, came: bool) {
        let mut text = one_line(&change.name);
        if came && change.real_name != change.name && !change.real_name.is_empty() {
            text = format!("{text} <- {}", one_line(&change.real_name));
        }
        if let Some(version) = &change.version {
            text = format!("{text} {}", one_line(version));
        }
        if let Some(from) = &change.linked_from {
            let from = relative(Path::new(from), &change.prefix);
            text = format!("{text} <- {}", one_line(&from));
        }
        if let Some(latest) = change.latest.as_ref().filter(|latest| came && change.version.as_ref() != Some(latest)) {
            text = format!("{text} ({} is available)", one_line(latest));
        }
        let lines = self.0.entry((change.prefix.clone(), rank(change.group))).or_default();
        lines.push(Line { name: change.name.clone(), came, text });
    }

    /// The lines, with the folder of each project but the root's.
    pub(super) fn render(&mut self, root: &str, color: bool) -> String {
        let mut text = String::new();
        for ((prefix, group), lines) in &mut self.0 {
            lines.sort();
            let folder = if prefix == root { String::new() } else { format!("{} ", relative(Path::new(prefix), root)) };
            text.push_str(&format!("\n{folder}{}:\n", heading(*group)));
            for line in lines {
                let sign = match (line.came, color) {
                    (true, false) => "+",
                    (false, false) => "-",
                    (true, true) => "\u{1b}[32m+\u{1b}[0m",
                    (false, true) => "\u{1b}[31m-\u{1b}[0m",
                };
                text.push_str(&format!("{sign} {}\n", line.text));
            }
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text
    }
}

fn rank(group: Option<Group>) -> usize {
    match group {
        Some(Group::Prod) => 0,
        Some(Group::Optional) => 1,
        Some(Group::Peer) => 2,
        Some(Group::Dev) => 3,
        None => 4,
    }
}

fn heading(rank: usize) -> &'static str {
    ["dependencies", "optionalDependencies", "peerDependencies", "devDependencies", "node_modules"][rank]
}

/// A path as seen from a folder; absolute where it is not below it.
fn relative(path: &Path, from: &str) -> String {
    path.strip_prefix(from).unwrap_or(path).display().to_string()
}
