//! Words and what becomes of them.

use super::{Change, Command, InstallOptions, StoreCommand, change::Saving, parse};
use crate::{
    engine::{Addition, Intent, Removal, Update},
    graph::Group,
};

fn command(line: &str) -> Result<Command, String> {
    let words = line.split_whitespace().map(str::to_owned).collect();
    parse(words).map(|invocation| invocation.command).map_err(|error| error.0.code)
}

#[test]
fn words_lead_to_commands() {
    let install = Ok(Command::Install(InstallOptions { clean: false }));
    let clean = Ok(Command::Install(InstallOptions { clean: true }));
    for (line, expected) in [
        ("install", &install),
        ("i", &install),
        ("--frozen-lockfile i -C folder", &install),
        ("-C folder --reporter ndjson install", &install),
        ("ci", &clean),
        ("clean-install", &clean),
        ("ic", &clean),
        ("install-clean", &clean),
        ("store path", &Ok(Command::Store(StoreCommand::Path))),
        ("--store-dir s store prune", &Ok(Command::Store(StoreCommand::Prune))),
        ("completion bash", &Ok(Command::Completion(clap_complete::Shell::Bash))),
        ("--version", &Ok(Command::Print("0.1.0\n".to_owned()))),
        ("install --bogus", &Err("ERR_WASI_PM_USAGE".to_owned())),
        ("store", &Err("ERR_WASI_PM_USAGE".to_owned())),
        ("frobnicate", &Err("ERR_WASI_PM_UNKNOWN_COMMAND".to_owned())),
    ] {
        assert_eq!(&command(line), expected, "{line}");
    }
}

#[test]
fn what_is_not_done_yet_says_so_and_never_installs() {
    for line in [
        "update --interactive",
        "update --depth 2",
        "add -g x",
        "add --allow-build=x x",
        "remove --filter a x",
        "run build",
        "test",
        "dlx x",
        "-r install",
        "install --filter a",
        "--filter a install",
        "install -w",
        "install -g x",
        "ci --recursive",
        "import",
    ] {
        assert!(matches!(command(line), Ok(Command::NotYet(_))), "{line}: {:?}", command(line));
    }
}

#[test]
fn the_nearest_command_is_named() {
    let error = parse(vec!["instal".to_owned()]).expect_err("no command");
    assert!(error.0.hint.expect("a hint").contains("wasi-pm install"));
}

#[test]
fn any_setting_can_be_given() {
    let line = ["install", "--config.hoist", "--config.store-dir=/s", "--config.network-concurrency=3"];
    let settings = parse(line.map(str::to_owned).to_vec()).expect("valid").settings;
    let shown: Vec<String> = settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(shown, ["hoist=true", "store-dir=\"/s\"", "network-concurrency=3"]);
}

#[test]
fn the_help_lists_every_exit_code() {
    let help = super::help();
    assert!(
        super::exit::TABLE.iter().all(|(code, meaning)| help.contains(&code.to_string()) && help.contains(meaning))
    );
}

fn change(line: &str) -> Change {
    match command(line) {
        Ok(Command::Change(change)) => change,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn words_that_change_manifests_say_where_and_how() {
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let add = |line: &str| match change(line).intent {
        Intent::Add(add) => add,
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(add("add a b@1"), Addition { packages: words(&["a", "b@1"]), ..Addition::default() });
    assert_eq!(add("i -D a"), Addition { packages: words(&["a"]), groups: vec![Group::Dev], ..Addition::default() });
    assert_eq!(add("add -O a").groups, [Group::Optional]);
    assert_eq!(add("add --save-peer a").groups, [Group::Dev, Group::Peer]);
    assert_eq!(add("add --save-peer -P a").groups, [Group::Prod, Group::Peer]);
    let saving = Saving { exact: true, prefix: Some("~".to_owned()), catalog: Some("default".to_owned()) };
    assert_eq!(change("add -E --tilde --save-catalog a").saving, saving);
    let update = |line: &str| match change(line).intent {
        Intent::Update(update) => update,
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(update("up"), Update { save: true, ..Update::default() });
    assert_eq!(update("upgrade -P").groups, [Group::Prod]);
    assert_eq!(update("update --no-optional").groups, []);
    assert_eq!(update("update --prod --no-optional").groups, [Group::Prod]);
    let all = Update { selectors: words(&["a"]), latest: true, direct: true, ..Update::default() };
    assert_eq!(update("update -L a --depth 0 --no-save"), all);
    for line in ["remove a", "rm a", "un a", "uni a", "uninstall a"] {
        let removal = Removal { names: words(&["a"]), strict: true, ..Removal::default() };
        assert_eq!(change(line).intent, Intent::Remove(removal), "{line}");
    }
    assert_eq!(add("add --prod --frozen-lockfile a").groups, []);
    assert!(change("-r update").recursive);
    assert!(change("add -w a").root);
}
