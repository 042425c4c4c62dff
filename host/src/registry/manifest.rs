//! One version's manifest inside a packument: the spans of the fields that the resolver reads, written out without
//! the rest. Registries send readmes, scripts and maintainers for every version; cutting them here makes what is kept
//! and what is stored a fraction of what came.

use super::spans::{self, ScanError, Span};

/// Fields that are kept as they are, in the order in which they are written.
const KEPT: [&str; 16] = [
    "name",
    "version",
    "dependencies",
    "optionalDependencies",
    "peerDependencies",
    "peerDependenciesMeta",
    "bundleDependencies",
    "bundledDependencies",
    "bin",
    "directories",
    "engines",
    "os",
    "cpu",
    "libc",
    "deprecated",
    "hasInstallScript",
];

/// Fields of `dist` that are kept.
const DIST: [&str; 5] = ["integrity", "shasum", "tarball", "unpackedSize", "fileCount"];

const HAS_INSTALL_SCRIPT: usize = KEPT.len() - 1;
const DEPRECATED: usize = KEPT.len() - 2;

/// The spans of one manifest.
#[derive(Default)]
pub(super) struct Manifest {
    kept: [Option<Span>; KEPT.len()],
    dist: Option<Span>,
    scripts: Option<Span>,
    npm_user: Option<Span>,
}

impl Manifest {
    /// The fields of the object that starts at `start`, and the byte after it.
    pub(super) fn find(text: &[u8], start: usize) -> Result<(Self, usize), ScanError> {
        let mut found = Self::default();
        let end = spans::object(text, start, |key, value| {
            let raw = key.of(text);
            let unescaped = if raw.contains(&b'\\') { spans::unescape(raw) } else { None };
            match unescaped.as_deref().map_or(raw, str::as_bytes) {
                b"dist" => found.dist = Some(value),
                b"scripts" => found.scripts = Some(value),
                b"_npmUser" => found.npm_user = Some(value),
                key => {
                    if let Some(at) = KEPT.iter().position(|kept| kept.as_bytes() == key) {
                        found.kept[at] = Some(value);
                    }
                }
            }
            Ok(())
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
        if has_object(text, self.npm_user, "approver") {
            return 3;
        }
        let attestations = self.dist.and_then(|dist| field(text, dist, "attestations"));
        match (has_object(text, attestations, "provenance"), has_object(text, self.npm_user, "trustedPublisher")) {
            (true, true) => 2,
            (true, false) => 1,
            (false, _) => 0,
        }
    }

    /// Appends the manifest with the kept fields only.
    pub(super) fn write(&self, text: &[u8], out: &mut Vec<u8>) {
        out.push(b'{');
        let start = out.len();
        for (name, span) in KEPT.iter().zip(self.kept) {
            if let Some(span) = span {
                entry(out, start, name, span.of(text));
            }
        }
        if self.kept[HAS_INSTALL_SCRIPT].is_none() && self.has_install_script(text) {
            entry(out, start, KEPT[HAS_INSTALL_SCRIPT], b"true");
        }
        if let Some(dist) = self.dist.filter(|span| text[span.start] == b'{') {
            let mut found = [None; DIST.len()];
            let walked = spans::object(text, dist.start, |key, value| {
                if let Some(at) = DIST.iter().position(|kept| kept.as_bytes() == key.of(text)) {
                    found[at] = Some(value);
                }
                Ok(())
            });
            let mut inner = vec![b'{'];
            for (name, span) in DIST.iter().zip(found) {
                if let Some(span) = span {
                    entry(&mut inner, 1, name, span.of(text));
                }
            }
            inner.push(b'}');
            if walked.is_ok() {
                entry(out, start, "dist", &inner);
            }
        }
        out.push(b'}');
    }

    fn has_install_script(&self, text: &[u8]) -> bool {
        let Some(scripts) = self.scripts else { return false };
        ["preinstall", "install", "postinstall"]
            .iter()
            .any(|name| field(text, scripts, name).is_some_and(|span| span.of(text).len() > 2))
    }
}

fn entry(out: &mut Vec<u8>, start: usize, name: &str, value: &[u8]) {
    if out.len() > start {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    out.extend_from_slice(value);
}

/// A field of an object that is there and neither null nor false.
fn has_object(text: &[u8], object: Option<Span>, name: &str) -> bool {
    object.and_then(|span| field(text, span, name)).is_some_and(|span| !matches!(span.of(text), b"null" | b"false"))
}

fn field(text: &[u8], object: Span, name: &str) -> Option<Span> {
    if text.get(object.start) != Some(&b'{') || memchr::memmem::find(object.of(text), name.as_bytes()).is_none() {
        return None;
    }
    let mut found = None;
    spans::object(text, object.start, |key, value| {
        if key.of(text) == name.as_bytes() {
            found = Some(value);
        }
        Ok(())
    })
    .ok()?;
    found
}
