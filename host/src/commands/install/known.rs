//! What is known of lockfiles, by their digest, from the runs that made or verified them:
//! - that one lacks nothing its packages ask for: the resolver has told so of what it made. Only such a one is read off
//!   where another command resolves it again; one that somebody else wrote or changed is asked for, as an optional
//!   dependency may be missing in it that can be had by now;
//! - which of its packages were held to the policies, and to which, so that nothing is asked of them again: a version
//!   that was old enough stays so.

use std::collections::HashSet;

use super::Install;
use crate::{
    graph::{Notice, Placement},
    remember::Entries,
};

/// The code of what the resolver tells.
pub(super) const COMPLETE: &str = "WASI_PM_LOCKFILE_COMPLETE";
/// The form of the entries; a change of what is checked raises it.
const FORM: &str = "lockfile 2";

/// So many lockfiles are known, those of all projects of a workspace among them.
const KEPT: usize = 512;

/// What is known of one lockfile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// It lacks nothing.
    pub(super) is_complete: bool,
    /// Names the policies that its packages were held to; empty: none.
    pub(super) policy: String,
    /// The packages that were, a line each.
    pub(super) held: HashSet<String>,
}

impl Known {
    /// Of this lockfile.
    pub(super) fn of(install: &Install<'_>, lockfile: &str) -> Self {
        entries(install).read(&name(lockfile)).and_then(|body| Self::parse(&body)).unwrap_or_default()
    }

    /// Remembers it of this lockfile. Without, all is asked for once more.
    pub(super) fn remember(&self, install: &Install<'_>, lockfile: &str) {
        drop(entries(install).write(&name(lockfile), self.text().as_bytes()));
    }

    fn text(&self) -> String {
        let mut held: Vec<&str> = self.held.iter().map(String::as_str).collect();
        held.sort_unstable();
        let complete = if self.is_complete { "complete" } else { "" };
        let head = [FORM, complete, &self.policy];
        head.into_iter().chain(held).flat_map(|line| [line, "\n"]).collect()
    }

    fn parse(body: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(body).ok()?.lines();
        if lines.next()? != FORM {
            return None;
        }
        let is_complete = lines.next()? == "complete";
        let policy = lines.next()?.to_owned();
        Some(Self { is_complete, policy, held: lines.map(str::to_owned).collect() })
    }
}

/// Whether the resolver has told that the lockfile it made lacks nothing.
pub(super) fn is_complete(placement: &Placement) -> bool {
    let told = |notice: &Notice| matches!(notice, Notice::Other(failure) if failure.code == COMPLETE);
    placement.notices.iter().any(told)
}

fn entries(install: &Install<'_>) -> Entries {
    Entries::new(&install.context.config.directories.cache, "lockfiles", KEPT)
}

fn name(lockfile: &str) -> String {
    blake3::hash(lockfile.as_bytes()).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_read_as_it_was_written() {
        let held = ["b@1.0.0", "a@1.0.0"].map(str::to_owned).into();
        let known = Known { is_complete: true, policy: "p".to_owned(), held };
        assert_eq!(known.text(), "lockfile 2\ncomplete\np\na@1.0.0\nb@1.0.0\n");
        assert_eq!(Known::parse(known.text().as_bytes()), Some(known));
        let nothing = Known::default();
        assert_eq!(Known::parse(nothing.text().as_bytes()), Some(nothing));
        assert_eq!(Known::parse(b"lockfile 0\n\n\n"), None);
    }
}
