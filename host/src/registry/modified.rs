//! When a packument last changed, by its head alone: it bounds the age of every version in it, and costs no body. Who
//! is told nothing has to ask for the packument.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use reqwest::header::{CONTENT_TYPE, HeaderMap, LAST_MODIFIED};
use wit::PackageName;

use super::{
    NetworkMode, Registry, cache, load,
    oracle::{Inner, Key},
    urls,
};

/// The duty to tell when a packument last changed: dropped, it tells that nobody knows.
struct Told(Option<Box<dyn FnOnce(Option<i64>) + Send>>);

impl Told {
    fn tell(mut self, modified: Option<i64>) {
        if let Some(told) = self.0.take() {
            told(modified);
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(told) = self.0.take() {
            told(None);
        }
    }
}

impl Registry {
    /// Asks when a packument last changed: milliseconds since 1970, as its `Last-Modified` (RFC 9110 8.8.2) has it.
    /// `told` hears it on any thread and must not wait; `None` where the packument itself is at hand, on its way or
    /// cached and fresh, or where its registry does not say.
    pub fn ask_modified(
        &self,
        name: &PackageName,
        named: Option<&str>,
        told: impl FnOnce(Option<i64>) + Send + 'static,
    ) {
        let told = Told(Some(Box::new(told)));
        if self.0.http.settings().mode == NetworkMode::Offline || self.0.expects(name, named) {
            return;
        }
        let key = Key { name: name.clone(), named: named.map(str::to_owned), full: false };
        // Not on the pool: to look for a file that is not there takes less time than to hand the work over.
        start(&self.0, &key, told);
    }
}

/// Asks, unless a packument is cached that answers unasked.
fn start(inner: &Arc<Inner>, key: &Key, told: Told) {
    let Ok(source) = inner.source(key) else { return };
    let Ok(url) = urls::metadata_url(&source.url, &key.name) else { return };
    let cached = cache::load(&cache::path(&source.folder, key.full, &key.name));
    if cached.is_some_and(|entry| load::is_fresh(inner, &entry)) {
        return;
    }
    let http = inner.http.clone();
    inner.http.spawn(async move {
        // What a registry does not say it need not be asked for again.
        let may_be_dated = || source.is_dated.get() != Some(&false);
        let Ok(answer) = http.head(&url, may_be_dated).await else {
            // Some swallow heads: nobody is to wait for such an answer name by name.
            source.is_dated.get_or_init(|| false);
            return;
        };
        let Some((status, headers)) = answer else { return };
        let modified = modified(&headers).filter(|_| (200..300).contains(&status) && is_metadata(&headers));
        if matches!(status, 200 | 405 | 501) {
            source.is_dated.get_or_init(|| modified.is_some());
        }
        told.tell(modified);
    });
}

/// It is no page that stands before the registry, as those that ask for a password do.
fn is_metadata(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_none_or(|kind| !kind.to_str().unwrap_or_default().contains("html"))
}

fn modified(headers: &HeaderMap) -> Option<i64> {
    let date: SystemTime = httpdate::parse_http_date(headers.get(LAST_MODIFIED)?.to_str().ok()?).ok()?;
    i64::try_from(date.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

#[cfg(test)]
mod tests;
