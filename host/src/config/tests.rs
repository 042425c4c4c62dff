//! The sources of settings against each other.

use std::{collections::BTreeMap, fs, path::Path};

use super::{Config, ConfigError, Environment, LockfileUse};
use crate::{cli, diagnostic::Diagnose};

fn environment(home: &Path, cwd: &Path, variables: &[(&str, &str)]) -> Environment {
    let mut all: BTreeMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    all.insert("HOME".to_owned(), home.display().to_string());
    all.insert("XDG_CONFIG_HOME".to_owned(), home.join("config").display().to_string());
    Environment { cwd: cwd.to_path_buf(), now: 1, variables: all, ..Environment::default() }
}

fn load(yaml: &str, user_yaml: &str, variables: &[(&str, &str)], flags: &[&str]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().expect("a folder");
    let project = folder.path().join("project");
    fs::create_dir_all(folder.path().join("config/pnpm")).expect("a folder");
    fs::create_dir_all(&project).expect("a folder");
    fs::write(project.join("package.json"), r#"{"name":"x"}"#).expect("a file");
    fs::write(project.join("pnpm-workspace.yaml"), yaml).expect("a file");
    fs::write(folder.path().join("config/pnpm/config.yaml"), user_yaml).expect("a file");
    let typed = std::iter::once("install").chain(flags.iter().copied()).map(str::to_owned).collect();
    let invocation = cli::parse(typed).expect("a valid command line");
    Config::load(&invocation, &environment(folder.path(), &project, variables))
}

#[test]
fn a_stronger_source_wins_over_a_weaker_one() {
    let age = |yaml, user, variables: &[(&str, &str)], flags: &[&str]| {
        load(yaml, user, variables, flags).expect("a valid configuration").settings.policy.minimum_release_age
    };
    let (yaml, user) = ("minimumReleaseAge: 2", "minimumReleaseAge: 1");
    let variable = [("PNPM_CONFIG_MINIMUM_RELEASE_AGE", "3")];
    let flag = ["--config.minimum-release-age=4"];
    assert_eq!(age("", "", &[], &[]), 1440);
    assert_eq!(age("", user, &[], &[]), 1);
    assert_eq!(age(yaml, user, &[], &[]), 2);
    assert_eq!(age(yaml, user, &variable, &[]), 3);
    assert_eq!(age(yaml, user, &variable, &flag), 4);
}

#[test]
fn an_age_that_the_user_chose_is_strict() {
    assert!(!load("", "", &[], &[]).expect("valid").settings.policy.minimum_release_age_strict);
    assert!(load("minimumReleaseAge: 5", "", &[], &[]).expect("valid").settings.policy.minimum_release_age_strict);
}

#[test]
fn flags_and_the_build_server_decide_what_a_lockfile_is_worth() {
    let ci = [("CI", "true")];
    for (variables, flags, expected) in [
        (&[][..], &[][..], LockfileUse::PreferFrozen),
        (&ci, &[], LockfileUse::FrozenIfPresent),
        (&[("CI", "false")], &[], LockfileUse::PreferFrozen),
        (&ci, &["--no-frozen-lockfile"], LockfileUse::PreferFrozen),
        (&ci, &["--lockfile-only"], LockfileUse::PreferFrozen),
        (&[], &["--frozen-lockfile"], LockfileUse::Frozen),
        (&[], &["--no-prefer-frozen-lockfile"], LockfileUse::Resolve),
        (&[], &["--frozen-lockfile", "--no-frozen-lockfile"], LockfileUse::PreferFrozen),
    ] {
        let config = load("", "", variables, flags).expect("a valid configuration");
        assert_eq!(config.install.lockfile, expected, "{variables:?} {flags:?}");
    }
}

#[test]
fn prod_and_dev_select_groups() {
    for (flags, expected) in [
        (&[][..], (true, true, true)),
        (&["--prod"], (true, false, true)),
        (&["--dev"], (false, true, true)),
        (&["--no-optional"], (true, true, false)),
        (&["--prod", "--no-optional"], (true, false, false)),
        (&["--prod", "--dev"], (true, false, true)),
    ] {
        let selection = load("", "", &[], flags).expect("valid").settings.selection;
        let groups = (selection.dependencies, selection.dev_dependencies, selection.optional_dependencies);
        assert_eq!(groups, expected, "{flags:?}");
    }
}

#[test]
fn a_setting_that_would_change_the_outcome_is_refused() {
    for yaml in ["nodeLinker: hoisted", "configDependencies: {a: 1.0.0}", "lockfile: false"] {
        let error = load(yaml, "", &[], &[]).expect_err(yaml);
        assert_eq!(error.code(), "ERR_WASI_PM_UNSUPPORTED_SETTING", "{yaml}");
    }
    for yaml in ["nodeLinker: isolated", "enableGlobalVirtualStore: true", "patchedDependencies: {}"] {
        load(yaml, "", &[], &[]).expect(yaml);
    }
}

#[test]
fn a_patch_that_is_not_there_is_an_error() {
    let error = load("patchedDependencies: {a: patches/a.patch}", "", &[], &[]).expect_err("no such file");
    assert_eq!(error.code(), "ERR_PNPM_PATCH_NOT_FOUND");
    assert!(error.to_string().contains("patches/a.patch"), "{error}");
}

#[test]
fn a_value_of_the_wrong_type_names_its_place() {
    let error = load("hoist: maybe", "", &[], &[]).expect_err("no flag");
    assert_eq!(error.code(), "ERR_PNPM_INVALID_SETTING");
    assert!(error.to_string().contains("hoist in pnpm-workspace.yaml"), "{error}");
}

#[test]
fn an_unknown_setting_is_named_with_the_one_that_is_meant() {
    let config = load("hoistPatern: ['*']", "", &[], &[]).expect("valid");
    assert_eq!(config.warnings, ["Unknown setting hoistPatern in pnpm-workspace.yaml. Did you mean hoistPattern?"]);
}

#[test]
fn other_folders_than_node_modules_are_refused() {
    for yaml in ["modulesDir: ../..", "modulesDir: modules", "virtualStoreDir: /etc", "virtualStoreDir: .pnpm"] {
        let error = load(yaml, "", &[], &[]).expect_err(yaml);
        assert_eq!(error.code(), "ERR_WASI_PM_UNSUPPORTED_SETTING", "{yaml}");
    }
    for yaml in ["modulesDir: node_modules", "virtualStoreDir: node_modules/.pnpm"] {
        load(yaml, "", &[], &[]).expect(yaml);
    }
}

#[test]
fn overrides_keep_their_order() {
    let config = load("overrides: {b: '1', a: '2'}", "", &[], &[]).expect("valid");
    let names: Vec<&String> = config.settings.rules.overrides.keys().collect();
    assert_eq!(names, ["b", "a"]);
}

#[test]
fn hooks_are_refused_unless_they_are_waived() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("package.json"), "{}").expect("a file");
    fs::write(folder.path().join(".pnpmfile.cjs"), "").expect("a file");
    let environment = environment(folder.path(), folder.path(), &[]);
    let typed = |words: &[&str]| cli::parse(words.iter().map(|word| (*word).to_owned()).collect()).expect("valid");
    let error = Config::load(&typed(&["install"]), &environment).expect_err("hooks");
    assert_eq!(error.code(), "ERR_WASI_PM_UNSUPPORTED_PNPMFILE");
    Config::load(&typed(&["install", "--ignore-pnpmfile"]), &environment).expect("waived");
}

#[test]
fn off_may_stand_unquoted_where_it_is_a_choice() {
    let config = load("trustPolicy: off", "trustPolicy: no-downgrade", &[], &[]).expect("a valid configuration");
    assert_eq!(config.settings.policy.trust_policy, wit::settings::TrustPolicy::Off);
}
