use super::*;
use serde_json::json;

fn overrides(entries: &[(&str, &str)]) -> Result<Overrides, BadOverride> {
    let entries = entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Overrides::parse(&entries, &Catalogs::new(), |name| (name == "root-dep").then(|| "^9".to_owned()))
}

fn applied(entries: &[(&str, &str)], manifest: Value, folder: Option<&str>) -> Value {
    let Value::Object(mut manifest) = manifest else { panic!("no object") };
    overrides(entries).unwrap().apply(&mut manifest, folder);
    manifest.remove("name");
    manifest.remove("version");
    Value::Object(manifest)
}

#[test]
fn local_targets_follow_the_workspaces_folder_and_what_is_recorded_stays() {
    let written = IndexMap::from([("a".to_owned(), "link:./local".to_owned()), ("b".to_owned(), "1.0.0".to_owned())]);
    let overrides = Overrides::parse(&written, &Catalogs::new(), |_| None).unwrap().seen_from("../..");
    assert_eq!(overrides.resolved(), &written);
    let apply = |folder| {
        let mut manifest = serde_json::json!({ "dependencies": { "a": "1", "b": "2" } }).as_object().unwrap().clone();
        overrides.apply(&mut manifest, folder);
        manifest["dependencies"].clone()
    };
    assert_eq!(apply(Some(".")), serde_json::json!({ "a": "link:../../local", "b": "1.0.0" }));
    assert_eq!(apply(None)["a"], "link:../../local");
    assert_eq!(apply(Some("../b"))["a"], "link:../../local");
    assert_eq!(apply(Some("../.."))["a"], "link:local");
    assert!(overrides.is_value("link:../../local") && !overrides.is_value("link:./local"));
}

#[test]
fn selectors_in_every_form() {
    let manifest = json!({"name": "p", "version": "1.0.0", "dependencies": {"a": "^1.0.0"}});
    for (selector, expected) in [
        ("a", "2.0.0"),
        ("a@1", "2.0.0"),
        ("a@2", "^1.0.0"),
        ("p>a", "2.0.0"),
        ("p@1>a@^1.2", "2.0.0"),
        ("p@2>a", "^1.0.0"),
        ("q>a", "^1.0.0"),
        ("a@>=1 <3", "2.0.0"),
    ] {
        let result = applied(&[(selector, "2.0.0")], manifest.clone(), None);
        assert_eq!(result, json!({"dependencies": {"a": expected}}), "{selector}");
    }
}

#[test]
fn a_parent_goes_before_a_range_and_a_range_before_none() {
    let manifest = json!({"name": "p", "dependencies": {"a": "^1.0.0"}});
    let entries = [("a", "3.0.0"), ("a@1", "4.0.0"), ("p>a", "5.0.0")];
    assert_eq!(applied(&entries, manifest.clone(), None)["dependencies"]["a"], "5.0.0");
    assert_eq!(applied(&entries[1..2], manifest, None)["dependencies"]["a"], "4.0.0");
}

#[test]
fn values_remove_refer_and_converge() {
    let manifest = json!({"dependencies": {"a": "^1.0.0", "b": "^2.0.0"}});
    assert_eq!(applied(&[("a", "-")], manifest.clone(), None), json!({"dependencies": {"b": "^2.0.0"}}));
    assert_eq!(applied(&[("a", "$root-dep")], manifest.clone(), None)["dependencies"]["a"], "^9");
    let converged = applied(&[("a@", "1.2.3"), ("b@", "1.2.3")], manifest, None);
    assert_eq!(converged, json!({"dependencies": {"a": "1.2.3", "b": "^2.0.0"}}));
}

#[test]
fn a_peer_that_cannot_be_one_becomes_a_dependency() {
    let result = applied(&[("a", "link:./a")], json!({"peerDependencies": {"a": "1"}}), Some("packages/p"));
    assert_eq!(result, json!({"peerDependencies": {"a": "1"}, "dependencies": {"a": "link:../../a"}}));
}

#[test]
fn what_cannot_be_read_has_pnpms_code() {
    for (selector, value, code) in [
        ("%", "1", "ERR_PNPM_INVALID_SELECTOR"),
        ("a@", "^1", "ERR_PNPM_INVALID_CONVERGENCE_OVERRIDE"),
        ("p>a@", "1.0.0", "ERR_PNPM_INVALID_CONVERGENCE_OVERRIDE"),
        ("a", "$b", "ERR_PNPM_CANNOT_RESOLVE_OVERRIDE_VERSION"),
        ("a", "catalog:", "ERR_PNPM_CATALOG_IN_OVERRIDES"),
    ] {
        assert_eq!(overrides(&[(selector, value)]).unwrap_err().code, code, "{selector}");
    }
}
