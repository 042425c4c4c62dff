//! The arguments, as clap's derive has them, and their translation into settings. Help texts are written for someone
//! who has never used the program.

use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, error::ErrorKind};
use serde_json::Value;

use super::{
    Color, Command, InstallOptions, Invocation, NotYet, Reporter, Show, StoreCommand, TimingsFormat, UsageError,
    change::{AddArguments, RemoveArguments, Scope, UpdateArguments},
    exit, order, words,
};
use crate::{
    diagnostic::Diagnostic,
    graph::Group,
    report::{LogLevel, clean},
};

#[derive(Debug, Parser)]
#[command(
    name = "wasi-pm",
    version,
    about = "Installs npm packages: pnpm's commands, lockfile and node_modules, with a sandboxed resolver.",
    disable_version_flag = true,
    disable_help_subcommand = true,
    subcommand_required = false,
    override_usage = "wasi-pm <command> [options]"
)]
struct Line {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    word: Option<Word>,
}

#[derive(Debug, Subcommand)]
enum Word {
    /// Install what package.json asks for
    #[command(visible_alias = "i")]
    Install(InstallArguments),
    /// Install exactly what pnpm-lock.yaml says, into a new node_modules
    #[command(visible_aliases = ["clean-install", "ic", "install-clean"])]
    Ci(InstallArguments),
    /// Add packages to package.json and install them
    Add(AddArguments),
    /// Install newer versions, and let package.json follow
    #[command(visible_aliases = ["up", "upgrade"])]
    Update(UpdateArguments),
    /// Take packages out of package.json and node_modules
    #[command(visible_aliases = ["rm", "un", "uni", "uninstall"])]
    Remove(RemoveArguments),
    /// Look after the store, where package files are kept once for all projects
    Store {
        #[command(subcommand)]
        command: StoreCommand,
    },
    /// Print a completion script for a shell
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
    #[command(external_subcommand)]
    Other(Vec<String>),
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Common options")]
struct Common {
    /// Work in this folder
    #[arg(short = 'C', long, alias = "prefix", global = true, value_name = "folder")]
    dir: Option<PathBuf>,
    /// Fetch packages from this registry
    #[arg(long, global = true, value_name = "url")]
    registry: Option<String>,
    /// Keep package files in this folder
    #[arg(long, alias = "store", global = true, value_name = "folder")]
    store_dir: Option<String>,
    /// Keep registry answers in this folder
    #[arg(long, global = true, value_name = "folder")]
    cache_dir: Option<String>,
    /// Read credentials from this file in place of ~/.npmrc
    #[arg(long, alias = "userconfig", global = true, value_name = "file", hide = true)]
    npmrc_auth_file: Option<String>,
    #[arg(long, global = true, value_name = "url", hide = true)]
    https_proxy: Option<String>,
    #[arg(long, global = true, value_name = "url", hide = true)]
    http_proxy: Option<String>,
    #[arg(long, global = true, value_name = "hosts", hide = true)]
    no_proxy: Option<String>,
    /// How to show what happens
    #[arg(long, global = true, value_name = "kind")]
    reporter: Option<Reporter>,
    /// Show nothing but errors
    #[arg(short, long, global = true)]
    silent: bool,
    /// How much to say: silent, error, warn, info or debug
    #[arg(long, global = true, value_name = "level")]
    loglevel: Option<Level>,
    /// Write a report of what took how long (html or json)
    #[arg(long, global = true, value_name = "format", num_args = 0..=1, require_equals = true,
          default_missing_value = "html")]
    timings: Option<TimingsFormat>,
    /// When to use colours: auto, always or never
    #[arg(long, global = true, value_name = "when", num_args = 0..=1, require_equals = true,
          default_missing_value = "always")]
    color: Option<Color>,
    #[arg(long, global = true, hide = true)]
    no_color: bool,
    #[arg(short, long, global = true, hide = true)]
    yes: bool,
    #[arg(short, long, global = true, hide = true)]
    recursive: bool,
    #[arg(short = 'F', long, alias = "filter-prod", global = true, hide = true)]
    filter: Vec<String>,
    #[arg(short, long, global = true, hide = true)]
    workspace_root: bool,
    #[arg(long, global = true, hide = true)]
    ignore_workspace: bool,
    /// Print the version
    #[arg(short = 'v', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Level {
    Silent,
    Error,
    Warn,
    Info,
    Debug,
}

/// Options of `install` and `ci`.
#[derive(Debug, Args)]
struct InstallArguments {
    #[arg(hide = true)]
    packages: Vec<String>,

    /// Fail if pnpm-lock.yaml does not fit package.json (default where CI is set)
    #[arg(long, help_heading = "Lockfile", overrides_with = "no_frozen_lockfile")]
    frozen_lockfile: bool,
    /// Bring pnpm-lock.yaml up to date where it does not fit (default elsewhere)
    #[arg(long, help_heading = "Lockfile", overrides_with = "frozen_lockfile")]
    no_frozen_lockfile: bool,
    /// Resolve nothing if pnpm-lock.yaml fits (default)
    #[arg(long, help_heading = "Lockfile", overrides_with = "no_prefer_frozen_lockfile")]
    prefer_frozen_lockfile: bool,
    /// Resolve even if pnpm-lock.yaml fits
    #[arg(long, help_heading = "Lockfile", overrides_with = "prefer_frozen_lockfile")]
    no_prefer_frozen_lockfile: bool,
    /// Write pnpm-lock.yaml and nothing else
    #[arg(long, help_heading = "Lockfile")]
    lockfile_only: bool,
    /// Make what is missing or wrong in pnpm-lock.yaml anew, and keep its versions
    #[arg(long, help_heading = "Lockfile")]
    fix_lockfile: bool,
    /// Take the checksums that the registry has now into pnpm-lock.yaml
    #[arg(long, help_heading = "Lockfile")]
    update_checksums: bool,
    /// Do not apply policies to what is locked already
    #[arg(long, help_heading = "Lockfile", overrides_with = "no_trust_lockfile")]
    trust_lockfile: bool,
    /// Apply policies to everything (default)
    #[arg(long, help_heading = "Lockfile", overrides_with = "trust_lockfile")]
    no_trust_lockfile: bool,

    /// Leave devDependencies out
    #[arg(short = 'P', long, alias = "production", help_heading = "What is installed")]
    prod: bool,
    /// Install devDependencies only
    #[arg(short = 'D', long, help_heading = "What is installed")]
    dev: bool,
    /// Leave optionalDependencies out
    #[arg(long, help_heading = "What is installed", overrides_with = "optional")]
    no_optional: bool,
    #[arg(long, hide = true, overrides_with = "no_optional")]
    optional: bool,
    /// Install for this processor too (may be repeated)
    #[arg(long, value_name = "name", help_heading = "What is installed")]
    cpu: Vec<String>,
    /// Install for this system too (may be repeated)
    #[arg(long, value_name = "name", help_heading = "What is installed")]
    os: Vec<String>,
    /// Install for this C library too (may be repeated)
    #[arg(long, value_name = "name", help_heading = "What is installed")]
    libc: Vec<String>,

    /// Print what would be done, and do nothing
    #[arg(long, help_heading = "How it is done")]
    dry_run: bool,
    /// Place every package anew
    #[arg(long, help_heading = "How it is done")]
    force: bool,
    /// Run no scripts
    #[arg(long, help_heading = "How it is done", overrides_with = "no_ignore_scripts")]
    ignore_scripts: bool,
    /// Run the project's own scripts (default)
    #[arg(long, help_heading = "How it is done", overrides_with = "ignore_scripts")]
    no_ignore_scripts: bool,
    /// Install even though a .pnpmfile.cjs is there, without its hooks
    #[arg(long, help_heading = "How it is done")]
    ignore_pnpmfile: bool,
    #[arg(long, value_name = "kind", hide = true)]
    node_linker: Option<String>,
    #[arg(long, value_name = "folder", hide = true)]
    lockfile_dir: Option<String>,
    #[arg(long, value_name = "folder", hide = true)]
    modules_dir: Option<String>,
    #[arg(long, value_name = "folder", hide = true)]
    virtual_store_dir: Option<String>,
    #[arg(long, value_name = "method", hide = true)]
    package_import_method: Option<String>,
    #[arg(long, hide = true)]
    frozen_store: bool,
    #[arg(long, hide = true)]
    shamefully_hoist: bool,
    #[arg(long, hide = true)]
    strict_peer_dependencies: bool,
    #[arg(long, hide = true)]
    merge_git_branch_lockfiles: bool,
    #[arg(long, value_name = "pattern", hide = true)]
    merge_git_branch_lockfiles_branch_pattern: Vec<String>,
    #[arg(short, long, hide = true)]
    global: bool,

    /// Use no network
    #[arg(long, help_heading = "Network", overrides_with = "no_offline")]
    offline: bool,
    #[arg(long, hide = true, overrides_with = "offline")]
    no_offline: bool,
    /// Use the network only for what is not there
    #[arg(long, help_heading = "Network", overrides_with = "no_prefer_offline")]
    prefer_offline: bool,
    #[arg(long, hide = true, overrides_with = "prefer_offline")]
    no_prefer_offline: bool,
    /// Requests at once
    #[arg(long, value_name = "number", help_heading = "Network")]
    network_concurrency: Option<u64>,
    /// Give a request up after this time without progress
    #[arg(long, value_name = "milliseconds", help_heading = "Network")]
    fetch_timeout: Option<u64>,
    /// Try a failed request again so many times
    #[arg(long, value_name = "number", help_heading = "Network")]
    fetch_retries: Option<u64>,
    #[arg(long, value_name = "milliseconds", hide = true)]
    fetch_warn_timeout_ms: Option<u64>,
    #[arg(long, value_name = "number", hide = true)]
    fetch_min_speed_ki_bps: Option<u64>,
    #[arg(long, value_name = "text", hide = true)]
    user_agent: Option<String>,
    #[arg(long, value_name = "url", hide = true)]
    pnpr_server: Option<String>,
}

/// Understands what was typed after the program's name.
///
/// # Errors
/// It is not a valid command line.
pub fn parse(typed: Vec<String>) -> Result<Invocation, UsageError> {
    let mut command = command();
    let ordered = order::order(typed, &command);
    let line = std::iter::once("wasi-pm".to_owned()).chain(ordered.arguments);
    let parsed = command.try_get_matches_from_mut(line).and_then(|matches| Line::from_arg_matches(&matches));
    match parsed {
        Ok(line) => translate(line, ordered.settings),
        Err(error) if error.kind() == ErrorKind::DisplayVersion => Ok(print(concat!(env!("CARGO_PKG_VERSION"), "\n"))),
        Err(error) if error.kind() == ErrorKind::DisplayHelp => Ok(print(&error.render().to_string())),
        Err(error) => Err(usage(&error)),
    }
}

/// The help of the whole program.
#[must_use]
pub fn help() -> String {
    command().render_help().to_string()
}

/// What clap knows of the command line, for completion scripts too.
pub(crate) fn command() -> clap::Command {
    let codes: String = exit::TABLE.iter().map(|(code, meaning)| format!("  {code:<4} {meaning}\n")).collect();
    let examples = "\
Examples:
  wasi-pm install                     install what package.json asks for
  wasi-pm install --frozen-lockfile   install exactly what pnpm-lock.yaml says
  wasi-pm ci --prod                   the same from scratch, for production
  wasi-pm add -D typescript           add a package for development
  wasi-pm update                      newer versions within the ranges of package.json
  wasi-pm install --timings           and write a page that shows what took how long

Any setting of pnpm-workspace.yaml can be given as --config.<setting>=<value>.";
    Line::command().after_help(format!("{examples}\n\nExit codes:\n{codes}"))
}

fn print(text: &str) -> Invocation {
    let command = Command::Print(text.to_owned());
    Invocation { command, dir: None, settings: Vec::new(), show: Show::default() }
}

fn usage(error: &clap::Error) -> UsageError {
    let text = clean(&error.render().to_string());
    let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let tip = text.lines().find_map(|line| line.trim().strip_prefix("tip: "));
    let hint = tip.unwrap_or("`wasi-pm <command> --help` lists the options").to_owned();
    UsageError(Diagnostic::new("ERR_WASI_PM_USAGE", message).with_hint(hint))
}

fn translate(line: Line, typed: Vec<(String, Value)>) -> Result<Invocation, UsageError> {
    let Line { common, word } = line;
    let mut settings = Settings(Vec::new());
    let changes = match &word {
        Some(Word::Add(_) | Word::Update(_) | Word::Remove(_)) => true,
        Some(Word::Install(install)) => !install.packages.is_empty(),
        _ => false,
    };
    let refused = common.not_yet(changes);
    let scope = Scope { recursive: common.recursive, root: common.workspace_root };
    let command = match word {
        _ if refused.is_some() && !matches!(word, None | Some(Word::Other(_))) => {
            Command::NotYet(refused.expect("the guard saw it"))
        }
        None => Command::Print(help()),
        Some(Word::Install(install)) => install.translate(false, scope, &mut settings),
        Some(Word::Ci(install)) => install.translate(true, scope, &mut settings),
        Some(Word::Add(add)) => add.translate(scope, &mut settings),
        Some(Word::Update(update)) => update.translate(scope, &mut settings),
        Some(Word::Remove(remove)) => remove.translate(scope, &mut settings),
        Some(Word::Store { command }) => Command::Store(command),
        Some(Word::Completion { shell }) => Command::Completion(shell),
        Some(Word::Other(words)) if words.first().is_some_and(|word| word == "help") => Command::Print(help()),
        Some(Word::Other(words)) => Command::NotYet(words::unknown(words.first().map_or("", String::as_str))?),
    };
    let show = common.show();
    let dir = common.settings(&mut settings);
    settings.0.extend(typed);
    Ok(Invocation { command, dir, settings: settings.0, show })
}

/// Collects what flags set.
pub(super) struct Settings(Vec<(String, Value)>);

impl Settings {
    pub(super) fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.push((name.to_owned(), value.into()));
    }

    pub(super) fn option(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    pub(super) fn when(&mut self, typed: bool, name: &str, value: bool) {
        if typed {
            self.put(name, value);
        }
    }
}

impl Common {
    /// Which projects of a workspace: not selectable yet, but for commands that change manifests.
    fn not_yet(&self, changes: bool) -> Option<NotYet> {
        let typed = [
            (self.recursive && !changes, "--recursive"),
            (!self.filter.is_empty(), "--filter"),
            (self.workspace_root && !changes, "--workspace-root"),
            (self.ignore_workspace, "--ignore-workspace"),
        ];
        let (_, option) = typed.into_iter().find(|(typed, _)| *typed)?;
        let hint = "`wasi-pm install` installs all projects of the workspace";
        Some(NotYet::with_hint(option, hint))
    }

    fn show(&self) -> Show {
        let silent = self.silent || matches!(self.loglevel, Some(Level::Silent));
        Show {
            reporter: if silent { Some(Reporter::Silent) } else { self.reporter },
            level: match self.loglevel {
                None => Some(LogLevel::Info),
                Some(Level::Silent) => None,
                Some(Level::Error) => Some(LogLevel::Error),
                Some(Level::Warn) => Some(LogLevel::Warn),
                Some(Level::Info) => Some(LogLevel::Info),
                Some(Level::Debug) => Some(LogLevel::Debug),
            },
            color: if self.no_color { Color::Never } else { self.color.unwrap_or_default() },
            timings: self.timings,
        }
    }

    fn settings(self, settings: &mut Settings) -> Option<PathBuf> {
        settings.option("registry", self.registry);
        settings.option("storeDir", self.store_dir);
        settings.option("cacheDir", self.cache_dir);
        settings.option("npmrcAuthFile", self.npmrc_auth_file);
        settings.option("httpsProxy", self.https_proxy);
        settings.option("httpProxy", self.http_proxy);
        settings.option("noProxy", self.no_proxy);
        self.dir
    }
}

impl InstallArguments {
    fn translate(mut self, clean: bool, scope: Scope, settings: &mut Settings) -> Command {
        if let Some(refused) = self.not_yet(clean) {
            return Command::NotYet(refused);
        }
        if !self.packages.is_empty() {
            let typed = [(Group::Prod, self.prod), (Group::Dev, self.dev)];
            let groups = typed.into_iter().filter(|(_, typed)| *typed).map(|(group, _)| group).collect();
            let packages = std::mem::take(&mut self.packages);
            (self.prod, self.dev, self.frozen_lockfile) = (false, false, false);
            self.translate(false, scope, settings);
            return scope.add(packages, groups);
        }
        self.flags(settings);
        settings.architectures([("os", &self.os), ("cpu", &self.cpu), ("libc", &self.libc)]);
        settings.option("nodeLinker", self.node_linker);
        settings.option("lockfileDir", self.lockfile_dir);
        settings.option("modulesDir", self.modules_dir);
        settings.option("virtualStoreDir", self.virtual_store_dir);
        settings.option("packageImportMethod", self.package_import_method);
        settings.option("networkConcurrency", self.network_concurrency);
        settings.option("fetchTimeout", self.fetch_timeout);
        settings.option("fetchRetries", self.fetch_retries);
        settings.option("fetchWarnTimeoutMs", self.fetch_warn_timeout_ms);
        settings.option("fetchMinSpeedKiBps", self.fetch_min_speed_ki_bps);
        settings.option("userAgent", self.user_agent);
        settings.option("pnprServer", self.pnpr_server);
        Command::Install(InstallOptions { clean })
    }

    fn flags(&self, settings: &mut Settings) {
        settings.when(self.frozen_lockfile, "frozenLockfile", true);
        settings.when(self.no_frozen_lockfile, "frozenLockfile", false);
        settings.when(self.prefer_frozen_lockfile, "preferFrozenLockfile", true);
        settings.when(self.no_prefer_frozen_lockfile, "preferFrozenLockfile", false);
        settings.when(self.lockfile_only, "lockfileOnly", true);
        settings.when(self.fix_lockfile, "fixLockfile", true);
        settings.when(self.update_checksums, "updateChecksums", true);
        settings.when(self.trust_lockfile, "trustLockfile", true);
        settings.when(self.no_trust_lockfile, "trustLockfile", false);
        settings.when(self.prod, "production", true);
        settings.when(self.dev, "dev", true);
        settings.when(self.no_optional, "optional", false);
        settings.when(self.optional, "optional", true);
        settings.when(self.dry_run, "dryRun", true);
        settings.when(self.force, "force", true);
        settings.when(self.ignore_scripts, "ignoreScripts", true);
        settings.when(self.no_ignore_scripts, "ignoreScripts", false);
        settings.when(self.ignore_pnpmfile, "ignorePnpmfile", true);
        settings.when(self.frozen_store, "frozenStore", true);
        settings.when(self.shamefully_hoist, "shamefullyHoist", true);
        settings.when(self.strict_peer_dependencies, "strictPeerDependencies", true);
        settings.when(self.merge_git_branch_lockfiles, "mergeGitBranchLockfiles", true);
        let patterns = &self.merge_git_branch_lockfiles_branch_pattern;
        if !patterns.is_empty() {
            settings.put("mergeGitBranchLockfilesBranchPattern", patterns.clone());
        }
        settings.when(self.offline, "offline", true);
        settings.when(self.no_offline, "offline", false);
        settings.when(self.prefer_offline, "preferOffline", true);
        settings.when(self.no_prefer_offline, "preferOffline", false);
    }

    fn not_yet(&self, clean: bool) -> Option<NotYet> {
        if self.global {
            return Some(NotYet::new("install --global"));
        }
        (clean && !self.packages.is_empty()).then(|| NotYet::with_hint("ci <package>", "Use `wasi-pm add <package>`"))
    }
}
