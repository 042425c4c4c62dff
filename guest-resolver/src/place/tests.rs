use std::{collections::BTreeMap, fs, path::Path, time::Instant};

use wit::settings::Settings;

use super::*;
use crate::{hoist::HoistTarget, lockfile::read};

const MACHINE: Machine<'static> = Machine { os: "linux", cpu: "x64", libc: Some("glibc"), node: Some("24.0.0") };

fn projects(folder: &Path, lockfile: &Lockfile) -> BTreeMap<String, Project> {
    let read = |id: &String| {
        let text = fs::read_to_string(folder.join(id).join("package.json")).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let field = |name: &str| json.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        (id.clone(), Project { name: field("name"), version: field("version") })
    };
    lockfile.importers.keys().map(read).collect()
}

fn compare(folder: &Path, settings: &Settings) -> Vec<String> {
    let mut wrong = Vec::new();
    let text = fs::read_to_string(folder.join("pnpm-lock.yaml")).unwrap();
    let lockfile = read(&text).unwrap();
    let projects = projects(folder, &lockfile);
    let manifests = lockfile.importers.keys().map(|id| {
        let text = fs::read_to_string(folder.join(id).join("package.json")).unwrap();
        (id.clone(), serde_json::from_str(&text).unwrap())
    });
    let drifts = crate::lockfile::check(&lockfile, settings, &manifests.collect()).unwrap();
    wrong.extend(drifts.iter().map(|drift| format!("{drift:?}")));
    let context = PlaceContext { settings, platform: MACHINE, projects: &projects };
    let placement = place(&lockfile, &context).unwrap();
    let store = folder.join("node_modules/.pnpm");
    let mut real: Vec<String> = fs::read_dir(&store)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "node_modules" && name != "lock.yaml")
        .collect();
    real.sort();
    let mut ours: Vec<String> = placement.snapshots.iter().map(|snapshot| snapshot.slot.clone()).collect();
    ours.sort();
    if ours != real {
        wrong.push(format!("slots {} {}: {:?}", ours.len(), real.len(), ours.iter().zip(&real).find(|(a, b)| a != b)));
    }
    let current = fs::read_to_string(store.join("lock.yaml")).unwrap();
    if placement.current_lockfile.as_deref().unwrap_or(&text) != current {
        wrong.push("current lockfile".into());
    }
    let modules: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(folder.join("node_modules/.modules.yaml")).unwrap()).unwrap();
    let mut hoisted = serde_json::Map::new();
    for one in &placement.hoisted {
        let owner = match one.target {
            HoistTarget::Snapshot(at) => placement.snapshots[at as usize].dep_path,
            HoistTarget::Project(id) => id,
        };
        let kind = if one.public { "public" } else { "private" };
        let entry = hoisted.entry(owner).or_insert_with(|| serde_json::json!({}));
        entry.as_object_mut().unwrap().insert(one.alias.to_owned(), kind.into());
    }
    let hoisted = serde_json::to_string_pretty(&hoisted).unwrap();
    let theirs = serde_json::to_string_pretty(&modules["hoistedDependencies"]).unwrap();
    if hoisted != theirs {
        let first = hoisted.lines().zip(theirs.lines()).enumerate().find(|(_, (a, b))| a != b);
        wrong.push(format!("hoisted {} {}: {first:?}", hoisted.lines().count(), theirs.lines().count()));
    }
    let skipped: Vec<&str> = placement.skipped.iter().map(|skipped| skipped.dep_path).collect();
    let theirs: Vec<&str> =
        modules["skipped"].as_array().into_iter().flatten().filter_map(|value| value.as_str()).collect();
    let mut sorted = skipped.clone();
    sorted.sort_unstable();
    if sorted != theirs {
        wrong.push(format!(
            "skipped {} {}: {:?}",
            skipped.len(),
            theirs.len(),
            sorted.iter().zip(&theirs).find(|(a, b)| a != b)
        ));
    }
    wrong
}

/// Compares with trees that pnpm made of the same lockfiles: slots, hoisting in order, skipped, current lockfile.
#[test]
#[ignore = "needs folders that pnpm installed in INSTALLED, and such with --prod in INSTALLED_PROD"]
fn placements_are_those_of_pnpm() {
    let mut prod = Settings::default();
    prod.selection.dev_dependencies = false;
    for (variable, settings) in [("INSTALLED", Settings::default()), ("INSTALLED_PROD", prod)] {
        let Ok(folder) = std::env::var(variable) else { continue };
        for entry in fs::read_dir(folder).unwrap() {
            let folder = entry.unwrap().path();
            let wrong = compare(&folder, &settings);
            eprintln!("{variable} {}: {wrong:#?}", folder.file_name().unwrap().display());
        }
    }
}

#[test]
#[ignore = "a measurement; needs a lockfile in LOCKFILE"]
fn speed_of_reading_and_placing() {
    let text = fs::read_to_string(std::env::var("LOCKFILE").unwrap()).unwrap();
    let settings = Settings::default();
    let projects = BTreeMap::new();
    for _ in 0..20 {
        let start = Instant::now();
        let tree = crate::lockfile::yaml::scan::scan(&text).is_some();
        let scanned = start.elapsed();
        let start = Instant::now();
        let lockfile = read(&text).unwrap();
        let was_read = start.elapsed();
        let placement = place(&lockfile, &PlaceContext { settings: &settings, platform: MACHINE, projects: &projects });
        let placed = start.elapsed() - was_read;
        let written = Instant::now();
        let same = crate::lockfile::write(&lockfile) == text;
        let wrote = written.elapsed();
        eprintln!(
            "scan {tree} {scanned:?}, read {was_read:?}, place {placed:?} of {}, write {wrote:?} {same}",
            placement.unwrap().snapshots.len()
        );
    }
}
