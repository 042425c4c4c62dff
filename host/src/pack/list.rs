//! Which files of a folder make the package: the rules of `npm publish`, as pnpm follows them for copied folders and
//! git checkouts.
//!
//! `files` of the manifest decides, else `.npmignore`, else `.gitignore`. The manifest, a readme, a licence, `main` and
//! the executables are always part of it; version control, the root's lockfiles, ignore files and `.npmrc` never.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::ignore::Patterns;

/// At the top, alone or with an ending.
const ALWAYS: [&str; 4] = ["readme", "copying", "license", "licence"];
const NEVER: [&str; 6] = [".npmrc", ".npmignore", ".gitignore", ".DS_Store", "npm-debug.log", ".lock-wscript"];
const NEVER_AT_THE_TOP: [&str; 3] = ["package-lock.json", "yarn.lock", "pnpm-lock.yaml"];
/// Folders of version control.
pub(super) const CONTROL: [&str; 4] = [".git", ".svn", ".hg", "CVS"];
/// Bundled packages are followed so deep.
const MAX_BUNDLED: usize = 10_000;

/// The files of a folder: their paths, and the text of one of them.
pub(super) struct Folder<'a> {
    /// With `/`, relative to the folder.
    pub(super) paths: &'a BTreeSet<String>,
    /// The text of a file; `None` if it cannot be read.
    pub(super) read: &'a dyn Fn(&str) -> Option<String>,
}

impl Folder<'_> {
    /// The paths that make the package.
    pub(super) fn list(&self) -> BTreeSet<String> {
        let manifest = self.manifest("");
        let mut all = self.own("", &manifest);
        let mut seen = BTreeSet::new();
        let mut open: Vec<(String, String)> =
            bundled(&manifest).into_iter().map(|name| (String::new(), name)).collect();
        while let Some((from, name)) = open.pop() {
            let Some(at) = self.find_bundled(&from, &name) else { continue };
            if seen.len() > MAX_BUNDLED || !seen.insert(at.clone()) {
                continue;
            }
            let manifest = self.manifest(&at);
            all.extend(self.own(&at, &manifest).into_iter().map(|path| format!("{at}{path}")));
            for field in ["dependencies", "optionalDependencies"] {
                let names = manifest.get(field).and_then(Value::as_object).into_iter().flat_map(Map::keys);
                open.extend(names.map(|name| (at.clone(), name.clone())));
            }
        }
        all
    }

    fn manifest(&self, prefix: &str) -> Map<String, Value> {
        let text = (self.read)(&format!("{prefix}package.json")).unwrap_or_default();
        serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap_or_default()
    }

    /// Where a bundled package lies, with a `/` behind it: as Node finds it, from the inside out.
    fn find_bundled(&self, from: &str, name: &str) -> Option<String> {
        let mut from = from;
        loop {
            let at = format!("{from}node_modules/{name}/");
            if self.paths.contains(&format!("{at}package.json")) {
                return Some(at);
            }
            if from.is_empty() {
                return None;
            }
            from = from.trim_end_matches('/').rsplit_once("node_modules/").map_or("", |(outer, _)| outer);
        }
    }

    /// The files of one package, without bundled ones; relative to `prefix`.
    fn own(&self, prefix: &str, manifest: &Map<String, Value>) -> BTreeSet<String> {
        let below = self.paths.range(prefix.to_owned()..).take_while(|path| path.starts_with(prefix));
        let below = below.map(|path| &path[prefix.len()..]).filter(|path| !path.starts_with("node_modules/"));
        let below: Vec<&str> = below.collect();
        let files = files_field(manifest);
        let ignored = if files.is_some() { BTreeMap::new() } else { self.ignore_files(prefix, &below) };
        let named: BTreeSet<String> = named(manifest);
        let kept = below.into_iter().filter(|path| !is_never(path)).filter(|path| {
            is_always(path)
                || named.contains(*path)
                || files.as_ref().map_or_else(|| !is_ignored(&ignored, path), |files| files.names(path))
        });
        kept.map(str::to_owned).collect()
    }

    /// The patterns of each folder that has some. One `.npmignore` at the top silences every `.gitignore`.
    fn ignore_files(&self, prefix: &str, below: &[&str]) -> BTreeMap<String, Vec<Patterns>> {
        let mut all: BTreeMap<String, Vec<Patterns>> = BTreeMap::new();
        let names: &[&str] = match below.contains(&".npmignore") {
            true => &[".npmignore"],
            false => &[".gitignore", ".npmignore"],
        };
        for name in names {
            for path in below {
                let Some(folder) = path.strip_suffix(name).filter(|rest| rest.is_empty() || rest.ends_with('/')) else {
                    continue;
                };
                let patterns = Patterns::parse((self.read)(&format!("{prefix}{path}")).unwrap_or_default().lines());
                if !patterns.is_empty() {
                    all.entry(folder.to_owned()).or_default().push(patterns);
                }
            }
        }
        all
    }
}

/// A path is ignored if it or a folder on the way to it is; the innermost file that says something counts.
fn is_ignored(all: &BTreeMap<String, Vec<Patterns>>, path: &str) -> bool {
    if all.is_empty() {
        return false;
    }
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    ends.into_iter().any(|end| {
        let is_folder = end < path.len();
        let mut said = None;
        let folders = [0].into_iter().chain(path[..end].match_indices('/').map(|(at, _)| at + 1));
        for start in folders {
            for patterns in all.get(&path[..start]).into_iter().flatten() {
                said = patterns.says(&path[start..end], is_folder).or(said);
            }
        }
        said == Some(true)
    })
}

fn is_never(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let debris = name.ends_with(".orig")
        || name.starts_with("._")
        || name.starts_with(".wafpickle-")
        || name.starts_with('.') && name.ends_with(".swp");
    NEVER.contains(&name)
        || debris
        || NEVER_AT_THE_TOP.contains(&path)
        || path.starts_with("archived-packages/")
        || path == "build/config.gypi"
        || path.ends_with("/build/config.gypi")
        || path.split('/').any(|part| CONTROL.contains(&part))
}

fn is_always(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let stem = lower.split('.').next().unwrap_or_default();
    !path.contains('/') && (lower == "package.json" || ALWAYS.contains(&stem))
}

fn plain(path: &str) -> &str {
    path.trim_start_matches("./").trim_start_matches('/')
}

fn files_field(manifest: &Map<String, Value>) -> Option<Patterns> {
    let entries = manifest.get("files")?.as_array()?;
    let patterns = Patterns::parse(entries.iter().filter_map(Value::as_str).map(plain));
    (!patterns.is_empty()).then_some(patterns)
}

/// `main` and the executables.
fn named(manifest: &Map<String, Value>) -> BTreeSet<String> {
    let main = manifest.get("main").into_iter().filter_map(Value::as_str);
    let bins: Vec<&str> = match manifest.get("bin") {
        Some(Value::String(path)) => vec![path],
        Some(Value::Object(all)) => all.values().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    main.chain(bins).map(|path| plain(path).to_owned()).collect()
}

/// The names of bundled packages.
pub(super) fn bundled(manifest: &Map<String, Value>) -> Vec<String> {
    let field = manifest.get("bundleDependencies").or_else(|| manifest.get("bundledDependencies"));
    let names: Vec<String> = match field {
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::Bool(true)) => {
            manifest.get("dependencies").and_then(Value::as_object).into_iter().flat_map(Map::keys).cloned().collect()
        }
        _ => Vec::new(),
    };
    names.into_iter().filter(|name| wit::PackageName::check(name).is_ok()).collect()
}
