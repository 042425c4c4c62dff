use super::*;

const PLACES: Places<'_> = Places { registry: "http://registry.example/", store: "/s", cache: "/c", home: "/h" };

fn fixture() -> Fixture {
    let root = json!({ "name": "root", "dependencies": { "a": "catalog:", "b": "catalog:old", "m": "workspace:^" } });
    let settings = json!({ "packages": ["m"], "catalog": { "a": "^2.0.0" }, "catalogs": { "old": { "b": "1.0.0" } } });
    Fixture {
        name: "x".into(),
        projects: vec![(".".into(), root), ("m".into(), json!({ "name": "m" }))],
        settings: settings.as_object().unwrap().clone(),
    }
}

fn file(name: &str, path: &str) -> String {
    let files = Kind::of(name).unwrap().files(&fixture(), PLACES).unwrap();
    files.into_iter().find_map(|(at, text)| (at == path).then_some(text)).unwrap()
}

fn root(name: &str) -> Value {
    serde_json::from_str(&file(name, "./package.json")).unwrap()
}

#[test]
fn a_label_tells_two_of_a_kind_apart() {
    assert_eq!(Kind::of("wasi-pm-gvs@before"), Kind::of("wasi-pm-gvs"));
    assert_eq!(Kind::of("wasi"), None);
}

#[test]
fn each_variant_says_what_makes_it_different() {
    let settings = |name: &str| -> Value { serde_saphyr::from_str(&file(name, "pnpm-workspace.yaml")).unwrap() };
    assert_eq!(settings("wasi-pm")["enableGlobalVirtualStore"], json!(false));
    assert_eq!(settings("wasi-pm-gvs")["enableGlobalVirtualStore"], json!(true));
    assert_eq!(settings("wasi-pm").get("verifyStoreIntegrity"), None);
    assert_eq!(settings("wasi-pm-nocheck")["verifyStoreIntegrity"], json!(false));
    assert_eq!(settings("wasi-pm")["minimumReleaseAge"], json!(0));
    assert_eq!(settings("wasi-pm-policy").get("minimumReleaseAge"), None);
    assert_eq!(settings("pnpm-policy").get("trustLockfile"), None);
    assert_eq!(settings("pnpm")["packages"], json!(["m"]));
    assert_eq!(settings("pnpm")["storeDir"], json!("/s"));
    assert!(file("bun-global", "bunfig.toml").contains("globalStore = true"));
    assert!(file("bun-hoisted", "bunfig.toml").contains("linker = \"hoisted\""));
    assert!(file("yarn", ".yarnrc.yml").contains("npmRegistryServer: http://registry.example/\n"));
}

#[test]
fn programs_without_the_workspace_file_find_its_contents_in_the_manifest() {
    assert_eq!(root("pnpm"), fixture().projects[0].1);
    let bun = root("bun");
    assert_eq!(bun["workspaces"]["packages"], json!(["m"]));
    assert_eq!(bun["workspaces"]["catalogs"]["old"]["b"], json!("1.0.0"));
    assert_eq!(root("npm")["workspaces"], json!(["m"]));
}

#[test]
fn specifiers_that_a_program_does_not_know_are_written_out() {
    assert_eq!(root("npm")["dependencies"], json!({ "a": "^2.0.0", "b": "1.0.0", "m": "*" }));
    assert_eq!(root("yarn")["dependencies"], json!({ "a": "^2.0.0", "b": "1.0.0", "m": "workspace:^" }));
}
