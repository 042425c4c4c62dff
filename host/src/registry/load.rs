//! Finds one packument: on disk while it is fresh, else in the registry, asked with the validators of what is on disk.
//! When the network fails, what is on disk serves, with a warning.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use reqwest::{
    Url,
    header::{
        CACHE_CONTROL, CONTENT_ENCODING, ETAG, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
    },
};

use super::{
    Lane, NetworkMode, RegistryError, Response,
    body::{self, BodyError},
    cache::{self, Entry, Freshness, MAX_FRESH, Validators},
    held::Packument,
    http::Query,
    oracle::{Inner, Key, Writing},
    packument, urls,
};
use crate::timings;

/// The largest packument, decoded, bytes.
const MAX_PACKUMENT: usize = 200 << 20;

const ABBREVIATED: &str = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*";
const FULL: &str = "application/json; q=1.0, */*";

/// Looks for it on disk, on the thread that calls; goes to the network if it must.
pub(super) fn start(inner: &Arc<Inner>, key: Key) {
    find(inner, key, |entry| is_fresh(inner, entry));
}

/// The same, but what is on disk has to be confirmed by the registry.
pub(super) fn confirm(inner: &Arc<Inner>, key: Key) {
    find(inner, key, |_| inner.http.settings().mode == NetworkMode::Offline);
}

/// Whether what is on disk is used unasked.
pub(super) fn is_fresh(inner: &Inner, entry: &Entry) -> bool {
    let settings = inner.http.settings();
    match settings.mode {
        NetworkMode::Online => entry.freshness.holds_at(settings.now),
        NetworkMode::Revalidate => false,
        NetworkMode::PreferOffline | NetworkMode::Offline => true,
    }
}

/// Asks the registry, as if there were nothing on disk.
pub(super) fn anew(inner: &Arc<Inner>, key: Key) {
    find_with(inner, key, |_| None, |_| false);
}

fn find(inner: &Arc<Inner>, key: Key, is_fresh: impl Fn(&Entry) -> bool) {
    find_with(inner, key, cache::load, is_fresh);
}

fn find_with(inner: &Arc<Inner>, key: Key, load: impl Fn(&Path) -> Option<Entry>, is_fresh: impl Fn(&Entry) -> bool) {
    let promise = Promise(Some((inner.clone(), key.clone())));
    let source = match inner.source(&key) {
        Ok(source) => source,
        Err(error) => return promise.keep(Err(&error)),
    };
    let path = cache::path(&source.folder, key.full, &key.name);
    match load(&path) {
        Some(entry) if is_fresh(&entry) => {
            promise.keep(Ok(Arc::new(Packument::unconfirmed(entry))));
        }
        None if inner.http.settings().mode == NetworkMode::Offline => {
            promise.keep(Err(&RegistryError::Offline { what: format!("the metadata of {}", key.name) }));
        }
        entry => match urls::metadata_url(&source.url, &key.name) {
            Ok(url) => {
                let task = inner.clone();
                inner.http.spawn(async move { ask(task, Asked { promise, key, url, path, entry }).await });
            }
            Err(error) => promise.keep(Err(&error)),
        },
    }
}

/// The same for one that nobody has asked for yet: if it is not fresh on disk it is left to whoever does. Whether it
/// is.
pub(super) fn start_ahead(inner: &Arc<Inner>, key: Key) -> bool {
    let promise = Promise(Some((inner.clone(), key.clone())));
    let path = inner.source(&key).map(|source| cache::path(&source.folder, key.full, &key.name));
    let entry = path.ok().and_then(|path| cache::load(&path)).filter(|entry| is_fresh(inner, entry));
    match entry {
        Some(entry) => {
            promise.keep(Ok(Arc::new(Packument::unconfirmed(entry))));
            true
        }
        None => {
            promise.forget();
            if !inner.give_up(&key) {
                start(inner, key);
            }
            false
        }
    }
}

struct Asked {
    promise: Promise,
    key: Key,
    url: Url,
    path: PathBuf,
    entry: Option<Entry>,
}

async fn ask(inner: Arc<Inner>, asked: Asked) {
    let query = Query {
        url: asked.url.clone(),
        lane: Lane::Metadata,
        accept: if asked.key.full { FULL } else { ABBREVIATED },
        encoding: "gzip",
        headers: asked.entry.as_ref().map(|entry| conditions(&entry.validators)).unwrap_or_default(),
        cap: MAX_PACKUMENT,
        budget: None,
        started: None,
    };
    let mut span = inner.timings.span(timings::Lane::Metadata, || asked.key.name.to_string());
    let answer = inner.http.get(&query).await;
    span.bytes(answer.as_ref().map_or(0, |response| response.body.len() as u64));
    drop(span);
    // Counted here, so that nobody believes all is written while the job waits for the pool.
    let writing = inner.writing();
    let job = inner.clone();
    inner.pool().spawn(move || take(&job, asked, answer, &writing));
}

/// On the pool again: decodes, answers, and writes what came.
fn take(inner: &Arc<Inner>, asked: Asked, answer: Result<Response, RegistryError>, _writing: &Writing) {
    let Asked { promise, key, url, path, entry } = asked;
    let now = inner.http.settings().now;
    let response = match (answer, entry) {
        (Ok(response), Some(entry)) if response.status == 304 => {
            // If it cannot be renewed, it is asked about again the next time.
            let _ = cache::renew(&entry.place, freshness(&response.headers, &entry.validators, now));
            return promise.keep(Ok(Arc::new(Packument::cached(entry))));
        }
        (Err(error), Some(entry)) if is_outage(&error) => {
            inner.warn(format!("{error}; the cached metadata of {} is used", key.name));
            return promise.keep(Ok(Arc::new(Packument::cached(entry))));
        }
        (Err(error), _) => return promise.keep(Err(&error)),
        (Ok(response), _) => response,
    };
    let read = |text: &[u8]| {
        packument::read(text, &key.name, key.full)
            .map_err(|error| RegistryError::from_packument(&urls::without_secrets(url.as_str()), &error))
    };
    let packed = match decoded(&response, &url, read) {
        Ok(packed) => packed,
        Err(error) => return promise.keep(Err(&error)),
    };
    let header = |name| response.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let validators =
        Validators { etag: header(ETAG).map(str::to_owned), last_modified: header(LAST_MODIFIED).map(str::to_owned) };
    let freshness = freshness(&response.headers, &validators, now);
    let packument = Arc::new(Packument::fetched(packed));
    promise.keep(Ok(packument.clone()));
    packument.put_away(|index, body| cache::store(&path, index, body, &validators, freshness));
}

/// Hands the decoded body to `read`.
fn decoded<T>(
    response: &Response,
    url: &Url,
    read: impl FnOnce(&[u8]) -> Result<T, RegistryError>,
) -> Result<T, RegistryError> {
    let url = || urls::without_secrets(url.as_str());
    match response.headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity" | b"") => read(&response.body),
        Some(b"gzip" | b"x-gzip") => match body::with_gunzipped(&response.body, MAX_PACKUMENT, read) {
            Ok(result) => result,
            Err(BodyError::TooLarge) => Err(RegistryError::TooLarge { url: url(), limit: MAX_PACKUMENT }),
            Err(_) => {
                let detail = "the body is no gzip".to_owned();
                Err(RegistryError::Invalid { url: url(), detail, html: false })
            }
        },
        Some(_) => {
            let detail = "the body has an encoding that was not asked for".to_owned();
            Err(RegistryError::Invalid { url: url(), detail, html: false })
        }
    }
}

/// The duty to answer whoever waits for a packument: lost in a panic, it is answered with an error, so that nobody
/// waits for ever.
struct Promise(Option<(Arc<Inner>, Key)>);

impl Promise {
    fn keep(mut self, found: Result<Arc<Packument>, &RegistryError>) {
        if let Some((inner, key)) = self.0.take() {
            inner.finish(&key, found);
        }
    }

    /// Whoever waits is answered by another.
    fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        let Some((inner, key)) = self.0.take() else { return };
        let detail = "the work on it ended before it was done".to_owned();
        inner.finish(&key, Err(&RegistryError::Network { url: key.name.to_string(), detail }));
    }
}

/// The registry could not say anything: what is cached is the best there is.
fn is_outage(error: &RegistryError) -> bool {
    match error {
        RegistryError::Network { .. } | RegistryError::RetryLater { .. } => true,
        RegistryError::Status { status, .. } => *status >= 500 || *status == 429 || *status == 408,
        _ => false,
    }
}

fn conditions(validators: &Validators) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let value = |text: &Option<String>| HeaderValue::from_str(text.as_deref()?).ok();
    if let Some(etag) = value(&validators.etag) {
        headers.insert(IF_NONE_MATCH, etag);
    }
    if let Some(date) = value(&validators.last_modified) {
        headers.insert(IF_MODIFIED_SINCE, date);
    }
    headers
}

fn freshness(headers: &HeaderMap, validators: &Validators, now: u64) -> Freshness {
    let control = headers.get(CACHE_CONTROL).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut fresh_for = if *validators == Validators::default() { MAX_FRESH } else { 0 };
    for directive in control.split(',').map(str::trim) {
        if let Some(seconds) = directive.strip_prefix("max-age=") {
            let seconds = seconds.trim_matches('"').parse::<u64>().unwrap_or(0);
            fresh_for = seconds.saturating_mul(1000).min(MAX_FRESH);
        }
    }
    if control.split(',').any(|directive| matches!(directive.trim(), "no-cache" | "no-store")) {
        fresh_for = 0;
    }
    Freshness { checked_at: now, fresh_for }
}
