//! What is not trusted: damaged files, what a killed run, another tool or somebody else has left, names that lead
//! outside.

use super::*;
use crate::{link::shared::Marks, state::disk::Before};

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
        assert_eq!(listing(&world.path("node_modules")), before);
        assert!(!world.path("node_modules/.wasi-pm-tmp").exists());
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
fn a_package_that_cannot_be_opened_is_not_taken_for_damaged_unless_it_is_gone() {
    struct Refusing<'a>(&'a World, io::ErrorKind);
    impl PackageSource for Refusing<'_> {
        fn contents(&self, snapshot: SnapshotIndex) -> &Contents {
            self.0.contents(snapshot)
        }
        fn open(&self, _: SnapshotIndex) -> io::Result<Folder> {
            Err(self.1.into())
        }
    }
    let world = small_world();
    let link = |kind| world.link_from(&Refusing(&world, kind), |_| Early::default()).unwrap_err();
    assert!(matches!(link(io::ErrorKind::NotFound), LinkError::Damaged { .. }));
    assert!(matches!(link(io::ErrorKind::PermissionDenied), LinkError::Io { .. }));
    assert!(matches!(link(io::Error::from_raw_os_error(24).kind()), LinkError::Io { .. }), "too many open files");
}

#[test]
fn where_there_are_no_reflinks_clones_alone_are_refused_and_nothing_is_left() {
    let world = World { import: Import::Clone, ..small_world() };
    match world.link() {
        Err(error @ LinkError::NoClones { .. }) => {
            use crate::diagnostic::Diagnose as _;
            assert_eq!(error.code(), "ERR_WASI_PM_NO_REFLINKS");
            assert!(error.hint().unwrap().contains("clone-or-copy"));
            assert!(listing(&world.path("node_modules")).is_empty());
        }
        linked => world.record(linked.unwrap()),
    }
    let world = World { import: Import::CloneOrCopy, ..small_world() };
    world.install();
    let links = fs::metadata(world.path("node_modules/.pnpm/@s+dep@1.0.0/node_modules/@s/dep/index.js")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::nlink(&links), 1);
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
fn a_link_or_a_file_in_the_place_of_a_folder_is_not_gone_through() {
    for is_link in [true, false] {
        let mut world = World { verify: false, ..World::new() };
        let app = world.add("app@1.0.0", &[("lib", "file"), ("lib/deep/evil", "evil"), ("lib/evil", "evil")], &[]);
        world.want(app);
        let outside = world.folder.path().join("outside");
        fs::create_dir_all(outside.join("deep")).unwrap();
        if is_link {
            fs::remove_file(world.store(app).join("0")).unwrap();
            std::os::unix::fs::symlink(&outside, world.store(app).join("0")).unwrap();
        }
        assert!(matches!(world.link(), Err(LinkError::Io { .. })), "{is_link}");
        assert_eq!(listing(&outside), [""; 0], "{is_link}");
    }
}

#[test]
fn what_somebody_else_changed_while_it_was_resolved_is_read_again() {
    let world = small_world();
    world.install();
    let layout = world.layout();
    let before = Before::read(&layout).unwrap();
    fs::remove_dir_all(world.path("node_modules")).unwrap();
    let disk = Disk::after(before.or_again(&layout).unwrap(), &layout, &world.placement, &Marks::default()).unwrap();
    assert_eq!((disk.owner, disk.tree), (Owner::Nobody, None));
    world.install();
    let before = Before::read(&layout).unwrap();
    fs::write(world.path("node_modules/.modules.yaml"), "packageManager: pnpm@12.21.0").unwrap();
    let disk = Disk::after(before.or_again(&layout).unwrap(), &layout, &world.placement, &Marks::default()).unwrap();
    assert_eq!((disk.owner, disk.tree), (Owner::Foreign("another tool"), None));
}

#[test]
fn a_tree_that_somebody_else_changed_after_the_plan_is_left_alone() {
    let mut world = small_world();
    world.install();
    let more = world.add("more@1.0.0", &[("index.js", "")], &[]);
    world.want(more);
    let removes = |_: &Job<'_>| {
        fs::remove_dir_all(world.path("node_modules")).unwrap();
        Early::default()
    };
    assert!(matches!(world.link_after(removes), Err(LinkError::Changed { .. })));
    assert!(!world.path("node_modules/more").exists() && !world.path("node_modules/.pnpm").exists());
    world.install();
    assert!(world.plan().is_empty());
}
