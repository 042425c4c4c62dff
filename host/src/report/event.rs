//! What happens during a command, as data: the superset of what the reporters show, named after pnpm's log events.

use crate::{
    diagnostic::Diagnostic,
    graph::{Group, PeerIssue, Skipped},
};

/// Takes events from any thread; must be quick, because link jobs call it.
pub trait Report: Send + Sync {
    /// Something happened.
    fn event(&self, event: Event);
}

/// How loud a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Details.
    Debug,
    /// What a user may want to know.
    Info,
    /// What a user should look at.
    Warn,
    /// What stopped the command.
    Error,
}

/// A step of an installation, in pnpm's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// `resolution_started`.
    ResolutionStarted,
    /// `resolution_done`.
    ResolutionDone,
    /// `importing_started`.
    ImportingStarted,
    /// `importing_done`.
    ImportingDone,
}

/// Where a line of a script comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdio {
    /// Its standard output.
    Stdout,
    /// Its standard error.
    Stderr,
}

/// How a file comes into `node_modules`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportMethod {
    /// A hard link.
    Hardlink,
    /// A reflink.
    Clone,
    /// A copy.
    Copy,
}

/// Something that happened. `package_id` is `name@version`; prefixes and folders are absolute paths.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// `pnpm:scope`: how many projects are selected, of how many.
    Scope {
        /// Selected.
        selected: usize,
        /// In the workspace; `None` outside one.
        total: Option<usize>,
        /// The workspace's folder.
        workspace: Option<String>,
    },
    /// `pnpm:package-manifest` with `initial`: the JSON text of a project's manifest.
    ManifestInitial {
        /// The project's folder.
        prefix: String,
        /// Its manifest.
        manifest: String,
    },
    /// `pnpm:package-manifest` with `updated`: the JSON text of a manifest that was written.
    ManifestUpdated {
        /// The project's folder.
        prefix: String,
        /// Its manifest.
        manifest: String,
    },
    /// `pnpm:context`.
    Context {
        /// There is a `node_modules/.pnpm/lock.yaml`.
        current_lockfile_exists: bool,
        /// The store.
        store_dir: String,
        /// The virtual store.
        virtual_store_dir: String,
    },
    /// `pnpm:stage`.
    Stage {
        /// The project's folder.
        prefix: String,
        /// Which.
        stage: Stage,
    },
    /// `pnpm:progress` with `resolved`.
    Resolved {
        /// Which package.
        package_id: String,
        /// The project's folder.
        requester: String,
    },
    /// `pnpm:fetching-progress` with `started`.
    FetchStarted {
        /// Which package.
        package_id: String,
        /// From 1.
        attempt: u32,
        /// Bytes, where the server says so.
        size: Option<u64>,
    },
    /// `pnpm:fetching-progress` with `in_progress`: large ones only.
    FetchProgress {
        /// Which package.
        package_id: String,
        /// Bytes so far.
        downloaded: u64,
    },
    /// `pnpm:progress` with `fetched`.
    Fetched {
        /// Which package.
        package_id: String,
        /// The project's folder.
        requester: String,
        /// Size of the tarball, bytes.
        bytes: u64,
    },
    /// `pnpm:progress` with `found_in_store`.
    FoundInStore {
        /// Which package.
        package_id: String,
        /// The project's folder.
        requester: String,
    },
    /// `pnpm:progress` with `imported`.
    Imported {
        /// The project's folder.
        requester: String,
        /// The package's folder in the virtual store.
        to: String,
        /// How.
        method: ImportMethod,
    },
    /// `pnpm:stats`.
    Stats {
        /// The project's folder.
        prefix: String,
        /// Packages that were added.
        added: Option<usize>,
        /// Packages that were removed.
        removed: Option<usize>,
    },
    /// `pnpm:root` with `added`.
    RootAdded(RootChange),
    /// `pnpm:root` with `removed`.
    RootRemoved(RootChange),
    /// `pnpm:skipped-optional-dependency`.
    SkippedOptional {
        /// The project's folder.
        prefix: String,
        /// What and why.
        skipped: Skipped,
    },
    /// `pnpm:deprecation`.
    Deprecated {
        /// The project's folder.
        prefix: String,
        /// Its name.
        name: String,
        /// Its version.
        version: String,
        /// The registry's words.
        message: String,
        /// 0: directly.
        depth: u32,
    },
    /// Peer dependencies that are missing or do not fit, all of them.
    PeerIssues(Vec<PeerIssue>),
    /// `pnpm:request-retry`.
    RequestRetry {
        /// The attempt that failed, from 1.
        attempt: u32,
        /// How many there may be.
        max_retries: u32,
        /// In the words of the lower layer.
        error: String,
        /// Milliseconds until the next one.
        wait_ms: u64,
        /// Without credentials.
        url: String,
    },
    /// `pnpm:lifecycle` with `script`.
    ScriptStarted {
        /// The package or project.
        dep_path: String,
        /// `install`, `postinstall`, …
        stage: String,
        /// The command line.
        script: String,
        /// Where it runs.
        wd: String,
    },
    /// `pnpm:lifecycle` with `line`.
    ScriptLine {
        /// The package or project.
        dep_path: String,
        /// The script's name.
        stage: String,
        /// The line, without its end.
        line: String,
        /// Where it comes from.
        stdio: Stdio,
        /// Where it runs.
        wd: String,
    },
    /// `pnpm:lifecycle` with `exit`.
    ScriptExited {
        /// The package or project.
        dep_path: String,
        /// The script's name.
        stage: String,
        /// Its exit code.
        exit_code: i32,
        /// Where it ran.
        wd: String,
    },
    /// `pnpm:ignored-scripts`: sorted `name@version`.
    IgnoredScripts(Vec<String>),
    /// `pnpm`: a message.
    Message {
        /// How loud.
        level: LogLevel,
        /// The project's folder.
        prefix: String,
        /// One line.
        message: String,
    },
    /// `pnpm:summary`.
    Summary {
        /// The project's folder.
        prefix: String,
    },
    /// The printed plan of `--dry-run`: lines.
    Plan(Vec<String>),
    /// Text that is the command's result (`store path`, `completion`), for standard output as it is.
    Output(String),
    /// The command failed.
    Failed(Diagnostic),
    /// `pnpm:execution-time`, milliseconds since 1970.
    ExecutionTime {
        /// Start.
        started_at: u64,
        /// End.
        ended_at: u64,
    },
}

/// A direct dependency that came or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootChange {
    /// The project's folder.
    pub prefix: String,
    /// The key in the manifest.
    pub name: String,
    /// The package behind it.
    pub real_name: String,
    /// Its version.
    pub version: Option<String>,
    /// The field of the manifest.
    pub group: Option<Group>,
    /// The registry's `latest`, where it is another version.
    pub latest: Option<String>,
    /// The folder it is linked from.
    pub linked_from: Option<String>,
}
