//! The link pass over a large project; and the reason why there is one: packages that are imported first and linked
//! together, against packages that each download task links as it has them. `TMPDIR` should be on memory-backed disk.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, OnceLock},
};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use host::{
    graph::{Group, ImporterLinks, Link, Placement, RootLink, Snapshot, Source, Target},
    link::{Contents, Early, Folder, Import, Job, Linked, Stored, link},
    plan::{Plan, wanted},
    report::{Event, Report},
    state::{Disk, Layout, modules_yaml::Text},
    timings::Timings,
};
use rayon::prelude::*;
use store::{Limits, Store};
use wit::{Alias, DepPath, ImporterId, Integrity, PackageName, Slot};

/// As many as `alotta-modules` has, with 30 files each: 40,000.
const PACKAGES: usize = 1_333;
/// Those that are imported and linked anew in every sample.
const COLD: usize = 400;
const FILES: usize = 30;
/// 200 Mbit/s.
const BYTES_PER_SECOND: f64 = 25e6;

struct Deaf;
impl Report for Deaf {
    fn event(&self, _: Event) {}
}

/// A gzipped tar of 30 files, about 200 KiB unpacked and 50 packed.
fn tarball(seed: usize) -> Vec<u8> {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let mut add = |path: &str, body: &str| {
        let mut header = tar::Header::new_ustar();
        header.set_size(body.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, body.as_bytes()).expect("memory takes all");
    };
    add("package/package.json", &format!(r#"{{"name":"package-{seed}","version":"1.0.0"}}"#));
    let mut number = seed as u64;
    for at in 1..FILES {
        let line = |line: usize| {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            format!("export const value{line} = create(source, options, {{ key: 'value', id: '{number:016x}' }});\n")
        };
        let body: String = (0..80).map(line).collect();
        add(&format!("package/{}/file-{at}.js", if at % 3 == 0 { "lib" } else { "lib/parts" }), &body);
    }
    tar.into_inner().and_then(flate2::write::GzEncoder::finish).expect("memory takes all")
}

fn name(at: usize) -> String {
    format!("package-{at}")
}

/// Packages of which each depends on three later ones, and a project that depends on every twelfth.
fn placement(packages: usize) -> Placement {
    let to = |at: usize| Target::Snapshot(u32::try_from(at).expect("they are few"));
    let alias = |at: usize| Alias::parse(&name(at)).expect("letters, digits and a hyphen");
    let snapshot = |at: usize| Snapshot {
        dep_path: DepPath::parse(&format!("{}@1.0.0", name(at))).expect("a name and a version"),
        slot: Slot::parse(&format!("{}@1.0.0", name(at))).expect("a name and a version"),
        name: PackageName::parse(&name(at)).expect("letters, digits and a hyphen"),
        version: "1.0.0".to_owned(),
        source: Source::Registry { registry: None, tarball: None, integrity: Some(name(at)) },
        dependencies: [1, 7, 40]
            .into_iter()
            .filter(|step| at + step < packages)
            .map(|step| Link { alias: alias(at + step), target: to(at + step) })
            .collect(),
        optional: false,
        has_bin: false,
        requires_build: None,
        patch: None,
    };
    let root = |at: usize| RootLink {
        alias: alias(at),
        real_name: PackageName::parse(&name(at)).expect("letters, digits and a hyphen"),
        version: Some("1.0.0".to_owned()),
        latest: None,
        group: Group::Prod,
        target: to(at),
    };
    let importer = ImporterId::parse(".").expect("the root");
    Placement {
        snapshots: (0..packages).map(snapshot).collect(),
        roots: vec![ImporterLinks { importer, links: (0..packages).step_by(12).map(root).collect() }],
        hoisted: Vec::new(),
        skipped: Vec::new(),
        notices: Vec::new(),
        lockfile: None,
        current_lockfile: None,
    }
}

fn layout(project: &Path, store: &Path) -> Layout {
    Layout {
        lockfile_dir: project.to_owned(),
        store_dir: store.display().to_string(),
        package_manager: "wasi-pm@0.0.0".to_owned(),
        hoist_pattern: Vec::new(),
        public_hoist_pattern: Vec::new(),
        virtual_store_dir_max_length: 120,
        extend_node_path: true,
        projects: BTreeMap::new(),
        global: None,
    }
}

type Package = (Integrity, Arc<Contents>);

fn import(store: &Store, tarball: &[u8]) -> Package {
    let imported = store.import_unverified(tarball, &Limits::default()).expect("a good tarball");
    (imported.integrity, Arc::new(imported.index.into()))
}

fn keyed(packages: Vec<Package>) -> Vec<(Option<Integrity>, Arc<Contents>)> {
    packages.into_iter().map(|(integrity, contents)| (Some(integrity), contents)).collect()
}

/// One project below `folder`, linked as the program does it.
fn link_all(folder: &Path, placement: &Placement, source: &Stored) -> Linked {
    std::fs::create_dir_all(folder).expect("a temporary folder");
    let layout = layout(folder, folder);
    let disk = Disk::read(&layout, placement).expect("an empty folder");
    let plan = Plan::new(placement, &layout, wanted(placement, &layout), disk);
    let job = Job {
        patches: &[],
        placement,
        plan: &plan,
        layout: &layout,
        source,
        import: Import::Auto,
        verify: true,
        report: &Deaf,
        timings: &Timings::off(),
    };
    link(&job, Early::default(), &Text::default()).expect("a good store")
}

fn whole_project(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(&folder.path().join("store")).expect("an empty folder");
    let packages: Vec<Package> = (0..PACKAGES).into_par_iter().map(|at| import(&store, &tarball(at))).collect();
    let (placement, source) = (placement(PACKAGES), Stored::new(store, keyed(packages)));
    let mut group = criterion.benchmark_group("link");
    group.sample_size(10);
    group.bench_function("40,000 files of 1,333 packages", |bencher| {
        bencher.iter_batched(
            || tempfile::tempdir_in(folder.path()).expect("a temporary folder"),
            |project| (link_all(project.path(), &placement, &source), project),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// Makes the slot of one package: the same work whenever it is done.
fn slot(staging: &Folder, snapshot: &Snapshot, source: &Folder, contents: &Contents) {
    let made = || -> std::io::Result<()> {
        let modules = staging.make(snapshot.slot.as_str())?.make("node_modules")?;
        let home = modules.make(snapshot.name.as_str())?;
        let mut last: Option<(&str, Folder)> = None;
        for file in &contents.files {
            let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
            if folder.is_empty() {
                home.link_from(source, &file.blob, name)?;
                continue;
            }
            if last.as_ref().is_none_or(|(held, _)| *held != folder) {
                last = Some((folder, home.make_all(folder)?));
            }
            let (_, into) = last.as_ref().expect("it has just been made");
            into.link_from(source, &file.blob, name)?;
        }
        for link in &snapshot.dependencies {
            modules.symlink(&format!("../../{}@1.0.0/node_modules/{}", link.alias, link.alias), link.alias.as_str())?;
        }
        Ok(())
    };
    made().expect("an empty folder");
}

/// What every cold sample starts from.
struct Cold {
    _folder: tempfile::TempDir,
    store: Store,
    staging: Folder,
}

impl Cold {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(&folder.path().join("store")).expect("an empty folder");
        let staging = Folder::open_path(folder.path()).and_then(|folder| folder.make("staging"));
        Self { store, staging: staging.expect("an empty folder"), _folder: folder }
    }

    fn link(&self, snapshot: &Snapshot, (integrity, contents): &Package) {
        let package = self.store.open_package(integrity).expect("it was imported");
        let source: Folder = package.dir().try_clone().expect("an open folder").into();
        slot(&self.staging, snapshot, &source, contents);
    }
}

/// When each tarball is there: all at once, or as a line of 200 Mbit/s brings them.
#[derive(Clone, Copy)]
enum Arrival {
    AtOnce,
    OverALine,
}

/// Runs a task for every tarball as it arrives, and waits for all.
fn arrive(tarballs: &[Vec<u8>], arrival: Arrival, task: impl Fn(usize, &[u8]) + Sync) {
    let (start, mut bytes) = (std::time::Instant::now(), 0);
    rayon::in_place_scope(|scope| {
        for (at, tarball) in tarballs.iter().enumerate() {
            bytes += tarball.len();
            if let Arrival::OverALine = arrival {
                let due = start + std::time::Duration::from_secs_f64(bytes as f64 / BYTES_PER_SECOND);
                std::thread::sleep(due.saturating_duration_since(std::time::Instant::now()));
            }
            let task = &task;
            scope.spawn(move |_| task(at, tarball));
        }
    });
}

fn deferred_or_not(criterion: &mut Criterion) {
    let tarballs: Vec<Vec<u8>> = (0..COLD).into_par_iter().map(tarball).collect();
    let placement = placement(COLD);
    let mut group = criterion.benchmark_group("cold store, 400 packages");
    group.sample_size(10);
    for (arrival, line) in [(Arrival::AtOnce, "all there"), (Arrival::OverALine, "200 Mbit/s")] {
        group.bench_function(format!("{line}: imported, then linked in one pass"), |bencher| {
            bencher.iter_batched(
                Cold::new,
                |cold| {
                    let imported: Vec<OnceLock<Package>> = (0..COLD).map(|_| OnceLock::new()).collect();
                    arrive(&tarballs, arrival, |at, tarball| drop(imported[at].set(import(&cold.store, tarball))));
                    (0..COLD).into_par_iter().with_max_len(1).for_each(|at| {
                        cold.link(&placement.snapshots[at], imported[at].get().expect("all have been imported"));
                    });
                    cold
                },
                BatchSize::PerIteration,
            );
        });
        group.bench_function(format!("{line}: linked inside the download task"), |bencher| {
            bencher.iter_batched(
                Cold::new,
                |cold| {
                    arrive(&tarballs, arrival, |at, tarball| {
                        cold.link(&placement.snapshots[at], &import(&cold.store, tarball));
                    });
                    cold
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(all, whole_project, deferred_or_not);
criterion_main!(all);
