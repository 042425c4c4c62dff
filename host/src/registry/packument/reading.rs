//! From a registry's JSON to an index and cut manifests, in one pass. Each manifest is written out where it is found;
//! in the end those that are kept are put in order.

use std::{borrow::Cow, cell::RefCell, collections::HashMap};

use foldhash::fast::RandomState;
use wit::{PackageName, Version};

use super::{Index, Packed, PackumentError};
use crate::registry::{
    manifest::Manifest,
    spans::{self, ScanError, Span},
};

/// Keys of a stranger, who cannot know the seed.
type ByText<'a, V> = HashMap<Cow<'a, str>, V, RandomState>;

thread_local! {
    /// Where manifests are written as they are found, reused from packument to packument.
    static CUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What it may keep between two packuments, bytes: nearly all come to less.
const KEPT: usize = 4 << 20;

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
    CUT.with_borrow_mut(|cut| {
        cut.clear();
        let packed = TopLevel::find(text, start, (name, full), cut).and_then(|top| top.pack(text, cut, name, full));
        if cut.capacity() > KEPT {
            *cut = Vec::new();
        }
        packed
    })
}

#[derive(Default)]
struct TopLevel<'a> {
    name: Option<Span>,
    versions: Option<Vec<Kept<'a>>>,
    dist_tags: Option<Span>,
    time: Option<Span>,
    modified: Option<Span>,
}

impl<'a> TopLevel<'a> {
    /// Versions are most of the text, so they are cut on the way.
    fn find(
        text: &'a [u8],
        start: usize,
        (package, full): (&PackageName, bool),
        cut: &mut Vec<u8>,
    ) -> Result<Self, PackumentError> {
        let mut found = Self::default();
        let end = spans::walk(text, start, |key, start| {
            let key = spans::unescape(key.of(text));
            if key.as_deref() == Some("versions") {
                let kept = cut_versions(text, start, (package, full), cut)?;
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
            at => Err(ScanError::Malformed(at).into()),
        }
    }

    fn pack(&self, text: &[u8], cut: &[u8], package: &PackageName, full: bool) -> Result<Packed, PackumentError> {
        if let Some(other) = self.name.and_then(|span| spans::text(span.of(text)))
            && other != package.as_str()
        {
            return Err(PackumentError::OtherName(other.chars().filter(|c| !c.is_control()).take(214).collect()));
        }
        let Some(kept) = &self.versions else {
            return Err(PackumentError::Malformed("it has no versions".to_owned()));
        };
        let mut index = Index { full, dist_tags: tags(text, self.dist_tags)?, ..Index::default() };
        let times = strings(text, self.time)?;
        index.modified = string_at(text, self.modified).or_else(|| times.get("modified").map(|it| it.to_string()));
        index.versions = by_line(kept, |kept| &kept.version);
        index.times = self.time.map(|_| by_line(kept, |kept| times.get(&kept.version).map_or("", |time| time)));
        index.trust = full.then(|| kept.iter().map(|kept| kept.trust).collect());
        let deprecated = kept.iter().zip(0..).filter(|(kept, _)| kept.is_deprecated);
        index.deprecated = deprecated.map(|(_, line)| line).collect();
        let body;
        (body, index.spans) = newest_first(cut, kept)?;
        Ok(Packed { index, body })
    }
}

/// A version, and where its manifest was written.
struct Kept<'a> {
    version: Cow<'a, str>,
    cut: Span,
    is_deprecated: bool,
    trust: u8,
}

/// The versions in the object that starts at `start`, and the byte after it; `None` if it is no object.
fn cut_versions<'a>(
    text: &'a [u8],
    start: usize,
    (name, full): (&PackageName, bool),
    cut: &mut Vec<u8>,
) -> Result<Option<(Vec<Kept<'a>>, usize)>, ScanError> {
    if text.get(start) != Some(&b'{') {
        return Ok(None);
    }
    let mut kept: Vec<Kept<'_>> = Vec::new();
    let mut lines: ByText<'_, usize> = HashMap::default();
    let end = spans::walk(text, start, |key, start| {
        let version = spans::unescape(key.of(text)).filter(|version| Version::check(version).is_ok());
        let (Some(version), Some(b'{')) = (version, text.get(start)) else { return spans::value(text, start) };
        let (manifest, end) = Manifest::find(text, start)?;
        if !manifest.belongs_to(text, name.as_str(), &version) {
            return Ok(end);
        }
        let start = cut.len();
        manifest.write(text, cut);
        let is_deprecated = manifest.is_deprecated(text);
        let trust = if full { manifest.trust(text) } else { 0 };
        let found = Kept { version, cut: Span { start, end: cut.len() }, is_deprecated, trust };
        let line = *lines.entry(found.version.clone()).or_insert(kept.len());
        if line < kept.len() {
            kept[line] = found;
        } else {
            kept.push(found);
        }
        Ok(end)
    })?;
    Ok(Some((kept, end)))
}

/// One text for each version, a line each.
fn by_line<'a>(kept: &'a [Kept<'a>], of: impl Fn(&'a Kept<'a>) -> &'a str) -> String {
    let mut lines = String::with_capacity(kept.iter().map(|kept| of(kept).len() + 1).sum());
    for (at, kept) in kept.iter().enumerate() {
        if at > 0 {
            lines.push('\n');
        }
        lines.push_str(of(kept));
    }
    lines
}

/// The manifests, newest first because those are the ones that are read, and where each is, by line.
fn newest_first(cut: &[u8], kept: &[Kept<'_>]) -> Result<(Vec<u8>, Vec<u8>), PackumentError> {
    let length: usize = kept.iter().map(|kept| kept.cut.of(cut).len()).sum();
    if u32::try_from(length).is_err() {
        return Err(PackumentError::TooLarge(u32::MAX as usize));
    }
    let (mut body, mut spans) = (Vec::with_capacity(length), vec![0; kept.len() * 8]);
    for (kept, span) in kept.iter().zip(spans.chunks_exact_mut(8)).rev() {
        let manifest = kept.cut.of(cut);
        // All of them together are no longer than that.
        span[..4].copy_from_slice(&(body.len() as u32).to_le_bytes());
        span[4..].copy_from_slice(&(manifest.len() as u32).to_le_bytes());
        body.extend_from_slice(manifest);
    }
    Ok((body, spans))
}

fn tags(text: &[u8], span: Option<Span>) -> Result<Vec<(String, String)>, ScanError> {
    let mut tags: Vec<(String, String)> = Vec::new();
    each_string(text, span, |tag, version| match tags.iter_mut().find(|(held, _)| *held == tag) {
        Some(held) => held.1 = version.into_owned(),
        None => tags.push((tag.into_owned(), version.into_owned())),
    })?;
    Ok(tags)
}

fn strings(text: &[u8], span: Option<Span>) -> Result<ByText<'_, Cow<'_, str>>, ScanError> {
    let mut found = HashMap::default();
    each_string(text, span, |key, value| drop(found.insert(key, value)))?;
    Ok(found)
}

/// The entries of an object whose values are strings without line breaks.
fn each_string<'a>(
    text: &'a [u8],
    span: Option<Span>,
    mut entry: impl FnMut(Cow<'a, str>, Cow<'a, str>),
) -> Result<(), ScanError> {
    let Some(span) = span.filter(|span| text[span.start] == b'{') else { return Ok(()) };
    spans::object(text, span.start, |key, value| {
        if let (Some(key), Some(value)) = (spans::unescape(key.of(text)), spans::text(value.of(text)))
            && !value.contains('\n')
        {
            entry(key, value);
        }
        Ok(())
    })?;
    Ok(())
}

fn string_at(text: &[u8], span: Option<Span>) -> Option<String> {
    span.and_then(|span| spans::text(span.of(text))).filter(|text| !text.contains('\n')).map(|text| text.into_owned())
}
