//! The words that pnpm knows as commands, and what is said of those that are not done yet.

use super::UsageError;
use crate::{config::table::nearest, diagnostic::Diagnostic};

/// A command, argument or option of pnpm's that this version does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotYet {
    /// What was typed: `add`, `install <package>`, `--filter`.
    pub what: String,
    /// What the user can do.
    pub hint: String,
}

impl NotYet {
    /// With the hint that fits most.
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        let hint = "Nothing was changed. Use pnpm for this; both can work on the same project".to_owned();
        Self { what: what.into(), hint }
    }

    /// With a hint of its own.
    #[must_use]
    pub fn with_hint(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }

    /// What is shown.
    #[must_use]
    pub fn diagnostic(&self) -> Diagnostic {
        let message = format!("wasi-pm cannot do `{}` yet", self.what);
        Diagnostic::new("ERR_WASI_PM_NOT_YET", message).with_hint(self.hint.clone())
    }
}

/// The commands of this version, with their other names.
pub(super) const DONE: &[&str] = &[
    "install",
    "i",
    "ci",
    "clean-install",
    "ic",
    "install-clean",
    "add",
    "update",
    "up",
    "upgrade",
    "remove",
    "rm",
    "un",
    "uni",
    "uninstall",
    "store",
    "completion",
    "help",
];

/// The commands of pnpm 12 that this version does not have, with their other names.
pub(super) const PNPM: &[&str] = &[
    "access",
    "init",
    "recursive",
    "multi",
    "m",
    "install-test",
    "it",
    "outdated",
    "audit",
    "change",
    "version",
    "lane",
    "bugs",
    "issues",
    "list",
    "ls",
    "ll",
    "la",
    "licenses",
    "licences",
    "why",
    "view",
    "info",
    "show",
    "v",
    "sbom",
    "whoami",
    "deprecate",
    "undeprecate",
    "unpublish",
    "star",
    "unstar",
    "stars",
    "dist-tag",
    "dist-tags",
    "ping",
    "doctor",
    "search",
    "s",
    "se",
    "find",
    "rebuild",
    "rb",
    "pack",
    "publish",
    "stage",
    "patch",
    "patch-commit",
    "patch-remove",
    "peers",
    "set-script",
    "ss",
    "test",
    "t",
    "tst",
    "run",
    "run-script",
    "exec",
    "dlx",
    "create",
    "start",
    "stop",
    "restart",
    "find-hash",
    "runtime",
    "rt",
    "shim",
    "bin",
    "clean",
    "purge",
    "root",
    "prefix",
    "config",
    "c",
    "pkg",
    "pack-app",
    "cache",
    "cat-file",
    "cat-index",
    "ignored-builds",
    "approve-builds",
    "link",
    "ln",
    "import",
    "dedupe",
    "deploy",
    "prune",
    "fetch",
    "unlink",
    "dislink",
    "docs",
    "home",
    "repo",
    "self-update",
    "setup",
    "login",
    "adduser",
    "team",
    "owner",
    "owners",
    "logout",
    "with",
    "fund",
    "env",
    "tasks",
    "pipeline",
    "get",
    "set",
    "permissions",
    "approve",
    "profile",
    "token",
    "edit",
    "xmas",
    "server",
];

/// What is said of a word that is none of our commands.
pub(super) fn unknown(word: &str) -> Result<NotYet, UsageError> {
    if PNPM.contains(&word) {
        return Ok(match word {
            "run" | "run-script" | "test" | "t" | "tst" | "start" | "stop" | "exec" => {
                NotYet::with_hint(word, "Use `node --run <script>` or pnpm; the executables are in node_modules/.bin")
            }
            _ => NotYet::new(word),
        });
    }
    let shown: String = word.chars().filter(|letter| !letter.is_control()).take(60).collect();
    let diagnostic = Diagnostic::new("ERR_WASI_PM_UNKNOWN_COMMAND", format!("There is no command `{shown}`"));
    let hint = match nearest(word, DONE.iter().chain(PNPM).copied()) {
        Some(near) => format!("Did you mean `wasi-pm {near}`? `wasi-pm --help` lists the commands"),
        None => "`wasi-pm --help` lists the commands".to_owned(),
    };
    Err(UsageError(diagnostic.with_hint(hint)))
}
