//! The machine that packages are chosen for: operating system, processor, C library and Node, in Node's own words.
//!
//! `node --version` takes 40 ms, more than a whole warm install may cost; its answer is therefore remembered under the
//! identity (path, size, modification time) of the `node` that `PATH` leads to.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde::{Deserialize, Serialize};

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

#[derive(Serialize, Deserialize, PartialEq)]
struct RememberedNode {
    path: PathBuf,
    size: u64,
    modified: (i64, i64),
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
        let node = find_node(path).and_then(|node| node_version(node, cache_dir));
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
        known.node = known.node.or_else(|| asked?.answer());
        known
    }
}

/// A `node --version` that runs.
struct Asked {
    node: Child,
    /// All but the version is known.
    remembered: RememberedNode,
    remembered_at: PathBuf,
}

impl Asked {
    fn answer(self) -> Option<String> {
        let Self { mut node, mut remembered, remembered_at } = self;
        let mut line = String::new();
        BufReader::new(node.stdout.take()?).read_line(&mut line).ok()?;
        let version = line.trim().trim_start_matches('v');
        wit::Version::parse(version).ok()?;
        version.clone_into(&mut remembered.version);
        // A cache that cannot be written costs 40 ms, not the install.
        let _ = write_cache(&remembered_at, &serde_json::to_vec(&remembered).ok()?);
        // Its answer is all that was wanted of it: its end, another millisecond or more, is not waited for.
        let _ = node.try_wait();
        Some(remembered.version)
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

/// The `node` that a `PATH` leads to.
#[must_use]
pub fn find_node(path: Option<&std::ffi::OsStr>) -> Option<PathBuf> {
    std::env::split_paths(path?).map(|folder| folder.join("node")).find(|candidate| candidate.is_file())
}

/// The remembered version, or Node on its way to tell it.
fn node_version(node: PathBuf, cache_dir: &Path) -> Option<Result<String, Asked>> {
    let found = fs::metadata(&node).ok()?;
    let remembered_at = cache_dir.join("v1").join("node-version.json");
    let same = |known: &RememberedNode| {
        known.path == node && known.size == found.len() && known.modified == (found.mtime(), found.mtime_nsec())
    };
    let known = fs::read(&remembered_at).ok().and_then(|text| serde_json::from_slice::<RememberedNode>(&text).ok());
    if let Some(known) = known.filter(same) {
        return Some(Ok(known.version));
    }
    let mut command = Command::new(&node);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let child = command.spawn().ok()?;
    let remembered = RememberedNode {
        path: node,
        size: found.len(),
        modified: (found.mtime(), found.mtime_nsec()),
        version: String::new(),
    };
    Some(Err(Asked { node: child, remembered, remembered_at }))
}

fn write_cache(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().expect("a cache file lies in a folder");
    fs::create_dir_all(folder)?;
    let staged = folder.join(format!(".node-version.{}.tmp", std::process::id()));
    fs::write(&staged, bytes)?;
    fs::rename(&staged, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn fake_node(folder: &Path, version: &str) {
        let text = folder.join("text");
        // The end of the process is not waited for, so what is looked at afterwards comes first.
        fs::write(&text, format!("#!/bin/sh\necho run >> {}/runs\necho v{version}\n", folder.display())).unwrap();
        fs::set_permissions(&text, fs::Permissions::from_mode(0o755)).unwrap();
        // Another process writes it: a child of another test could hold a handle of ours for a moment, and what is open
        // for writing cannot be run.
        assert!(Command::new("cp").arg("-p").args([text, folder.join("node")]).status().unwrap().success());
    }

    #[test]
    fn node_is_asked_for_its_version_once() {
        let folder = tempfile::tempdir().unwrap();
        fake_node(folder.path(), "20.1.0");
        for _ in 0..2 {
            let platform = Platform::detect(Some(folder.path().as_os_str()), folder.path());
            assert_eq!(platform.node.as_deref(), Some("20.1.0"));
        }
        assert_eq!(fs::read_to_string(folder.path().join("runs")).unwrap(), "run\n");
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
