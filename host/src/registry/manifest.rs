//! One version's manifest inside a packument: the spans of the fields that the resolver reads, written out without
//! the rest. Registries send readmes, scripts and maintainers for every version; cutting them here makes what is kept
//! and what is stored a fraction of what came.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::spans::{self, ScanError, Span};

/// Fields that are kept as they are, in the order in which they are written.
const KEPT: [&[u8]; 16] = [
    b"name",
    b"version",
    b"dependencies",
    b"optionalDependencies",
    b"peerDependencies",
    b"peerDependenciesMeta",
    b"bundleDependencies",
    b"bundledDependencies",
    b"bin",
    b"directories",
    b"engines",
    b"os",
    b"cpu",
    b"libc",
    b"deprecated",
    b"hasInstallScript",
];

/// Fields of `dist` that are kept.
const DIST: [&[u8]; 5] = [b"integrity", b"shasum", b"tarball", b"unpackedSize", b"fileCount"];

const HAS_INSTALL_SCRIPT: usize = KEPT.len() - 1;
const DEPRECATED: usize = KEPT.len() - 2;

/// The scripts that an installation runs.
const INSTALL_SCRIPTS: [&[u8]; 3] = [b"preinstall", b"install", b"postinstall"];

/// What the key of each of them ends with, and of hardly any other script: most packages have none of them.
static INSTALL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"install\""));

/// The spans of one manifest.
#[derive(Default)]
pub(super) struct Manifest {
    kept: [Option<Span>; KEPT.len()],
    dist: Option<Dist>,
    scripts: Option<Span>,
    npm_user: Option<Span>,
}

/// The spans of its `dist`.
#[derive(Default)]
struct Dist {
    kept: [Option<Span>; DIST.len()],
    attestations: Option<Span>,
}

impl Manifest {
    /// The fields of the object that starts at `start`, and the byte after it.
    pub(super) fn find(text: &[u8], start: usize) -> Result<(Self, usize), ScanError> {
        let mut found = Self::default();
        let end = spans::walk(text, start, |key, start| {
            let raw = key.of(text);
            let unescaped = if memchr::memchr(b'\\', raw).is_some() { spans::unescape(raw) } else { None };
            let key = unescaped.as_deref().map_or(raw, str::as_bytes);
            if key == b"dist" {
                // What cannot be walked is passed over as anything else, and is no `dist`.
                let dist = Dist::find(text, start).ok();
                let end = dist.as_ref().map_or_else(|| spans::value(text, start), |(_, end)| Ok(*end))?;
                found.dist = dist.map(|(dist, _)| dist);
                return Ok(end);
            }
            let value = Span { start, end: spans::value(text, start)? };
            match key {
                b"scripts" => found.scripts = Some(value),
                b"_npmUser" => found.npm_user = Some(value),
                key => keep(&KEPT, &mut found.kept, key, value),
            }
            Ok(value.end)
        })?;
        Ok((found, end))
    }

    /// It names this package and version, or names none.
    pub(super) fn belongs_to(&self, text: &[u8], name: &str, version: &str) -> bool {
        let is = |span: Option<Span>, wanted: &str| {
            span.and_then(|span| spans::text(span.of(text)))
                .is_none_or(|held| held == wanted || held.trim().trim_start_matches(['v', '=']) == wanted)
        };
        is(self.kept[0], name) && is(self.kept[1], version)
    }

    /// It has a deprecation notice: a text that is not empty, or `true`.
    pub(super) fn is_deprecated(&self, text: &[u8]) -> bool {
        self.kept[DEPRECATED].is_some_and(|span| match span.of(text) {
            b"true" => true,
            value => value.len() > 2 && value[0] == b'"',
        })
    }

    /// 0: no evidence; 1: provenance; 2: a trusted publisher with provenance; 3: an approved staged publish.
    pub(super) fn trust(&self, text: &[u8]) -> u8 {
        if has_object(text, self.npm_user, b"approver") {
            return 3;
        }
        let attestations = self.dist.as_ref().and_then(|dist| dist.attestations);
        match (has_object(text, attestations, b"provenance"), has_object(text, self.npm_user, b"trustedPublisher")) {
            (true, true) => 2,
            (true, false) => 1,
            (false, _) => 0,
        }
    }

    /// Appends the manifest with the kept fields only.
    pub(super) fn write(&self, text: &[u8], out: &mut Vec<u8>) {
        out.push(b'{');
        let mut is_first = true;
        entries(text, &KEPT, &self.kept, &mut is_first, out);
        if self.kept[HAS_INSTALL_SCRIPT].is_none() && self.has_install_script(text) {
            key(out, &mut is_first, KEPT[HAS_INSTALL_SCRIPT]);
            out.extend_from_slice(b"true");
        }
        if let Some(dist) = &self.dist {
            key(out, &mut is_first, b"dist");
            out.push(b'{');
            entries(text, &DIST, &dist.kept, &mut true, out);
            out.push(b'}');
        }
        out.push(b'}');
    }

    fn has_install_script(&self, text: &[u8]) -> bool {
        let Some(scripts) = self.scripts.filter(|scripts| INSTALL.find(scripts.of(text)).is_some()) else {
            return false;
        };
        INSTALL_SCRIPTS.iter().any(|name| field(text, scripts, name).is_some_and(|span| span.of(text).len() > 2))
    }
}

impl Dist {
    fn find(text: &[u8], start: usize) -> Result<(Self, usize), ScanError> {
        let mut found = Self::default();
        let end = spans::object(text, start, |key, value| {
            match key.of(text) {
                b"attestations" => found.attestations = Some(value),
                key => keep(&DIST, &mut found.kept, key, value),
            }
            Ok(())
        })?;
        Ok((found, end))
    }
}

/// Takes note of a value if its field is one of those that are kept.
fn keep(fields: &[&[u8]], kept: &mut [Option<Span>], key: &[u8], value: Span) {
    if let Some(at) = fields.iter().position(|field| *field == key) {
        kept[at] = Some(value);
    }
}

fn entries(text: &[u8], fields: &[&[u8]], kept: &[Option<Span>], is_first: &mut bool, out: &mut Vec<u8>) {
    for (field, span) in fields.iter().zip(kept) {
        if let Some(span) = span {
            key(out, is_first, field);
            out.extend_from_slice(span.of(text));
        }
    }
}

fn key(out: &mut Vec<u8>, is_first: &mut bool, name: &[u8]) {
    if !std::mem::take(is_first) {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(name);
    out.extend_from_slice(b"\":");
}

/// A field of an object that is there and neither null nor false.
fn has_object(text: &[u8], object: Option<Span>, name: &[u8]) -> bool {
    object.and_then(|span| field(text, span, name)).is_some_and(|span| !matches!(span.of(text), b"null" | b"false"))
}

fn field(text: &[u8], object: Span, name: &[u8]) -> Option<Span> {
    if text.get(object.start) != Some(&b'{') {
        return None;
    }
    let mut found = None;
    spans::object(text, object.start, |key, value| {
        if key.of(text) == name {
            found = Some(value);
        }
        Ok(())
    })
    .ok()?;
    found
}
