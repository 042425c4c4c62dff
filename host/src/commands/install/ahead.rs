//! Downloads that start before it is known what is placed: while the component resolves or reads a lockfile, the
//! network would be idle otherwise. Only packages are fetched ahead that are wanted very likely, and they go into the
//! store alone; what is fetched in vain does no harm.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use store::Store;
use wit::{Integrity, PackageName};

use super::{
    Failures, Install, Network,
    network::{Held, Shelf},
    project_document,
};
use crate::{
    facts::Download,
    fetch::{FetchJob, Fetcher},
    graph::{Placement, Snapshot, Source},
    link::{
        Ahead, AheadOptions, Expected,
        shared::{Marks, Standing},
    },
    platform::Platform,
    registry::Downloader,
};

/// Starts downloads that are expected to be needed. Where slots are shared, it is seen first whether one stands: by
/// whoever helps, when no question waits for an answer any more, or else on the pool.
pub(super) struct Starter {
    fetcher: Fetcher<Shelf>,
    /// Hears of packages that the store has already.
    tell: Option<Arc<Teller>>,
    /// The shared slots.
    standing: Option<Arc<Standing>>,
    looking: Mutex<Looking>,
}

type Teller = dyn Fn(Expected) + Send + Sync;

/// Packages that are looked for among the shared slots.
#[derive(Default)]
struct Looking {
    waiting: VecDeque<FetchJob>,
    /// Those that have no slot.
    missing: Vec<FetchJob>,
    /// The marks of the slots of others.
    marks: Marks,
    /// Of so many snapshots the executables have been looked up.
    looked_up: usize,
}

/// So many packages without a slot are worth a thread.
const ENOUGH: usize = 16;

impl Starter {
    /// Packages that the store has already are told to `filler`.
    pub(super) fn new(
        install: &Install<'_>,
        network: &Network<'_>,
        store: &Store,
        filler: Option<&Ahead>,
    ) -> Result<Self, Failures> {
        let global = install.context.config.layout.global_virtual_store_dir.as_deref();
        Ok(Self {
            fetcher: network.fetcher(store)?,
            tell: filler.map(|filler| Arc::new(filler.teller()) as Arc<Teller>),
            standing: global.and_then(Standing::open).map(Arc::new),
            looking: Mutex::default(),
        })
    }

    /// The marks of slots that were looked at.
    pub(super) fn marks(&self) -> Marks {
        std::mem::take(&mut self.looking().marks)
    }

    /// Nothing is needed of the store where a shared slot stands; if it is another one, the plan says so.
    fn fetch(&self, jobs: Vec<FetchJob>, standing: Option<Arc<Standing>>) {
        let is_needed = move |job: &FetchJob| match standing.as_ref() {
            Some(standing) => !standing.has(&job.name, &job.version),
            None => true,
        };
        let tell = self.tell.clone();
        let found = move |job: &FetchJob, held: &Held| {
            if let Some(tell) = &tell {
                let (integrity, contents) = (held.integrity.clone(), held.contents.clone());
                tell(Expected { package_id: job.package_id(), integrity, contents });
            }
        };
        self.fetcher.start(jobs, is_needed, found);
    }

    fn looking(&self) -> MutexGuard<'_, Looking> {
        self.looking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Downloader for Starter {
    fn start(&self, downloads: Vec<Download>) {
        let jobs = downloads.into_iter().map(FetchJob::from);
        match &self.standing {
            Some(_) => self.looking().waiting.extend(jobs),
            None => self.fetch(jobs.collect(), None),
        }
    }

    fn help(&self) -> bool {
        let Some(standing) = &self.standing else { return false };
        let (is_any, missing) = self.looking().next(standing);
        if !missing.is_empty() {
            self.fetch(missing, None);
        }
        is_any
    }

    /// What stands is not filled, so that nobody has looked for it in the store; but its executables are wanted where it
    /// offers some.
    fn prepare(&self, come: &[Snapshot]) -> bool {
        if self.standing.is_none() {
            return false;
        }
        let mut looking = self.looking();
        let Some(snapshot) = come.get(looking.looked_up) else { return looking.marks.judge_next(come) };
        looking.looked_up += 1;
        drop(looking);
        if snapshot.has_bin
            && let Source::Registry { integrity: Some(integrity), .. } = &snapshot.source
            && let Ok(integrity) = Integrity::parse(integrity)
        {
            self.fetcher.store().look_up(integrity);
        }
        true
    }

    fn stop_helping(&self) {
        let Looking { waiting, missing, .. } = self.looking().left();
        for (jobs, standing) in [(missing, None), (waiting.into(), self.standing.clone())] {
            if !jobs.is_empty() {
                self.fetch(jobs, standing);
            }
        }
    }
}

impl Looking {
    /// Looks for one; whether there was any, and what is to be fetched now.
    fn next(&mut self, standing: &Standing) -> (bool, Vec<FetchJob>) {
        let Some(job) = self.waiting.pop_front() else { return (false, Vec::new()) };
        if !standing.look(&job.name, &job.version, &mut self.marks) {
            self.missing.push(job);
        }
        let is_enough = self.missing.len() >= ENOUGH || self.waiting.is_empty();
        (true, if is_enough { std::mem::take(&mut self.missing) } else { Vec::new() })
    }

    /// What nobody has looked for or fetched yet; marks stay.
    fn left(&mut self) -> Self {
        let (marks, looked_up) = (std::mem::take(&mut self.marks), self.looked_up);
        std::mem::replace(self, Self { marks, looked_up, ..Self::default() })
    }
}

/// Fills packages while it is resolved, where there is no tree yet: of one that stands, most would be in vain.
pub(super) fn filler(install: &Install<'_>, store: &Store) -> Option<Ahead> {
    let config = &install.context.config;
    if config.layout.global_virtual_store_dir.is_some() || config.layout.virtual_store_dir.exists() {
        return None;
    }
    let options = AheadOptions {
        project: config.project.root.clone(),
        store: store.clone(),
        import: config.layout.import,
        verify: config.layout.verify_store_integrity,
        timings: install.context.timings.clone(),
    };
    Ahead::start(options).ok()
}

/// Starts what a lockfile says is needed, if all of it will be: into a project that has no packages yet, with all
/// groups of dependencies.
pub(super) fn start(
    install: &Install<'_>,
    network: &Network<'_>,
    lockfile: &str,
    platform: &Platform,
) -> Result<(), Failures> {
    let config = &install.context.config;
    let selection = &config.settings.selection;
    let whole = selection.dependencies && selection.dev_dependencies && selection.optional_dependencies;
    let places = !config.install.lockfile_only && !config.install.dry_run;
    if !whole || !places || selection.importers.is_some() || config.layout.virtual_store_dir.exists() {
        return Ok(());
    }
    let starter = Starter::new(install, network, &super::packages::open_store(install)?, None)?;
    starter.start(packages(lockfile, platform).collect());
    starter.stop_helping();
    Ok(())
}

/// Starts what a remembered placement needs of the registries, while the plan is made. Where a tree stands, or slots
/// are shared, most packages need nothing of the store.
pub(super) fn start_placed(
    install: &Install<'_>,
    network: &Network<'_>,
    placement: &Placement,
) -> Result<(), Failures> {
    let config = &install.context.config;
    let places = !config.install.lockfile_only && !config.install.dry_run;
    let is_shared = config.layout.global_virtual_store_dir.is_some();
    if !places || is_shared || config.layout.virtual_store_dir.exists() {
        return Ok(());
    }
    // As of a lockfile that is not placed yet: what stands at another address is held to the registry's first.
    let is_plain = |source: &Source| matches!(source, Source::Registry { registry: None, tarball: None, .. });
    let plain = placement.snapshots.iter().filter(|snapshot| is_plain(&snapshot.source));
    let jobs: Vec<FetchJob> = plain.map(FetchJob::from).collect();
    if !jobs.is_empty() {
        network.fetcher(&super::packages::open_store(install)?)?.start(jobs, |_| true, |_, _| {});
    }
    Ok(())
}

/// The packages of a lockfile that come from a registry, for every platform or for this one. No more is read than the
/// lines that wasi-pm and pnpm write; whatever looks different is left to the component.
fn packages<'a>(lockfile: &'a str, platform: &'a Platform) -> impl Iterator<Item = Download> + 'a {
    let section = project_document::of(lockfile).split_once("\npackages:\n").map_or("", |(_, rest)| rest);
    let section = section.split_once("\nsnapshots:\n").map_or(section, |(packages, _)| packages);
    section.split("\n\n").filter_map(|entry| package(entry, platform))
}

fn package(entry: &str, platform: &Platform) -> Option<Download> {
    let mut lines = entry.lines().skip_while(|line| line.is_empty());
    let key = lines.next()?.strip_prefix("  ")?.strip_suffix(':')?;
    let key = key.strip_prefix('\'').and_then(|key| key.strip_suffix('\'')).unwrap_or(key);
    let (name, version) = key.rsplit_once('@')?;
    let integrity = lines.next()?.strip_prefix("    resolution: {integrity: ")?.strip_suffix('}')?;
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=-.".contains(&byte));
    let is_version = version.starts_with(|first: char| first.is_ascii_digit()) && plain(version);
    if !is_version || !plain(integrity) || !lines.all(|line| is_for(line, platform)) {
        return None;
    }
    Some(Download {
        name: PackageName::parse(name).ok()?,
        version: version.to_owned(),
        source: Source::Registry { registry: None, tarball: None, integrity: Some(integrity.to_owned()) },
        size_hint: None,
    })
}

/// Whether a line does not restrict a package to other platforms: one of those that are named is this one.
fn is_for(line: &str, platform: &Platform) -> bool {
    let own = [("os: ", Some(&platform.os)), ("cpu: ", Some(&platform.cpu)), ("libc: ", platform.libc.as_ref())];
    let line = line.trim_start();
    own.into_iter().all(|(field, own)| {
        let Some(list) = line.strip_prefix(field) else { return !line.starts_with(field.trim_end()) };
        let list = list.strip_prefix('[').and_then(|list| list.strip_suffix(']'));
        own.zip(list).is_some_and(|(own, list)| list.split(", ").any(|named| named == own))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linux() -> Platform {
        let text = |text: &str| text.to_owned();
        Platform { os: text("linux"), cpu: text("x64"), libc: Some(text("glibc")), node: None }
    }

    fn job(name: &str) -> FetchJob {
        let source = Source::Registry { registry: None, tarball: None, integrity: Some("sha512-AA==".to_owned()) };
        let (name, version) = (PackageName::parse(name).unwrap(), "1.0.0".to_owned());
        FetchJob { name, version, source, size_hint: None, optional: false }
    }

    #[test]
    fn what_has_no_slot_is_fetched_in_batches_and_nothing_is_lost() {
        let links = tempfile::tempdir().unwrap();
        let standing = Standing::open(links.path()).unwrap();
        for at in 0..3 {
            let slot = links.path().join(format!("@/standing-{at}/1.0.0/digest"));
            std::fs::create_dir_all(&slot).unwrap();
            std::os::unix::fs::symlink("1-mark", slot.join(".wasi-pm")).unwrap();
        }
        let mut looking = Looking::default();
        assert!(matches!(looking.next(&standing), (false, missing) if missing.is_empty()));
        looking.waiting.extend((0..3).map(|at| job(&format!("standing-{at}"))));
        looking.waiting.extend((0..ENOUGH + 5).map(|at| job(&format!("missing-{at}"))));
        let mut batches = Vec::new();
        while let (true, missing) = looking.next(&standing) {
            batches.extend((!missing.is_empty()).then_some(missing.len()));
        }
        assert_eq!(batches, [ENOUGH, 5]);
        assert_eq!(looking.marks.get("@/standing-1/1.0.0/digest").map(|mark| mark.text.as_str()), Some("1-mark"));
        looking.waiting.extend(["missing", "waiting"].map(job));
        assert_eq!(looking.next(&standing).1.len(), 0);
        let left = looking.left();
        assert_eq!((left.missing, left.waiting), (vec![job("missing")], [job("waiting")].into()));
        assert!(looking.waiting.is_empty() && looking.missing.is_empty());
        assert!(looking.marks.get("@/standing-1/1.0.0/digest").is_some(), "marks stay");
    }

    #[test]
    fn only_packages_of_the_registry_for_this_platform_are_started() {
        let lockfile = "\
lockfileVersion: '9.0'

importers:

  .: {}

packages:

  '@scope/plain@1.0.0-rc.1':
    resolution: {integrity: sha512-AA==}
    engines: {node: '>=6'}

  darwin@1.0.0:
    resolution: {integrity: sha512-AB==}
    cpu: [arm64]
    os: [darwin]

  linux-x64@1.0.0:
    resolution: {integrity: sha512-AF==}
    cpu: [arm64, x64]
    os: [linux]
    libc: [glibc]

  linux-musl@1.0.0:
    resolution: {integrity: sha512-AG==}
    cpu: [x64]
    os: [linux]
    libc: [musl]

  not-windows@1.0.0:
    resolution: {integrity: sha512-AH==}
    os: ['!win32']

  elsewhere@1.0.0:
    resolution: {integrity: sha512-AC==, tarball: https://example.com/x.tgz}

  git@https://codeload.example.com/a/b/tar.gz/0:
    resolution: {integrity: sha512-AD==}

  last@2.0.0:
    resolution: {integrity: sha512-AE==}

snapshots:

  later@3.0.0:
    resolution: {integrity: sha512-AF==}
";
        let found: Vec<String> = packages(lockfile, &linux()).map(|it| format!("{}@{}", it.name, it.version)).collect();
        assert_eq!(found, ["@scope/plain@1.0.0-rc.1", "linux-x64@1.0.0", "last@2.0.0"]);
    }

    #[test]
    fn nothing_is_started_for_what_is_no_lockfile() {
        for text in
            ["", "packages:\n", "\npackages:\n\n  x@1.0.0:\n", "\npackages:\n  @1:\n    resolution: {integrity: }"]
        {
            assert_eq!(packages(text, &linux()).count(), 0, "{text:?}");
        }
    }
}
