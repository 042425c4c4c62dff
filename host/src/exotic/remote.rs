//! Tarballs at an address: downloaded once to learn what they are, then pinned by what they hash to.

use std::sync::mpsc::channel;

use reqwest::header::{CACHE_CONTROL, HeaderMap};
use sha2::{Digest as _, Sha512};
use store::{Imported, SourceFile, Store};
use wit::{Integrity, names::Algorithm};

use super::{ExoticError, Sources, remembered::Note};
use crate::{
    fetch::MAX_TARBALL,
    graph::Source,
    pack,
    registry::{Lane, NetworkMode, Query, Response, parse_url, tarball_in, without_secrets},
};

impl Sources {
    /// The tarball at this address; one that is in the store is not asked for again, unless everything is.
    pub(super) fn remote_tarball(&self, url: &str, store: Option<&Store>) -> Result<(Source, Vec<u8>), ExoticError> {
        let note = Note::new(&self.around.cache_dir, &["address", url]);
        let asks_anyway = self.http.settings().mode == NetworkMode::Revalidate;
        if let Some((integrity, manifest)) = store.filter(|_| !asks_anyway).and_then(|store| known(store, &note)) {
            let (url, integrity) = (url.to_owned(), Some(integrity.to_string()));
            return Ok((Source::Tarball { url, integrity, git_hosted: false, path: None }, manifest));
        }
        let response = self.fetch(url)?;
        let pinned = address(&response, url);
        let bytes = response.body;
        let manifest = self.manifest_in(&bytes)?;
        let integrity = integrity(&bytes);
        if let Some(store) = store {
            store.import(&bytes, &integrity, &self.limits).map_err(|error| ExoticError::import(&error))?;
            if pinned == url {
                note.keep(&integrity);
            }
        }
        let integrity = Some(integrity.to_string());
        Ok((Source::Tarball { url: pinned, integrity, git_hosted: false, path: None }, manifest))
    }

    /// Downloads; waits for the end of it.
    pub(super) fn download(&self, url: &str) -> Result<Vec<u8>, ExoticError> {
        self.fetch(url).map(|response| response.body)
    }

    fn fetch(&self, url: &str) -> Result<Response, ExoticError> {
        if self.is_offline() {
            return Err(ExoticError::offline(&without_secrets(url)));
        }
        let query = Query {
            url: parse_url(url).map_err(|error| ExoticError::network(&error))?,
            lane: Lane::Tarball(0),
            accept: "*/*",
            encoding: "identity",
            headers: HeaderMap::new(),
            cap: MAX_TARBALL as usize,
            budget: None,
            started: None,
        };
        let (sender, receiver) = channel();
        let http = self.http.clone();
        self.http.spawn(async move {
            let answer = http.get(&query).await;
            // Whoever waited has given up.
            drop(sender.send(answer));
        });
        let lost = || ExoticError::new("ERR_WASI_PM_INTERRUPTED", "the download ended before it was done".to_owned());
        let mut response = receiver.recv().map_err(|_| lost())?.map_err(|error| ExoticError::network(&error))?;
        if response.body.trim_ascii_start().first() == Some(&b'<') {
            let message = format!("{} is a web page, not a tarball", without_secrets(url));
            return Err(ExoticError::new("ERR_PNPM_TARBALL_EXTRACT", message));
        }
        if response.is_packed() {
            response.body = tarball_in(response.body, MAX_TARBALL as usize);
        }
        Ok(response)
    }

    /// The `package.json` of a tarball; `{}` if it has none.
    pub(super) fn manifest_in(&self, tarball: &[u8]) -> Result<Vec<u8>, ExoticError> {
        let files = store::unpack(tarball, &self.limits).map_err(|error| ExoticError::rejected(&error))?;
        Ok(manifest(&files))
    }

    /// The files of the package in an archive that a git host made.
    pub(super) fn archived(&self, archive: &[u8], inside: Option<&str>) -> Result<Vec<SourceFile>, ExoticError> {
        let files = store::unpack(archive, &self.limits).map_err(|error| ExoticError::rejected(&error))?;
        pack::files(files, inside).ok_or_else(|| invalid_path(inside.unwrap_or_default()))
    }
}

/// A tarball that was at an address before and is in the store: what it hashes to, and its `package.json`.
fn known(store: &Store, note: &Note) -> Option<(Integrity, Vec<u8>)> {
    let Imported { index, integrity, .. } = note.recall(store)?;
    let Some(file) = index.files.iter().find(|file| file.path == "package.json") else {
        return Some((integrity, b"{}".to_vec()));
    };
    let package = store.open_package(&integrity).ok()?;
    package.check(file).ok()?;
    let manifest = package.dir().read(&file.blob).ok()?;
    Some((integrity, manifest))
}

/// The address to lock: where redirects ended, if what is there says that it never changes.
fn address(response: &Response, asked: &str) -> String {
    let policies = response.headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    match policies.into_iter().any(|policy| policy.contains("immutable")) {
        true if parse_url(asked).is_ok_and(|asked| asked != response.url) => response.url.to_string(),
        _ => asked.to_owned(),
    }
}

/// The `package.json` among files; `{}` if there is none.
pub(super) fn manifest(files: &[SourceFile]) -> Vec<u8> {
    let found = files.iter().find(|file| file.path == "package.json");
    found.map_or_else(|| b"{}".to_vec(), |file| file.data.clone())
}

/// What bytes hash to.
pub(super) fn integrity(bytes: &[u8]) -> Integrity {
    Integrity { algorithm: Algorithm::Sha512, digests: vec![Sha512::digest(bytes).as_slice().into()] }
}

/// Holds bytes to what was pinned. Only sha512 is ever pinned for what no registry vouches for.
pub(super) fn verify(bytes: &[u8], pinned: Option<&str>, url: &str) -> Result<(), ExoticError> {
    let Some(pinned) = pinned else { return Ok(()) };
    let found = integrity(bytes).to_string();
    if pinned == found {
        return Ok(());
    }
    let url = without_secrets(url);
    let message = format!("{url} does not have the integrity that was promised: wanted {pinned}, got {found}");
    Err(ExoticError::new("ERR_PNPM_TARBALL_INTEGRITY", message))
}

pub(super) fn invalid_path(path: &str) -> ExoticError {
    let shown: String = path.chars().filter(|c| !c.is_control()).take(200).collect();
    let message = format!("Path {shown:?} is not a valid sub-directory of the git checkout");
    ExoticError::new("ERR_PNPM_INVALID_PATH", message)
}
