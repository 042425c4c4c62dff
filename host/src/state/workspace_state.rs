//! `node_modules/.pnpm-workspace-state-v1.json`: by it pnpm knows that nothing has changed. We write the part that
//! needs no hashes of pnpm's own making, without `validation`; pnpm then looks at the files themselves. The settings
//! come from whoever knows them all.

use serde_json::{Map, Value, json};

/// The file's name inside `node_modules`.
pub const FILE: &str = ".pnpm-workspace-state-v1.json";

/// A project as the file names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its folder, absolute.
    pub folder: String,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
}

/// The text of the file; `settings` in pnpm's names, sorted by key here.
#[must_use]
pub fn text(projects: &[Project], settings: &Map<String, Value>, filtered: bool, validated_at: u64) -> String {
    let mut listed = Map::new();
    for project in projects {
        let mut entry = Map::new();
        if let Some(name) = &project.name {
            entry.insert("name".to_owned(), json!(name));
        }
        entry.insert("version".to_owned(), json!(project.version.as_deref().unwrap_or("0.0.0")));
        listed.insert(project.folder.clone(), Value::Object(entry));
    }
    let mut keys: Vec<&String> = settings.keys().collect();
    keys.sort_unstable();
    let settings: Map<String, Value> = keys.into_iter().map(|key| (key.clone(), settings[key].clone())).collect();
    let file = json!({
        "lastValidatedTimestamp": validated_at,
        "projects": listed,
        "pnpmfiles": [],
        "filteredInstall": filtered,
        "settings": settings,
    });
    let mut text = serde_json::to_string_pretty(&file).expect("a map of texts is always JSON");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::{Project, text};

    #[test]
    fn keys_stand_in_pnpms_order() {
        let project = Project { folder: "/p".to_owned(), name: Some("p".to_owned()), version: None };
        let settings = serde_json::json!({"production": true, "dev": true});
        let settings = settings.as_object().unwrap();
        insta::assert_snapshot!(text(&[project], settings, false, 7), @r#"
        {
          "lastValidatedTimestamp": 7,
          "projects": {
            "/p": {
              "name": "p",
              "version": "0.0.0"
            }
          },
          "pnpmfiles": [],
          "filteredInstall": false,
          "settings": {
            "dev": true,
            "production": true
          }
        }
        "#);
    }
}
