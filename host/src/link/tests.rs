//! A small world whose packages are linked; what is held of it stands in a file for each subject.

mod early;
mod tree;
mod trust;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use store::Store;
use wit::{Alias, DepPath, ImporterId, PackageName, Slot};

use super::{
    Ahead, AheadOptions, Bin, Contents, Early, Expected, Folder, Import, Job, LinkError, PackageSource, StoreFile, link,
};
use crate::{
    graph::{Group, HoistedLink, ImporterLinks, Link, Placement, RootLink, Snapshot, SnapshotIndex, Source, Target},
    plan::{Base, Plan, wanted},
    report::{Event, Report},
    state::{
        Disk, Layout, Record,
        disk::Owner,
        modules_yaml::{self, Included},
        record,
    },
    timings::Timings,
};

/// A project and a store, both in one temporary folder, and what is wanted.
struct World {
    folder: tempfile::TempDir,
    placement: Placement,
    contents: Vec<Contents>,
    verify: bool,
    import: Import,
    is_shared: bool,
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
        Self { folder, placement, contents: Vec::new(), verify: true, import: Import::Auto, is_shared: false }
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

    /// Hoists the first package under other names too.
    fn add_hoisted(&mut self, aliases: &[&str]) {
        let owner = self.placement.snapshots[0].dep_path.as_str().to_owned();
        let link = |alias: &&str| HoistedLink {
            alias: Alias::parse(alias).unwrap(),
            owner: owner.clone(),
            target: Target::Snapshot(0),
            public: false,
        };
        self.placement.hoisted.extend(aliases.iter().map(link));
    }

    fn clear(&mut self) {
        let fresh = Self::new();
        self.placement = fresh.placement.clone();
        self.contents.clear();
        fs::remove_dir_all(self.folder.path().join("store")).unwrap();
    }

    /// Slots are shared from here on; the folder of those there are.
    fn share(&mut self) -> PathBuf {
        self.is_shared = true;
        for snapshot in &mut self.placement.snapshots {
            let scope = if snapshot.name.scope().is_some() { "" } else { "@/" };
            let slot = format!("{scope}{}/{}/{}", snapshot.name, snapshot.version, "0".repeat(64));
            snapshot.slot = Slot::parse(&slot).unwrap();
        }
        let links = self.folder.path().join("links");
        fs::create_dir(&links).unwrap();
        links
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
            global: self.is_shared.then(|| self.folder.path().join("links").to_string_lossy().into_owned()),
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
        let wanted = wanted(&self.placement, &layout);
        Plan::new(&self.placement, &layout, wanted, Disk::read(&layout, &self.placement).unwrap())
    }

    /// Links, without recording it.
    fn link(&self) -> Result<super::Linked, LinkError> {
        self.link_after(|_| Early::default())
    }

    /// Links what is left after some was built early.
    fn link_after(&self, early: impl FnOnce(&Job<'_>) -> Early) -> Result<super::Linked, LinkError> {
        self.link_from(self, early)
    }

    /// Links from another source than the world's own.
    fn link_from(
        &self,
        source: &dyn PackageSource,
        early: impl FnOnce(&Job<'_>) -> Early,
    ) -> Result<super::Linked, LinkError> {
        let (layout, plan) = (self.layout(), self.plan());
        let (timings, placement) = (Timings::off(), &self.placement);
        let job = Job {
            placement,
            plan: &plan,
            layout: &layout,
            source,
            patches: &[],
            import: self.import,
            verify: self.verify,
            report: &Deaf,
            timings: &timings,
        };
        link(&job, early(&job), &self.modules_yaml())
    }

    fn install(&self) {
        self.record(self.link().unwrap());
    }

    fn modules_yaml(&self) -> modules_yaml::Text {
        let included = Included { dependencies: true, dev_dependencies: true, optional_dependencies: true };
        let none = serde_json::Map::new();
        modules_yaml::text(&self.placement, &self.layout(), &included, (&[], &[]), &none, 0)
    }

    fn record(&self, linked: super::Linked) {
        let none = serde_json::Map::new();
        let outcome = Record {
            layout: &self.layout(),
            modules_yaml: &self.modules_yaml(),
            current_lockfile: "lockfileVersion: '9.0'\n",
            projects: &[],
            settings: &none,
            filtered: false,
            now: 0,
        };
        record(&outcome, &linked).unwrap();
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
