//! An installer under measurement: its project, store and cache in folders of its own, and how it is run.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, Result, bail, ensure};
use wait4::Wait4 as _;

use crate::registry::Registry;

/// What is measured, in the order of the table.
pub(crate) const SCENARIOS: [&str; 7] = [
    "repeat",
    "restore hot/hot",
    "install hot/hot",
    "install cold metadata, hot store",
    "restore cold/cold",
    "install cold/cold",
    "install cold/cold, 50 ms 200 Mbit/s",
];

/// One timed run.
pub(crate) struct Run {
    /// Wall clock, milliseconds.
    pub(crate) wall: f64,
    /// User and system time, milliseconds.
    pub(crate) cpu: f64,
    /// Peak resident memory, MiB.
    pub(crate) peak: f64,
    /// Requests for packuments and tarballs.
    pub(crate) requests: (u64, u64),
}

/// An installer and its folders.
pub(crate) struct Contender {
    /// As given: `bun`, `pnpm-gvs`.
    pub(crate) name: String,
    program: PathBuf,
    folder: PathBuf,
    wanted: Vec<String>,
    aside: u32,
}

impl Contender {
    /// Prepares `folder` with the fixture's package.json and the contender's configuration.
    pub(crate) fn new(name: &str, program: &Path, folder: &Path, fixture: &Path, registry: &str) -> Result<Self> {
        let program = fs::canonicalize(program).with_context(|| format!("{}", program.display()))?;
        let project = folder.join("project");
        fs::create_dir_all(&project)?;
        fs::create_dir_all(folder.join("home"))?;
        let manifest = fs::read_to_string(fixture.join("package.json")).context("package.json of the fixture")?;
        fs::write(project.join("package.json"), &manifest)?;
        let manifest: serde_json::Value = serde_json::from_str(&manifest)?;
        let wanted = ["dependencies", "devDependencies"].iter().filter_map(|field| manifest[field].as_object());
        let wanted = wanted.flat_map(|field| field.keys().cloned()).collect();
        let (store, cache) = (folder.join("store"), folder.join("cache"));
        let (store, cache) = (store.display(), cache.display());
        let (file, text) = if name.starts_with("bun") {
            let linker = if name == "bun-hoisted" { "hoisted" } else { "isolated" };
            let global = if name == "bun-global" { "globalStore = true\n" } else { "" };
            let text = format!("linker = \"{linker}\"\n{global}[install.cache]\ndir = \"{cache}\"\n");
            ("bunfig.toml", format!("[install]\nregistry = \"{registry}\"\n{text}"))
        } else {
            let global = name.ends_with("-gvs");
            let text = "minimumReleaseAge: 0\ntrustLockfile: true\nstrictDepBuilds: false\n";
            let text = format!("{text}enableGlobalVirtualStore: {global}\nstoreDir: {store}\ncacheDir: {cache}\n");
            ("pnpm-workspace.yaml", text)
        };
        fs::write(project.join(file), text)?;
        fs::write(project.join(".npmrc"), format!("registry={registry}\n"))?;
        Ok(Self { name: name.to_owned(), program, folder: folder.to_owned(), wanted, aside: 0 })
    }

    fn lockfile(&self) -> &'static str {
        if self.name.starts_with("bun") { "bun.lock" } else { "pnpm-lock.yaml" }
    }

    /// The first, untimed run: fills store and cache, keeps the lockfile for restores, warms the registry.
    pub(crate) fn seed(&self, registry: &Registry) -> Result<()> {
        self.run(false, registry)?;
        let lockfile = self.lockfile();
        fs::copy(self.folder.join("project").join(lockfile), self.folder.join(lockfile)).context("no lockfile")?;
        Ok(())
    }

    /// One run of a scenario, prepared, timed, and checked to have done its work.
    pub(crate) fn measure(&mut self, scenario: &str, registry: &Registry) -> Result<Run> {
        let (restore, cold) = (scenario.starts_with("restore"), scenario.contains("cold/cold"));
        self.prepare(scenario, restore, cold)?;
        registry.counts();
        let run = self.run(restore, registry)?;
        ensure!(!cold || run.requests.1 > 0, "a cold run that asked for no tarball");
        ensure!(!scenario.ends_with("hot/hot") || run.requests.1 == 0, "a hot run that asked for tarballs");
        ensure!(!scenario.starts_with("install cold") || run.requests.0 > 0, "cold metadata was not asked for");
        Ok(run)
    }

    fn prepare(&mut self, scenario: &str, restore: bool, cold: bool) -> Result<()> {
        if scenario == "repeat" {
            return Ok(());
        }
        let lockfile = self.lockfile();
        let mut gone = vec!["project/node_modules".into(), format!("project/{lockfile}")];
        if cold {
            gone.extend(["store".into(), "cache".into(), "home".into()]);
        } else if scenario.contains("cold metadata") {
            gone.extend(self.metadata()?);
        }
        self.aside += 1;
        let aside = self.folder.join(format!("aside/{}", self.aside));
        fs::create_dir_all(&aside)?;
        for (at, name) in gone.iter().enumerate() {
            let from = self.folder.join(name);
            if from.symlink_metadata().is_ok() {
                fs::rename(from, aside.join(at.to_string()))?;
            }
        }
        fs::create_dir_all(self.folder.join("home"))?;
        if restore {
            fs::copy(self.folder.join(lockfile), self.folder.join("project").join(lockfile))?;
        }
        Ok(())
    }

    /// Where cached metadata lies; bun keeps it as `*.npm` beside the packages.
    fn metadata(&self) -> Result<Vec<String>> {
        if !self.name.starts_with("bun") {
            return Ok(vec!["cache".into()]);
        }
        let names = fs::read_dir(self.folder.join("cache"))?.flatten().map(|entry| entry.file_name());
        let names = names.filter_map(|name| name.into_string().ok()).filter(|name| name.ends_with(".npm"));
        Ok(names.map(|name| format!("cache/{name}")).collect())
    }

    /// Deletes the old trees, between rounds and untimed.
    pub(crate) fn sweep(&self) {
        fs::remove_dir_all(self.folder.join("aside")).ok();
    }

    fn run(&self, frozen: bool, registry: &Registry) -> Result<Run> {
        let (project, home) = (self.folder.join("project"), self.folder.join("home"));
        let log = self.folder.join("output.log");
        let output = fs::File::create(&log)?;
        let result = self.folder.join("measured");
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(RUN_ONE).arg(&result).arg(&self.program);
        command.args(["install", "--ignore-scripts"]).current_dir(&project).env_remove("CI").env("HOME", &home);
        command.env("XDG_DATA_HOME", home.join("data")).env("XDG_CACHE_HOME", home.join("cache"));
        command.env("XDG_STATE_HOME", home.join("state")).env("PNPM_HOME", &home);
        if frozen {
            command.arg("--frozen-lockfile");
        } else if !self.name.starts_with("bun") {
            command.arg("--no-frozen-lockfile");
        }
        command.stdin(Stdio::null()).stderr(output.try_clone()?).stdout(output);
        let ended = command.status()?;
        if !ended.success() {
            let said = fs::read_to_string(log).unwrap_or_default();
            bail!("{}: {}", ended, said.trim().lines().next_back().unwrap_or_default());
        }
        let missing = self.wanted.iter().find(|name| !project.join("node_modules").join(name).exists());
        ensure!(missing.is_none(), "{missing:?} is not in node_modules");
        let measured: Vec<f64> = serde_json::from_slice(&fs::read(result)?)?;
        let [wall, cpu, peak] = measured[..] else { bail!("the measurement is not readable") };
        Ok(Run { wall, cpu, peak, requests: registry.counts() })
    }
}

/// The first argument of the copy of this program that starts a contender: Linux counts the size of the process that
/// starts another as the other's peak, and this one holds the registry.
pub(crate) const RUN_ONE: &str = "run-one";

/// Runs a program, writes wall clock, CPU time and peak memory to `result`, and passes on whether it succeeded.
pub(crate) fn run_one(result: &str, program: &str, arguments: &[String]) -> Result<bool> {
    let start = Instant::now();
    let ended = Command::new(program).args(arguments).spawn()?.wait4()?;
    let wall = start.elapsed().as_secs_f64() * 1000.0;
    let cpu = (ended.rusage.utime + ended.rusage.stime).as_secs_f64() * 1000.0;
    let peak = ended.rusage.maxrss as f64 / 1024.0 / 1024.0;
    fs::write(result, serde_json::to_vec(&[wall, cpu, peak])?)?;
    Ok(ended.status.success())
}
