//! Random commands.

use indexmap::IndexMap;
use serde_json::Value;

use super::{GROUPS, Numbers, changes::publish_one, drop_aliases_below, scenario};
use crate::scenario::{Scenario, Step};

/// The world of a seed with commands in place of changes of manifests: `steps` of `add`, `remove`, `update` after the
/// first install. The worlds are those of [`scenario`].
#[must_use]
pub fn commands(seed: u64, steps: usize) -> Scenario {
    let mut made = scenario(seed, 1);
    let mut numbers = Numbers(seed ^ 0x636f_6d6d_616e_6473);
    let mut versions: IndexMap<String, Vec<String>> =
        made.world.iter().map(|(name, package)| (name.clone(), package.versions.keys().cloned().collect())).collect();
    for _ in 1..steps {
        let mut step = Step::default();
        if numbers.chance(50) {
            publish_one(&mut numbers, &made, &mut versions, &mut step);
        }
        let projects: Vec<&str> = made.files.keys().filter_map(|path| path.strip_suffix("/package.json")).collect();
        let is_workspace = !projects.is_empty();
        if is_workspace && numbers.chance(40) {
            step.folder = (*numbers.pick(&projects)).to_owned();
        }
        step.run = command(&mut numbers, &versions, is_workspace);
        made.steps.push(step);
    }
    // pnpm 12.21 takes the name out of an alias whose range is a union when it updates it.
    for (path, content) in &mut made.files {
        for group in GROUPS.into_iter().filter(|_| path.ends_with("package.json")) {
            let Some(entries) = content.get_mut(group).and_then(Value::as_object_mut) else { continue };
            for specifier in entries.values_mut().filter(|it| it.as_str().is_some_and(|it| it.starts_with("npm:"))) {
                let plain =
                    specifier.as_str().and_then(|text| text.split_once(" || ")).map(|(plain, _)| plain.to_owned());
                specifier.clone_from(&plain.map_or_else(|| specifier.clone(), Value::from));
            }
        }
    }
    made.about = format!("Random commands of seed {seed}.");
    made.name = format!("commands-{seed}");
    drop_aliases_below(&mut made);
    made
}

/// A command that a person types.
fn command(numbers: &mut Numbers, versions: &IndexMap<String, Vec<String>>, is_workspace: bool) -> String {
    let name = |numbers: &mut Numbers| {
        let (name, theirs) = versions.get_index(numbers.below(versions.len())).expect("an index below the length");
        (name.clone(), theirs.clone())
    };
    let kind = numbers.below(10);
    let mut words: Vec<String> = Vec::new();
    match kind {
        0..=3 => {
            words.push("add".to_owned());
            for _ in 0..1 + numbers.below(2) {
                let (name, theirs) = name(numbers);
                words.push(match numbers.below(8) {
                    0..=2 => name,
                    3 => format!("{name}@{}", numbers.pick(&theirs)),
                    4 => format!("{name}@latest"),
                    5 => format!("alias-{}@npm:{name}@^{}", name.trim_start_matches("@s/"), numbers.pick(&theirs)),
                    _ => format!("{name}@{}{}", numbers.pick(&["^", "~", ">=", "="]), numbers.pick(&theirs)),
                });
            }
            words.extend(option(numbers, &["-D", "-O", "-P", "-E", "--save-peer", "--save-prefix=~"], 40));
        }
        4 | 5 => {
            words.push("remove".to_owned());
            words.push(name(numbers).0);
            words.extend(option(numbers, &["-D", "-O", "-P"], 10));
        }
        _ => {
            words.push("update".to_owned());
            if numbers.chance(60) {
                let (name, theirs) = name(numbers);
                words.push(match numbers.below(6) {
                    0 => format!("{name}@{}", numbers.pick(&theirs)),
                    1 => format!("{name}@{}{}", numbers.pick(&["^", "~"]), numbers.pick(&theirs)),
                    2 => (*numbers.pick(&["@s/*", "!a", "*", "alias-*"])).to_owned(),
                    _ => name,
                });
            }
            words.extend(option(
                numbers,
                &["--latest", "-L", "--depth=0", "--no-save", "--prod", "--dev", "--no-optional", "-E"],
                60,
            ));
        }
    }
    if is_workspace && numbers.chance(25) {
        words.push("-r".to_owned());
    }
    words.join(" ")
}

fn option(numbers: &mut Numbers, options: &[&str], percent: usize) -> Option<String> {
    numbers.chance(percent).then(|| (*numbers.pick(options)).to_owned())
}
