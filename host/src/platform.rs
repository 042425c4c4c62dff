//! The machine that packages are chosen for: operating system, processor, C library and Node, in Node's own words.
//!
//! `node --version` takes 40 ms, more than a whole warm install may cost; its answer is therefore remembered under the
//! identity (path, size, modification time) of the `node` that `PATH` leads to. Not so of scripts and shims of version
//! managers, which start another Node in another folder: they are asked each time.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{cache, within::within};

/// How long Node's answer is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// What packages are chosen for; fields as in `wit/resolver/types.wit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// `process.platform`.
    pub os: String,
    /// `process.arch`.
    pub cpu: String,
    /// `glibc` or `musl`, on Linux.
    pub libc: Option<String>,
    /// Node's version without a `v`; `None`: there is no Node.
    pub node: Option<String>,
}

/// A `node` on disk, and which one it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFile {
    /// Where `PATH` leads to.
    pub path: PathBuf,
    size: u64,
    modified: (i64, i64),
}

#[derive(Serialize, Deserialize)]
struct RememberedNode {
    file: NodeFile,
    version: String,
}

impl Platform {
    /// Finds out. `path` is the `PATH` to look for `node` in; `cache_dir` is where its version is remembered.
    #[must_use]
    pub fn detect(path: Option<&std::ffi::OsStr>, cache_dir: &Path) -> Self {
        Detecting::begin(path, cache_dir).finish()
    }
}

/// A platform of which only Node's version may still be unknown: Node is starting.
pub struct Detecting {
    /// All that is known; without Node's version while it is asked.
    pub known: Platform,
    asked: Option<Asked>,
}

impl Detecting {
    /// Begins to find out, as [`Platform::detect`] does.
    #[must_use]
    pub fn begin(path: Option<&std::ffi::OsStr>, cache_dir: &Path) -> Self {
        let node = NodeFile::find(path).and_then(|node| node_version(node, cache_dir));
        let (node, asked) = match node {
            Some(Ok(version)) => (Some(version), None),
            Some(Err(asked)) => (None, Some(asked)),
            None => (None, None),
        };
        Self { known: Platform { os: os().to_owned(), cpu: cpu().to_owned(), libc: libc(), node }, asked }
    }

    /// Node is asked: there is time for something else.
    #[must_use]
    pub fn is_asking(&self) -> bool {
        self.asked.is_some()
    }

    /// The whole platform.
    #[must_use]
    pub fn finish(self) -> Platform {
        let Self { mut known, asked } = self;
        known.node = known.node.or_else(|| asked?.answer(PATIENCE));
        known
    }
}

/// A `node --version` that runs.
struct Asked {
    node: Child,
    file: NodeFile,
    /// Where its answer is remembered, if that holds in every folder.
    remembered_at: Option<PathBuf>,
}

impl Asked {
    /// `None` if there is none in time.
    fn answer(self, patience: Duration) -> Option<String> {
        let Self { mut node, file, remembered_at } = self;
        let stdout = node.stdout.take()?;
        let line = within(patience, move || {
            let mut line = String::new();
            BufReader::new(stdout.take(1 << 10)).read_line(&mut line).map(|_| line)
        });
        let Some(line) = line else {
            // Both fail only if it has ended in the meantime.
            let _ = node.kill();
            let _ = node.wait();
            return None;
        };
        // Its answer is all that was wanted of it: its end, another millisecond or more, is not waited for.
        let _ = node.try_wait();
        let line = line.ok()?;
        let version = line.trim().trim_start_matches('v').to_owned();
        wit::Version::parse(&version).ok()?;
        if let Some(at) = remembered_at {
            let remembered = RememberedNode { file, version: version.clone() };
            // A cache that cannot be written costs 40 ms, not the install.
            let _ = cache::replace(&at, &[&serde_json::to_vec(&remembered).ok()?]);
        }
        Some(version)
    }
}

fn os() -> &'static str {
    match std::env::consts::OS {
        "macos" => "darwin",
        "windows" => "win32",
        other => other,
    }
}

fn cpu() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        "x86" => "ia32",
        "powerpc64" => "ppc64",
        "loongarch64" => "loong64",
        other => other,
    }
}

/// The C library of the system, not of this binary: musl's loader lies in `/lib` under a name of its own.
fn libc() -> Option<String> {
    if std::env::consts::OS != "linux" {
        return None;
    }
    let musl = Path::new("/lib").join(format!("ld-musl-{}.so.1", std::env::consts::ARCH));
    Some(if musl.exists() { "musl" } else { "glibc" }.to_owned())
}

impl NodeFile {
    /// The `node` that a `PATH` leads to.
    #[must_use]
    pub fn find(path: Option<&std::ffi::OsStr>) -> Option<Self> {
        std::env::split_paths(path?).map(|folder| folder.join("node")).find_map(|path| {
            let found = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
            Some(Self { path, size: found.len(), modified: (found.mtime(), found.mtime_nsec()) })
        })
    }

    /// It is Node itself: a program of this name. A link to a program of another name is a shim, and a script may be.
    fn is_itself(&self) -> bool {
        let mut magic = [0; 4];
        let is_read = fs::File::open(&self.path).and_then(|mut file| file.read_exact(&mut magic)).is_ok();
        // ELF; Mach-O of 64 bits, and of several processors.
        let is_program = matches!(&magic, b"\x7fELF" | b"\xcf\xfa\xed\xfe" | b"\xca\xfe\xba\xbe");
        let names = ["node", "nodejs"]; // Debian has had the latter
        let is_named = |path: PathBuf| names.iter().any(|name| path.file_name().is_some_and(|is| is == *name));
        is_read && is_program && fs::canonicalize(&self.path).is_ok_and(is_named)
    }
}

/// The remembered version, or Node on its way to tell it.
fn node_version(file: NodeFile, cache_dir: &Path) -> Option<Result<String, Asked>> {
    let remembered_at = file.is_itself().then(|| cache_dir.join("v1").join("node-version.json"));
    let known = remembered_at.as_ref().and_then(|at| fs::read(at).ok());
    let known = known.and_then(|text| serde_json::from_slice::<RememberedNode>(&text).ok());
    if let Some(known) = known.filter(|known| known.file == file) {
        return Some(Ok(known.version));
    }
    let mut command = Command::new(&file.path);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let node = command.spawn().ok()?;
    Some(Err(Asked { node, file, remembered_at }))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn fake_node(folder: &Path, version: &str) {
        // The end of the process is not waited for, so what is looked at afterwards comes first.
        script(folder, &format!("echo run >> {}/runs\necho v{version}", folder.display()));
    }

    fn script(folder: &Path, commands: &str) {
        let text = folder.join("text");
        fs::write(&text, format!("#!/bin/sh\n{commands}\n")).unwrap();
        fs::set_permissions(&text, fs::Permissions::from_mode(0o755)).unwrap();
        // Another process writes it: a child of another test could hold a handle of ours for a moment, and what is open
        // for writing cannot be run.
        assert!(Command::new("cp").arg("-p").args([text, folder.join("node")]).status().unwrap().success());
    }

    fn version(folder: &Path) -> Option<String> {
        Platform::detect(Some(folder.as_os_str()), folder).node
    }

    /// A program that is no script; it is not run.
    fn program(at: &Path) {
        fs::write(at, b"\x7fELF").unwrap();
    }

    fn remember(folder: &Path, version: &str) {
        let file = NodeFile::find(Some(folder.as_os_str())).unwrap();
        let remembered = RememberedNode { file, version: version.to_owned() };
        let at = folder.join("v1/node-version.json");
        cache::replace(&at, &[&serde_json::to_vec(&remembered).unwrap()]).unwrap();
    }

    #[test]
    fn a_node_that_is_a_program_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        program(&folder.path().join("node"));
        remember(folder.path(), "20.1.0");
        assert_eq!(version(folder.path()).as_deref(), Some("20.1.0"));
    }

    #[test]
    fn a_program_is_remembered_once_it_has_answered() {
        let folder = tempfile::tempdir().unwrap();
        fake_node(folder.path(), "20.1.0");
        let file = NodeFile::find(Some(folder.path().as_os_str())).unwrap();
        let Some(Err(asked)) = node_version(file, folder.path()) else { panic!("nothing is remembered yet") };
        let remembered_at = Some(folder.path().join("v1/node-version.json"));
        let version = Asked { remembered_at, ..asked }.answer(PATIENCE);
        assert_eq!(version.as_deref(), Some("20.1.0"));
        assert!(fs::read_to_string(folder.path().join("v1/node-version.json")).unwrap().contains("20.1.0"));
    }

    #[test]
    fn scripts_and_shims_are_asked_each_time() {
        let folder = tempfile::tempdir().unwrap();
        fake_node(folder.path(), "20.1.0");
        remember(folder.path(), "18.0.0");
        for _ in 0..2 {
            assert_eq!(version(folder.path()).as_deref(), Some("20.1.0"));
        }
        assert_eq!(fs::read_to_string(folder.path().join("runs")).unwrap(), "run\nrun\n");
        program(&folder.path().join("volta-shim"));
        fs::remove_file(folder.path().join("node")).unwrap();
        std::os::unix::fs::symlink("volta-shim", folder.path().join("node")).unwrap();
        assert!(!NodeFile::find(Some(folder.path().as_os_str())).unwrap().is_itself());
    }

    #[test]
    fn a_node_that_says_nothing_is_not_waited_for_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        script(folder.path(), "exec sleep 600");
        let file = NodeFile::find(Some(folder.path().as_os_str())).unwrap();
        let Some(Err(asked)) = node_version(file, folder.path()) else { panic!("nothing is remembered") };
        assert_eq!(asked.answer(Duration::from_millis(1)), None);
    }

    #[test]
    fn an_upgrade_in_place_is_another_node() {
        let folder = tempfile::tempdir().unwrap();
        let found = || NodeFile::find(Some(folder.path().as_os_str())).unwrap();
        fake_node(folder.path(), "20.1.0");
        let before = found();
        fake_node(folder.path(), "22.10.0");
        assert_ne!(before, found());
    }

    #[test]
    fn another_node_is_asked_again() {
        let folder = tempfile::tempdir().unwrap();
        fake_node(folder.path(), "20.1.0");
        let _ = Platform::detect(Some(folder.path().as_os_str()), folder.path());
        fake_node(folder.path(), "22.10.0");
        let platform = Platform::detect(Some(folder.path().as_os_str()), folder.path());
        assert_eq!(platform.node.as_deref(), Some("22.10.0"));
    }

    #[test]
    fn without_node_there_is_no_version() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Platform::detect(Some(folder.path().as_os_str()), folder.path()).node, None);
    }
}
