//! The manifest that `add` begins a project with where there is none: as pnpm has it, a whole one in an empty folder,
//! one of dependencies alone beside a `pnpm-workspace.yaml`. It is written as every other that a command changes: at
//! the end.

use super::project::Place;
use crate::{cli::Command, engine::Intent, graph::Group};

/// What a command may begin a project with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun {
    /// The group that something will stand in.
    group: Group,
    /// The command is about the root, wherever it was started.
    at_root: bool,
}

/// Whether a command begins a project; `None`: it needs one.
pub(super) fn is_begun_by(command: &Command) -> Option<Begun> {
    let Command::Change(change) = command else { return None };
    let Intent::Add(addition) = &change.intent else { return None };
    let group = addition.groups.first().copied().unwrap_or(Group::Prod);
    Some(Begun { group, at_root: change.root })
}

impl Begun {
    /// The text of the root's manifest; `None`: the command is not about the root.
    pub(super) fn manifest(self, place: &Place) -> Option<String> {
        if place.root != place.dir && !self.at_root {
            return None;
        }
        if place.settings.is_some() {
            // The empty group keeps the text's indentation.
            return Some(format!("{{\n  \"{}\": {{}}\n}}\n", self.group.field()));
        }
        let name = place.root.file_name().unwrap_or_default().to_string_lossy();
        let fields = serde_json::json!({
            "name": name,
            "version": "1.0.0",
            "description": "",
            "main": "index.js",
            "scripts": { "test": "echo \"Error: no test specified\" && exit 1" },
            "keywords": [],
            "author": "",
            "license": "ISC",
        });
        Some(format!("{fields:#}\n"))
    }
}
