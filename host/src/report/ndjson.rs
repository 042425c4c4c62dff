//! pnpm's log events, one JSON object a line on standard error: the envelope first, then the fields in pnpm's order.

use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value, json};

use super::{
    LogLevel, Options, Sinks,
    error::render,
    event::{Event, ImportMethod, Report, RootChange, Stage, Stdio},
    text::redact,
};
use crate::graph::{Group, SkipReason, Skipped};

/// See the module.
pub(super) struct Ndjson {
    options: Options,
    state: Mutex<State>,
}

struct State {
    sinks: Sinks,
    methods: Vec<ImportMethod>,
    prefix: String,
}

impl Report for Ndjson {
    fn event(&self, event: Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Output(text) => state.sinks.out(&text),
            Event::Plan(lines) => state.sinks.out(&(lines.join("\n") + "\n")),
            Event::Failed(diagnostic) => {
                let payload = json!({
                    "code": diagnostic.code, "message": redact(&diagnostic.message), "prefix": state.prefix,
                });
                self.line(&mut state, "pnpm", "error", payload);
                // As pnpm does: people find the whole error below the events.
                let text = render(&diagnostic, self.options.color_stderr);
                state.sinks.err(&text);
            }
            event => self.log(&mut state, event),
        }
    }
}

impl Ndjson {
    /// Writes to these sinks.
    pub(super) fn new(options: Options, sinks: Sinks) -> Self {
        Self { options, state: Mutex::new(State { sinks, methods: Vec::new(), prefix: String::new() }) }
    }

    fn log(&self, state: &mut State, event: Event) {
        match event {
            Event::Imported { requester, to, method } => {
                if !state.methods.contains(&method) {
                    state.methods.push(method);
                    self.line(state, "pnpm:package-import-method", "debug", json!({ "method": method_name(method) }));
                }
                let payload = json!({
                    "status": "imported", "method": method_name(method), "requester": requester, "to": to,
                });
                self.line(state, "pnpm:progress", "debug", payload);
            }
            Event::Message { level, prefix, message } => {
                if level >= self.options.level {
                    let payload = json!({ "message": redact(&message), "prefix": prefix });
                    self.line(state, "pnpm", level_name(level), payload);
                }
            }
            event => {
                if let Event::ManifestInitial { prefix, .. } = &event {
                    state.prefix.clone_from(prefix);
                }
                if let Some((name, payload)) = payload(event) {
                    self.line(state, name, "debug", payload);
                }
            }
        }
    }

    fn line(&self, state: &mut State, name: &str, level: &str, payload: Value) {
        let mut line = Map::new();
        line.insert("time".to_owned(), json!((self.options.clock)()));
        line.insert("hostname".to_owned(), json!(self.options.hostname));
        line.insert("pid".to_owned(), json!(self.options.pid));
        line.insert("name".to_owned(), json!(name));
        line.insert("level".to_owned(), json!(level));
        if let Value::Object(fields) = payload {
            line.extend(fields);
        }
        state.sinks.err(&format!("{}\n", Value::Object(line)));
    }
}

/// Name and fields of an event; `None`: pnpm has no event for it.
fn payload(event: Event) -> Option<(&'static str, Value)> {
    Some(match event {
        Event::Scope { selected, total, workspace } => {
            let mut fields = json!({ "selected": selected });
            option(&mut fields, "total", total);
            option(&mut fields, "workspacePrefix", workspace);
            ("pnpm:scope", fields)
        }
        Event::ManifestInitial { prefix, manifest } => {
            ("pnpm:package-manifest", json!({ "prefix": prefix, "initial": head(&manifest) }))
        }
        Event::ManifestUpdated { prefix, manifest } => {
            ("pnpm:package-manifest", json!({ "prefix": prefix, "updated": head(&manifest) }))
        }
        Event::Context { current_lockfile_exists, store_dir, virtual_store_dir } => (
            "pnpm:context",
            json!({
                "currentLockfileExists": current_lockfile_exists,
                "storeDir": store_dir,
                "virtualStoreDir": virtual_store_dir,
            }),
        ),
        Event::Stage { prefix, stage } => ("pnpm:stage", json!({ "prefix": prefix, "stage": stage_name(stage) })),
        Event::Resolved { package_id, requester } => progress("resolved", &package_id, &requester),
        Event::Fetched { package_id, requester, .. } => progress("fetched", &package_id, &requester),
        Event::FoundInStore { package_id, requester } => progress("found_in_store", &package_id, &requester),
        Event::FetchStarted { package_id, attempt, size } => (
            "pnpm:fetching-progress",
            json!({ "status": "started", "attempt": attempt, "packageId": package_id, "size": size }),
        ),
        Event::FetchProgress { package_id, downloaded } => (
            "pnpm:fetching-progress",
            json!({ "status": "in_progress", "downloaded": downloaded, "packageId": package_id }),
        ),
        Event::Stats { prefix, added, removed } => {
            let mut fields = json!({ "prefix": prefix });
            option(&mut fields, "added", added);
            option(&mut fields, "removed", removed);
            ("pnpm:stats", fields)
        }
        Event::RootAdded(change) => ("pnpm:root", root_added(change)),
        Event::RootRemoved(change) => ("pnpm:root", root_removed(change)),
        Event::SkippedOptional { prefix, skipped } => ("pnpm:skipped-optional-dependency", skip(prefix, skipped)),
        Event::Deprecated { prefix, name, version, message, depth } => (
            "pnpm:deprecation",
            json!({
                "pkgName": name,
                "pkgVersion": version,
                "pkgId": format!("{name}@{version}"),
                "prefix": prefix,
                "deprecated": message,
                "depth": depth,
            }),
        ),
        Event::RequestRetry { attempt, max_retries, error, wait_ms, url } => (
            "pnpm:request-retry",
            json!({
                "attempt": attempt,
                "error": { "message": redact(&error) },
                "maxRetries": max_retries,
                "method": "GET",
                "timeout": wait_ms,
                "url": redact(&url),
            }),
        ),
        Event::IgnoredScripts(packages) => ("pnpm:ignored-scripts", json!({ "packageNames": packages })),
        Event::Summary { prefix } => ("pnpm:summary", json!({ "prefix": prefix })),
        Event::ExecutionTime { started_at, ended_at } => {
            ("pnpm:execution-time", json!({ "startedAt": started_at, "endedAt": ended_at }))
        }
        event => return lifecycle(event),
    })
}

fn lifecycle(event: Event) -> Option<(&'static str, Value)> {
    let fields = match event {
        Event::ScriptStarted { dep_path, stage, script, wd } => json!({
            "depPath": dep_path, "optional": false, "script": script, "stage": stage, "wd": wd,
        }),
        Event::ScriptLine { dep_path, stage, line, stdio, wd } => {
            let stdio = if stdio == Stdio::Stdout { "stdout" } else { "stderr" };
            json!({ "depPath": dep_path, "line": line, "stage": stage, "stdio": stdio, "wd": wd })
        }
        Event::ScriptExited { dep_path, stage, exit_code, wd } => json!({
            "depPath": dep_path, "exitCode": exit_code, "optional": false, "stage": stage, "wd": wd,
        }),
        _ => return None,
    };
    Some(("pnpm:lifecycle", fields))
}

fn progress(status: &str, package_id: &str, requester: &str) -> (&'static str, Value) {
    ("pnpm:progress", json!({ "status": status, "packageId": package_id, "requester": requester }))
}

/// The fields of a manifest that pnpm logs.
fn head(manifest: &str) -> Value {
    let Ok(Value::Object(manifest)) = serde_json::from_str(manifest) else { return json!({}) };
    let fields = ["name", "version", "dependencies", "devDependencies", "optionalDependencies"];
    let head = fields.iter().filter_map(|field| Some(((*field).to_owned(), manifest.get(*field)?.clone())));
    Value::Object(head.collect())
}

fn root_added(change: RootChange) -> Value {
    let mut added = json!({ "name": change.name, "realName": change.real_name });
    option(&mut added, "version", change.version);
    option(&mut added, "dependencyType", change.group.map(group_name));
    option(&mut added, "latest", change.latest);
    option(&mut added, "linkedFrom", change.linked_from);
    json!({ "prefix": change.prefix, "added": added })
}

fn root_removed(change: RootChange) -> Value {
    let mut removed = json!({ "name": change.name });
    option(&mut removed, "version", change.version);
    option(&mut removed, "dependencyType", change.group.map(group_name));
    json!({ "prefix": change.prefix, "removed": removed })
}

fn skip(prefix: String, skipped: Skipped) -> Value {
    let reason = match skipped.reason {
        SkipReason::UnsupportedPlatform => "unsupported_platform",
        SkipReason::UnsupportedEngine => "unsupported_engine",
        SkipReason::ResolutionFailure => "resolution_failure",
    };
    let mut package = json!({ "id": skipped.dep_path, "name": skipped.name });
    option(&mut package, "version", skipped.version);
    let mut fields = json!({ "details": skipped.detail, "package": package });
    if skipped.reason == SkipReason::ResolutionFailure {
        option(&mut fields, "parents", Some(skipped.parents));
    }
    option(&mut fields, "prefix", Some(prefix));
    option(&mut fields, "reason", Some(reason));
    fields
}

/// A field that is left out where there is nothing to say.
fn option(fields: &mut Value, name: &str, value: Option<impl Into<Value>>) {
    if let (Value::Object(fields), Some(value)) = (fields, value) {
        fields.insert(name.to_owned(), value.into());
    }
}

fn group_name(group: Group) -> &'static str {
    match group {
        Group::Prod => "prod",
        Group::Dev => "dev",
        Group::Optional => "optional",
        Group::Peer => "peer",
    }
}

fn method_name(method: ImportMethod) -> &'static str {
    match method {
        ImportMethod::Hardlink => "hardlink",
        ImportMethod::Clone => "clone",
        ImportMethod::Copy => "copy",
    }
}

fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::ResolutionStarted => "resolution_started",
        Stage::ResolutionDone => "resolution_done",
        Stage::ImportingStarted => "importing_started",
        Stage::ImportingDone => "importing_done",
    }
}

fn level_name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    }
}
