//! A package in the making: a folder of `tmp`, published by one rename or removed. Left-overs are seen to from both
//! ends: a process removes what it is making when it ends ([`abandon_imports`]), and the first package of a process has
//! it look for what killed ones left.

use std::{
    io,
    sync::{
        Mutex, MutexGuard, Once, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::SystemTime,
};

use cap_std::fs::Dir;

use crate::{Store, key::Key};

/// What this process is making. Locked for good once it is at its end: whoever begins one, publishes one or is done
/// with one then waits for that.
static UNDER_WAY: Mutex<Vec<(Store, String)>> = Mutex::new(Vec::new());

fn under_way() -> MutexGuard<'static, Vec<(Store, String)>> {
    UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// For the end of a process, which does not wait for its imports: removes what they have made so far. Nothing is
/// published from here on, and every thread that works on a package stands still.
pub fn abandon_imports() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let mut under_way = under_way();
        for (store, name) in under_way.drain(..) {
            // Another thread may be writing into it, or removing it: then a file vanishes underfoot, and it is tried
            // again.
            let staging = store.staging();
            let is_not_there = |error: io::Error| error.kind() == io::ErrorKind::NotFound;
            let is_gone = || staging.symlink_metadata(&name).is_err_and(is_not_there);
            let _ = (0..10).any(|_| staging.remove_dir_all(&name).is_ok() || is_gone());
        }
        std::mem::forget(under_way);
    });
}

/// What the name of a package begins with that is on its way out.
pub(crate) const ASIDE: &str = "aside-";

/// A folder of `tmp` that a package is made in; it is removed unless it is published.
#[derive(Debug)]
pub(crate) struct Staged {
    store: Store,
    name: String,
    pub(crate) dir: Dir,
    published: bool,
}

impl Staged {
    pub(crate) fn new(store: &Store) -> io::Result<Self> {
        sweep_once(store);
        let parent = store.staging();
        let mut under_way = under_way();
        loop {
            let name = unused_name();
            match parent.create_dir(&name) {
                Ok(()) => {
                    under_way.push((store.clone(), name.clone()));
                    return Ok(Self { dir: parent.open_dir(&name)?, store: store.clone(), name, published: false });
                }
                // Another container with the same process numbers shares the store.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The one rename. A package that is there already has the same bytes, so it wins: then the answer is false.
    pub(crate) fn publish(mut self, key: &Key) -> io::Result<bool> {
        let target = key.path();
        let packages = self.store.packages();
        let _under_way = under_way();
        let rename = || self.store.staging().rename(&self.name, packages, &target);
        let renamed = match rename() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                match packages.create_dir(&key.shard) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                    _ => {}
                }
                rename()
            }
            other => other,
        };
        match renamed {
            Ok(()) => {
                self.published = true;
                Ok(true)
            }
            Err(error) if is_taken(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.published {
            // What cannot be removed now is pruned later.
            let _ = self.store.staging().remove_dir_all(&self.name);
        }
        under_way().retain(|(_, name)| *name != self.name);
    }
}

fn unused_name() -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("{}-{count}-{:x}", std::process::id(), now.subsec_nanos())
}

/// Whether a package in the making, or one that is on its way out, may have this name in `tmp`.
fn is_ours(name: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut parts = name.strip_prefix(ASIDE).unwrap_or(name).split('-');
    (0..3).all(|_| parts.next().is_some_and(is_number)) && parts.next().is_none()
}

fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty)
}

/// Has a thread look for what killed processes left, the first time. Somebody else may be at it, or the disk may
/// refuse: there is another day.
fn sweep_once(store: &Store) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let store = store.clone();
        drop(thread::Builder::new().name("sweep".to_owned()).spawn(move || store.sweep(SystemTime::now(), is_ours)));
    });
}

#[cfg(test)]
mod tests;
