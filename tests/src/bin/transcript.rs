//! Writes what a resolver needs to be run anywhere, one JSON document: for the first step of each scenario the project,
//! every answer that its registry can give, and what the native session made of them.
//!
//! `transcript OUT`, started with `cargo run -p tests --bin transcript`. Records and variants have the form that jco
//! gives them in JavaScript; bytes are text, because all of them are JSON.

use std::process::ExitCode;

use host::{
    engine::Intent,
    facts::{Answer, MetadataRequest, Request},
    graph::{Group, Source},
};
use serde_json::{Value, json};
use tests::{
    native::{self, Order},
    oracle::{Answers as _, Facts},
    scenario::{self, Scenario},
};
use wit::{ImporterId, PackageName};

fn main() -> ExitCode {
    let Some(out) = std::env::args_os().nth(1) else { return ExitCode::from(2) };
    let scenarios = [scenario::all(), scenario::with_plugin()].concat();
    let transcripts: Vec<Value> = scenarios.iter().map(transcript).collect();
    match std::fs::write(&out, Value::Array(transcripts).to_string()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn transcript(scenario: &Scenario) -> Value {
    let (registry, project) = scenario.start("");
    let (given, _) = scenario.load(&scenario.steps[0], &registry, &project);
    let facts = Facts::new(&scenario.world, &registry.url).with(&scenario.plugin);
    let outcome = match native::resolve(&given, &facts, Order::AsAsked) {
        Ok(made) => json!({ "lockfile": made.lockfile, "snapshots": made.snapshots }),
        Err(codes) => json!({ "codes": codes }),
    };
    let record = native::record(&given);
    json!({
        "name": scenario.name,
        "project": {
            "importers": record.importers.iter().map(|it| json!({ "id": it.id, "manifest": it.manifest })).collect::<Vec<_>>(),
            "lockfile": record.lockfile,
            "settings": record.settings,
            "platform": {
                "os": record.platform.os,
                "cpu": record.platform.cpu,
                "libc": record.platform.libc,
                "node": record.platform.node,
            },
            "intent": intent(&given.intent),
        },
        "answers": answers(scenario, &facts),
        "outcome": outcome,
    })
}

fn intent(intent: &Intent) -> Value {
    let ids = |ids: &[ImporterId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let groups = |groups: &[Group]| groups.iter().copied().map(group).collect::<Vec<_>>();
    match intent {
        Intent::Install => json!({ "tag": "install" }),
        Intent::Update(it) => json!({ "tag": "update", "val": {
            "importers": ids(&it.importers), "selectors": it.selectors, "groups": groups(&it.groups),
            "latest": it.latest, "workspace": it.workspace, "save": it.save, "direct": it.direct,
        } }),
        Intent::Add(it) => json!({ "tag": "add", "val": {
            "importers": ids(&it.importers), "packages": it.packages, "groups": groups(&it.groups),
            "workspace": it.workspace,
        } }),
        Intent::Remove(it) => {
            let mut removal = json!({ "importers": ids(&it.importers), "names": it.names, "strict": it.strict });
            // What is not there is no field.
            if let Some(from) = it.group {
                removal["group"] = group(from).into();
            }
            json!({ "tag": "remove", "val": removal })
        }
        Intent::Dedupe => json!({ "tag": "dedupe" }),
        Intent::Fix => json!({ "tag": "fix" }),
    }
}

fn group(group: Group) -> &'static str {
    match group {
        Group::Prod => "prod",
        Group::Dev => "dev",
        Group::Optional => "optional",
        Group::Peer => "peer",
    }
}

/// Every question that the world can answer, by what it asks.
fn answers(scenario: &Scenario, facts: &Facts<'_>) -> Value {
    let mut answers = serde_json::Map::new();
    for (text, package) in &scenario.world {
        let name = PackageName::parse(text).expect("a scenario names packages as npm does");
        for full in [false, true] {
            let (name, registry) = (name.clone(), None);
            let request = MetadataRequest { name, registry, full, wanted: None, likely: false };
            let answer = facts.answer(&Request::Metadata(request));
            answers.insert(format!("metadata {text} {full}"), answer_to(answer));
        }
        for version in package.versions.keys() {
            let request = Request::Manifest { name: name.clone(), registry: None, version: version.clone() };
            answers.insert(format!("manifest {text} {version}"), answer_to(facts.answer(&request)));
        }
    }
    for specifier in scenario.plugin.keys() {
        let request = Request::Custom { alias: String::new(), specifier: specifier.clone() };
        answers.insert(format!("custom {specifier}"), answer_to(facts.answer(&request)));
    }
    Value::Object(answers)
}

fn answer_to(answer: Answer) -> Value {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    match answer {
        Answer::Metadata(it) => {
            let manifests: Vec<_> = it.manifests.into_iter().map(|(version, bytes)| (version, text(bytes))).collect();
            json!({ "tag": "metadata", "val": {
                "versions": it.versions, "distTags": it.dist_tags, "times": it.times, "modified": it.modified,
                "full": it.full, "deprecated": it.deprecated, "trust": it.trust, "manifests": manifests,
            } })
        }
        Answer::Manifest(bytes) => json!({ "tag": "manifest", "val": text(bytes) }),
        Answer::Resolved { source: Source::Custom { plugin, value, integrity }, manifest } => {
            let source =
                json!({ "tag": "custom", "val": { "plugin": plugin, "value": value, "integrity": integrity } });
            json!({ "tag": "resolved", "val": { "source": source, "manifest": text(manifest) } })
        }
        Answer::Resolved { .. } | Answer::Unavailable(_) => json!({ "tag": "unavailable" }),
    }
}
