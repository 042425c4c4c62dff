use std::collections::HashSet;

use wit::{DepPath, PackageName, Slot};

use super::*;

fn package(source: Source, patch: Option<&str>) -> Snapshot {
    Snapshot {
        dep_path: DepPath::parse("a@1.0.0").unwrap(),
        slot: Slot::parse("a@1.0.0").unwrap(),
        name: PackageName::parse("a").unwrap(),
        version: "1.0.0".to_owned(),
        source,
        dependencies: Vec::new(),
        optional: false,
        has_bin: false,
        requires_build: None,
        patch: patch.map(str::to_owned),
    }
}

#[test]
fn sources_of_different_kinds_are_never_the_same_content() {
    let text = || "sha512-x".to_owned();
    let custom = |value: &str, integrity: Option<&str>| Source::Custom {
        plugin: "p".to_owned(),
        value: value.to_owned(),
        integrity: integrity.map(str::to_owned),
    };
    let tarball = |integrity| Source::Tarball { url: text(), integrity, git_hosted: false, path: None };
    let packages = [
        package(Source::Registry { registry: None, tarball: None, integrity: Some(text()) }, None),
        package(tarball(Some("sha512-y".to_owned())), None),
        package(tarball(None), None),
        package(Source::Git { repository: text(), commit: text(), path: None }, None),
        package(Source::Directory(text()), None),
        package(Source::Unsupported(text()), None),
        package(custom("sha512-x", None), None),
        package(custom("anything", Some("sha512-x")), None),
        package(custom("integrity sha512-x", None), None),
        package(custom("v", None), Some("hash")),
        package(custom("v\nhash", None), None),
    ];
    let contents: HashSet<Digest> = packages.iter().map(content).collect();
    assert_eq!(contents.len(), packages.len());
}
