//! Git hosts, archives, JSR and plain addresses, each under its real name, through a proxy on loopback: what pnpm 12
//! locked there, byte for byte, and an installation that comes from it.

use std::fs;

use tests::{
    project::Run,
    scenario::{self, Scenario},
};

use crate::support::binary;

fn agrees(scenario: &Scenario) {
    let (registry, project) = scenario.start(binary());
    let (proxy, reached) = scenario.serve(&project).expect("other hosts take part");
    let mut world = scenario.world.clone();
    for (at, step) in scenario.steps.iter().enumerate() {
        let about = format!("{} step {at}", scenario.name);
        scenario.prepare(step, &registry, &project, &mut world);
        proxy.publish(&step.web);
        let mut command = project.command(&["install", "--ignore-scripts"]);
        let command = command.args(&step.install).envs(scenario.environment()).envs(reached.clone());
        let run: Run = command.output().unwrap().into();
        if let Some(code) = &step.fails {
            run.fails_with(code);
            continue;
        }
        run.ok();
        assert_eq!(project.read("pnpm-lock.yaml"), fs::read_to_string(scenario.expected(at)).unwrap(), "{about}");
        let manifest: serde_json::Value = serde_json::from_str(&project.read("package.json")).unwrap();
        for alias in manifest["dependencies"].as_object().into_iter().flat_map(|all| all.keys()) {
            assert!(project.dir().join("node_modules").join(alias).is_dir(), "{about}: {alias}");
        }
    }
}

#[test]
fn every_hosted_scenario_gives_pnpms_lockfile() {
    let scenarios = scenario::hosted();
    assert!(scenarios.len() > 4, "the scenarios are gone");
    let failed: Vec<String> = scenarios
        .iter()
        .filter(|scenario| std::panic::catch_unwind(|| agrees(scenario)).is_err())
        .map(|scenario| format!("{} ({})", scenario.name, scenario.about))
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
}
