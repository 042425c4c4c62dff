//! What a manifest asks for, read only as far as to see that all of it is text: the component reads the rest. A field
//! that is no mapping counts as empty, as pnpm has it.

use std::{borrow::Cow, collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::Value;

/// A field of dependencies: the first key whose value is no text.
#[derive(Debug, Default)]
pub(super) struct Specifiers(Option<String>);

impl Specifiers {
    /// The first key whose value is no text.
    pub(super) fn bad(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl<'de> Deserialize<'de> for Specifiers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Specifiers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping, or anything that stands for none")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Specifiers, A::Error> {
        let mut bad: Vec<String> = Vec::new();
        let mut mended: HashSet<String> = HashSet::new();
        while let Some((key, value)) = map.next_entry::<Cow<'de, str>, Value>()? {
            // Of a key that is there twice the last value counts.
            if !value.is_string() {
                mended.remove(key.as_ref());
                bad.push(key.into_owned());
            } else if !bad.is_empty() {
                mended.insert(key.into_owned());
            }
        }
        Ok(Specifiers(bad.into_iter().find(|key| !mended.contains(key))))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Specifiers, A::Error> {
        while seq.next_element::<Value>()?.is_some() {}
        Ok(Specifiers::default())
    }

    fn visit_unit<E: Error>(self) -> Result<Specifiers, E> {
        Ok(Specifiers::default())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Specifiers, E> {
        Ok(Specifiers::default())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Specifiers, E> {
        Ok(Specifiers::default())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Specifiers, E> {
        Ok(Specifiers::default())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Specifiers, E> {
        Ok(Specifiers::default())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Specifiers, E> {
        Ok(Specifiers::default())
    }
}
