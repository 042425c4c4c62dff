//! What is installed: the manifests of a project or of a workspace, read from a folder or made by `generate`.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value};

/// A project, or a workspace of them.
#[derive(Debug, Clone)]
pub(crate) struct Fixture {
    /// What its rows are called.
    pub(crate) name: String,
    /// Folder and `package.json` of each project; the root comes first, as `.`.
    pub(crate) projects: Vec<(String, Value)>,
    /// What `pnpm-workspace.yaml` says: `packages`, `catalog`, settings.
    pub(crate) settings: Map<String, Value>,
}

impl Fixture {
    /// Reads the `package.json` of a folder, its `pnpm-workspace.yaml`, and the projects that this one names.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let name = folder.file_name().context("a fixture has a name")?.to_string_lossy().into_owned();
        let settings = match fs::read_to_string(folder.join("pnpm-workspace.yaml")) {
            Ok(text) => serde_saphyr::from_str(&text).context("pnpm-workspace.yaml of the fixture")?,
            Err(_) => Map::new(),
        };
        let mut projects = vec![(".".to_owned(), manifest(folder)?)];
        for pattern in settings.get("packages").and_then(Value::as_array).into_iter().flatten() {
            for member in members(folder, pattern.as_str().unwrap_or_default())? {
                let manifest = manifest(&folder.join(&member))?;
                projects.push((member, manifest));
            }
        }
        Ok(Self { name, projects, settings })
    }

    /// The folders of the projects besides the root.
    pub(crate) fn members(&self) -> impl Iterator<Item = &str> {
        self.projects.iter().skip(1).map(|(folder, _)| folder.as_str())
    }

    /// Folder and dependency: all that must be there after an install on any machine.
    pub(crate) fn wanted(&self) -> Vec<(String, String)> {
        let of = |(folder, manifest): &(String, Value)| {
            let fields = ["dependencies", "devDependencies"].map(|field| manifest[field].as_object().cloned());
            let names = fields.into_iter().flatten().flat_map(|field| field.into_iter().map(|(name, _)| name));
            names.map(|name| (folder.clone(), name)).collect::<Vec<_>>()
        };
        self.projects.iter().flat_map(of).collect()
    }

    /// Without the last dependency of its first project that has any: what it is before somebody adds one.
    pub(crate) fn with_one_less(&self) -> Option<Self> {
        let mut less = self.clone();
        let mut dependencies =
            less.projects.iter_mut().filter_map(|(_, it)| it.get_mut("dependencies")?.as_object_mut());
        let dependencies = dependencies.find(|dependencies| !dependencies.is_empty())?;
        let last = dependencies.keys().next_back()?.clone();
        dependencies.shift_remove(&last);
        Some(less)
    }
}

fn manifest(folder: &Path) -> Result<Value> {
    let path = folder.join("package.json");
    let text = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{}", path.display()))
}

/// The folders that a pattern of `packages` means: a folder, or all those in one (`packages/*`).
fn members(root: &Path, pattern: &str) -> Result<Vec<String>> {
    let Some(parent) = pattern.strip_suffix("/*") else {
        if pattern.contains(['*', '!']) {
            bail!("{pattern}: only folders and `FOLDER/*` are understood");
        }
        return Ok(vec![pattern.to_owned()]);
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join(parent)).with_context(|| format!("{pattern} of the fixture"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if root.join(parent).join(&name).join("package.json").exists() {
            found.push(format!("{parent}/{name}"));
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests;
