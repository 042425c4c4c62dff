//! `sharedWorkspaceLockfile: false`: the configuration of one project that is installed by itself, beside the others of
//! its workspace.

use serde_json::{Map, Value};
use wit::ImporterId;

use super::{Config, Importer, Project};
use crate::{
    link::relative,
    state::{MODULES, VIRTUAL_STORE},
};

/// What projects need to know of each other. What only a project itself looks at is left out.
const OF_NEIGHBOURS: [&str; 9] = [
    "name",
    "version",
    "publishConfig",
    "dependencies",
    "optionalDependencies",
    "peerDependencies",
    "peerDependenciesMeta",
    "dependenciesMeta",
    "engines",
];

impl Config {
    /// The configuration of the project at this place among [`Project::importers`]: its folder is the root, the others
    /// are its neighbours.
    #[must_use]
    pub fn of_project(&self, at: usize) -> Self {
        let whole = &self.project;
        let own = &whole.importers[at];
        let dir = own.dir.clone();
        let mut config = self.clone();
        config.layout.virtual_store_dir = dir.join(MODULES).join(VIRTUAL_STORE);
        let seen = |folder: &std::path::Path| relative::relative(&dir.to_string_lossy(), &folder.to_string_lossy());
        config.settings.workspace.root = seen(&whole.workspace);
        config.settings.workspace.neighbours = (whole.importers.iter().enumerate())
            .filter(|(other, _)| *other != at)
            .map(|(_, other)| (seen(&other.dir), shown(other)))
            .collect();
        if let Some(shared) = &mut config.settings.layout.global_virtual_store {
            shared.project = dir.to_string_lossy().into_owned();
        }
        config.project = Project {
            root: dir.clone(),
            importers: vec![Importer {
                id: ImporterId::parse(".").expect("it is the lockfile's folder"),
                ..own.clone()
            }],
            ..whole.clone()
        };
        config
    }
}

/// A manifest as its neighbours see it; what the workspace's root develops with may stand in overrides.
fn shown(importer: &Importer) -> String {
    let is_root = importer.id.as_str() == ".";
    let is_shown = |key: &str| OF_NEIGHBOURS.contains(&key) || is_root && key == "devDependencies";
    let shown = importer.manifest.fields().iter().filter(|(key, _)| is_shown(key));
    let shown: Map<String, Value> = shown.map(|(key, value)| (key.clone(), value.clone())).collect();
    Value::Object(shown).to_string()
}
