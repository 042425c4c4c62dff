//! A packument as an index and byte spans: one pass over the registry's JSON, in which each version's manifest is cut
//! down to what the resolver reads. No manifest is parsed here; the resolver gets the bytes of those it asks for.
//!
//! Lenient where real registries are odd: of duplicate keys the last one wins, versions that are not semver and
//! manifests that name another package or version are left out.

use serde::{Deserialize, Serialize};

use super::spans::ScanError;
use crate::facts::Metadata;

mod reading;

pub(crate) use reading::read;

/// What the packument says, without the manifests. It is stored and read as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Index {
    /// Every version, one a line.
    pub(crate) versions: String,
    /// Where each manifest is in the body: offset and length, 32 bits each, little endian, by line.
    #[serde(with = "bytes")]
    pub(crate) spans: Vec<u8>,
    /// Tags and what they point to.
    pub(crate) dist_tags: Vec<(String, String)>,
    /// Publish times by line.
    pub(crate) times: Option<String>,
    /// When it last changed.
    pub(crate) modified: Option<String>,
    /// Lines of versions with a deprecation notice.
    pub(crate) deprecated: Vec<u32>,
    /// Trust evidence by line.
    pub(crate) trust: Option<Vec<u8>>,
    /// It is a full packument.
    pub(crate) full: bool,
}

/// Bytes as one block: element by element would cost more than all the rest of an index.
mod bytes {
    use std::fmt;

    use serde::{Deserializer, Serializer, de::Visitor};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        struct Block;
        impl Visitor<'_> for Block {
            type Value = Vec<u8>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
        }
        deserializer.deserialize_bytes(Block)
    }
}

/// Why a body is no packument.
#[derive(Debug, thiserror::Error)]
pub enum PackumentError {
    /// It is not JSON of the expected shape.
    #[error("the answer is no package metadata: {0}")]
    Malformed(String),
    /// It is HTML: something between us and the registry answered.
    #[error("the answer is a web page, not package metadata")]
    Html,
    /// It belongs to another package.
    #[error("the answer is the metadata of {0:?}")]
    OtherName(String),
    /// It is over a limit.
    #[error("the metadata is larger than {0} bytes")]
    TooLarge(usize),
}

impl From<ScanError> for PackumentError {
    fn from(error: ScanError) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// An index and the manifests it points into.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) index: Index,
    pub(crate) body: Vec<u8>,
}

impl Index {
    /// The line of a version.
    pub(crate) fn line(&self, version: &str) -> Option<usize> {
        if version.is_empty() || version.contains('\n') {
            return None;
        }
        let text = self.versions.as_bytes();
        memchr::memmem::find_iter(text, version.as_bytes()).find_map(|at| {
            let starts = at == 0 || text[at - 1] == b'\n';
            let ends = matches!(text.get(at + version.len()), None | Some(b'\n'));
            (starts && ends).then(|| memchr::memchr_iter(b'\n', &text[..at]).count())
        })
    }

    /// Where the manifest of a line is in the body.
    pub(crate) fn span(&self, line: usize) -> Option<(u32, u32)> {
        let raw = self.spans.get(line * 8..line * 8 + 8)?;
        let number = |part: &[u8]| part.try_into().map(u32::from_le_bytes).ok();
        Some((number(&raw[..4])?, number(&raw[4..])?))
    }

    /// What the resolver is told, without manifests.
    pub(crate) fn metadata(&self) -> Metadata {
        Metadata {
            versions: self.versions.clone(),
            dist_tags: self.dist_tags.clone(),
            times: self.times.clone(),
            modified: self.modified.clone(),
            full: self.full,
            deprecated: self.deprecated.clone(),
            trust: self.trust.clone(),
            manifests: Vec::new(),
        }
    }

    /// The version whose manifest is sent along, and its line: `latest`, or the last one where that tag leads nowhere.
    /// Where a version is wanted, that one; where the beginning of one is, `latest` if it begins so, else the highest
    /// release that does.
    pub(crate) fn likely(&self, wanted: Option<&str>) -> Option<(&str, usize)> {
        let latest = self.dist_tags.iter().find(|(tag, _)| tag == "latest").map(|(_, version)| version.as_str());
        let at = |version: &'_ str| self.line(version).and_then(|line| Some((self.versions.lines().nth(line)?, line)));
        let found = match wanted {
            Some(beginning) if beginning.ends_with('.') => match latest {
                Some(latest) if latest.starts_with(beginning) => at(latest),
                _ => self.highest(beginning),
            },
            Some(version) => at(version),
            None => None,
        };
        let last = || self.versions.lines().next_back().and_then(at);
        found.or_else(|| latest.and_then(at)).or_else(last)
    }

    fn highest(&self, beginning: &str) -> Option<(&str, usize)> {
        let lines = self.versions.lines().zip(0..).filter(|(version, _)| version.starts_with(beginning));
        lines.filter_map(|(version, line)| Some((numbers(version)?, (version, line)))).max().map(|(_, found)| found)
    }
}

/// The three numbers of a release.
fn numbers(version: &str) -> Option<[u64; 3]> {
    let mut parts = version.split('.').map(|part| part.parse().ok());
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests;
