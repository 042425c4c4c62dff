//! The `git` program: never through a shell, every stranger's string behind `--`, without prompts, hooks, submodules
//! and transports that are commands.

use std::{
    io,
    path::Path,
    process::{Command, Stdio},
};

use super::super::ExoticError;
use crate::registry::without_secrets;

/// Transports that may be used.
const PROTOCOLS: &str = "https:http:ssh:git:file";

/// Whatever the user's configuration says.
const CONFIGURATION: [&str; 8] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "protocol.ext.allow=never",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "advice.detachedHead=false",
    // A server that says nothing for a minute is given up.
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=60",
];

/// The program, and what it may see of the user's environment.
pub(super) struct Git<'a> {
    pub(super) environment: &'a [(String, String)],
}

impl Git<'_> {
    /// What a repository has; `reference` narrows it down.
    pub(super) fn ls_remote(&self, repository: &str, reference: Option<&str>) -> Result<String, ExoticError> {
        super::spec::check_repository(repository)?;
        let mut command = self.command();
        command.args(["ls-remote", "--", repository]);
        if let Some(reference) = reference {
            command.arg(reference).arg(format!("{reference}^{{}}"));
        }
        let shown = without_secrets(repository);
        run(&mut command).map_err(|said| {
            ExoticError::new(
                "ERR_PNPM_GIT_RESOLVE_FAILED",
                format!("Failed to resolve git dependency \"{shown}\": git ls-remote failed: {said}"),
            )
        })
    }

    /// Checks a commit out into an empty folder: the commit alone where the server gives it, else all branches and
    /// tags.
    pub(super) fn checkout(&self, repository: &str, commit: &str, into: &Path) -> Result<(), ExoticError> {
        let shown = without_secrets(repository);
        let failed = |what: &str, said: &str| {
            let message = format!("Failed to fetch from the git repository \"{shown}\": git {what} failed: {said}");
            ExoticError::new("ERR_PNPM_GIT_FETCH_FAILED", message)
        };
        let git = |arguments: &[&str]| {
            let mut command = self.command();
            command.current_dir(into).args(arguments);
            run(&mut command)
        };
        git(&["init", "--quiet", "--template="]).map_err(|said| failed("init", &said))?;
        if git(&["fetch", "--quiet", "--depth=1", "--", repository, commit]).is_err() {
            let all = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"];
            git(&["fetch", "--quiet", "--", repository, all[0], all[1]]).map_err(|said| failed("fetch", &said))?;
        }
        git(&["checkout", "--quiet", commit, "--"]).map_err(|said| {
            ExoticError::new(
                "ERR_PNPM_GIT_FETCHER_GIT_EXEC_FAILED",
                format!("`git checkout` of {shown} failed: {said}"),
            )
        })?;
        let head = git(&["rev-parse", "HEAD"]).map_err(|said| failed("rev-parse", &said))?;
        if head.trim() != commit {
            let message = format!("received commit {} does not match expected value {commit}", head.trim());
            return Err(ExoticError::new("ERR_PNPM_GIT_CHECKOUT_FAILED", message));
        }
        Ok(())
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        command
            .env_clear()
            .env("GIT_SSH_COMMAND", "ssh -oBatchMode=yes")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ALLOW_PROTOCOL", PROTOCOLS)
            .stdin(Stdio::null());
        for setting in CONFIGURATION {
            command.args(["-c", setting]);
        }
        command
    }
}

/// What it prints, or what it says when it fails: the last lines, without control characters and credentials.
fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "`git` is not on the PATH; install git to fetch git-hosted packages".to_owned(),
        _ => error.to_string(),
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let words =
        said.split_whitespace().map(|word| if word.contains("://") { without_secrets(word) } else { word.into() });
    Err(words.collect::<Vec<_>>().join(" ").chars().filter(|c| !c.is_control()).take(500).collect())
}
