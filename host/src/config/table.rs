//! The settings pnpm knows, one line each: name, type, and what becomes of it here. The same table serves
//! `pnpm-workspace.yaml`, the user's `config.yaml`, `PNPM_CONFIG_*` and `--config.<setting>`.
//!
//! No setting is silently ignored that would give another lockfile, another tree or less safety: such a setting is
//! refused unless its value asks for what happens anyway.

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// In camel case, as in `pnpm-workspace.yaml`.
    pub name: &'static str,
    /// What its values look like.
    pub kind: Kind,
    /// What becomes of it.
    pub support: Support,
}

/// What values look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number, not negative.
    Number,
    /// A text.
    Text,
    /// Texts; one text stands for a list of one.
    List,
    /// An object.
    Map,
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// `true`, `false` or one of these texts.
    FlagOr(&'static [&'static str]),
    /// Anything.
    Any,
}

/// What becomes of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It is honoured.
    Used,
    /// It concerns commands or steps that this version does not have.
    Elsewhere,
    /// It is named in a notice and has no effect; why that is harmless.
    Notice(&'static str),
    /// It is refused, unless its value (as JSON) is one of these, which ask for what happens anyway.
    Refused(&'static [&'static str]),
}

use Kind::{Any, Choice, Flag, FlagOr, List, Map, Number, Text};
use Support::{Elsewhere, Notice, Refused, Used};

const fn row(name: &'static str, kind: Kind, support: Support) -> Setting {
    Setting { name, kind, support }
}

const NO_BUILDS: &str = "scripts of dependencies are not run yet";

/// All settings, by subject.
pub static SETTINGS: &[Setting] = &[
    // The workspace.
    row("packages", List, Used),
    row("catalog", Map, Used),
    row("catalogs", Map, Used),
    row("linkWorkspacePackages", FlagOr(&["deep"]), Used),
    row("preferWorkspacePackages", Flag, Used),
    row("injectWorkspacePackages", Flag, Used),
    row("dedupeInjectedDeps", Flag, Used),
    row("dedupeDirectDeps", Flag, Used),
    row("sharedWorkspaceLockfile", Flag, Used),
    row("includeWorkspaceRoot", Flag, Used),
    row("ignoreWorkspaceRootCheck", Flag, Used),
    row("ignoreWorkspaceCycles", Flag, Used),
    row("disallowWorkspaceCycles", Flag, Used),
    row("saveWorkspaceProtocol", FlagOr(&["rolling"]), Used),
    row("syncInjectedDepsAfterScripts", List, Elsewhere),
    row("testPattern", List, Elsewhere),
    row("changedFilesIgnorePattern", List, Elsewhere),
    row("recursiveInstall", Flag, Refused(&["true"])),
    // Layout.
    row("nodeLinker", Choice(&["isolated", "hoisted", "pnp"]), Refused(&["\"isolated\""])),
    row("hoist", Flag, Used),
    row("hoistPattern", List, Used),
    row("publicHoistPattern", List, Used),
    row("shamefullyHoist", Flag, Used),
    row("hoistWorkspacePackages", Flag, Used),
    row("hoistingLimits", Any, Notice("it concerns the hoisted layout only")),
    row("externalDependencies", List, Notice("it concerns the hoisted layout only")),
    row("modulesDir", Text, Refused(&["\"node_modules\"", "\"./node_modules\""])),
    row("virtualStoreDir", Text, Refused(&["\"node_modules/.pnpm\"", "\"./node_modules/.pnpm\""])),
    row("virtualStoreDirMaxLength", Number, Used),
    row("virtualStoreType", Text, Refused(&[])),
    row("virtualStoreOnly", Flag, Refused(&["false"])),
    row("enableGlobalVirtualStore", Flag, Used),
    row("disableGlobalVirtualStoreForPackages", List, Used),
    row("globalVirtualStoreDir", Text, Used),
    row("enableModulesDir", Flag, Refused(&["true"])),
    row("symlink", Flag, Refused(&["true"])),
    row("packageImportMethod", Choice(&["auto", "hardlink", "clone", "copy", "clone-or-copy"]), Used),
    row("extendNodePath", Flag, Used),
    row("preferSymlinkedExecutables", Flag, Notice("executables are always started through a shim")),
    row("nodeExperimentalPackageMap", Flag, Refused(&["false"])),
    row("nodePackageMapType", Text, Elsewhere),
    row("globalShims", Any, Elsewhere),
    row("modulesCacheMaxAge", Number, Notice("packages no longer needed are removed at once")),
    // The store and the cache.
    row("storeDir", Text, Used),
    row("cacheDir", Text, Used),
    row("stateDir", Text, Elsewhere),
    row("frozenStore", Flag, Refused(&["false"])),
    row("verifyStoreIntegrity", Flag, Used),
    row("strictStorePkgContentCheck", Flag, Notice("the content is always checked strictly")),
    row("sideEffectsCache", Flag, Notice(NO_BUILDS)),
    row("sideEffectsCacheReadonly", Flag, Notice(NO_BUILDS)),
    // The lockfile.
    row("lockfile", Flag, Refused(&["true"])),
    row("lockfileDir", Text, Refused(&["\".\""])),
    row("frozenLockfile", Flag, Used),
    row("preferFrozenLockfile", Flag, Used),
    row("lockfileOnly", Flag, Used),
    row("fixLockfile", Flag, Used),
    row("updateChecksums", Flag, Used),
    row("lockfileIncludeTarballUrl", Flag, Used),
    row("excludeLinksFromLockfile", Flag, Used),
    row("gitBranchLockfile", Flag, Used),
    row("mergeGitBranchLockfiles", Flag, Used),
    row("mergeGitBranchLockfilesBranchPattern", List, Used),
    row("optimisticRepeatInstall", Flag, Used),
    row("trustLockfile", Flag, Used),
    // Versions and peers.
    row("overrides", Map, Used),
    row("packageExtensions", Map, Used),
    row("ignoreCompatibilityDb", Flag, Used),
    row("ignoredOptionalDependencies", List, Used),
    row("allowedDeprecatedVersions", Map, Used),
    row("supportedArchitectures", Map, Used),
    row("resolutionMode", Choice(&["highest", "lowest-direct", "time-based"]), Used),
    row("registrySupportsTimeField", Flag, Used),
    row("autoInstallPeers", Flag, Used),
    row("autoInstallPeersFromHighestMatch", Flag, Used),
    row("strictPeerDependencies", Flag, Used),
    row("dedupePeerDependents", Flag, Used),
    row("dedupePeers", Flag, Used),
    row("resolvePeersFromWorkspaceRoot", Flag, Used),
    row("peersSuffixMaxLength", Number, Used),
    row("peerDependencyRules", Map, Used),
    row("engineStrict", Flag, Used),
    row("nodeVersion", Text, Used),
    row("patchedDependencies", Map, Used),
    row("patchesDir", Text, Elsewhere),
    row("allowUnusedPatches", Flag, Used),
    row("configDependencies", Map, Refused(&["{}"])),
    row("pnpmfile", Any, Refused(&[])),
    row("globalPnpmfile", Text, Refused(&[])),
    row("ignorePnpmfile", Flag, Used),
    row("catalogMode", Choice(&["manual", "prefer", "strict"]), Used),
    row("catalogPrune", Any, Notice("entries of catalogs are never removed")),
    row("cleanupUnusedCatalogs", Flag, Notice("entries of catalogs are never removed")),
    row("saveCatalogName", Text, Used),
    row("savePrefix", Text, Used),
    row("saveExact", Flag, Used),
    row("savePeer", Flag, Used),
    row("updateConfig", Map, Used),
    // Policy.
    row("minimumReleaseAge", Number, Used),
    row("minimumReleaseAgeExclude", List, Used),
    row("minimumReleaseAgeExcludePrune", Flag, Notice("pnpm-workspace.yaml is never rewritten")),
    row("minimumReleaseAgeIgnoreMissingTime", Flag, Used),
    row("minimumReleaseAgeStrict", Flag, Used),
    row("trustPolicy", Choice(&["off", "no-downgrade"]), Used),
    row("trustPolicyExclude", List, Used),
    row("trustPolicyIgnoreAfter", Number, Used),
    row("blockExoticSubdeps", Flag, Used),
    row("auditLevel", Text, Elsewhere),
    row("auditConfig", Map, Elsewhere),
    // Scripts.
    row("ignoreScripts", Flag, Used),
    row("allowBuilds", Map, Used),
    row("strictDepBuilds", Flag, Used),
    row("dangerouslyAllowAllBuilds", Flag, Used),
    row("onlyBuiltDependencies", List, Notice("allowBuilds has taken its place")),
    row("neverBuiltDependencies", List, Notice("allowBuilds has taken its place")),
    row("ignoredBuiltDependencies", List, Notice("allowBuilds has taken its place")),
    row("scriptShell", Text, Used),
    row("nodeOptions", Text, Used),
    row("enablePrePostScripts", Flag, Elsewhere),
    row("scriptsPrependNodePath", FlagOr(&["warn-only"]), Notice(NO_BUILDS)),
    row("unsafePerm", Flag, Elsewhere),
    row("childConcurrency", Number, Notice(NO_BUILDS)),
    row("workspaceConcurrency", Number, Elsewhere),
    row("verifyDepsBeforeRun", Any, Elsewhere),
    row("runtimeOnFail", Text, Elsewhere),
    row("pmOnFail", Text, Elsewhere),
    // The network.
    row("registry", Text, Used),
    row("registries", Map, Used),
    row("namedRegistries", Map, Used),
    row("scope", Text, Elsewhere),
    row("_auth", Any, Refused(&[])),
    row("npmrcAuthFile", Text, Used),
    row("userconfig", Text, Used),
    row("httpProxy", Text, Used),
    row("httpsProxy", Text, Used),
    row("proxy", Text, Used),
    row("noProxy", Any, Used),
    row("fetchRetries", Number, Used),
    row("fetchRetryFactor", Number, Used),
    row("fetchRetryMintimeout", Number, Used),
    row("fetchRetryMaxtimeout", Number, Used),
    row("fetchTimeout", Number, Used),
    row("fetchWarnTimeoutMs", Number, Used),
    row("fetchMinSpeedKiBps", Number, Used),
    row("networkConcurrency", Number, Used),
    row("maxSockets", Number, Used),
    row("userAgent", Text, Used),
    row("offline", Flag, Used),
    row("preferOffline", Flag, Used),
    row("strictSsl", Flag, Used),
    row("ca", Any, Used),
    row("cafile", Text, Used),
    row("cert", Text, Refused(&[])),
    row("key", Text, Refused(&[])),
    row("localAddress", Text, Refused(&[])),
    row("gitShallowHosts", List, Elsewhere),
    row("pnprServer", Text, Refused(&[])),
    row("nodeDownloadMirrors", Map, Elsewhere),
    // Selection.
    row("production", Flag, Used),
    row("dev", Flag, Used),
    row("optional", Flag, Used),
    row("dryRun", Flag, Used),
    row("force", Flag, Used),
    // What is shown.
    row("reporter", Text, Used),
    row("loglevel", Choice(&["silent", "error", "warn", "info", "debug"]), Used),
    row("color", FlagOr(&["always", "auto", "never"]), Used),
    row("ci", Flag, Used),
    // Other commands.
    row("gitChecks", Flag, Elsewhere),
    row("dlxCacheMaxAge", Number, Elsewhere),
    row("initPackageManager", Flag, Elsewhere),
    row("initType", Text, Elsewhere),
    row("versioning", Map, Elsewhere),
    row("deployAllFiles", Flag, Elsewhere),
    row("forceLegacyDeploy", Flag, Elsewhere),
    row("updateNotifier", Flag, Elsewhere),
    row("managePackageManagerVersions", Flag, Elsewhere),
    row("packageManagerStrict", Flag, Elsewhere),
    row("packageManagerStrictVersion", Flag, Elsewhere),
    row("wasiPm", Map, Refused(&["{}"])),
];

/// The setting of this name, in camel or kebab case.
#[must_use]
pub fn find(name: &str) -> Option<&'static Setting> {
    let name = camel(name);
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// `store-dir`, `STORE_DIR` and `storeDir` are one name: `storeDir`.
#[must_use]
pub fn camel(name: &str) -> String {
    let shout = !name.bytes().any(|byte| byte.is_ascii_lowercase());
    let mut camel = String::with_capacity(name.len());
    let mut upper = false;
    for (at, letter) in name.chars().enumerate() {
        if at > 0 && (letter == '-' || letter == '_') {
            upper = true;
        } else if upper {
            camel.extend(letter.to_uppercase());
            upper = false;
        } else if shout {
            camel.extend(letter.to_lowercase());
        } else {
            camel.push(letter);
        }
    }
    camel
}

/// The known name that is meant by an unknown one, if one is near enough.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).clamp(1, 3);
    known.map(|name| (distance(word, name), name)).filter(|(far, _)| *far <= limit).min().map(|(_, name)| name)
}

/// How many letters must be added, dropped, changed or swapped with their neighbour.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let mut least = (row[j] + usize::from(a != b)).min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                least = least.min(before[j - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[right.len()]
}
