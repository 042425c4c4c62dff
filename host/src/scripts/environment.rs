//! The environment of a script: what the caller has, without what belongs to another package or could give a secret
//! away, and with what scripts expect (`npm_package_*`, `npm_lifecycle_*`, `PATH` with `.bin` folders first).

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::Project;

/// What scripts get, apart from what their project adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// The caller's environment.
    pub inherited: Vec<(OsString, OsString)>,
    /// The folder of the lockfile: its `.bin` is in every `PATH`.
    pub workspace: PathBuf,
    /// Where the command was given.
    pub init_cwd: PathBuf,
    /// `node`, where it was found.
    pub node: Option<PathBuf>,
    /// This program.
    pub execpath: PathBuf,
    /// `wasi-pm/0.1.0 npm/? node/v20.0.0 linux x64`.
    pub user_agent: String,
}

impl Environment {
    /// All variables of one script; nothing else is inherited.
    #[must_use]
    pub fn of(&self, project: &Project, stage: &str, script: &str) -> BTreeMap<OsString, OsString> {
        let kept = self.inherited.iter().filter(|(name, _)| is_kept(name));
        let mut all: BTreeMap<OsString, OsString> = kept.cloned().collect();
        let mut put = |name: &str, value: &OsStr| drop(all.insert(name.into(), value.into()));
        put("INIT_CWD", self.init_cwd.as_os_str());
        put("PNPM_SCRIPT_SRC_DIR", project.folder.as_os_str());
        put("npm_command", "install".as_ref());
        put("npm_config_user_agent", self.user_agent.as_ref());
        put("npm_execpath", self.execpath.as_os_str());
        put("npm_lifecycle_event", stage.as_ref());
        put("npm_lifecycle_script", script.as_ref());
        put("npm_package_json", project.folder.join("package.json").as_os_str());
        put("pnpm_config_verify_deps_before_run", "false".as_ref());
        if let Some(node) = &self.node {
            put("NODE", node.as_os_str());
            put("npm_node_execpath", node.as_os_str());
        }
        for (name, value) in package_variables(&project.manifest) {
            put(&name, value.as_ref());
        }
        let path = self.path(&project.folder, all.get(OsStr::new("PATH")));
        all.insert("PATH".into(), path);
        all
    }

    fn path(&self, project: &Path, inherited: Option<&OsString>) -> OsString {
        let bin = |folder: &Path| folder.join("node_modules").join(".bin");
        let mut folders = vec![bin(project)];
        if project != self.workspace {
            folders.push(bin(&self.workspace));
        }
        let mut path = OsString::new();
        for folder in folders {
            path.push(folder);
            path.push(":");
        }
        match inherited {
            Some(inherited) => path.push(inherited),
            // An empty last entry would mean the current folder.
            None => path.push("/usr/bin:/bin"),
        }
        path
    }
}

/// Variables of another package, of another run, and credentials stay behind.
fn is_kept(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return true };
    if matches!(name, "NODE" | "INIT_CWD" | "PNPM_SCRIPT_SRC_DIR") || name.starts_with("npm_package_") {
        return false;
    }
    let lower = name.to_ascii_lowercase();
    let is_setting = lower.starts_with("npm_config_") || lower.starts_with("pnpm_config_");
    let is_secret = ["auth", "token", "password", "username", "//"].iter().any(|part| lower.contains(part));
    !(is_setting && is_secret)
}

fn package_variables(manifest: &Value) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    for field in ["name", "version"] {
        if let Some(value) = manifest.get(field).and_then(Value::as_str) {
            variables.push((format!("npm_package_{field}"), value.to_owned()));
        }
    }
    for field in ["config", "engines", "bin"] {
        let Some(values) = manifest.get(field).and_then(Value::as_object) else { continue };
        for (key, value) in values {
            let key: String =
                key.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect();
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            variables.push((format!("npm_package_{field}_{key}"), value));
        }
    }
    variables.retain(|(_, value)| !value.contains('\0'));
    variables
}
