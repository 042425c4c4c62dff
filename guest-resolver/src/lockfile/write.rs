//! [`Lockfile`] to text, byte for byte as pnpm writes it: what is left out at its default, the order of the fields, and
//! then the emitter.

use std::{borrow::Cow, collections::BTreeMap};

use super::{
    model::{
        Bundled, CUSTOM, CatalogEntry, Importer, ImporterDependency, Lockfile, LockfileSettings, OtherFields, Package,
        Resolution, Snapshot, package_key,
    },
    yaml::{Entries, Node, emit},
};
use crate::intern::TextSet;

/// The suffix length that is not written.
const DEFAULT_PEERS_SUFFIX: u32 = 1000;

/// What of a lockfile is written: the lockfile of what stands on disk has only what was placed.
pub(crate) struct Kept<'a> {
    /// Snapshots, by dep-path.
    pub(crate) snapshots: TextSet<&'a str>,
    /// Importers.
    pub(crate) importers: BTreeMap<&'a str, Importer>,
}

/// The whole text.
#[must_use]
pub fn write(lockfile: &Lockfile) -> String {
    let body = body(lockfile, None);
    match &lockfile.environment_document {
        Some(environment) => [environment.as_str(), &body].concat(),
        None => body,
    }
}

/// The text of the parts that are kept, without the environment document.
pub(crate) fn write_kept(lockfile: &Lockfile, kept: &Kept<'_>) -> String {
    body(lockfile, Some(kept))
}

fn body(lockfile: &Lockfile, kept: Option<&Kept<'_>>) -> String {
    let mut root: Entries<'_> = vec![(Cow::Borrowed("lockfileVersion"), Node::text("9.0"))];
    push_map(&mut root, "settings", settings(&lockfile.settings));
    push_map(&mut root, "catalogs", sorted(&lockfile.catalogs, |catalog| Node::Map(sorted(catalog, catalog_entry))));
    push_map(
        &mut root,
        "overrides",
        lockfile.overrides.iter().map(|(key, value)| pair(key, Node::text(value))).collect(),
    );
    push_text(&mut root, "packageExtensionsChecksum", lockfile.package_extensions_checksum.as_deref());
    push_text(&mut root, "pnpmfileChecksum", lockfile.pnpmfile_checksum.as_deref());
    push_map(&mut root, "patchedDependencies", texts(&lockfile.patched_dependencies));
    let importers = match kept {
        None => sorted(&lockfile.importers, importer),
        Some(kept) => kept.importers.iter().map(|(id, value)| pair(id, importer(value))).collect(),
    };
    push_map(&mut root, "importers", importers);
    let keep = |dep_path: &str| kept.is_none_or(|kept| kept.snapshots.contains(dep_path));
    let wanted: Option<TextSet<&str>> = kept.map(|kept| kept.snapshots.iter().map(|path| package_key(path)).collect());
    let packages =
        lockfile.packages.iter().filter(|(key, _)| wanted.as_ref().is_none_or(|set| set.contains(key.as_str())));
    push_map(&mut root, "packages", packages.map(|(key, value)| pair(key, package(value))).collect());
    push_list(&mut root, "ignoredOptionalDependencies", lockfile.ignored_optional_dependencies.iter());
    let snapshots = lockfile.snapshots.iter().filter(|(key, _)| keep(key));
    push_map(&mut root, "snapshots", snapshots.map(|(key, value)| pair(key, snapshot(value))).collect());
    let time = lockfile.time.iter().filter(|(key, _)| wanted.as_ref().is_none_or(|set| set.contains(key.as_str())));
    push_map(&mut root, "time", time.map(|(key, value)| pair(key, Node::text(value))).collect());
    push_other(&mut root, &lockfile.other, root_rank);
    let size = 300 * (lockfile.packages.len() + lockfile.snapshots.len()) + 4096;
    emit::document(&root, size)
}

fn settings(settings: &LockfileSettings) -> Entries<'_> {
    let mut fields = Vec::new();
    let mut push = |name: &'static str, value: Option<bool>| {
        if let Some(value) = value {
            fields.push((Cow::Borrowed(name), Node::bool(value)));
        }
    };
    push("autoInstallPeers", settings.auto_install_peers);
    push("dedupePeers", settings.dedupe_peers.filter(|on| *on));
    push("excludeLinksFromLockfile", settings.exclude_links_from_lockfile);
    push("injectWorkspacePackages", settings.inject_workspace_packages.filter(|on| *on));
    if let Some(length) = settings.peers_suffix_max_length.filter(|length| *length != DEFAULT_PEERS_SUFFIX) {
        fields.push((Cow::Borrowed("peersSuffixMaxLength"), Node::Plain(Cow::Owned(length.to_string()))));
    }
    push_other(&mut fields, &settings.other, |_| 0);
    fields
}

fn catalog_entry(entry: &CatalogEntry) -> Node<'_> {
    Node::Map(vec![pair("specifier", Node::text(&entry.specifier)), pair("version", Node::text(&entry.version))])
}

fn importer(importer: &Importer) -> Node<'_> {
    let group = |group| sorted_by_rank(sorted(group, dependency), root_rank);
    let mut fields = Vec::new();
    push_map(&mut fields, "dependencies", group(&importer.dependencies));
    let meta = importer.dependencies_meta.iter().map(|(alias, meta)| {
        let fields = meta.injected.map(|injected| pair("injected", Node::bool(injected)));
        pair(alias, Node::Map(fields.into_iter().collect()))
    });
    push_map(&mut fields, "dependenciesMeta", sorted_by_rank(meta.collect(), root_rank));
    push_map(&mut fields, "devDependencies", group(&importer.dev_dependencies));
    push_map(&mut fields, "optionalDependencies", group(&importer.optional_dependencies));
    push_text(&mut fields, "publishDirectory", importer.publish_directory.as_deref());
    push_other(&mut fields, &importer.other, root_rank);
    Node::Map(fields)
}

fn dependency(dependency: &ImporterDependency) -> Node<'_> {
    Node::Map(vec![
        pair("specifier", Node::text(&dependency.specifier)),
        pair("version", Node::text(&dependency.version)),
    ])
}

fn package(package: &Package) -> Node<'_> {
    let mut fields = vec![pair("resolution", resolution(&package.resolution))];
    push_text(&mut fields, "version", package.version.as_deref());
    let engines = package.engines.iter().map(|(key, value)| pair(key, Node::text(value))).collect();
    push_map(&mut fields, "engines", sorted_by_name(engines));
    push_list(&mut fields, "cpu", package.cpu.iter());
    push_list(&mut fields, "os", package.os.iter());
    push_list(&mut fields, "libc", package.libc.iter());
    push_text(&mut fields, "deprecated", package.deprecated.as_deref());
    if package.has_bin {
        fields.push(pair("hasBin", Node::bool(true)));
    }
    push_map(&mut fields, "peerDependencies", sorted_by_rank(texts(&package.peer_dependencies), entry_rank));
    let meta = package.optional_peers.iter();
    let meta = meta.map(|name| pair(name, Node::Map(vec![pair("optional", Node::bool(true))]))).collect();
    push_map(&mut fields, "peerDependenciesMeta", sorted_by_name(meta));
    match &package.bundled_dependencies {
        Some(Bundled::All(all)) => fields.push(pair("bundledDependencies", Node::bool(*all))),
        Some(Bundled::Names(names)) => push_list(&mut fields, "bundledDependencies", names.iter()),
        None => {}
    }
    push_other(&mut fields, &package.other, entry_rank);
    Node::Map(fields)
}

fn resolution(resolution: &Resolution) -> Node<'_> {
    let mut fields = Vec::new();
    match resolution {
        Resolution::Tarball { integrity, tarball, git_hosted, path } => {
            if *git_hosted {
                fields.push(pair("gitHosted", Node::bool(true)));
            }
            push_text(&mut fields, "integrity", integrity.as_deref());
            push_text(&mut fields, "path", path.as_deref());
            push_text(&mut fields, "tarball", tarball.as_deref());
        }
        Resolution::Directory(directory) => {
            push_text(&mut fields, "directory", Some(directory));
            push_text(&mut fields, "type", Some("directory"));
        }
        Resolution::Git { commit, repo, path } => {
            push_text(&mut fields, "commit", Some(commit));
            push_text(&mut fields, "path", path.as_deref());
            push_text(&mut fields, "repo", Some(repo));
            push_text(&mut fields, "type", Some("git"));
        }
        Resolution::Custom { plugin, value, integrity } => {
            push_text(&mut fields, "integrity", integrity.as_deref());
            fields.push(pair("type", Node::Text(Cow::Owned(format!("{CUSTOM}{plugin}")))));
            push_text(&mut fields, "value", Some(value));
        }
        Resolution::Other { text, .. } => return Node::Raw(text),
    }
    Node::Map(fields)
}

fn snapshot(snapshot: &Snapshot) -> Node<'_> {
    let mut fields = Vec::new();
    push_map(&mut fields, "dependencies", sorted_by_rank(texts(&snapshot.dependencies), entry_rank));
    push_map(&mut fields, "optionalDependencies", sorted_by_rank(texts(&snapshot.optional_dependencies), entry_rank));
    push_list(&mut fields, "transitivePeerDependencies", snapshot.transitive_peer_dependencies.iter());
    if snapshot.optional {
        fields.push(pair("optional", Node::bool(true)));
    }
    push_other(&mut fields, &snapshot.other, entry_rank);
    Node::Map(fields)
}

fn pair<'a>(key: &'a str, value: Node<'a>) -> (Cow<'a, str>, Node<'a>) {
    (Cow::Borrowed(key), value)
}

fn sorted<'a, T>(map: &'a BTreeMap<String, T>, node: impl Fn(&'a T) -> Node<'a>) -> Entries<'a> {
    map.iter().map(|(key, value)| pair(key, node(value))).collect()
}

fn texts(map: &BTreeMap<String, String>) -> Entries<'_> {
    sorted(map, |text| Node::text(text))
}

fn push_map<'a>(fields: &mut Entries<'a>, name: &'static str, entries: Entries<'a>) {
    if !entries.is_empty() {
        fields.push(pair(name, Node::Map(entries)));
    }
}

fn push_text<'a>(fields: &mut Entries<'a>, name: &'static str, text: Option<&'a str>) {
    if let Some(text) = text {
        fields.push(pair(name, Node::text(text)));
    }
}

fn push_list<'a>(fields: &mut Entries<'a>, name: &'static str, items: impl ExactSizeIterator<Item = &'a String>) {
    if items.len() > 0 {
        fields.push(pair(name, Node::List(items.map(|item| Node::text(item)).collect())));
    }
}

fn push_other<'a>(fields: &mut Entries<'a>, other: &'a OtherFields, rank: impl Fn(&str) -> u8) {
    if other.is_empty() {
        return;
    }
    fields.extend(other.iter().map(|(key, text)| pair(key, Node::Raw(text))));
    fields.sort_by(|(left, _), (right, _)| rank(left).cmp(&rank(right)).then_with(|| left.cmp(right)));
}

/// pnpm sorts maps within an entry by the order of the entry's own fields too: a dependency named `os` comes first.
fn sorted_by_rank(mut entries: Entries<'_>, rank: fn(&str) -> u8) -> Entries<'_> {
    // Nearly always no name is one of the fields: then each is looked at once.
    if !entries.is_sorted_by_key(|(key, _)| rank(key)) {
        entries.sort_by_key(|(key, _)| rank(key));
    }
    entries
}

fn sorted_by_name(mut entries: Entries<'_>) -> Entries<'_> {
    entries.sort_by(|(left, _), (right, _)| (entry_rank(left), left).cmp(&(entry_rank(right), right)));
    entries
}

/// The place of a field of `packages` and `snapshots`; those without one follow by name.
fn entry_rank(key: &str) -> u8 {
    const ORDER: [&str; 20] = [
        "resolution",
        "id",
        "name",
        "version",
        "engines",
        "cpu",
        "os",
        "libc",
        "deprecated",
        "hasBin",
        "prepare",
        "requiresBuild",
        "bundleDependencies",
        "peerDependencies",
        "peerDependenciesMeta",
        "dependencies",
        "optionalDependencies",
        "transitivePeerDependencies",
        "dev",
        "optional",
    ];
    (0..).zip(ORDER).find(|(_, name)| *name == key).map_or(u8::MAX, |(at, _)| at)
}

/// The place of a field of the file.
fn root_rank(key: &str) -> u8 {
    const ORDER: [&str; 9] = [
        "lockfileVersion",
        "settings",
        "catalogs",
        "overrides",
        "packageExtensionsChecksum",
        "pnpmfileChecksum",
        "patchedDependencies",
        "importers",
        "packages",
    ];
    (0..).zip(ORDER).find(|(_, name)| *name == key).map_or(u8::MAX, |(at, _)| at)
}

#[cfg(test)]
mod tests;
