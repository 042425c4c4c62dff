//! Options stand anywhere in pnpm, before or after the command. Here the command word is moved to the front, and
//! `--config.<setting>=<value>` is taken out, before clap sees the line.

use clap::Command;
use serde_json::Value;

use crate::config::{table, values};

/// A command line in the order that clap expects.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Ordered {
    /// The command first, then the rest as typed.
    pub(super) arguments: Vec<String>,
    /// What `--config.` said.
    pub(super) settings: Vec<(String, Value)>,
}

/// Reorders what was typed after the program's name.
pub(super) fn order(typed: Vec<String>, command: &Command) -> Ordered {
    let mut ordered = Ordered::default();
    let mut word = None;
    let mut typed = typed.into_iter();
    while let Some(argument) = typed.next() {
        if argument == "--" {
            ordered.arguments.push(argument);
            ordered.arguments.extend(typed);
            break;
        }
        if let Some(setting) = argument.strip_prefix("--config.") {
            let (name, text) = setting.split_once('=').unwrap_or((setting, ""));
            ordered.settings.push((name.to_owned(), values::from_text(table::find(name), text)));
        } else if word.is_none() && !argument.starts_with('-') {
            word = Some(argument);
        } else {
            let wants_value = word.is_none() && takes_value(command, &argument);
            ordered.arguments.push(argument);
            if wants_value {
                ordered.arguments.extend(typed.next());
            }
        }
    }
    if let Some(word) = word {
        ordered.arguments.insert(0, word);
    }
    ordered
}

/// The option's value is the next argument.
fn takes_value(command: &Command, argument: &str) -> bool {
    let commands = std::iter::once(command).chain(command.get_subcommands());
    commands.flat_map(Command::get_arguments).any(|known| {
        let named = match argument.strip_prefix("--") {
            Some(long) => known.get_long() == Some(long) || known.get_all_aliases().unwrap_or_default().contains(&long),
            None => argument.chars().count() == 2 && known.get_short() == argument.chars().nth(1),
        };
        named && known.get_action().takes_values() && known.get_num_args().is_none_or(|count| count.min_values() > 0)
    })
}
