//! Reads a project's `package.json`: checked to be JSON within limits, and kept as text, because the component reads
//! it.

mod specifiers;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};

use super::ConfigError;
use specifiers::Specifiers;

/// Larger manifests are refused; bytes.
pub const MAX_MANIFEST: u64 = 8 * 1024 * 1024;
/// Deeper nesting is refused.
const MAX_DEPTH: usize = 128;

/// A project's manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The JSON text without a byte order mark.
    pub text: Arc<str>,
    /// `name`, if it is a text.
    pub name: Option<String>,
    /// `version`, if it is a text.
    pub version: Option<String>,
    /// It has a `pnpm` field, which pnpm 12 does not read.
    pub has_pnpm_field: bool,
    /// Read once for all who ask.
    fields: Arc<OnceLock<Map<String, Value>>>,
}

impl Manifest {
    /// Its fields.
    #[must_use]
    pub fn fields(&self) -> &Map<String, Value> {
        self.fields.get_or_init(|| serde_json::from_str(&self.text).unwrap_or_default())
    }

    /// What a field holds, if it is a mapping: nothing in it, if it is not.
    pub fn entries(&self, field: &str) -> impl Iterator<Item = (&String, &Value)> {
        self.fields().get(field).and_then(Value::as_object).into_iter().flatten()
    }
}

/// Reads `<dir>/package.json`; `None` if there is none.
///
/// # Errors
/// It cannot be read, is over a limit, or is not a JSON object.
pub fn read(dir: &Path) -> Result<Option<Manifest>, ConfigError> {
    let path = dir.join("package.json");
    match super::files::read_text(&path, MAX_MANIFEST, "a manifest may have 8 MiB") {
        Ok(Some(text)) => parse(&path, &text).map(Some),
        Ok(None) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Why there is no manifest in a folder.
#[must_use]
pub fn missing(dir: &Path) -> ConfigError {
    let other = ["package.yaml", "package.json5"].into_iter().find(|name| dir.join(name).is_file());
    ConfigError::NoManifest { dir: dir.to_path_buf(), other }
}

/// A manifest of this text; `path` is for what is said of it.
///
/// # Errors
/// It is over a limit, not a JSON object, or asks for something that is no text.
pub(crate) fn parse(path: &Path, text: &str) -> Result<Manifest, ConfigError> {
    if depth(text) > MAX_DEPTH {
        let limit = "a manifest may be nested 128 levels deep";
        return Err(ConfigError::TooLarge { path: path.to_path_buf(), limit });
    }
    let broken = |error: &serde_json::Error| broken(path.to_path_buf(), error);
    let head: Head = serde_json::from_str(text)
        .or_else(|error| {
            // Of a field that is there twice the last one counts, which serde's structs do not bear.
            let value: serde_json::Value = serde_json::from_str(text).or(Err(error))?;
            serde_json::from_value(value)
        })
        .map_err(|error| broken(&error))?;
    // serde reads a list as a struct too.
    if !text.trim_start().starts_with('{') {
        let reason = "it is not an object".to_owned();
        return Err(ConfigError::BrokenManifest { path: path.to_path_buf(), line: 1, column: 1, reason });
    }
    head.check_specifiers(path)?;
    Ok(Manifest {
        text: text.into(),
        name: head.name.and_then(|text| text.0),
        version: head.version.and_then(|text| text.0),
        has_pnpm_field: head.pnpm.is_some(),
        fields: Arc::default(),
    })
}

fn broken(path: PathBuf, error: &serde_json::Error) -> ConfigError {
    let words = error.to_string();
    let reason = words.split(" at line ").next().unwrap_or(&words).to_owned();
    ConfigError::BrokenManifest { path, line: error.line(), column: error.column(), reason }
}

/// How deep brackets are nested, outside of strings; the text need not be valid.
fn depth(text: &str) -> usize {
    let (mut now, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                now += 1;
                deepest = deepest.max(now);
            }
            b'}' | b']' if !quoted => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    name: Option<LenientText>,
    #[serde(default)]
    version: Option<LenientText>,
    #[serde(default)]
    pnpm: Option<IgnoredAny>,
    #[serde(default)]
    dependencies: Specifiers,
    #[serde(default, rename = "devDependencies")]
    dev: Specifiers,
    #[serde(default, rename = "optionalDependencies")]
    optional: Specifiers,
    #[serde(default, rename = "peerDependencies")]
    peer: Specifiers,
}

impl Head {
    fn check_specifiers(&self, path: &Path) -> Result<(), ConfigError> {
        let groups = [
            ("dependencies", &self.dependencies),
            ("devDependencies", &self.dev),
            ("optionalDependencies", &self.optional),
            ("peerDependencies", &self.peer),
        ];
        let bad = groups.into_iter().find_map(|(field, group)| Some((field, group.bad()?)));
        bad.map_or(Ok(()), |(field, alias)| {
            let alias = alias.chars().filter(|c| !c.is_control()).take(120).collect();
            Err(ConfigError::BadSpecifier { path: path.to_path_buf(), field, alias })
        })
    }
}

/// A text, or anything else, which counts as absent.
#[derive(Default)]
struct LenientText(Option<String>);

impl<'de> Deserialize<'de> for LenientText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(Self(value.as_str().map(str::to_owned)))
    }
}

#[cfg(test)]
mod tests;
