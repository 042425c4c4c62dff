//! What the reporters write, as snapshots, and against a recorded run of pnpm 12.21.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use serde_json::Value;

use super::{
    Event, LogLevel, Options, Report, Sinks,
    event::{ImportMethod, RootChange, Stage},
    render, reporter,
};
use crate::{cli::Reporter, diagnostic::Diagnostic, graph::Group};

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no panic").clone()).expect("UTF-8")
    }
}

/// A reader that has gone away.
struct Gone;

impl Write for Gone {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

fn options(reporter: Reporter, level: LogLevel) -> Options {
    Options {
        reporter,
        level,
        color_stdout: false,
        color_stderr: false,
        live: false,
        width: 80,
        clock: || 1,
        hostname: "host".to_owned(),
        pid: 2,
    }
}

/// What goes to standard output and to standard error.
fn shown(kind: Reporter, level: LogLevel, events: Vec<Event>) -> (String, String) {
    let (out, err) = (Buffer::default(), Buffer::default());
    let sinks = Sinks { out: Box::new(out.clone()), err: Box::new(err.clone()) };
    let report: Arc<dyn Report> = reporter(options(kind, level), sinks);
    events.into_iter().for_each(|event| report.event(event));
    (out.text(), err.text())
}

fn root(name: &str, real_name: &str, version: &str, group: Group) -> Event {
    Event::RootAdded(RootChange {
        prefix: "/project".to_owned(),
        name: name.to_owned(),
        real_name: real_name.to_owned(),
        version: Some(version.to_owned()),
        group: Some(group),
        latest: None,
        linked_from: None,
    })
}

/// The events of a frozen install from a warm store, in the order of the recorded run.
fn frozen() -> Vec<Event> {
    let prefix = || "/project".to_owned();
    let manifest = r#"{"name":"p1","version":"1.0.0","dependencies":{"is-positive":"^3.0.0","pos":"npm:is-positive@1.0.0"},"devDependencies":{"is-odd":"3.0.1"},"license":"MIT"}"#;
    let mut events = vec![
        Event::Scope { selected: 1, total: None, workspace: None },
        Event::ManifestInitial { prefix: prefix(), manifest: manifest.to_owned() },
        Event::Context {
            current_lockfile_exists: false,
            store_dir: "/store".to_owned(),
            virtual_store_dir: "/project/node_modules/.pnpm".to_owned(),
        },
        Event::Stage { prefix: prefix(), stage: Stage::ImportingStarted },
        Event::Message {
            level: LogLevel::Info,
            prefix: prefix(),
            message: "Lockfile is up to date, resolution step is skipped".to_owned(),
        },
    ];
    for package in ["is-positive@1.0.0", "is-number@6.0.0", "is-odd@3.0.1", "is-positive@3.1.0"] {
        events.push(Event::Resolved { package_id: package.to_owned(), requester: prefix() });
        events.push(Event::FoundInStore { package_id: package.to_owned(), requester: prefix() });
    }
    for package in ["is-number@6.0.0", "is-odd@3.0.1", "is-positive@3.1.0", "is-positive@1.0.0"] {
        let name = package.split('@').next().expect("a name");
        events.push(Event::Imported {
            requester: prefix(),
            to: format!("/project/node_modules/.pnpm/{package}/node_modules/{name}"),
            method: ImportMethod::Hardlink,
        });
    }
    events.extend([
        Event::Stats { prefix: prefix(), added: Some(4), removed: None },
        Event::Stats { prefix: prefix(), added: None, removed: Some(0) },
        root("is-positive", "is-positive", "3.1.0", Group::Prod),
        root("pos", "is-positive", "1.0.0", Group::Prod),
        root("is-odd", "is-odd", "3.0.1", Group::Dev),
        Event::Stage { prefix: prefix(), stage: Stage::ImportingDone },
        Event::IgnoredScripts(Vec::new()),
        Event::Summary { prefix: prefix() },
        Event::ExecutionTime { started_at: 3, ended_at: 4 },
    ]);
    events
}

#[test]
fn ndjson_is_what_pnpm_writes_field_by_field() {
    let recorded = include_str!("pnpm-12.21-frozen.ndjson");
    let (out, err) = shown(Reporter::Ndjson, LogLevel::Info, frozen());
    assert_eq!(out, "");
    for (ours, theirs) in err.lines().zip(recorded.lines()) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(err.lines().count(), recorded.lines().count());
}

#[test]
fn lines_are_those_of_pnpm() {
    let (out, err) = shown(Reporter::AppendOnly, LogLevel::Info, frozen());
    assert_eq!(err, "");
    assert_eq!(
        out,
        "Lockfile is up to date, resolution step is skipped\n\
         Packages: +4\n\
         ++++\n\
         Progress: resolved 4, reused 4, downloaded 0, added 4, done\n\
         \n\
         dependencies:\n\
         + is-positive 3.1.0\n\
         + pos <- is-positive 1.0.0\n\
         \n\
         devDependencies:\n\
         + is-odd 3.0.1\n\
         \n\
         Done in 1ms using wasi-pm v0.1.0\n"
    );
}

#[test]
fn silence_leaves_results_and_errors() {
    let mut events = frozen();
    events.push(Event::Output("/store\n".to_owned()));
    events.push(Event::Failed(Diagnostic::new("ERR_X", "no")));
    let (out, err) = shown(Reporter::Silent, LogLevel::Error, events);
    assert_eq!((out.as_str(), err.as_str()), ("/store\n", "error[ERR_X]: no\n"));
}

#[test]
fn a_level_hides_what_is_below_it() {
    let say = |level, message: &str| Event::Message { level, prefix: String::new(), message: message.to_owned() };
    let events = || vec![say(LogLevel::Debug, "d"), say(LogLevel::Info, "i"), say(LogLevel::Warn, "w")];
    assert_eq!(shown(Reporter::Default, LogLevel::Warn, events()), (String::new(), "[WARN] w\n".to_owned()));
    assert_eq!(shown(Reporter::Default, LogLevel::Debug, events()).0, "d\ni\n");
}

#[test]
fn ignored_builds_are_framed_unless_they_are_the_error() {
    let ignored = Event::IgnoredScripts(vec!["esbuild@0.25.0".to_owned()]);
    let done = Event::ExecutionTime { started_at: 0, ended_at: 1 };
    let (_, err) = shown(Reporter::Default, LogLevel::Info, vec![ignored.clone(), done.clone()]);
    assert!(err.contains("Ignored build scripts: esbuild@0.25.0."), "{err}");
    let error = Event::Failed(Diagnostic::new("ERR_PNPM_IGNORED_BUILDS", "Ignored build scripts: esbuild@0.25.0"));
    let (_, err) = shown(Reporter::Default, LogLevel::Info, vec![ignored, error, done]);
    assert_eq!(err, "error[ERR_PNPM_IGNORED_BUILDS]: Ignored build scripts: esbuild@0.25.0\n");
}

#[test]
fn an_error_reads_as_a_tree_with_a_hint() {
    let diagnostic = Diagnostic {
        code: "ERR_PNPM_FETCH_404".to_owned(),
        message: "c is not in the registry".to_owned(),
        causes: vec!["url: https://me:secret@registry.example/c\u{1b}[2J".to_owned()],
        chain: vec![".".to_owned(), "a@1.0.0".to_owned(), "c@^1.0.0".to_owned()],
        hint: Some("Check the name".to_owned()),
    };
    let plain = "error[ERR_PNPM_FETCH_404]: c is not in the registry\n  \
                 .\n  └─ a@1.0.0\n     └─ c@^1.0.0\n  \
                 url: https://***@registry.example/c\n\n\
                 hint: Check the name\n";
    assert_eq!(render(&diagnostic, false), plain);
    assert_eq!(super::clean(&render(&diagnostic, true)), plain);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    for kind in [Reporter::Default, Reporter::Ndjson, Reporter::Silent] {
        let report = reporter(options(kind, LogLevel::Info), Sinks { out: Box::new(Gone), err: Box::new(Gone) });
        frozen().into_iter().for_each(|event| report.event(event));
        report.event(Event::Output("x".to_owned()));
    }
}

#[test]
fn every_line_of_ndjson_is_one_object() {
    let mut events = frozen();
    events.push(Event::Failed(Diagnostic::new("ERR_X", "two\nlines")));
    let (_, err) = shown(Reporter::Ndjson, LogLevel::Info, events);
    let (last, lines) = {
        let mut all: Vec<&str> = err.lines().collect();
        (all.pop().expect("the error"), all)
    };
    assert_eq!(last, "error[ERR_X]: two lines");
    assert!(lines.iter().all(|line| serde_json::from_str::<Value>(line).is_ok_and(|value| value.is_object())));
}
