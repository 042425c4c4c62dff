//! What can be wrong with settings, manifests and the workspace.

use std::path::PathBuf;

use super::values::Origin;
use crate::diagnostic::Diagnose;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no manifest.
    #[error("No package.json found in {}", .dir.display())]
    NoManifest {
        /// Where it should be.
        dir: PathBuf,
        /// A manifest in a format that is not read: its name.
        other: Option<&'static str>,
    },
    /// A manifest that is not valid JSON.
    #[error("{}:{line}:{column} is not valid JSON: {reason}", .path.display())]
    BrokenManifest {
        /// Which.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// In the words of the parser.
        reason: String,
    },
    /// A dependency of a manifest that asks for something that is no text.
    #[error("{}: dependency \"{alias}\" in {field} must have a string specifier", .path.display())]
    BadSpecifier {
        /// Which.
        path: PathBuf,
        /// Where in it.
        field: &'static str,
        /// The key, without control characters.
        alias: String,
    },
    /// A file over a limit.
    #[error("{} is not read: {limit}", .path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// Which limit.
        limit: &'static str,
    },
    /// A file that cannot be read.
    #[error("{} cannot be read", .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A patch file that cannot be read.
    #[error("Patch file not found: {}", .path.display())]
    Patch {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A settings file that is not valid YAML, or has another shape.
    #[error("{} is not valid: {reason}", .path.display())]
    BrokenYaml {
        /// Which.
        path: PathBuf,
        /// In the words of the parser.
        reason: String,
    },
    /// A value of the wrong type.
    #[error("The setting {name} in {origin} is not valid: expected {expected}")]
    InvalidSetting {
        /// The setting.
        name: String,
        /// What is expected.
        expected: String,
        /// Where it was written.
        origin: Origin,
    },
    /// A setting that would change the outcome and is not supported.
    #[error("The setting {name} ({value}) in {origin} is not supported yet")]
    UnsupportedSetting {
        /// The setting.
        name: &'static str,
        /// Its value as JSON.
        value: String,
        /// Where it was written.
        origin: Origin,
    },
    /// A file of hooks that would change the outcome and is not supported.
    #[error("{} would change what is installed, and is not supported yet", .path.display())]
    Hooks {
        /// Which.
        path: PathBuf,
    },
    /// A pattern of `packages` that is not valid or leads out of the workspace.
    #[error("The workspace pattern {pattern:?} in pnpm-workspace.yaml is not used: {reason}")]
    Pattern {
        /// As it was written.
        pattern: String,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// A workspace too large to walk.
    #[error("The workspace {} is too large: {limit}", .root.display())]
    WorkspaceTooLarge {
        /// Its folder.
        root: PathBuf,
        /// Which limit.
        limit: &'static str,
    },
    /// Two settings that cannot both hold.
    #[error("{message}")]
    Conflict {
        /// The stable code.
        code: &'static str,
        /// Which, in one sentence.
        message: &'static str,
    },
    /// A folder whose path cannot be used.
    #[error("{} cannot be used: {reason}", .path.display())]
    BadPath {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// There is no home folder, and nothing else says where the store is.
    #[error("There is no home folder to keep the {0} in")]
    NoHome(&'static str),
}

impl Diagnose for ConfigError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoManifest { .. } => "ERR_PNPM_NO_PKG_MANIFEST",
            Self::BrokenManifest { .. } => "ERR_PNPM_JSON_PARSE",
            Self::BadSpecifier { .. } => "ERR_PNPM_PACKAGE_MANIFEST_INVALID_ATTRIBUTE",
            Self::TooLarge { .. } | Self::WorkspaceTooLarge { .. } => "ERR_WASI_PM_TOO_LARGE",
            Self::Read { .. } => "ERR_WASI_PM_READ_FILE",
            Self::Patch { .. } => "ERR_PNPM_PATCH_NOT_FOUND",
            Self::BrokenYaml { .. } | Self::Pattern { .. } => "ERR_PNPM_INVALID_WORKSPACE_CONFIGURATION",
            Self::InvalidSetting { .. } => "ERR_PNPM_INVALID_SETTING",
            Self::UnsupportedSetting { .. } => "ERR_WASI_PM_UNSUPPORTED_SETTING",
            Self::Hooks { .. } => "ERR_WASI_PM_UNSUPPORTED_PNPMFILE",
            Self::Conflict { code, .. } => code,
            Self::BadPath { .. } => "ERR_WASI_PM_BAD_PATH",
            Self::NoHome(_) => "ERR_WASI_PM_NO_HOME",
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoManifest { other: Some(name), .. } => {
                format!("There is a {name}, but this version reads package.json only")
            }
            Self::NoManifest { other: None, .. } => {
                "Go to the folder of a project, or name it with --dir <folder>".to_owned()
            }
            Self::BrokenManifest { .. } => {
                "Mend the file at this place; a comma too many or a missing quote is the usual cause".to_owned()
            }
            Self::BadSpecifier { alias, .. } => format!("Ask for {alias} by a version in quotes, such as \"^1.0.0\""),
            Self::UnsupportedSetting { name, .. } => {
                format!("Take {name} out, or use pnpm for this project until it is supported")
            }
            Self::Hooks { .. } => {
                "Use pnpm for this project until it is supported, or pass --ignore-pnpmfile if its hooks do not matter"
                    .to_owned()
            }
            Self::Pattern { .. } => {
                "Patterns are relative to the folder of pnpm-workspace.yaml and stay below it".to_owned()
            }
            Self::WorkspaceTooLarge { .. } => "Narrow the patterns of packages in pnpm-workspace.yaml".to_owned(),
            Self::NoHome(what) => {
                let option = if *what == "store" { "--store-dir" } else { "--cache-dir" };
                format!("Set HOME, or name a folder with {option}")
            }
            _ => return None,
        })
    }
}
