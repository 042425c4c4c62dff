//! Versions that a YAML reader takes for numbers or truth values: `overrides: {a: 1}` asks for the range `1`, and
//! `1.10` is not `1.1`.

use serde::Deserialize;
use serde_json::{Map, Value};

type Texts = Map<String, Value>;

/// The settings whose scalars are texts, each as it is written.
#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    overrides: Option<Flat>,
    #[serde(default)]
    catalog: Option<Flat>,
    #[serde(default)]
    catalogs: Option<indexmap::IndexMap<String, Flat>>,
}

type Flat = indexmap::IndexMap<String, String>;

/// `settings`, as they were read from `text`, with the texts in them as they stand there. What is no text at all is
/// left for whoever uses the setting to refuse.
pub(super) fn as_written(text: &str, mut settings: Texts) -> Texts {
    let is_odd = |value: &Value| value.is_number() || value.is_boolean();
    let has_odd = |value: &Value| value.as_object().is_some_and(|map| map.values().any(is_odd));
    let nested = settings.get("catalogs").and_then(Value::as_object);
    let any = ["overrides", "catalog"].iter().any(|name| settings.get(*name).is_some_and(has_odd))
        || nested.is_some_and(|catalogs| catalogs.values().any(has_odd));
    let Some(written) = any.then(|| serde_saphyr::from_str::<Written>(text).ok()).flatten() else { return settings };
    let flat = |flat: Flat| Value::Object(flat.into_iter().map(|(key, text)| (key, Value::String(text))).collect());
    let catalogs = written.catalogs.map(|all| all.into_iter().map(|(name, entries)| (name, flat(entries))).collect());
    let found = [
        ("overrides", written.overrides.map(flat)),
        ("catalog", written.catalog.map(flat)),
        ("catalogs", catalogs.map(Value::Object)),
    ];
    for (name, value) in found {
        if let Some(value) = value {
            settings.insert(name.to_owned(), value);
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use crate::config::project::read_yaml;

    fn read(text: &str) -> serde_json::Value {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pnpm-workspace.yaml");
        std::fs::write(&path, text).expect("a file");
        read_yaml(&path).expect("settings").expect("a file").into()
    }

    #[test]
    fn versions_are_texts_however_they_look() {
        let read_text = read("overrides: {a: 1, b: 1.10, c: true, d: ^1}\ncatalog: {a: 2}\ncatalogs: {x: {a: 3.0}}\n");
        let expected = serde_json::json!({
            "overrides": {"a": "1", "b": "1.10", "c": "true", "d": "^1"},
            "catalog": {"a": "2"},
            "catalogs": {"x": {"a": "3.0"}},
        });
        assert_eq!(read_text, expected);
        assert_eq!(read("overrides: {a: [1], b: 2}\n")["overrides"]["b"], 2);
    }

    #[test]
    fn words_of_old_yaml_are_texts() {
        let settings = read("packages: [y, n, yes, no, on, off]\nautoInstallPeers: no\nshamefullyHoist: true\n");
        assert_eq!(settings["packages"], serde_json::json!(["y", "n", "yes", "no", "on", "off"]));
        assert_eq!(settings["autoInstallPeers"], "no");
        assert_eq!(settings["shamefullyHoist"], true);
    }
}
