//! The check that runs before any runtime starts: is everything as the last complete run left it? It reads one small
//! file and stats the inputs; contents are hashed only where times moved. Any doubt means no.

use std::{
    fs::Metadata,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    limited::{self, Links},
    link::{BENCH, LinkError, open_modules},
    state::{MODULES, VIRTUAL_STORE, modules_yaml, record::write, tree::Digest, tree::TREE_FILE, tree::digest},
};

/// The file's name inside `node_modules`.
pub const FILE: &str = ".wasi-pm-state";
const MAGIC: &[u8] = b"wasi-pm state 2\n";
/// The largest file of state or input, bytes: lockfiles of ten thousand packages have some.
const MAX_BYTES: u64 = 64 << 20;

/// What the last complete run was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    /// Of every setting, flag and tool version that may change the outcome.
    pub settings: Digest,
    /// Manifests, lockfile, workspace file, `.npmrc` files: present or not.
    pub files: Vec<Input>,
    /// Folders of the projects, absolute; each has a `node_modules` where `has_modules`.
    pub projects: Vec<Project>,
    /// Files of ours and pnpm's in `node_modules`.
    outputs: Vec<Input>,
    /// Sorted `name@version` of ignored builds, so that a repeated run can say the same.
    pub ignored_builds: Vec<String>,
}

/// A project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Its folder.
    pub folder: PathBuf,
    /// It has dependencies, so its `node_modules` must be there.
    pub has_modules: bool,
    /// What it depends on, by alias: each must lead to a package. One that projects share stands with the first of them.
    /// That no other file of a package was lost would cost an installation to find out.
    pub packages: Vec<String>,
}

/// One file and how it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Where.
    pub path: PathBuf,
    /// `None`: there was none.
    pub seen: Option<Seen>,
}

/// How a file was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    size: u64,
    modified: i128,
    changed: i128,
    inode: u64,
    content: Digest,
}

/// What the check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing has to be done.
    UpToDate {
        /// Sorted `name@version`, as the last run reported them.
        ignored_builds: Vec<String>,
    },
    /// Something may have to be done: why, for the log.
    Stale(String),
}

impl Input {
    /// Looks at a file. `Err` if it is there and cannot be read. What is no regular file counts as empty: `/dev/null`
    /// may stand for an `.npmrc`, and of anything else those say it who want to read it.
    ///
    /// # Errors
    /// As `open(2)` and `read(2)`; if it is larger than 64 MiB.
    pub fn look(path: PathBuf) -> std::io::Result<Self> {
        let (file, length) = match limited::open(&path, Links::Followed) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self { path, seen: None }),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => {
                let seen = Some(Seen::new(&std::fs::metadata(&path)?, digest(&[])));
                return Ok(Self { path, seen });
            }
            Err(error) => return Err(error),
        };
        let before = file.metadata()?;
        let content = digest(&limited::read_open(&file, length, MAX_BYTES)?);
        Ok(Self { path, seen: Some(Seen::new(&before, content)) })
    }

    /// Whether it held exactly this.
    #[must_use]
    pub fn holds(&self, bytes: &[u8]) -> bool {
        self.seen.is_some_and(|seen| seen.size == bytes.len() as u64 && seen.content == digest(bytes))
    }
}

impl Seen {
    fn new(metadata: &Metadata, content: Digest) -> Self {
        Self {
            size: metadata.len(),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
            content,
        }
    }

    /// The same file, untouched: identity and change time too, since a write may put its own mtime back.
    fn same_stats(&self, metadata: &Metadata) -> bool {
        Self::new(metadata, self.content) == *self
    }
}

fn nanoseconds(seconds: i64, rest: i64) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(rest)
}

/// Is everything as `record_inputs` left it? `settings` is compared with the one recorded; `files` and `projects` are
/// what the caller would look at now, so that a new `.npmrc` or project is noticed.
#[must_use]
pub fn check(lockfile_dir: &Path, settings: Digest, files: &[PathBuf], projects: &[PathBuf]) -> Verdict {
    match examine(lockfile_dir, settings, files, projects) {
        Ok(ignored_builds) => Verdict::UpToDate { ignored_builds },
        Err(reason) => Verdict::Stale(reason),
    }
}

fn examine(
    lockfile_dir: &Path,
    settings: Digest,
    files: &[PathBuf],
    projects: &[PathBuf],
) -> Result<Vec<String>, String> {
    let path = lockfile_dir.join(MODULES).join(FILE);
    let mut inputs = read(&path).ok_or("there is no readable state of an earlier run")?;
    if inputs.settings != settings {
        return Err("settings have changed".to_owned());
    }
    if !inputs.projects.iter().map(|project| &project.folder).eq(projects) {
        return Err("the list of projects has changed".to_owned());
    }
    if !inputs.files.iter().map(|input| &input.path).eq(files) {
        return Err("the list of configuration files has changed".to_owned());
    }
    for project in inputs.projects.iter().filter(|project| project.has_modules) {
        let modules = project.folder.join(MODULES);
        if !std::fs::symlink_metadata(&modules).is_ok_and(|metadata| metadata.is_dir()) {
            return Err(format!("{} is missing", modules.display()));
        }
        if let Some(lost) = project.packages.iter().find(|alias| !modules.join(alias).exists()) {
            return Err(format!("{} leads to no package", modules.join(lost).display()));
        }
    }
    if std::fs::symlink_metadata(lockfile_dir.join(MODULES).join(BENCH)).is_ok() {
        return Err("a run that was cut off has left something".to_owned());
    }
    let mut moved = false;
    for input in inputs.files.iter_mut().chain(&mut inputs.outputs) {
        moved |= refresh(input)?;
    }
    if moved {
        // Only times have moved: the next check need not hash again. Where that cannot be written, it will.
        let _ = open_modules(lockfile_dir).and_then(|modules| write(&modules, FILE, &encode(&inputs)));
    }
    Ok(inputs.ignored_builds)
}

/// Whether the stats moved although the content is the same.
fn refresh(input: &mut Input) -> Result<bool, String> {
    let shown = input.path.display();
    match (std::fs::metadata(&input.path), &input.seen) {
        (Err(error), None) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        (Err(_), _) => return Err(format!("{shown} cannot be read")),
        (Ok(_), None) => return Err(format!("{shown} is new")),
        (Ok(metadata), Some(seen)) if seen.same_stats(&metadata) => return Ok(false),
        (Ok(metadata), Some(seen)) if seen.size != metadata.len() => return Err(format!("{shown} has changed")),
        _ => {}
    }
    let now = Input::look(input.path.clone()).map_err(|error| format!("{shown}: {error}"))?;
    if now.seen.map(|seen| seen.content) != input.seen.map(|seen| seen.content) {
        return Err(format!("{shown} has changed"));
    }
    *input = now;
    Ok(true)
}

/// Remembers what a complete run was made from; the last thing that it writes. `files` must have been looked at before
/// the run read them, or what changed meanwhile would go unnoticed. `shared` is a file that stands as long as shared
/// slots do.
///
/// # Errors
/// [`LinkError::Io`].
pub fn record_inputs(
    lockfile_dir: &Path,
    settings: Digest,
    files: Vec<Input>,
    projects: Vec<Project>,
    ignored_builds: Vec<String>,
    shared: Option<PathBuf>,
) -> Result<(), LinkError> {
    let modules = lockfile_dir.join(MODULES);
    let outputs = [modules.join(modules_yaml::FILE), modules.join(VIRTUAL_STORE).join(TREE_FILE)];
    let outputs = outputs.into_iter().chain(shared);
    let look = |path: PathBuf| Input::look(path.clone()).map_err(LinkError::io("read", path));
    let outputs = outputs.map(look).collect::<Result<Vec<_>, _>>()?;
    let inputs = Inputs { settings, files, projects, outputs, ignored_builds };
    write(&open_modules(lockfile_dir)?, FILE, &encode(&inputs))
}

fn encode(inputs: &Inputs) -> Vec<u8> {
    let body = postcard::to_stdvec(inputs).expect("inputs have no value that postcard cannot write");
    [MAGIC, &digest(&body), &body].concat()
}

fn read(path: &Path) -> Option<Inputs> {
    let metadata = std::fs::symlink_metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > MAX_BYTES {
        return None;
    }
    let bytes = std::fs::read(path).ok()?;
    let (checksum, body) = bytes.strip_prefix(MAGIC)?.split_at_checked(16)?;
    (digest(body) == checksum).then(|| postcard::from_bytes(body).ok()).flatten()
}

#[cfg(test)]
mod tests;
