//! Waiting for what another program says, but not for ever.

use std::{sync::mpsc, thread, time::Duration};

/// What `read` gives, if it does in time; otherwise it is left to itself, on a thread of its own.
pub(crate) fn within<T: Send + 'static>(patience: Duration, read: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, given) = mpsc::channel();
    // Whoever waited has given up where nobody takes it.
    thread::spawn(move || drop(sender.send(read())));
    given.recv_timeout(patience).ok()
}
