//! Peers that are missing or do not fit, as a finished lockfile shows them, and which of them `peerDependencyRules`
//! forgives. Every placed package is judged once, below the project that reaches it first.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::rc::Rc;

use wit::guest::exports::wasi_pm::resolver::resolution::{Notice, PeerIssue};
use wit::guest::wasi_pm::resolver::types::Failure;
use wit::settings::PeerDependencyRules;

use crate::hoist::pattern::Patterns;
use crate::intern::{TextMap, TextSet};
use crate::lockfile::Lockfile;
use crate::lockfile::model::{ImporterDependency, Snapshot, dep_path_of, package_key, split_key, write_dep_path};
use crate::peers::missing::peer_range;
use crate::resolve::context::Project;
use crate::resolve::paths;
use crate::semver::{Range, Version};

/// So many are told; whoever has more has one cause for most of them.
const MAX_ISSUES: usize = 1_000;

/// The code of a conflict: a peer that is missing, and those who ask for it exclude each other.
pub const CONFLICT: &str = "ERR_PNPM_PEER_DEP_ISSUES";

/// The issues of all projects, in their order; for each peer those that are unmet before those that are missing. Each
/// conflict is one more notice, whose facts name `importer` and `peer`.
pub fn find(lockfile: &Lockfile, projects: &BTreeMap<String, Project>, rules: &PeerDependencyRules) -> Vec<Notice> {
    let rules = Rules::read(rules);
    let mut walk = Walk::new(lockfile, projects);
    let mut all = Vec::new();
    for id in lockfile.importers.keys() {
        walk.importer(id);
        let mut issues = std::mem::take(&mut walk.issues);
        issues.retain(|issue| !rules.forgive(issue));
        issues.sort_by(|a, b| {
            let key = |issue: &PeerIssue| {
                (issue.found.is_none(), issue.peer.clone(), issue.found.clone(), issue.wanted.clone())
            };
            key(a).cmp(&key(b)).then_with(|| a.chain.last().cmp(&b.chain.last()))
        });
        all.extend(conflicts(id, &issues));
        all.extend(issues.into_iter().map(Notice::PeerIssue));
    }
    all.truncate(MAX_ISSUES);
    all
}

struct Walk<'a> {
    lockfile: &'a Lockfile,
    projects: &'a BTreeMap<String, Project>,
    /// Some project asks for peers, which those that link it have to bring.
    projects_ask: bool,
    /// Projects whose own packages have all been visited.
    entered: TextSet<&'a str>,
    /// By project: what it links.
    links: TextMap<&'a str, Rc<[Linked<'a>]>>,
    /// All snapshots by dep-path, and whether each has been visited.
    snapshots: Vec<(&'a str, &'a Snapshot, bool)>,
    /// By dep-path: the place in `snapshots`.
    places: TextMap<&'a str, usize>,
    ranges: TextMap<String, Option<Range>>,
    issues: Vec<PeerIssue>,
}

/// A folder that a project links.
struct Linked<'a> {
    alias: &'a str,
    /// The folder, if it is in the lockfile.
    importer: Option<&'a str>,
    /// The folder, if it is a project of the workspace.
    project: Option<&'a Project>,
}

/// What stands between an importer and what is looked at, with the place of what is above it.
type Above<'a> = Vec<(Step<'a>, Option<usize>)>;

#[derive(Clone, Copy)]
enum Step<'a> {
    /// A project, by its alias, and its version.
    Project(&'a str, &'a str),
    /// A package, by its dep-path.
    Package(&'a str),
}

/// A package that asks for a peer.
#[derive(Clone, Copy)]
struct Asking<'a, 'b> {
    importer: &'a str,
    above: &'b Above<'a>,
    place: usize,
    peer: &'a str,
    range: &'a str,
    optional: bool,
}

impl<'a> Walk<'a> {
    fn new(lockfile: &'a Lockfile, projects: &'a BTreeMap<String, Project>) -> Self {
        let snapshots = lockfile.snapshots.iter();
        let snapshots: Vec<_> = snapshots.map(|(path, snapshot)| (path.as_str(), snapshot, false)).collect();
        Self {
            lockfile,
            projects,
            projects_ask: projects.values().any(|project| !project.written.peer_dependencies.is_empty()),
            entered: TextSet::default(),
            links: TextMap::default(),
            places: snapshots.iter().map(|(path, ..)| *path).zip(0..).collect(),
            snapshots,
            ranges: TextMap::default(),
            issues: Vec::new(),
        }
    }

    /// Everything below a project, through the projects that it links.
    fn importer(&mut self, id: &'a str) {
        let mut linked: TextSet<&'a str> = std::iter::once(id).collect();
        let mut open: Vec<(&'a str, Option<usize>)> = vec![(id, None)];
        let mut above = Above::new();
        let mut packages: Vec<(usize, Option<usize>)> = Vec::new();
        while let Some((current, parent)) = open.pop() {
            if self.entered.insert(current) {
                self.packages_of(current, parent, &mut packages);
            } else if !self.projects_ask {
                continue; // what it links was entered with it
            }
            for link in self.links_of(current).iter() {
                let version = link.project.and_then(|project| project.written.version.as_deref()).unwrap_or("0.0.0");
                above.push((Step::Project(link.alias, version), parent));
                let place = above.len() - 1;
                if let Some(project) = link.project {
                    self.linked(id, current, project, &above);
                }
                if let Some(target) = link.importer.filter(|target| linked.insert(target)) {
                    open.push((target, Some(place)));
                }
            }
        }
        while let Some((at, parent)) = packages.pop() {
            let (path, snapshot, is_visited) = &mut self.snapshots[at];
            if !std::mem::replace(is_visited, true) {
                let (path, snapshot) = (*path, *snapshot);
                self.package(id, (path, snapshot), parent, &mut above, &mut packages);
            }
        }
    }

    /// The packages that a project depends on.
    fn packages_of(&self, id: &str, parent: Option<usize>, packages: &mut Vec<(usize, Option<usize>)>) {
        let mut path = String::new();
        for (alias, dependency) in self.dependencies(id) {
            packages.extend(self.unvisited(&mut path, alias, &dependency.version).map(|at| (at, parent)));
        }
    }

    fn dependencies(&self, id: &str) -> impl Iterator<Item = (&'a String, &'a ImporterDependency)> + use<'a> {
        let importer = self.lockfile.importers.get(id);
        let groups = importer
            .map(|importer| [&importer.dependencies, &importer.dev_dependencies, &importer.optional_dependencies]);
        groups.into_iter().flatten().flatten()
    }

    fn links_of(&mut self, id: &'a str) -> Rc<[Linked<'a>]> {
        if let Some(known) = self.links.get(id) {
            return Rc::clone(known);
        }
        let links = self.dependencies(id).filter_map(|(alias, dependency)| {
            let target = paths::join(id, dependency.version.strip_prefix("link:")?);
            let importer = self.lockfile.importers.get_key_value(&target).map(|(id, _)| id.as_str());
            Some(Linked { alias, importer, project: self.projects.get(&target) })
        });
        let links: Rc<[Linked<'a>]> = links.collect();
        self.links.insert(id, Rc::clone(&links));
        links
    }

    /// The snapshot behind an alias and its value, unless it has been visited; `path` is room for its text.
    fn unvisited(&self, path: &mut String, alias: &str, value: &str) -> Option<usize> {
        path.clear();
        let at = write_dep_path(path, alias, value).then(|| self.places.get(path.as_str())).flatten()?;
        Some(*at).filter(|at| !self.snapshots[*at].2)
    }

    /// The peers of a project that another one links are the other one's dependencies.
    fn linked(&mut self, importer: &'a str, current: &str, project: &'a Project, above: &Above<'a>) {
        for (peer, range) in &project.written.peer_dependencies {
            let optional = project.written.optional_peers.contains(peer);
            let asking = Asking { importer, above, place: above.len() - 1, peer, range, optional };
            let value = self.dependencies(current).find(|(alias, _)| *alias == peer);
            self.judge(asking, value.map(|(_, dependency)| dependency.version.as_str()), current);
        }
    }

    fn package(
        &mut self,
        importer: &'a str,
        (path, snapshot): (&'a str, &'a Snapshot),
        parent: Option<usize>,
        above: &mut Above<'a>,
        packages: &mut Vec<(usize, Option<usize>)>,
    ) {
        above.push((Step::Package(path), parent));
        let place = above.len() - 1;
        if let Some(package) = self.lockfile.packages.get(package_key(path)) {
            for (peer, range) in &package.peer_dependencies {
                let optional = package.optional_peers.contains(peer);
                let value = snapshot.dependencies.get(peer).or_else(|| snapshot.optional_dependencies.get(peer));
                let asking = Asking { importer, above, place, peer, range, optional };
                self.judge(asking, value.map(String::as_str), ".");
            }
        }
        let mut room = String::new();
        for (alias, value) in snapshot.dependencies.iter().chain(&snapshot.optional_dependencies) {
            packages.extend(self.unvisited(&mut room, alias, value).map(|at| (at, Some(place))));
        }
    }

    /// Names and versions from the importer down.
    fn chain_to(&self, above: &Above<'a>, place: usize) -> Vec<String> {
        let mut chain = Vec::new();
        let mut at = Some(place);
        while let Some((step, parent)) = at.map(|at| above[at]) {
            chain.push(match step {
                Step::Project(alias, version) => format!("{alias}@{version}"),
                Step::Package(path) => format!("{}@{}", name_of(path), self.version_of(path)),
            });
            at = parent;
        }
        chain.reverse();
        chain
    }

    /// `base` is the folder that links are relative to.
    fn judge(&mut self, asking: Asking<'a, '_>, value: Option<&str>, base: &str) {
        let found = match value {
            None if asking.optional => return,
            None => None,
            Some(value) => {
                let version = match dep_path_of(asking.peer, value) {
                    Some(path) => self.version_of(&path),
                    // The version of a folder outside the workspace is not known here.
                    None => match self.project_version(&paths::join(base, value.trim_start_matches("link:"))) {
                        Some(version) => version,
                        None => return,
                    },
                };
                if self.satisfies(&version, &peer_range(asking.range)) {
                    return;
                }
                Some(version)
            }
        };
        let Asking { importer, above, place, peer, range, optional } = asking;
        let chain = self.chain_to(above, place);
        self.issues.push(PeerIssue {
            importer: importer.to_owned(),
            chain,
            peer: peer.to_owned(),
            wanted: peer_range(range).into_owned(),
            found,
            optional,
        });
    }

    fn satisfies(&mut self, version: &str, range: &str) -> bool {
        if !self.ranges.contains_key(range) {
            self.ranges.insert(range.to_owned(), Range::parse_loose(range).ok());
        }
        let parsed = Version::parse_loose(version).zip(self.ranges[range].as_ref());
        range == "*" || parsed.map_or(version == range, |(version, range)| range.satisfies_as_peer(&version))
    }

    fn version_of(&self, path: &str) -> String {
        let key = package_key(path);
        let written = self.lockfile.packages.get(key).and_then(|package| package.version.clone());
        written.unwrap_or_else(|| split_key(key).map_or("", |(_, version)| version).to_owned())
    }

    fn project_version(&self, folder: &str) -> Option<String> {
        self.projects.get(folder)?.written.version.clone()
    }
}

fn name_of(path: &str) -> &str {
    split_key(package_key(path)).map_or(path, |(name, _)| name)
}

/// Missing peers of which no version would do for all who ask.
fn conflicts(importer: &str, issues: &[PeerIssue]) -> Vec<Notice> {
    let mut wanted: BTreeMap<&str, Vec<Range>> = BTreeMap::new();
    for issue in issues.iter().filter(|issue| issue.found.is_none()) {
        wanted.entry(&issue.peer).or_default().extend(Range::parse_loose(&issue.wanted).ok());
    }
    let exclude = |ranges: &[Range]| {
        ranges.iter().enumerate().any(|(at, range)| ranges[..at].iter().any(|other| !range.intersects(other)))
    };
    wanted.retain(|_, ranges| exclude(ranges));
    let notice = |peer: &str| {
        Notice::Other(Failure {
            code: CONFLICT.to_owned(),
            message: format!("No version of {peer} would do for all who ask for it in {importer}"),
            facts: vec![("importer".to_owned(), importer.to_owned()), ("peer".to_owned(), peer.to_owned())],
            chain: Vec::new(),
            hint: None,
        })
    };
    wanted.into_keys().map(notice).collect()
}

/// `peerDependencyRules`, read once.
struct Rules {
    ignore_missing: Patterns,
    allow_any: Patterns,
    allowed: Vec<Allowed>,
}

/// An entry of `allowedVersions`: `peer`, `parent>peer`, `parent@range>peer`.
struct Allowed {
    parent: Option<(String, Option<Range>)>,
    peer: String,
    ranges: Vec<(String, Option<Range>)>,
}

impl Rules {
    fn read(rules: &PeerDependencyRules) -> Self {
        Self {
            ignore_missing: Patterns::new(&rules.ignore_missing),
            allow_any: Patterns::new(&rules.allow_any),
            allowed: rules.allowed_versions.iter().map(|(selector, text)| Allowed::read(selector, text)).collect(),
        }
    }

    fn forgive(&self, issue: &PeerIssue) -> bool {
        let Some(found) = &issue.found else { return self.ignore_missing.matches(&issue.peer) };
        self.allow_any.matches(&issue.peer) || self.allowed.iter().any(|allowed| allowed.accepts(issue, found))
    }
}

impl Allowed {
    fn read(selector: &str, text: &str) -> Self {
        let (parent, peer) = match selector.split_once('>') {
            Some((parent, peer)) => (Some(parent.trim()), peer.trim()),
            None => (None, selector),
        };
        let name = |text: &str| split_key(text).map_or(text, |(name, _)| name).to_owned();
        Self {
            parent: parent.map(|text| {
                let range = split_key(text).map(|(_, range)| range);
                (name(text), range.and_then(|range| Range::parse_loose(range).ok()))
            }),
            peer: name(peer),
            ranges: text
                .split("||")
                .map(|part| (part.trim().to_owned(), Range::parse_loose(part.trim()).ok()))
                .collect(),
        }
    }

    fn accepts(&self, issue: &PeerIssue, found: &str) -> bool {
        let asks = issue.chain.last().and_then(|text| split_key(text));
        let right_parent = self.parent.as_ref().is_none_or(|(name, range)| {
            asks.is_some_and(|(parent, version)| {
                let fits = |range: &Range| Version::parse_loose(version).is_some_and(|it| range.satisfies_as_peer(&it));
                parent == name && range.as_ref().is_none_or(fits)
            })
        });
        let version = Version::parse_loose(found);
        let accepts = |(text, range): &(String, Option<Range>)| {
            text == found
                || text == "*"
                || version.as_ref().zip(range.as_ref()).is_some_and(|(version, range)| range.satisfies_as_peer(version))
        };
        right_parent && self.peer == issue.peer && self.ranges.iter().any(accepts)
    }
}
