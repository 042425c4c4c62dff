//! Packages that are known not to bear slots outside the project (`enableGlobalVirtualStore`): a project that depends
//! on one keeps its slots to itself, with a notice. A name stands here only where its tool says why; whoever knows
//! better names other ones, or none, in `disableGlobalVirtualStoreForPackages`.

use crate::config::{Importer, Project, Values};

/// The setting that takes the place of the list.
const SETTING: &str = "disableGlobalVirtualStoreForPackages";

/// Name and reason. Turbopack: <https://github.com/vercel/next.js/issues/93556>. Metro:
/// <https://metrobundler.dev/docs/configuration/#watchfolders>.
const UNFIT: [(&str, &str); 3] = [
    ("next", "Turbopack, which it builds with, reads nothing outside the project's root"),
    ("react-native", "Metro, which it bundles with, finds only what is below the project or its watchFolders"),
    ("metro", "it finds only what is below the project or its watchFolders"),
];

/// The notice for a project whose slots have to be its own; `None` if they may be shared.
pub(super) fn objection(project: &Project, values: &Values) -> Option<String> {
    let named = values.list(SETTING);
    let unfit: Vec<(&str, &str)> = match &named {
        Some(names) => names.iter().map(|name| (name.as_str(), "pnpm-workspace.yaml or an option says so")).collect(),
        None => UNFIT.to_vec(),
    };
    let (importer, name, reason) = project.importers.iter().find_map(|importer| {
        let (name, reason) = unfit.iter().find(|(name, _)| depends_on(importer, name))?;
        Some((importer, *name, *reason))
    })?;
    let id = importer.id.as_str();
    let whose = if id == "." { String::new() } else { format!(" of {id}") };
    Some(format!(
        "enableGlobalVirtualStore has no effect here because of the dependency {name}{whose}: {reason}. \
         {SETTING}: [] turns this check off"
    ))
}

/// Whether a project depends on a package itself, under whatever name.
fn depends_on(importer: &Importer, name: &str) -> bool {
    let alias = format!("npm:{name}@");
    ["dependencies", "devDependencies", "optionalDependencies"].iter().any(|field| {
        importer.manifest.entries(field).any(|(key, specifier)| match specifier.as_str() {
            Some(text) if text.starts_with("npm:") => text.starts_with(&alias) || text["npm:".len()..] == *name,
            _ => key == name,
        })
    })
}
