//! What the store needs of a `package.json`: leniently read, because old packages have odd ones. A manifest that is no
//! JSON at all is an empty one: what is installed then is what the registry said of it.

use serde_json::{Map, Value};

/// The fields that matter here.
#[derive(Debug, Default)]
pub(crate) struct Manifest {
    pub(crate) name: String,
    pub(crate) version: String,
    /// `bin` as it stands.
    pub(crate) bin: Value,
    /// `directories.bin`.
    pub(crate) bin_directory: Option<String>,
    /// It has a `preinstall`, `install` or `postinstall` script.
    pub(crate) has_install_script: bool,
}

impl Manifest {
    /// Reads the text of a `package.json`.
    pub(crate) fn parse(text: &[u8]) -> Self {
        let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
        let Ok(mut fields) = serde_json::from_slice::<Map<String, Value>>(text) else { return Self::default() };
        let string = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let scripts = fields.get("scripts").and_then(Value::as_object);
        let has_install_script = scripts.is_some_and(|scripts| {
            ["preinstall", "install", "postinstall"]
                .iter()
                .any(|name| scripts.get(*name).and_then(Value::as_str).is_some_and(|script| !script.trim().is_empty()))
        });
        let bin_directory = fields.get("directories").and_then(|all| all.get("bin")).and_then(Value::as_str);
        Self {
            name: string(fields.get("name")),
            version: string(fields.get("version")),
            bin_directory: bin_directory.map(ToOwned::to_owned),
            has_install_script,
            bin: fields.remove("bin").unwrap_or_default(),
        }
    }
}
