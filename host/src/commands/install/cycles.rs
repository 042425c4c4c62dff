//! Projects of a workspace that depend on each other in a circle: no order of their scripts is right. A warning, or an
//! error with `disallowWorkspaceCycles`.

use std::collections::{HashMap, HashSet, VecDeque};

use wit::settings::LinkWorkspacePackages;

use super::{Failures, Install};
use crate::{
    config::{Config, Cycles, Importer},
    diagnostic::Diagnostic,
    report::LogLevel,
};

/// Warns of circles, or refuses them.
pub(super) fn check(install: &Install<'_>) -> Result<(), Failures> {
    let config = &install.context.config;
    if config.install.cycles == Cycles::Ignore || config.project.importers.len() < 2 {
        return Ok(());
    }
    let circles = circles(&config.project.importers, &edges(config));
    let Some(first) = circles.first() else { return Ok(()) };
    if config.install.cycles == Cycles::Refuse {
        let mut diagnostic = Diagnostic::new(
            "ERR_PNPM_DISALLOW_WORKSPACE_CYCLES",
            "Projects of the workspace depend on each other in a circle",
        );
        diagnostic.chain = first.iter().map(|id| (*id).to_owned()).collect();
        diagnostic.causes = circles[1..].iter().map(|circle| format!("and: {}", circle.join(" > "))).collect();
        let hint = format!("Move what {} needs of {} into a project of its own", first[0], first[1]);
        return Err(vec![diagnostic.with_hint(hint)]);
    }
    let told: Vec<String> = circles.iter().map(|circle| circle.join(" > ")).collect();
    install.message(LogLevel::Warn, format!("There are cyclic workspace dependencies: {}", told.join(", ")));
    Ok(())
}

/// For each project the projects that it needs, by their place among the importers.
pub(super) fn edges(config: &Config) -> Vec<Vec<usize>> {
    let all = config.settings.workspace.link_workspace_packages != LinkWorkspacePackages::Off;
    edges_of(&config.project.importers, all)
}

fn edges_of(importers: &[Importer], all: bool) -> Vec<Vec<usize>> {
    let by_name: HashMap<&str, usize> =
        importers.iter().enumerate().filter_map(|(at, it)| Some((it.manifest.name.as_deref()?, at))).collect();
    importers.iter().map(|importer| needs(importer, &by_name, all)).collect()
}

/// The shortest circle through each project, each circle once: from a project back to itself.
fn circles<'a>(importers: &'a [Importer], edges: &[Vec<usize>]) -> Vec<Vec<&'a str>> {
    let mut told: HashSet<usize> = HashSet::new();
    let mut found = Vec::new();
    for start in 0..importers.len() {
        if told.contains(&start) {
            continue;
        }
        let Some(circle) = circle(start, edges) else { continue };
        told.extend(&circle);
        let ids = circle.iter().chain([&start]).map(|at| importers[*at].id.as_str());
        found.push(ids.collect());
    }
    found
}

/// The shortest way from a project back to itself over at least one other.
fn circle(start: usize, edges: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut from: HashMap<usize, usize> = HashMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(at) = open.pop_front() {
        for &next in edges[at].iter().filter(|next| **next != at) {
            if next == start {
                let mut circle = vec![at];
                while let Some(before) = circle.last().and_then(|last| from.get(last)) {
                    circle.push(*before);
                }
                circle.reverse();
                return Some(circle);
            }
            from.entry(next).or_insert_with(|| {
                open.push_back(next);
                at
            });
        }
    }
    None
}

/// The projects that a project needs, `all`: where its range is no `workspace:` either.
fn needs(importer: &Importer, by_name: &HashMap<&str, usize>, all: bool) -> Vec<usize> {
    let groups = ["dependencies", "devDependencies", "optionalDependencies"];
    let wanted = groups.iter().flat_map(|group| importer.manifest.entries(group));
    let mut found: Vec<usize> = wanted
        .filter_map(|(alias, specifier)| {
            let named = specifier.as_str()?.strip_prefix("workspace:");
            let other = named.and_then(|text| text.get(1..)?.rfind('@').map(|at| &text[..=at]));
            (named.is_some() || all).then(|| by_name.get(other.unwrap_or(alias)).copied()).flatten()
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use serde_json::{Map, Value};
    use wit::ImporterId;

    use super::*;
    use crate::config::manifest;

    fn importer(name: &str, dependencies: &[(&str, &str)]) -> Importer {
        let dependencies: Map<String, Value> =
            dependencies.iter().map(|(alias, text)| ((*alias).to_owned(), (*text).into())).collect();
        let text = serde_json::json!({ "name": name, "devDependencies": dependencies }).to_string();
        let manifest = manifest::parse(Path::new("package.json"), &text).unwrap();
        Importer { id: ImporterId::parse(name).unwrap(), dir: PathBuf::from(name), manifest, is_new: false }
    }

    #[test]
    fn a_circle_is_told_once_and_a_project_that_needs_itself_is_none() {
        let importers = [
            importer("a", &[("b", "workspace:*")]),
            importer("b", &[("x", "workspace:c@*"), ("d", "^1.0.0")]),
            importer("c", &[("a", "workspace:^"), ("c", "workspace:*")]),
            importer("d", &[("b", "1"), ("other", "workspace:*")]),
        ];
        assert_eq!(circles(&importers, &edges_of(&importers, false)), [["a", "b", "c", "a"]]);
        assert_eq!(circles(&importers, &edges_of(&importers, true)), [vec!["a", "b", "c", "a"], vec!["d", "b", "d"]]);
        assert!(circles(&importers[3..], &edges_of(&importers[3..], false)).is_empty());
    }
}
