//! What holds of every resolution, whatever pnpm would say: over random worlds, in this process, without the component.

use std::collections::BTreeMap;

use guest_resolver::{
    lockfile::{self, Lockfile},
    semver::{Range, Version},
};
use host::engine;
use tests::{
    cost::{self, Case},
    native::{self, Order},
    oracle::Facts,
    random,
    scenario::Scenario,
};
use wit::settings::PeerDependencyRules;

use crate::support::binary;

/// So many worlds, from seed 0.
const WORLDS: u64 = 150;

/// Calls `check` with each world that can be resolved: its scenario, its project, what is known, the lockfile's text.
fn each(check: impl Fn(&Scenario, &engine::Project, &Facts<'_>, &str)) {
    let mut resolved = 0;
    for seed in 0..WORLDS {
        let scenario = random::scenario(seed, 1);
        let (registry, project) = scenario.start(binary());
        let mut world = scenario.world.clone();
        scenario.prepare(&scenario.steps[0], &registry, &project, &mut world);
        let (given, _) = scenario.load(&scenario.steps[0], &registry, &project);
        let facts = Facts::new(&world, &registry.url).beside(project.dir());
        let made = native::resolve(&given, &facts, Order::AsAsked);
        let shuffled = native::resolve(&given, &facts, Order::YoungestFirst);
        assert_eq!(made, shuffled, "seed {seed}: replies in another order");
        let Ok(Some(text)) = made.map(|made| made.lockfile) else { continue };
        resolved += 1;
        check(&scenario, &given, &facts, &text);
    }
    assert!(resolved > WORLDS / 2, "only {resolved} worlds can be resolved");
}

#[test]
fn a_lockfile_comes_back_as_it_was_and_has_no_edge_that_leads_nowhere() {
    each(|scenario, _, _, text| {
        let name = &scenario.name;
        let read = lockfile::read(text).unwrap_or_else(|error| panic!("{name}: {error:?}\n{text}"));
        assert_eq!(lockfile::write(&read), text, "{name}");
    });
}

#[test]
fn resolving_again_with_the_lockfile_changes_nothing() {
    each(|scenario, given, facts, text| {
        let name = &scenario.name;
        let locked = engine::Project { lockfile: Some(text.to_owned()), ..given.clone() };
        let again = native::resolve(&locked, facts, Order::AsAsked).unwrap();
        if again.lockfile.as_deref().is_some_and(|again| again != text) {
            assert!(follows_others(given), "{name}: resolved again\n{text}\n{:?}", again.lockfile);
            return;
        }
        let Ok(placed) = native::place(&locked).unwrap() else {
            assert!(has_direct_prerelease(text), "{name}: it does not fit\n{text}");
            return;
        };
        let sorted = |mut list: Vec<(String, String)>| {
            list.sort();
            list
        };
        assert_eq!(sorted(placed.snapshots), sorted(again.snapshots), "{name}: placed and resolved");
    });
}

/// Whether a project asks for a package as its peer alone that another one depends on. Such a peer is picked anew where
/// its locked version does not suit all others, and counts less for being locked: where two suit alike, pnpm goes from
/// one to the other and back each time (`a-projects-own-peer-moves-with-the-others`).
fn follows_others(given: &engine::Project) -> bool {
    let manifests = given.importers.iter().map(|(_, text)| serde_json::from_str::<serde_json::Value>(text).unwrap());
    let manifests: Vec<_> = manifests.collect();
    let depends = |manifest: &serde_json::Value, name: &str| {
        let groups = ["dependencies", "devDependencies", "optionalDependencies"];
        groups.iter().any(|group| manifest[group].get(name).is_some())
    };
    manifests.iter().any(|own| {
        let peers = own["peerDependencies"].as_object().into_iter().flatten();
        peers
            .map(|(name, _)| name)
            .any(|name| !depends(own, name) && manifests.iter().any(|other| depends(other, name)))
    })
}

/// Of a package that has prereleases only one is picked for `*`, which it does not satisfy: for pnpm too such a
/// lockfile never fits.
fn has_direct_prerelease(text: &str) -> bool {
    let lockfile = lockfile::read(text).unwrap();
    let importers = lockfile.importers.values();
    let groups = importers.flat_map(|it| [&it.dependencies, &it.dev_dependencies, &it.optional_dependencies]);
    groups.flat_map(BTreeMap::values).any(|held| held.version.split('(').next().is_some_and(|it| it.contains('-')))
}

/// Every package of a layer leads to all of the next: a walk that followed each way on its own would not end.
#[test]
fn what_a_dense_lockfile_holds_is_taken_over_once_when_a_dependency_is_dropped() {
    let mut case = Case::peers(40);
    let whole = cost::native(&case, usize::MAX).unwrap().lockfile.unwrap();
    let (_, manifest) = &mut case.project.importers[0];
    let less = manifest.replace(r#","provider":"^1.0.0""#, "");
    assert_ne!(*manifest, less);
    *manifest = less;
    let anew = cost::native(&case, usize::MAX).unwrap().lockfile.unwrap();
    case.project.lockfile = Some(whole);
    assert_eq!(cost::native(&case, usize::MAX).unwrap().lockfile.as_deref(), Some(&*anew));
}

#[test]
fn the_order_of_projects_does_not_matter() {
    each(|scenario, given, facts, text| {
        let mut turned = given.clone();
        turned.importers.reverse();
        let made = native::resolve(&turned, facts, Order::AsAsked).unwrap();
        assert_eq!(made.lockfile.as_deref(), Some(text), "{}", scenario.name);
    });
}

#[test]
fn every_range_is_satisfied() {
    each(|scenario, given, _, text| {
        if given.settings.rules.overrides.is_empty() {
            ranges(scenario, given, &lockfile::read(text).unwrap());
        }
    });
}

fn ranges(scenario: &Scenario, given: &engine::Project, lockfile: &Lockfile) {
    let mut checked = 0;
    for importer in lockfile.importers.values() {
        for group in [&importer.dependencies, &importer.dev_dependencies, &importer.optional_dependencies] {
            for dependency in group.values() {
                satisfied(&dependency.specifier, &dependency.version, &scenario.name);
                checked += 1;
            }
        }
    }
    for (dep_path, snapshot) in &lockfile.snapshots {
        let key = dep_path.split('(').next().unwrap_or_default();
        let Some((name, version)) = key.rsplit_once('@') else { continue };
        let Some(package) = scenario.world.get(name).filter(|package| package.versions.contains_key(version)) else {
            continue;
        };
        let manifest = package.manifest(name, version);
        let mut wanted = BTreeMap::new();
        // A name in both: the range is that of `dependencies`.
        for field in ["optionalDependencies", "dependencies"] {
            wanted.extend(manifest.get(field).and_then(|it| it.as_object()).into_iter().flatten());
        }
        for (alias, held) in snapshot.dependencies.iter().chain(&snapshot.optional_dependencies) {
            // A peer that is a dependency too may have been met by whoever is above.
            let is_peer = manifest.get("peerDependencies").is_some_and(|peers| peers.get(alias).is_some());
            if let Some(range) = wanted.get(alias).and_then(|range| range.as_str()).filter(|_| !is_peer) {
                satisfied(range, held, &format!("{}: {dep_path} > {alias}", scenario.name));
                checked += 1;
            }
        }
    }
    assert!(checked > 0 || given.importers.iter().all(|(_, text)| !text.contains("ependencies")));
}

/// Specifiers that are no ranges and links are left to other tests; `*` takes prereleases where there is nothing else.
fn satisfied(specifier: &str, held: &str, about: &str) {
    let range = specifier.strip_prefix("npm:").and_then(|rest| rest.rsplit_once('@')).map_or(specifier, |(_, it)| it);
    let plain = held.split('(').next().unwrap_or_default();
    let version = plain.get(1..).and_then(|rest| rest.rsplit_once('@')).map_or(plain, |(_, version)| version);
    if range == "*" {
        return;
    }
    let (Ok(range), Some(version)) = (Range::parse_loose(range), Version::parse(version)) else { return };
    assert!(range.satisfies(&version), "{about}: {held} for {specifier}");
}

#[test]
fn every_required_peer_is_there_and_fits_or_is_told() {
    let judged = std::cell::Cell::new((0, 0));
    each(|scenario, given, facts, text| {
        // What the user forgives is not told.
        if given.settings.peers.peer_dependency_rules != PeerDependencyRules::default() {
            return;
        }
        let told = native::resolve(given, facts, Order::AsAsked).unwrap().peer_issues;
        let (met, missed) = peers(scenario, &lockfile::read(text).unwrap(), &told);
        let (all_met, all_missed) = judged.get();
        judged.set((all_met + met, all_missed + missed));
    });
    let (met, missed) = judged.get();
    assert!(met > 100 && missed > 10, "too few peers to judge: {met} met, {missed} not");
}

/// How many peers are met, and how many are not and told; it fails on one that is neither.
fn peers(scenario: &Scenario, lockfile: &Lockfile, told: &[(String, String)]) -> (usize, usize) {
    let (mut met, mut missed) = (0, 0);
    for (dep_path, snapshot) in &lockfile.snapshots {
        let key = dep_path.split('(').next().unwrap_or_default();
        let Some(package) = lockfile.packages.get(key) else { panic!("{}: {key} is not there", scenario.name) };
        let required = package.peer_dependencies.iter().filter(|(peer, _)| !package.optional_peers.contains(peer));
        for (peer, range) in required {
            let held = snapshot.dependencies.get(peer).or_else(|| snapshot.optional_dependencies.get(peer));
            // Links lead to projects, whose versions the lockfile does not have.
            if held.is_some_and(|held| held.starts_with("link:")) {
                continue;
            }
            if held.is_some_and(|held| fits(held, range)) {
                met += 1;
                continue;
            }
            let asker = package.version.as_ref().map_or_else(
                || key.to_owned(),
                |version| {
                    format!("{}@{version}", key[1..].split_once('@').map_or(key, |(name, _)| &key[..=name.len()]))
                },
            );
            let issue = (asker, peer.clone());
            assert!(told.contains(&issue), "{}: {dep_path} has {held:?} for {peer}@{range}, untold", scenario.name);
            missed += 1;
        }
    }
    (met, missed)
}

/// Prereleases of a version in the range are peers too.
fn fits(held: &str, range: &str) -> bool {
    let plain = held.split('(').next().unwrap_or_default();
    let version = plain.get(1..).and_then(|rest| rest.rsplit_once('@')).map_or(plain, |(_, version)| version);
    let range = range.strip_prefix("workspace:").unwrap_or(range);
    let parsed = Range::parse_loose(range).ok().zip(Version::parse(version));
    range == "*" || parsed.is_some_and(|(range, version)| range.satisfies_as_peer(&version))
}

#[test]
fn a_peer_that_is_neither_there_nor_told_is_found() {
    let scenario = random::scenario(0, 1);
    let text = "lockfileVersion: '9.0'\n\nimporters:\n\n  .:\n    dependencies:\n      a:\n        specifier: 1.0.0\n        version: 1.0.0(b@1.0.0)\n\npackages:\n\n  a@1.0.0:\n    resolution: {integrity: sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==}\n    peerDependencies:\n      b: ^2.0.0\n\n  b@1.0.0:\n    resolution: {integrity: sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==}\n\nsnapshots:\n\n  a@1.0.0(b@1.0.0):\n    dependencies:\n      b: 1.0.0\n\n  b@1.0.0: {}\n";
    let lockfile = lockfile::read(text).unwrap();
    assert_eq!(peers(&scenario, &lockfile, &[("a@1.0.0".to_owned(), "b".to_owned())]), (0, 1));
    let untold = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| peers(&scenario, &lockfile, &[])));
    assert!(untold.is_err());
}
