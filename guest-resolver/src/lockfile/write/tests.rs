#![expect(clippy::disallowed_methods, reason = "the long test reads real lockfiles")]

use crate::lockfile::{read, write};

/// Reads and writes every lockfile below the folder in `LOCKFILES`.
#[test]
#[ignore = "needs a folder of real lockfiles in LOCKFILES"]
fn real_lockfiles_come_back_byte_for_byte() {
    let folder = std::env::var("LOCKFILES").unwrap();
    let mut failed = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path().join("pnpm-lock.yaml");
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let fast = crate::lockfile::yaml::scan::scan(&text);
        let full = crate::lockfile::yaml::full::parse(&text);
        let same = fast.as_ref().is_some_and(|fast| full.as_ref() == Ok(fast));
        let back = read(&text).map(|lockfile| write(&lockfile));
        let first = back.as_ref().ok().and_then(|back| {
            text.lines()
                .zip(back.lines())
                .position(|(left, right)| left != right)
                .map(|at| (at, text.lines().nth(at).unwrap().to_owned(), back.lines().nth(at).unwrap().to_owned()))
        });
        eprintln!(
            "{} fast {} same {} identical {}",
            path.display(),
            fast.is_some(),
            same,
            back.as_deref() == Ok(text.as_str())
        );
        if !same || back.as_deref() != Ok(text.as_str()) {
            failed.push((path, first, back.err(), full.err()));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
