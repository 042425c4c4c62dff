//! What can go wrong while `node_modules` is made.

use std::{io, path::PathBuf};

use crate::{diagnostic::Diagnose, graph::SnapshotIndex, patch::PatchError};

/// Why a tree could not be linked.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// A file of the store is missing, cut short or no file; the package is to be fetched again. Nothing reachable has
    /// changed.
    #[error("the store's copy of {package} is damaged: {detail}")]
    Damaged {
        /// The snapshot whose package it is.
        snapshot: SnapshotIndex,
        /// Its dep-path.
        package: String,
        /// Which file, and how.
        detail: String,
    },
    /// `node_modules` is a symbolic link.
    #[error("{} is a symbolic link", path.display())]
    ModulesIsSymlink {
        /// Which.
        path: PathBuf,
    },
    /// Somebody else has changed what stands there since it was looked at. Nothing reachable has changed.
    #[error("{} was changed by another program meanwhile", path.display())]
    Changed {
        /// Which.
        path: PathBuf,
    },
    /// A patch cannot be applied. Nothing reachable has changed.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// Reflinks alone are wanted, and there are none between store and project. Nothing reachable has changed.
    #[error("cannot clone {} from the store", path.display())]
    NoClones {
        /// Which file.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: io::Error,
    },
    /// The system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried: a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Its words.
        #[source]
        source: io::Error,
    },
}

impl LinkError {
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

impl Diagnose for LinkError {
    fn code(&self) -> &'static str {
        match self {
            Self::Damaged { .. } => "ERR_WASI_PM_STORE_DAMAGED",
            Self::ModulesIsSymlink { .. } => "ERR_WASI_PM_MODULES_IS_SYMLINK",
            Self::Changed { .. } => "ERR_WASI_PM_MODULES_CHANGED",
            Self::Patch(error) => error.code(),
            Self::NoClones { .. } => "ERR_WASI_PM_NO_REFLINKS",
            Self::Io { .. } => "ERR_WASI_PM_LINK",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Damaged { .. } => Some("run the installation again; the package is fetched anew".to_owned()),
            Self::ModulesIsSymlink { .. } => Some("remove the link, then run the installation again".to_owned()),
            Self::Changed { .. } => Some("run the installation again".to_owned()),
            Self::Patch(error) => error.hint(),
            Self::NoClones { .. } => Some(
                "set packageImportMethod to clone-or-copy or auto, or have project and store on one file system with \
                 reflinks, such as btrfs or XFS"
                    .to_owned(),
            ),
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull => Some("free some space, then run the installation again".to_owned()),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Some(
                    "check who owns the project's folder and the store, and whether they may be read and written"
                        .to_owned(),
                ),
                _ => None,
            },
        }
    }
}
