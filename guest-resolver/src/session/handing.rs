//! The end of a session: snapshots by the batch, each made while the host takes the one before, then the layout, then
//! what the placement has to say. Kept as a future, because what is left to place borrows from the lockfile.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as Polled, Poll, Waker};

use wit::guest::exports::wasi_pm::resolver::resolution::{Layout, Notice, Outcome, Snapshot};
use wit::guest::wasi_pm::resolver::types::{Failure, Platform};

use crate::boundary;
use crate::lockfile::Lockfile;
use crate::place::Project;
use crate::resolve::context::Context;

/// How many snapshots come in one call: the host reads them while the next are made, the sooner the fewer come first.
const BATCH: usize = 128;

/// What of a lockfile is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All that is placed, and where.
    Placed,
    /// The snapshots alone, which need not run here.
    Anywhere,
    /// Nothing but what is told.
    Nothing,
}

/// What is handed out, and what it depends on.
pub(super) struct Given {
    pub(super) context: Rc<Context>,
    pub(super) platform: Platform,
    /// By importer.
    pub(super) projects: BTreeMap<String, Project>,
    pub(super) extent: Extent,
    /// What the resolution has told.
    pub(super) told: Vec<Notice>,
}

/// Some snapshots or, after the last of them, the layout.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) snapshots: Vec<Snapshot>,
    pub(super) layout: Option<Layout>,
}

/// The outcome without texts, and the lockfile that was placed.
type Ended = (Outcome, Lockfile);

/// A lockfile that is being handed out.
pub(super) struct Handing {
    running: Pin<Box<dyn Future<Output = Result<Ended, Vec<Failure>>>>>,
    made: Rc<RefCell<Batch>>,
}

impl Handing {
    pub(super) fn begin(lockfile: Lockfile, given: Given) -> Self {
        let made = Rc::default();
        Self { running: Box::pin(hand_out(lockfile, given, Rc::clone(&made))), made }
    }

    /// The next batch, or the end.
    ///
    /// # Errors
    /// As [`boundary::placing`] and [`Placing::finish`](crate::place::Placing::finish); it is not to be asked again then.
    pub(super) fn next(&mut self) -> Result<(Batch, Option<Ended>), Vec<Failure>> {
        let ended = match self.running.as_mut().poll(&mut Polled::from_waker(Waker::noop())) {
            Poll::Pending => None,
            Poll::Ready(ended) => Some(ended?),
        };
        Ok((self.made.take(), ended))
    }
}

async fn hand_out(lockfile: Lockfile, given: Given, made: Rc<RefCell<Batch>>) -> Result<Ended, Vec<Failure>> {
    let Given { context, platform, projects, extent, told } = given;
    let mut layout = Layout { roots: Vec::new(), hoisted: Vec::new(), skipped: Vec::new() };
    let (notices, manifests, catalogs) = (Vec::new(), Vec::new(), Vec::new());
    let mut outcome = Outcome { lockfile: None, current_lockfile: None, notices, manifests, catalogs };
    if extent != Extent::Nothing {
        let mut settings = Cow::Borrowed(&context.settings);
        if extent == Extent::Anywhere {
            settings.to_mut().selection.engine_strict = false;
        }
        let mut placing = boundary::placing(&lockfile, (&settings, &projects), &platform)?;
        while placing.len() > 0 {
            made.borrow_mut().snapshots = placing.by_ref().take(BATCH).map(boundary::snapshot).collect();
            until_called_again().await;
        }
        let placed = boundary::placed(placing)?;
        if extent == Extent::Placed {
            layout = boundary::layout(&placed);
            outcome = boundary::outcome(&placed, None);
        }
    }
    layout.skipped.extend(context.skipped.take());
    made.borrow_mut().layout = Some(layout);
    until_called_again().await;
    outcome.notices.extend(told);
    Ok((outcome, lockfile))
}

async fn until_called_again() {
    let mut is_called = false;
    let poll =
        |_: &mut Polled<'_>| if std::mem::replace(&mut is_called, true) { Poll::Ready(()) } else { Poll::Pending };
    poll_fn(poll).await;
}
