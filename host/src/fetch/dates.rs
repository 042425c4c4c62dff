//! When tarballs of registries last changed, by the word of their registries (`Last-Modified`, RFC 9110 8.8.2). Who holds
//! packages to a release age need not ask for the metadata of those that are fetched anyway and have not changed for long.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use reqwest::header::{HeaderMap, LAST_MODIFIED};

use super::FetchJob;
use crate::graph::Source;

/// One that is told of packages.
type Listener = Box<dyn Fn(&Dated) + Send + Sync>;

/// A package that has come from where its registry keeps tarballs, or that nothing was fetched of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dated {
    /// `name@version`.
    pub package_id: String,
    /// A named registry.
    pub registry: Option<String>,
    /// Milliseconds since 1970; `None`: nobody has said, or the store has had it.
    pub modified: Option<i64>,
}

/// What is known of the packages of one fetcher, and who wants to know. Cloning it is cheap.
#[derive(Clone, Default)]
pub struct Dates(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Until somebody listens.
    untold: Vec<Dated>,
    listener: Option<Arc<Listener>>,
}

impl fmt::Debug for Dates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dates").field("untold", &self.state().untold.len()).finish_non_exhaustive()
    }
}

impl Dates {
    /// Tells this one of every package, those that are known already first. It is called on any thread and must not
    /// wait.
    pub fn listen(&self, listener: impl Fn(&Dated) + Send + Sync + 'static) {
        let listener: Arc<Listener> = Arc::new(Box::new(listener));
        let untold = {
            let mut state = self.state();
            state.listener = Some(listener.clone());
            std::mem::take(&mut state.untold)
        };
        untold.iter().for_each(|dated| listener(dated));
    }

    /// The store has this package: its registry has said nothing.
    pub(super) fn found(&self, job: &FetchJob) {
        self.tell(job, None);
    }

    /// A tarball has come with this head.
    pub(super) fn fetched(&self, job: &FetchJob, headers: &HeaderMap) {
        let text = headers.get(LAST_MODIFIED).and_then(|value| value.to_str().ok());
        self.tell(job, text.and_then(|text| httpdate::parse_http_date(text).ok()).and_then(milliseconds));
    }

    fn tell(&self, job: &FetchJob, modified: Option<i64>) {
        // An address that a lockfile names is its own word, not the registry's.
        let Source::Registry { registry, tarball: None, .. } = &job.source else { return };
        let dated = Dated { package_id: job.package_id(), registry: registry.clone(), modified };
        let mut state = self.state();
        let Some(listener) = state.listener.clone() else { return state.untold.push(dated) };
        drop(state);
        listener(&dated);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn milliseconds(time: SystemTime) -> Option<i64> {
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use reqwest::header::HeaderValue;
    use wit::PackageName;

    use super::*;

    fn job(name: &str, tarball: Option<&str>) -> FetchJob {
        FetchJob {
            name: PackageName::parse(name).unwrap(),
            version: "1.0.0".to_owned(),
            source: Source::Registry { registry: None, tarball: tarball.map(str::to_owned), integrity: None },
            size_hint: None,
            optional: false,
        }
    }

    #[test]
    fn whoever_listens_late_hears_of_all_that_came_from_its_place() {
        let dates = Dates::default();
        let mut headers = HeaderMap::new();
        headers.insert(LAST_MODIFIED, HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
        dates.fetched(&job("a", None), &headers);
        dates.fetched(&job("b", Some("https://elsewhere.example/b.tgz")), &headers);
        let (tell, told) = mpsc::channel();
        dates.listen(move |dated| tell.send(dated.clone()).unwrap());
        headers.insert(LAST_MODIFIED, HeaderValue::from_static("yesterday"));
        dates.fetched(&job("c", None), &headers);
        dates.found(&job("d", None));
        let told: Vec<_> = told.try_iter().map(|dated| (dated.package_id, dated.modified)).collect();
        let expected = [("a@1.0.0", Some(784_111_777_000)), ("c@1.0.0", None), ("d@1.0.0", None)];
        assert_eq!(told, expected.map(|(id, modified)| (id.to_owned(), modified)));
    }
}
