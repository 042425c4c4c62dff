//! The environment, read once: the only file that asks the process for variables, its folder or the clock. Everything
//! else takes an [`Environment`], so that tests make their own.

use std::{
    collections::BTreeMap,
    io::IsTerminal,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// What surrounds the process.
#[derive(Clone, Default)]
pub struct Environment {
    /// The folder the command was started in, absolute.
    pub cwd: PathBuf,
    /// Milliseconds since 1970 at the start.
    pub now: u64,
    /// Variables whose names and values are UTF-8.
    pub variables: BTreeMap<String, String>,
    /// What standard output and error are connected to.
    pub terminal: Terminal,
}

/// What the output streams are connected to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terminal {
    /// Standard output is a terminal.
    pub stdout: bool,
    /// Standard error is a terminal.
    pub stderr: bool,
}

/// Names only: values may be secrets.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment")
            .field("cwd", &self.cwd)
            .field("now", &self.now)
            .field("variables", &self.variables.keys())
            .finish_non_exhaustive()
    }
}

impl Environment {
    /// Of this process.
    ///
    /// # Errors
    /// The working directory is gone or is not readable.
    pub fn of_process() -> std::io::Result<Self> {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Ok(Self {
            cwd: std::env::current_dir()?,
            now: now(),
            variables,
            terminal: Terminal { stdout: std::io::stdout().is_terminal(), stderr: std::io::stderr().is_terminal() },
        })
    }

    /// A variable that is set and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The home folder, if there is an absolute one.
    #[must_use]
    pub fn home(&self) -> Option<PathBuf> {
        let name = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
        self.absolute(name)
    }

    /// Runs on a build server: pnpm's rule (`CI` set and not `false` or `0`).
    #[must_use]
    pub fn ci(&self) -> bool {
        self.get("CI").is_some_and(|value| value != "false" && value != "0")
    }

    /// Colours are unwanted, wherever the output goes (<https://no-color.org>).
    #[must_use]
    pub fn no_color(&self) -> bool {
        self.get("NO_COLOR").is_some() || self.get("TERM") == Some("dumb")
    }

    /// Where data of applications is kept: `$XDG_DATA_HOME`, `~/.local/share`, `~/Library` on a Mac.
    #[must_use]
    pub fn data_home(&self) -> Option<PathBuf> {
        self.base("XDG_DATA_HOME", ".local/share", "Library")
    }

    /// Where caches are kept: `$XDG_CACHE_HOME`, `~/.cache`, `~/Library/Caches` on a Mac.
    #[must_use]
    pub fn cache_home(&self) -> Option<PathBuf> {
        self.base("XDG_CACHE_HOME", ".cache", "Library/Caches")
    }

    /// Where settings are kept: `$XDG_CONFIG_HOME`, `~/.config`, `~/Library/Preferences` on a Mac.
    #[must_use]
    pub fn config_home(&self) -> Option<PathBuf> {
        self.base("XDG_CONFIG_HOME", ".config", "Library/Preferences")
    }

    /// The name of this machine; `localhost` where the system does not tell.
    #[must_use]
    pub fn hostname(&self) -> String {
        let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
        let name = kernel.as_deref().or_else(|| self.get("HOSTNAME")).or_else(|| self.get("COMPUTERNAME"));
        name.map(str::trim).filter(|name| !name.is_empty()).unwrap_or("localhost").to_owned()
    }

    fn base(&self, variable: &str, elsewhere: &str, mac: &str) -> Option<PathBuf> {
        let below_home = if cfg!(target_os = "macos") { mac } else { elsewhere };
        self.absolute(variable).or_else(|| Some(self.home()?.join(below_home)))
    }

    fn absolute(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(Path::new).filter(|path| path.is_absolute()).map(Path::to_path_buf)
    }
}

/// Milliseconds since 1970, for what must be stamped while the command runs.
#[must_use]
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
