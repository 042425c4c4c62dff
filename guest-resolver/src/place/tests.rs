#![expect(clippy::disallowed_methods, reason = "the long tests read real trees and tell how long they took")]

use std::{collections::BTreeMap, fs, path::Path, time::Instant};

use wit::settings::Settings;

use super::*;
use crate::lockfile::read;

const MACHINE: Machine<'static> = Machine { os: "linux", cpu: "x64", libc: Some("glibc"), node: Some("24.0.0") };

/// All snapshots, and where they go.
pub(super) fn place<'a>(
    lockfile: &'a Lockfile,
    context: &PlaceContext<'a>,
) -> Result<(Vec<Placed<'a>>, Layout<'a>), LockfileError> {
    let mut placing = Placing::begin(lockfile, *context)?;
    let snapshots: Vec<Placed<'a>> = placing.by_ref().collect();
    assert_eq!(placing.len(), 0);
    Ok((snapshots, placing.finish()?))
}

fn projects(folder: &Path, lockfile: &Lockfile) -> BTreeMap<String, Project> {
    let read = |id: &String| {
        let text = fs::read_to_string(folder.join(id).join("package.json")).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let field = |name: &str| json.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        (id.clone(), Project { name: field("name"), version: field("version") })
    };
    lockfile.importers.keys().map(read).collect()
}

/// What `pnpm-workspace.yaml` says and a lockfile records.
fn configure(folder: &Path, mut settings: Settings) -> Settings {
    let Ok(text) = fs::read_to_string(folder.join("pnpm-workspace.yaml")) else { return settings };
    let file: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    let field = |name: &str| file.get(name).cloned();
    if let Some(catalogs) = field("catalogs") {
        settings.rules.catalogs = serde_json::from_value(catalogs).unwrap();
    }
    if let Some(catalog) = field("catalog") {
        settings.rules.catalogs.insert("default".into(), serde_json::from_value(catalog).unwrap());
    }
    if let Some(overrides) = field("overrides") {
        settings.rules.overrides = serde_json::from_value(overrides).unwrap();
    }
    if let Some(extensions) = field("packageExtensions") {
        settings.rules.package_extensions = serde_json::from_value(extensions).unwrap();
    }
    if let Some(ignored) = field("ignoredOptionalDependencies") {
        settings.rules.ignored_optional_dependencies = serde_json::from_value(ignored).unwrap();
    }
    if let Some(auto) = field("autoInstallPeers") {
        settings.peers.auto_install_peers = auto.as_bool().unwrap();
    }
    if let Some(length) = field("peersSuffixMaxLength") {
        settings.peers.peers_suffix_max_length = length.as_u64().unwrap().try_into().unwrap();
    }
    settings
}

fn compare(folder: &Path, settings: &Settings) -> Vec<String> {
    let settings = &configure(folder, settings.clone());
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
    let (snapshots, placed) = place(&lockfile, &context).unwrap();
    let store = folder.join("node_modules/.pnpm");
    let mut real: Vec<String> = fs::read_dir(&store)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "node_modules" && name != "lock.yaml")
        .collect();
    real.sort();
    let mut ours: Vec<String> = snapshots.iter().map(|snapshot| snapshot.slot.clone()).collect();
    ours.sort();
    if ours != real {
        wrong.push(format!("slots {} {}: {:?}", ours.len(), real.len(), ours.iter().zip(&real).find(|(a, b)| a != b)));
    }
    let current = fs::read_to_string(store.join("lock.yaml")).unwrap();
    if placed.current_lockfile.as_deref().unwrap_or(&text) != current {
        wrong.push("current lockfile".into());
    }
    let modules: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(folder.join("node_modules/.modules.yaml")).unwrap()).unwrap();
    let mut hoisted = serde_json::Map::new();
    for one in &placed.hoisted {
        let kind = if one.public { "public" } else { "private" };
        let entry = hoisted.entry(one.owner).or_insert_with(|| serde_json::json!({}));
        entry.as_object_mut().unwrap().insert(one.alias.to_owned(), kind.into());
    }
    let hoisted = serde_json::to_string_pretty(&hoisted).unwrap();
    let theirs = serde_json::to_string_pretty(&modules["hoistedDependencies"]).unwrap();
    if hoisted != theirs {
        let first = hoisted.lines().zip(theirs.lines()).enumerate().find(|(_, (a, b))| a != b);
        wrong.push(format!("hoisted {} {}: {first:?}", hoisted.lines().count(), theirs.lines().count()));
    }
    let skipped: Vec<&str> = placed.skipped.iter().map(|skipped| skipped.dep_path).collect();
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
            assert!(wrong.is_empty(), "{variable} {}: {wrong:#?}", folder.display());
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
        let all = place(&lockfile, &PlaceContext { settings: &settings, platform: MACHINE, projects: &projects });
        let placed = start.elapsed() - was_read;
        let written = Instant::now();
        let same = crate::lockfile::write(&lockfile) == text;
        let wrote = written.elapsed();
        eprintln!(
            "scan {tree} {scanned:?}, read {was_read:?}, place {placed:?} of {}, write {wrote:?} {same}",
            all.unwrap().0.len()
        );
    }
}

const SMALL: &str = "\
lockfileVersion: '9.0'

importers:

  .:
    dependencies:
      a:
        specifier: ^1.0.0
        version: 1.0.0(b@1.0.0)
      w:
        specifier: workspace:*
        version: link:packages/w
    devDependencies:
      b:
        specifier: 1.0.0
        version: 1.0.0
    optionalDependencies:
      mac:
        specifier: 1.0.0
        version: 1.0.0

  packages/w:
    dependencies:
      z:
        specifier: npm:b@1.0.0
        version: b@1.0.0

packages:

  a@1.0.0:
    resolution: {integrity: INTEGRITY}
    deprecated: use b

  b@1.0.0:
    resolution: {integrity: INTEGRITY}

  below@1.0.0:
    resolution: {integrity: INTEGRITY}

  mac@1.0.0:
    resolution: {integrity: INTEGRITY}
    os: [darwin]

snapshots:

  a@1.0.0(b@1.0.0):
    dependencies:
      b: 1.0.0
      w: link:packages/w

  b@1.0.0: {}

  below@1.0.0:
    optional: true

  mac@1.0.0:
    dependencies:
      below: 1.0.0
    optional: true
";

fn small() -> Lockfile {
    let integrity = "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==";
    read(&SMALL.replace("INTEGRITY", integrity)).unwrap()
}

fn named() -> BTreeMap<String, Project> {
    let project = Project { name: Some("w".into()), version: Some("2.0.0".into()) };
    [(".".to_owned(), Project::default()), ("packages/w".to_owned(), project)].into()
}

#[test]
fn a_package_that_does_not_fit_takes_what_only_it_reaches_with_it_and_stays_in_the_lockfile() {
    let (lockfile, settings, projects) = (small(), Settings::default(), named());
    let (snapshots, placed) =
        place(&lockfile, &PlaceContext { settings: &settings, platform: MACHINE, projects: &projects }).unwrap();
    let paths: Vec<&str> = snapshots.iter().map(|it| it.dep_path).collect();
    assert_eq!(paths, ["a@1.0.0(b@1.0.0)", "b@1.0.0"]);
    let skipped: Vec<&str> = placed.skipped.iter().map(|skipped| skipped.dep_path).collect();
    assert_eq!(skipped, ["below@1.0.0", "mac@1.0.0"]);
    assert_eq!(placed.current_lockfile, None);
}

#[test]
fn links_are_folders_relative_to_the_lockfile_and_aliases_know_their_package() {
    let (lockfile, settings, projects) = (small(), Settings::default(), named());
    let (snapshots, placed) =
        place(&lockfile, &PlaceContext { settings: &settings, platform: MACHINE, projects: &projects }).unwrap();
    let folder = Target::Directory("packages/w".into());
    assert_eq!(snapshots[0].dependencies, [("b", Target::Snapshot(1)), ("w", folder.clone())]);
    let (_, root) = &placed.roots[0];
    let names: Vec<_> = root.iter().map(|link| (link.alias, link.real_name, link.version)).collect();
    assert_eq!(names, [("a", "a", Some("1.0.0")), ("b", "b", Some("1.0.0")), ("w", "w", Some("2.0.0"))]);
    assert_eq!(root[2].target, folder);
    assert_eq!(placed.roots[1].1[0].real_name, "b");
    assert_eq!((placed.deprecated[0].name, placed.deprecated[0].depth), ("a", 0));
}

#[test]
fn groups_and_projects_that_are_not_selected_leave_the_current_lockfile() {
    let (lockfile, mut settings, projects) = (small(), Settings::default(), named());
    settings.selection.dev_dependencies = false;
    settings.selection.optional_dependencies = false;
    settings.selection.importers = Some(vec![".".into()]);
    let (_, placed) =
        place(&lockfile, &PlaceContext { settings: &settings, platform: MACHINE, projects: &projects }).unwrap();
    assert!(placed.skipped.is_empty());
    let current = read(&placed.current_lockfile.unwrap()).unwrap();
    assert_eq!(current.importers.len(), 1);
    assert_eq!(current.snapshots.keys().collect::<Vec<_>>(), ["a@1.0.0(b@1.0.0)", "b@1.0.0"]);
}

#[test]
fn two_packages_that_would_share_a_folder_are_refused() {
    let mut lockfile = small();
    let package = lockfile.packages["b@1.0.0"].clone();
    for key in ["c@file:x+y", "c@file:x/y"] {
        lockfile.packages.insert(key.into(), package.clone());
        lockfile.snapshots.insert(key.into(), crate::lockfile::model::Snapshot::default());
        let value = crate::lockfile::model::ImporterDependency { specifier: "file:x".into(), version: key.into() };
        lockfile
            .importers
            .get_mut(".")
            .unwrap()
            .dependencies
            .insert(format!("c{}", key.len() + usize::from(key.contains('/'))), value);
    }
    let settings = Settings::default();
    let context = PlaceContext { settings: &settings, platform: MACHINE, projects: &BTreeMap::new() };
    assert_eq!(place(&lockfile, &context).unwrap_err().code, crate::lockfile::error::SLOT_COLLISION);
}
