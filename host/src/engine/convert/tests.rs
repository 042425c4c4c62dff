//! Answers that no sound component gives: each is refused before anything else sees it.

use super::*;

fn sound() -> wire::Snapshot {
    wire::Snapshot {
        dep_path: "a@1.0.0".to_owned(),
        slot: "a@1.0.0".to_owned(),
        name: "a".to_owned(),
        version: "1.0.0".to_owned(),
        source: types::Source::Registry(types::RegistrySource { registry: None, tarball: None, integrity: None }),
        dependencies: Vec::new(),
        optional: false,
        has_bin: false,
        requires_build: None,
        patch: None,
    }
}

fn git(repository: &str, commit: &str, path: Option<&str>) -> types::Source {
    let path = path.map(str::to_owned);
    types::Source::Git(types::GitSource { repository: repository.to_owned(), commit: commit.to_owned(), path })
}

fn directory(alias: &str, path: &str) -> wire::Link {
    wire::Link { alias: alias.to_owned(), target: wire::LinkTarget::Directory(path.to_owned()) }
}

#[test]
fn a_sound_snapshot_passes() {
    assert_eq!(snapshot(&sound()).map(|it| it.version), Ok("1.0.0".to_owned()));
}

#[test]
fn hostile_snapshots_are_refused() {
    type Edit = fn(&mut wire::Snapshot);
    let commit: &str = "0123456789012345678901234567890123456789";
    assert!(source(&git("https://git.example/a", commit, None)).is_ok());
    let edits: [(&str, Edit); 17] = [
        ("name", |it| it.name = "../a".to_owned()),
        ("slot with a slash", |it| it.slot = "a/b".to_owned()),
        ("slot upwards", |it| it.slot = "..".to_owned()),
        ("dep-path", |it| it.dep_path = "a\n@1".to_owned()),
        ("version", |it| it.version = "../1".to_owned()),
        ("patch", |it| it.patch = Some("x".to_owned())),
        ("alias", |it| it.dependencies = vec![directory("../x", ".")]),
        ("absolute link", |it| it.dependencies = vec![directory("x", "/etc")]),
        ("link upwards inside", |it| it.dependencies = vec![directory("x", "a/../../b")]),
        ("twice", |it| it.dependencies = vec![directory("x", "a"), directory("x", "b")]),
        ("twice, apart", |it| it.dependencies = vec![directory("b", "a"), directory("a", "a"), directory("b", "b")]),
        ("absolute source", |it| it.source = types::Source::Directory("/etc".to_owned())),
        ("option as repository", |it| it.source = git("--upload-pack=x", &"a".repeat(40), None)),
        ("control in repository", |it| it.source = git("https://git.example/a\nb", &"a".repeat(40), None)),
        ("helper as repository", |it| it.source = git("ext::sh -c x", &"a".repeat(40), None)),
        ("commit", |it| it.source = git("https://git.example/a", "HEAD", None)),
        ("path upwards", |it| it.source = git("https://git.example/a", &"a".repeat(40), Some("/../x"))),
    ];
    for (what, edit) in edits {
        let mut hostile = sound();
        edit(&mut hostile);
        assert!(snapshot(&hostile).is_err(), "{what}");
    }
}

#[test]
fn what_is_placed_twice_is_refused_wherever_it_stands() {
    let project = Project {
        importers: vec![(ImporterId::parse(".").unwrap(), "{}".to_owned())],
        lockfile: None,
        settings: wit::settings::Settings::default(),
        platform: crate::platform::Platform { os: "linux".to_owned(), cpu: "x64".to_owned(), libc: None, node: None },
        intent: Intent::Install,
    };
    let placed = |paths: &[&str], slots: &[&str], aliases: &[&str]| {
        let at = |(path, slot): (&&str, &&str)| {
            snapshot(&wire::Snapshot { dep_path: (*path).to_owned(), slot: (*slot).to_owned(), ..sound() }).unwrap()
        };
        let link = |alias: &&str| wire::RootLink {
            alias: (*alias).to_owned(),
            real_name: "a".to_owned(),
            version: None,
            latest: None,
            group: types::DependencyGroup::Prod,
            target: wire::LinkTarget::Snapshot(0),
        };
        let links = aliases.iter().map(link).collect();
        let roots = vec![wire::ImporterLinks { importer: ".".to_owned(), links }];
        let layout = wire::Layout { roots, hoisted: Vec::new(), skipped: Vec::new() };
        placement(&project, paths.iter().zip(slots).map(at).collect(), &layout).is_ok()
    };
    assert!(placed(&["a@1", "b@1", "c@1"], &["c", "a", "b"], &["x", "y"]));
    assert!(placed(&["c@1", "a@1", "b@1"], &["a", "b", "c"], &["y", "x"]));
    assert!(!placed(&["a@1", "a@1", "c@1"], &["c", "a", "b"], &[]));
    assert!(!placed(&["b@1", "a@1", "b@1"], &["c", "a", "b"], &[]));
    assert!(!placed(&["a@1", "b@1", "c@1"], &["c", "a", "c"], &[]));
    assert!(!placed(&["a@1", "b@1", "c@1"], &["c", "a", "b"], &["x", "x"]));
    assert!(!placed(&["a@1", "b@1", "c@1"], &["c", "a", "b"], &["y", "x", "y"]));
}

#[test]
fn texts_that_are_too_long_are_refused_and_prose_is_cut() {
    let long = "1".repeat(LONGEST + 1);
    let git = |specifier: &str| request(&wire::Request::Git(specifier.to_owned()));
    assert!(git(&long[1..]).is_ok() && git(&long).is_err());
    let url = format!("https://registry.example/{long}");
    assert!(source(&types::Source::Unsupported(long.clone())).is_err());
    let custom = |value: &str, integrity: Option<&str>| {
        let (plugin, integrity) = ("store".to_owned(), integrity.map(str::to_owned));
        source(&types::Source::Custom(types::CustomSource { plugin, value: value.to_owned(), integrity }))
    };
    assert!(custom(&long[1..], None).is_ok() && custom(&long, None).is_err() && custom("", Some("sha512-")).is_err());
    assert!(address(&url).is_err() && inner_path(&long).is_err());
    assert!(snapshot(&wire::Snapshot { version: long.clone(), ..sound() }).is_err());
    let message = "\u{e9}".repeat(LONGEST_PROSE);
    let told = failure(types::Failure { code: long, message, facts: Vec::new(), chain: Vec::new(), hint: None });
    assert_eq!(told.message.len(), LONGEST_PROSE, "it ends between two characters");
}

/// What a session keeps is bounded as a whole too, however many calls it is spread over.
#[test]
fn the_weight_of_a_snapshot_is_that_of_its_texts() {
    let light = snapshot(&sound()).unwrap();
    let mut heavy = light.clone();
    heavy.version += &"0".repeat(1000);
    heavy.dependencies = vec![link(&directory("x", "a")).unwrap()];
    assert!(weight(&heavy) > weight(&light) + 1000);
}

#[test]
fn a_registry_source_needs_a_sound_integrity_and_address() {
    let with = |tarball: Option<&str>, integrity: Option<&str>| {
        let (tarball, integrity) = (tarball.map(str::to_owned), integrity.map(str::to_owned));
        source(&types::Source::Registry(types::RegistrySource { registry: None, tarball, integrity }))
    };
    assert!(with(Some("https://registry.example/a.tgz"), None).is_ok());
    assert!(with(Some("javascript:1"), None).is_err());
    assert!(with(Some("https://registry.example/\r\n"), None).is_err());
    assert!(with(None, Some("sha512-")).is_err());
}
