//! `node_modules/.modules.yaml` as pnpm writes it: JSON of two spaces, no line break at the end.

use std::{collections::BTreeMap, fs::File, io::Read as _, path::Path};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::{
    graph::{Placement, Source},
    link::relative::relative,
    state::{
        Layout, MODULES, VIRTUAL_STORE,
        tree::{Digest, digest},
    },
};

/// The file's name inside `node_modules`.
pub const FILE: &str = ".modules.yaml";

/// So much of one is read at most: 64 MB.
const MAX_BYTES: u64 = 64 << 20;

/// What `.modules.yaml` says beyond the layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Included {
    /// `dependencies` are placed.
    pub dependencies: bool,
    /// `devDependencies` are placed.
    #[serde(rename = "devDependencies")]
    pub dev_dependencies: bool,
    /// `optionalDependencies` are placed.
    #[serde(rename = "optionalDependencies")]
    pub optional_dependencies: bool,
}

impl Included {
    /// What the last installation of a project placed, ours or pnpm's; `None`: there was none, or it cannot be known.
    #[must_use]
    pub fn read(root: &Path) -> Option<Self> {
        #[derive(Deserialize)]
        struct Record {
            included: Included,
        }
        let mut text = String::new();
        let file = File::open(root.join(MODULES).join(FILE)).ok()?;
        // A file that was cut off is not read as one.
        file.take(MAX_BYTES).read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).map(|Record { included }| included).ok()
    }
}

/// The text of the file. `pruned_at` is milliseconds since 1970, `allow_builds` what the settings say of packages.
#[must_use]
pub fn text(
    placement: &Placement,
    layout: &Layout,
    included: &Included,
    (ignored_builds, pending_builds): (&[String], &[String]),
    allow_builds: &Map<String, Value>,
    pruned_at: u64,
) -> Text {
    let mut hoisted: IndexMap<&str, Kinds<'_>> = IndexMap::with_capacity(placement.hoisted.len());
    for link in &placement.hoisted {
        let kind = if link.public { "public" } else { "private" };
        hoisted.entry(&link.owner).or_default().0.push((link.alias.as_str(), kind));
    }
    let mut skipped: Vec<&str> = placement.skipped.iter().map(|skipped| skipped.dep_path.as_str()).collect();
    skipped.sort_unstable();
    let file = Modules {
        hoisted_dependencies: hoisted,
        hoist_pattern: &layout.hoist_pattern,
        included,
        layout_version: 5,
        node_linker: "isolated",
        package_manager: &layout.package_manager,
        pending_builds,
        ignored_builds,
        pruned_at: http_date(pruned_at),
        public_hoist_pattern: &layout.public_hoist_pattern,
        skipped,
        store_dir: &layout.store_dir,
        virtual_store_dir: virtual_store_dir(layout),
        virtual_store_dir_max_length: layout.virtual_store_dir_max_length,
        injected_deps: injected(placement, layout),
        allow_builds,
    };
    let text = serde_json::to_string_pretty(&file).expect("what has texts for keys can always be written as JSON");
    Text { digest: digest(text.as_bytes()), text }
}

/// The file's text, with the digest by which our record knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    text: String,
    digest: Digest,
}

impl Text {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

/// The file, its entries in pnpm's order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Modules<'a> {
    hoisted_dependencies: IndexMap<&'a str, Kinds<'a>>,
    hoist_pattern: &'a [String],
    included: &'a Included,
    layout_version: u32,
    node_linker: &'a str,
    package_manager: &'a str,
    pending_builds: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    ignored_builds: &'a [String],
    pruned_at: String,
    public_hoist_pattern: &'a [String],
    skipped: Vec<&'a str>,
    store_dir: &'a str,
    virtual_store_dir: String,
    virtual_store_dir_max_length: u32,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    injected_deps: BTreeMap<String, Vec<String>>,
    allow_builds: &'a Map<String, Value>,
}

/// How the aliases of a package are hoisted, in pnpm's order; most have one.
#[derive(Default)]
struct Kinds<'a>(Vec<(&'a str, &'a str)>);

impl Serialize for Kinds<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

/// By folder that was copied, relative to the lockfile: its copies. Shared slots are no project's own to bring up to
/// date.
fn injected(placement: &Placement, layout: &Layout) -> BTreeMap<String, Vec<String>> {
    let mut copies: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for snapshot in placement.snapshots.iter().filter(|_| layout.global.is_none()) {
        if let Source::Directory(folder) = &snapshot.source {
            let (slot, name) = (&snapshot.slot, &snapshot.name);
            let copy = format!("{MODULES}/{VIRTUAL_STORE}/{slot}/{MODULES}/{name}");
            copies.entry(folder.clone()).or_default().push(copy);
        }
    }
    copies.values_mut().for_each(|copies| copies.sort());
    copies
}

/// Where slots stand, from `node_modules`.
fn virtual_store_dir(layout: &Layout) -> String {
    match &layout.global {
        Some(links) => relative(&format!("{}/{MODULES}", layout.root()), links),
        None => VIRTUAL_STORE.to_owned(),
    }
}

/// `Mon, 23 Nov 2026 07:18:29 GMT`.
fn http_date(milliseconds: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = milliseconds / 1000;
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (mut year, mut left) = (1970, days);
    while left >= 365 + u64::from(is_leap(year)) {
        left -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while left >= lengths[month] {
        left -= lengths[month];
        month += 1;
    }
    let weekday = DAYS[usize::try_from(days % 7).unwrap_or(0)];
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{weekday}, {:02} {} {year} {hour:02}:{minute:02}:{second:02} GMT", left + 1, MONTHS[month])
}

#[cfg(test)]
mod tests {
    use super::http_date;

    #[test]
    fn a_date_is_written_as_http_has_it() {
        assert_eq!(http_date(1_795_418_309_030), "Mon, 23 Nov 2026 07:18:29 GMT");
        assert_eq!(http_date(951_782_400_000), "Tue, 29 Feb 2000 00:00:00 GMT");
    }
}
