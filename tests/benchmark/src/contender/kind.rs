//! The installers that can be measured: their names, their configuration and their command lines. The only file that
//! knows how they differ.

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use crate::fixture::Fixture;

/// A program, by the family of its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    /// wasi-pm, pnpm and aube: `pnpm-workspace.yaml`.
    Pnpm,
    /// bun: `bunfig.toml`.
    Bun,
    /// npm: `.npmrc`.
    Npm,
    /// yarn 4: `.yarnrc.yml`.
    Yarn,
}

/// The layout of `node_modules`, and with whom it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Each package sees what it depends on.
    Isolated,
    /// The same, with slots shared between projects.
    Global,
    /// Flat.
    Hoisted,
}

/// How a contender is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    /// As it is given on the command line.
    pub(crate) name: &'static str,
    /// What it is configured like.
    pub(crate) tool: Tool,
    /// Its layout.
    pub(crate) layout: Layout,
    /// Further settings of `pnpm-workspace.yaml`.
    settings: &'static [(&'static str, bool)],
    /// The checks that no other program makes are on, as they are where nobody sets anything.
    has_policy: bool,
}

const fn kind(name: &'static str, tool: Tool, layout: Layout) -> Kind {
    Kind { name, tool, layout, settings: &[], has_policy: false }
}

/// All there are. A suffix tells two of a kind apart: `wasi-pm@before`.
pub(crate) const KINDS: [Kind; 15] = [
    kind("wasi-pm", Tool::Pnpm, Layout::Isolated),
    Kind { settings: &[("verifyStoreIntegrity", false)], ..kind("wasi-pm-nocheck", Tool::Pnpm, Layout::Isolated) },
    kind("wasi-pm-gvs", Tool::Pnpm, Layout::Global),
    Kind { settings: &[("verifyStoreIntegrity", false)], ..kind("wasi-pm-gvs-nocheck", Tool::Pnpm, Layout::Global) },
    kind("bun", Tool::Bun, Layout::Isolated),
    kind("bun-global", Tool::Bun, Layout::Global),
    kind("bun-hoisted", Tool::Bun, Layout::Hoisted),
    kind("pnpm", Tool::Pnpm, Layout::Isolated),
    kind("pnpm-gvs", Tool::Pnpm, Layout::Global),
    Kind { has_policy: true, ..kind("wasi-pm-policy", Tool::Pnpm, Layout::Isolated) },
    Kind { has_policy: true, ..kind("pnpm-policy", Tool::Pnpm, Layout::Isolated) },
    kind("npm", Tool::Npm, Layout::Hoisted),
    kind("yarn", Tool::Yarn, Layout::Hoisted),
    kind("aube", Tool::Pnpm, Layout::Isolated),
    kind("aube-gvs", Tool::Pnpm, Layout::Global),
];

/// Where a contender finds things.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places<'a> {
    /// The registry's address, ending in `/`.
    pub(crate) registry: &'a str,
    /// Its store.
    pub(crate) store: &'a str,
    /// Its cache.
    pub(crate) cache: &'a str,
    /// What else it keeps for its user.
    pub(crate) home: &'a str,
}

impl Kind {
    /// The kind of a contender's name; what follows `@` is a label.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let plain = name.split('@').next()?;
        KINDS.into_iter().find(|kind| kind.name == plain)
    }

    /// It is wasi-pm.
    pub(crate) fn is_ours(&self) -> bool {
        self.name.starts_with("wasi-pm")
    }

    /// It is set up as the program comes.
    pub(crate) fn is_plain(&self) -> bool {
        !self.name.trim_start_matches("wasi-").contains('-')
    }

    /// Names that its lockfile may have.
    pub(crate) fn lockfiles(&self) -> &'static [&'static str] {
        match self.tool {
            Tool::Pnpm => &["pnpm-lock.yaml", "aube-lock.yaml"],
            Tool::Bun => &["bun.lock"],
            Tool::Npm => &["package-lock.json"],
            Tool::Yarn => &["yarn.lock"],
        }
    }

    /// What an install is called, as it is or of the lockfile alone.
    pub(crate) fn arguments(&self, frozen: bool) -> &'static [&'static str] {
        match (self.tool, frozen) {
            (Tool::Pnpm | Tool::Bun, false) => &["install", "--ignore-scripts"],
            (Tool::Pnpm | Tool::Bun, true) => &["install", "--ignore-scripts", "--frozen-lockfile"],
            (Tool::Npm, false) => &["install", "--ignore-scripts", "--no-audit", "--no-fund"],
            (Tool::Npm, true) => &["ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            (Tool::Yarn, false) => &["install"],
            (Tool::Yarn, true) => &["install", "--immutable"],
        }
    }

    /// Every file of a project but its sources: path and text.
    ///
    /// # Errors
    /// If the fixture uses what this program does not know.
    pub(crate) fn files(&self, fixture: &Fixture, places: Places<'_>) -> Result<Vec<(String, String)>> {
        let mut files = vec![self.configuration(fixture, places)];
        for (folder, manifest) in &fixture.projects {
            let mut manifest = manifest.clone();
            if folder == "." {
                self.name_workspaces(&mut manifest, &fixture.settings);
            }
            if matches!(self.tool, Tool::Npm | Tool::Yarn) {
                self.spell_out(&mut manifest, &fixture.settings)?;
            }
            files.push((format!("{folder}/package.json"), format!("{manifest:#}\n")));
        }
        Ok(files)
    }

    fn configuration(&self, fixture: &Fixture, places: Places<'_>) -> (String, String) {
        let Places { registry, store, cache, home } = places;
        let (name, text) = match self.tool {
            Tool::Npm => (".npmrc", format!("registry={registry}\ncache={cache}\n")),
            Tool::Bun => {
                let linker = if self.layout == Layout::Hoisted { "hoisted" } else { "isolated" };
                let global = if self.layout == Layout::Global { "globalStore = true\n" } else { "" };
                let text = format!("linker = \"{linker}\"\n{global}[install.cache]\ndir = \"{cache}\"\n");
                ("bunfig.toml", format!("[install]\nregistry = \"{registry}\"\n{text}"))
            }
            Tool::Yarn => {
                let text = "unsafeHttpWhitelist: [127.0.0.1]\nnodeLinker: node-modules\nenableScripts: false\n";
                let text = format!("{text}enableTelemetry: false\nenableGlobalCache: false\nnpmMinimalAgeGate: 0\n");
                let folders = format!("cacheFolder: {cache}\nglobalFolder: {home}/yarn\n");
                (
                    ".yarnrc.yml",
                    format!("npmRegistryServer: {registry}\nenableImmutableInstalls: false\n{text}{folders}"),
                )
            }
            Tool::Pnpm => {
                // What this registry is, for the programs that read `.npmrc` too.
                let mut settings = fixture.settings.clone();
                settings.insert("registry".to_owned(), json!(registry));
                settings.insert("strictDepBuilds".to_owned(), json!(false));
                if !self.has_policy {
                    settings.insert("trustLockfile".to_owned(), json!(true));
                    settings.insert("minimumReleaseAge".to_owned(), json!(0));
                }
                settings.insert("storeDir".to_owned(), json!(store));
                settings.insert("cacheDir".to_owned(), json!(cache));
                settings.insert("enableGlobalVirtualStore".to_owned(), json!(self.layout == Layout::Global));
                settings.extend(self.settings.iter().map(|(key, value)| ((*key).to_owned(), json!(value))));
                let lines: Vec<String> = settings.iter().map(|(key, value)| format!("{key}: {value}\n")).collect();
                ("pnpm-workspace.yaml", lines.concat())
            }
        };
        (name.to_owned(), text)
    }

    /// What `pnpm-workspace.yaml` says stands in the root's manifest for the others.
    fn name_workspaces(&self, root: &mut Value, settings: &Map<String, Value>) {
        let Some(packages) = settings.get("packages").filter(|_| self.tool != Tool::Pnpm) else { return };
        root["workspaces"] = match self.tool {
            Tool::Bun => json!({
                "packages": packages,
                "catalog": settings.get("catalog").cloned().unwrap_or_else(|| json!({})),
                "catalogs": settings.get("catalogs").cloned().unwrap_or_else(|| json!({})),
            }),
            _ => packages.clone(),
        };
    }

    /// Writes out the specifiers that npm and yarn do not know.
    fn spell_out(&self, manifest: &mut Value, settings: &Map<String, Value>) -> Result<()> {
        for field in ["dependencies", "devDependencies", "optionalDependencies"] {
            for (name, specifier) in manifest.get_mut(field).and_then(Value::as_object_mut).into_iter().flatten() {
                let text = specifier.as_str().unwrap_or_default().to_owned();
                if let Some(catalog) = text.strip_prefix("catalog:") {
                    let catalog = match catalog {
                        "" | "default" => settings.get("catalog"),
                        named => settings.get("catalogs").and_then(|all| all.get(named)),
                    };
                    let Some(found) = catalog.and_then(|catalog| catalog.get(name)) else {
                        bail!("{name} is not in the catalog of the fixture");
                    };
                    *specifier = found.clone();
                } else if self.tool == Tool::Npm && text.starts_with("workspace:") {
                    *specifier = json!("*");
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
