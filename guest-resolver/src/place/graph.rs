//! The snapshots that are wanted, as a graph of indices, and which of them fit.

use std::collections::BTreeMap;

use super::{Deprecated, Group, Misfit, PlaceContext, Placed, Skipped, global::Names};
use crate::{
    intern::{TextMap, TextSet},
    lockfile::{
        Lockfile, LockfileError,
        error::{UNSUPPORTED_ENGINE, UNSUPPORTED_PLATFORM},
        model::{ImporterDependency, Package, Snapshot, package_key, split_key, write_dep_path},
    },
    platform::{self, Fit, Wanted},
    semver,
};

/// A snapshot.
pub(super) struct Node<'a> {
    pub(super) dep_path: &'a str,
    pub(super) name: &'a str,
    pub(super) id: &'a str,
    pub(super) package: &'a Package,
    pub(super) snapshot: &'a Snapshot,
    /// Its dependencies, then its optional ones, each by alias; links are not among them.
    pub(super) children: Vec<(&'a str, u32)>,
    /// Reached from the selected projects.
    pub(super) wanted: bool,
    /// Reached without going through a package that is left out.
    pub(super) placed: bool,
    pub(super) misfit: Option<Misfit>,
}

/// A direct dependency.
#[derive(Clone, Copy)]
pub(super) struct Root<'a> {
    pub(super) alias: &'a str,
    pub(super) group: Group,
    pub(super) dependency: &'a ImporterDependency,
    /// The snapshot; `None` for a link.
    pub(super) node: Option<u32>,
}

pub(super) struct Graph<'a> {
    pub(super) lockfile: &'a Lockfile,
    /// By dep-path: all snapshots of the lockfile.
    pub(super) nodes: Vec<Node<'a>>,
    /// Selected importers and their dependencies of the included groups: development, production, optional, each by
    /// alias.
    pub(super) roots: BTreeMap<&'a str, Vec<Root<'a>>>,
}

impl<'a> Graph<'a> {
    /// With what names its slots, where these are shared.
    pub(super) fn new(
        lockfile: &'a Lockfile,
        context: &PlaceContext<'a>,
    ) -> Result<(Self, Option<Names<'a>>), LockfileError> {
        let index: TextMap<&str, u32> = lockfile.snapshots.keys().map(String::as_str).zip(0..).collect();
        let mut finder = Finder { index, path: String::new() };
        let roots = roots(lockfile, context, &mut finder)?;
        let mut nodes = Vec::with_capacity(lockfile.snapshots.len());
        for (dep_path, snapshot) in &lockfile.snapshots {
            nodes.push(node(lockfile, context, &mut finder, dep_path, snapshot)?);
        }
        let store = context.settings.layout.global_virtual_store.as_ref();
        let names = store.map(|store| Names::new(&nodes, &mut finder, context, store)).transpose()?;
        let mut graph = Self { lockfile, nodes, roots };
        graph.mark(context)?;
        Ok((graph, names))
    }

    /// The place of each node among those that are placed.
    pub(super) fn numbers(&self) -> Vec<Option<u32>> {
        let mut next = 0;
        let mut number = |node: &Node<'_>| {
            node.placed.then(|| {
                next += 1;
                next - 1
            })
        };
        self.nodes.iter().map(&mut number).collect()
    }

    fn first(&self) -> Vec<u32> {
        self.roots.values().flatten().filter_map(|root| root.node).collect()
    }

    fn mark(&mut self, context: &PlaceContext<'_>) -> Result<(), LockfileError> {
        let mut stack = self.first();
        while let Some(at) = stack.pop() {
            let node = &mut self.nodes[at as usize];
            if !std::mem::replace(&mut node.wanted, true) {
                stack.extend(node.children.iter().map(|(_, child)| *child));
            }
        }
        let mut fitting = TextSet::default();
        for node in self.nodes.iter_mut().filter(|node| node.wanted) {
            node.misfit = misfit(node.package, context, &mut fitting);
            match &node.misfit {
                Some(misfit) if !node.snapshot.optional && context.settings.selection.engine_strict => {
                    return Err(refused(node, misfit));
                }
                _ => {}
            }
        }
        let mut stack = self.first();
        while let Some(at) = stack.pop() {
            let node = &mut self.nodes[at as usize];
            let out = node.snapshot.optional && node.misfit.is_some();
            if !out && !std::mem::replace(&mut node.placed, true) {
                stack.extend(node.children.iter().map(|(_, child)| *child));
            }
        }
        Ok(())
    }

    /// What is wanted but not placed.
    pub(super) fn skipped(&self) -> Vec<Skipped<'a>> {
        let out = |node: &&Node<'_>| node.wanted && !node.placed;
        if !self.nodes.iter().any(|node| out(&node)) {
            return Vec::new();
        }
        let mut parents: Vec<Vec<u32>> = vec![Vec::new(); self.nodes.len()];
        for (at, node) in (0..).zip(&self.nodes).filter(|(_, node)| node.wanted) {
            for (_, child) in &node.children {
                parents[*child as usize].push(at);
            }
        }
        let skipped = self.nodes.iter().enumerate().filter(|(_, node)| out(node));
        skipped
            .map(|(at, node)| Skipped {
                dep_path: node.dep_path,
                name: node.name,
                version: version(node),
                misfit: self.misfit_above(at, &parents),
                parents: parents[at].iter().map(|parent| self.nodes[*parent as usize].dep_path).collect(),
            })
            .collect()
    }

    /// The misfit of the node, or of the nearest one above it that has one.
    fn misfit_above(&self, at: usize, parents: &[Vec<u32>]) -> Misfit {
        let mut seen = vec![false; self.nodes.len()];
        let mut queue = std::collections::VecDeque::from([at]);
        while let Some(at) = queue.pop_front() {
            if let Some(misfit) = &self.nodes[at].misfit {
                return misfit.clone();
            }
            if !std::mem::replace(&mut seen[at], true) {
                queue.extend(parents[at].iter().map(|parent| *parent as usize));
            }
        }
        Misfit { engine: false, detail: String::new() }
    }

    /// Packages that are placed although they do not fit.
    pub(super) fn misfits(&self) -> Vec<(&'a str, Misfit)> {
        let placed = self.nodes.iter().filter(|node| node.placed);
        placed.filter_map(|node| node.misfit.clone().map(|misfit| (node.dep_path, misfit))).collect()
    }

    /// Deprecated packages that are placed, with the shortest way to each.
    pub(super) fn deprecated(&self, context: &PlaceContext<'_>) -> Vec<Deprecated<'a>> {
        if !self.nodes.iter().any(|node| node.placed && node.package.deprecated.is_some()) {
            return Vec::new();
        }
        let mut found: Vec<Deprecated<'a>> = Vec::new();
        let mut seen = vec![false; self.nodes.len()];
        let mut level: Vec<(u32, &str)> = Vec::new();
        for (importer, roots) in &self.roots {
            level.extend(roots.iter().filter_map(|root| root.node.map(|node| (node, *importer))));
        }
        for depth in 0.. {
            level.retain(|(node, _)| {
                self.nodes[*node as usize].placed && !std::mem::replace(&mut seen[*node as usize], true)
            });
            if level.is_empty() {
                break;
            }
            let mut below = Vec::new();
            level.sort_by_key(|(node, _)| *node);
            for (at, importer) in level {
                let node = &self.nodes[at as usize];
                let known = |other: &Deprecated<'_>| other.name == node.name && other.version == version(node);
                if let Some(message) = node.package.deprecated.as_deref().filter(|_| !found.iter().any(known))
                    && !is_allowed(context, node)
                {
                    found.push(Deprecated { name: node.name, version: version(node), message, importer, depth });
                }
                below.extend(node.children.iter().map(|(_, child)| (*child, importer)));
            }
            level = below;
        }
        found
    }
}

/// The version of the package, as far as the lockfile knows it.
pub(super) fn version<'a>(node: &Node<'a>) -> &'a str {
    match &node.package.version {
        Some(version) => version,
        None if wit::Version::check(node.id).is_ok() => node.id,
        None => match node.id.rsplit_once(':') {
            Some((_, version)) if wit::Version::check(version).is_ok() => version,
            _ => "0.0.0",
        },
    }
}

/// `dependencies` and the like as edges; the lockfile's reader has checked that each leads somewhere.
pub(super) struct Finder<'a> {
    index: TextMap<&'a str, u32>,
    path: String,
}

impl Finder<'_> {
    /// The snapshot behind an alias and its value; `None` for a link.
    pub(super) fn find(&mut self, alias: &str, value: &str) -> Result<Option<u32>, LockfileError> {
        self.path.clear();
        if !write_dep_path(&mut self.path, alias, value) {
            return Ok(None);
        }
        match self.index.get(self.path.as_str()) {
            Some(at) => Ok(Some(*at)),
            None => Err(LockfileError::new(
                crate::lockfile::error::MISSING_DEPENDENCY,
                format!("the lockfile is incomplete: snapshots has no entry {}", self.path),
            )),
        }
    }
}

fn node<'a>(
    lockfile: &'a Lockfile,
    context: &PlaceContext<'a>,
    finder: &mut Finder<'_>,
    dep_path: &'a str,
    snapshot: &'a Snapshot,
) -> Result<Node<'a>, LockfileError> {
    let key = package_key(dep_path);
    let (Some((name, id)), Some(package)) = (split_key(key), lockfile.packages.get(key)) else {
        let message = format!("the lockfile is incomplete: packages has no entry {key}");
        return Err(LockfileError::new(crate::lockfile::error::MISSING_DEPENDENCY, message));
    };
    let optional = context.settings.selection.optional_dependencies.then_some(&snapshot.optional_dependencies);
    let mut children = Vec::with_capacity(snapshot.dependencies.len());
    for (alias, value) in snapshot.dependencies.iter().chain(optional.into_iter().flatten()) {
        if let Some(child) = finder.find(alias, value)? {
            children.push((alias.as_str(), child));
        }
    }
    Ok(Node { dep_path, name, id, package, snapshot, children, wanted: false, placed: false, misfit: None })
}

fn roots<'a>(
    lockfile: &'a Lockfile,
    context: &PlaceContext<'a>,
    finder: &mut Finder<'_>,
) -> Result<BTreeMap<&'a str, Vec<Root<'a>>>, LockfileError> {
    let selection = &context.settings.selection;
    let mut all = BTreeMap::new();
    for (id, importer) in &lockfile.importers {
        let is_selected = selection.importers.as_ref().is_none_or(|selected| selected.contains(id));
        let is_removed = importer.is_empty() && !context.projects.contains_key(id);
        if !is_selected || is_removed {
            continue;
        }
        let groups = [
            (selection.dev_dependencies, Group::Dev, &importer.dev_dependencies),
            (selection.dependencies, Group::Prod, &importer.dependencies),
            (
                selection.dependencies && selection.optional_dependencies,
                Group::Optional,
                &importer.optional_dependencies,
            ),
        ];
        let mut roots = Vec::new();
        for (_, group, dependencies) in groups.into_iter().filter(|(included, ..)| *included) {
            for (alias, dependency) in dependencies {
                roots.push(Root { alias, group, dependency, node: finder.find(alias, &dependency.version)? });
            }
        }
        all.insert(id.as_str(), roots);
    }
    Ok(all)
}

fn is_allowed(context: &PlaceContext<'_>, node: &Node<'_>) -> bool {
    let allowed = &context.settings.rules.allowed_deprecated_versions;
    allowed.get(node.name).is_some_and(|range| semver::satisfies(version(node), range))
}

fn refused(node: &Node<'_>, misfit: &Misfit) -> LockfileError {
    let code = if misfit.engine { UNSUPPORTED_ENGINE } else { UNSUPPORTED_PLATFORM };
    LockfileError::new(code, format!("{} does not fit: {}", node.dep_path, misfit.detail))
        .fact("package", node.dep_path)
        .fact("misfit", misfit.detail.as_str())
        .hint(match misfit.engine {
            true => "Use a version of Node that fits, or install without engineStrict",
            false => "Make it an optional dependency, add the platform to supportedArchitectures, or install without engineStrict",
        })
}

/// `fitting` are the ranges of Node that fit: packages share few.
fn misfit<'a>(package: &'a Package, context: &PlaceContext<'_>, fitting: &mut TextSet<&'a str>) -> Option<Misfit> {
    let node = package.engines.get("node");
    let asks_for_no_more_than_node = package.os.is_empty()
        && package.cpu.is_empty()
        && package.libc.is_empty()
        && package.engines.get("pnpm").is_none();
    if asks_for_no_more_than_node && node.is_none_or(|range| fitting.contains(range.as_str())) {
        return None;
    }
    let list = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
    let wanted = Wanted {
        os: list(&package.os),
        cpu: list(&package.cpu),
        libc: list(&package.libc),
        node: node.cloned(),
        pnpm: package.engines.get("pnpm").cloned(),
    };
    match platform::check(&wanted, context.platform, &context.settings.selection.supported_architectures) {
        Fit::Fits => {
            fitting.extend(node.map(String::as_str));
            None
        }
        Fit::UnsupportedPlatform(detail) => Some(Misfit { engine: false, detail }),
        Fit::UnsupportedEngine(detail) => Some(Misfit { engine: true, detail }),
    }
}

/// The folder of a snapshot in a virtual store of the project's own.
pub(super) fn own_slot(dep_path: &str, context: &PlaceContext<'_>) -> String {
    crate::slot::slot_name(dep_path, context.settings.layout.virtual_store_dir_max_length as usize)
}

/// A node as it is placed.
pub(super) fn placed<'a>(node: &Node<'a>, slot: String, dependencies: Vec<(&'a str, super::Target)>) -> Placed<'a> {
    let suffix = &node.dep_path[package_key(node.dep_path).len()..];
    let patch = suffix.strip_prefix("(patch_hash=").and_then(|rest| rest.split(')').next());
    Placed {
        dep_path: node.dep_path,
        slot,
        name: node.name,
        version: version(node),
        id: node.id,
        package: node.package,
        dependencies,
        optional: node.snapshot.optional,
        patch,
    }
}
