use wit::PackageName;

use super::{Folder, LOCK, MARK, Marks, Publisher, Standing, TEMPORARY};

#[test]
fn a_version_stands_where_it_has_a_folder_that_no_link_leads_to() {
    let links = tempfile::tempdir().unwrap();
    for folder in ["@/a/1.0.0/slot", "@s/b/2.0.0/slot"] {
        std::fs::create_dir_all(links.path().join(folder)).unwrap();
    }
    std::os::unix::fs::symlink(links.path().join("@/a/1.0.0"), links.path().join("@/a/3.0.0")).unwrap();
    let standing = Standing::open(links.path()).unwrap();
    let has = |name: &str, version: &str| standing.has(&PackageName::parse(name).unwrap(), version);
    assert!(has("a", "1.0.0") && has("@s/b", "2.0.0"));
    assert!(!has("a", "2.0.0") && !has("b", "2.0.0") && !has("a", "3.0.0"));
    assert!(!has("a", "../../../.."), "nothing outside is looked at");
}

#[test]
fn marks_are_noted_of_the_slots_of_a_version() {
    let links = tempfile::tempdir().unwrap();
    let slots = ["@/a/1.0.0/one", "@/d/1.0.0/one", "@/a/1.0.0/two", "@s/b/2.0.0/three"];
    let slots = slots.map(|slot| links.path().join(slot));
    for slot in &slots {
        std::fs::create_dir_all(slot).unwrap();
    }
    for slot in &slots[2..] {
        std::os::unix::fs::symlink("1-mark", slot.join(MARK)).unwrap();
    }
    let standing = Standing::open(links.path()).unwrap();
    let mut marks = Marks::default();
    let mut look = |name: &str, version: &str| standing.look(&PackageName::parse(name).unwrap(), version, &mut marks);
    assert!(look("a", "1.0.0") && look("@s/b", "2.0.0"));
    assert!(!look("a", "2.0.0") && !look("c", "1.0.0") && !look("a", "../a/1.0.0"));
    assert!(!look("d", "1.0.0") && standing.has(&PackageName::parse("d").unwrap(), "1.0.0"), "it is built anew");
    assert_eq!(marks.get("@/a/1.0.0/two").map(|mark| mark.text.as_str()), Some("1-mark"));
    assert_eq!(marks.get("@s/b/2.0.0/three").map(|mark| mark.text.as_str()), Some("1-mark"));
    assert_eq!(marks.get("@/a/1.0.0/one"), None, "it is not complete");
}

#[test]
fn no_slot_is_pruned_while_its_mark_is_known() {
    let links = tempfile::tempdir().unwrap();
    let standing = Standing::open(links.path()).unwrap();
    let (lock, _) = Folder::open_path(links.path()).unwrap().lockable(LOCK).unwrap();
    assert!(lock.try_lock().is_err());
    drop(standing);
    lock.try_lock().unwrap();
    // While `store prune` is at work, what is seen may be gone in a moment, and is not kept in mind.
    let slot = links.path().join("@/a/1.0.0/one");
    std::fs::create_dir_all(&slot).unwrap();
    std::os::unix::fs::symlink("1-mark", slot.join(MARK)).unwrap();
    let (standing, mut marks) = (Standing::open(links.path()).unwrap(), Marks::default());
    assert!(standing.look(&PackageName::parse("a").unwrap(), "1.0.0", &mut marks));
    assert_eq!(marks.get("@/a/1.0.0/one"), None);
}

#[test]
fn a_few_names_are_enough() {
    let folder = tempfile::tempdir().unwrap();
    let names = |most| Folder::open_path(folder.path()).unwrap().first_names(most).unwrap();
    assert!(names(4).is_empty());
    (0..200).for_each(|at| std::fs::write(folder.path().join(format!("{at}")), "").unwrap());
    assert_eq!(names(4).len(), 4);
    let all = names(1000).len();
    assert!((5..=200).contains(&all), "one call lists some of them: {all}");
}

#[test]
fn a_guess_looks_at_nothing_outside() {
    let links = tempfile::tempdir().unwrap();
    let folder = Folder::open_path(links.path()).unwrap();
    std::fs::create_dir_all(links.path().join("a/b")).unwrap();
    assert!(folder.has_folder_below("a/b"));
    for way in ["..", "a/..", "../..", "a/../..", "/", "/tmp", "a//b", "", ".", "a/b/.", "a\0"] {
        assert!(!folder.has_folder_below(way), "{way:?}");
    }
}

#[test]
fn nothing_stands_where_there_is_no_folder() {
    assert!(Standing::open("/nowhere/at/all".as_ref()).is_none());
}

#[test]
fn what_a_killed_run_left_is_removed_and_who_is_at_work_is_left_alone() {
    let links = tempfile::tempdir().unwrap();
    let temporary = links.path().join(TEMPORARY);
    let left = temporary.join("4711-0/0/node_modules/a");
    std::fs::create_dir_all(&left).unwrap();
    let path = links.path().to_str().unwrap();
    let first = Publisher::new(path).unwrap();
    assert!(!temporary.join("4711-0").exists());
    first.staging().make("0").unwrap();
    let second = Publisher::new(path).unwrap();
    assert!(first.staging().kind("0").unwrap().is_some() && temporary.join(&first.name).join("0").exists());
    assert_ne!(first.name, second.name);
    first.clean();
    second.clean();
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
}

/// Each clears what it takes for left-overs while the others make, lock and use folders of the same names.
#[test]
fn nobody_takes_the_folder_of_a_run_at_work_for_a_left_over() {
    let links = tempfile::tempdir().unwrap();
    let temporary = links.path().join(TEMPORARY);
    let path = links.path().to_str().unwrap();
    let at_work = || {
        for round in 0..300 {
            if round % 10 == 0 {
                let left = temporary.join(format!("4711-{round}/0/node_modules/a"));
                let _ = std::fs::create_dir_all(left); // another may be removing it already
            }
            let publisher = Publisher::new(path).unwrap();
            std::thread::yield_now();
            publisher.staging().make("0").and_then(|slot| slot.make("node_modules")).unwrap();
            let named = Folder::open_path(&temporary.join(&publisher.name)).unwrap();
            assert_eq!(named.names().unwrap(), ["0"]);
            publisher.clean();
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(at_work);
        }
    });
}

#[test]
fn a_left_over_that_cannot_be_removed_stops_nobody() {
    use std::os::unix::fs::PermissionsExt as _;
    let links = tempfile::tempdir().unwrap();
    let left = links.path().join(TEMPORARY).join("4711-0");
    std::fs::create_dir_all(left.join("0")).unwrap();
    std::fs::set_permissions(&left, std::fs::Permissions::from_mode(0o500)).unwrap(); // root removes it all the same
    Publisher::new(links.path().to_str().unwrap()).unwrap().clean();
    if left.exists() {
        std::fs::set_permissions(&left, std::fs::Permissions::from_mode(0o700)).unwrap();
    }
}
