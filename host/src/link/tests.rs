use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use store::Store;
use wit::{Alias, DepPath, ImporterId, PackageName, Slot};

use super::{
    Ahead, AheadOptions, Bin, Contents, Early, Expected, Folder, Job, LinkError, PackageSource, StoreFile, link,
};
use crate::{
    graph::{Group, HoistedLink, ImporterLinks, Link, Placement, RootLink, Snapshot, SnapshotIndex, Source, Target},
    plan::{Base, Plan},
    report::{Event, Report, event::ImportMethod},
    state::{Disk, Layout, Record, disk::Owner, modules_yaml::Included, record},
    timings::Timings,
};

/// A project and a store, both in one temporary folder, and what is wanted.
struct World {
    folder: tempfile::TempDir,
    placement: Placement,
    contents: Vec<Contents>,
    verify: bool,
}

struct Deaf;
impl Report for Deaf {
    fn event(&self, _: Event) {}
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("project")).unwrap();
        let roots = vec![ImporterLinks { importer: ImporterId::parse(".").unwrap(), links: Vec::new() }];
        let placement = Placement {
            snapshots: Vec::new(),
            roots,
            hoisted: Vec::new(),
            skipped: Vec::new(),
            notices: Vec::new(),
            lockfile: None,
            current_lockfile: None,
        };
        Self { folder, placement, contents: Vec::new(), verify: true }
    }

    /// A package with files (`path`, text) and edges to packages added before.
    fn add(&mut self, id: &str, files: &[(&str, &str)], edges: &[SnapshotIndex]) -> SnapshotIndex {
        let index = u32::try_from(self.contents.len()).unwrap();
        let (name, version) = id.rsplit_once('@').unwrap();
        let store = self.store(index);
        fs::create_dir_all(&store).unwrap();
        let mut listed = Vec::new();
        for (at, (path, text)) in files.iter().enumerate() {
            fs::write(store.join(at.to_string()), text).unwrap();
            let size = text.len() as u64;
            listed.push(StoreFile { path: (*path).to_owned(), blob: at.to_string(), size, executable: false });
        }
        self.contents.push(Contents { files: listed, ..Contents::default() });
        let dependencies = edges.iter().map(|to| Link {
            alias: Alias::parse(self.placement.snapshots[*to as usize].name.as_str()).unwrap(),
            target: Target::Snapshot(*to),
        });
        self.placement.snapshots.push(Snapshot {
            dep_path: DepPath::parse(id).unwrap(),
            slot: Slot::parse(&id.replace('/', "+")).unwrap(),
            name: PackageName::parse(name).unwrap(),
            version: version.to_owned(),
            source: Source::Registry { registry: None, tarball: None, integrity: Some(format!("{id}{files:?}")) },
            dependencies: dependencies.collect(),
            optional: false,
            has_bin: false,
            requires_build: None,
            patch: None,
        });
        index
    }

    fn bin(&mut self, package: SnapshotIndex, name: &str, path: &str) {
        self.contents[package as usize].bins.push(Bin { name: name.to_owned(), path: path.to_owned() });
    }

    fn want(&mut self, package: SnapshotIndex) {
        let snapshot = &self.placement.snapshots[package as usize];
        self.placement.roots[0].links.push(RootLink {
            alias: Alias::parse(snapshot.name.as_str()).unwrap(),
            real_name: snapshot.name.clone(),
            version: Some(snapshot.version.clone()),
            latest: None,
            group: Group::Prod,
            target: Target::Snapshot(package),
        });
    }

    fn hoist(&mut self, package: SnapshotIndex) {
        let snapshot = &self.placement.snapshots[package as usize];
        self.placement.hoisted.push(HoistedLink {
            alias: Alias::parse(snapshot.name.as_str()).unwrap(),
            owner: snapshot.dep_path.as_str().to_owned(),
            target: Target::Snapshot(package),
            public: false,
        });
    }

    fn clear(&mut self) {
        let fresh = Self::new();
        self.placement = fresh.placement.clone();
        self.contents.clear();
        fs::remove_dir_all(self.folder.path().join("store")).unwrap();
    }

    fn store(&self, index: SnapshotIndex) -> PathBuf {
        self.folder.path().join("store").join(index.to_string())
    }
    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("project").join(path)
    }
    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn layout(&self) -> Layout {
        Layout {
            lockfile_dir: self.folder.path().join("project"),
            store_dir: self.folder.path().join("store").to_string_lossy().into_owned(),
            global: None,
            package_manager: "wasi-pm@0.1.0".to_owned(),
            hoist_pattern: vec!["*".to_owned()],
            public_hoist_pattern: Vec::new(),
            virtual_store_dir_max_length: 120,
            extend_node_path: true,
            projects: BTreeMap::new(),
        }
    }

    fn plan(&self) -> Plan {
        let layout = self.layout();
        Plan::new(&self.placement, &layout, &Disk::read(&layout, &self.placement).unwrap())
    }

    /// Links, without recording it.
    fn link(&self) -> Result<super::Linked, LinkError> {
        self.link_after(|_| Early::default())
    }

    /// Links what is left after some was built early.
    fn link_after(&self, early: impl FnOnce(&Job<'_>) -> Early) -> Result<super::Linked, LinkError> {
        let (layout, plan) = (self.layout(), self.plan());
        let (timings, placement) = (Timings::off(), &self.placement);
        let method = ImportMethod::Hardlink;
        let job = Job {
            placement,
            plan: &plan,
            layout: &layout,
            source: self,
            patches: &[],
            method,
            verify: self.verify,
            report: &Deaf,
            timings: &timings,
        };
        link(&job, early(&job))
    }

    fn install(&self) {
        self.record(self.link().unwrap());
    }

    fn record(&self, mut linked: super::Linked) {
        let none = serde_json::Map::new();
        let outcome = Record {
            placement: &self.placement,
            layout: &self.layout(),
            included: Included { dependencies: true, dev_dependencies: true, optional_dependencies: true },
            ignored_builds: &[],
            allow_builds: &none,
            current_lockfile: "lockfileVersion: '9.0'\n",
            projects: &[],
            settings: &none,
            filtered: false,
            now: 0,
        };
        record(&outcome, &mut linked).unwrap();
        linked.clean();
        assert!(!self.path("node_modules/.wasi-pm-tmp").exists());
    }
}

impl PackageSource for World {
    fn contents(&self, snapshot: SnapshotIndex) -> &Contents {
        &self.contents[snapshot as usize]
    }
    fn open(&self, snapshot: SnapshotIndex) -> io::Result<Folder> {
        Folder::open_path(&self.store(snapshot))
    }
}

/// Every path below a folder; links with their targets.
fn listing(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let shown = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
            let metadata = fs::symlink_metadata(&path).unwrap();
            if metadata.is_symlink() {
                found.push(format!("{shown} -> {}", fs::read_link(&path).unwrap().display()));
            } else if metadata.is_dir() {
                open.push(path);
            } else {
                found.push(shown);
            }
        }
    }
    found.sort();
    found
}

fn small_world() -> World {
    let mut world = World::new();
    let dep = world.add("@s/dep@1.0.0", &[("index.js", "dep"), ("lib/deep/x.js", "x")], &[]);
    let app = world.add("app@1.0.0", &[("bin/cli.js", "#!/usr/bin/env node\n"), ("empty", "")], &[dep]);
    world.bin(app, "app", "./bin/cli.js");
    world.bin(dep, "dep", "index.js");
    world.want(app);
    world.hoist(dep);
    world
}

#[test]
fn the_tree_is_laid_out_as_pnpm_does() {
    let world = small_world();
    world.install();
    insta::assert_snapshot!(listing(&world.path("node_modules")).join("\n"), @r"
    .bin/app
    .modules.yaml
    .pnpm-workspace-state-v1.json
    .pnpm/.wasi-pm-tree
    .pnpm/@s+dep@1.0.0/node_modules/@s/dep/index.js
    .pnpm/@s+dep@1.0.0/node_modules/@s/dep/lib/deep/x.js
    .pnpm/@s+dep@1.0.0/node_modules/@s/dep/node_modules/.bin/dep
    .pnpm/app@1.0.0/node_modules/@s/dep -> ../../../@s+dep@1.0.0/node_modules/@s/dep
    .pnpm/app@1.0.0/node_modules/app/bin/cli.js
    .pnpm/app@1.0.0/node_modules/app/empty
    .pnpm/app@1.0.0/node_modules/app/node_modules/.bin/app
    .pnpm/app@1.0.0/node_modules/app/node_modules/.bin/dep
    .pnpm/lock.yaml
    .pnpm/node_modules/.bin/dep
    .pnpm/node_modules/@s/dep -> ../../@s+dep@1.0.0/node_modules/@s/dep
    app -> .pnpm/app@1.0.0/node_modules/app
    ");
    assert_eq!(world.text("node_modules/app/../@s/dep/index.js"), "dep");
    assert!(world.plan().is_empty(), "{}", world.plan());
}

#[test]
fn a_shim_runs_its_target_through_links_with_node_path_set() {
    let mut world = World::new();
    let tool = world.add("tool@1.0.0", &[("run.sh", "#!/bin/sh\necho \"$NODE_PATH $1\"\n")], &[]);
    world.bin(tool, "tool", "run.sh");
    world.want(tool);
    world.install();
    let link = world.folder.path().join("elsewhere");
    std::os::unix::fs::symlink(world.path("node_modules/.bin/tool"), &link).unwrap();
    let output = std::process::Command::new(&link).arg("a b").env_remove("NODE_PATH").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let here = fs::canonicalize(world.path("node_modules/.bin")).unwrap();
    let here = here.to_str().unwrap();
    let slot = "../.pnpm/tool@1.0.0/node_modules";
    assert_eq!(said, format!("{here}/{slot}/tool/node_modules:{here}/{slot}:{here}/../.pnpm/node_modules a b\n"));
}

#[test]
fn f08_empty_files_are_made_and_others_share_the_inode_of_the_store() {
    use std::os::unix::fs::MetadataExt as _;
    let world = small_world();
    world.install();
    let links = |path: &str| fs::metadata(world.path(path)).unwrap().nlink();
    assert_eq!(links("node_modules/.pnpm/app@1.0.0/node_modules/app/empty"), 1);
    assert_eq!(links("node_modules/.pnpm/@s+dep@1.0.0/node_modules/@s/dep/lib/deep/x.js"), 2);
}

#[test]
fn the_target_of_a_command_is_executable_and_the_stores_file_is_not_touched() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = small_world();
    world.install();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o111;
    assert_eq!(mode(world.path("node_modules/app/bin/cli.js")), 0o111);
    assert_eq!(mode(world.store(1).join("0")), 0);
}

#[test]
fn another_version_replaces_links_and_the_old_slot_goes() {
    let mut world = small_world();
    world.install();
    world.clear();
    let dep = world.add("@s/dep@2.0.0", &[("index.js", "two")], &[]);
    let app = world.add("app@1.0.0", &[("bin/cli.js", "#!/usr/bin/env node\n"), ("empty", "")], &[dep]);
    world.want(app);
    world.hoist(dep);
    let plan = world.plan();
    assert_eq!(plan.base, Base::Update);
    assert_eq!((plan.changes.added, plan.changes.removed), (1, 1));
    world.install();
    assert_eq!(world.text("node_modules/app/../@s/dep/index.js"), "two");
    assert_eq!(world.text("node_modules/.pnpm/node_modules/@s/dep/index.js"), "two");
    assert!(!world.path("node_modules/.pnpm/@s+dep@1.0.0").exists());
    assert!(!world.path("node_modules/.bin").exists());
    assert!(world.plan().is_empty());
}

#[test]
fn what_an_update_does_not_touch_needs_nothing_of_the_store_unless_it_has_executables() {
    let mut world = small_world();
    let built = world.add("built@1.0.0", &[("index.js", "")], &[]);
    let plain = world.add("plain@1.0.0", &[("index.js", "")], &[]);
    world.contents[built as usize].requires_build = true;
    world.want(built);
    world.want(plain);
    assert!(world.plan().reused.is_empty());
    world.install();
    let kept: Vec<(SnapshotIndex, bool)> = world.plan().reused.into_iter().collect();
    assert_eq!(kept, [(built, true), (plain, false)]);
    fs::remove_dir_all(world.path("node_modules/.pnpm/plain@1.0.0")).unwrap();
    let kept: Vec<SnapshotIndex> = world.plan().reused.into_keys().collect();
    assert_eq!(kept, [built], "a slot that is gone is made again, from the store");
}

#[test]
fn a_removed_dependency_takes_its_link_slot_and_shims_along() {
    let mut world = small_world();
    world.install();
    world.clear();
    fs::create_dir_all(world.folder.path().join("store")).unwrap();
    let plan = world.plan();
    assert_eq!((plan.changes.removed, plan.changes.roots_removed.len()), (2, 1));
    world.install();
    assert!(!fs::exists(world.path("node_modules/app")).unwrap());
    assert!(!world.path("node_modules/.bin").exists());
    assert!(!world.path("node_modules/.pnpm/app@1.0.0").exists());
    assert!(!fs::exists(world.path("node_modules/.pnpm/node_modules/@s/dep")).unwrap());
}

#[test]
fn a_damaged_file_of_the_store_is_reported_before_anything_reachable_changes() {
    let mut world = small_world();
    world.install();
    let before = listing(&world.path("node_modules"));
    world.clear();
    let app = world.add("app@2.0.0", &[("index.js", "good"), ("other.js", "other")], &[]);
    world.want(app);
    for damage in ["cut", "missing", "link"] {
        let file = world.store(app).join("1");
        match damage {
            "cut" => fs::write(&file, "oth").unwrap(),
            "missing" => fs::remove_file(&file).unwrap(),
            _ => std::os::unix::fs::symlink("/etc/passwd", &file).unwrap(),
        }
        match world.link() {
            Err(LinkError::Damaged { snapshot, .. }) => assert_eq!(snapshot, app),
            other => panic!("{damage}: {other:?}"),
        }
        let after: Vec<_> = listing(&world.path("node_modules"));
        let after: Vec<_> = after.into_iter().filter(|path| !path.starts_with(".wasi-pm-tmp")).collect();
        assert_eq!(after, before);
    }
}

#[test]
fn files_are_not_looked_at_where_checks_are_off_or_this_run_wrote_them_but_a_missing_one_is_still_told() {
    for is_new in [true, false] {
        let mut world = World { verify: is_new, ..World::new() };
        let app = world.add("app@1.0.0", &[("index.js", "good"), ("other.js", "other")], &[]);
        world.contents[app as usize].is_new = is_new;
        world.want(app);
        fs::write(world.store(app).join("1"), "oth").unwrap();
        world.install();
        assert_eq!(world.text("node_modules/app/other.js"), "oth");
        fs::remove_dir_all(world.path("node_modules")).unwrap();
        fs::remove_file(world.store(app).join("1")).unwrap();
        assert!(matches!(world.link(), Err(LinkError::Damaged { snapshot, .. }) if snapshot == app));
    }
}

#[test]
fn slots_that_were_built_early_are_taken_over() {
    let late = small_world();
    late.install();
    let world = small_world();
    let linked = world.link_after(|job| {
        let mut early = Early::default();
        early.build(job, 0);
        assert!(!world.path("node_modules/.pnpm").exists(), "nothing that is built early can be reached");
        fs::remove_file(world.store(0).join("1")).unwrap(); // the pass would miss it
        early
    });
    world.record(linked.unwrap());
    assert_eq!(world.text("node_modules/.pnpm/@s+dep@1.0.0/node_modules/@s/dep/lib/deep/x.js"), "x");
    assert_eq!(listing(&world.path("node_modules")), listing(&late.path("node_modules")));
}

#[test]
fn what_was_built_early_for_nothing_is_gone_and_the_old_tree_stands() {
    let mut world = small_world();
    let build = |world: &World, index| {
        let refused = world.link_after(|job| {
            let mut early = Early::default();
            early.build(job, index);
            assert!(world.path("node_modules/.wasi-pm-tmp").exists());
            drop(early);
            fs::rename(world.folder.path().join("store"), world.folder.path().join("aside")).unwrap();
            Early::default()
        });
        assert!(matches!(refused, Err(LinkError::Damaged { .. })));
        fs::rename(world.folder.path().join("aside"), world.folder.path().join("store")).unwrap();
        fs::remove_dir_all(world.path("node_modules/.wasi-pm-tmp")).unwrap(); // of the pass that was refused
    };
    build(&world, 0);
    fs::remove_dir(world.path("node_modules")).unwrap();
    world.install();
    let before = listing(&world.path("node_modules"));
    world.clear();
    let app = world.add("app@2.0.0", &[("index.js", "new")], &[]);
    world.want(app);
    build(&world, app);
    assert_eq!(listing(&world.path("node_modules")), before);
}

#[test]
fn a_damaged_package_is_not_built_early_but_told_by_the_pass() {
    let world = small_world();
    fs::remove_file(world.store(1).join("0")).unwrap();
    let refused = world.link_after(|job| {
        let mut early = Early::default();
        early.build(job, 1);
        early
    });
    assert!(matches!(refused, Err(LinkError::Damaged { snapshot: 1, .. })));
}

/// A real store with one package, which is told to a thread that fills packages; once its last file is there, the early
/// links of which it is part.
fn filled_ahead(world: &mut World, package: SnapshotIndex) -> Early {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (path, text) in [("package/a.js", "a"), ("package/lib/z.js", "z")] {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    let tarball = tar.into_inner().unwrap().finish().unwrap();
    let store = Store::open(&world.folder.path().join("real")).unwrap();
    let store::Imported { index, integrity, .. } =
        store.import_unverified(&tarball, &store::Limits::default()).unwrap();
    let source = Source::Registry { registry: None, tarball: None, integrity: Some(integrity.to_string()) };
    world.placement.snapshots[package as usize].source = source;
    let ahead = Ahead::start(AheadOptions {
        project: world.folder.path().join("project"),
        store,
        method: ImportMethod::Hardlink,
        verify: true,
        timings: Timings::off(),
    });
    let ahead = ahead.unwrap();
    let contents = std::sync::Arc::new(index.into());
    (ahead.teller())(Expected { package_id: String::new(), integrity, contents });
    while !world.path("node_modules/.wasi-pm-tmp/ahead/0/lib/z.js").exists() {
        std::thread::yield_now();
    }
    Early::begun(Some(ahead))
}

#[test]
fn a_package_that_was_filled_ahead_is_moved_to_its_slot_and_others_are_linked() {
    let mut world = World::new();
    let dep = world.add("dep@1.0.0", &[("index.js", "dep")], &[]);
    let app = world.add("@s/app@1.0.0", &[("a.js", "a"), ("lib/z.js", "z")], &[dep]);
    world.want(app);
    let early = filled_ahead(&mut world, app);
    fs::remove_file(world.store(app).join("0")).unwrap(); // the pass would miss it
    world.record(world.link_after(|_| early).unwrap());
    assert_eq!(world.text("node_modules/@s/app/a.js") + &world.text("node_modules/@s/app/lib/z.js"), "az");
    assert_eq!(world.text("node_modules/@s/app/../../dep/index.js"), "dep");
    assert!(world.plan().is_empty());
}

#[test]
fn a_patched_package_is_not_taken_as_it_was_filled_ahead() {
    let mut world = World::new();
    let app = world.add("app@1.0.0", &[("a.js", "a")], &[]);
    world.want(app);
    let early = filled_ahead(&mut world, app);
    world.placement.snapshots[app as usize].patch = Some("unknown".to_owned());
    assert!(matches!(world.link_after(|_| early), Err(LinkError::Patch(_))));
}

#[test]
fn what_was_filled_ahead_for_nothing_is_gone() {
    let mut world = World::new();
    let app = world.add("app@1.0.0", &[("a.js", "a")], &[]);
    world.want(app);
    drop(filled_ahead(&mut world, app));
    assert!(!world.path("node_modules").exists());
    let early = filled_ahead(&mut world, app);
    world.placement.snapshots.clear();
    world.placement.roots[0].links.clear();
    world.record(world.link_after(|_| early).unwrap());
    assert!(!listing(&world.path("node_modules")).iter().any(|path| path.ends_with("a.js")));
}

#[test]
fn f05_what_a_killed_run_left_is_not_trusted() {
    let world = small_world();
    // Killed before it was recorded, with a slot that has lost a file.
    let _ = world.link().unwrap();
    fs::remove_file(world.path("node_modules/.pnpm/@s+dep@1.0.0/node_modules/@s/dep/index.js")).unwrap();
    assert_eq!(world.plan().base, Base::Anew(Owner::Unfinished));
    world.install();
    assert_eq!(world.text("node_modules/app/../@s/dep/index.js"), "dep");
    assert!(world.plan().is_empty());
}

#[test]
fn a_slot_or_link_that_someone_removed_is_made_again() {
    let world = small_world();
    world.install();
    fs::remove_dir_all(world.path("node_modules/.pnpm/@s+dep@1.0.0")).unwrap();
    fs::remove_file(world.path("node_modules/app")).unwrap();
    world.install();
    assert_eq!(world.text("node_modules/app/../@s/dep/index.js"), "dep");
}

#[test]
fn node_modules_of_npm_is_built_anew_and_its_packages_go() {
    let world = small_world();
    for path in ["app", "stray", "@s/stray", "@old/x", ".cache"] {
        fs::create_dir_all(world.path("node_modules").join(path)).unwrap();
        fs::write(world.path("node_modules").join(path).join("old"), "").unwrap();
    }
    fs::write(world.path("node_modules/.package-lock.json"), "{}").unwrap();
    assert_eq!(world.plan().base, Base::Anew(Owner::Foreign("npm")));
    world.install();
    let names = Folder::open_path(&world.path("node_modules")).unwrap().names().unwrap();
    assert_eq!(names, [".bin", ".cache", ".modules.yaml", ".pnpm", ".pnpm-workspace-state-v1.json", "app"]);
    assert!(fs::symlink_metadata(world.path("node_modules/app")).unwrap().is_symlink());
    assert!(world.plan().is_empty());
}

#[test]
fn another_tool_in_our_tree_is_noticed() {
    let world = small_world();
    world.install();
    fs::write(world.path("node_modules/.modules.yaml"), "{\"packageManager\":\"pnpm@12\"}").unwrap();
    assert!(matches!(world.plan().base, Base::Anew(Owner::Foreign(_))));
    world.install();
    assert!(world.plan().is_empty());
}

#[test]
fn f01_a_node_modules_that_is_a_link_is_refused() {
    let world = small_world();
    let elsewhere = world.folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, world.path("node_modules")).unwrap();
    let layout = world.layout();
    assert!(matches!(Disk::read(&layout, &world.placement), Err(LinkError::ModulesIsSymlink { .. })));
    assert!(listing(&elsewhere).is_empty());
}

#[test]
fn f02_a_scope_that_is_a_link_is_replaced_not_followed() {
    let mut world = World::new();
    let dep = world.add("@s/dep@1.0.0", &[("index.js", "dep")], &[]);
    world.want(dep);
    let elsewhere = world.folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::create_dir(world.path("node_modules")).unwrap();
    std::os::unix::fs::symlink(&elsewhere, world.path("node_modules/@s")).unwrap();
    world.install();
    assert!(listing(&elsewhere).is_empty());
    assert_eq!(world.text("node_modules/@s/dep/index.js"), "dep");
}

#[test]
fn names_of_files_that_lead_outside_are_refused() {
    for path in ["../../../../../evil", "/evil", "a/../../evil", "a//b", "."] {
        let mut world = World::new();
        let app = world.add("app@1.0.0", &[(path, "evil")], &[]);
        world.want(app);
        assert!(matches!(world.link(), Err(LinkError::Io { .. })), "{path}");
        assert!(!listing(world.folder.path()).iter().any(|path| path.ends_with("evil")), "{path}");
    }
}

#[test]
fn a_command_that_two_packages_offer_goes_to_the_one_of_its_name_then_to_the_first() {
    let mut world = World::new();
    for id in ["aaa@1.0.0", "tool@1.0.0", "bbb@1.0.0"] {
        let package = world.add(id, &[("x.js", id)], &[]);
        world.bin(package, "tool", "x.js");
        world.want(package);
        if id != "tool@1.0.0" {
            world.bin(package, "other", "x.js");
        }
    }
    world.install();
    let leads = |name: &str| world.text(name).lines().last().unwrap().to_owned();
    assert!(leads("node_modules/.bin/tool").contains("tool@1.0.0"));
    assert!(leads("node_modules/.bin/other").contains("aaa@1.0.0"));
}
