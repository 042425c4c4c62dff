//! WIT records to the host's own types and back: the only file that knows both. What comes back is checked here, so
//! that whoever holds a [`graph`] value need not check it again.

use std::{collections::HashSet, hash::Hash};

use wit::{
    Alias, DepPath, ImporterId, Integrity, PackageName, Slot, Version,
    host::{exports::wasi_pm::resolver::resolution as wire, wasi_pm::resolver::types},
};

use super::{
    driver::Project,
    intent::{Addition, Intent, Removal, Update},
};
use crate::{facts, graph};

#[cfg(test)]
mod tests;

pub(super) type Checked<T> = Result<T, String>;

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` takes")]
pub(super) fn said(error: impl ToString) -> String {
    error.to_string()
}

/// The longest text that stands for something: a version, an address, a path. Names have narrower limits of their own.
const LONGEST: usize = 16 << 10;
/// The longest text for people.
const LONGEST_PROSE: usize = 64 << 10;

/// A text that stands for something is refused where it is too long: no sound component makes such a one.
pub(super) fn short(text: &str) -> Checked<String> {
    match text.len() <= LONGEST {
        true => Ok(text.to_owned()),
        false => Err(format!("a text of {} bytes where {LONGEST} are the most", text.len())),
    }
}

fn short_if_any(text: &Option<String>) -> Checked<Option<String>> {
    text.as_deref().map(short).transpose()
}

/// A text for people is cut: a registry may have worded it.
pub(super) fn prose(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(LONGEST_PROSE));
    text
}

pub(super) fn project(project: &Project) -> Checked<wire::Project> {
    let importers = project.importers.iter();
    Ok(wire::Project {
        importers: importers
            .map(|(id, manifest)| wire::Importer { id: id.to_string(), manifest: manifest.clone() })
            .collect(),
        lockfile: project.lockfile.clone(),
        settings: serde_json::to_string(&project.settings).map_err(said)?,
        platform: types::Platform {
            os: project.platform.os.clone(),
            cpu: project.platform.cpu.clone(),
            libc: project.platform.libc.clone(),
            node: project.platform.node.clone(),
        },
        intent: match &project.intent {
            Intent::Install => wire::Intent::Install,
            Intent::Update(it) => wire::Intent::Update(update(it)),
            Intent::Add(it) => wire::Intent::Add(addition(it)),
            Intent::Remove(it) => wire::Intent::Remove(removal(it)),
            Intent::Dedupe => wire::Intent::Dedupe,
            Intent::Fix => wire::Intent::Fix,
        },
    })
}

fn update(it: &Update) -> wire::Update {
    wire::Update {
        importers: ids(&it.importers),
        selectors: it.selectors.clone(),
        groups: it.groups.iter().copied().map(group_out).collect(),
        latest: it.latest,
        workspace: it.workspace,
        save: it.save,
        direct: it.direct,
    }
}

fn addition(it: &Addition) -> wire::Addition {
    wire::Addition {
        importers: ids(&it.importers),
        packages: it.packages.clone(),
        groups: it.groups.iter().copied().map(group_out).collect(),
        workspace: it.workspace,
    }
}

fn removal(it: &Removal) -> wire::Removal {
    wire::Removal {
        importers: ids(&it.importers),
        names: it.names.clone(),
        group: it.group.map(group_out),
        strict: it.strict,
    }
}

fn ids(importers: &[ImporterId]) -> Vec<String> {
    importers.iter().map(ToString::to_string).collect()
}

fn group_out(group: graph::Group) -> types::DependencyGroup {
    match group {
        graph::Group::Prod => types::DependencyGroup::Prod,
        graph::Group::Dev => types::DependencyGroup::Dev,
        graph::Group::Optional => types::DependencyGroup::Optional,
        graph::Group::Peer => types::DependencyGroup::Peer,
    }
}

pub(super) fn request(request: &wire::Request) -> Checked<facts::Request> {
    Ok(match request {
        wire::Request::Metadata(it) => facts::Request::Metadata(facts::MetadataRequest {
            name: PackageName::parse(&it.name).map_err(said)?,
            registry: short_if_any(&it.registry)?,
            full: it.full,
            wanted: short_if_any(&it.wanted)?,
            likely: it.likely,
        }),
        wire::Request::Manifest(it) => facts::Request::Manifest {
            name: PackageName::parse(&it.name).map_err(said)?,
            registry: short_if_any(&it.registry)?,
            version: short(&it.version)?,
        },
        wire::Request::Git(specifier) => facts::Request::Git(short(specifier)?),
        wire::Request::Tarball(url) => facts::Request::Tarball(short(url)?),
        wire::Request::Local(it) => facts::Request::Local { importer: short(&it.importer)?, path: short(&it.path)? },
        wire::Request::Custom(it) => {
            facts::Request::Custom { alias: short(&it.alias)?, specifier: short(&it.specifier)? }
        }
    })
}

pub(super) fn reply(id: u32, answer: facts::Answer) -> wire::Reply {
    let answer = match answer {
        facts::Answer::Metadata(it) => wire::Answer::Metadata(wire::Metadata {
            versions: it.versions,
            dist_tags: it.dist_tags,
            times: it.times,
            modified: it.modified,
            full: it.full,
            deprecated: it.deprecated,
            trust: it.trust,
            manifests: it.manifests,
        }),
        facts::Answer::Manifest(text) => wire::Answer::Manifest(text),
        facts::Answer::Resolved { source, manifest } => {
            wire::Answer::Resolved(wire::ResolvedPackage { source: source_out(source), manifest })
        }
        facts::Answer::Unavailable(it) => wire::Answer::Unavailable(wire::Unavailable {
            reason: reason(it.reason),
            url: it.url,
            status: it.status,
            detail: it.detail,
        }),
    };
    wire::Reply { id, answer }
}

fn reason(reason: facts::Reason) -> wire::UnavailableReason {
    match reason {
        facts::Reason::NotFound => wire::UnavailableReason::NotFound,
        facts::Reason::Offline => wire::UnavailableReason::Offline,
        facts::Reason::Unauthorized => wire::UnavailableReason::Unauthorized,
        facts::Reason::Forbidden => wire::UnavailableReason::Forbidden,
        facts::Reason::Network => wire::UnavailableReason::Network,
        facts::Reason::Integrity => wire::UnavailableReason::Integrity,
        facts::Reason::Invalid => wire::UnavailableReason::Invalid,
        facts::Reason::TooLarge => wire::UnavailableReason::TooLarge,
        facts::Reason::Policy => wire::UnavailableReason::Policy,
        facts::Reason::Git => wire::UnavailableReason::Git,
        facts::Reason::Plugin => wire::UnavailableReason::Plugin,
    }
}

fn source_out(source: graph::Source) -> types::Source {
    match source {
        graph::Source::Registry { registry, tarball, integrity } => {
            types::Source::Registry(types::RegistrySource { registry, tarball, integrity })
        }
        graph::Source::Tarball { url, integrity, git_hosted, path } => {
            types::Source::Tarball(types::TarballSource { url, integrity, git_hosted, path })
        }
        graph::Source::Git { repository, commit, path } => {
            types::Source::Git(types::GitSource { repository, commit, path })
        }
        graph::Source::Directory(path) => types::Source::Directory(path),
        graph::Source::Unsupported(kind) => types::Source::Unsupported(kind),
        graph::Source::Custom { plugin, value, integrity } => {
            types::Source::Custom(types::CustomSource { plugin, value, integrity })
        }
    }
}

pub(super) fn download(download: &wire::Download) -> Checked<facts::Download> {
    Ok(facts::Download {
        name: PackageName::parse(&download.name).map_err(said)?,
        version: version_in(&download.source, &download.version)?,
        source: source(&download.source)?,
        size_hint: download.size_hint,
    })
}

/// The version of a download, which becomes a part of an address where a registry has it.
fn version_in(source: &types::Source, version: &str) -> Checked<String> {
    if matches!(source, types::Source::Registry(_)) {
        Version::check(version).map_err(said)?;
    }
    short(version)
}

fn source(source: &types::Source) -> Checked<graph::Source> {
    Ok(match source {
        types::Source::Registry(it) => graph::Source::Registry {
            registry: short_if_any(&it.registry)?,
            tarball: it.tarball.as_deref().map(address).transpose()?,
            integrity: it.integrity.as_deref().map(integrity).transpose()?,
        },
        types::Source::Tarball(it) => graph::Source::Tarball {
            url: address(&it.url)?,
            integrity: it.integrity.as_deref().map(integrity).transpose()?,
            git_hosted: it.git_hosted,
            path: it.path.as_deref().map(inner_path).transpose()?,
        },
        types::Source::Git(it) => {
            if !matches!(it.commit.len(), 40 | 64) || !it.commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(format!("{:?} is not a commit", it.commit));
            }
            // `::` starts a transport helper, which is a command.
            let hostile = it.repository.starts_with('-')
                || it
                    .repository
                    .split_once("::")
                    .is_some_and(|(helper, _)| helper.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
            if hostile || it.repository.contains(char::is_control) {
                return Err(format!("{:?} is not a repository", it.repository));
            }
            let path = it.path.as_deref().map(inner_path).transpose()?;
            graph::Source::Git { repository: short(&it.repository)?, commit: it.commit.clone(), path }
        }
        types::Source::Directory(path) => graph::Source::Directory(ImporterId::parse(path).map_err(said)?.into()),
        types::Source::Custom(it) => graph::Source::Custom {
            plugin: short(&it.plugin)?,
            value: short(&it.value)?,
            integrity: it.integrity.as_deref().map(integrity).transpose()?,
        },
        types::Source::Unsupported(kind) => graph::Source::Unsupported(short(kind)?),
    })
}

fn integrity(text: &str) -> Checked<String> {
    Integrity::check(text).map_err(said)?;
    Ok(text.to_owned())
}

fn address(url: &str) -> Checked<String> {
    let known = ["https://", "http://", "file:"].iter().any(|scheme| url.starts_with(scheme));
    match known && !url.bytes().any(|byte| byte < 0x21 && byte != b' ' || byte == 0x7f) {
        true => short(url),
        false => Err(format!("{url:?} is not the address of a tarball")),
    }
}

/// A folder inside a package: it never leads out of it.
fn inner_path(path: &str) -> Checked<String> {
    let parts = path.trim_start_matches('/').split('/');
    match parts.clone().any(|part| part == ".." || part.contains(['\\', '\0', ':'])) {
        true => Err(format!("{path:?} leads out of its package")),
        false => short(path),
    }
}

pub(super) fn snapshot(it: &wire::Snapshot) -> Checked<graph::Snapshot> {
    if let Some(patch) = &it.patch
        && (patch.len() != 64 || !patch.bytes().all(|byte| byte.is_ascii_hexdigit()))
    {
        return Err(format!("{patch:?} is not the digest of a patch"));
    }
    let source = source(&it.source)?;
    if matches!(source, graph::Source::Registry { .. }) {
        Version::check(&it.version).map_err(said)?;
    }
    let dependencies = it.dependencies.iter().map(link).collect::<Checked<Vec<_>>>()?;
    if let Some(link) = twice(&dependencies, |link| &link.alias) {
        return Err(format!("{} depends twice on {}", it.dep_path, link.alias));
    }
    Ok(graph::Snapshot {
        dep_path: DepPath::parse(&it.dep_path).map_err(said)?,
        slot: Slot::parse(&it.slot).map_err(said)?,
        name: PackageName::parse(&it.name).map_err(said)?,
        version: short(&it.version)?,
        source,
        dependencies,
        optional: it.optional,
        has_bin: it.has_bin,
        requires_build: it.requires_build,
        patch: it.patch.clone(),
    })
}

/// One whose key another one before it has. What ascends, as nearly every list does, has none.
fn twice<'a, T, K: Ord + Hash + 'a>(list: &'a [T], key: impl Fn(&'a T) -> &'a K) -> Option<&'a T> {
    if list.is_sorted_by(|one, next| key(one) < key(next)) {
        return None;
    }
    let mut seen = HashSet::with_capacity(list.len());
    list.iter().find(|one| !seen.insert(key(one)))
}

/// About what a snapshot takes in memory, bytes.
pub(super) fn weight(it: &graph::Snapshot) -> usize {
    let source = match &it.source {
        graph::Source::Registry { registry, tarball, integrity } => {
            [registry, tarball, integrity].into_iter().flatten().map(String::len).sum()
        }
        graph::Source::Tarball { url, integrity, path, .. } => {
            url.len() + [integrity, path].into_iter().flatten().map(String::len).sum::<usize>()
        }
        graph::Source::Git { repository, path, .. } => repository.len() + path.as_ref().map_or(0, String::len),
        graph::Source::Directory(text) | graph::Source::Unsupported(text) => text.len(),
        graph::Source::Custom { plugin, value, integrity } => {
            plugin.len() + value.len() + integrity.as_ref().map_or(0, String::len)
        }
    };
    let links = it.dependencies.iter().map(|link| match &link.target {
        graph::Target::Snapshot(_) => size_of::<graph::Link>() + link.alias.as_str().len(),
        graph::Target::Directory(path) => size_of::<graph::Link>() + link.alias.as_str().len() + path.as_str().len(),
    });
    let names = it.dep_path.as_str().len() + it.slot.as_str().len() + it.name.as_str().len() + it.version.len();
    size_of::<graph::Snapshot>() + names + source + links.sum::<usize>()
}

fn link(it: &wire::Link) -> Checked<graph::Link> {
    Ok(graph::Link { alias: Alias::parse(&it.alias).map_err(said)?, target: target(&it.target)? })
}

fn target(it: &wire::LinkTarget) -> Checked<graph::Target> {
    Ok(match it {
        wire::LinkTarget::Snapshot(index) => graph::Target::Snapshot(*index),
        wire::LinkTarget::Directory(path) => graph::Target::Directory(ImporterId::parse(path).map_err(said)?),
    })
}

/// Joins snapshots and layout, and checks what can only be checked of the whole.
pub(super) fn placement(
    project: &Project,
    snapshots: Vec<graph::Snapshot>,
    it: &wire::Layout,
) -> Checked<graph::Placement> {
    let placement = graph::Placement {
        snapshots,
        roots: it.roots.iter().map(root).collect::<Checked<_>>()?,
        hoisted: it.hoisted.iter().map(hoisted).collect::<Checked<_>>()?,
        skipped: it.skipped.iter().map(skipped).collect::<Checked<_>>()?,
        notices: Vec::new(),
        lockfile: None,
        current_lockfile: None,
    };
    check_whole(project, &placement)?;
    Ok(placement)
}

/// Adds what comes at the end.
pub(super) fn complete(placement: &mut graph::Placement, it: wire::Outcome) {
    placement.notices = it.notices.into_iter().map(notice).collect();
    (placement.lockfile, placement.current_lockfile) = (it.lockfile, it.current_lockfile);
}

fn check_whole(project: &Project, placement: &graph::Placement) -> Checked<()> {
    let snapshots = &placement.snapshots;
    if let Some(it) = twice(snapshots, |it| &it.dep_path).or_else(|| twice(snapshots, |it| &it.slot)) {
        return Err(format!("{} or its slot is placed twice", it.dep_path));
    }
    let known: HashSet<_> = project.importers.iter().map(|(id, _)| id).collect();
    let mut importers = HashSet::new();
    for root in &placement.roots {
        if !known.contains(&root.importer) || !importers.insert(&root.importer) {
            return Err(format!("{} is no project of this workspace, or is placed twice", root.importer));
        }
        if let Some(link) = twice(&root.links, |link| &link.alias) {
            return Err(format!("{} depends twice on {}", root.importer, link.alias));
        }
    }
    if let Some(link) = twice(&placement.hoisted, |link| &link.alias) {
        return Err(format!("{} is hoisted twice", link.alias));
    }
    let edges = placement.snapshots.iter().flat_map(|snapshot| snapshot.dependencies.iter().map(|link| &link.target));
    let roots = placement.roots.iter().flat_map(|root| root.links.iter().map(|link| &link.target));
    let hoisted = placement.hoisted.iter().map(|link| &link.target);
    for target in edges.chain(roots).chain(hoisted) {
        if let graph::Target::Snapshot(index) = target
            && *index as usize >= placement.snapshots.len()
        {
            return Err(format!("an edge leads to snapshot {index} of {}", placement.snapshots.len()));
        }
    }
    Ok(())
}

fn root(it: &wire::ImporterLinks) -> Checked<graph::ImporterLinks> {
    let links = it.links.iter().map(|link| {
        Ok(graph::RootLink {
            alias: Alias::parse(&link.alias).map_err(said)?,
            real_name: PackageName::parse(&link.real_name).map_err(said)?,
            version: link.version.clone(),
            latest: link.latest.clone(),
            group: match link.group {
                types::DependencyGroup::Prod => graph::Group::Prod,
                types::DependencyGroup::Dev => graph::Group::Dev,
                types::DependencyGroup::Optional => graph::Group::Optional,
                types::DependencyGroup::Peer => graph::Group::Peer,
            },
            target: target(&link.target)?,
        })
    });
    Ok(graph::ImporterLinks {
        importer: ImporterId::parse(&it.importer).map_err(said)?,
        links: links.collect::<Checked<_>>()?,
    })
}

fn hoisted(it: &wire::HoistedLink) -> Checked<graph::HoistedLink> {
    let alias = Alias::parse(&it.alias).map_err(said)?;
    Ok(graph::HoistedLink { alias, owner: short(&it.owner)?, target: target(&it.target)?, public: it.public })
}

fn skipped(it: &wire::Skipped) -> Checked<graph::Skipped> {
    Ok(graph::Skipped {
        dep_path: short(&it.dep_path)?,
        name: short(&it.name)?,
        version: short_if_any(&it.version)?,
        reason: match it.reason {
            wire::SkipReason::UnsupportedPlatform => graph::SkipReason::UnsupportedPlatform,
            wire::SkipReason::UnsupportedEngine => graph::SkipReason::UnsupportedEngine,
            wire::SkipReason::ResolutionFailure => graph::SkipReason::ResolutionFailure,
        },
        detail: prose(it.detail.clone()),
        parents: it.parents.iter().cloned().map(prose).collect(),
    })
}

fn notice(it: wire::Notice) -> graph::Notice {
    match it {
        wire::Notice::Deprecated(it) => graph::Notice::Deprecated {
            name: prose(it.name),
            version: prose(it.version),
            message: prose(it.message),
            importer: prose(it.importer),
            depth: it.depth,
        },
        wire::Notice::PeerIssue(it) => graph::Notice::PeerIssue(graph::PeerIssue {
            importer: prose(it.importer),
            chain: it.chain.into_iter().map(prose).collect(),
            peer: prose(it.peer),
            wanted: prose(it.wanted),
            found: it.found.map(prose),
            optional: it.optional,
            conflict: false,
        }),
        wire::Notice::Other(it) => graph::Notice::Other(failure(it)),
    }
}

pub(super) fn failures(list: Vec<types::Failure>) -> Vec<graph::Failure> {
    list.into_iter().map(failure).collect()
}

fn failure(it: types::Failure) -> graph::Failure {
    let facts = it.facts.into_iter().map(|(key, value)| (prose(key), prose(value)));
    graph::Failure {
        code: prose(it.code),
        message: prose(it.message),
        facts: facts.collect(),
        chain: it.chain.into_iter().map(prose).collect(),
        hint: it.hint.map(prose),
    }
}
