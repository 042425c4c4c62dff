//! The packages of a generated registry, as data: what a scenario writes down, and what packuments and tarballs are
//! made from.

use std::io::Write as _;

use base64::Engine as _;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::Digest as _;

/// All packages, by name.
pub type World = IndexMap<String, Package>;

/// One package of the registry.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Package {
    /// Tags besides `latest`, or instead of the highest version.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub tags: IndexMap<String, String>,
    /// Publish time by version; the others are old.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub times: IndexMap<String, String>,
    /// Manifest fields by version: `dependencies`, `bin`, `os`, …; `files` holds the text of more files. `dist` is
    /// added to the registry's (`attestations`), `_npmUser` stands in full packuments only (`trustedPublisher`).
    pub versions: IndexMap<String, Map<String, Value>>,
}

/// Publish time of whatever has none of its own.
pub const OLD: &str = "2020-01-01T00:00:00.000Z";

impl Package {
    /// The `package.json` in the tarball of a version.
    #[must_use]
    pub fn manifest(&self, name: &str, version: &str) -> Map<String, Value> {
        let mut manifest = Map::new();
        manifest.insert("name".into(), name.into());
        manifest.insert("version".into(), version.into());
        for (key, value) in &self.versions[version] {
            if !matches!(key.as_str(), "files" | "deprecated" | "dist" | "_npmUser") {
                manifest.insert(key.clone(), value.clone());
            }
        }
        manifest
    }

    /// When a version was published.
    #[must_use]
    pub fn time(&self, version: &str) -> &str {
        self.times.get(version).map_or(OLD, String::as_str)
    }

    /// The packed tarball of a version. Equal input gives equal bytes.
    #[must_use]
    pub fn tarball(&self, name: &str, version: &str) -> Vec<u8> {
        let mut files = vec![("package.json".to_owned(), Value::Object(self.manifest(name, version)).to_string())];
        if let Some(Value::Object(more)) = self.versions[version].get("files") {
            files.extend(more.iter().map(|(path, text)| (path.clone(), text.as_str().unwrap_or_default().to_owned())));
        } else {
            files.push(("index.js".to_owned(), format!("module.exports = {:?};\n", format!("{name}@{version}"))));
        }
        pack(&files)
    }

    /// The packument, as a registry at `base` (ending in `/`) serves it.
    #[must_use]
    pub fn packument(&self, name: &str, base: &str, full: bool) -> Value {
        let mut versions = Map::new();
        let mut time = Map::new();
        for (version, fields) in &self.versions {
            let mut manifest = self.manifest(name, version);
            let scripts = manifest.get("scripts").and_then(Value::as_object).cloned().unwrap_or_default();
            if ["preinstall", "install", "postinstall"].iter().any(|key| scripts.contains_key(*key)) {
                manifest.insert("hasInstallScript".into(), true.into());
            }
            if !full {
                manifest.remove("scripts");
            }
            if let Some(deprecated) = fields.get("deprecated") {
                manifest.insert("deprecated".into(), deprecated.clone());
            }
            if let Some(user) = fields.get("_npmUser").filter(|_| full) {
                manifest.insert("_npmUser".into(), user.clone());
            }
            let mut dist = Map::new();
            dist.insert("integrity".into(), integrity(&self.tarball(name, version)).into());
            dist.insert("tarball".into(), format!("{base}{}", tarball_path(name, version)).into());
            if let Some(Value::Object(more)) = fields.get("dist") {
                dist.extend(more.clone());
            }
            manifest.insert("dist".into(), Value::Object(dist));
            versions.insert(version.clone(), Value::Object(manifest));
            time.insert(version.clone(), self.time(version).into());
        }
        let mut tags = json!({ "latest": self.latest() });
        for (tag, version) in &self.tags {
            tags[tag] = version.as_str().into();
        }
        let modified = self.times.values().map(String::as_str).max().unwrap_or(OLD).max(OLD).to_owned();
        let mut doc = json!({ "name": name, "dist-tags": tags, "versions": versions });
        if full {
            doc["time"] = Value::Object(time);
            doc["time"]["modified"] = modified.into();
        } else {
            doc["modified"] = modified.into();
        }
        doc
    }

    /// The last version listed that is no prerelease; the last of all if there is none.
    fn latest(&self) -> &str {
        let stable = self.versions.keys().rev().find(|version| !version.contains('-'));
        stable.or(self.versions.keys().next_back()).map_or("", String::as_str)
    }
}

/// Where a registry keeps a tarball, below its base.
#[must_use]
pub fn tarball_path(name: &str, version: &str) -> String {
    let unscoped = name.rsplit('/').next().unwrap_or(name);
    format!("{name}/-/{unscoped}-{version}.tgz")
}

/// The Subresource Integrity of some bytes.
#[must_use]
pub fn integrity(bytes: &[u8]) -> String {
    let digest = sha2::Sha512::digest(bytes);
    format!("sha512-{}", base64::engine::general_purpose::STANDARD.encode(digest))
}

/// Packs files below `package/`; a file whose text starts with `#!` is executable.
#[must_use]
pub fn pack(files: &[(String, String)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, text) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(if text.starts_with("#!") { 0o755 } else { 0o644 });
        header.set_mtime(0);
        tar.append_data(&mut header, format!("package/{path}"), text.as_bytes()).expect("writing to memory");
    }
    gzip(&tar.into_inner().expect("writing to memory"))
}

/// Compresses, with no time stamp.
#[must_use]
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(bytes).expect("writing to memory");
    gz.finish().expect("writing to memory")
}
