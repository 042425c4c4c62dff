use std::collections::{BTreeMap, BTreeSet};

use wit::settings::{GlobalVirtualStore, Settings};

use crate::{
    lockfile::read,
    place::{PlaceContext, tests::place},
    platform::Machine,
};

const MACHINE: Machine<'static> = Machine { os: "linux", cpu: "x64", libc: Some("glibc"), node: Some("20.20.2") };

/// The lockfile that pnpm 12.21 made of a project in `/srv/project`, with what it left out, a circle, and a local
/// folder that links to a project; and the slots that its links led to, with `allowBuilds` for one of the circle. The
/// digests of the two in the circle are of our own making.
const LOCKED: &str = include_str!("locked.yaml");
const SLOTS: &str = include_str!("slots.txt");

fn slots(lockfile: &str, store: GlobalVirtualStore) -> BTreeSet<String> {
    let lockfile = read(lockfile).unwrap();
    let mut settings = Settings::default();
    settings.layout.global_virtual_store = Some(store);
    let projects = BTreeMap::new();
    let placed = place(&lockfile, &PlaceContext { settings: &settings, platform: MACHINE, projects: &projects });
    placed.unwrap().0.into_iter().map(|snapshot| snapshot.slot).collect()
}

fn store(project: &str, builds: &[(&str, bool)]) -> GlobalVirtualStore {
    GlobalVirtualStore {
        project: project.to_owned(),
        allow_builds: builds.iter().map(|(name, allowed)| ((*name).to_owned(), *allowed)).collect(),
        allow_all_builds: false,
    }
}

#[test]
fn names_are_those_of_pnpm() {
    let expected: BTreeSet<String> = SLOTS.lines().map(str::to_owned).collect();
    let ours = slots(LOCKED, store("/srv/project", &[("update-browserslist-db", true)]));
    let named = |slots: &BTreeSet<String>| -> BTreeSet<String> {
        slots.iter().filter(|slot| !slot.contains("/browserslist/") && !slot.contains("/update-b")).cloned().collect()
    };
    assert_eq!(named(&ours), named(&expected));
    let versioned = store("/srv/project", &[("update-browserslist-db@1.0.0 || 1.4.0", true)]);
    assert_eq!(slots(LOCKED, versioned), ours);
}

#[test]
fn only_slots_of_local_folders_differ_between_projects() {
    let (one, other) = (slots(LOCKED, store("/srv/one", &[])), slots(LOCKED, store("/srv/other", &[])));
    let differing: Vec<&str> = one.difference(&other).filter_map(|slot| slot.split('/').nth(1)).collect();
    assert_eq!(differing, ["loc"]);
}

#[test]
fn a_build_moves_what_depends_on_it_and_nothing_else() {
    let plain = slots(LOCKED, store("/srv/project", &[]));
    let built = slots(LOCKED, store("/srv/project", &[("ms", true)]));
    let moved: Vec<&str> = built.difference(&plain).filter_map(|slot| slot.split('/').nth(1)).collect();
    assert_eq!(moved, ["debug", "loc", "ms"]);
    let refused = store("/srv/project", &[("ms", true), ("ms@2.1.3", false)]);
    assert_eq!(slots(LOCKED, refused), plain);
}

#[test]
fn in_a_circle_everything_counts_for_each() {
    let changed = LOCKED.replace("electron-to-chromium", "electron-to-chromiun");
    let (one, other) = (slots(LOCKED, store("/p", &[])), slots(&changed, store("/p", &[])));
    let mut moved: Vec<&str> = one.difference(&other).filter_map(|slot| slot.split('/').nth(1)).collect();
    moved.sort_unstable();
    assert_eq!(moved, ["browserslist", "electron-to-chromium", "update-browserslist-db"]);
}

/// Twenty thousand packages, each below the other, use no stack.
#[test]
fn a_deep_lockfile_is_walked() {
    use std::fmt::Write as _;
    let mut text = "lockfileVersion: '9.0'\n\nimporters:\n\n  .:\n    dependencies:\n      p0:\n        specifier: 1.0.0\n        \
                    version: 1.0.0\n\npackages:\n"
        .to_owned();
    let depth = 20_000;
    for at in 0..depth {
        write!(text, "\n  p{at}@1.0.0:\n    resolution: {{integrity: sha512-{}==}}\n", "A".repeat(86)).unwrap();
    }
    text.push_str("\nsnapshots:\n");
    for at in 0..depth {
        let next = (at + 1) % depth;
        write!(text, "\n  p{at}@1.0.0:\n    dependencies:\n      p{next}: 1.0.0\n").unwrap();
    }
    assert_eq!(slots(&text, store("/p", &[("p7", true)])).len(), depth);
}
