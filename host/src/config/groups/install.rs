//! How the lockfile and `node_modules` are treated.

use crate::{
    cli::{Change, Command, Invocation},
    config::{ConfigError, Environment, Values},
    engine::Intent,
    graph::Group,
};

/// How the lockfile and `node_modules` are treated.
#[derive(Debug, Clone)]
pub struct Install {
    /// What a lockfile is worth.
    pub lockfile: LockfileUse,
    /// Write the lockfile and nothing else.
    pub lockfile_only: bool,
    /// Print the plan and change nothing.
    pub dry_run: bool,
    /// Place everything anew.
    pub force: bool,
    /// `ci`: `node_modules` is removed first.
    pub clean: bool,
    /// The up-to-date check may end the run (`optimisticRepeatInstall`).
    pub optimistic_repeat: bool,
    /// The policies need not be applied to what is locked already.
    pub trust_lockfile: bool,
    /// Resolve even where nothing has changed (`--fix-lockfile`, `--update-checksums`).
    pub repair: bool,
    /// What projects that depend on each other in a circle are.
    pub cycles: Cycles,
    /// What `add`, `update` or `remove` change.
    pub change: Option<Change>,
    /// `includeWorkspaceRoot`.
    pub includes_root: bool,
    /// `ignoreWorkspaceRootCheck`.
    pub ignores_root_check: bool,
    /// How many patterns `packages` has.
    pub workspace_patterns: usize,
}

/// What projects that depend on each other in a circle are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cycles {
    /// Nothing to speak of (`ignoreWorkspaceCycles`).
    Ignore,
    /// A warning.
    Warn,
    /// An error (`disallowWorkspaceCycles`).
    Refuse,
}

/// What a lockfile is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockfileUse {
    /// There must be one, and it must fit the manifests.
    Frozen,
    /// If there is one, it must fit: the default on a build server.
    FrozenIfPresent,
    /// If it fits, nothing is resolved: the default elsewhere.
    PreferFrozen,
    /// Resolve in any case, keeping what is locked as far as manifests allow.
    Resolve,
}

impl LockfileUse {
    /// A lockfile that is there is not written.
    #[must_use]
    pub fn is_frozen(self) -> bool {
        matches!(self, Self::Frozen | Self::FrozenIfPresent)
    }
}

pub(super) fn install(
    values: &Values,
    invocation: &Invocation,
    environment: &Environment,
) -> Result<Install, ConfigError> {
    let clean = matches!(&invocation.command, Command::Install(options) if options.clean);
    let ci = values.flag("ci").unwrap_or_else(|| environment.ci());
    let lockfile_only = values.flag("lockfileOnly").unwrap_or(false);
    let prefer = values.flag("preferFrozenLockfile");
    let update_checksums = values.flag("updateChecksums").unwrap_or(false);
    let repair = update_checksums || values.flag("fixLockfile").unwrap_or(false);
    if update_checksums && (clean || values.flag("frozenLockfile") == Some(true)) {
        return Err(ConfigError::Conflict {
            code: "ERR_PNPM_CONFIG_CONFLICT_FROZEN_LOCKFILE_WITH_UPDATE_CHECKSUMS",
            message: "--frozen-lockfile leaves the lockfile as it is, --update-checksums is there to change it",
        });
    }
    let mut change = match &invocation.command {
        Command::Change(change) => Some(change.clone()),
        _ => None,
    };
    if let Some(Intent::Add(add)) = change.as_mut().map(|change| &mut change.intent)
        && values.flag("savePeer") == Some(true)
        && !add.groups.contains(&Group::Peer)
    {
        let group = if add.groups.is_empty() { Some(Group::Dev) } else { None };
        add.groups.extend(group.into_iter().chain([Group::Peer]));
    }
    let lockfile = match values.flag("frozenLockfile") {
        _ if change.is_some() && prefer != Some(false) => LockfileUse::PreferFrozen,
        _ if change.is_some() => LockfileUse::Resolve,
        _ if repair => LockfileUse::Resolve,
        _ if clean => LockfileUse::Frozen,
        Some(true) => LockfileUse::Frozen,
        None if ci && !lockfile_only && prefer != Some(false) => LockfileUse::FrozenIfPresent,
        _ if prefer == Some(false) => LockfileUse::Resolve,
        _ => LockfileUse::PreferFrozen,
    };
    let dry_run = values.flag("dryRun").unwrap_or(false);
    Ok(Install {
        lockfile,
        // What is not to be written is shown, the packages too.
        lockfile_only: lockfile_only && !dry_run,
        dry_run,
        force: values.flag("force").unwrap_or(false),
        clean,
        optimistic_repeat: values.flag("optimisticRepeatInstall").unwrap_or(true),
        repair,
        trust_lockfile: values.flag("trustLockfile").unwrap_or(false),
        cycles: match (values.flag("ignoreWorkspaceCycles"), values.flag("disallowWorkspaceCycles")) {
            (Some(true), _) => Cycles::Ignore,
            (_, Some(true)) => Cycles::Refuse,
            _ => Cycles::Warn,
        },
        change,
        includes_root: values.flag("includeWorkspaceRoot").unwrap_or(false),
        ignores_root_check: values.flag("ignoreWorkspaceRootCheck").unwrap_or(false),
        workspace_patterns: values.list("packages").map_or(0, |patterns| patterns.len()),
    })
}
