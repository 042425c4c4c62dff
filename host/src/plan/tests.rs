use super::{LinkPlan, difference};

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
