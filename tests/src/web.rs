//! Hosts that a scenario reaches over https under their real or made-up names, in this process: git repositories with
//! the archives that their hosts make, single pages, and registries with an address of their own. A proxy on loopback
//! (`proxy`) answers for all of them with certificates of an authority of its own; nothing leaves this machine.

mod hosts;
mod proxy;
mod repositories;
mod ssh;

use std::{collections::BTreeSet, fs};

use indexmap::IndexMap;
use serde::Deserialize;

use crate::{project::Project, world::World};

pub use proxy::{Proxy, Seen};

/// What hosts have, besides the registry of the scenario.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Web {
    /// Commits by repository (`host.example/user/project`), oldest first.
    pub git: IndexMap<String, Vec<Commit>>,
    /// What stands at addresses; an address that ends in `*` stands for all that begin so.
    pub pages: IndexMap<String, Page>,
    /// Registries by host.
    pub registries: IndexMap<String, World>,
    /// Hosts that git, as the user has set it up, asks over ssh where it is told https.
    pub over_ssh: Vec<String>,
}

/// A commit. Its time is always the same, so that its name follows from what is in it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Commit {
    /// The branch that it is made on; `main` if none is named.
    pub branch: Option<String>,
    /// The branch that a new branch starts from.
    pub from: Option<String>,
    /// Tags on it.
    pub tags: Vec<String>,
    /// Tags on it that are objects of their own.
    pub annotated: Vec<String>,
    /// All its files; empty: those of the commit before, and tags are set anew.
    pub files: IndexMap<String, String>,
}

/// What stands at an address.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Page {
    /// The status.
    pub status: u16,
    /// More headers, `location` among them.
    pub headers: IndexMap<String, String>,
    /// The files of a tarball.
    pub files: IndexMap<String, String>,
}

impl Default for Page {
    fn default() -> Self {
        Self { status: 200, headers: IndexMap::new(), files: IndexMap::new() }
    }
}

impl Web {
    /// Adds what another has: commits behind those that there are, all else instead of what has the same name.
    pub fn extend(&mut self, more: &Self) {
        for (repository, commits) in &more.git {
            self.git.entry(repository.clone()).or_default().extend(commits.iter().cloned());
        }
        self.pages.extend(more.pages.clone());
        self.registries.extend(more.registries.clone());
    }

    /// The names of its hosts.
    fn hosts(&self) -> BTreeSet<String> {
        let host = |address: &str| address.trim_start_matches("https://").split('/').next().unwrap_or("").to_owned();
        let named = self.git.keys().chain(self.pages.keys()).chain(self.registries.keys());
        let mut hosts: BTreeSet<String> = named.map(|address| host(address)).collect();
        hosts.insert("codeload.github.com".to_owned());
        hosts
    }

    /// Starts to serve, and tells the project's tools how to reach it: `npmrc` and git's configuration in the home, and
    /// the environment that is returned.
    ///
    /// # Panics
    /// If loopback cannot be listened on, or the home cannot be written.
    #[must_use]
    pub fn serve(&self, later: &[&Self], project: &Project) -> (Proxy, Vec<(String, String)>) {
        let mut hosts = self.hosts();
        hosts.extend(later.iter().flat_map(|web| web.hosts()));
        let proxy = Proxy::start(self.clone(), hosts);
        let ca = project.home().join("ca.pem").display().to_string();
        fs::write(&ca, &proxy.ca).expect("the home is writable");
        fs::write(
            project.home().join(".npmrc"),
            format!("cafile={ca}\nhttps-proxy={}\nnoproxy=127.0.0.1\n", proxy.url),
        )
        .expect("the home is writable");
        let mut config = format!("[http]\n\tsslCAInfo = {ca}\n\tproxy = {}\n", proxy.url);
        for host in &self.over_ssh {
            config += &format!("[url \"git@{host}:\"]\n\tinsteadOf = https://{host}/\n");
        }
        fs::write(project.home().join(".gitconfig"), config).expect("the home is writable");
        let pairs = [("https_proxy", &proxy.url), ("NODE_EXTRA_CA_CERTS", &ca), ("GIT_SSL_CAINFO", &ca)];
        let mut environment = pairs.map(|(name, value)| (name.to_owned(), value.clone())).to_vec();
        environment.push(("PATH".to_owned(), ssh::play(&proxy.repositories(), project)));
        (proxy, environment)
    }
}
