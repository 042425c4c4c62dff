use std::fs;

use reqwest::Url;

use super::*;
use crate::config::{Retries, credentials::Authorization};

fn network(folder: &Path) -> Network {
    Network {
        registry: None,
        scoped: BTreeMap::new(),
        named: BTreeMap::new(),
        user_npmrc: Some(folder.join("user")),
        project_npmrc: folder.join("project"),
        http_proxy: None,
        https_proxy: None,
        no_proxy: None,
        strict_ssl: None,
        ca: Vec::new(),
        cafile: None,
        cert: None,
        key: None,
        local_address: None,
        user_agent: None,
        concurrency: 64,
        max_sockets: None,
        retries: Retries { count: 2, factor: 10, min_ms: 10, max_ms: 100 },
        timeout_ms: 60_000,
        warn_timeout_ms: 10_000,
        min_speed_kibps: 50,
        offline: false,
        prefer_offline: false,
        revalidate: false,
    }
}

fn settings(network: &Network, folder: &Path) -> NetworkSettings {
    let env = |name: &str| (name == "HTTPS_PROXY").then(|| "http://proxy.example:1".to_owned());
    let around = Surroundings {
        env: &env,
        global_npmrc: None,
        cache_dir: folder,
        now: 1,
        ask_npm: &|| Ok("https://npm.example/".to_owned()),
    };
    connect(network, &around).unwrap().0
}

#[test]
fn a_flag_wins_over_files_and_the_project_over_the_user() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = network(folder.path());
    assert_eq!(settings(&network, folder.path()).registries.default, "https://npm.example/");
    fs::write(folder.path().join("user"), "registry=https://user.example\n@s:registry=https://s.example").unwrap();
    assert_eq!(settings(&network, folder.path()).registries.default, "https://user.example/");
    fs::write(folder.path().join("project"), "registry=https://project.example/").unwrap();
    assert_eq!(settings(&network, folder.path()).registries.default, "https://project.example/");
    network.registry = Some("https://flag.example".to_owned());
    let found = settings(&network, folder.path());
    assert_eq!(found.registries.default, "https://flag.example/");
    assert_eq!(found.registries.scoped["@s"], "https://s.example/");
    assert_eq!(found.proxy.https.unwrap().expose(), "http://proxy.example:1");
}

#[test]
fn what_never_ends_is_read_as_far_as_a_file_may_go() {
    let folder = tempfile::tempdir().unwrap();
    let network = network(folder.path());
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("user")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("project")).unwrap();
    assert_eq!(settings(&network, folder.path()).registries.default, "https://npm.example/");
}

#[test]
fn a_projects_registry_draws_no_credentials_of_the_user() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = network(folder.path());
    fs::write(folder.path().join("user"), "_authToken=t0p").unwrap();
    let of = |settings: &NetworkSettings, url: &str| settings.credentials.authorization(&Url::parse(url).unwrap());
    let found = settings(&network, folder.path());
    assert!(matches!(of(&found, "https://npm.example/x"), Ok(Authorization::Header(_))));
    network.registry = Some("https://evil.example/".to_owned());
    assert_eq!(of(&settings(&network, folder.path()), "https://evil.example/x"), Ok(Authorization::None));
}
