//! Values that take any JSON: the right shape is kept, every other shape counts as absent. One visitor for all of them.

use std::fmt;
use std::marker::PhantomData;

use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Bundled, Dependencies};

/// What a value makes of each shape; by default nothing.
trait Shape: Sized + Default {
    fn text(_value: &str) -> Self {
        Self::default()
    }
    fn flag(_value: bool) -> Self {
        Self::default()
    }
    fn number(_value: f64) -> Self {
        Self::default()
    }
    fn list<'de, A: SeqAccess<'de>>(mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
    fn map<'de, A: MapAccess<'de>>(mut entries: A) -> Result<Self, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
}

struct AnyShape<T>(PhantomData<T>);

impl<'de, T: Shape> Visitor<'de> for AnyShape<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }
    fn visit_str<E>(self, value: &str) -> Result<T, E> {
        Ok(T::text(value))
    }
    fn visit_bool<E>(self, value: bool) -> Result<T, E> {
        Ok(T::flag(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<T, E> {
        Ok(T::number(value as f64))
    }
    fn visit_i64<E>(self, value: i64) -> Result<T, E> {
        Ok(T::number(value as f64))
    }
    fn visit_f64<E>(self, value: f64) -> Result<T, E> {
        Ok(T::number(value))
    }
    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<T, A::Error> {
        T::list(items)
    }
    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<T, A::Error> {
        T::map(entries)
    }
}

macro_rules! lenient {
    ($($name:ident),*) => {
        $(impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(AnyShape(PhantomData))
            }
        })*
    };
}
lenient!(Text, Flag, Count, Strings, TextMap, BinField, BundledField);

/// A string.
#[derive(Default)]
pub(super) struct Text(pub(super) Option<String>);
impl Shape for Text {
    fn text(value: &str) -> Self {
        Self(Some(value.to_owned()))
    }
}

/// `true` or `false`.
#[derive(Default)]
pub(super) struct Flag(pub(super) Option<bool>);
impl Shape for Flag {
    fn flag(value: bool) -> Self {
        Self(Some(value))
    }
}

/// A whole number, not negative.
#[derive(Default)]
pub(super) struct Count(pub(super) Option<u64>);
impl Shape for Count {
    fn number(value: f64) -> Self {
        Self((value >= 0.0).then_some(value as u64))
    }
}

/// A list of strings, or one string.
#[derive(Default)]
pub(super) struct Strings(pub(super) Vec<String>);
// A text in place of a list counts as absent, as in pnpm: `os: linux` restricts nothing.
impl Shape for Strings {
    fn list<'de, A: SeqAccess<'de>>(mut items: A) -> Result<Self, A::Error> {
        let mut texts = Vec::new();
        while let Some(item) = items.next_element::<Text>()? {
            texts.extend(item.0);
        }
        Ok(Self(texts))
    }
}

/// Text by name; entries of another kind are dropped. Of a name that comes twice the last counts.
#[derive(Default)]
pub(super) struct TextMap(pub(super) Dependencies);
impl Shape for TextMap {
    fn map<'de, A: MapAccess<'de>>(mut entries: A) -> Result<Self, A::Error> {
        let mut list: Vec<(String, Text)> = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            list.push(entry);
        }
        // The table is made once, for all.
        let mut map = Dependencies::with_capacity_and_hasher(list.len(), Default::default());
        for (name, value) in list {
            match value.0 {
                Some(value) => drop(map.insert(name, value)),
                None => drop(map.shift_remove(&name)),
            }
        }
        Ok(Self(map))
    }
}

impl From<TextMap> for Dependencies {
    fn from(map: TextMap) -> Self {
        map.0
    }
}

/// Anything, not looked at.
#[derive(Default)]
pub(super) struct Skipped;
impl<'de> Deserialize<'de> for Skipped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}
impl From<Skipped> for Dependencies {
    fn from(_: Skipped) -> Self {
        Self::default()
    }
}

/// `bin`: whether it names anything.
#[derive(Default)]
pub(super) struct BinField(pub(super) bool);
impl Shape for BinField {
    fn text(value: &str) -> Self {
        Self(!value.is_empty())
    }
    fn map<'de, A: MapAccess<'de>>(mut entries: A) -> Result<Self, A::Error> {
        let mut any = false;
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            any = true;
        }
        Ok(Self(any))
    }
}

/// `bundledDependencies`.
#[derive(Default)]
pub(super) struct BundledField(pub(super) Option<Bundled>);
impl Shape for BundledField {
    fn flag(value: bool) -> Self {
        Self(Some(Bundled::All(value)))
    }
    fn list<'de, A: SeqAccess<'de>>(items: A) -> Result<Self, A::Error> {
        Strings::list(items).map(|names| Self(Some(Bundled::Names(names.0))))
    }
}

/// An object whose fields are lenient themselves.
pub(super) struct Object<T>(pub(super) Option<T>);
impl<T> Default for Object<T> {
    fn default() -> Self {
        Self(None)
    }
}
impl<T: DeserializeOwned> Shape for Object<T> {
    fn map<'de, A: MapAccess<'de>>(entries: A) -> Result<Self, A::Error> {
        T::deserialize(serde::de::value::MapAccessDeserializer::new(entries)).map(|value| Self(Some(value)))
    }
}
impl<'de, T: DeserializeOwned> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyShape(PhantomData))
    }
}

/// Objects of flags by name.
pub(super) struct FlagMap<T>(pub(super) IndexMap<String, T>);
impl<T> Default for FlagMap<T> {
    fn default() -> Self {
        Self(IndexMap::new())
    }
}
impl<T: DeserializeOwned + Default> Shape for FlagMap<T> {
    fn map<'de, A: MapAccess<'de>>(mut entries: A) -> Result<Self, A::Error> {
        let mut map = IndexMap::new();
        while let Some((name, value)) = entries.next_entry::<String, Object<T>>()? {
            map.insert(name, value.0.unwrap_or_default());
        }
        Ok(Self(map))
    }
}
impl<'de, T: DeserializeOwned + Default> Deserialize<'de> for FlagMap<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyShape(PhantomData))
    }
}

/// `directories`: only whether `bin` is a folder.
#[derive(Default)]
pub(super) struct Directories {
    pub(super) has_bin: bool,
}
impl<'de> Deserialize<'de> for Directories {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Bin {
            bin: Text,
        }
        let bin = Object::<Bin>::deserialize(deserializer)?.0.unwrap_or_default().bin.0;
        Ok(Self { has_bin: bin.is_some_and(|path| !path.is_empty()) })
    }
}
