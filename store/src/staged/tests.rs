use std::{fs, time::Duration};

use super::*;

#[test]
fn an_import_sweeps_what_is_ours_and_old_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let at = |name: &str| store.path().join("tmp").join(name);
    let ours = [unused_name(), format!("{ASIDE}7-1700000000000000000-3f")];
    let foreign = ["notes", "7-1-", "7-1-2f-1", "aside-7", "g-1-2", "aside-aside-1-2-3"];
    ours.iter().for_each(|name| fs::create_dir_all(at(name).join("within")).unwrap());
    foreign.iter().for_each(|name| fs::create_dir(at(name)).unwrap());
    let making = Staged::new(&store).unwrap();
    let names = || {
        let mut names: Vec<String> =
            fs::read_dir(at("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let before = names();
    let now = SystemTime::now();
    store.sweep(now, is_ours).unwrap();
    assert_eq!(names(), before, "all of it is young");
    store.sweep(now + Duration::from_secs(25 * 60 * 60), is_ours).unwrap();
    let mut left = foreign.map(str::to_owned);
    left.sort();
    assert_eq!(names(), left);
    drop(making);
}
