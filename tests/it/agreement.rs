//! Every scenario three ways (the program end to end, the native session, the component) against the lockfile that
//! pnpm 12 made: one text, byte for byte, and the same codes where it fails.

use std::fs;

use host::{
    config::LockfileUse,
    engine::{self, Limits, Placed, ResolveError},
};
use tests::{
    native::{self, Codes, Made, Order},
    oracle::Facts,
    project::{Project, Run},
    registry::Registry,
    scenario::{self, Scenario, Step},
    world::World,
};

use crate::support::binary;

/// Errors of the host, about what the resolver has no objection to.
const OF_THE_HOST: [&str; 4] = [
    "ERR_PNPM_PEER_DEP_ISSUES",
    "ERR_PNPM_DISALLOW_WORKSPACE_CYCLES",
    "ERR_PNPM_MINIMUM_RELEASE_AGE_VIOLATION",
    "ERR_PNPM_TRUST_DOWNGRADE",
];

/// The component, with the words of the native session.
fn component_resolves(project: &engine::Project, facts: &Facts<'_>) -> Result<Made, Codes> {
    engine::resolve(project, facts, Limits::default())
        .map(|resolved| Made { saved: resolved.saved, ..made(resolved.placement) })
        .map_err(codes)
}

fn component_places(project: &engine::Project) -> Result<Result<Made, Codes>, Codes> {
    match engine::place(project, Limits::default()).map_err(codes)? {
        Placed::Fits(placement) => Ok(Ok(made(*placement))),
        Placed::Outdated(drifts) => Ok(Err(drifts.into_iter().map(|drift| drift.code).collect())),
    }
}

fn made(placement: host::graph::Placement) -> Made {
    let snapshots = placement.snapshots.iter();
    let issue = |notice: host::graph::Notice| match notice {
        host::graph::Notice::PeerIssue(mut issue) => Some((issue.chain.pop().unwrap_or_default(), issue.peer)),
        _ => None,
    };
    let told =
        |notice: &host::graph::Notice| matches!(notice, host::graph::Notice::Other(it) if it.code == native::COMPLETE);
    Made {
        complete: placement.notices.iter().any(told),
        peer_issues: placement.notices.into_iter().filter_map(issue).collect(),
        lockfile: placement.lockfile,
        snapshots: snapshots.map(|it| (it.dep_path.to_string(), it.slot.to_string())).collect(),
        skipped: placement.skipped.iter().map(|it| it.name.clone()).collect(),
        saved: engine::Saved::default(),
    }
}

fn codes(error: ResolveError) -> Codes {
    match error {
        ResolveError::Failures(failures) => failures.into_iter().map(|failure| failure.code).collect(),
        ResolveError::Engine(error) => panic!("{error}"),
    }
}

/// Places or resolves both natively and in the component, as the program would; the lockfile that holds afterwards.
fn in_memory(about: &str, given: &engine::Project, mode: LockfileUse, facts: &Facts<'_>) -> Result<String, Codes> {
    let old = given.lockfile.clone();
    if old.is_some() {
        let (native, component) = (native::place(given), component_places(given));
        assert_eq!(native, component, "{about}: the lockfile placed natively and in the component");
        match native? {
            Ok(made) if mode != LockfileUse::Resolve => {
                // What branches were merged into is written even where it is frozen.
                let is_written = !mode.is_frozen() || !given.settings.lockfile.branches.is_empty();
                let written = made.lockfile.filter(|_| is_written);
                return Ok(written.or(old).unwrap_or_default());
            }
            Err(drifts) if mode.is_frozen() => return Err(drifts.into_iter().take(1).collect()),
            _ => {}
        }
    }
    let native = native::resolve(given, facts, Order::AsAsked);
    assert_eq!(native, component_resolves(given, facts), "{about}: resolved natively and in the component");
    let shuffled = native::resolve(given, facts, Order::YoungestFirst);
    assert_eq!(native, shuffled, "{about}: replies in another order");
    native.map(|made| made.lockfile.or(old).unwrap_or_default())
}

/// A step of a scenario whose project stands as the step finds it.
struct Prepared<'a> {
    about: String,
    step: &'a Step,
    at: usize,
    project: &'a Project,
    registry: &'a Registry,
    given: engine::Project,
    mode: LockfileUse,
    facts: Facts<'a>,
}

/// Hands each step of a scenario over, in order, to what carries it out.
fn each_step(scenario: &Scenario, carry_out: impl Fn(Prepared<'_>)) {
    let (registry, project) = scenario.start(binary());
    let mut world: World = scenario.world.clone();
    for (at, step) in scenario.steps.iter().enumerate() {
        scenario.prepare(step, &registry, &project, &mut world);
        let (given, mode) = scenario.load(step, &registry, &project);
        let facts = Facts::new(&world, &registry.url).beside(project.dir()).with(&scenario.plugin);
        let about = format!("{} step {at}", scenario.name);
        carry_out(Prepared { about, step, at, project: &project, registry: &registry, given, mode, facts });
    }
}

fn agrees(scenario: &Scenario) {
    each_step(scenario, |Prepared { about, step, at, project, registry, given, mode, facts }| {
        let in_memory = in_memory(&about, &given, mode, &facts);
        let mut command = project.command(&step.words());
        command.current_dir(step.place(project));
        let run: Run = command.envs(scenario.environment()).output().unwrap().into();
        if let Some(code) = &step.fails {
            run.fails_with(code);
            match in_memory {
                Err(codes) => assert!(codes.contains(code), "{about}: {codes:?}"),
                Ok(_) => assert!(OF_THE_HOST.contains(&code.as_str()), "{about}: the resolver sees nothing"),
            }
            return;
        }
        run.ok();
        let (made, expected) = (project.read("pnpm-lock.yaml"), fs::read_to_string(scenario.expected(at)).unwrap());
        assert_eq!(in_memory.as_ref(), Ok(&made), "{about}: in memory and end to end");
        let made = scenario.made(registry, project);
        assert_eq!(made, expected, "{about}: end to end and by pnpm");
    });
}

#[test]
fn every_scenario_gives_pnpms_lockfile_three_ways() {
    let scenarios = scenario::all();
    assert!(scenarios.len() > 20, "the scenarios are gone");
    let failed: Vec<String> = scenarios
        .iter()
        .filter(|scenario| std::panic::catch_unwind(|| agrees(scenario)).is_err())
        .map(|scenario| format!("{} ({})", scenario.name, scenario.about))
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

/// The native session alone.
fn natively(_: &str, given: &engine::Project, mode: LockfileUse, facts: &Facts<'_>) -> Result<String, Codes> {
    let old = given.lockfile.clone();
    if old.is_some() && mode != LockfileUse::Resolve && native::place(given)?.is_ok() {
        return Ok(old.unwrap_or_default());
    }
    native::resolve(given, facts, Order::AsAsked).map(|made| made.lockfile.or(old).unwrap_or_default())
}

/// In memory only: the program loads no plugin yet.
fn agrees_with_plugin(resolve: impl Fn(&str, &engine::Project, LockfileUse, &Facts<'_>) -> Result<String, Codes>) {
    let scenarios = scenario::with_plugin();
    assert!(!scenarios.is_empty(), "the scenarios are gone");
    for scenario in &scenarios {
        each_step(scenario, |Prepared { about, step, at, project, registry, given, mode, facts }| {
            match (resolve(&about, &given, mode, &facts), &step.fails) {
                (Ok(made), None) => {
                    project.write("pnpm-lock.yaml", &made);
                    let expected = fs::read_to_string(scenario.expected(at)).unwrap();
                    assert_eq!(scenario.made(registry, project), expected, "{about}: in memory and by pnpm");
                }
                (Err(codes), Some(code)) => assert!(codes.contains(code), "{about}: {codes:?}"),
                (made, _) => panic!("{about}: {made:?}"),
            }
        });
    }
}

#[test]
fn what_a_plugin_resolves_is_locked_as_pnpm_locks_what_a_custom_resolver_does() {
    agrees_with_plugin(natively);
}

#[test]
fn what_a_plugin_resolves_is_the_same_natively_and_in_the_component() {
    agrees_with_plugin(in_memory);
}
