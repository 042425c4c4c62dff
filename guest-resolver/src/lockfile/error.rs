//! Why a lockfile cannot be used. Facts only: the host words them.

/// A lockfile that cannot be used, or that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct LockfileError {
    /// `ERR_PNPM_*` where pnpm has the same condition.
    pub code: &'static str,
    /// One sentence on one line.
    pub message: String,
    /// Names and values.
    pub facts: Vec<(String, String)>,
    /// The way out.
    pub hint: Option<String>,
}

/// pnpm's code for a lockfile that cannot be read.
pub const BROKEN: &str = "ERR_PNPM_BROKEN_LOCKFILE";
/// pnpm's code for a lockfile of another version.
pub const BREAKING_CHANGE: &str = "ERR_PNPM_LOCKFILE_BREAKING_CHANGE";
/// pnpm's code for a name that could leave its folder.
pub const INVALID_NAME: &str = "ERR_PNPM_INVALID_DEPENDENCY_NAME";
/// pnpm's code for a reference that leads nowhere.
pub const MISSING_DEPENDENCY: &str = "ERR_PNPM_LOCKFILE_MISSING_DEPENDENCY";
/// pnpm's code for a registry version whose bytes come from elsewhere.
pub const SHAPE_MISMATCH: &str = "ERR_PNPM_RESOLUTION_SHAPE_MISMATCH";
/// pnpm's code for a tarball that could be anything.
pub const MISSING_INTEGRITY: &str = "ERR_PNPM_MISSING_TARBALL_INTEGRITY";
/// pnpm's code where manifests and lockfile differ.
pub const OUTDATED: &str = "ERR_PNPM_OUTDATED_LOCKFILE";
/// pnpm's code where settings and lockfile differ.
pub const CONFIG_MISMATCH: &str = "ERR_PNPM_LOCKFILE_CONFIG_MISMATCH";
/// A link that leaves the workspace without a manifest that asks for it.
pub const LINK_OUTSIDE: &str = "ERR_WASI_PM_LOCKFILE_LINK_OUTSIDE";

/// Two snapshots whose folders are one.
pub const SLOT_COLLISION: &str = "ERR_WASI_PM_SLOT_COLLISION";
/// pnpm's code for a package that is not made for this engine.
pub const UNSUPPORTED_ENGINE: &str = "ERR_PNPM_UNSUPPORTED_ENGINE";
/// pnpm's code for a package that is not made for this platform.
pub const UNSUPPORTED_PLATFORM: &str = "ERR_PNPM_UNSUPPORTED_PLATFORM";
/// pnpm's code where a lockfile is needed and there is none.
pub const NO_LOCKFILE: &str = "ERR_PNPM_NO_LOCKFILE";

/// What to do with a lockfile that cannot be mended by hand.
pub(crate) const RESTORE: &str =
    "Restore pnpm-lock.yaml from version control, or delete it and install again to resolve everything anew";

impl LockfileError {
    /// Without facts or hint.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), facts: Vec::new(), hint: None }
    }

    /// A lockfile that cannot be read.
    pub(crate) fn broken(message: impl Into<String>) -> Self {
        Self::new(BROKEN, message).hint(RESTORE)
    }

    /// With one more fact.
    pub(crate) fn fact(mut self, name: &str, value: impl Into<String>) -> Self {
        self.facts.push((name.to_owned(), value.into()));
        self
    }

    /// With a way out.
    pub(crate) fn hint(mut self, hint: &str) -> Self {
        self.hint = Some(hint.to_owned());
        self
    }

    /// What is wrong is wrong with the lockfile of a branch, in this file.
    pub(crate) fn of_branch(self, file: &str) -> Self {
        let error = Self { message: format!("{file}: {}", self.message), ..self };
        error
            .fact("file", file)
            .hint("Restore the file from version control, or delete it if what it pins is not needed")
    }
}
