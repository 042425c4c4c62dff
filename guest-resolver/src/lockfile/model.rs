//! What a `pnpm-lock.yaml` says, field by field (format: <https://pnpm.io/git#lockfiles>, version 9.0). Maps are sorted
//! by key, as the file is, except `overrides`, which keep the user's order. No logic beyond look-ups.

use std::collections::BTreeMap;

use indexmap::IndexMap;

/// A lockfile.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lockfile {
    /// `settings`.
    pub settings: LockfileSettings,
    /// `catalogs`: name to alias to entry; only entries in use.
    pub catalogs: BTreeMap<String, BTreeMap<String, CatalogEntry>>,
    /// `overrides`: selector to specifier, catalogs resolved.
    pub overrides: IndexMap<String, String>,
    /// `packageExtensionsChecksum`: `sha256-<base64>`.
    pub package_extensions_checksum: Option<String>,
    /// `pnpmfileChecksum`: `sha256-<base64>`.
    pub pnpmfile_checksum: Option<String>,
    /// `patchedDependencies`: selector to the patch's sha256, hexadecimal.
    pub patched_dependencies: BTreeMap<String, String>,
    /// `importers`.
    pub importers: BTreeMap<String, Importer>,
    /// `packages`: by `name@version` without peers.
    pub packages: BTreeMap<String, Package>,
    /// `ignoredOptionalDependencies`.
    pub ignored_optional_dependencies: Vec<String>,
    /// `snapshots`: by dep-path.
    pub snapshots: BTreeMap<String, Snapshot>,
    /// `time`: publish times of direct dependencies under `time-based`.
    pub time: BTreeMap<String, String>,
    /// A first YAML document (pnpm's environment lockfile), kept byte for byte: `---\n…\n---\n`.
    pub environment_document: Option<String>,
    /// Fields that this version does not know.
    pub other: OtherFields,
}

/// Fields that this version does not know, kept as YAML text in their order: name, and what follows `name:` to the end
/// of its block.
pub type OtherFields = Vec<(String, String)>;

/// `settings`: what the file was made under.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LockfileSettings {
    /// `autoInstallPeers`.
    pub auto_install_peers: Option<bool>,
    /// `dedupePeers`; written only if true.
    pub dedupe_peers: Option<bool>,
    /// `excludeLinksFromLockfile`.
    pub exclude_links_from_lockfile: Option<bool>,
    /// `injectWorkspacePackages`; written only if true.
    pub inject_workspace_packages: Option<bool>,
    /// `peersSuffixMaxLength`; not written at its default, 1000.
    pub peers_suffix_max_length: Option<u32>,
    /// Fields that this version does not know.
    pub other: OtherFields,
}

/// An entry of `catalogs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogEntry {
    /// What the workspace file asks for.
    pub specifier: String,
    /// What was picked.
    pub version: String,
}

/// An entry of `importers`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Importer {
    /// `dependencies`.
    pub dependencies: BTreeMap<String, ImporterDependency>,
    /// `devDependencies`.
    pub dev_dependencies: BTreeMap<String, ImporterDependency>,
    /// `optionalDependencies`.
    pub optional_dependencies: BTreeMap<String, ImporterDependency>,
    /// `dependenciesMeta`: alias to `injected`.
    pub dependencies_meta: BTreeMap<String, DependencyMeta>,
    /// `publishDirectory`.
    pub publish_directory: Option<String>,
    /// Fields that this version does not know.
    pub other: OtherFields,
}

impl Importer {
    /// It has no dependencies.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.dependencies.is_empty() && self.dev_dependencies.is_empty() && self.optional_dependencies.is_empty()
    }
}

/// An entry of `dependenciesMeta`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DependencyMeta {
    /// The project is copied, not linked.
    pub injected: Option<bool>,
}

/// A direct dependency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImporterDependency {
    /// What the manifest asks for.
    pub specifier: String,
    /// What was picked: `1.2.3(peer@x)`, `other@1.2.3`, `link:../b`, `file:…`, an address.
    pub version: String,
}

/// An entry of `packages`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Package {
    /// `resolution`.
    pub resolution: Resolution,
    /// `version`: where the key has none.
    pub version: Option<String>,
    /// `engines`: in the manifest's order.
    pub engines: IndexMap<String, String>,
    /// `cpu`.
    pub cpu: Vec<String>,
    /// `os`.
    pub os: Vec<String>,
    /// `libc`.
    pub libc: Vec<String>,
    /// `deprecated`.
    pub deprecated: Option<String>,
    /// `hasBin`.
    pub has_bin: bool,
    /// `bundledDependencies`.
    pub bundled_dependencies: Option<Bundled>,
    /// `peerDependencies`.
    pub peer_dependencies: BTreeMap<String, String>,
    /// `peerDependenciesMeta`: names whose `optional` is true.
    pub optional_peers: Vec<String>,
    /// Fields that this version does not know.
    pub other: OtherFields,
}

/// `bundledDependencies`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bundled {
    /// `true`.
    All(bool),
    /// By name.
    Names(Vec<String>),
}

/// `resolution`: where the bytes come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Resolution {
    /// `{integrity, tarball?}`, `{gitHosted, integrity, tarball, path?}`.
    Tarball {
        /// What the tarball hashes to.
        integrity: Option<String>,
        /// Its address, where it is not the canonical one.
        tarball: Option<String>,
        /// An archive that a git host makes.
        git_hosted: bool,
        /// A folder inside it.
        path: Option<String>,
    },
    /// `{directory, type: directory}`.
    Directory(String),
    /// `{commit, repo, type: git, path?}`.
    Git {
        /// The commit.
        commit: String,
        /// The repository.
        repo: String,
        /// A folder inside it.
        path: Option<String>,
    },
    /// `{integrity?, type: custom:<plugin>, value}`.
    Custom {
        /// The plugin that answered.
        plugin: String,
        /// What it answered, for itself.
        value: String,
        /// What the bytes hash to.
        integrity: Option<String>,
    },
    /// Any other `type`, kept as YAML text.
    Other {
        /// Its type.
        kind: String,
        /// The whole value, as it stands in the file.
        text: String,
    },
}

/// What the `type` begins with of what a plugin, or a custom resolver of pnpm, has answered.
pub const CUSTOM: &str = "custom:";

/// The longest value that a plugin may have given.
pub const LONGEST_VALUE: usize = 16 << 10;

/// Whether it can be the name of a plugin, as it stands in the lockfile.
#[must_use]
pub fn is_plugin(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 200
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

impl Resolution {
    /// A plugin, or a custom resolver of pnpm, has answered it.
    #[must_use]
    pub fn is_custom(&self) -> bool {
        match self {
            Self::Custom { .. } => true,
            Self::Other { kind, .. } => kind.starts_with(CUSTOM),
            Self::Tarball { .. } | Self::Directory(_) | Self::Git { .. } => false,
        }
    }
}

impl Default for Resolution {
    fn default() -> Self {
        Self::Tarball { integrity: None, tarball: None, git_hosted: false, path: None }
    }
}

/// An entry of `snapshots`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// `dependencies`: alias to `1.0.0(peers)`, `name@1.0.0`, `link:…`.
    pub dependencies: BTreeMap<String, String>,
    /// `optionalDependencies`.
    pub optional_dependencies: BTreeMap<String, String>,
    /// `transitivePeerDependencies`: sorted.
    pub transitive_peer_dependencies: Vec<String>,
    /// `optional`: reached over optional edges only.
    pub optional: bool,
    /// Fields that this version does not know.
    pub other: OtherFields,
}

/// The dep-path behind an alias and its value in `dependencies`: `None` for a link.
/// `1.0.0(a@1)` is a version of the alias itself, anything with a name in front stands for itself.
#[must_use]
pub fn dep_path_of(alias: &str, value: &str) -> Option<String> {
    let mut path = String::new();
    write_dep_path(&mut path, alias, value).then_some(path)
}

/// Appends the dep-path behind an alias and its value; `false` for a link, which appends nothing.
pub fn write_dep_path(out: &mut String, alias: &str, value: &str) -> bool {
    if value.starts_with("link:") {
        return false;
    }
    if !is_named(value) {
        out.reserve(alias.len() + value.len() + 1);
        out.push_str(alias);
        out.push('@');
    }
    out.push_str(value);
    true
}

/// Whether a value of `dependencies` has a name of its own in front of its version.
#[must_use]
pub fn is_named(value: &str) -> bool {
    let head = value.split('(').next().unwrap_or(value);
    match head.strip_prefix('@') {
        Some(scoped) => scoped.contains('@'),
        None => head.split_once('@').is_some_and(|(name, _)| !name.is_empty() && !name.contains([':', '/'])),
    }
}

/// The key in `packages` of a key in `snapshots`: without patch and peers.
#[must_use]
pub fn package_key(dep_path: &str) -> &str {
    let bytes = dep_path.as_bytes();
    let mut end = bytes.len();
    while end > 0 && bytes[end - 1] == b')' {
        let mut open = 0usize;
        let start = bytes[..end].iter().rposition(|byte| {
            match byte {
                b')' => open += 1,
                b'(' => open -= 1,
                _ => {}
            }
            open == 0
        });
        match start {
            Some(start) if start > 0 => end = start,
            _ => break,
        }
    }
    &dep_path[..end]
}

/// Name and version (or address) of a key in `packages`.
#[must_use]
pub fn split_key(key: &str) -> Option<(&str, &str)> {
    let at = key.get(1..)?.find('@')? + 1;
    Some((&key[..at], &key[at + 1..]))
}
