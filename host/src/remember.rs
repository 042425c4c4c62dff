//! What is remembered from run to run, in the cache: entries under the digest of what they tell of. Any doubt about one
//! drops it.
//!
//! Among them are placements: what the component made of a lockfile, so that the same one in another checkout, or a
//! branch switched back, is placed without starting the component. Only a pure resolver may be remembered like this:
//! the key covers the component itself, the lockfile, every manifest, the settings without the clock, and the platform.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use wit::{
    ImporterId,
    settings::{Saving, Settings},
};

use crate::{cache, graph::Placement, platform::Platform};

/// What a placement follows from.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The digest of the component.
    pub component: &'a [u8; 32],
    /// The text of the lockfile.
    pub lockfile: &'a str,
    /// Every project and the text of its manifest.
    pub importers: &'a [(ImporterId, String)],
    /// The settings; `now` is left out, because a lockfile is placed as it stands.
    pub settings: &'a Settings,
    /// The machine.
    pub platform: &'a Platform,
}

/// A folder of the cache with the newest of what was remembered, each entry by name and with its digest.
#[derive(Debug, Clone)]
pub struct Entries {
    folder: PathBuf,
    /// Older ones than these are dropped when a new one is written.
    kept: usize,
}

/// Where placements are remembered.
#[derive(Debug, Clone)]
pub struct Memory(Entries);

/// Names one remembered placement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(blake3::Hash);

/// The form of the entries; a change of `graph` raises it.
const FORM: &str = "placement 1";
/// So many placements are remembered.
const KEPT: usize = 64;

impl Key {
    /// The digest of all that goes in. Every part is preceded by its length, so that no two inputs run together.
    ///
    /// # Panics
    /// Never: settings have string keys only.
    #[must_use]
    pub fn of(inputs: &Inputs<'_>) -> Self {
        let settings = Settings { now: 0, saving: Saving::default(), ..inputs.settings.clone() };
        let settings = serde_json::to_vec(&settings).expect("settings have string keys only");
        let platform = serde_json::to_vec(inputs.platform).expect("a platform is four strings");
        let mut hasher = blake3::Hasher::new();
        let mut part = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        part(FORM.as_bytes());
        part(inputs.component);
        part(inputs.lockfile.as_bytes());
        part(&settings);
        part(&platform);
        for (id, manifest) in inputs.importers {
            part(id.as_str().as_bytes());
            part(manifest.as_bytes());
        }
        Self(hasher.finalize())
    }
}

impl Entries {
    /// The folder of this name below this cache folder, with so many entries at most.
    #[must_use]
    pub fn new(cache_dir: &Path, name: &str, kept: usize) -> Self {
        Self { folder: cache_dir.join("v1").join(name), kept }
    }

    /// An entry; `None` if there is none, or if it is damaged.
    #[must_use]
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        let mut bytes = fs::read(self.folder.join(name)).ok()?;
        let (digest, body) = bytes.split_at_checked(blake3::OUT_LEN)?;
        let is_whole = blake3::hash(body).as_bytes() == digest;
        is_whole.then(|| bytes.split_off(blake3::OUT_LEN))
    }

    /// Writes an entry, and drops the oldest ones.
    ///
    /// # Errors
    /// If the cache cannot be written; whoever remembers goes on without.
    pub fn write(&self, name: &str, body: &[u8]) -> io::Result<()> {
        let mut bytes = blake3::hash(body).as_bytes().to_vec();
        bytes.extend_from_slice(body);
        cache::replace(&self.folder.join(name), &[&bytes])?;
        self.drop_oldest()
    }

    fn drop_oldest(&self) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            entries.push((entry.metadata()?.modified()?, entry.path()));
        }
        entries.sort();
        let surplus = entries.len().saturating_sub(self.kept);
        entries.iter().take(surplus).try_for_each(|(_, path)| fs::remove_file(path))
    }
}

impl Memory {
    /// Below this cache folder.
    #[must_use]
    pub fn new(cache_dir: &Path) -> Self {
        Self(Entries::new(cache_dir, "placements", KEPT))
    }

    /// What was remembered; `None` if nothing was, or if it is damaged.
    #[must_use]
    pub fn recall(&self, key: Key) -> Option<Placement> {
        postcard::from_bytes(&self.0.read(key.0.to_hex().as_str())?).ok()
    }

    /// Remembers a placement of a lockfile that holds as it stands.
    ///
    /// # Errors
    /// If the cache cannot be written; the install goes on without.
    pub fn keep(&self, key: Key, placement: &Placement) -> io::Result<()> {
        let body = postcard::to_allocvec(placement).map_err(io::Error::other)?;
        self.0.write(key.0.to_hex().as_str(), &body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform() -> Platform {
        Platform { os: "linux".into(), cpu: "x64".into(), libc: None, node: Some("20.0.0".into()) }
    }

    fn key(lockfile: &str, settings: &Settings) -> Key {
        let importers = [(ImporterId::parse(".").unwrap(), "{}".to_owned())];
        Key::of(&Inputs { component: &[0; 32], lockfile, importers: &importers, settings, platform: &platform() })
    }

    fn placement() -> Placement {
        Placement {
            snapshots: Vec::new(),
            roots: Vec::new(),
            hoisted: Vec::new(),
            skipped: Vec::new(),
            notices: Vec::new(),
            lockfile: None,
            current_lockfile: Some("x".into()),
        }
    }

    #[test]
    fn the_clock_is_no_part_of_the_key_and_everything_else_is() {
        let now = Settings { now: 1, ..Settings::default() };
        let later = Settings { now: 2, ..Settings::default() };
        let mut other = now.clone();
        other.peers.auto_install_peers = false;
        assert_eq!(key("a", &now), key("a", &later));
        assert_ne!(key("a", &now), key("b", &now));
        assert_ne!(key("a", &now), key("a", &other));
    }

    #[test]
    fn a_placement_comes_back_and_a_damaged_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::new(folder.path());
        let key = key("a", &Settings::default());
        assert_eq!(memory.recall(key), None);
        memory.keep(key, &placement()).unwrap();
        assert_eq!(memory.recall(key), Some(placement()));
        let path = memory.0.folder.join(key.0.to_hex().as_str());
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(path, bytes).unwrap();
        assert_eq!(memory.recall(key), None);
    }

    #[test]
    fn only_the_newest_entries_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::new(folder.path());
        for at in 0..KEPT + 5 {
            memory.keep(key(&at.to_string(), &Settings::default()), &placement()).unwrap();
        }
        assert_eq!(fs::read_dir(&memory.0.folder).unwrap().count(), KEPT);
    }
}
