//! Real dependency sets, installed with both programs from a mirror of the real registry; their lockfiles must be the
//! same bytes. The sets are data, `corpus.yaml` beside the scenarios.

use std::{fs, io, path::Path, process::Command};

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::project::Project;

/// A set: the manifests of its importers by folder, `.` being the root, and what `pnpm-workspace.yaml` says.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Set {
    importers: IndexMap<String, Value>,
    #[serde(default)]
    settings: IndexMap<String, Value>,
}

/// The two programs and the registry they ask.
#[derive(Debug, Clone, Copy)]
pub struct Sides<'a> {
    /// The program under test.
    pub ours: &'a str,
    /// The reference.
    pub pnpm: &'a str,
    /// Address of the mirror.
    pub registry: &'a str,
}

/// What came of one set.
#[derive(Debug)]
pub enum Outcome {
    /// Both wrote the same lockfile, of this many lines.
    Same(usize),
    /// Both wrote one, and they differ: how many lines, and the first of them as `diff` shows them.
    Differs(usize, String),
    /// These could not install it; the last lines they printed.
    Failed(Vec<(&'static str, String)>),
}

/// The lines of a difference that are shown.
const SHOWN: usize = 24;

/// All sets, by name.
///
/// # Errors
/// If the data cannot be read.
pub fn sets() -> io::Result<IndexMap<String, Set>> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus.yaml"))?;
    serde_saphyr::from_str(&text).map_err(io::Error::other)
}

/// Resolves a set with both programs and compares what they lock.
///
/// # Errors
/// If a program or `diff` cannot be started.
pub fn compare(set: &Set, sides: Sides) -> io::Result<Outcome> {
    let (ours, pnpm) = (set.project(sides.registry, sides.ours), set.project(sides.registry, sides.pnpm));
    let mut failed = Vec::new();
    for (who, project) in [("ours", &ours), ("pnpm", &pnpm)] {
        if let Some(said) = lock(project)? {
            failed.push((who, said));
        }
    }
    if !failed.is_empty() {
        return Ok(Outcome::Failed(failed));
    }
    let (a, b) = (ours.read("pnpm-lock.yaml"), pnpm.read("pnpm-lock.yaml"));
    if a == b {
        return Ok(Outcome::Same(a.lines().count()));
    }
    let made = Command::new("diff")
        .arg("-u1")
        .args(["--label", "pnpm", "--label", "ours"])
        .args([pnpm.dir().join("pnpm-lock.yaml"), ours.dir().join("pnpm-lock.yaml")])
        .output()?;
    let text = String::from_utf8_lossy(&made.stdout).into_owned();
    let changed = text.lines().skip(2).filter(|line| line.starts_with(['+', '-'])).count();
    Ok(Outcome::Differs(changed, text.lines().take(SHOWN).collect::<Vec<_>>().join("\n")))
}

/// Writes the lockfile; what the program printed last if it failed.
fn lock(project: &Project) -> io::Result<Option<String>> {
    let output = project
        .command(&["install", "--lockfile-only", "--ignore-scripts"])
        .env("PNPM_CONFIG_MINIMUM_RELEASE_AGE", "0")
        .output()?;
    if output.status.success() {
        return Ok(None);
    }
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    let lines: Vec<&str> = said.lines().collect();
    Ok(Some(lines[lines.len().saturating_sub(SHOWN)..].join("\n")))
}

impl Set {
    fn project(&self, registry: &str, program: &str) -> Project {
        let project = Project::new(registry, program);
        for (folder, manifest) in &self.importers {
            project.write(&format!("{folder}/package.json"), &format!("{manifest:#}\n"));
        }
        let members: Vec<&String> = self.importers.keys().filter(|folder| *folder != ".").collect();
        let mut settings = self.settings.clone();
        if !members.is_empty() {
            settings.insert("packages".to_owned(), json!(members));
        }
        if !settings.is_empty() {
            project.write("pnpm-workspace.yaml", &format!("{:#}\n", json!(settings)));
        }
        project
    }
}
