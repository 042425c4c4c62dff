//! A `package.json`, read leniently: strangers write `"dependencies": []`, a number for a version, `bin: 42`. What has
//! the wrong shape counts as absent; only text that is no JSON object at all is an error. Fields that resolution does
//! not need are skipped without being kept.

mod lenient;

use std::hash::BuildHasherDefault;

use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::intern::TextHasher;
use lenient::{BinField, BundledField, Directories, FlagMap, Skipped, Strings, Text, TextMap};

/// Alias to specifier, in the manifest's order.
pub type Dependencies = IndexMap<String, String, BuildHasherDefault<TextHasher>>;

/// What resolution needs of a manifest.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Manifest {
    /// `name`.
    pub name: Option<String>,
    /// `version`.
    pub version: Option<String>,
    /// `dependencies`.
    pub dependencies: Dependencies,
    /// `devDependencies`.
    pub dev_dependencies: Dependencies,
    /// `optionalDependencies`.
    pub optional_dependencies: Dependencies,
    /// `peerDependencies`.
    pub peer_dependencies: Dependencies,
    /// `peerDependenciesMeta`: names whose `optional` is true.
    pub optional_peers: Vec<String>,
    /// `peerDependenciesMeta` is there and not empty, whatever it says.
    pub has_peers_meta: bool,
    /// `bundledDependencies`, else `bundleDependencies`.
    pub bundled: Option<Bundled>,
    /// `engines`, without entries that are no text.
    pub engines: Dependencies,
    /// `cpu`.
    pub cpu: Vec<String>,
    /// `os`.
    pub os: Vec<String>,
    /// `libc`.
    pub libc: Vec<String>,
    /// `deprecated`, not empty.
    pub deprecated: Option<String>,
    /// It names executables.
    pub has_bin: bool,
    /// The registry saw install scripts.
    pub has_install_script: Option<bool>,
    /// `dist`.
    pub dist: Dist,
    /// `dependenciesMeta`: names whose `injected` is true.
    pub injected: Vec<String>,
    /// `dependenciesMeta`: all names with their `injected`.
    pub dependencies_meta: Vec<(String, Option<bool>)>,
    /// `publishConfig.directory`.
    pub publish_directory: Option<String>,
    /// `publishConfig.linkDirectory`.
    pub link_directory: Option<bool>,
}

/// `bundledDependencies`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bundled {
    /// `true`, `false`.
    All(bool),
    /// By name.
    Names(Vec<String>),
}

/// What a registry says of a tarball.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dist {
    /// `integrity`.
    pub integrity: Option<String>,
    /// `shasum`, hexadecimal.
    pub shasum: Option<String>,
    /// `tarball`.
    pub tarball: Option<String>,
    /// `unpackedSize`, bytes.
    pub unpacked_size: Option<u64>,
    /// `fileCount`.
    pub file_count: Option<u64>,
}

impl Manifest {
    /// Reads JSON text.
    ///
    /// # Errors
    /// If it is no JSON object.
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        Self::read::<TextMap>(json)
    }

    /// Reads the manifest of a package that is no project: nobody wants its `devDependencies`, which are left out.
    ///
    /// # Errors
    /// If it is no JSON object.
    pub fn parse_published(json: &[u8]) -> Result<Self, serde_json::Error> {
        Self::read::<Skipped>(json)
    }

    fn read<Dev: DeserializeOwned + Default + Into<Dependencies>>(json: &[u8]) -> Result<Self, serde_json::Error> {
        let raw: lenient::Object<Raw<Dev>> = serde_json::from_slice(json).or_else(|error| {
            // Of a field that is there twice the last one counts, which serde's structs do not bear.
            let value: serde_json::Value = serde_json::from_slice(json).or(Err(error))?;
            serde_json::from_value(value)
        })?;
        raw.0.map(Into::into).ok_or_else(|| serde::de::Error::custom("it is no object"))
    }

    /// It leads to no other package: no dependencies, no peers.
    #[must_use]
    pub fn is_leaf(&self) -> bool {
        self.dependencies.is_empty()
            && self.optional_dependencies.is_empty()
            && self.peer_dependencies.is_empty()
            && !self.has_peers_meta
    }

    /// Whether `alias` is inside the tarball and need not be resolved.
    #[must_use]
    pub fn bundles(&self, alias: &str) -> bool {
        match &self.bundled {
            Some(Bundled::All(all)) => *all && self.dependencies.contains_key(alias),
            Some(Bundled::Names(names)) => names.iter().any(|name| name == alias),
            None => false,
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Raw<Dev> {
    name: Text,
    version: Text,
    dependencies: TextMap,
    dev_dependencies: Dev,
    optional_dependencies: TextMap,
    peer_dependencies: TextMap,
    peer_dependencies_meta: FlagMap<OptionalFlag>,
    bundled_dependencies: BundledField,
    bundle_dependencies: BundledField,
    engines: TextMap,
    cpu: Strings,
    os: Strings,
    libc: Strings,
    deprecated: Text,
    bin: BinField,
    directories: Directories,
    has_install_script: lenient::Flag,
    dist: lenient::Object<RawDist>,
    dependencies_meta: FlagMap<InjectedFlag>,
    publish_config: lenient::Object<RawPublish>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawDist {
    integrity: Text,
    shasum: Text,
    tarball: Text,
    unpacked_size: lenient::Count,
    file_count: lenient::Count,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawPublish {
    directory: Text,
    link_directory: lenient::Flag,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct OptionalFlag {
    optional: lenient::Flag,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct InjectedFlag {
    injected: lenient::Flag,
}

impl<Dev: Into<Dependencies>> From<Raw<Dev>> for Manifest {
    fn from(raw: Raw<Dev>) -> Self {
        let dist = raw.dist.0.unwrap_or_default();
        let publish = raw.publish_config.0.unwrap_or_default();
        let metas = raw.dependencies_meta.0;
        Self {
            name: raw.name.0,
            version: raw.version.0,
            dependencies: raw.dependencies.0,
            dev_dependencies: raw.dev_dependencies.into(),
            optional_dependencies: raw.optional_dependencies.0,
            peer_dependencies: raw.peer_dependencies.0,
            has_peers_meta: !raw.peer_dependencies_meta.0.is_empty(),
            optional_peers: raw
                .peer_dependencies_meta
                .0
                .into_iter()
                .filter(|(_, meta)| meta.optional.0 == Some(true))
                .map(|(name, _)| name)
                .collect(),
            bundled: raw.bundled_dependencies.0.or(raw.bundle_dependencies.0),
            engines: raw.engines.0,
            cpu: raw.cpu.0,
            os: raw.os.0,
            libc: raw.libc.0,
            deprecated: raw.deprecated.0.filter(|text| !text.is_empty()),
            has_bin: raw.bin.0 || raw.directories.has_bin,
            has_install_script: raw.has_install_script.0,
            dist: Dist {
                integrity: dist.integrity.0,
                shasum: dist.shasum.0,
                tarball: dist.tarball.0,
                unpacked_size: dist.unpacked_size.0,
                file_count: dist.file_count.0,
            },
            injected: metas
                .iter()
                .filter(|(_, meta)| meta.injected.0 == Some(true))
                .map(|(name, _)| name.clone())
                .collect(),
            dependencies_meta: metas.into_iter().map(|(name, meta)| (name, meta.injected.0)).collect(),
            publish_directory: publish.directory.0,
            link_directory: publish.link_directory.0,
        }
    }
}

#[cfg(test)]
mod tests;
