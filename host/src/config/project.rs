//! Finds the project: its root, its workspace, and the projects in it. One walk over the folders that a pattern can
//! match; symbolic links to folders are never followed, `node_modules` and `bower_components` never entered.

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};
use wit::ImporterId;

use super::{
    ConfigError, branch, files,
    manifest::{self, Manifest},
    pattern::{Patterns, Progress},
};

mod partial;
mod scalars;

/// The name of the lockfile.
const LOCKFILE: &str = "pnpm-lock.yaml";
/// More folders than these are not looked at in one workspace.
const MAX_FOLDERS: usize = 200_000;
/// More projects than these are not installed at once.
const MAX_PROJECTS: usize = 20_000;
/// Larger settings files are refused; bytes.
const MAX_YAML_BYTES: u64 = 4 * 1024 * 1024;

/// What is installed.
#[derive(Debug, Clone)]
pub struct Project {
    /// The folder of `pnpm-lock.yaml` and `pnpm-workspace.yaml`: the workspace's, else the project's. Absolute.
    pub root: PathBuf,
    /// The folder of `pnpm-workspace.yaml`: `root`, or one above it where each project has a lockfile of its own.
    pub workspace: PathBuf,
    /// The folder of the project that the command was started in: `root`, or one below it.
    pub dir: PathBuf,
    /// Each project has a lockfile and a tree of its own (`sharedWorkspaceLockfile: false`).
    pub has_own_lockfiles: bool,
    /// There is a `pnpm-workspace.yaml` with `packages`.
    pub is_workspace: bool,
    /// The text of `pnpm-workspace.yaml`, as this run has read it.
    pub settings_text: Option<String>,
    /// The name of the lockfile: `pnpm-lock.yaml`, or with `gitBranchLockfile` one with the branch in it.
    pub lockfile_name: String,
    /// The lockfiles of all branches are merged into that one (`mergeGitBranchLockfiles`).
    pub merges_branches: bool,
    /// The projects, `.` first, then by folder.
    pub importers: Vec<Importer>,
}

/// One project of the workspace.
#[derive(Debug, Clone)]
pub struct Importer {
    /// Its folder relative to the root.
    pub id: ImporterId,
    /// Its folder, absolute.
    pub dir: PathBuf,
    /// Its `package.json`.
    pub manifest: Manifest,
    /// The file is not there yet: a command begins the project.
    pub is_new: bool,
}

impl Project {
    /// The path of the lockfile.
    #[must_use]
    pub fn lockfile(&self) -> PathBuf {
        self.root.join(&self.lockfile_name)
    }

    /// The path that is read: a branch that has no lockfile of its own yet begins with the common one.
    #[must_use]
    pub fn lockfile_to_read(&self) -> PathBuf {
        let own = self.lockfile();
        if own.exists() { own } else { self.root.join(LOCKFILE) }
    }

    /// The lockfiles of branches that are to be merged into the common one, in the order in which they are.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn branch_lockfiles(&self) -> io::Result<Vec<PathBuf>> {
        if self.merges_branches { branch::lockfiles(&self.root) } else { Ok(Vec::new()) }
    }

    /// Whether there are lockfiles of branches to be merged, or it cannot be told.
    #[must_use]
    pub fn merges_lockfiles(&self) -> bool {
        self.branch_lockfiles().map_or(true, |paths| !paths.is_empty())
    }

    /// The root's own project, if it has a manifest.
    #[must_use]
    pub fn root_importer(&self) -> Option<&Importer> {
        self.importers.first().filter(|importer| importer.id.as_str() == ".")
    }
}

/// The folders a command is about, before their projects are read.
#[derive(Debug)]
pub struct Place {
    /// As [`Project::root`].
    pub root: PathBuf,
    /// As [`Project::dir`].
    pub dir: PathBuf,
    /// What `<root>/pnpm-workspace.yaml` says.
    pub settings: Option<Map<String, Value>>,
    /// In these words.
    pub text: Option<String>,
}

impl Place {
    /// A folder in which there is nothing yet.
    #[must_use]
    pub fn new(dir: PathBuf) -> Self {
        Self { root: dir.clone(), dir, settings: None, text: None }
    }
}

/// Finds the folders: the nearest one upwards with a manifest or a workspace, and the workspace it belongs to. A
/// project that the nearest workspace does not list is one by itself, and nothing of the workspace is meant for it.
///
/// # Errors
/// There is neither, or a settings file is broken.
pub fn locate(start: &Path) -> Result<Place, ConfigError> {
    let dir =
        start.ancestors().find(|dir| dir.join("package.json").is_file() || dir.join("pnpm-workspace.yaml").is_file());
    let Some(dir) = dir else { return Err(manifest::missing(start)) };
    for root in dir.ancestors() {
        let Some(text) = read_settings(&root.join("pnpm-workspace.yaml"))? else { continue };
        let settings = parse_yaml(&root.join("pnpm-workspace.yaml"), &text)?;
        // Without `packages` the file holds settings of the project beside it, and of no other.
        if root != dir && settings.contains_key("packages") && !lists(root, &settings, dir)? {
            break;
        }
        if root == dir || settings.contains_key("packages") {
            let (root, dir) = (root.to_path_buf(), dir.to_path_buf());
            return Ok(Place { root, dir, settings: Some(settings), text: Some(text) });
        }
    }
    Ok(Place::new(dir.to_path_buf()))
}

/// Whether a folder with a manifest is a project of the workspace above it.
fn lists(root: &Path, settings: &Map<String, Value>, dir: &Path) -> Result<bool, ConfigError> {
    let Some(patterns) = patterns(settings)? else { return Ok(true) };
    let path: Option<Vec<&str>> = dir
        .strip_prefix(root)
        .unwrap_or(dir)
        .iter()
        .map(|name| name.to_str().filter(|name| !is_closed(name)))
        .collect();
    let Some(path) = path else { return Ok(false) };
    let progress = path.iter().fold(patterns.start(), |progress, name| patterns.step(&progress, name));
    Ok(patterns.matches(&progress, &path))
}

/// What `packages` says; `None`: it is no list.
fn patterns(settings: &Map<String, Value>) -> Result<Option<Patterns>, ConfigError> {
    let Some(list) = settings.get("packages").and_then(Value::as_array) else { return Ok(None) };
    let list: Vec<String> = list.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect();
    Patterns::parse(&list).map(Some)
}

/// Whether no project is looked for in folders of this name.
fn is_closed(name: &str) -> bool {
    name == "node_modules" || name == "bower_components"
}

/// Reads the manifests of all projects; `begun` is the text of the root's, should it have none.
///
/// # Errors
/// There is none, one is broken, or a pattern is not valid.
pub fn discover(place: &Place, begun: Option<String>) -> Result<Project, ConfigError> {
    let patterns = place.settings.as_ref().map(patterns).transpose()?.flatten();
    let is_workspace = patterns.is_some();
    let mut importers = Vec::new();
    if let Some(manifest) = manifest::read(&place.root)? {
        importers.push(importer(&place.root, &[], manifest)?);
    } else if let Some(text) = begun {
        let manifest = manifest::parse(&place.root.join("package.json"), &text)?;
        importers.push(Importer { is_new: true, ..importer(&place.root, &[], manifest)? });
    }
    if let Some(patterns) = patterns {
        let mut walk = Walk { root: &place.root, patterns, folders: 0, importers };
        let start = walk.patterns.start();
        walk.below(&place.root, &mut Vec::new(), &start)?;
        importers = walk.importers;
        importers.sort_by(|a, b| (a.id.as_str() != ".", &a.dir).cmp(&(b.id.as_str() != ".", &b.dir)));
    }
    if importers.is_empty() {
        return Err(manifest::missing(&place.root));
    }
    Ok(Project {
        root: place.root.clone(),
        workspace: place.root.clone(),
        dir: place.dir.clone(),
        has_own_lockfiles: false,
        is_workspace,
        settings_text: place.text.clone(),
        lockfile_name: LOCKFILE.to_owned(),
        merges_branches: false,
        importers,
    })
}

/// Reads a settings file: a mapping, or nothing.
///
/// # Errors
/// It cannot be read, or is not a mapping.
pub fn read_yaml(path: &Path) -> Result<Option<Map<String, Value>>, ConfigError> {
    read_settings(path)?.map(|text| parse_yaml(path, &text)).transpose()
}

/// The text of a settings file.
///
/// # Errors
/// It cannot be read.
pub(crate) fn read_settings(path: &Path) -> Result<Option<String>, ConfigError> {
    files::read_text(path, MAX_YAML_BYTES, "a settings file may have 4 MiB")
}

/// Reads the text of a settings file; `path` is for what is said of it.
///
/// # Errors
/// It is not a mapping.
pub(crate) fn parse_yaml(path: &Path, text: &str) -> Result<Map<String, Value>, ConfigError> {
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    let broken = |reason: String| ConfigError::BrokenYaml { path: path.to_path_buf(), reason };
    // `y`, `no` and the like are texts, as for pnpm.
    match serde_saphyr::from_str_with_options(text, serde_saphyr::options! { strict_booleans: true }) {
        Ok(Value::Object(settings)) => Ok(scalars::as_written(text, settings)),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err(broken("it is not a mapping of settings".to_owned())),
        Err(error) => Err(broken(error.to_string().lines().next().unwrap_or_default().to_owned())),
    }
}

struct Walk<'a> {
    root: &'a Path,
    patterns: Patterns,
    folders: usize,
    importers: Vec<Importer>,
}

impl Walk<'_> {
    fn below(&mut self, dir: &Path, path: &mut Vec<String>, progress: &Progress) -> Result<(), ConfigError> {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(ConfigError::Read { path: dir.to_path_buf(), source }),
        };
        for entry in entries {
            let entry = entry.map_err(|source| ConfigError::Read { path: dir.to_path_buf(), source })?;
            // The entry's own type: a link to a folder is no folder.
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let Ok(name) = entry.file_name().into_string() else { continue };
            if is_closed(&name) {
                continue;
            }
            let next = self.patterns.step(progress, &name);
            if Patterns::is_dead(&next) {
                continue;
            }
            path.push(name);
            self.visit(&entry.path(), path, &next)?;
            path.pop();
        }
        Ok(())
    }

    fn visit(&mut self, dir: &Path, path: &mut Vec<String>, progress: &Progress) -> Result<(), ConfigError> {
        self.folders += 1;
        let too_large = |limit| Err(ConfigError::WorkspaceTooLarge { root: self.root.to_path_buf(), limit });
        if self.folders > MAX_FOLDERS {
            return too_large("more than 200,000 folders can match");
        }
        if self.importers.len() > MAX_PROJECTS {
            return too_large("it has more than 20,000 projects");
        }
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        if self.patterns.matches(progress, &names)
            && let Some(manifest) = manifest::read(dir)?
        {
            self.importers.push(importer(dir, &names, manifest)?);
        }
        if self.patterns.lead_on(progress) { self.below(dir, path, progress) } else { Ok(()) }
    }
}

fn importer(dir: &Path, path: &[&str], manifest: Manifest) -> Result<Importer, ConfigError> {
    let id = if path.is_empty() { ".".to_owned() } else { path.join("/") };
    let id = ImporterId::parse(&id)
        .map_err(|error| ConfigError::BadPath { path: dir.to_path_buf(), reason: error.to_string() })?;
    Ok(Importer { id, dir: dir.to_path_buf(), manifest, is_new: false })
}

#[cfg(test)]
mod tests;
