//! An installer under measurement: its project, store and cache in folders of its own, how a run is prepared, and the
//! check that it did its work.

pub(crate) mod kind;
mod run;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use kind::{Kind, Layout, Places, Tool};
pub(crate) use run::{RUN_ONE, Run, run_one};

use crate::{
    fixture::Fixture,
    registry::{Asked, Registry},
    scenario::{RESTORE_COLD, Scenario, Start},
};

/// An installer and its folders.
pub(crate) struct Contender {
    /// As given: `bun`, `pnpm-gvs`.
    pub(crate) name: String,
    kind: Kind,
    program: PathBuf,
    folder: PathBuf,
    members: Vec<String>,
    wanted: Vec<(String, String)>,
    /// The files that change when a dependency is added: path, text before, text after.
    added: Vec<(String, String, String)>,
    seed: Option<Seed>,
    aside: u32,
}

/// What the first run left and asked for: later runs are held to it.
struct Seed {
    lockfile: &'static str,
    text: String,
    /// Paths of the packuments that a run without a lockfile asks for, and of the tarballs that are needed.
    asked: Asked,
}

impl Contender {
    /// Prepares `folder` with the fixture's project and the contender's configuration.
    pub(crate) fn new(
        name: &str,
        program: &Path,
        folder: &Path,
        fixture: &Fixture,
        registry: &Registry,
    ) -> Result<Self> {
        let kind = Kind::of(name).context("no such contender")?;
        let program = fs::canonicalize(program).with_context(|| format!("{}", program.display()))?;
        fs::create_dir_all(folder.join("home"))?;
        let path = |name: &str| folder.join(name).display().to_string();
        let (store, cache, home) = (path("store"), path("cache"), path("home"));
        let places = Places { registry: &registry.url, store: &store, cache: &cache, home: &home };
        let files = kind.files(fixture, places)?;
        for (file, text) in &files {
            let file = folder.join("project").join(file);
            fs::create_dir_all(file.parent().context("a file is in a folder")?)?;
            fs::write(file, text)?;
        }
        let before = fixture.with_one_less().map(|less| kind.files(&less, places)).transpose()?;
        let pairs = before.into_iter().flatten().zip(files).filter(|(before, after)| before != after);
        let added = pairs.map(|((path, before), (_, after))| (path, before, after)).collect();
        Ok(Self {
            name: name.to_owned(),
            kind,
            program,
            folder: folder.to_owned(),
            members: fixture.members().map(ToOwned::to_owned).collect(),
            wanted: fixture.wanted(),
            added,
            seed: None,
            aside: 0,
        })
    }

    /// What the program says of its version.
    pub(crate) fn version(&self) -> Option<String> {
        let output = std::process::Command::new(&self.program)
            .arg("--version")
            .current_dir(&self.folder)
            .env("HOME", self.folder.join("home"))
            .output()
            .ok()?;
        let said = String::from_utf8(output.stdout).ok()?;
        said.split_whitespace().last().filter(|_| output.status.success()).map(ToOwned::to_owned)
    }

    /// The first, untimed runs: one without a lockfile, which is kept for restores, and one of it with nothing else,
    /// which tells how many tarballs are needed. They fill the store and warm the registry.
    pub(crate) fn seed(&mut self, registry: &Registry) -> Result<()> {
        registry.counts();
        let asked = self.run(false, registry)?.requests.1;
        let packuments = registry.counted().packuments;
        let found = self.kind.lockfiles().iter().find(|name| self.project().join(name).exists());
        let lockfile = *found.context("it wrote no lockfile")?;
        let text = fs::read_to_string(self.project().join(lockfile))?;
        self.seed = Some(Seed { lockfile, text, asked: Asked { packuments, ..Asked::default() } });
        self.prepare(&RESTORE_COLD, registry)?;
        registry.counts();
        let needed = self.run(true, registry)?.requests.1;
        // Without a lockfile some are fetched that turn out not to be needed, but never most.
        ensure!(needed * 2 >= asked, "a restore asked for {needed} tarballs, the first run for {asked}");
        self.seed.iter_mut().for_each(|seed| seed.asked.tarballs = registry.counted().tarballs);
        self.check_tree()
    }

    /// One run of a scenario, prepared, timed, and checked to have done its work.
    pub(crate) fn measure(&mut self, scenario: &Scenario, registry: &Registry) -> Result<Run> {
        self.prepare(scenario, registry)?;
        registry.slow(scenario.far);
        registry.counts();
        let run = self.run(scenario.start == Start::Lockfile, registry);
        registry.slow(false);
        let run = run?;
        let seed = self.seed.as_ref().context("it was not seeded")?;
        check_requests(scenario, run.requests, seed.asked.tarballs.len() as u64)?;
        let text = fs::read_to_string(self.project().join(seed.lockfile)).context("the lockfile is gone")?;
        ensure!(text == seed.text, "another lockfile than in the first run");
        self.check_tree()?;
        Ok(run)
    }

    /// Every dependency of every project is there, with its manifest.
    fn check_tree(&self) -> Result<()> {
        let missing = self.wanted.iter().find(|(folder, name)| {
            let at = |folder: &str| self.project().join(folder).join("node_modules").join(name).join("package.json");
            !at(folder).exists() && !at(".").exists()
        });
        match missing {
            Some((folder, name)) => bail!("{name} of {folder} is not in node_modules"),
            None => Ok(()),
        }
    }

    fn prepare(&mut self, scenario: &Scenario, registry: &Registry) -> Result<()> {
        match scenario.start {
            Start::Installed => return Ok(()),
            Start::OneLess => {
                ensure!(!self.added.is_empty(), "the fixture has no dependency to add");
                for (path, before, _) in &self.added {
                    fs::write(self.project().join(path), before)?;
                }
                self.run(false, registry)?;
                for (path, _, after) in &self.added {
                    fs::write(self.project().join(path), after)?;
                }
                return Ok(());
            }
            Start::Lockfile | Start::Manifest => {}
        }
        let mut gone = self.remains();
        if !scenario.hot_store {
            gone.extend(["store", "cache", "home"].map(|name| self.folder.join(name)));
        } else if !scenario.hot_metadata {
            gone.extend(self.metadata()?);
        }
        self.move_aside(&gone)?;
        fs::create_dir_all(self.folder.join("home"))?;
        if let (Start::Lockfile, Some(seed)) = (scenario.start, &self.seed) {
            fs::write(self.project().join(seed.lockfile), &seed.text)?;
        }
        Ok(())
    }

    /// What an install leaves in the project.
    fn remains(&self) -> Vec<PathBuf> {
        let project = self.project();
        let modules = ["."].into_iter().chain(self.members.iter().map(String::as_str));
        let modules = modules.map(|folder| project.join(folder).join("node_modules"));
        let state = project.join(".yarn");
        let lockfiles = self.kind.lockfiles().iter().map(|name| project.join(name));
        modules.chain([state]).chain(lockfiles).collect()
    }

    /// Moves files and folders away: on some disks, creating is slow for seconds after many were deleted.
    fn move_aside(&mut self, gone: &[PathBuf]) -> Result<()> {
        self.aside += 1;
        let aside = self.folder.join(format!("aside/{}", self.aside));
        fs::create_dir_all(&aside)?;
        for (at, from) in gone.iter().enumerate() {
            if from.symlink_metadata().is_ok() {
                fs::rename(from, aside.join(at.to_string()))?;
            }
        }
        Ok(())
    }

    /// Where cached metadata lies; bun keeps it as `*.npm` beside the packages.
    fn metadata(&self) -> Result<Vec<PathBuf>> {
        match self.kind.tool {
            Tool::Pnpm => Ok(vec![self.folder.join("cache")]),
            Tool::Yarn => Ok(vec![self.folder.join("home/yarn/metadata")]),
            Tool::Npm => bail!("it keeps metadata and packages in one cache"),
            Tool::Bun => {
                let names = fs::read_dir(self.folder.join("cache"))?.flatten().map(|entry| entry.path());
                Ok(names.filter(|path| path.extension().is_some_and(|extension| extension == "npm")).collect())
            }
        }
    }

    /// Deletes the old trees, between rounds and untimed.
    pub(crate) fn sweep(&self) {
        fs::remove_dir_all(self.folder.join("aside")).ok();
    }

    /// `node_modules` of its project, if it is isolated as pnpm's is, and what it was made of.
    pub(crate) fn isolated_tree(&self) -> Option<(PathBuf, &Asked)> {
        let isolated = self.kind.tool == Tool::Pnpm && self.kind.layout == Layout::Isolated;
        let seed = self.seed.as_ref().filter(|_| isolated)?;
        Some((self.project().join("node_modules"), &seed.asked))
    }

    fn project(&self) -> PathBuf {
        self.folder.join("project")
    }
}

/// A run asked for what its scenario makes it ask for. `tarballs` are needed by whoever has none.
fn check_requests(scenario: &Scenario, asked: (u64, u64), tarballs: u64) -> Result<()> {
    let (packuments, asked) = asked;
    let (fresh, cold) = (scenario.start == Start::Manifest, !scenario.hot_store);
    ensure!(!cold || asked >= tarballs, "a cold run asked for {asked} tarballs and needs {tarballs}");
    // Some programs fetch a few that they do not need; most means that the store was not hot.
    ensure!(cold || asked * 2 < tarballs.max(1), "a run with all packages in the store asked for {asked} tarballs");
    ensure!(!fresh || scenario.hot_metadata || packuments > 0, "metadata that was not there was not asked for");
    Ok(())
}

#[cfg(test)]
mod tests;
