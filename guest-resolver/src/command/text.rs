//! The text of a project's `package.json`, changed as pnpm changes it: the file is written anew with its own
//! indentation and line ends, dependencies in the order of their names, without groups that have become empty. What
//! encodes the same stays untouched.

use serde::Serialize;
use serde_json::{Map, Value};
use wit::guest::wasi_pm::resolver::types::DependencyGroup;

/// pnpm writes no deeper indentation; characters.
const DEEPEST_INDENT: usize = 10;

/// What is said of dependencies besides.
const META: &str = "dependenciesMeta";

/// The groups that are installed; a dependency stands in one of them.
pub const INSTALLED: [DependencyGroup; 3] = [DependencyGroup::Prod, DependencyGroup::Dev, DependencyGroup::Optional];

/// A manifest that may be changed.
#[derive(Debug, Clone)]
pub struct ManifestText {
    read: Map<String, Value>,
    fields: Map<String, Value>,
    /// Groups that have lost what they had.
    emptied: Vec<String>,
    indent: String,
    final_newline: bool,
    /// Lines end in CR LF.
    has_returns: bool,
}

impl ManifestText {
    /// Reads a manifest.
    ///
    /// # Errors
    /// It is no JSON object.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let fields: Map<String, Value> = serde_json::from_str(text)?;
        Ok(Self {
            read: fields.clone(),
            fields,
            emptied: Vec::new(),
            indent: indent_of(text).chars().take(DEEPEST_INDENT).collect(),
            final_newline: text.ends_with('\n'),
            has_returns: text.split_once('\n').is_some_and(|(first, _)| first.ends_with('\r')),
        })
    }

    /// The dependencies of a group with their specifiers.
    pub fn entries(&self, group: DependencyGroup) -> impl Iterator<Item = (&str, &str)> {
        let entries = self.fields.get(field(group)).and_then(Value::as_object).into_iter().flatten();
        entries.filter_map(|(alias, specifier)| Some((alias.as_str(), specifier.as_str()?)))
    }

    /// The first of these groups that has a dependency, with its specifier.
    pub fn find(&self, groups: &[DependencyGroup], alias: &str) -> Option<(DependencyGroup, &str)> {
        let found = |group: DependencyGroup| self.entries(group).find(|(held, _)| *held == alias);
        groups.iter().find_map(|group| Some((*group, found(*group)?.1)))
    }

    /// Writes a dependency into a group, and takes it out of the others that are installed if this is one of these.
    pub fn put(&mut self, group: DependencyGroup, alias: &str, specifier: &str) {
        self.set(group, alias, specifier);
        if INSTALLED.contains(&group) {
            for other in INSTALLED.into_iter().filter(|other| *other != group) {
                self.take(field(other), alias);
            }
        }
    }

    /// Writes a specifier and leaves all other groups alone.
    pub fn set(&mut self, group: DependencyGroup, alias: &str, specifier: &str) {
        let entries = self.fields.entry(field(group)).or_insert_with(|| Value::Object(Map::new()));
        if let Some(entries) = entries.as_object_mut() {
            entries.insert(alias.to_owned(), specifier.into());
        }
    }

    /// Takes dependencies out of a group, or of all that are installed, and all that is said of them elsewhere.
    pub fn remove(&mut self, names: &[String], group: Option<DependencyGroup>) {
        let groups = group.map_or(INSTALLED.to_vec(), |group| vec![group]);
        let fields = groups.into_iter().map(field).chain(["peerDependencies", META]);
        for field in fields {
            names.iter().for_each(|name| self.take(field, name));
        }
    }

    fn take(&mut self, field: &str, alias: &str) {
        let Some(entries) = self.fields.get_mut(field).and_then(Value::as_object_mut) else { return };
        // The last one moves into its place, as pnpm has it; so it does where a group goes.
        if entries.swap_remove(alias).is_some() && entries.is_empty() {
            self.emptied.push(field.to_owned());
        }
    }

    /// Whether something stands in the place of a group that is none.
    #[must_use]
    pub fn is_in_the_way(&self, group: DependencyGroup) -> bool {
        self.fields.get(field(group)).is_some_and(|held| !held.is_object())
    }

    /// The text to write; `None`: it encodes what was read.
    #[must_use]
    pub fn written(&self) -> Option<String> {
        let mut fields = self.fields.clone();
        for group in [DependencyGroup::Prod, DependencyGroup::Dev, DependencyGroup::Optional, DependencyGroup::Peer] {
            if let Some(entries) = fields.get_mut(field(group)).and_then(Value::as_object_mut) {
                entries.sort_keys();
                if entries.is_empty() && self.emptied.iter().any(|emptied| emptied == field(group)) {
                    fields.swap_remove(field(group));
                }
            }
        }
        if fields == self.read {
            return None;
        }
        let mut text = pretty(&Value::Object(fields), &self.indent);
        if self.final_newline {
            text.push('\n');
        }
        // Within its texts JSON has no line ends.
        Some(if self.has_returns { text.replace('\n', "\r\n") } else { text })
    }
}

/// The field of a group.
#[must_use]
pub fn field(group: DependencyGroup) -> &'static str {
    match group {
        DependencyGroup::Prod => "dependencies",
        DependencyGroup::Dev => "devDependencies",
        DependencyGroup::Optional => "optionalDependencies",
        DependencyGroup::Peer => "peerDependencies",
    }
}

/// The white space before the first line that has some.
fn indent_of(text: &str) -> &str {
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let line = text.lines().find(|line| indent(line) > 0 && indent(line) < line.len());
    line.map_or("", |line| &line[..indent(line)])
}

fn pretty(value: &Value, indent: &str) -> String {
    if indent.is_empty() {
        return value.to_string();
    }
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(indent.as_bytes());
    let written = value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, formatter));
    debug_assert!(written.is_ok(), "JSON can be written to memory");
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(text: &str, change: impl Fn(&mut ManifestText)) -> Option<String> {
        let mut manifest = ManifestText::parse(text).unwrap();
        change(&mut manifest);
        manifest.written()
    }

    #[test]
    fn the_file_keeps_its_indentation_and_its_end() {
        let add = |manifest: &mut ManifestText| manifest.put(DependencyGroup::Prod, "a", "^1.0.0");
        assert_eq!(changed("{\"x\": [1]}", add).unwrap(), "{\"x\":[1],\"dependencies\":{\"a\":\"^1.0.0\"}}");
        assert_eq!(
            changed("{\n\t\"x\": [1]\n}\n", add).unwrap(),
            "{\n\t\"x\": [\n\t\t1\n\t],\n\t\"dependencies\": {\n\t\t\"a\": \"^1.0.0\"\n\t}\n}\n"
        );
        assert_eq!(
            changed("{\r\n  \"x\": \"\\n\"\r\n}\r\n", add).unwrap(),
            "{\r\n  \"x\": \"\\n\",\r\n  \"dependencies\": {\r\n    \"a\": \"^1.0.0\"\r\n  }\r\n}\r\n"
        );
        let deep = changed(&format!("{{\n{}\"x\": 1}}", " ".repeat(40)), add).unwrap();
        assert!(deep.starts_with("{\n          \"x\": 1,"), "{deep}");
    }

    #[test]
    fn dependencies_are_sorted_and_a_saved_one_leaves_its_other_groups() {
        let text =
            r#"{"devDependencies":{"a":"1","z":"1"},"dependencies":{"c":"1","b":"1"},"peerDependencies":{"a":"1"}}"#;
        let moved = changed(text, |manifest| manifest.put(DependencyGroup::Prod, "a", "2")).unwrap();
        let expected =
            r#"{"devDependencies":{"z":"1"},"dependencies":{"a":"2","b":"1","c":"1"},"peerDependencies":{"a":"1"}}"#;
        assert_eq!(moved, expected);
    }

    #[test]
    fn what_is_removed_is_gone_with_all_that_is_said_of_it() {
        let text = r#"{"dependencies":{"a":"1"},"devDependencies":{"a":"1"},"peerDependencies":{"a":"1"},"dependenciesMeta":{"a":{}}}"#;
        let names = ["a".to_owned()];
        let all = changed(text, |manifest| manifest.remove(&names, None));
        assert_eq!(all.unwrap(), r#"{"dependenciesMeta":{}}"#);
        let one = changed(text, |manifest| manifest.remove(&names, Some(DependencyGroup::Dev)));
        assert_eq!(one.unwrap(), r#"{"dependencies":{"a":"1"},"dependenciesMeta":{}}"#);
    }

    #[test]
    fn a_group_that_was_empty_before_stays_and_what_is_no_group_is_in_the_way() {
        let text =
            r#"{"dependencies":{"a":"1"},"devDependencies":{},"optionalDependencies":null,"peerDependencies":{}}"#;
        let names = ["a".to_owned()];
        let less = changed(text, |manifest| manifest.remove(&names, None));
        assert_eq!(less.unwrap(), r#"{"peerDependencies":{},"devDependencies":{},"optionalDependencies":null}"#);
        let manifest = ManifestText::parse(text).unwrap();
        let groups = [DependencyGroup::Prod, DependencyGroup::Optional, DependencyGroup::Peer];
        assert_eq!(groups.map(|group| manifest.is_in_the_way(group)), [false, true, false]);
    }

    #[test]
    fn what_encodes_the_same_is_not_written() {
        assert_eq!(changed(r#"{"dependencies":{"b":"1","a":"1"}}"#, |_| ()), None);
        let same = |manifest: &mut ManifestText| manifest.put(DependencyGroup::Dev, "a", "1");
        assert_eq!(changed(r#"{ "devDependencies" : {"a":"1"} }"#, same), None);
    }
}
