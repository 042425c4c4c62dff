//! The options that `add`, `update` and `remove` have in common: how what they come to is installed.

use clap::Args;
use serde_json::Value;

use crate::cli::{NotYet, arguments::Settings};

/// Options of commands that change manifests.
#[derive(Debug, Args)]
pub(super) struct Placing {
    /// Write package.json and pnpm-lock.yaml and nothing else
    #[arg(long, help_heading = "How it is done")]
    lockfile_only: bool,
    /// Run no scripts
    #[arg(long, help_heading = "How it is done", overrides_with = "no_ignore_scripts")]
    ignore_scripts: bool,
    #[arg(long, hide = true, overrides_with = "ignore_scripts")]
    no_ignore_scripts: bool,
    /// Install even though a .pnpmfile.cjs is there, without its hooks
    #[arg(long, help_heading = "How it is done")]
    ignore_pnpmfile: bool,
    /// Place every package anew
    #[arg(long, help_heading = "How it is done")]
    force: bool,
    /// Do not apply policies to what is locked already
    #[arg(long, help_heading = "How it is done", overrides_with = "no_trust_lockfile")]
    trust_lockfile: bool,
    #[arg(long, hide = true, overrides_with = "trust_lockfile")]
    no_trust_lockfile: bool,
    /// Use no network
    #[arg(long, help_heading = "How it is done")]
    offline: bool,
    /// Use the network only for what is not there
    #[arg(long, help_heading = "How it is done")]
    prefer_offline: bool,
    #[arg(long, value_name = "name", hide = true)]
    cpu: Vec<String>,
    #[arg(long, value_name = "name", hide = true)]
    os: Vec<String>,
    #[arg(long, value_name = "name", hide = true)]
    libc: Vec<String>,
    #[arg(long, value_name = "folder", hide = true)]
    lockfile_dir: Option<String>,
    #[arg(long, value_name = "number", hide = true)]
    fetch_retries: Option<u64>,
    #[arg(short, long, hide = true)]
    global: bool,
    // Taken as pnpm takes them: what is changed is resolved in any case.
    #[arg(long, hide = true)]
    frozen_lockfile: bool,
    #[arg(long, hide = true)]
    no_frozen_lockfile: bool,
    #[arg(long, hide = true)]
    prefer_frozen_lockfile: bool,
}

impl Placing {
    /// What cannot be done yet; else settings are put.
    pub(super) fn translate(self, command: &str, settings: &mut Settings) -> Option<NotYet> {
        if self.global {
            return Some(NotYet::new(format!("{command} --global")));
        }
        settings.when(self.lockfile_only, "lockfileOnly", true);
        settings.when(self.ignore_scripts, "ignoreScripts", true);
        settings.when(self.no_ignore_scripts, "ignoreScripts", false);
        settings.when(self.ignore_pnpmfile, "ignorePnpmfile", true);
        settings.when(self.force, "force", true);
        settings.when(self.trust_lockfile, "trustLockfile", true);
        settings.when(self.no_trust_lockfile, "trustLockfile", false);
        settings.when(self.offline, "offline", true);
        settings.when(self.prefer_offline, "preferOffline", true);
        settings.option("lockfileDir", self.lockfile_dir);
        settings.option("fetchRetries", self.fetch_retries);
        settings.architectures([("os", &self.os), ("cpu", &self.cpu), ("libc", &self.libc)]);
        None
    }
}

impl Settings {
    /// `--os`, `--cpu`, `--libc`.
    pub(in crate::cli) fn architectures(&mut self, axes: [(&str, &Vec<String>); 3]) {
        let typed = axes.into_iter().filter(|(_, names)| !names.is_empty());
        let map: serde_json::Map<String, Value> =
            typed.map(|(axis, names)| (axis.to_owned(), Value::from(names.clone()))).collect();
        if !map.is_empty() {
            self.put("supportedArchitectures", map);
        }
    }
}
