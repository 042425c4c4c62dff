//! Random lockfiles: what is written is read back, by the scanner and by the full parser alike.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use proptest::{collection, option, prelude::*, sample};

use super::super::{from_node, full, scan};
use crate::lockfile::{
    model::{
        Bundled, CatalogEntry, DependencyMeta, Importer, ImporterDependency, Lockfile, LockfileSettings, Package,
        Resolution, Snapshot,
    },
    write,
};

/// Texts that lockfiles are full of.
fn ordinary() -> impl Strategy<Value = String> {
    prop_oneof!["(@[a-c]{1,3}/)?[a-z][a-z0-9._-]{0,8}", "[~^]?[0-9]{1,2}\\.[0-9]{1,3}\\.[0-9](-[a-z]{1,4}\\.[0-9])?"]
}

/// Texts that have a meaning in YAML, or cannot be printed.
fn odd() -> impl Strategy<Value = String> {
    const WORDS: [&str; 24] = [
        "",
        "true",
        "null",
        "~",
        "1.0",
        "12",
        "0x1f",
        "0o17",
        "1e3",
        ".5",
        "+.inf",
        ".nan",
        "2001-12-14",
        "<<",
        "=",
        "off",
        "-",
        "---",
        "...",
        "1_000",
        "0b11",
        "-0",
        "007",
        "1:30",
    ];
    let symbols: Vec<char> =
        " -?:,[]{}#&*!|=>'\"%@`\\\n\t\r~a0.\u{7f}\u{85}\u{a0}\u{e9}\u{2028}\u{feff}\u{1f600}".chars().collect();
    let mixed = collection::vec(sample::select(symbols), 0..8).prop_map(|all| all.into_iter().collect());
    let all = prop_oneof![sample::select(WORDS.to_vec()).prop_map(str::to_owned), mixed, "\\PC{0,12}"];
    // A block that keeps its last line breaks also takes the blank line that parts it from the next entry: in pnpm too.
    all.prop_filter("it ends in blank lines", |text| text != "\n" && !text.ends_with("\n\n"))
}

fn map<T: std::fmt::Debug>(
    text: fn() -> BoxedStrategy<String>,
    value: impl Strategy<Value = T>,
) -> impl Strategy<Value = BTreeMap<String, T>> {
    collection::btree_map(text(), value, 0..4)
}

fn list(text: fn() -> BoxedStrategy<String>) -> impl Strategy<Value = Vec<String>> {
    collection::vec(text(), 0..3)
}

fn dependency(text: fn() -> BoxedStrategy<String>) -> impl Strategy<Value = ImporterDependency> {
    (text(), text()).prop_map(|(specifier, version)| ImporterDependency { specifier, version })
}

fn importer(text: fn() -> BoxedStrategy<String>) -> impl Strategy<Value = Importer> {
    let group = || map(text, dependency(text));
    let meta = option::of(any::<bool>()).prop_map(|injected| DependencyMeta { injected });
    (group(), group(), group(), map(text, meta), option::of(text())).prop_map(
        |(dependencies, dev_dependencies, optional_dependencies, dependencies_meta, publish_directory)| Importer {
            dependencies,
            dev_dependencies,
            optional_dependencies,
            dependencies_meta,
            publish_directory,
            other: Vec::new(),
        },
    )
}

fn resolution(text: fn() -> BoxedStrategy<String>) -> impl Strategy<Value = Resolution> {
    let some = || option::of(text());
    prop_oneof![
        (some(), some(), any::<bool>(), some()).prop_map(|(integrity, tarball, git_hosted, path)| {
            Resolution::Tarball { integrity, tarball, git_hosted, path }
        }),
        text().prop_map(Resolution::Directory),
        (text(), text(), some()).prop_map(|(commit, repo, path)| Resolution::Git { commit, repo, path }),
    ]
}

fn package(text: fn() -> BoxedStrategy<String>) -> impl Strategy<Value = Package> {
    let bundled =
        prop_oneof![any::<bool>().prop_map(Bundled::All), collection::vec(text(), 1..3).prop_map(Bundled::Names)];
    let shape = (resolution(text), option::of(text()), option::of(text()), any::<bool>(), option::of(bundled));
    let platform = (map(text, text()), list(text), list(text), list(text));
    (shape, platform, map(text, text()), map(text, Just(()))).prop_map(|(shape, platform, peers, optional)| {
        let (resolution, version, deprecated, has_bin, bundled_dependencies) = shape;
        let (engines, cpu, os, libc) = platform;
        Package {
            resolution,
            version,
            engines: IndexMap::from_iter(engines),
            cpu,
            os,
            libc,
            deprecated,
            has_bin,
            bundled_dependencies,
            peer_dependencies: peers,
            optional_peers: optional.into_keys().collect(),
            other: Vec::new(),
        }
    })
}

fn snapshot(text: fn() -> BoxedStrategy<String>) -> impl Strategy<Value = Snapshot> {
    (map(text, text()), map(text, text()), list(text), any::<bool>()).prop_map(
        |(dependencies, optional_dependencies, transitive_peer_dependencies, optional)| Snapshot {
            dependencies,
            optional_dependencies,
            transitive_peer_dependencies,
            optional,
            other: Vec::new(),
        },
    )
}

fn lockfile(text: fn() -> BoxedStrategy<String>) -> impl Strategy<Value = Lockfile> {
    let catalog_entry = (text(), text()).prop_map(|(specifier, version)| CatalogEntry { specifier, version });
    let settings = (option::of(any::<bool>()), option::of(0..1000u32)).prop_map(|(on, length)| LockfileSettings {
        auto_install_peers: on,
        exclude_links_from_lockfile: on,
        peers_suffix_max_length: length,
        ..LockfileSettings::default()
    });
    let head = (settings, map(text, map(text, catalog_entry)), map(text, text()), option::of(text()), list(text));
    let body = (map(text, importer(text)), map(text, package(text)), map(text, snapshot(text)), map(text, text()));
    (head, body).prop_map(|(head, (importers, packages, snapshots, time))| {
        let (settings, catalogs, overrides, package_extensions_checksum, ignored_optional_dependencies) = head;
        Lockfile {
            settings,
            catalogs,
            overrides: IndexMap::from_iter(overrides),
            package_extensions_checksum,
            importers,
            packages,
            ignored_optional_dependencies,
            snapshots,
            time,
            ..Lockfile::default()
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn ordinary_lockfiles_take_the_scanner_and_the_full_parser_agrees(written in lockfile(|| ordinary().boxed())) {
        let text = write(&written);
        let scanned = scan::scan(&text);
        prop_assert!(scanned.is_some(), "not taken for canonical:\n{}", text);
        let scanned = scanned.unwrap();
        prop_assert_eq!(&full::parse(&text).unwrap(), &scanned, "{}", text);
        prop_assert_eq!(&from_node(scanned, None).unwrap(), &written, "{}", text);
    }

    #[test]
    fn odd_texts_come_back_and_the_readers_agree_wherever_the_scanner_speaks(written in lockfile(|| odd().boxed())) {
        let text = write(&written);
        let parsed = full::parse(&text);
        prop_assert!(parsed.is_ok(), "{:?}\n{}", parsed, text);
        let parsed = parsed.unwrap();
        if let Some(scanned) = scan::scan(&text) {
            prop_assert_eq!(&parsed, &scanned, "{}", text);
        }
        prop_assert_eq!(&from_node(parsed, None).unwrap(), &written, "{}", text);
    }
}
