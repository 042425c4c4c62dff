//! The reporter for people: a live line on a terminal, plain lines elsewhere, then a summary. The words are pnpm's.

use std::sync::{Mutex, PoisonError};

use super::{
    LogLevel, Options, Sinks,
    error::render,
    event::{Event, Report, Stage},
    live::{Counts, Live},
    peers,
    summary::Changes,
    text::{clean, duration, one_line, redact},
};
use crate::graph::PeerIssue;

/// Without a terminal, progress is shown at most this often; milliseconds.
const LINE_EVERY: u64 = 5_000;
/// The live line is changed at most this often; milliseconds.
const LIVE_EVERY: u64 = 50;

/// So many groups of peer issues are shown; most projects that have any have few.
const MAX_PEER_GROUPS: usize = 8;

/// See the module.
pub(super) struct Human {
    options: Options,
    quiet: bool,
    state: Mutex<State>,
}

struct State {
    sinks: Sinks,
    live: Option<Live>,
    counts: Counts,
    shown_at: u64,
    added: usize,
    removed: usize,
    has_stats: bool,
    said_up_to_date: bool,
    changes: Changes,
    deprecated_below: Vec<String>,
    peer_issues: Vec<PeerIssue>,
    ignored_builds: Vec<String>,
    failed: bool,
}

impl Report for Human {
    fn event(&self, event: Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Failed(diagnostic) => {
                state.live = None;
                state.failed = true;
                let text = render(&diagnostic, self.options.color_stderr);
                state.sinks.err(&text);
            }
            Event::Output(text) => {
                state.live = None;
                state.sinks.out(&text);
            }
            Event::Plan(lines) => {
                for line in lines {
                    state.sinks.out(&format!("{}\n", one_line(&line)));
                }
            }
            _ if self.quiet => {}
            event => self.show(&mut state, event),
        }
    }
}

impl Human {
    /// Shows what happens.
    pub(super) fn new(options: Options, sinks: Sinks) -> Self {
        Self { state: Mutex::new(State::new(sinks, (options.clock)())), options, quiet: false }
    }

    /// Shows results and errors only.
    pub(super) fn silent(options: Options, sinks: Sinks) -> Self {
        Self { quiet: true, ..Self::new(options, sinks) }
    }

    fn show(&self, state: &mut State, event: Event) {
        match event {
            Event::Resolved { .. } => self.count(state, |counts| counts.resolved += 1),
            Event::FoundInStore { .. } => self.count(state, |counts| counts.reused += 1),
            Event::Imported { .. } => self.count(state, |counts| counts.added += 1),
            Event::Fetched { bytes, .. } => self.count(state, |counts| {
                counts.downloaded += 1;
                counts.bytes += bytes;
            }),
            Event::Stage { stage, .. } => self.stage(state, stage),
            Event::Stats { added, removed, .. } => {
                state.has_stats = true;
                state.added += added.unwrap_or(0);
                state.removed += removed.unwrap_or(0);
            }
            Event::RootAdded(change) => state.changes.note(&change, true),
            Event::RootRemoved(change) => state.changes.note(&change, false),
            Event::Deprecated { name, version, message, depth, .. } => {
                self.deprecated(state, &format!("{name}@{version}"), &message, depth);
            }
            Event::PeerIssues(issues) => state.peer_issues.extend(issues),
            Event::RequestRetry { attempt, max_retries, error, wait_ms, url } => {
                let wait = duration(wait_ms);
                let text = format!("{url} failed ({error}); retry {attempt} of {max_retries} in {wait}");
                self.warn(state, &text);
            }
            Event::ScriptStarted { dep_path, stage, script, .. } => {
                self.line(state, &format!("{} {stage}$ {}", one_line(&dep_path), one_line(&script)));
            }
            Event::ScriptLine { dep_path, stage, line, .. } => {
                self.line(state, &format!("{} {stage}: {}", one_line(&dep_path), clean(&line)));
            }
            Event::ScriptExited { dep_path, stage, exit_code, .. } => {
                let end = if exit_code == 0 { "Done".to_owned() } else { format!("Failed with exit code {exit_code}") };
                self.line(state, &format!("{} {stage}: {end}", one_line(&dep_path)));
            }
            Event::IgnoredScripts(packages) => {
                let more = packages.into_iter().filter(|package| !state.ignored_builds.contains(package));
                let more: Vec<String> = more.collect();
                state.ignored_builds.extend(more);
            }
            Event::Message { level, message, .. } => self.message(state, level, &message),
            Event::Summary { prefix } => self.summary(state, &prefix),
            Event::ExecutionTime { started_at, ended_at } => self.done(state, ended_at.saturating_sub(started_at)),
            _ => {}
        }
    }

    fn count(&self, state: &mut State, change: impl FnOnce(&mut Counts)) {
        change(&mut state.counts);
        if self.options.level > LogLevel::Info {
            return;
        }
        let now = (self.options.clock)();
        let every = if state.live.is_some() { LIVE_EVERY } else { LINE_EVERY };
        if now.saturating_sub(state.shown_at) < every {
            return;
        }
        state.shown_at = now;
        match &state.live {
            Some(live) => live.show(&state.counts),
            None => {
                let line = state.counts.line(true);
                state.sinks.out(&format!("{line}\n"));
            }
        }
    }

    fn stage(&self, state: &mut State, stage: Stage) {
        match stage {
            Stage::ImportingStarted | Stage::ResolutionStarted => {
                if self.options.live && state.live.is_none() && self.options.level <= LogLevel::Info {
                    state.live = Some(Live::start());
                }
            }
            Stage::ResolutionDone => {}
            Stage::ImportingDone => {
                state.live = None;
                self.packages(state);
            }
        }
    }

    /// `Packages: +77` and its bar, then the last line of progress.
    fn packages(&self, state: &mut State) {
        let (added, removed) = (state.added, state.removed);
        if added + removed == 0 {
            if state.has_stats && !state.said_up_to_date {
                state.said_up_to_date = true;
                self.line(state, "Already up to date");
            }
            return;
        }
        let numbers: Vec<String> = [('+', added), ('-', removed)]
            .iter()
            .filter(|(_, n)| *n > 0)
            .map(|(sign, n)| format!("{sign}{n}"))
            .collect();
        self.line(state, &format!("Packages: {}", numbers.join(" ")));
        let bar = bar(added, removed, self.options.width);
        self.line(state, &bar);
        let line = format!("{}, done", state.counts.line(false));
        self.line(state, &line);
    }

    fn deprecated(&self, state: &mut State, package: &str, message: &str, depth: u32) {
        if depth == 0 {
            self.warn(state, &format!("deprecated {package}: {message}"));
        } else {
            state.deprecated_below.push(one_line(package));
        }
    }

    fn summary(&self, state: &mut State, prefix: &str) {
        if !state.deprecated_below.is_empty() {
            state.deprecated_below.sort();
            state.deprecated_below.dedup();
            let packages = std::mem::take(&mut state.deprecated_below);
            let text = format!("{} deprecated subdependencies found: {}", packages.len(), packages.join(", "));
            self.warn(state, &text);
        }
        if !state.peer_issues.is_empty() {
            self.warn(state, "Issues with peer dependencies found");
            let text = peers::tree(&std::mem::take(&mut state.peer_issues), MAX_PEER_GROUPS);
            if self.options.level <= LogLevel::Warn {
                state.sinks.err(&redact(&clean(&text)));
            }
        }
        let text = std::mem::take(&mut state.changes).render(prefix, self.options.color_stdout);
        if self.options.level <= LogLevel::Info {
            state.sinks.out(&text);
        }
    }

    fn done(&self, state: &mut State, milliseconds: u64) {
        state.live = None;
        if state.failed {
            return;
        }
        if !state.ignored_builds.is_empty() {
            let names = state.ignored_builds.iter().map(|name| one_line(name)).collect::<Vec<_>>().join(", ");
            let text = boxed(&[
                format!("Ignored build scripts: {names}."),
                "Scripts of dependencies are not run by this version; set allowBuilds for pnpm.".to_owned(),
            ]);
            if self.options.level <= LogLevel::Warn {
                state.sinks.err(&text);
            }
        }
        let time = duration(milliseconds);
        self.line(state, &format!("Done in {time} using wasi-pm v{}", env!("CARGO_PKG_VERSION")));
    }

    fn message(&self, state: &mut State, level: LogLevel, message: &str) {
        match level {
            LogLevel::Warn | LogLevel::Error => self.warn(state, message),
            LogLevel::Info => {
                state.said_up_to_date |= message == "Already up to date";
                self.line(state, &redact(&one_line(message)));
            }
            LogLevel::Debug if self.options.level == LogLevel::Debug => self.line(state, &redact(&one_line(message))),
            LogLevel::Debug => {}
        }
    }

    /// A line for standard output.
    fn line(&self, state: &mut State, text: &str) {
        if self.options.level > LogLevel::Info {
            return;
        }
        let State { sinks, live, .. } = state;
        let mut write = || sinks.out(&format!("{text}\n"));
        match live {
            Some(live) => live.around(write),
            None => write(),
        }
    }

    fn warn(&self, state: &mut State, text: &str) {
        if self.options.level > LogLevel::Warn {
            return;
        }
        let (on, off) = if self.options.color_stderr { ("\u{1b}[33m", "\u{1b}[0m") } else { ("", "") };
        let text = format!("{on}[WARN]{off} {}\n", redact(&one_line(text)));
        let State { sinks, live, .. } = state;
        match live {
            Some(live) => live.around(|| sinks.err(&text)),
            None => sinks.err(&text),
        }
    }
}

impl State {
    fn new(sinks: Sinks, now: u64) -> Self {
        Self {
            sinks,
            live: None,
            counts: Counts::default(),
            shown_at: now,
            added: 0,
            removed: 0,
            has_stats: false,
            said_up_to_date: false,
            changes: Changes::default(),
            deprecated_below: Vec::new(),
            peer_issues: Vec::new(),
            ignored_builds: Vec::new(),
            failed: false,
        }
    }
}

/// One sign for each package; where they are too many, as many as fit, in proportion.
fn bar(added: usize, removed: usize, width: usize) -> String {
    let all = added + removed;
    if all <= width {
        return format!("{}{}", "+".repeat(added), "-".repeat(removed));
    }
    let share = if added == 0 { 0 } else { (added * width / all).clamp(1, width - usize::from(removed > 0)) };
    format!("{}{}", "+".repeat(share), "-".repeat(width - share))
}

/// Lines in a frame, so that they are not missed.
fn boxed(lines: &[String]) -> String {
    let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0) + 4;
    let mut text = format!("╭ Warning {}╮\n", "─".repeat(width.saturating_sub(9)));
    for line in lines {
        let pad = " ".repeat(width - 2 - line.chars().count());
        text.push_str(&format!("│  {line}{pad}│\n"));
    }
    text.push_str(&format!("╰{}╯\n", "─".repeat(width)));
    text
}
