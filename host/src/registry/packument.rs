//! A packument as an index and byte spans: one pass over the registry's JSON, in which each version's manifest is cut
//! down to what the resolver reads. No manifest is parsed here; the resolver gets the bytes of those it asks for.
//!
//! Lenient where real registries are odd: of duplicate keys the last one wins, versions that are not semver and
//! manifests that name another package or version are left out.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use wit::{PackageName, Version};

use super::spans::{self, ScanError, Span};
use crate::facts::Metadata;

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

/// Reads a decoded body.
///
/// # Errors
/// [`PackumentError`] if it is no packument of this package.
pub(crate) fn read(text: &[u8], name: &PackageName, full: bool) -> Result<Packed, PackumentError> {
    let start = spans::space(text, if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 });
    match text.get(start) {
        Some(b'{') => {}
        Some(b'<') => return Err(PackumentError::Html),
        _ => return Err(PackumentError::Malformed("it is no JSON object".to_owned())),
    }
    let top = TopLevel::find(text, start, name)?;
    if let Some(other) = top.name.and_then(|span| spans::text(span.of(text)))
        && other != name.as_str()
    {
        return Err(PackumentError::OtherName(other.chars().filter(|c| !c.is_control()).take(214).collect()));
    }
    let Some(kept) = &top.versions else {
        return Err(PackumentError::Malformed("it has no versions".to_owned()));
    };
    pack(text, &top, kept, full)
}

#[derive(Default)]
struct TopLevel {
    name: Option<Span>,
    versions: Option<Vec<Kept>>,
    dist_tags: Option<Span>,
    time: Option<Span>,
    modified: Option<Span>,
}

impl TopLevel {
    /// Versions are most of the text, so they are kept on the way.
    fn find(text: &[u8], start: usize, package: &PackageName) -> Result<Self, ScanError> {
        let mut found = Self::default();
        let end = spans::walk(text, start, |key, start| {
            let key = spans::unescape(key.of(text));
            if key.as_deref() == Some("versions") {
                let kept = keep_versions(text, start, package)?;
                let end = kept.as_ref().map_or_else(|| spans::value(text, start), |(_, end)| Ok(*end))?;
                found.versions = kept.map(|(kept, _)| kept);
                return Ok(end);
            }
            let end = spans::value(text, start)?;
            match key.as_deref() {
                Some("name") => found.name = Some(Span { start, end }),
                Some("dist-tags") => found.dist_tags = Some(Span { start, end }),
                Some("time") => found.time = Some(Span { start, end }),
                Some("modified") => found.modified = Some(Span { start, end }),
                _ => {}
            }
            Ok(end)
        })?;
        match spans::space(text, end) {
            at if at == text.len() => Ok(found),
            at => Err(ScanError::Malformed(at)),
        }
    }
}

struct Kept {
    version: String,
    manifest: super::manifest::Manifest,
}

/// The versions in the object that starts at `start`, and the byte after it; `None` if it is no object.
fn keep_versions(text: &[u8], start: usize, name: &PackageName) -> Result<Option<(Vec<Kept>, usize)>, ScanError> {
    if text.get(start) != Some(&b'{') {
        return Ok(None);
    }
    let mut kept: Vec<Kept> = Vec::new();
    let mut lines: HashMap<String, usize> = HashMap::new();
    let end = spans::walk(text, start, |key, start| {
        let version = spans::unescape(key.of(text)).filter(|version| Version::parse(version).is_ok());
        let (Some(version), Some(b'{')) = (version, text.get(start)) else { return spans::value(text, start) };
        let (manifest, end) = super::manifest::Manifest::find(text, start)?;
        if !manifest.belongs_to(text, name.as_str(), &version) {
            return Ok(end);
        }
        match lines.get(version.as_ref()) {
            Some(&line) => kept[line].manifest = manifest,
            None => {
                lines.insert(version.clone().into_owned(), kept.len());
                kept.push(Kept { version: version.into_owned(), manifest });
            }
        }
        Ok(end)
    })?;
    Ok(Some((kept, end)))
}

fn pack(text: &[u8], top: &TopLevel, kept: &[Kept], full: bool) -> Result<Packed, PackumentError> {
    let mut index = Index { full, dist_tags: tags(text, top.dist_tags)?, ..Index::default() };
    let times = times(text, top.time)?;
    index.modified = string_at(text, top.modified).or_else(|| times.get("modified").cloned());
    index.spans = vec![0; kept.len() * 8];
    let mut body = Vec::with_capacity(text.len() / 2);
    // The newest manifests come first in the body, because they are the ones that are read.
    for (line, kept) in kept.iter().enumerate().rev() {
        let start = body.len();
        kept.manifest.write(text, &mut body);
        let (Ok(start), Ok(length)) = (u32::try_from(start), u32::try_from(body.len() - start)) else {
            return Err(PackumentError::TooLarge(u32::MAX as usize));
        };
        index.spans[line * 8..line * 8 + 4].copy_from_slice(&start.to_le_bytes());
        index.spans[line * 8 + 4..line * 8 + 8].copy_from_slice(&length.to_le_bytes());
    }
    let mut lines = Vec::with_capacity(kept.len());
    for (line, kept) in kept.iter().enumerate() {
        lines.push(kept.version.as_str());
        if kept.manifest.is_deprecated(text) {
            index.deprecated.push(u32::try_from(line).map_err(|_| PackumentError::TooLarge(text.len()))?);
        }
    }
    index.versions = lines.join("\n");
    index.trust = full.then(|| kept.iter().map(|kept| kept.manifest.trust(text)).collect());
    if top.time.is_some() {
        let by_line: Vec<&str> =
            lines.iter().map(|version| times.get(*version).map_or("", |time| time.as_str())).collect();
        index.times = Some(by_line.join("\n"));
    }
    Ok(Packed { index, body })
}

fn tags(text: &[u8], span: Option<Span>) -> Result<Vec<(String, String)>, ScanError> {
    let mut tags: Vec<(String, String)> = Vec::new();
    for (tag, version) in strings(text, span)? {
        match tags.iter_mut().find(|(held, _)| *held == tag) {
            Some(held) => held.1 = version,
            None => tags.push((tag, version)),
        }
    }
    Ok(tags)
}

fn times(text: &[u8], span: Option<Span>) -> Result<HashMap<String, String>, ScanError> {
    Ok(strings(text, span)?.into_iter().collect())
}

/// The entries of an object whose values are strings without line breaks.
fn strings(text: &[u8], span: Option<Span>) -> Result<Vec<(String, String)>, ScanError> {
    let mut found = Vec::new();
    let Some(span) = span.filter(|span| text[span.start] == b'{') else { return Ok(found) };
    spans::object(text, span.start, |key, value| {
        if let (Some(key), Some(value)) = (spans::unescape(key.of(text)), spans::text(value.of(text)))
            && !value.contains('\n')
        {
            found.push((key.into_owned(), value.into_owned()));
        }
        Ok(())
    })?;
    Ok(found)
}

fn string_at(text: &[u8], span: Option<Span>) -> Option<String> {
    span.and_then(|span| spans::text(span.of(text))).filter(|text| !text.contains('\n')).map(|text| text.into_owned())
}

#[cfg(test)]
mod tests;
