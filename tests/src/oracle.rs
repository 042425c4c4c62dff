//! Answers a session's questions from a [`World`] in memory: the same facts that the registry of the tests serves, for
//! the native session and for the component alike.

use std::path::PathBuf;

use host::{
    facts::{Answer, Download, Metadata, Oracle, Reason, Reply, Request, Unavailable},
    graph::Source,
};
use serde_json::Value;

use crate::{
    plugin::{self, Plugin},
    world::World,
};

/// Who knows the answers that a session can ask for.
pub trait Answers {
    /// What is known.
    fn answer(&self, request: &Request) -> Answer;
}

/// The answer to what is not there.
#[must_use]
pub fn not_found() -> Answer {
    Answer::Unavailable(Unavailable { reason: Reason::NotFound, url: None, status: Some(404), detail: None })
}

/// Who knows all of a world.
pub struct Facts<'a> {
    world: &'a World,
    /// The registry's address, ending in `/`.
    base: &'a str,
    /// The project's folder, for what stands beside it.
    root: Option<PathBuf>,
    plugin: Option<&'a Plugin>,
}

impl<'a> Facts<'a> {
    /// Of a world whose registry is said to be at `base`.
    #[must_use]
    pub fn new(world: &'a World, base: &'a str) -> Self {
        Self { world, base, root: None, plugin: None }
    }

    /// With the folders of a project on disk.
    #[must_use]
    pub fn beside(self, root: PathBuf) -> Self {
        Self { root: Some(root), ..self }
    }

    /// With a plugin.
    #[must_use]
    pub fn with(self, plugin: &'a Plugin) -> Self {
        Self { plugin: Some(plugin), ..self }
    }

    fn folder(&self, path: &str) -> Option<Answer> {
        let folder = self.root.as_ref()?.join(path);
        let manifest = std::fs::read(folder.join("package.json")).unwrap_or_else(|_| {
            let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
            serde_json::json!({ "name": name, "version": "0.0.0" }).to_string().into_bytes()
        });
        Some(Answer::Resolved { source: Source::Directory(path.to_owned()), manifest })
    }

    fn metadata(&self, name: &str, full: bool) -> Option<Metadata> {
        let document = self.world.get(name)?.packument(name, self.base, full);
        let manifests = document["versions"].as_object()?;
        let versions: Vec<&str> = manifests.keys().map(String::as_str).collect();
        let deprecated = (0..).zip(manifests.values()).filter(|(_, manifest)| manifest.get("deprecated").is_some());
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let time = document.get("time");
        let times = time.map(|time| {
            let lines: Vec<&str> = versions.iter().map(|version| time[version].as_str().unwrap_or_default()).collect();
            lines.join("\n")
        });
        let latest = text(&document["dist-tags"]["latest"])?;
        let manifest = manifests.get(&latest).map(|manifest| (latest, manifest.to_string().into()));
        let tags = document["dist-tags"].as_object()?;
        Some(Metadata {
            versions: versions.join("\n"),
            dist_tags: tags.iter().filter_map(|(tag, version)| Some((tag.clone(), text(version)?))).collect(),
            times,
            modified: document.get("modified").or(time.and_then(|time| time.get("modified"))).and_then(text),
            full,
            deprecated: deprecated.map(|(line, _)| line).collect(),
            trust: full.then(|| manifests.values().map(trust).collect()),
            manifests: manifest.into_iter().collect(),
        })
    }

    fn manifest(&self, name: &str, version: &str) -> Option<Value> {
        self.world.get(name)?.packument(name, self.base, true)["versions"].get(version).cloned()
    }
}

impl Answers for Facts<'_> {
    fn answer(&self, request: &Request) -> Answer {
        let found = match request {
            Request::Metadata(asked) => self.metadata(asked.name.as_str(), asked.full).map(Answer::Metadata),
            Request::Manifest { name, version, .. } => {
                self.manifest(name.as_str(), version).map(|manifest| Answer::Manifest(manifest.to_string().into()))
            }
            Request::Local { path, .. } => self.folder(path),
            Request::Custom { specifier, .. } => return plugin::answer(self.plugin, specifier),
            Request::Git(_) | Request::Tarball(_) => None,
        };
        found.unwrap_or_else(not_found)
    }
}

impl Oracle for Facts<'_> {
    fn ask(&self, request: Request, reply: Reply) {
        reply.give(self.answer(&request));
    }

    fn download(&self, _downloads: Vec<Download>) {}
}

/// As the registry client ranks it: 0 none, 1 provenance, 2 trusted publisher, 3 staged publish.
fn trust(manifest: &Value) -> u8 {
    let has = |path: &str| manifest.pointer(path).is_some_and(|value| !value.is_null());
    let provenance = has("/dist/attestations/provenance");
    match (has("/_npmUser/approver"), provenance, has("/_npmUser/trustedPublisher")) {
        (true, ..) => 3,
        (_, true, true) => 2,
        (_, true, _) => 1,
        _ => 0,
    }
}
