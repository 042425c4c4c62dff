//! Settings from all sources, merged: a later source overrides an earlier one, name by name. Types are checked as
//! values come in, so that a reader can take them as they are.

use std::{collections::BTreeMap, fmt};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    ConfigError,
    table::{self, Kind, Setting, Support},
};

/// Where a value was written, from the weakest to the strongest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The user's `config.yaml`.
    UserFile(String),
    /// `pnpm-workspace.yaml`.
    WorkspaceFile(String),
    /// A variable of the environment: its name.
    Variable(String),
    /// The command line: the option.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UserFile(path) | Self::WorkspaceFile(path) => f.write_str(path),
            Self::Variable(name) => write!(f, "the environment variable {name}"),
            Self::Flag(option) => write!(f, "the option {option}"),
        }
    }
}

/// The merged settings.
#[derive(Debug, Default)]
pub struct Values {
    values: BTreeMap<&'static str, (Value, Origin)>,
    /// What the user should hear of them.
    pub warnings: Vec<String>,
}

impl Values {
    /// Adds one value as it was written; call with weak sources first.
    ///
    /// # Errors
    /// The value has another type, or asks for what this version cannot do.
    pub fn add(&mut self, name: &str, value: Value, origin: Origin) -> Result<(), ConfigError> {
        let Some(setting) = table::find(name) else {
            self.warn_unknown(name, &origin);
            return Ok(());
        };
        if value.is_null() {
            return Ok(());
        }
        let value = checked(setting, value, &origin)?;
        match setting.support {
            Support::Elsewhere => return Ok(()),
            Support::Notice(why) => {
                self.warnings.push(format!("{} in {origin} has no effect: {why}", setting.name));
                return Ok(());
            }
            Support::Used | Support::Refused(_) => {}
        }
        self.values.insert(setting.name, (value, origin));
        Ok(())
    }

    /// Refuses what this version cannot do; called once all sources are merged.
    ///
    /// # Errors
    /// The first such setting.
    pub fn refuse_unsupported(&self) -> Result<(), ConfigError> {
        for (name, (value, origin)) in &self.values {
            let Some(Support::Refused(harmless)) = table::find(name).map(|setting| setting.support) else { continue };
            let written = value.to_string();
            if !harmless.contains(&written.as_str()) {
                let value = if *name == "_auth" { "(hidden)".to_owned() } else { written };
                return Err(ConfigError::UnsupportedSetting { name, value, origin: origin.clone() });
            }
        }
        Ok(())
    }

    /// Someone set it.
    #[must_use]
    pub fn has(&self, name: &'static str) -> bool {
        self.values.contains_key(name)
    }

    /// Who set it.
    #[must_use]
    pub fn origin(&self, name: &'static str) -> Option<&Origin> {
        self.values.get(name).map(|(_, origin)| origin)
    }

    /// A flag, if set.
    #[must_use]
    pub fn flag(&self, name: &'static str) -> Option<bool> {
        self.value(name)?.as_bool()
    }

    /// A number, if set.
    #[must_use]
    pub fn number(&self, name: &'static str) -> Option<u64> {
        self.value(name)?.as_u64()
    }

    /// A text, if set.
    #[must_use]
    pub fn text(&self, name: &'static str) -> Option<String> {
        self.value(name)?.as_str().map(str::to_owned)
    }

    /// A list of texts, if set.
    #[must_use]
    pub fn list(&self, name: &'static str) -> Option<Vec<String>> {
        let items = self.value(name)?.as_array()?;
        Some(items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect())
    }

    /// The JSON value, if set.
    #[must_use]
    pub fn value(&self, name: &'static str) -> Option<&Value> {
        self.values.get(name).map(|(value, _)| value)
    }

    /// An object of a known shape; its default where it is not set.
    ///
    /// # Errors
    /// It has another shape.
    pub fn object<T: DeserializeOwned + Default>(&self, name: &'static str) -> Result<T, ConfigError> {
        let Some((value, origin)) = self.values.get(name) else { return Ok(T::default()) };
        T::deserialize(value).map_err(|error| ConfigError::InvalidSetting {
            name: name.to_owned(),
            expected: error.to_string(),
            origin: origin.clone(),
        })
    }

    fn warn_unknown(&mut self, name: &str, origin: &Origin) {
        let camel = table::camel(name);
        let names = table::SETTINGS.iter().map(|setting| setting.name);
        let meant = table::nearest(&camel, names).map(|name| format!(" Did you mean {name}?")).unwrap_or_default();
        self.warnings.push(format!("Unknown setting {camel} in {origin}.{meant}"));
    }
}

/// Texts of the environment and the command line become what the setting holds: `true`, `3`, `["a"]`.
#[must_use]
pub fn from_text(setting: Option<&Setting>, text: &str) -> Value {
    let literal = || serde_json::from_str(text).ok();
    let value = match setting.map(|setting| setting.kind) {
        Some(Kind::Flag | Kind::FlagOr(_)) if text == "true" || text.is_empty() => Some(Value::Bool(true)),
        Some(Kind::Flag | Kind::FlagOr(_)) if text == "false" => Some(Value::Bool(false)),
        Some(Kind::Number | Kind::Map) => literal(),
        Some(Kind::List | Kind::Any) if text.starts_with(['[', '{']) => literal(),
        _ => None,
    };
    value.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn checked(setting: &Setting, value: Value, origin: &Origin) -> Result<Value, ConfigError> {
    let (fits, expected) = match (setting.kind, &value) {
        (Kind::Any, _) => return Ok(value),
        (Kind::Flag | Kind::FlagOr(_), Value::String(word)) if let Some(flag) = old_flag(word, origin) => {
            return Ok(Value::Bool(flag));
        }
        (Kind::Flag, value) => (value.is_boolean(), "true or false".to_owned()),
        (Kind::Number, value) => (value.is_u64(), "a whole number".to_owned()),
        (Kind::Text, Value::Number(number)) => return Ok(Value::String(number.to_string())),
        (Kind::Text, value) => (value.is_string(), "a text".to_owned()),
        (Kind::List, Value::String(_)) => return Ok(Value::Array(vec![value])),
        (Kind::List, Value::Array(items)) => (items.iter().all(Value::is_string), "a list of texts".to_owned()),
        (Kind::List, _) => (false, "a list of texts".to_owned()),
        (Kind::Map, value) => (value.is_object(), "an object".to_owned()),
        (Kind::Choice(texts), value) => (is_one_of(value, texts), format!("one of {}", texts.join(", "))),
        (Kind::FlagOr(texts), value) => {
            (value.is_boolean() || is_one_of(value, texts), format!("true, false or {}", texts.join(", ")))
        }
    };
    if fits {
        return Ok(value);
    }
    Err(ConfigError::InvalidSetting { name: setting.name.to_owned(), expected, origin: origin.clone() })
}

/// A flag in the words of old YAML, which pnpm reads where a flag is expected.
fn old_flag(word: &str, origin: &Origin) -> Option<bool> {
    if !matches!(origin, Origin::UserFile(_) | Origin::WorkspaceFile(_)) {
        return None;
    }
    match word.to_ascii_lowercase().as_str() {
        "y" | "yes" | "on" => Some(true),
        "n" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn is_one_of(value: &Value, texts: &[&str]) -> bool {
    value.as_str().is_some_and(|text| texts.contains(&text))
}
