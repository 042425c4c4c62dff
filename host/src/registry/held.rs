//! A packument at hand: its index in memory, its manifests in memory until they are on disk.

use std::sync::Mutex;

use wit::PackageName;

use super::{
    cache::{self, Entry, Place},
    oracle::lock,
    packument::{self, Index, Packed, PackumentError},
};
use crate::facts::Metadata;

/// The manifests that were on disk are not there any more: another process has replaced the file, or removed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// A packument that can be asked.
#[derive(Debug)]
pub struct Packument {
    index: Index,
    is_confirmed: bool,
    body: Mutex<Body>,
}

#[derive(Debug)]
enum Body {
    Memory(Vec<u8>),
    Disk { place: Place, head: Vec<u8> },
}

impl Packument {
    /// From a registry's decoded answer.
    ///
    /// # Errors
    /// [`PackumentError`] if it is no packument of this package.
    pub fn read(text: &[u8], name: &PackageName, full: bool) -> Result<Self, PackumentError> {
        packument::read(text, name, full).map(Self::fetched)
    }

    /// From the network.
    pub(super) fn fetched(packed: Packed) -> Self {
        Self { index: packed.index, is_confirmed: true, body: Mutex::new(Body::Memory(packed.body)) }
    }

    /// From the cache, about which the registry was asked.
    pub(super) fn cached(entry: Entry) -> Self {
        Self { is_confirmed: true, ..Self::unconfirmed(entry) }
    }

    /// From the cache, unasked.
    pub(super) fn unconfirmed(entry: Entry) -> Self {
        let body = Mutex::new(Body::Disk { place: entry.place, head: entry.head });
        Self { index: entry.index, is_confirmed: false, body }
    }

    /// The registry was asked about it in this run.
    pub(super) fn is_confirmed(&self) -> bool {
        self.is_confirmed
    }

    /// Writes it to the cache and lets go of the manifests in memory. A cache that cannot be written is no error: they
    /// stay in memory.
    pub(super) fn put_away(&self, write: impl FnOnce(&Index, &[u8]) -> std::io::Result<Place>) {
        let mut body = lock(&self.body);
        let Body::Memory(bytes) = &*body else { return };
        if let Ok(place) = write(&self.index, bytes) {
            *body = Body::Disk { place, head: Vec::new() };
        }
    }

    /// The first answer has gone out: what was read ahead for it is no longer needed.
    pub(super) fn answered(&self) {
        if let Body::Disk { head, .. } = &mut *lock(&self.body) {
            *head = Vec::new();
        }
    }

    /// What the resolver is told, with the manifest it will probably want.
    #[must_use]
    pub fn metadata(&self, wanted: Option<&str>) -> Metadata {
        let mut metadata = self.index.metadata();
        if let Some((version, line)) = self.index.likely(wanted)
            && let Ok(Some(manifest)) = self.at(line)
        {
            metadata.manifests.push((version.to_owned(), manifest));
        }
        metadata
    }

    /// The manifest of a version; `None`: there is no such version.
    ///
    /// # Errors
    /// [`Gone`]; the packument has to be looked up anew then.
    pub fn manifest(&self, version: &str) -> Result<Option<Vec<u8>>, Gone> {
        self.index.line(version).map_or(Ok(None), |line| self.at(line))
    }

    fn at(&self, line: usize) -> Result<Option<Vec<u8>>, Gone> {
        let Some((start, length)) = self.index.span(line) else { return Ok(None) };
        let (from, to) = (start as usize, start as usize + length as usize);
        match &*lock(&self.body) {
            Body::Memory(bytes) => Ok(bytes.get(from..to).map(<[u8]>::to_vec)),
            Body::Disk { place, head } => match head.get(from..to) {
                Some(manifest) if cache::is_object(manifest) => Ok(Some(manifest.to_vec())),
                Some(_) => Err(Gone),
                None => place.read((start, length)).map(Some).ok_or(Gone),
            },
        }
    }
}
