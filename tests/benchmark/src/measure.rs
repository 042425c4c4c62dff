//! The rounds: every contender once, one after the other, then again. A contender that fails gets a failed row; the
//! rest goes on.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use clap::Args;

use crate::{
    contender::{Contender, Run, kind},
    fixture::Fixture,
    floor::{FLOOR, Floor},
    generate,
    machine::Machine,
    registry::{Asked, Registry},
    results::{Results, Row, Summary},
    scenario::{SCENARIOS, Scenario, Start},
};

/// What every measuring needs.
#[derive(Args)]
pub(crate) struct Setting {
    /// A recorded mirror: folders `packuments` and `tarballs`.
    #[arg(long)]
    mirror: Option<PathBuf>,
    /// Scratch on memory-backed disk; a folder of this process is made in it.
    #[arg(long)]
    work: PathBuf,
    /// Timed rounds.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Only scenarios whose name contains this; may be given again.
    #[arg(long)]
    scenario: Vec<String>,
    /// Where the result is written, after each round.
    #[arg(long, default_value = "benchmark.json")]
    json: PathBuf,
    /// Contenders; `wasi-pm@before=PROGRAM` is a second one of its kind.
    #[arg(required = true, value_name = "NAME=PROGRAM", value_parser = contender_argument)]
    contenders: Vec<(String, PathBuf)>,
}

/// A name and a program.
pub(crate) fn contender_argument(text: &str) -> Result<(String, PathBuf), String> {
    let (name, program) = text.split_once('=').ok_or("expected NAME=PROGRAM")?;
    if kind::Kind::of(name).is_none() {
        return Err(format!("NAME is one of {}", kind::KINDS.map(|kind| kind.name).join(", ")));
    }
    Ok((name.to_owned(), program.into()))
}

/// A contender and, if it could not be started with, why.
type Ready = (Contender, Result<(), String>);

/// Scenarios with a floor: those that make the whole tree. Behind the slow line, a program that asks for everything at
/// once fills the line with metadata while installers overlap it with packages better: no floor.
fn has_floor(scenario: &Scenario) -> bool {
    scenario.start == Start::Lockfile || scenario.start == Start::Manifest && !scenario.far
}

/// What nobody can do without fetching: the packages that are not in the store, and the metadata that is not in the
/// cache, where there is no lockfile.
fn fetched(scenario: &Scenario, asked: &Asked) -> Asked {
    let mut fetched = asked.clone();
    if scenario.hot_store {
        fetched.tarballs.clear();
    }
    if scenario.hot_metadata || scenario.start == Start::Lockfile {
        fetched.packuments.clear();
    }
    fetched
}

/// One measuring.
pub(crate) struct Measuring {
    setting: Setting,
    registry: Registry,
    work: PathBuf,
    /// What was found so far.
    pub(crate) results: Results,
}

impl Measuring {
    /// Starts the registry.
    ///
    /// # Errors
    /// If it cannot be started, or the scratch folder cannot be made.
    pub(crate) fn new(setting: Setting) -> Result<Self> {
        let registry = Registry::start(setting.mirror.as_deref())?;
        let work = setting.work.join(format!("benchmark-{}", std::process::id()));
        fs::create_dir_all(&work).with_context(|| format!("{}", work.display()))?;
        let work = work.canonicalize()?;
        let results = Results { machine: Machine::here(&work), ..Results::default() };
        Ok(Self { setting, registry, work, results })
    }

    /// A folder's fixture, or a generated one, published.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn fixture(&self, wanted: &str) -> Result<Fixture> {
        if Path::new(wanted).join("package.json").exists() {
            return Fixture::read(Path::new(wanted));
        }
        let generated = generate::generate(wanted)?;
        generated.publish(&self.registry)?;
        Ok(generated.fixture)
    }

    /// All scenarios of a fixture that are wanted; `shown` gets the rows of each.
    ///
    /// # Errors
    /// If results cannot be written; what a contender does wrong is in its row.
    pub(crate) fn measure(
        &mut self,
        fixture: &Fixture,
        scenarios: &[&str],
        shown: impl Fn(&Results, &str, &str),
    ) -> Result<()> {
        let mut ready = self.seed(fixture);
        let wanted = |scenario: &&Scenario| {
            let asked = self.setting.scenario.iter().any(|part| scenario.name.contains(part.as_str()));
            scenarios.contains(&scenario.name) && (asked || self.setting.scenario.is_empty())
        };
        let wanted: Vec<Scenario> = SCENARIOS.iter().filter(wanted).copied().collect();
        for scenario in wanted {
            self.rounds(&mut ready, fixture, &scenario)?;
            shown(&self.results, &fixture.name, scenario.name);
        }
        fs::remove_dir_all(self.work.join(&fixture.name)).ok();
        Ok(())
    }

    /// Ends it: removes the scratch folder.
    pub(crate) fn end(self) {
        fs::remove_dir_all(self.work).ok();
    }

    fn seed(&mut self, fixture: &Fixture) -> Vec<Ready> {
        let mut ready = Vec::new();
        for (name, program) in &self.setting.contenders {
            let folder = self.work.join(&fixture.name).join(name);
            match Contender::new(name, program, &folder, fixture, &self.registry) {
                Ok(mut contender) => {
                    let seeded = contender.seed(&self.registry).map_err(|error| format!("{error:#}"));
                    if let Some(version) = contender.version() {
                        self.results.versions.insert(name.clone(), version);
                    }
                    ready.push((contender, seeded));
                }
                Err(error) => {
                    let failed = Some(format!("{error:#}"));
                    self.results.put(Row { failed, ..empty_row(fixture, "any", name) });
                }
            }
        }
        ready
    }

    /// The floor under the tree that the first contender with an isolated one has just made.
    fn floor(&self, ready: &[Ready], scenario: &Scenario, fixture: &Fixture) -> Option<Floor> {
        let folder = self.work.join(&fixture.name).join(FLOOR).join(scenario.name.replace('/', "-"));
        let mut trees = ready.iter().filter(|_| has_floor(scenario)).filter_map(|(it, _)| it.isolated_tree());
        trees.find_map(|(modules, asked)| Floor::of(&modules, &folder, &fetched(scenario, asked)).ok())
    }

    fn rounds(&mut self, ready: &mut [Ready], fixture: &Fixture, scenario: &Scenario) -> Result<()> {
        let mut runs: Vec<Result<Vec<Run>, String>> =
            ready.iter().map(|(_, seeded)| seeded.clone().map(|()| Vec::new())).collect();
        let (mut floor, mut of_floor) = (None, Ok(Vec::new()));
        // One untimed round first: `repeat` and `hot` start from what the scenario itself leaves.
        for round in 0..=self.setting.rounds {
            for ((contender, _), runs) in ready.iter_mut().zip(&mut runs) {
                let Ok(done) = runs else { continue };
                match contender.measure(scenario, &self.registry) {
                    Ok(run) if round > 0 => done.push(run),
                    Ok(_) => {}
                    Err(error) => *runs = Err(format!("{error:#}")),
                }
                contender.sweep();
            }
            if round == 0 {
                floor = self.floor(ready, scenario, fixture);
                continue;
            }
            if let (Some(floor), Ok(runs)) = (&mut floor, &mut of_floor) {
                self.registry.slow(scenario.far);
                match floor.measure(&self.registry.url, scenario.far) {
                    Ok(run) => runs.push(run),
                    Err(error) => of_floor = Err(format!("{error:#}")),
                }
                self.registry.slow(false);
                floor.sweep();
            }
            let names = ready.iter().map(|(contender, _)| contender.name.as_str());
            for (name, runs) in names.zip(&runs).chain(floor.as_ref().map(|_| (FLOOR, &of_floor))) {
                let measured = runs.as_ref().ok().and_then(|runs| Summary::of(runs));
                let failed = runs.as_ref().err().cloned();
                if measured.is_some() || failed.is_some() {
                    let row = empty_row(fixture, scenario.name, name);
                    self.results.put(Row { measured, failed, ..row });
                }
            }
            self.results.write(&self.setting.json)?;
        }
        Ok(())
    }
}

fn empty_row(fixture: &Fixture, scenario: &str, contender: &str) -> Row {
    let [fixture, scenario, contender] = [&fixture.name, scenario, contender].map(ToOwned::to_owned);
    Row { fixture, scenario, contender, measured: None, failed: None }
}
