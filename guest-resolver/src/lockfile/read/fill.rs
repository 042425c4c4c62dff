//! YAML tree to model. Fields that are not known are kept as text, as the emitter writes them.

use std::{borrow::Cow, collections::BTreeMap};

use indexmap::IndexMap;

use crate::lockfile::{
    model::{
        Bundled, CUSTOM, CatalogEntry, DependencyMeta, Importer, ImporterDependency, LONGEST_VALUE, Lockfile,
        LockfileSettings, OtherFields, Package, Resolution, Snapshot, is_plugin,
    },
    yaml::{Entries, Node, emit},
};

/// A value that is not what its field holds.
#[derive(Debug)]
pub(super) struct Wrong {
    keys: Vec<String>,
    expected: &'static str,
    found: &'static str,
}

type Filled<T> = Result<T, Wrong>;

impl Wrong {
    fn new(expected: &'static str, found: &Node<'_>) -> Self {
        Self { keys: Vec::new(), expected, found: found.kind() }
    }

    fn under(mut self, key: &str) -> Self {
        self.keys.push(key.chars().take(120).collect());
        self
    }

    /// From the root to the value.
    pub(super) fn path(&self) -> String {
        let keys: Vec<&str> = self.keys.iter().rev().map(String::as_str).collect();
        keys.join(" > ")
    }

    /// What should be there and what is.
    pub(super) fn reason(&self) -> String {
        format!("expected {}, found {}", self.expected, self.found)
    }
}

/// The whole file.
pub(super) fn lockfile(entries: Entries<'_>) -> Filled<Lockfile> {
    let mut lockfile = Lockfile::default();
    for (key, value) in entries {
        field(&mut lockfile, &key, value).map_err(|wrong| wrong.under(&key))?;
    }
    Ok(lockfile)
}

fn field(lockfile: &mut Lockfile, key: &str, value: Node<'_>) -> Filled<()> {
    match key {
        "lockfileVersion" => {}
        "settings" => lockfile.settings = settings(value)?,
        "catalogs" => lockfile.catalogs = map(value, |catalog| map(catalog, catalog_entry))?,
        "overrides" => lockfile.overrides = strings(value)?,
        "packageExtensionsChecksum" => lockfile.package_extensions_checksum = Some(string(value)?),
        "pnpmfileChecksum" => lockfile.pnpmfile_checksum = Some(string(value)?),
        "patchedDependencies" => lockfile.patched_dependencies = map(value, patch)?,
        "importers" => lockfile.importers = map(value, importer)?,
        "packages" => lockfile.packages = map(value, package)?,
        "ignoredOptionalDependencies" => lockfile.ignored_optional_dependencies = list(value)?,
        "snapshots" => lockfile.snapshots = map(value, snapshot)?,
        "time" => lockfile.time = map(value, string)?,
        _ => keep(&mut lockfile.other, key, &value, 1),
    }
    Ok(())
}

fn settings(value: Node<'_>) -> Filled<LockfileSettings> {
    let mut settings = LockfileSettings::default();
    each(value, |key, value| {
        match key {
            "autoInstallPeers" => settings.auto_install_peers = Some(boolean(&value)?),
            "dedupePeers" => settings.dedupe_peers = Some(boolean(&value)?),
            "excludeLinksFromLockfile" => settings.exclude_links_from_lockfile = Some(boolean(&value)?),
            "injectWorkspacePackages" => settings.inject_workspace_packages = Some(boolean(&value)?),
            "peersSuffixMaxLength" => settings.peers_suffix_max_length = Some(number(&value)?),
            _ => keep(&mut settings.other, key, &value, 2),
        }
        Ok(())
    })?;
    Ok(settings)
}

fn catalog_entry(value: Node<'_>) -> Filled<CatalogEntry> {
    let ImporterDependency { specifier, version } = dependency(value)?;
    Ok(CatalogEntry { specifier, version })
}

/// The hash, or `{hash, path}` of older versions.
fn patch(value: Node<'_>) -> Filled<String> {
    let Node::Map(entries) = value else { return string(value) };
    match entries.into_iter().find(|(key, _)| key == "hash") {
        Some((_, hash)) => string(hash),
        None => Err(Wrong { keys: Vec::new(), expected: "a hash", found: "a map without one" }),
    }
}

fn importer(value: Node<'_>) -> Filled<Importer> {
    let mut importer = Importer::default();
    each(value, |key, value| {
        match key {
            "dependencies" => importer.dependencies = map(value, dependency)?,
            "devDependencies" => importer.dev_dependencies = map(value, dependency)?,
            "optionalDependencies" => importer.optional_dependencies = map(value, dependency)?,
            "dependenciesMeta" => importer.dependencies_meta = map(value, dependency_meta)?,
            "publishDirectory" => importer.publish_directory = Some(string(value)?),
            _ => keep(&mut importer.other, key, &value, 3),
        }
        Ok(())
    })?;
    Ok(importer)
}

fn dependency(value: Node<'_>) -> Filled<ImporterDependency> {
    let (mut specifier, mut version) = (None, None);
    each(value, |key, value| {
        match key {
            "specifier" => specifier = Some(string(value)?),
            "version" => version = Some(string(value)?),
            _ => {}
        }
        Ok(())
    })?;
    match (specifier, version) {
        (Some(specifier), Some(version)) => Ok(ImporterDependency { specifier, version }),
        _ => Err(Wrong { keys: Vec::new(), expected: "specifier and version", found: "a part of them" }),
    }
}

fn dependency_meta(value: Node<'_>) -> Filled<DependencyMeta> {
    let mut meta = DependencyMeta::default();
    each(value, |key, value| {
        if key == "injected" {
            meta.injected = Some(boolean(&value)?);
        }
        Ok(())
    })?;
    Ok(meta)
}

fn package(value: Node<'_>) -> Filled<Package> {
    let mut package = Package::default();
    let mut resolved = false;
    each(value, |key, value| {
        match key {
            "resolution" => {
                resolved = true;
                package.resolution = resolution(&value)?;
            }
            "version" => package.version = Some(string(value)?),
            "engines" => package.engines = strings(value)?,
            "cpu" => package.cpu = list(value)?,
            "os" => package.os = list(value)?,
            "libc" => package.libc = list(value)?,
            "deprecated" => package.deprecated = Some(lenient(value)?),
            "hasBin" => package.has_bin = boolean(&value)?,
            "bundledDependencies" => package.bundled_dependencies = Some(bundled(value)?),
            "peerDependencies" => package.peer_dependencies = map(value, string)?,
            "peerDependenciesMeta" => package.optional_peers = optional_peers(value)?,
            _ => keep(&mut package.other, key, &value, 3),
        }
        Ok(())
    })?;
    if !resolved {
        return Err(Wrong { keys: Vec::new(), expected: "a resolution", found: "none" });
    }
    Ok(package)
}

fn bundled(value: Node<'_>) -> Filled<Bundled> {
    match value {
        Node::Plain(_) => Ok(Bundled::All(boolean(&value)?)),
        other => Ok(Bundled::Names(list(other)?)),
    }
}

/// By name: the file lists names that are also fields of an entry first (`id`), which is of the writing, not the
/// meaning.
fn optional_peers(value: Node<'_>) -> Filled<Vec<String>> {
    let mut names = Vec::new();
    each(value, |key, value| {
        let Node::Map(fields) = &value else { return Err(Wrong::new("a map", &value)) };
        if fields
            .iter()
            .any(|(field, value)| field == "optional" && matches!(value, Node::Plain(word) if word == "true"))
        {
            names.push(key.to_owned());
        }
        Ok(())
    })?;
    names.sort_unstable();
    Ok(names)
}

fn resolution(value: &Node<'_>) -> Filled<Resolution> {
    let Node::Map(entries) = value else { return Err(Wrong::new("a map", value)) };
    let text = |name: &str| {
        entries.iter().find(|(key, _)| key == name).and_then(|(_, value)| match value {
            Node::Text(text) => Some(text.as_ref().to_owned()),
            _ => None,
        })
    };
    let only = |known: &[&str]| entries.iter().all(|(key, _)| known.contains(&key.as_ref()));
    let kind = text("type");
    let known = match kind.as_deref() {
        None if only(&["integrity", "tarball", "gitHosted", "path"]) => Some(Resolution::Tarball {
            integrity: text("integrity"),
            tarball: text("tarball"),
            git_hosted: entries.iter().any(|(key, value)| key == "gitHosted" && *value == Node::bool(true)),
            path: text("path"),
        }),
        Some("directory") if only(&["directory", "type"]) => text("directory").map(Resolution::Directory),
        Some("git") if only(&["commit", "repo", "type", "path"]) => match (text("commit"), text("repo")) {
            (Some(commit), Some(repo)) => Some(Resolution::Git { commit, repo, path: text("path") }),
            _ => None,
        },
        Some(kind) if only(&["integrity", "type", "value"]) => kind.strip_prefix(CUSTOM).and_then(|plugin| {
            // What no plugin could have said stays as it stands, and nobody takes it.
            let value = text("value").filter(|value| is_plugin(plugin) && value.len() <= LONGEST_VALUE)?;
            Some(Resolution::Custom { plugin: plugin.to_owned(), value, integrity: text("integrity") })
        }),
        _ => None,
    };
    Ok(known.unwrap_or_else(|| Resolution::Other {
        kind: kind.unwrap_or_default(),
        text: emit::after_key("resolution", value, 3),
    }))
}

fn snapshot(value: Node<'_>) -> Filled<Snapshot> {
    let mut snapshot = Snapshot::default();
    each(value, |key, value| {
        match key {
            "dependencies" => snapshot.dependencies = map(value, string)?,
            "optionalDependencies" => snapshot.optional_dependencies = map(value, string)?,
            "transitivePeerDependencies" => snapshot.transitive_peer_dependencies = list(value)?,
            "optional" => snapshot.optional = boolean(&value)?,
            _ => keep(&mut snapshot.other, key, &value, 3),
        }
        Ok(())
    })?;
    Ok(snapshot)
}

fn keep(other: &mut OtherFields, key: &str, value: &Node<'_>, level: usize) {
    other.push((key.to_owned(), emit::after_key(key, value, level)));
}

fn each<'a>(value: Node<'a>, mut take: impl FnMut(&str, Node<'a>) -> Filled<()>) -> Filled<()> {
    let Node::Map(entries) = value else { return Err(Wrong::new("a map", &value)) };
    for (key, value) in entries {
        take(&key, value).map_err(|wrong| wrong.under(&key))?;
    }
    Ok(())
}

fn map<'a, T>(value: Node<'a>, take: impl Fn(Node<'a>) -> Filled<T>) -> Filled<BTreeMap<String, T>> {
    let Node::Map(entries) = value else { return Err(Wrong::new("a map", &value)) };
    entries
        .into_iter()
        .map(|(key, value)| match take(value) {
            Ok(taken) => Ok((key.into_owned(), taken)),
            Err(wrong) => Err(wrong.under(&key)),
        })
        .collect()
}

fn strings(value: Node<'_>) -> Filled<IndexMap<String, String>> {
    let mut all = IndexMap::new();
    each(value, |key, value| {
        all.insert(key.to_owned(), string(value)?);
        Ok(())
    })?;
    Ok(all)
}

/// A list of strings; one string stands for itself.
fn list(value: Node<'_>) -> Filled<Vec<String>> {
    match value {
        Node::List(items) => items.into_iter().map(string).collect(),
        Node::Text(text) => Ok(vec![text.into_owned()]),
        other => Err(Wrong::new("a list of strings", &other)),
    }
}

fn string(value: Node<'_>) -> Filled<String> {
    match value {
        Node::Text(text) => Ok(text.into_owned()),
        other => Err(Wrong::new("a string", &other)),
    }
}

/// A text for people: registries have `true` here too.
fn lenient(value: Node<'_>) -> Filled<String> {
    match value {
        Node::Plain(word) => Ok(Cow::into_owned(word)),
        other => string(other),
    }
}

fn boolean(value: &Node<'_>) -> Filled<bool> {
    match value {
        Node::Plain(word) if word == "true" => Ok(true),
        Node::Plain(word) if word == "false" => Ok(false),
        other => Err(Wrong::new("true or false", other)),
    }
}

fn number(value: &Node<'_>) -> Filled<u32> {
    match value {
        Node::Plain(word) => word.parse().map_err(|_| Wrong::new("a number", value)),
        other => Err(Wrong::new("a number", other)),
    }
}
