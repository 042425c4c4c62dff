//! What becomes of packages of registries while they are fetched, for whoever wants to know more of them than their
//! bytes. That a registry has served a package is evidence that it holds that version; of what the store has there is
//! none.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::FetchJob;
use crate::graph::Source;

/// One that is told of packages.
type Listener = Box<dyn Fn(&Event) + Send + Sync>;

/// What became of a package. Of one that a lockfile names an address for, nothing is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `name@version`.
    pub package_id: String,
    /// A named registry.
    pub registry: Option<String>,
    /// What it is.
    pub step: Step,
}

/// How far a package is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The store has it: its registry was not asked.
    Found,
    /// Its registry is asked for it, at the place where it keeps tarballs.
    Asked,
    /// Its registry has served it.
    Served,
}

/// What became of the packages of one fetcher, and who wants to know. Cloning it is cheap.
#[derive(Clone, Default)]
pub struct News(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Until somebody listens.
    untold: Vec<Event>,
    listener: Option<Arc<Listener>>,
}

impl fmt::Debug for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("News").field("untold", &self.state().untold.len()).finish_non_exhaustive()
    }
}

impl News {
    /// Tells this one of every package, first what is known already. It is called on any thread and must not wait.
    pub fn listen(&self, listener: impl Fn(&Event) + Send + Sync + 'static) {
        let listener: Arc<Listener> = Arc::new(Box::new(listener));
        let untold = {
            let mut state = self.state();
            state.listener = Some(listener.clone());
            std::mem::take(&mut state.untold)
        };
        untold.iter().for_each(|event| listener(event));
    }

    /// A package is there, or a step further.
    pub(super) fn tell(&self, job: &FetchJob, step: Step) {
        // An address that a lockfile names is its own word, not the registry's.
        let Source::Registry { registry, tarball: None, .. } = &job.source else { return };
        let event = Event { package_id: job.package_id(), registry: registry.clone(), step };
        let mut state = self.state();
        let Some(listener) = state.listener.clone() else { return state.untold.push(event) };
        drop(state);
        listener(&event);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

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
        let news = News::default();
        news.tell(&job("a", None), Step::Asked);
        news.tell(&job("b", Some("https://elsewhere.example/b.tgz")), Step::Served);
        let (tell, told) = mpsc::channel();
        news.listen(move |event| tell.send(event.clone()).unwrap());
        news.tell(&job("a", None), Step::Served);
        news.tell(&job("d", None), Step::Found);
        let told: Vec<_> = told.try_iter().map(|event| (event.package_id, event.step)).collect();
        let expected = [("a@1.0.0", Step::Asked), ("a@1.0.0", Step::Served), ("d@1.0.0", Step::Found)];
        assert_eq!(told, expected.map(|(id, step)| (id.to_owned(), step)));
    }
}
