use std::collections::BTreeMap;

use super::*;

const PACKAGE: [(&str, &str); 4] = [
    ("index.js", "one\ntwo\nthree\n"),
    ("crlf.js", "one\r\ntwo\r\nthree\r\n"),
    ("bare.js", "one\ntwo"),
    ("gone.js", "x\n"),
];

fn apply(text: &str) -> Result<BTreeMap<String, Change>, PatchError> {
    let mut read = |path: &str| {
        let found = PACKAGE.iter().find(|(held, _)| *held == path);
        Ok(found.map(|(_, text)| (text.as_bytes().to_vec(), false)))
    };
    Patch::new("p.patch".into(), text.as_bytes()).apply("a@1.0.0", &mut read)
}

fn written(text: &str, path: &str) -> String {
    match apply(text).unwrap().remove(path) {
        Some(Change::Write { bytes, .. }) => String::from_utf8(bytes).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn diff(path: &str, hunk: &str) -> String {
    format!("diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n{hunk}")
}

#[test]
fn a_changed_line_is_changed() {
    assert_eq!(written(&diff("index.js", "@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n"), "index.js"), "one\n2\nthree\n");
}

#[test]
fn a_hunk_may_have_moved() {
    let hunk = "@@ -11,3 +11,4 @@\n one\n+and\n two\n three\n";
    assert_eq!(written(&diff("index.js", hunk), "index.js"), "one\nand\ntwo\nthree\n");
    assert!(apply(&diff("index.js", &hunk.replace("11", "41"))).is_err());
}

#[test]
fn line_ends_of_the_file_stay() {
    let hunk = "@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n";
    assert_eq!(written(&diff("crlf.js", hunk), "crlf.js"), "one\r\n2\nthree\r\n");
}

#[test]
fn a_patch_whose_lines_git_has_ended_anew_is_the_same_patch() {
    let patch =
        "diff --git a/new.js b/new.js\nnew file mode 100644\n--- /dev/null\n+++ b/new.js\n@@ -0,0 +1 @@\n+new\n";
    let ended = patch.replace('\n', "\r\n");
    let hash = |text: &str| Patch::new("p.patch".into(), text.as_bytes()).hash;
    assert_eq!(hash(&ended), hash(patch));
    assert_eq!(written(&ended, "new.js"), "new\n");
}

#[test]
fn a_missing_end_of_the_last_line_is_kept_made_or_taken_away() {
    let none = "\\ No newline at end of file\n";
    let kept = format!("@@ -1,2 +1,2 @@\n one\n-two\n{none}+2\n{none}");
    assert_eq!(written(&diff("bare.js", &kept), "bare.js"), "one\n2");
    let made = format!("@@ -1,2 +1,2 @@\n one\n-two\n{none}+2\n");
    assert_eq!(written(&diff("bare.js", &made), "bare.js"), "one\n2\n");
    let taken = format!("@@ -1,3 +1,3 @@\n one\n two\n-three\n+3\n{none}");
    assert_eq!(written(&diff("index.js", &taken), "index.js"), "one\ntwo\n3");
}

#[test]
fn files_are_made_removed_moved_and_made_executable() {
    let text = "diff --git a/new/cli.js b/new/cli.js\nnew file mode 100755\nindex 0000000..1111111\n--- /dev/null\n\
                +++ b/new/cli.js\n@@ -0,0 +1,2 @@\n+#!/bin/sh\n+true\n\
                diff --git a/gone.js b/gone.js\ndeleted file mode 100644\nindex 1111111..0000000\n--- a/gone.js\n\
                +++ /dev/null\n@@ -1 +0,0 @@\n-x\n\
                diff --git a/bare.js b/there.js\nsimilarity index 100%\nrename from bare.js\nrename to there.js\n\
                diff --git a/index.js b/index.js\nold mode 100644\nnew mode 100755\n";
    let write = |text: &str, executable| Change::Write { bytes: text.as_bytes().to_vec(), executable };
    let expected = [
        ("bare.js", Change::Delete),
        ("gone.js", Change::Delete),
        ("index.js", write("one\ntwo\nthree\n", true)),
        ("new/cli.js", write("#!/bin/sh\ntrue\n", true)),
        ("there.js", write("one\ntwo", false)),
    ];
    assert_eq!(apply(text).unwrap(), expected.map(|(path, change)| (path.to_owned(), change)).into_iter().collect());
}

#[test]
fn what_is_applied_already_is_left_as_it_is() {
    let hunk = "@@ -1,3 +1,3 @@\n one\n-2\n+two\n three\n";
    assert_eq!(written(&diff("index.js", hunk), "index.js"), "one\ntwo\nthree\n");
}

#[test]
fn a_patch_that_does_not_fit_is_an_error_that_says_where() {
    for (text, detail) in [
        (diff("index.js", "@@ -1,2 +1,2 @@\n one\n-zwei\n+2\n"), "index.js: hunk 1 does not fit"),
        (diff("none.js", "@@ -1,2 +1,2 @@\n one\n-zwei\n+2\n"), "there is no none.js"),
        (
            "diff --git a/index.js b/index.js\nnew file mode 100644\n--- /dev/null\n+++ b/index.js\n@@ -0,0 +1 @@\n+x\n".into(),
            "index.js is there already",
        ),
        (
            "diff --git a/index.js b/index.js\ndeleted file mode 100644\n--- a/index.js\n+++ /dev/null\n@@ -1 +0,0 @@\n-one\n"
                .into(),
            "index.js is not the file that is to be removed",
        ),
    ] {
        let error = apply(&text).unwrap_err();
        assert_eq!(error.code(), "ERR_PNPM_PATCH_FAILED");
        assert_eq!(error.to_string(), format!("Could not apply patch p.patch to a@1.0.0: {detail}"));
    }
}

#[test]
fn no_path_leads_out_of_the_package() {
    for path in
        ["../out.js", "a/../../out.js", "/etc/out", "a//b", "c:/x", "a\\..\\b", "node_modules/b/index.js", "./x"]
    {
        let text = format!(
            "diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x\n"
        );
        let error = apply(&text).unwrap_err().to_string();
        assert!(error.contains("leads out of the package") || error.contains("failed"), "{path}: {error}");
    }
}

#[test]
fn a_patch_makes_no_links() {
    let text = "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc/passwd\n\
                \\ No newline at end of file\n";
    assert!(apply(text).unwrap_err().to_string().contains("patches make no links"));
}

#[test]
fn the_hash_does_not_depend_on_line_ends() {
    let hash = |text: &str| Patch::new("p".into(), text.as_bytes()).hash;
    assert_eq!(hash("a\r\nb\n"), hash("a\nb\n"));
    assert_eq!(hash(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}
