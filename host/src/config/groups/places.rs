//! Where things are and how `node_modules` is laid out.

use std::path::{Component, Path, PathBuf};

use crate::{
    config::{ConfigError, Environment, Project, Values},
    link::Import,
    state::{MODULES, VIRTUAL_STORE},
};

/// The store and the cache. Absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directories {
    /// The content-addressed store, without its version folder.
    pub store: PathBuf,
    /// Packuments and whatever else can be fetched or made again.
    pub cache: PathBuf,
}

/// How `node_modules` is laid out. Only the isolated layout exists.
#[derive(Debug, Clone)]
pub struct Layout {
    /// `node_modules/.pnpm`, absolute.
    pub virtual_store_dir: PathBuf,
    /// The folder of slots shared between projects, absolute; `None`: slots are the project's own.
    pub global_virtual_store_dir: Option<PathBuf>,
    /// `packageImportMethod`.
    pub import: Import,
    /// Sizes and types of files are checked before they are linked.
    pub verify_store_integrity: bool,
    /// Shims set `NODE_PATH`.
    pub extend_node_path: bool,
}

/// Where the store and the cache are.
pub(in crate::config) fn directories(
    values: &Values,
    root: &Path,
    environment: &Environment,
) -> Result<Directories, ConfigError> {
    let set = |name| values.text(name).map(|text| resolve(&text, root, environment));
    let store = set("storeDir").or_else(|| Some(environment.data_home()?.join("wasi-pm/store")));
    let cache = set("cacheDir").or_else(|| Some(environment.cache_home()?.join("wasi-pm")));
    Ok(Directories {
        store: store.ok_or(ConfigError::NoHome("store"))?,
        cache: cache.ok_or(ConfigError::NoHome("cache"))?,
    })
}

/// An absolute path without `.` and `..`; `~/` is the home folder, a relative path starts at the root.
pub(super) fn resolve(text: &str, root: &Path, environment: &Environment) -> PathBuf {
    let joined = match (text.strip_prefix("~/"), environment.home()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => root.join(text),
    };
    normal(&joined)
}

fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}

pub(super) fn layout(
    values: &Values,
    project: &Project,
    directories: &Directories,
    environment: &Environment,
) -> Layout {
    let import = match values.text("packageImportMethod").as_deref() {
        Some("hardlink") => Import::Hardlink,
        Some("clone") => Import::Clone,
        Some("copy") => Import::Copy,
        Some("clone-or-copy") => Import::CloneOrCopy,
        _ => Import::Auto,
    };
    Layout {
        virtual_store_dir: project.root.join(MODULES).join(VIRTUAL_STORE),
        global_virtual_store_dir: values.flag("enableGlobalVirtualStore").unwrap_or(false).then(|| {
            match values.text("globalVirtualStoreDir") {
                Some(text) => resolve(&text, &project.root, environment),
                None => directories.store.join("v1/links"),
            }
        }),
        import,
        verify_store_integrity: values.flag("verifyStoreIntegrity").unwrap_or(true),
        extend_node_path: values.flag("extendNodePath").unwrap_or(true),
    }
}
