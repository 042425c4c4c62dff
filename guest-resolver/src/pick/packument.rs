//! A packument as it crosses the border: texts of lines, looked into as little as possible.

use std::cell::OnceCell;
use std::ops::Range;

use crate::age::parse_time;
use crate::semver::Version;

/// What a packument is made of: the fields of the WIT record `metadata` that picking looks at.
#[derive(Debug, Clone, Default)]
pub struct PackumentParts {
    /// The name in the registry.
    pub name: String,
    /// Every version, one a line.
    pub versions: String,
    /// Tags and what they point to.
    pub dist_tags: Vec<(String, String)>,
    /// Publish times, one a line beside `versions`; an empty line: unknown.
    pub times: Option<String>,
    /// When the packument last changed.
    pub modified: Option<String>,
    /// It has all that a full packument has.
    pub full: bool,
    /// Lines of versions with a deprecation notice.
    pub deprecated: Vec<u32>,
    /// Trust evidence by line, the higher the stronger; `None`: unknown.
    pub trust: Option<Vec<u8>>,
}

/// The versions of one package. A line is a version by its index; a line that is no semver is never picked.
#[derive(Debug)]
pub struct Packument {
    parts: PackumentParts,
    /// Where each line of `versions` ends.
    ends: Vec<u32>,
    /// Few lines are ever read but that of `latest`, so that there is room for a pointer only, and of most packages for
    /// none at all.
    parsed: OnceCell<Vec<OnceCell<Option<Box<Version>>>>>,
    /// The version in the line of `latest`, parsed.
    newest: OnceCell<Option<Version>>,
    /// Where each line of `times` ends.
    time_ends: OnceCell<Vec<u32>>,
    /// The line that `latest` points to, which nearly every pick asks for.
    latest: OnceCell<Option<usize>>,
}

/// What a line is at first sight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Glance {
    /// Three numbers and nothing else, which nearly all are.
    Release(Version),
    /// A prerelease, or no semver.
    Prerelease,
    /// That takes a closer look.
    Other,
}

impl Packument {
    /// Takes what the host sent.
    pub fn new(mut parts: PackumentParts) -> Self {
        parts.deprecated.sort_unstable();
        let ends = line_ends(&parts.versions);
        Self {
            parts,
            ends,
            parsed: OnceCell::new(),
            newest: OnceCell::new(),
            time_ends: OnceCell::new(),
            latest: OnceCell::new(),
        }
    }

    /// The name in the registry.
    pub fn name(&self) -> &str {
        &self.parts.name
    }

    /// How many versions there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// There are no versions.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// It has all that a full packument has.
    pub fn is_full(&self) -> bool {
        self.parts.full
    }

    /// The text of a version.
    ///
    /// # Panics
    /// If `index` is not below [`Packument::len`].
    pub fn text(&self, index: usize) -> &str {
        line(&self.parts.versions, &self.ends, index)
    }

    /// A version, parsed loosely; `None` if it is no semver.
    pub fn version(&self, index: usize) -> Option<&Version> {
        let read = || Version::parse_loose(self.text(index));
        if self.latest.get() == Some(&Some(index)) {
            return self.newest.get_or_init(read).as_ref();
        }
        let parsed = self.parsed.get_or_init(|| vec![OnceCell::new(); self.len()]);
        parsed.get(index)?.get_or_init(|| read().map(Box::new)).as_deref()
    }

    /// The major of a line, without reading all of it; `None` if that takes a closer look.
    pub fn major(&self, index: usize) -> Option<u64> {
        let text = &self.parts.versions.as_bytes()[span(&self.ends, index)];
        let digits = text.iter().position(|byte| !byte.is_ascii_digit())?;
        if text[digits] != b'.' || !(1..=15).contains(&digits) {
            return None;
        }
        Some(text[..digits].iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
    }

    /// A line is of another major than this one, by its first letters; `false` if that takes a closer look.
    pub fn is_of_other_major(&self, index: usize, major: &[u8]) -> bool {
        let text = &self.parts.versions.as_bytes()[span(&self.ends, index)];
        let is_plain = text.first().is_some_and(|first| (b'1'..=b'9').contains(first) || text.starts_with(b"0."));
        is_plain && !(text.starts_with(major) && text.get(major.len()) == Some(&b'.'))
    }

    /// A line as its first letters tell, without being kept.
    pub fn glance(&self, index: usize) -> Glance {
        let mut numbers = [0; 3];
        let (mut at, mut digits) = (0, 0);
        for byte in &self.parts.versions.as_bytes()[span(&self.ends, index)] {
            match byte {
                b'0'..=b'9' if digits < 15 => {
                    numbers[at] = numbers[at] * 10 + u64::from(byte - b'0');
                    digits += 1;
                }
                b'.' if digits > 0 && at < 2 => (at, digits) = (at + 1, 0),
                b'-' if digits > 0 && at == 2 => return Glance::Prerelease,
                _ => return Glance::Other,
            }
        }
        if at < 2 || digits == 0 {
            return Glance::Other;
        }
        Glance::Release(Version::new(numbers[0], numbers[1], numbers[2]))
    }

    /// The line of a version by its exact text.
    pub fn find(&self, text: &str) -> Option<usize> {
        let (versions, wanted) = (self.parts.versions.as_bytes(), text.as_bytes());
        let mut start = 0;
        self.ends.iter().position(|end| {
            let here = start..*end as usize;
            start = here.end + 1;
            // Most lines differ in length or in their last byte: two comparisons instead of a call.
            here.len() == wanted.len() && versions[..here.end].last() == wanted.last() && versions[here] == *wanted
        })
    }

    /// The line of a version by value; without build metadata if it is not there with it.
    pub fn find_version(&self, version: &Version) -> Option<usize> {
        if let Some(found) = self.find(&version.to_string()) {
            return Some(found);
        }
        version.build.as_ref()?;
        self.find(&Version { build: None, ..version.clone() }.to_string())
    }

    /// What a tag points to, as the registry has it.
    pub fn tag(&self, tag: &str) -> Option<&str> {
        self.parts.dist_tags.iter().find(|(name, _)| name == tag).map(|(_, target)| target.as_str())
    }

    /// The line that a tag points to, if it is there.
    pub fn tagged(&self, tag: &str) -> Option<usize> {
        let find = || self.find(self.tag(tag)?);
        if tag == "latest" { *self.latest.get_or_init(find) } else { find() }
    }

    /// All tags.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.parts.dist_tags.iter().map(|(name, _)| name.as_str())
    }

    /// A version carries a deprecation notice.
    pub fn is_deprecated(&self, index: usize) -> bool {
        u32::try_from(index).is_ok_and(|index| self.parts.deprecated.binary_search(&index).is_ok())
    }

    /// Publish times are known.
    pub fn has_times(&self) -> bool {
        self.parts.times.is_some()
    }

    /// When a version was published, milliseconds since 1970.
    pub fn time(&self, index: usize) -> Option<i64> {
        parse_time(self.time_text(index)?)
    }

    /// When a version was published, as the registry wrote it.
    pub fn time_text(&self, index: usize) -> Option<&str> {
        let times = self.parts.times.as_deref()?;
        let ends = self.time_ends.get_or_init(|| line_ends(times));
        (index < ends.len()).then(|| line(times, ends, index)).filter(|text| !text.is_empty())
    }

    /// How strong the evidence is of who published a version; `None`: unknown.
    pub fn trust(&self, index: usize) -> Option<u8> {
        self.parts.trust.as_ref()?.get(index).copied()
    }

    /// When the packument last changed, milliseconds since 1970.
    pub fn modified(&self) -> Option<i64> {
        parse_time(self.parts.modified.as_deref()?)
    }
}

fn line_ends(text: &str) -> Vec<u32> {
    if text.is_empty() {
        return Vec::new();
    }
    let offset =
        |at: usize| u32::try_from(at).expect("a text that crossed the border of a wasm32 guest is below 4 GiB");
    let body = text.strip_suffix('\n').unwrap_or(text);
    // Lines are too short for a search that prepares itself; few have less than eight bytes.
    let mut ends = Vec::with_capacity(body.len() / 8 + 1);
    let breaks = body.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
    ends.extend(breaks.map(|(at, _)| offset(at)));
    ends.push(offset(body.len()));
    ends
}

fn line<'a>(text: &'a str, ends: &[u32], index: usize) -> &'a str {
    &text[span(ends, index)]
}

/// Where a line is.
fn span(ends: &[u32], index: usize) -> Range<usize> {
    let start = if index == 0 { 0 } else { ends[index - 1] as usize + 1 };
    start..ends[index] as usize
}
