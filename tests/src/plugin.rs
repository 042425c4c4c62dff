//! A plugin that is played: a table of what it resolves, answered in memory, and for the real pnpm the same table as
//! custom resolvers of a `.pnpmfile.cjs`. What it answers is pinned by the specifier itself.

use host::{
    facts::{Answer, Unavailable},
    graph::Source,
};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::world::integrity;

/// What the plugin `store` resolves: specifier to manifest. One without a name goes by the name it is asked for under.
pub type Plugin = IndexMap<String, Map<String, Value>>;

/// Its name.
const NAME: &str = "store";

/// What it answers; a specifier that it does not know is taken by none.
#[must_use]
pub fn answer(plugin: Option<&Plugin>, specifier: &str) -> Answer {
    let Some(fields) = plugin.and_then(|plugin| plugin.get(specifier)) else {
        return Answer::Unavailable(Unavailable::by_no_plugin());
    };
    Answer::Resolved {
        source: Source::Custom {
            plugin: NAME.to_owned(),
            value: specifier.to_owned(),
            integrity: Some(integrity(specifier.as_bytes())),
        },
        manifest: Value::Object(fields.clone()).to_string().into_bytes(),
    }
}

/// The same for pnpm, as the text of a `.pnpmfile.cjs`.
#[must_use]
pub fn pnpmfile(plugin: &Plugin) -> String {
    let table: Map<String, Value> = plugin
        .iter()
        .map(|(specifier, fields)| {
            let hash = integrity(specifier.as_bytes());
            let resolution = json!({ "type": format!("custom:{NAME}"), "value": specifier, "integrity": hash });
            (specifier.clone(), json!({ "resolution": resolution, "manifest": fields }))
        })
        .collect();
    format!(
        "const table = {:#};
module.exports = {{ resolvers: [{{
  canResolve: wanted => wanted.bareSpecifier in table,
  resolve (wanted) {{
    const {{ resolution, manifest }} = table[wanted.bareSpecifier];
    return {{ id: wanted.bareSpecifier, resolution, manifest: {{ name: wanted.alias, ...manifest }} }};
  }},
}}] }};
",
        Value::Object(table)
    )
}
