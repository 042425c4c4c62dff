//! Packages that no registry vouches for: folders and tarballs on disk, tarballs at an address, git repositories. Finds
//! out what they are for a session, and brings their files into the store.
//!
//! ```text
//! session ── git, tarball, local ─▶ Oracle ─▶ what it is: source pinned, manifest
//! fetch   ── folder, commit, archive ─▶ Sources::gather ─▶ files chosen, filed under their own digest
//! ```
//! Nothing of a package is run. What a commit came to is remembered in the cache, so that it is fetched once.

mod error;
mod git;
mod local;
mod remembered;
mod remote;

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use store::{Imported, Limits, SourceFile, Store};

pub(crate) use error::ExoticError;

use crate::{
    facts::{Answer, Download, Oracle, Reply, Request, Unavailable, Work},
    graph::{Snapshot, Source},
    pack,
    registry::{Http, NetworkMode, Registry},
};

/// At most so many are looked at at once.
const AT_ONCE: usize = 4;

/// Where such packages are looked for.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    /// What relative paths start from: the lockfile's folder.
    pub(crate) root: PathBuf,
    /// What `~` stands for.
    pub(crate) home: Option<PathBuf>,
    /// Ours is `v1` in it.
    pub(crate) cache_dir: PathBuf,
    /// What git is given of the user's environment.
    pub(crate) git_environment: Vec<(String, String)>,
    /// Packages of git that want to be built are taken as they are.
    pub(crate) ignore_scripts: bool,
}

/// Finds such packages.
pub(crate) struct Sources {
    http: Arc<Http>,
    around: Surroundings,
    limits: Limits,
}

impl Sources {
    /// Over this network, in these surroundings.
    pub(crate) fn new(http: Arc<Http>, around: Surroundings) -> Self {
        Self { http, around, limits: Limits::default() }
    }

    /// What is behind a request; takes its time.
    fn answer(&self, request: &Request, store: Option<&Store>) -> Answer {
        let found = match request {
            Request::Local { path, .. } => self.local(path),
            Request::Tarball(url) => self.remote_tarball(url, store),
            Request::Git(specifier) => self.git(specifier, store),
            // No plugin takes it, so that the session says what it says of a protocol that nobody knows.
            Request::Custom { .. } => return Answer::Unavailable(Unavailable::by_no_plugin()),
            Request::Metadata(_) | Request::Manifest { .. } => Err(ExoticError::unsupported("a registry's package")),
        };
        match found {
            Ok((source, manifest)) => Answer::Resolved { source, manifest },
            Err(error) => Answer::Unavailable(error.unavailable()),
        }
    }

    /// Brings the files of a package into the store; for sources that the digest of a tarball does not stand for.
    ///
    /// # Errors
    /// [`ExoticError`].
    pub(crate) fn gather(&self, source: &Source, store: &Store) -> Result<Imported, ExoticError> {
        match source {
            Source::Directory(folder) => {
                let files = pack::folder(&self.around.root.join(folder), &self.limits)?;
                self.import(store, &files)
            }
            Source::Git { repository, commit, path } => {
                let key = ["git", repository, commit, path.as_deref().unwrap_or_default()];
                self.remembered_or(store, &key, || self.commit(repository, commit, path.as_deref()))
            }
            Source::Tarball { url, integrity, path, .. } => {
                let pinned = integrity.as_deref().unwrap_or(url);
                let key = ["archive", pinned, path.as_deref().unwrap_or_default()];
                self.remembered_or(store, &key, || {
                    let bytes = self.download(url)?;
                    remote::verify(&bytes, integrity.as_deref(), url)?;
                    self.archived(&bytes, path.as_deref())
                })
            }
            Source::Registry { .. } | Source::Unsupported(_) | Source::Custom { .. } => {
                Err(ExoticError::unsupported("this source"))
            }
        }
    }

    fn remembered_or(
        &self,
        store: &Store,
        key: &[&str],
        find: impl FnOnce() -> Result<Vec<SourceFile>, ExoticError>,
    ) -> Result<Imported, ExoticError> {
        let note = remembered::Note::new(&self.around.cache_dir, key);
        if let Some(known) = note.recall(store) {
            return Ok(known);
        }
        let files = find()?;
        self.refuse_unbuilt(&files)?;
        let imported = self.import(store, &files)?;
        note.keep(&imported.integrity);
        Ok(imported)
    }

    fn import(&self, store: &Store, files: &[SourceFile]) -> Result<Imported, ExoticError> {
        store.import_files(files, &self.limits).map_err(|error| ExoticError::import(&error))
    }

    fn is_offline(&self) -> bool {
        self.http.settings().mode == NetworkMode::Offline
    }

    /// What a git host or repository holds is a source tree: one that has to be built first is not the package.
    fn refuse_unbuilt(&self, files: &[SourceFile]) -> Result<(), ExoticError> {
        if self.around.ignore_scripts || !git::has_to_be_built(files) {
            return Ok(());
        }
        let (name, version) = git::identity(files);
        Err(ExoticError::new(
            "ERR_PNPM_GIT_DEP_PREPARE_NOT_ALLOWED",
            format!("The git-hosted package \"{name}@{version}\" needs to execute build scripts, which are not run"),
        ))
    }
}

/// Answers all questions of a session: a registry's packages from the registry, all others from [`Sources`].
pub(crate) struct Everything {
    /// Of registries.
    pub(crate) registry: Registry,
    /// Of everything else.
    pub(crate) sources: Arc<Sources>,
    /// Where what is found may be kept; `None`: nothing is to be written.
    pub(crate) store: Option<Store>,
    pool: OnceLock<rayon::ThreadPool>,
}

impl Everything {
    /// From both.
    pub(crate) fn new(registry: Registry, sources: Arc<Sources>, store: Option<Store>) -> Self {
        Self { registry, sources, store, pool: OnceLock::new() }
    }

    fn pool(&self) -> &rayon::ThreadPool {
        self.pool.get_or_init(|| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(AT_ONCE)
                .thread_name(|at| format!("exotic-{at}"))
                .panic_handler(drop) // the panic itself has been told; `Reply` answers in its place
                .build()
                .expect("the system grants a few threads")
        })
    }
}

impl Oracle for Everything {
    fn ask(&self, request: Request, reply: Reply) {
        if matches!(request, Request::Metadata(_) | Request::Manifest { .. }) {
            return self.registry.ask(request, reply);
        }
        let (sources, store) = (self.sources.clone(), self.store.clone());
        self.pool().spawn(move || reply.give(sources.answer(&request, store.as_ref())));
    }

    fn download(&self, downloads: Vec<Download>) {
        self.registry.download(downloads);
    }

    fn help(&self, with: Work) -> bool {
        self.registry.help(with)
    }

    fn prepare(&self, come: &[Snapshot]) -> bool {
        self.registry.prepare(come)
    }

    fn stop_helping(&self) {
        self.registry.stop_helping();
    }
}
