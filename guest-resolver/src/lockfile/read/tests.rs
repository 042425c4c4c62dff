mod agreement;

use super::*;
use crate::lockfile::{
    error::{BROKEN, INVALID_NAME, LINK_OUTSIDE, MISSING_DEPENDENCY, MISSING_INTEGRITY, SHAPE_MISMATCH},
    write,
};

const INTEGRITY: &str =
    "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==";

fn sample() -> String {
    format!(
        "lockfileVersion: '9.0'

settings:
  autoInstallPeers: true
  excludeLinksFromLockfile: false
  novel: 1

importers:

  .:
    dependencies:
      a:
        specifier: ^1.0.0
        version: 1.0.0(b@1.0.0)
      w:
        specifier: workspace:*
        version: link:packages/w

  packages/w: {{}}

packages:

  a@1.0.0:
    resolution: {{integrity: {INTEGRITY}}}
    novel:
      deep: [1, x]
    peerDependencies:
      b: '*'

  b@1.0.0:
    resolution: {{integrity: {INTEGRITY}}}

novel:
  - x

snapshots:

  a@1.0.0(b@1.0.0):
    dependencies:
      b: 1.0.0

  b@1.0.0: {{}}
"
    )
}

fn code(text: &str) -> &'static str {
    read(text).expect_err("refused").code
}

#[test]
fn unknown_fields_come_back_where_they_were() {
    let text = sample().replace("    novel:\n      deep: [1, x]\n", "").replace("    peer", "    novel: 1\n    peer");
    let text = text.replace(
        "    novel: 1\n    peerDependencies:\n      b: '*'\n",
        "    peerDependencies:\n      b: '*'\n    novel: 1\n",
    );
    assert_eq!(write(&read(&text).unwrap()), text);
    assert!(write(&read(&sample()).unwrap()).contains("    novel:\n      deep:\n        - 1\n        - x\n"));
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_change_nothing() {
    let plain = read(&sample()).unwrap();
    assert_eq!(read(&format!("\u{feff}{}", sample().replace('\n', "\r\n"))).unwrap(), plain);
}

#[test]
fn hand_edited_text_gives_the_same_model() {
    let edited = sample().replace("packages/w: {}", "packages/w: {} # ours").replace("'*'", "\"*\"");
    assert_eq!(read(&edited).unwrap(), read(&sample()).unwrap());
}

#[test]
fn the_environment_document_is_kept() {
    let text = format!("---\nlockfileVersion: '9.0'\n\nimporters:\n\n  .: {{}}\n---\n{}", sample());
    let lockfile = read(&text).unwrap();
    assert!(lockfile.environment_document.as_deref().is_some_and(|first| first.ends_with("---\n")));
    assert_eq!(lockfile.importers.len(), 2);
    assert!(write(&lockfile).starts_with(&text[..60]));
}

/// Ids are those of the catalogue of hostile inputs.
#[test]
fn unsafe_lockfiles_are_refused_with_a_code() {
    let s = sample;
    let cases: [(&str, String, &str); 24] = [
        (
            "L02",
            s().replacen(&format!("{{integrity: {INTEGRITY}}}"), "{tarball: https://registry.example/a.tgz}", 1),
            MISSING_INTEGRITY,
        ),
        ("L02 empty", s().replacen(INTEGRITY, "sha512-abc", 1), MISSING_INTEGRITY),
        ("L04 key", s().replace("b@1.0.0", "../../x@1.0.0"), INVALID_NAME),
        ("L04 alias", s().replace("      a:\n", "      ../a:\n"), INVALID_NAME),
        ("L04 dependency", s().replace("      b: 1.0.0\n", "      .bin: b@1.0.0\n"), INVALID_NAME),
        (
            "L05 git",
            s().replacen(&format!("integrity: {INTEGRITY}"), "commit: x, repo: y, type: git", 1),
            SHAPE_MISMATCH,
        ),
        (
            "L05 dir",
            s().replacen(&format!("integrity: {INTEGRITY}"), "directory: x, type: directory", 1),
            SHAPE_MISMATCH,
        ),
        ("L06", s().replace("1.0.0(b@1.0.0)\n      w", "link:../../../etc\n      w"), LINK_OUTSIDE),
        ("L08", s().replace("packages/w: {}", "packages/../../w: {}"), BROKEN),
        ("L09", s().replace("  b@1.0.0: {}\n", "  b@1.0.0: {}\n\n  b@1.0.0: {}\n"), BROKEN),
        ("L10", s().replace("'*'", "&x '*'"), BROKEN),
        ("L11 newer", s().replace("'9.0'", "'10.0'"), BREAKING_CHANGE),
        ("L11 older", s().replace("'9.0'", "'6.0'"), BREAKING_CHANGE),
        ("L11 words", s().replace("'9.0'", "nine"), BREAKING_CHANGE),
        ("L11 list", s().replace("'9.0'", "[9]"), BROKEN),
        ("L11 none", s().replace("lockfileVersion: '9.0'", "x: y"), BROKEN),
        ("L12", s().replace("      b: 1.0.0\n", "<<<<<<< HEAD\n      b: 1.0.0\n=======\n>>>>>>> x\n"), BROKEN),
        ("L13 line", s()[..s().len() - 20].to_owned(), BROKEN),
        ("L13 entry", s().replace("  b@1.0.0: {}\n", ""), MISSING_DEPENDENCY),
        ("L14", format!("PK\0{}", s()), BROKEN),
        ("L14 empty", String::new(), BROKEN),
        (
            "L17",
            s().replace(&format!("  b@1.0.0:\n    resolution: {{integrity: {INTEGRITY}}}\n\n"), ""),
            MISSING_DEPENDENCY,
        ),
        ("shape", s().replace("  packages/w: {}", "  packages/w: []"), BROKEN),
        ("no resolution", s().replacen(&format!("    resolution: {{integrity: {INTEGRITY}}}\n"), "", 1), BROKEN),
    ];
    for (id, text, expected) in cases {
        assert_ne!(text, sample(), "{id} changes nothing");
        assert_eq!(code(&text), expected, "{id}: {:?}", read(&text).map(|_| ()));
    }
}

/// An entry that says of itself that a git host made it may be on anybody's server.
#[test]
fn only_archives_that_a_host_makes_of_a_whole_commit_need_no_integrity() {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let with = |url: &str| {
        let text = sample().replace("b@1.0.0", &format!("b@{url}")).replace("b: 1.0.0", &format!("b: {url}"));
        let at = text.find(&format!("  b@{url}:\n    resolution: ")).unwrap();
        let entry = format!("{{integrity: {INTEGRITY}}}");
        let at = at + text[at..].find(&entry).unwrap();
        let hosted = format!("{{gitHosted: true, tarball: {url}}}");
        let text = format!("{}{hosted}{}", &text[..at], &text[at + entry.len()..]);
        read(&text).err().map(|error| error.code)
    };
    for url in [
        format!("https://codeload.github.com/o/r/tar.gz/{commit}"),
        format!("https://bitbucket.org/o/r/get/{commit}.tar.gz"),
        format!("https://gitlab.com/api/v4/projects/o%2Fr/repository/archive.tar.gz?ref={commit}"),
        format!("https://gitlab.com/g/o/r/-/archive/{commit}/r-{commit}.tar.gz"),
    ] {
        assert_eq!(with(&url), None, "{url}");
    }
    for url in [
        format!("https://evil.example/o/r/tar.gz/{commit}"),
        "https://codeload.github.com/o/r/tar.gz/main".to_owned(),
        format!("https://gitlab.com/o/r/-/raw/main/{commit}/r.tar.gz"),
        format!("https://gitlab.com/api/v4/projects/o%2Fr/repository/archive.tar.gz?ref=main&x={commit}"),
        format!("http://bitbucket.org/o/r/get/{commit}.tar.gz"),
    ] {
        assert_eq!(with(&url), Some(MISSING_INTEGRITY), "{url}");
    }
}

#[test]
fn a_refusal_names_the_way_out() {
    let error =
        read(&sample().replace("    dependencies:\n      b", "<<<<<<< HEAD\n    dependencies:\n      b")).unwrap_err();
    assert!(error.hint.is_some() && error.message.contains("merge conflict"), "{error:?}");
}

#[test]
fn git_commits_are_hexadecimal_and_folders_are_those_of_their_key() {
    let git = |commit: &str| {
        sample().replace("b@1.0.0", "b@git+https://git.example/b#1").replace("      b: 1.0.0\n", "      b: git+https://git.example/b#1\n").replace(
        &format!("  b@git+https://git.example/b#1:\n    resolution: {{integrity: {INTEGRITY}}}"),
        &format!("  b@git+https://git.example/b#1:\n    resolution: {{commit: {commit}, repo: https://git.example/b, type: git}}"),
    )
    };
    assert_eq!(code(&git("--upload-pack=x")), SHAPE_MISMATCH);
    assert!(
        read(&git("0123456789012345678901234567890123456789")).is_err()
            || read(&git("a123456789012345678901234567890123456789")).is_ok()
    );
    let folder = |path: &str| {
        sample().replace("b@1.0.0", "b@file:b").replace("      b: 1.0.0\n", "      b: file:b\n").replace(
            &format!("  b@file:b:\n    resolution: {{integrity: {INTEGRITY}}}"),
            &format!("  b@file:b:\n    resolution: {{directory: {path}, type: directory}}"),
        )
    };
    assert!(read(&folder("b")).is_ok());
    assert_eq!(code(&folder("../../..")), SHAPE_MISMATCH);
}
