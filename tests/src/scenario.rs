//! Scenarios as data: a world of packages, a project, and steps. The lockfile expected after a step stands in a file
//! beside the scenario, `<name>.<step>.lock.yaml`; the parity tool writes it from what the real pnpm 12 made, never a
//! person.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use host::{
    cli, commands,
    config::{Config, Environment, LockfileUse, edit, environment},
    engine::{self, Intent},
    platform::Platform,
};
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    plugin::{self, Plugin},
    project::Project,
    registry::Registry,
    web::{Proxy, Web},
    world::World,
};

/// A scenario.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Scenario {
    /// The behaviour it shows, one sentence.
    pub about: String,
    /// What the registry has.
    pub world: World,
    /// The project: path to text, or to a mapping that is written as JSON.
    pub files: IndexMap<String, Value>,
    /// Environment besides the release age, which is 0 unless named here; what is empty is not set.
    #[serde(default)]
    pub env: IndexMap<String, String>,
    /// Hosts besides the registry, reached through a proxy of this process.
    #[serde(default)]
    pub web: Web,
    /// What a plugin resolves; for pnpm a custom resolver does.
    #[serde(default)]
    pub plugin: Plugin,
    /// What happens.
    pub steps: Vec<Step>,
    /// Its name: the file's, without ending.
    #[serde(skip)]
    pub name: String,
}

/// One step. Changes come first, then the install.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Step {
    /// Packages that the registry now has instead of what it had under these names.
    pub publish: World,
    /// What hosts have from now on.
    pub web: Web,
    /// Files written before the install.
    pub write: IndexMap<String, Value>,
    /// Files and folders removed before the install.
    pub remove: Vec<String>,
    /// Arguments after `install`.
    pub install: Vec<String>,
    /// Another command with its words, in place of `install`: `update a`, `add b@^1`.
    pub run: String,
    /// The folder in which it is run; none: the project's.
    pub folder: String,
    /// The error code it ends with; none: it succeeds.
    pub fails: Option<String>,
    /// Words of pnpm's error, where it prints no code.
    pub pnpm_says: Option<String>,
}

/// The folder of those in which other hosts take part.
const HOSTED: &str = "hosted";

/// The folder of those in which a plugin takes part.
const WITH_PLUGIN: &str = "plugin";

/// Where the scenarios are.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// All scenarios of the registry alone, by name.
///
/// # Panics
/// If one cannot be read: a scenario is part of the test.
#[must_use]
pub fn all() -> Vec<Scenario> {
    within(&folder())
}

/// All scenarios in which other hosts take part, by name.
///
/// # Panics
/// If one cannot be read: a scenario is part of the test.
#[must_use]
pub fn hosted() -> Vec<Scenario> {
    within(&folder().join(HOSTED))
}

/// All scenarios in which a plugin takes part, by name.
///
/// # Panics
/// If one cannot be read: a scenario is part of the test.
#[must_use]
pub fn with_plugin() -> Vec<Scenario> {
    within(&folder().join(WITH_PLUGIN))
}

fn within(folder: &Path) -> Vec<Scenario> {
    let mut found: Vec<Scenario> = fs::read_dir(folder)
        .expect("the scenarios lie beside this crate's source")
        .map(|entry| entry.expect("a folder can be listed").path())
        .filter(|path| path.to_string_lossy().ends_with(".yaml") && !path.to_string_lossy().ends_with(".lock.yaml"))
        .map(|path| read(&path))
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// The scenario of a file.
///
/// # Panics
/// If it cannot be read.
#[must_use]
pub fn read(path: &Path) -> Scenario {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut scenario: Scenario =
        serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    scenario.name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    scenario
}

impl Scenario {
    /// A fresh registry and a fresh project for this scenario.
    #[must_use]
    pub fn start(&self, binary: impl Into<PathBuf>) -> (Registry, Project) {
        let registry = Registry::start(self.world.clone());
        registry.max_age(0); // a publish between two steps is seen
        let project = Project::new(&registry.url, binary);
        write_files(&project, &self.files);
        (registry, project)
    }

    /// The hosts besides the registry, and the environment in which they are reached; none if it has none.
    #[must_use]
    pub fn serve(&self, project: &Project) -> Option<(Proxy, Vec<(String, String)>)> {
        let later: Vec<&Web> = self.steps.iter().map(|step| &step.web).collect();
        (self.web != Web::default()).then(|| self.web.serve(&later, project))
    }

    /// Gives pnpm the custom resolvers that stand for the plugin, if there is one.
    pub fn play_plugin(&self, project: &Project) {
        if !self.plugin.is_empty() {
            project.write(".pnpmfile.cjs", &plugin::pnpmfile(&self.plugin));
        }
    }

    /// Makes the changes of a step, without its install.
    ///
    /// # Panics
    /// If a file or folder cannot be removed.
    pub fn prepare(&self, step: &Step, registry: &Registry, project: &Project, world: &mut World) {
        if !step.publish.is_empty() {
            world.extend(step.publish.clone());
            registry.publish(world.clone());
        }
        write_files(project, &step.write);
        for path in &step.remove {
            let path = project.dir().join(path);
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }

    /// The environment of every install of this scenario; what is empty is not set.
    #[must_use]
    pub fn environment(&self) -> IndexMap<String, String> {
        let mut environment = IndexMap::from([("PNPM_CONFIG_MINIMUM_RELEASE_AGE".to_owned(), "0".to_owned())]);
        environment.extend(self.env.clone());
        environment.retain(|_, value| !value.is_empty());
        environment
    }

    /// A digest of all that a program is given.
    #[must_use]
    pub fn digest(&self) -> String {
        let step = |step: &Step| match step.run.is_empty() {
            true => json!([step.publish, step.write, step.remove, step.install]),
            false => json!([step.publish, step.write, step.remove, step.install, step.run, step.folder]),
        };
        let steps: Vec<Value> = self.steps.iter().map(step).collect();
        let given = json!([self.world, self.files, self.environment(), steps]).to_string();
        Sha256::digest(given).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What stands on disk before the install of a step, as the program sees it, and how it treats the lockfile.
    ///
    /// # Panics
    /// If the program would refuse the arguments or the configuration.
    #[must_use]
    pub fn load(&self, step: &Step, registry: &Registry, project: &Project) -> (engine::Project, LockfileUse) {
        let words = step.words().into_iter().map(str::to_owned).collect();
        let mut variables = BTreeMap::from([
            ("HOME".to_owned(), project.home().display().to_string()),
            ("PNPM_CONFIG_STORE_DIR".to_owned(), project.store().display().to_string()),
            ("PNPM_CONFIG_CACHE_DIR".to_owned(), project.cache().display().to_string()),
            ("PNPM_CONFIG_REGISTRY".to_owned(), registry.url.clone()),
        ]);
        variables.extend(self.environment());
        let environment =
            Environment { cwd: step.place(project), now: environment::now(), variables, ..Environment::default() };
        let invocation = cli::parse(words).unwrap_or_else(|error| panic!("{}: {:?}", self.name, error.0));
        let mut config =
            Config::load(&invocation, &environment).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let lockfile = fs::read_to_string(project.dir().join("pnpm-lock.yaml")).ok();
        if let Some(text) = &lockfile {
            config.settings.lockfile.branches = branches(&config);
            if config.install.lockfile.is_frozen() {
                config.settings.selection.importers = config.project.part_of(text);
            }
        }
        let installs = if config.install.repair { Intent::Fix } else { Intent::Install };
        let intent = commands::intent(&config).unwrap_or_else(|refused| panic!("{}: {refused:?}", self.name));
        config.settings.saving = commands::saving(&config);
        let mode = if intent.is_some() { LockfileUse::Resolve } else { config.install.lockfile };
        let importers = config.project.importers.iter();
        let given = engine::Project {
            importers: importers.map(|it| (it.id.clone(), it.manifest.text.to_string())).collect(),
            lockfile,
            settings: config.settings,
            platform: Platform {
                os: "linux".into(),
                cpu: "x64".into(),
                libc: Some("glibc".into()),
                node: Some("22.0.0".into()),
            },
            intent: intent.unwrap_or(installs),
        };
        (given, mode)
    }

    /// Whether commands other than `install` are run, which change more than the lockfile.
    #[must_use]
    pub fn has_commands(&self) -> bool {
        self.steps.iter().any(|step| !step.run.is_empty())
    }

    /// What a step is compared by: the lockfile, and where commands are run the files that these write as well.
    #[must_use]
    pub fn made(&self, registry: &Registry, project: &Project) -> String {
        let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
        let mut text = read(&project.dir().join("pnpm-lock.yaml"));
        if self.has_commands() {
            for path in written_files(&project.dir()) {
                let name = path.strip_prefix(project.dir()).unwrap_or(&path).display().to_string();
                text += &format!("--- {name}\n{}", read(&path));
            }
        }
        without_port(&text, registry)
    }

    /// Writes what a resolution saves besides the lockfile.
    ///
    /// # Panics
    /// If the settings file cannot be changed in place.
    pub fn save(&self, saved: &engine::Saved, project: &Project) {
        for (id, text) in &saved.manifests {
            project.write(&format!("{id}/package.json"), text);
        }
        if !saved.catalogs.is_empty() {
            let text = fs::read_to_string(project.dir().join("pnpm-workspace.yaml")).unwrap_or_default();
            let changed = edit::set_catalogs(&text, &saved.catalogs);
            project.write("pnpm-workspace.yaml", &changed.unwrap_or_else(|error| panic!("{}: {error}", self.name)));
        }
    }

    /// Where what is expected after a step stands.
    #[must_use]
    pub fn expected(&self, step: usize) -> PathBuf {
        let folder = match (self.web == Web::default(), self.plugin.is_empty()) {
            (true, true) => folder(),
            (true, false) => folder().join(WITH_PLUGIN),
            (false, _) => folder().join(HOSTED),
        };
        let ending = if self.has_commands() { "files.txt" } else { "lock.yaml" };
        folder.join(format!("{}.{step}.{ending}", self.name))
    }
}

impl Step {
    /// The command line of the step, without the program.
    #[must_use]
    pub fn words(&self) -> Vec<&str> {
        let command = if self.run.is_empty() { "install" } else { self.run.as_str() };
        let ignore_scripts =
            if command.starts_with("remove") { "--config.ignore-scripts=true" } else { "--ignore-scripts" };
        let words = command.split_whitespace().chain([ignore_scripts]);
        words.chain(self.install.iter().map(String::as_str)).collect()
    }

    /// The folder in which it is run.
    #[must_use]
    pub fn place(&self, project: &Project) -> PathBuf {
        project.dir().join(&self.folder)
    }
}

/// The manifests of a workspace and its settings, in order.
fn written_files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            match path.is_dir() {
                true if name != "node_modules" => folders.push(path),
                false if name == "package.json" || name == "pnpm-workspace.yaml" => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// The lockfiles of branches that are merged into the common one.
fn branches(config: &Config) -> BTreeMap<String, String> {
    let paths = config.project.branch_lockfiles().expect("the project's folder can be listed");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path.file_name().unwrap_or_default().to_string_lossy().into_owned(), text)
    };
    paths.into_iter().map(read).collect()
}

/// A lockfile with a name of the registry that is the same in every run.
#[must_use]
pub fn without_port(lockfile: &str, registry: &Registry) -> String {
    lockfile.replace(&registry.url, "http://registry.example/")
}

fn write_files(project: &Project, files: &IndexMap<String, Value>) {
    for (path, content) in files {
        let text = match content {
            Value::String(text) => text.clone(),
            data => format!("{data:#}\n"),
        };
        project.write(path, &text);
    }
}
