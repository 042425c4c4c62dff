//! What was built or filled before the pass: taken over, or gone.

use std::{thread, time::Duration};

use super::*;
use crate::{
    link::shared::{Marks, Standing},
    state::disk::Before,
};

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
        assert!(!world.path("node_modules/.wasi-pm-tmp").exists(), "nor is anything left of the pass");
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
fn a_shared_slot_that_was_built_early_is_published_by_the_pass_and_gone_without_it() {
    let mut world = small_world();
    let links = world.share();
    let has_files = || listing(&links).iter().any(|path| path.ends_with("x.js"));
    let build = |job: &Job<'_>| {
        let mut early = Early::default();
        early.build(job, 0);
        assert!(has_files() && !links.join("@s").exists(), "built, and out of reach");
        early
    };
    world.record(
        world
            .link_after(|job| {
                drop(build(job));
                assert!(!has_files(), "nothing is left");
                let early = build(job);
                fs::remove_file(world.store(0).join("1")).unwrap(); // the pass would miss it
                early
            })
            .unwrap(),
    );
    let slot = format!("@s/dep/1.0.0/{}/node_modules/@s/dep/lib/deep/x.js", "0".repeat(64));
    assert_eq!(fs::read_to_string(links.join(slot)).unwrap(), "x");
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
        import: Import::Auto,
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
    assert_eq!(listing(&world.path("node_modules")), [""; 0]);
    let early = filled_ahead(&mut world, app);
    world.placement.snapshots.clear();
    world.placement.roots[0].links.clear();
    world.record(world.link_after(|_| early).unwrap());
    assert!(!listing(&world.path("node_modules")).iter().any(|path| path.ends_with("a.js")));
}

#[test]
fn hoisted_links_made_early_are_taken_over_or_gone() {
    let at_once: fn(Box<dyn FnOnce() + Send>) = |work| work();
    let beside: fn(Box<dyn FnOnce() + Send>) = |work| drop(thread::spawn(work));
    let too_late: fn(Box<dyn FnOnce() + Send>) = |work| {
        drop(thread::spawn(|| {
            thread::sleep(Duration::from_millis(50));
            work();
        }));
    };
    let never: fn(Box<dyn FnOnce() + Send>) = drop;
    for (begin, is_shared) in [at_once, beside, too_late, never].into_iter().flat_map(|it| [(it, false), (it, true)]) {
        let world = || {
            let mut world = small_world();
            world.add_hoisted(&["plain", "@a/one", "@a/two", "@b/one", "zoo"]);
            if is_shared {
                drop(world.share());
            }
            world
        };
        let (world, late) = (world(), world());
        late.install();
        let hoisted = |early: &mut Early, job: &Job<'_>| {
            early.hoist(&job.layout.lockfile_dir, Import::Auto, &job.plan.tree.hoisted, begin);
        };
        let refused = world.link_after(|job| {
            let mut early = Early::default();
            hoisted(&mut early, job);
            drop(early);
            assert_eq!(listing(&world.path("node_modules")), Vec::<String>::new());
            fs::rename(world.folder.path().join("store"), world.folder.path().join("aside")).unwrap();
            Early::default()
        });
        assert!(matches!(refused, Err(LinkError::Damaged { .. })));
        drop(fs::remove_dir_all(world.folder.path().join("store"))); // a project that shares slots is registered in it
        fs::rename(world.folder.path().join("aside"), world.folder.path().join("store")).unwrap();
        let linked = world.link_after(|job| {
            let mut early = Early::default();
            hoisted(&mut early, job);
            early
        });
        world.record(linked.unwrap());
        assert_eq!(listing(&world.path("node_modules")), listing(&late.path("node_modules")));
    }
}

#[test]
fn links_that_cannot_be_made_early_are_told_and_nobody_is_at_them_any_more() {
    for is_shared in [false, true] {
        let mut world = small_world();
        world.add_hoisted(&["@a/one"]);
        if is_shared {
            drop(world.share());
        }
        let failed = world.link_after(|job| {
            let mut early = Early::default();
            early.hoist(&job.layout.lockfile_dir, Import::Auto, &job.plan.tree.hoisted, |work| {
                let scope = world.path("node_modules/.wasi-pm-tmp/new/node_modules/@a");
                fs::write(scope, "in the way").unwrap();
                work();
            });
            early
        });
        assert!(matches!(failed, Err(LinkError::Io { .. })), "{failed:?}");
        world.install();
        assert!(world.path("node_modules/.pnpm/node_modules/@a/one").is_symlink());
    }
}

/// The marks of the shared slots of a world, read before it is known which slots are wanted.
fn marks_of(world: &World, links: &Path) -> Marks {
    let standing = Standing::open(links).unwrap();
    let mut marks = Marks::default();
    for snapshot in &world.placement.snapshots {
        assert!(standing.look(&snapshot.name, &snapshot.version, &mut marks));
    }
    marks
}

/// How many of the slots that are wanted stand.
fn standing(world: &World, marks: &Marks) -> usize {
    let layout = world.layout();
    Disk::after(Before::read(&layout).unwrap(), &layout, &world.placement, marks).unwrap().standing.len()
}

#[test]
fn the_mark_of_a_shared_slot_that_was_read_meanwhile_is_not_read_again() {
    let mut world = small_world();
    let links = world.share();
    world.install();
    let marks = marks_of(&world, &links);
    assert_eq!((standing(&world, &marks), standing(&world, &Marks::default())), (2, 2));
    for snapshot in &world.placement.snapshots {
        fs::remove_file(links.join(snapshot.slot.as_str()).join(".wasi-pm")).unwrap();
    }
    assert_eq!((standing(&world, &marks), standing(&world, &Marks::default())), (2, 0));
    fs::rename(&links, links.with_extension("old")).unwrap();
    fs::create_dir(&links).unwrap();
    assert_eq!(standing(&world, &marks), 0, "they are of another folder");
}

#[test]
fn a_mark_is_judged_as_soon_as_all_has_come_that_its_slot_leads_to() {
    let mut world = small_world();
    let link = |alias: &str| Link { alias: Alias::parse(alias).unwrap(), target: Target::Snapshot(1) };
    world.placement.snapshots[0].dependencies = vec![link("later")];
    let links = world.share();
    world.install();
    let mut marks = marks_of(&world, &links);
    let all = world.placement.snapshots.clone();
    assert!(!marks.judge_next(&all[..1]));
    assert!(marks.judge_next(&all) && marks.judge_next(&all) && !marks.judge_next(&all));
    assert_eq!(standing(&world, &marks), 2);
    // Another link is wanted than the slot has: judged ahead or not, its mark does not do for it.
    world.placement.snapshots[0].dependencies.push(link("more"));
    let mut marks = marks_of(&world, &links);
    assert_eq!(standing(&world, &marks), 1);
    while marks.judge_next(&world.placement.snapshots) {}
    assert_eq!(standing(&world, &marks), 1);
}
