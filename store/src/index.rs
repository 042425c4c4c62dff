//! The index of a package: all that others need to know of it without opening its files. It is written by this crate
//! alone, into the folder of the package, before the folder is published.

use serde::{Deserialize, Serialize};

/// The name of the index in the folder of a package. Files are named by digests, so it cannot clash.
pub(crate) const INDEX: &str = "index";
/// First byte of an index: its form. One that is neither this nor [`FORMER`] is read as "not there".
const FORM: u8 = 2;
/// The form before it, read as this one: files are named by another digest of their content, which is not computed any
/// more.
const FORMER: u8 = 1;

/// What a package holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageIndex {
    /// The `name` of its `package.json`; empty if it has none.
    pub name: String,
    /// The `version` of its `package.json`; empty if it has none.
    pub version: String,
    /// Its files, by path.
    pub files: Vec<FileEntry>,
    /// Its executables: command name and path below the package, both checked.
    pub bins: Vec<(String, String)>,
    /// It has a `preinstall`, `install` or `postinstall` script, or a `binding.gyp`.
    pub requires_build: bool,
    /// Links, devices and the like that were left out of it.
    pub skipped_entries: u32,
}

/// One file of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its path below the package, with `/`: normal components only.
    pub path: String,
    /// Its name in the folder of the package in the store. Several entries may share one.
    pub blob: String,
    /// Bytes.
    pub size: u64,
    /// It may be executed.
    pub executable: bool,
}

impl PackageIndex {
    /// As it is written.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let form = vec![FORM];
        postcard::to_extend(self, form).expect("an index has no type that postcard refuses")
    }

    /// Reads it; `None` if the bytes are no index of a form that is known.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&form, rest) = bytes.split_first()?;
        matches!(form, FORM | FORMER).then(|| postcard::from_bytes(rest).ok()).flatten()
    }

    /// Whether the names of files in an index that has been read tell what is in them.
    pub(crate) fn names_contents(bytes: &[u8]) -> bool {
        bytes.first() == Some(&FORM)
    }

    /// The sum of the sizes of its files, bytes.
    #[must_use]
    pub fn unpacked_size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}
