//! One installation at a time per project: an advisory lock on an open handle, gone with the process that holds it. The
//! file itself stays and means nothing, but that a run which made it and leaves `node_modules` with nothing else takes
//! both away again. So who gets the lock sees first that its file is still the one of that name.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::MODULES;
use crate::{
    link::{Folder, LinkError, open_modules},
    report::{Event, LogLevel, Report},
};

const FILE: &str = ".wasi-pm-lock";
/// So often may the file be another one by the time its lock is had. Each time a run has ended in between.
const ATTEMPTS: usize = 1000;

/// Held while a project is worked on.
#[derive(Debug)]
pub struct ProjectLock {
    /// The lock lives as long as the handle.
    file: File,
    /// The project's folder, if this run made the file.
    made_below: Option<PathBuf>,
}

impl ProjectLock {
    /// Takes the lock of the project at `lockfile_dir`; says so if it has to wait for another run.
    ///
    /// # Errors
    /// [`LinkError`]: `node_modules` is a link, or cannot be written.
    pub fn acquire(lockfile_dir: &Path, report: &dyn Report) -> Result<Self, LinkError> {
        let path = lockfile_dir.join(MODULES).join(FILE);
        for _ in 0..ATTEMPTS {
            let Some((file, is_made)) = open(lockfile_dir, &path)? else { continue };
            wait(&file, lockfile_dir, report).map_err(LinkError::io("lock", &path))?;
            if is_named(&file, &path) {
                return Ok(Self { file, made_below: is_made.then(|| lockfile_dir.to_path_buf()) });
            }
        }
        Err(LinkError::io("lock", &path)(io::Error::other("it is replaced again and again")))
    }
}

impl Drop for ProjectLock {
    fn drop(&mut self) {
        let Some(project) = &self.made_below else { return };
        let Ok(modules) = Folder::open_path(&project.join(MODULES)) else { return };
        let holds_no_more = modules.names().is_ok_and(|names| names == [FILE]);
        if holds_no_more && is_named(&self.file, &project.join(MODULES).join(FILE)) && modules.remove_file(FILE).is_ok()
        {
            let _ = fs::remove_dir(project.join(MODULES));
        }
    }
}

/// The file, and whether it was made; `None`: another run has taken it or its folder away meanwhile.
fn open(project: &Path, path: &Path) -> Result<Option<(File, bool)>, LinkError> {
    let modules = match open_modules(project) {
        Err(LinkError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound && project.exists() => {
            return Ok(None);
        }
        modules => modules?,
    };
    match modules.lockable(FILE) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        file => file.map(Some).map_err(LinkError::io("lock", path)),
    }
}

fn wait(file: &File, project: &Path, report: &dyn Report) -> io::Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            report.event(Event::Message {
                level: LogLevel::Info,
                prefix: project.to_string_lossy().into_owned(),
                message: "Another installation works on this project; waiting for it to end".to_owned(),
            });
            file.lock()
        }
        Err(TryLockError::Error(source)) => Err(source),
    }
}

/// Whether the file is the one that the path leads to.
fn is_named(file: &File, path: &Path) -> bool {
    let (Ok(held), Ok(named)) = (file.metadata(), fs::symlink_metadata(path)) else { return false };
    (held.dev(), held.ino()) == (named.dev(), named.ino())
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::Path,
        sync::{
            Mutex,
            atomic::{AtomicUsize, Ordering},
            mpsc,
        },
        time::Duration,
    };

    use super::ProjectLock;
    use crate::report::{Event, Report};

    #[derive(Default)]
    struct Heard(Mutex<usize>);
    impl Report for Heard {
        fn event(&self, _: Event) {
            *self.0.lock().unwrap() += 1;
        }
    }

    #[test]
    fn x11_a_second_installation_says_so_and_waits_for_the_first() {
        let project = tempfile::tempdir().unwrap();
        let heard = Heard::default();
        let first = ProjectLock::acquire(project.path(), &heard).unwrap();
        let (done, is_done) = mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let second = ProjectLock::acquire(project.path(), &heard).unwrap();
                done.send(()).unwrap();
                drop(second);
            });
            assert!(is_done.recv_timeout(Duration::from_millis(100)).is_err());
            drop(first);
            is_done.recv_timeout(Duration::from_secs(10)).unwrap();
        });
        assert_eq!(*heard.0.lock().unwrap(), 1);
    }

    #[test]
    fn a_file_that_is_locked_is_open_for_reading_and_writing_whoever_made_it() {
        let project = tempfile::tempdir().unwrap();
        let folder = crate::link::Folder::open_path(project.path()).unwrap();
        for is_new in [true, false] {
            let (file, is_made) = folder.lockable("lock").unwrap();
            assert_eq!(is_made, is_new);
            let flags = rustix::fs::fcntl_getfl(&file).unwrap();
            assert!(flags.contains(rustix::fs::OFlags::RDWR), "over NFS both are wanted: {flags:?}");
        }
        std::os::unix::fs::symlink("lock", project.path().join("link")).unwrap();
        assert!(folder.lockable("link").is_err());
    }

    fn locked(project: &Path) -> ProjectLock {
        ProjectLock::acquire(project, &Heard::default()).unwrap()
    }

    #[test]
    fn who_made_the_file_for_nothing_takes_it_away_again() {
        let project = tempfile::tempdir().unwrap();
        let modules = project.path().join("node_modules");
        drop(locked(project.path()));
        assert!(!modules.exists());
        let lock = locked(project.path());
        fs::write(modules.join("kept"), "").unwrap();
        drop(lock);
        assert!(modules.join(super::FILE).exists());
        fs::remove_file(modules.join("kept")).unwrap();
        drop(locked(project.path()));
        assert!(modules.join(super::FILE).exists(), "it was there before");
    }

    /// Of two that wait one has the lock of a file that is taken away before the other comes to it: they must not both
    /// go on.
    #[test]
    fn a_lock_whose_file_was_taken_away_is_none() {
        let project = tempfile::tempdir().unwrap();
        let at_work = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let lock = locked(project.path());
                        assert_eq!(at_work.fetch_add(1, Ordering::SeqCst), 0);
                        std::thread::yield_now();
                        at_work.fetch_sub(1, Ordering::SeqCst);
                        drop(lock);
                    }
                });
            }
        });
        assert!(!project.path().join("node_modules").exists());
    }
}
