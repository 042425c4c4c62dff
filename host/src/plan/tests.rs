use wit::{DepPath, ImporterId, PackageName, Slot};

use super::*;

fn links(pairs: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    pairs.iter().map(|(alias, target)| ((*alias).to_owned(), (*target).to_owned())).collect()
}

#[test]
fn links_are_put_where_they_differ_and_removed_where_nobody_wants_them() {
    let plan = difference(
        &links(&[("a", "1"), ("b", "1"), ("c", "1")]),
        &links(&[("a", "1"), ("b", "2")]),
        |target| target,
        None,
    );
    assert_eq!(plan, LinkPlan { put: vec![("b".to_owned(), "2".to_owned())], removed: vec!["c".to_owned()] });
}

#[test]
fn what_the_disk_has_counts_more_than_what_is_recorded() {
    let (old, wanted) = (links(&[("a", "1")]), links(&[("a", "1")]));
    assert!(difference(&old, &wanted, |target| target, Some(&wanted)).is_empty());
    assert_eq!(difference(&old, &wanted, |target| target, Some(&links(&[]))).put.len(), 1);
}

#[test]
fn the_texts_of_many_links_are_those_of_each() {
    let digest = "0123456789abcdef".repeat(4);
    let shared = format!("@s/b/1.0.0/{digest}");
    let snapshot = |name: &str, slot: &str| Snapshot {
        dep_path: DepPath::parse("a@1.0.0").unwrap(),
        slot: Slot::parse(slot).unwrap(),
        name: PackageName::parse(name).unwrap(),
        version: "1.0.0".to_owned(),
        source: Source::Directory(".".to_owned()),
        dependencies: Vec::new(),
        optional: false,
        has_bin: false,
        requires_build: None,
        patch: None,
    };
    let placement = Placement {
        snapshots: vec![snapshot("a", "a@1.0.0"), snapshot("@s/b", &shared)],
        roots: Vec::new(),
        hoisted: Vec::new(),
        skipped: Vec::new(),
        notices: Vec::new(),
        lockfile: None,
        current_lockfile: None,
    };
    for slots in ["/p/node_modules/.pnpm", "/store/links", "/p/node_modules/@s/links"] {
        let texts = LinkTexts { placement: &placement, root: "/p".to_owned(), slots: slots.to_owned() };
        for from in [
            "/p/node_modules",
            "/p/packages/q/node_modules",
            "/p/node_modules/.pnpm/node_modules",
            "/p/node_modules/.pnpm/a@1.0.0/node_modules",
            &format!("/store/links/{shared}/node_modules"),
            "/store/links-too/node_modules",
        ] {
            let together = FolderTexts::new(&texts, from.to_owned());
            let project = Target::Directory(ImporterId::parse("packages/q").unwrap());
            for (alias, target) in ["a", "@s/b"].into_iter().flat_map(|alias| {
                [Target::Snapshot(0), Target::Snapshot(1), project.clone()].map(|target| (alias, target))
            }) {
                assert_eq!(together.text(alias, &target), texts.text(from, alias, &target), "{slots} {from} {alias}");
            }
        }
    }
}
