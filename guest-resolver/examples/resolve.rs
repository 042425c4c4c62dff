//! Development only: resolves a project natively against a registry, with `curl` for the network, and prints the
//! lockfile. `resolve PROJECT REGISTRY CACHE`, where `PROJECT` holds `manifest\tid` files as `package.json`, and
//! `settings.json` beside them if there are settings.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "it stands in for the host: it reads, asks and prints"
)]
#![expect(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, reason = "a tool for developers")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use guest_resolver::session::Session;
use serde_json::{Map, Value, json};
use wit::guest::exports::wasi_pm::resolver::resolution::{
    Answer, Importer, Intent, Metadata, Project, Reply, Request, Unavailable, UnavailableReason,
};
use wit::guest::wasi_pm::resolver::types::Platform;

struct Registry {
    base: String,
    cache: PathBuf,
    known: BTreeMap<(String, bool), Map<String, Value>>,
}

impl Registry {
    fn file(&self, name: &str, full: bool) -> PathBuf {
        self.cache.join(format!("{}{}.json", if full { "full+" } else { "" }, name.replace('/', "+")))
    }

    fn fetch(&self, wanted: &[(String, bool)]) {
        let missing: Vec<_> = wanted.iter().filter(|(name, full)| !self.file(name, *full).exists()).collect();
        for (full, accept) in [(false, "application/vnd.npm.install-v1+json"), (true, "application/json")] {
            let mut config = String::new();
            for (name, _) in missing.iter().filter(|(_, asked)| *asked == full) {
                config += &format!(
                    "url = \"{}{}\"\noutput = \"{}\"\n",
                    self.base,
                    name.replace('/', "%2f"),
                    self.file(name, full).display()
                );
            }
            if config.is_empty() {
                continue;
            }
            let path = self.cache.join("curl.config");
            std::fs::write(&path, config).unwrap();
            let header = format!("Accept: {accept}");
            let mut curl = Command::new("curl");
            curl.args(["-s", "--compressed", "--parallel", "--parallel-max", "16", "-H", &header, "-K"]).arg(path);
            assert!(curl.status().unwrap().success());
        }
    }

    fn packument(&mut self, name: &str, full: bool) -> &Map<String, Value> {
        let file = self.file(name, full);
        self.known
            .entry((name.to_owned(), full))
            .or_insert_with(|| serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap())
    }

    fn answer(&mut self, request: &Request) -> Answer {
        let absent = || {
            Answer::Unavailable(Unavailable {
                reason: UnavailableReason::NotFound,
                url: None,
                status: Some(404),
                detail: None,
            })
        };
        match request {
            Request::Metadata(asked) => {
                let doc = self.packument(&asked.name, asked.full);
                let Some(versions) = doc.get("versions").and_then(Value::as_object) else { return absent() };
                let tags: Vec<(String, String)> = doc["dist-tags"]
                    .as_object()
                    .unwrap()
                    .iter()
                    .map(|(tag, version)| (tag.clone(), version.as_str().unwrap().to_owned()))
                    .collect();
                let latest = tags.iter().find(|(tag, _)| tag == "latest").map(|(_, version)| version.clone());
                let carried: Vec<String> = latest.into_iter().chain(asked.wanted.clone()).collect();
                let deprecated = versions.values().enumerate().filter(|(_, manifest)| {
                    manifest.get("deprecated").is_some_and(|text| text.as_str().is_some_and(|text| !text.is_empty()))
                });
                Answer::Metadata(Metadata {
                    versions: versions.keys().cloned().collect::<Vec<_>>().join("\n"),
                    dist_tags: tags,
                    times: None,
                    modified: doc.get("modified").and_then(Value::as_str).map(str::to_owned),
                    full: asked.full,
                    deprecated: deprecated.map(|(at, _)| u32::try_from(at).unwrap()).collect(),
                    trust: None,
                    manifests: carried
                        .into_iter()
                        .filter_map(|version| {
                            Some((version.clone(), serde_json::to_vec(versions.get(&version)?).unwrap()))
                        })
                        .collect(),
                })
            }
            Request::Manifest(asked) => {
                let full = !self.known.contains_key(&(asked.name.clone(), false));
                let doc = self.packument(&asked.name, full);
                Answer::Manifest(serde_json::to_vec(&doc["versions"][&asked.version]).unwrap())
            }
            _ => absent(),
        }
    }
}

fn importers(root: &Path) -> Vec<Importer> {
    let mut found = Vec::new();
    let mut open = vec![(root.to_owned(), ".".to_owned())];
    while let Some((folder, id)) = open.pop() {
        if let Ok(manifest) = std::fs::read_to_string(folder.join("package.json")) {
            found.push(Importer { id: id.clone(), manifest });
        }
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            if entry.file_type().unwrap().is_dir() && name != "node_modules" {
                open.push((entry.path(), if id == "." { name } else { format!("{id}/{name}") }));
            }
        }
    }
    found
}

fn main() {
    let mut args = std::env::args().skip(1);
    let (project, base, cache) =
        (PathBuf::from(args.next().unwrap()), args.next().unwrap(), PathBuf::from(args.next().unwrap()));
    std::fs::create_dir_all(&cache).unwrap();
    let extra =
        args.next().map_or_else(|| json!({}), |path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap());
    let mut settings = json!({"registries": {"default": base}, "selection": {"lockfileOnly": true}});
    for (key, value) in extra.as_object().unwrap() {
        settings[key] = value.clone();
    }
    let given = Project {
        importers: importers(&project),
        lockfile: std::env::var("LOCKFILE").ok().map(|path| std::fs::read_to_string(path).unwrap()),
        settings: settings.to_string(),
        platform: Platform {
            os: "linux".to_owned(),
            cpu: "x64".to_owned(),
            libc: Some("glibc".to_owned()),
            node: Some("22.0.0".to_owned()),
        },
        intent: Intent::Install,
    };
    let mut registry = Registry { base, cache, known: BTreeMap::new() };
    let (mut busy, mut waves, mut asked) = (Duration::ZERO, 0, 0);
    let mut session = Session::open(given).unwrap();
    let mut replies = Vec::new();
    loop {
        let start = Instant::now();
        let progress = session.advance(replies);
        busy += start.elapsed();
        waves += 1;
        let progress = match progress {
            Ok(progress) => progress,
            Err(failures) => {
                eprintln!("{failures:#?}");
                std::process::exit(1);
            }
        };
        for skipped in progress.layout.iter().flat_map(|layout| &layout.skipped) {
            eprintln!("skipped {}: {}", skipped.dep_path, skipped.detail);
        }
        if let Some(outcome) = progress.outcome {
            eprintln!("{waves} waves, {asked} requests, {busy:?} in the guest, {} notices", outcome.notices.len());
            print!("{}", outcome.lockfile.unwrap_or_else(|| "same\n".to_owned()));
            return;
        }
        assert!(!progress.requests.is_empty(), "nothing is asked for and nothing is open");
        asked += progress.requests.len();
        let wanted: Vec<(String, bool)> = progress
            .requests
            .iter()
            .filter_map(|asked| match &asked.request {
                Request::Metadata(asked) => Some((asked.name.clone(), asked.full)),
                _ => None,
            })
            .collect();
        registry.fetch(&wanted);
        replies = progress
            .requests
            .iter()
            .map(|asked| Reply { id: asked.id, answer: registry.answer(&asked.request) })
            .collect();
    }
}
