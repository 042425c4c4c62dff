use super::*;

fn node<'a>(slot: &'a str, children: &'a [(&'a str, u32)]) -> HoistNode<'a, 'a> {
    HoistNode { slot, children, skipped: false }
}

fn aliases<'a>(
    nodes: &'a [HoistNode<'a, 'a>],
    roots: &'a [Vec<(&'a str, u32)>],
    projects: &'a [(&'a str, &'a str)],
) -> Vec<(&'a str, HoistTarget<'a>)> {
    let all = Patterns::new(&["*".to_owned()]);
    let none = Patterns::default();
    let input = HoistInput { nodes, roots, root: Some(0), projects, private: &all, public: &none };
    hoist(&input).iter().map(|hoisted| (hoisted.alias, hoisted.target)).collect()
}

#[test]
fn the_slot_that_comes_first_claims_an_alias_and_direct_names_are_never_lifted() {
    let nodes = [node("b@1", &[("c", 3), ("a", 1)]), node("a@1", &[("c", 2)]), node("c@2", &[]), node("c@1", &[])];
    let roots = [vec![("b", 0), ("a", 1)]];
    assert_eq!(aliases(&nodes, &roots, &[]), [("c", HoistTarget::Snapshot(2))]);
}

#[test]
fn a_skipped_package_claims_nothing() {
    let mut nodes = [node("a@1", &[("c", 2)]), node("b@1", &[("c", 3)]), node("c@2", &[]), node("c@1", &[])];
    nodes[2].skipped = true;
    let roots = [vec![("a", 0), ("b", 1)]];
    assert_eq!(aliases(&nodes, &roots, &[]), [("c", HoistTarget::Snapshot(3))]);
}

#[test]
fn projects_come_after_direct_dependencies_of_others_and_before_the_rest() {
    let nodes = [node("a@1", &[("w", 1), ("x", 1)]), node("w@1", &[])];
    let roots = [vec![], vec![("a", 0)]];
    let expected =
        [("a", HoistTarget::Snapshot(0)), ("w", HoistTarget::Project("packages/w")), ("x", HoistTarget::Snapshot(1))];
    assert_eq!(aliases(&nodes, &roots, &[("w", "packages/w")]), expected);
}
