use serde_json::json;

use super::*;

fn found(manifest: &Value, paths: &[&str]) -> Vec<(String, String)> {
    let mut files: Vec<FileEntry> = paths
        .iter()
        .map(|path| FileEntry { path: (*path).into(), blob: String::new(), size: 1, executable: false })
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    bins(&Manifest::parse(manifest.to_string().as_bytes()), &files)
}

fn pair(name: &str, target: &str) -> (String, String) {
    (name.into(), target.into())
}

#[test]
fn a_single_executable_has_the_name_of_the_package_without_its_scope() {
    let manifest = json!({ "name": "@scope/tool", "bin": "./cli.js" });
    assert_eq!(found(&manifest, &["cli.js"]), [pair("tool", "cli.js")]);
}

#[test]
fn names_that_are_not_safe_are_dropped() {
    let names = ["../../evil", "..", ".", "", "a/b", "a b", "$(x)", "a\nb", "@s/../x", "node_modules", "%PATH%", "`x`"];
    for name in names {
        assert_eq!(found(&json!({ "name": "p", "bin": { name: "cli.js" } }), &["cli.js"]), [], "{name:?}");
    }
    assert_eq!(found(&json!({ "name": "p", "bin": { "@s/ok": "cli.js" } }), &["cli.js"]), [pair("ok", "cli.js")]);
}

#[test]
fn names_are_safe_by_the_rule_of_pnpm() {
    for name in ["run!", "a'b", "(x)", "s*", "t~", "$", "a.b-c_d"] {
        assert_eq!(command_name(name), Some(name));
    }
    for name in ["g++", "é", "a%b", "$x", &"x".repeat(256)] {
        assert_eq!(command_name(name), None, "{name}");
    }
}

#[test]
fn targets_stay_files_of_the_package() {
    for target in ["../x.js", "/etc/passwd", "a/../../x.js", "gone.js", "lib"] {
        let manifest = json!({ "name": "p", "bin": { "p": target } });
        assert_eq!(found(&manifest, &["x.js", "lib/y.js"]), [], "{target}");
    }
    let manifest = json!({ "name": "p", "bin": { "p": "lib/../x" } });
    assert_eq!(found(&manifest, &["x.js"]), [pair("p", "x.js")]);
}

#[test]
fn a_folder_of_executables_is_expanded() {
    let manifest = json!({ "name": "p", "directories": { "bin": "./bin" } });
    assert_eq!(found(&manifest, &["bin/a", "bin/b.js", "binary"]), [pair("a", "bin/a"), pair("b.js", "bin/b.js")]);
    assert_eq!(found(&json!({ "name": "p", "directories": { "bin": "../.." } }), &["x"]), []);
}

#[test]
fn odd_manifests_have_no_executables() {
    for bin in [json!(42), json!(["a"]), json!({ "p": 1 }), json!(null)] {
        assert_eq!(found(&json!({ "name": "p", "bin": bin }), &["a"]), []);
    }
    assert_eq!(Manifest::parse(b"{ not json").name, "");
    assert_eq!(Manifest::parse("\u{feff}{\"name\":\"p\"}".as_bytes()).name, "p");
    let text = json!({ "scripts": { "install": "x" } }).to_string();
    assert!(Manifest::parse(text.as_bytes()).has_install_script);
}
