use std::collections::BTreeSet;

use super::*;

fn dependencies(value: &Value) -> Vec<String> {
    let names = value["dependencies"].as_object().into_iter().flatten();
    names.map(|(name, _)| name.clone()).collect()
}

#[test]
fn every_package_of_a_scale_graph_is_reached_and_depends_on_later_ones_only() {
    let Generated { fixture, packages } = generate("scale:340").unwrap();
    assert_eq!(packages.len(), 340);
    let mut open = dependencies(&fixture.projects[0].1);
    let mut reached: BTreeSet<String> = open.iter().cloned().collect();
    while let Some(name) = open.pop() {
        let number = |name: &str| name.rsplit('-').next().unwrap().parse::<usize>().unwrap();
        for next in dependencies(&Value::Object(packages[&name].fields.clone())) {
            assert!(number(&next) > number(&name), "{name} depends on {next}");
            if reached.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    assert_eq!(reached.len(), 340);
}

#[test]
fn a_peer_heavy_graph_has_the_edges_that_it_says() {
    let Generated { fixture, packages } = generate("peers:10").unwrap();
    assert_eq!(dependencies(&fixture.projects[0].1).len(), 11);
    assert_eq!(packages.len(), 51);
    let fields = |name: &str| Value::Object(packages[name].fields.clone());
    assert_eq!(dependencies(&fields("layer-0-3")).len(), 10);
    assert_eq!(dependencies(&fields("layer-4-9")).len(), 0);
    assert_eq!(fields("layer-4-9")["peerDependencies"], json!({ "provider": "^1.0.0" }));
}

#[test]
fn projects_of_a_workspace_depend_on_earlier_ones() {
    let Generated { fixture, .. } = generate("workspace:100").unwrap();
    assert_eq!(fixture.projects.len(), 101);
    assert_eq!(fixture.settings["packages"], json!(["packages/*"]));
    let of_last = dependencies(&fixture.projects[100].1);
    assert!(of_last.iter().any(|name| name.starts_with("project-")), "{of_last:?}");
    assert!(!of_last.contains(&"project-99".to_owned()));
}

#[test]
fn the_same_package_is_packed_to_the_same_bytes_and_says_their_digest() {
    let package = Package { files: 4, ..Package::default() };
    let (manifest, tarball) = package.pack("a").unwrap();
    assert_eq!((&manifest, &tarball), (&package.pack("a").unwrap().0, &package.pack("a").unwrap().1));
    assert_ne!(tarball, package.pack("b").unwrap().1);
    let digest = BASE64_STANDARD.encode(Sha512::digest(&tarball));
    assert_eq!(manifest["dist"]["integrity"], json!(format!("sha512-{digest}")));
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(tarball.as_slice()));
    assert_eq!(archive.entries().unwrap().count(), 5);
}

#[test]
fn an_unknown_graph_is_refused() {
    for wanted in ["peers", "peers:x", "trees:3"] {
        assert!(generate(wanted).is_err(), "{wanted}");
    }
}
