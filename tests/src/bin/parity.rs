//! Compares with the real pnpm 12, lockfile byte for byte.
//!
//! - `parity record PNPM [NAME...]` runs every scenario with pnpm and writes what it locks beside the scenario;
//!   `cargo test` then holds wasi-pm to these files.
//! - `parity show PROGRAM NAME|FILE...` runs scenarios with either program and prints all that it says.
//! - `parity random WASI_PM PNPM FIRST LAST [STEPS]` runs the random worlds of these seeds with both, shrinks each
//!   difference to a small scenario and prints it. `native` instead of a program: this build's resolver as plain Rust,
//!   in this process, with no component and no network.
//! - `parity commands WASI_PM PNPM FIRST LAST [STEPS]` does the same with `add`, `remove` and `update` after the first
//!   install, and compares manifests as well.
//! - `parity compare WASI_PM PNPM FILE...` runs the scenarios of these files with both and shows where they differ.
//! - `parity corpus WASI_PM PNPM REGISTRY [NAME...]` resolves the real dependency sets of `corpus.yaml` with both, from
//!   a mirror of the real registry at this address.
//!
//! With `PARITY_MEMORY` set to a folder, what pnpm made of a scenario is kept there and not asked for again: a second
//! run over the same seeds needs only ours, but that pnpm is asked again where the two differ. A folder belongs to one
//! version of pnpm. `PARITY_SHOWN` is how many differences of random worlds are shrunk and shown; 0 only names them.
//! With `PARITY_WHOLE` they are shown as they are.
//!
//! Start it with `cargo run -p tests --bin parity -- ...`. It exits with 1 if anything differs, with 2 on wrong usage.

use std::{
    collections::BTreeSet,
    fs, io,
    path::Path,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use host::config::LockfileUse;
use serde::{Deserialize, Serialize};
use tests::{
    corpus::{self, Outcome, Sides},
    native::{self, Order},
    oracle::Facts,
    random,
    scenario::{self, Scenario, Step},
    web::Proxy,
};

/// So many worlds are compared at once.
const AT_ONCE: usize = 4;
/// So often pnpm is asked again before a difference counts: where packages depend on each other in circles, what it
/// locks may hang on chance.
const ASKED_AGAIN: usize = 5;
/// So many differences are shrunk and shown, unless `PARITY_SHOWN` says otherwise.
const SHOWN: usize = 5;
/// The name of the resolver in this process.
const NATIVE: &str = "native";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let good = match arguments.as_slice() {
        ["record", pnpm, names @ ..] => record_all(pnpm, names),
        ["show", program, names @ ..] => show_all(program, names),
        ["corpus", ours, pnpm, registry, names @ ..] => compare_corpus(Sides { ours, pnpm, registry }, names),
        ["compare", ours, pnpm, files @ ..] if !files.is_empty() => {
            let compared: Vec<bool> = files.iter().map(|file| compare_file(ours, pnpm, Path::new(file))).collect();
            !compared.contains(&false)
        }
        [mode @ ("random" | "commands"), ours, pnpm, first, last, steps @ ..] => {
            let steps = steps.first().map_or(Ok(if *mode == "random" { 1 } else { 4 }), |text| text.parse());
            let make = if *mode == "random" { random::scenario } else { random::commands };
            match (first.parse(), last.parse(), steps) {
                (Ok(first), Ok(last), Ok(steps)) => compare_random((ours, pnpm), first, last, |seed| make(seed, steps)),
                _ => return usage(),
            }
        }
        _ => return usage(),
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn usage() -> ExitCode {
    say("usage: parity record PNPM [NAME...]");
    say("       parity show PROGRAM NAME|FILE...");
    say("       parity random WASI_PM|native PNPM FIRST LAST [STEPS]");
    say("       parity commands WASI_PM|native PNPM FIRST LAST [STEPS]");
    say("       parity compare WASI_PM|native PNPM FILE...");
    say("       parity corpus WASI_PM PNPM REGISTRY [NAME...]");
    ExitCode::from(2)
}

#[expect(clippy::print_stdout, reason = "a tool for developers: its report is its output")]
fn say(line: &str) {
    println!("{line}");
}

/// What a program made of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Made {
    Lockfile(String),
    Failure(String),
}

/// Runs all steps with the resolver in this process.
fn run_native(scenario: &Scenario) -> Vec<Made> {
    let (registry, project) = scenario.start(NATIVE);
    let mut world = scenario.world.clone();
    let (mut made, mut complete) = (Vec::new(), None);
    for step in &scenario.steps {
        scenario.prepare(step, &registry, &project, &mut world);
        let (mut given, mode) = scenario.load(step, &registry, &project);
        let old = given.lockfile.clone();
        given.settings.lockfile.complete = Some(old.is_some() && old == complete);
        let placed = (old.is_some() && mode != LockfileUse::Resolve).then(|| native::place(&given));
        let now = if let Some(Ok(Ok(placed))) = placed {
            Ok(placed.lockfile.filter(|_| is_written(&given, mode)))
        } else {
            let facts = Facts::new(&world, &registry.url).beside(project.dir()).with(&scenario.plugin);
            native::resolve(&given, &facts, Order::AsAsked).map(|made| {
                scenario.save(&made.saved, &project);
                let text = made.lockfile.clone().or_else(|| old.clone());
                complete = text.filter(|_| made.complete);
                made.lockfile
            })
        };
        made.push(match now {
            Ok(text) => {
                let text = text.or(old).unwrap_or_default();
                project.write("pnpm-lock.yaml", &text);
                Made::Lockfile(scenario.made(&registry, &project))
            }
            Err(codes) => Made::Failure(codes.join("\n")),
        });
    }
    made
}

/// Whether a lockfile that fits is written if it was merged: a frozen one only where branches were merged into it.
fn is_written(given: &host::engine::Project, mode: LockfileUse) -> bool {
    !mode.is_frozen() || !given.settings.lockfile.branches.is_empty()
}

/// All scenarios that pnpm is recorded on.
fn recorded() -> Vec<Scenario> {
    let mut all = scenario::all();
    all.extend(scenario::hosted());
    all.extend(scenario::with_plugin());
    all
}

/// Publishes what the hosts have from this step on; the environment in which they are reached.
fn through(web: Option<&(Proxy, Vec<(String, String)>)>, step: &Step) -> Vec<(String, String)> {
    let Some((proxy, environment)) = web else { return Vec::new() };
    proxy.publish(&step.web);
    environment.clone()
}

/// Runs all steps with one program.
fn run(scenario: &Scenario, program: &str, mode: &[&str]) -> Vec<Made> {
    let (registry, project) = scenario.start(program);
    scenario.play_plugin(&project);
    let web = scenario.serve(&project);
    let mut world = scenario.world.clone();
    let mut made = Vec::new();
    for step in &scenario.steps {
        scenario.prepare(step, &registry, &project, &mut world);
        let reached = through(web.as_ref(), step);
        let mut command = project.command(&step.words());
        command.current_dir(step.place(&project));
        // pnpm's allocator would clear a gigabyte of huge pages in every one of these short runs.
        let thrifty =
            [("MIMALLOC_ALLOW_THP", "0"), ("MIMALLOC_ARENA_EAGER_COMMIT", "0"), ("MIMALLOC_ARENA_RESERVE", "65536")];
        let command = command.args(mode).envs(thrifty).envs(scenario.environment()).envs(reached);
        let output = match command.output() {
            Ok(output) => output,
            Err(error) => {
                made.push(Made::Failure(format!("{program}: {error}")));
                return made;
            }
        };
        made.push(if output.status.success() {
            Made::Lockfile(scenario.made(&registry, &project))
        } else {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            Made::Failure(said + &String::from_utf8_lossy(&output.stdout))
        });
    }
    made
}

/// Compares the named sets, or all; false if one differs or cannot be resolved.
fn compare_corpus(sides: Sides, names: &[&str]) -> bool {
    let sets = match corpus::sets() {
        Ok(sets) => sets,
        Err(error) => {
            say(&format!("corpus.yaml: {error}"));
            return false;
        }
    };
    let (mut all, mut same) = (0, 0);
    for (name, set) in sets.iter().filter(|(name, _)| names.is_empty() || names.contains(&name.as_str())) {
        all += 1;
        match corpus::compare(set, sides) {
            Ok(Outcome::Same(lines)) => {
                same += 1;
                say(&format!("same    {name} ({lines} lines)"));
            }
            Ok(Outcome::Differs(lines, first)) => say(&format!("differs {name} ({lines} lines)\n{first}")),
            Ok(Outcome::Failed(sides)) => {
                for (who, said) in sides {
                    say(&format!("failed  {name} with {who}\n{said}"));
                }
            }
            Err(error) => say(&format!("failed  {name}: {error}")),
        }
    }
    say(&format!("{same} of {all} lockfiles are byte-identical"));
    all > 0 && same == all
}

fn record_all(pnpm: &str, names: &[&str]) -> bool {
    let wanted = |scenario: &Scenario| names.is_empty() || names.contains(&scenario.name.as_str());
    let done: Vec<bool> = recorded().iter().filter(|one| wanted(one)).map(|one| record(one, pnpm)).collect();
    !done.contains(&false)
}

/// Runs scenarios and prints what the program says after each step, and the lockfile it leaves.
fn show_all(program: &str, names: &[&str]) -> bool {
    let known = recorded().into_iter().filter(|one| names.contains(&one.name.as_str()));
    let files = names.iter().map(Path::new).filter(|path| path.is_file()).map(scenario::read);
    for scenario in known.chain(files) {
        let (registry, project) = scenario.start(program);
        scenario.play_plugin(&project);
        let web = scenario.serve(&project);
        let mut world = scenario.world.clone();
        for (at, step) in scenario.steps.iter().enumerate() {
            scenario.prepare(step, &registry, &project, &mut world);
            let mut command = project.command(&step.words());
            command.current_dir(step.place(&project));
            let reached = through(web.as_ref(), step);
            let command = command.envs(scenario.environment()).envs(reached);
            let Ok(output) = command.output() else { return false };
            say(&format!("--- {} step {at}: {}", scenario.name, output.status));
            say(&String::from_utf8_lossy(&output.stdout));
            say(&String::from_utf8_lossy(&output.stderr));
            for seen in web.iter().flat_map(|(proxy, _)| proxy.seen()) {
                say(&format!("{} {} {}", seen.status, seen.method, seen.address));
            }
            for file in ["pnpm-lock.yaml", "pnpm-workspace.yaml"].into_iter().filter(|_| !scenario.has_commands()) {
                say(&fs::read_to_string(project.dir().join(file)).unwrap_or_default());
            }
            if scenario.has_commands() {
                say(&scenario.made(&registry, &project));
                for folder in ["node_modules", "node_modules/.pnpm"] {
                    say(&format!("{folder}: {}", listed(&project.dir().join(folder)).join(" ")));
                }
            }
        }
    }
    true
}

/// What is in a folder and not hidden, in order.
fn listed(modules: &Path) -> Vec<String> {
    let names = fs::read_dir(modules).into_iter().flatten().flatten();
    let mut names: Vec<String> = names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort_unstable();
    names
}

/// Runs one scenario with pnpm; false if its files were not what pnpm makes.
fn record(scenario: &Scenario, pnpm: &str) -> bool {
    let mut good = true;
    for (at, (step, made)) in scenario.steps.iter().zip(run(scenario, pnpm, &[])).enumerate() {
        let made = match (&step.fails, made) {
            (None, Made::Lockfile(made)) => made,
            (Some(code), Made::Failure(said)) if said.contains(step.pnpm_says.as_ref().unwrap_or(code).as_str()) => {
                continue;
            }
            (_, other) => {
                say(&format!("{} step {at}: pnpm does something else: {other:?}", scenario.name));
                return false;
            }
        };
        let known = fs::read_to_string(scenario.expected(at)).unwrap_or_default();
        if made != known {
            good = false;
            if let Err(error) = fs::write(scenario.expected(at), made) {
                say(&format!("{} step {at}: {error}", scenario.name));
            }
        }
    }
    say(&format!("{} {}", if good { "same   " } else { "changed" }, scenario.name));
    good
}

/// What pnpm makes of a scenario, from the folder of `PARITY_MEMORY` if it stands there.
fn remembered(scenario: &Scenario, run: impl FnOnce() -> Vec<Made>) -> Vec<Made> {
    let Some(folder) = std::env::var_os("PARITY_MEMORY") else { return run() };
    let file = Path::new(&folder).join(scenario.digest() + ".json");
    let known = fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    known.unwrap_or_else(|| {
        let made = run();
        let kept = serde_json::to_vec(&made).map_err(io::Error::from).and_then(|bytes| fs::write(&file, bytes));
        if let Err(error) = kept {
            say(&format!("{}: {error}", file.display()));
        }
        made
    })
}

/// The first step after which the two differ, and what each made of it. Two failures are no difference: the codes are
/// compared by the scenarios. Nor is what pnpm locks now in one way, now in another.
fn difference(scenario: &Scenario, ours: &str, pnpm: &str) -> Option<(usize, Made, Made)> {
    let mode = ["--lockfile-only"];
    let a = if ours == NATIVE { run_native(scenario) } else { run(scenario, ours, &mode) };
    let b = remembered(scenario, || run(scenario, pnpm, &mode));
    let (at, a, b) = a.into_iter().zip(b).enumerate().find_map(|(at, (a, b))| {
        let same = a == b || matches!((&a, &b), (Made::Failure(_), Made::Failure(_)));
        (!same).then_some((at, a, b))
    })?;
    let settled = (0..ASKED_AGAIN).all(|_| match run(scenario, pnpm, &mode).into_iter().nth(at) {
        Some(Made::Failure(_)) => matches!(b, Made::Failure(_)),
        again => again.as_ref() == Some(&b),
    });
    if !settled {
        say(&format!("{}: pnpm locks now this, now that", scenario.name));
    }
    settled.then_some((at, a, b))
}

fn compare_file(ours: &str, pnpm: &str, file: &Path) -> bool {
    let scenario = scenario::read(file);
    let same = difference(&scenario, ours, pnpm).is_none();
    say(&format!("{} {}", if same { "same   " } else { "differs" }, scenario.name));
    if !same {
        show(&scenario, ours, pnpm);
    }
    same
}

fn compare_random((ours, pnpm): (&str, &str), first: u64, last: u64, make: impl Fn(u64) -> Scenario + Sync) -> bool {
    let next = AtomicU64::new(first);
    let different = Mutex::new(BTreeSet::new());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > last {
                return;
            }
            if difference(&make(seed), ours, pnpm).is_some() {
                say(&format!("seed {seed} differs"));
                different.lock().unwrap_or_else(PoisonError::into_inner).insert(seed);
            }
        }
    };
    // pnpm waits more than it works, so more of them than cores.
    std::thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(work))));
    let different = different.into_inner().unwrap_or_else(PoisonError::into_inner);
    let shown = std::env::var("PARITY_SHOWN").ok().and_then(|count| count.parse().ok()).unwrap_or(SHOWN);
    for seed in different.iter().take(shown) {
        let whole = std::env::var_os("PARITY_WHOLE").is_some();
        say(&format!("seed {seed}{}:", if whole { "" } else { ", shrunk" }));
        let shown = make(*seed);
        show(&if whole { shown } else { shrink(shown, ours, pnpm) }, ours, pnpm);
    }
    say(&format!("{} worlds, {} differ: {different:?}", last + 1 - first, different.len()));
    different.is_empty()
}

/// Takes away one thing after the other while the two still differ: a pass over all there is goes on behind what it
/// took away, and passes are made until one takes nothing.
fn shrink(mut scenario: Scenario, ours: &str, pnpm: &str) -> Scenario {
    loop {
        let (mut at, mut any) = (0, false);
        loop {
            let candidates: Vec<Scenario> = random::smaller(&scenario).into_iter().skip(at).take(AT_ONCE).collect();
            if candidates.is_empty() {
                break;
            }
            match first_that_differs(&candidates, ours, pnpm) {
                Some(less) => {
                    at += less;
                    scenario = candidates[less].clone();
                    any = true;
                }
                None => at += candidates.len(),
            }
        }
        if !any {
            return scenario;
        }
    }
}

fn first_that_differs(candidates: &[Scenario], ours: &str, pnpm: &str) -> Option<usize> {
    // A failure of one alone is usually a world cut too far, so only different lockfiles count here.
    let differs =
        |less: &Scenario| matches!(difference(less, ours, pnpm), Some((_, Made::Lockfile(_), Made::Lockfile(_))));
    std::thread::scope(|scope| {
        let open: Vec<_> = candidates.iter().map(|less| scope.spawn(move || differs(less))).collect();
        let found: Vec<bool> = open.into_iter().map(|one| one.join().unwrap_or(false)).collect();
        found.into_iter().position(|found| found)
    })
}

fn show(scenario: &Scenario, ours: &str, pnpm: &str) {
    let data = serde_json::json!({ "world": scenario.world, "files": scenario.files });
    say(&format!("{data:#}"));
    for (at, step) in scenario.steps.iter().enumerate().skip(1) {
        say(&format!(
            "step {at}: {:#}",
            serde_json::json!({
                "publish": step.publish, "write": step.write, "remove": step.remove, "run": step.run, "folder": step.folder
            })
        ));
    }
    if let Some((at, ours, pnpm)) = difference(scenario, ours, pnpm) {
        for (who, made) in [("ours", ours), ("pnpm", pnpm)] {
            let (Made::Lockfile(text) | Made::Failure(text)) = made;
            say(&format!("--- {who}, step {at}\n{text}"));
        }
    }
}
