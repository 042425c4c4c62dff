//! One installation at a time per project: an advisory lock on an open handle, gone with the process that holds it.
//! The file itself stays and means nothing.

use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
};

use crate::{
    link::{LinkError, open_modules},
    report::{Event, LogLevel, Report},
};

const FILE: &str = ".wasi-pm-lock";

/// Held while a project is worked on.
#[derive(Debug)]
pub struct ProjectLock(#[expect(dead_code, reason = "the lock lives as long as the handle")] File);

impl ProjectLock {
    /// Takes the lock of the project at `lockfile_dir`; says so if it has to wait for another run.
    ///
    /// # Errors
    /// [`LinkError`]: `node_modules` is a link, or cannot be written.
    pub fn acquire(lockfile_dir: &Path, report: &dyn Report) -> Result<Self, LinkError> {
        let path = lockfile_dir.join("node_modules").join(FILE);
        let modules = open_modules(lockfile_dir)?;
        let file = modules.create(FILE, 0o644).or_else(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => modules.read(FILE),
            _ => Err(error),
        });
        let file = file.map_err(LinkError::io("lock", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                report.event(Event::Message {
                    level: LogLevel::Info,
                    prefix: lockfile_dir.to_string_lossy().into_owned(),
                    message: "Another installation works on this project; waiting for it to end".to_owned(),
                });
                file.lock().map_err(LinkError::io("lock", &path))?;
            }
            Err(TryLockError::Error(source)) => return Err(LinkError::Io { action: "lock", path, source }),
        }
        Ok(Self(file))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Mutex, mpsc},
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
}
