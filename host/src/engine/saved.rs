//! What a command writes besides the lockfile, and the check that the component asks for no more than that.

use serde_json::Value;
use wit::{Alias, ImporterId, host::exports::wasi_pm::resolver::resolution as wire};

use super::{
    convert::{Checked, prose, said, short},
    driver::Project,
};

#[cfg(test)]
mod tests;

/// What an intent writes besides the lockfile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Saved {
    /// The new text of each manifest that changes.
    pub manifests: Vec<(ImporterId, String)>,
    /// Entries of catalogs.
    pub catalogs: Vec<CatalogEntry>,
}

/// An entry of a catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogEntry {
    /// The catalog's name.
    pub catalog: String,
    /// The key.
    pub alias: String,
    /// The value.
    pub specifier: String,
}

/// The fields of a manifest that commands write.
const WRITTEN: [&str; 6] = [
    "dependencies",
    "devDependencies",
    "optionalDependencies",
    "peerDependencies",
    "peerDependenciesMeta",
    "dependenciesMeta",
];

/// What is to be written: of a command alone, the manifests of the projects that it is about, each once, with other
/// dependencies and nothing else.
pub(super) fn check(project: &Project, outcome: &mut wire::Outcome) -> Checked<Saved> {
    let about = project.intent.importers();
    if about.is_empty() && !outcome.catalogs.is_empty() {
        return Err("catalogs are written, though no command was given".to_owned());
    }
    let mut manifests: Vec<(ImporterId, String)> = Vec::new();
    for it in std::mem::take(&mut outcome.manifests) {
        let id = ImporterId::parse(&it.id).map_err(said)?;
        let old = project.importers.iter().find(|(known, _)| *known == id && about.contains(&id));
        let Some((_, old)) = old.filter(|_| manifests.iter().all(|(held, _)| *held != id)) else {
            return Err(format!("the manifest of {id} is written, which the command is not about, or twice"));
        };
        check_written(old, &it.manifest).map_err(|why| format!("what is written into the manifest of {id} {why}"))?;
        manifests.push((id, it.manifest));
    }
    let entry = |it: wire::CatalogEntry| -> Checked<CatalogEntry> {
        let (catalog, alias, specifier) =
            (short(&it.catalog)?, Alias::parse(&it.alias).map_err(said)?, short(&it.specifier)?);
        let is_one_line = |text: &str| !text.contains(char::is_control) && !text.is_empty();
        match is_one_line(&catalog) && is_one_line(&specifier) {
            true => Ok(CatalogEntry { catalog, alias: alias.to_string(), specifier }),
            false => Err("an entry of a catalog is no line of text".to_owned()),
        }
    };
    let catalogs = std::mem::take(&mut outcome.catalogs).into_iter().map(entry).collect::<Checked<_>>()?;
    Ok(Saved { manifests, catalogs })
}

/// A new manifest differs from the old one in dependencies alone, and those are lines of text, what is said of them
/// flags.
fn check_written(old: &str, new: &str) -> Result<(), String> {
    let read = |text: &str| serde_json::from_str::<serde_json::Map<String, Value>>(text);
    let (Ok(mut old), Ok(mut new)) = (read(old), read(new)) else { return Err("is no object".to_owned()) };
    for field in WRITTEN {
        let (old, new) = (old.remove(field), new.remove(field));
        if new == old {
            continue;
        }
        let Some(group) = new.as_ref().map(|group| group.as_object()) else { continue };
        let Some(group) = group else { return Err(format!("has {field} that are no object")) };
        for (alias, value) in group {
            let is_old = old.as_ref().and_then(|old| old.get(alias)) == Some(value);
            let may_stand = if field.ends_with("Meta") { is_flags(value) } else { is_line(value) };
            if !is_old && (!may_stand || Alias::parse(alias).is_err()) {
                return Err(format!("has an entry of {field} that is none: {}", prose(alias.clone())));
            }
        }
    }
    if old == new { Ok(()) } else { Err("changes more than dependencies".to_owned()) }
}

/// Whether a value is a specifier.
fn is_line(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.contains(char::is_control))
}

/// Whether a value is what is said of a dependency: flags, like `optional` and `injected`.
fn is_flags(value: &Value) -> bool {
    value.as_object().is_some_and(|flags| flags.values().all(Value::is_boolean))
}
