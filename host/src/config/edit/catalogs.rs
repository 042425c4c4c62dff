//! Entries of catalogs.

use serde_json::{Map, Value};

use super::{
    Change, EditError, changed, depth_of, flow, key_end, key_of, quoted, split_comment, value_and_comment, with_value,
    without_value,
};
use crate::engine::CatalogEntry;

/// Makes catalogs hold these entries. The default catalog is `catalog`, unless it stands as `default` among `catalogs`.
/// What is not there is put where the alphabet has it, if what is there goes by the alphabet, else at the end.
///
/// # Errors
/// If a value on the way is no mapping, or one in brackets that spans lines, or if more than these entries would
/// change.
pub fn set_catalogs(text: &str, entries: &[CatalogEntry]) -> Result<String, EditError> {
    changed(text, &Entries(entries))
}

struct Entries<'a>(&'a [CatalogEntry]);

impl Change for Entries<'_> {
    fn key(&self) -> &'static str {
        "catalogs"
    }

    fn write(&self, lines: &mut Vec<String>, settings: &Map<String, Value>) -> Option<()> {
        self.0.iter().try_for_each(|entry| set_entry(lines, &path(entry, settings), &entry.specifier))
    }

    fn apply(&self, settings: &mut Map<String, Value>) -> Option<()> {
        let before = settings.clone();
        for entry in self.0 {
            let path = path(entry, &before);
            let (alias, above) = path.split_last()?;
            let mut at = &mut *settings;
            for key in above {
                let below = at.entry(*key).or_insert(Value::Null);
                if below.is_null() {
                    *below = Value::Object(Map::new());
                }
                at = below.as_object_mut()?;
            }
            at.insert((*alias).to_owned(), Value::String(entry.specifier.clone()));
        }
        Some(())
    }
}

/// The keys that lead to an entry.
fn path<'a>(entry: &'a CatalogEntry, settings: &Map<String, Value>) -> Vec<&'a str> {
    let names_default = settings.get("catalogs").is_some_and(|catalogs| catalogs.get("default").is_some());
    let CatalogEntry { catalog, alias, .. } = entry;
    if catalog == "default" && !names_default { vec!["catalog", alias] } else { vec!["catalogs", catalog, alias] }
}

/// Writes a value below keys that are there, or that are made; `None` where something else stands in the way.
fn set_entry(lines: &mut Vec<String>, path: &[&str], value: &str) -> Option<()> {
    let unit = indent_of_mappings(lines);
    let (mut start, mut end, mut indent) = (0, lines.len(), String::new());
    for (depth, key) in path.iter().enumerate() {
        let is_last = depth + 1 == path.len();
        let found = (start..end).find(|at| key_of(&lines[*at], &indent) == Some(key));
        let Some(at) = found else {
            let mut block = Vec::new();
            for (deeper, key) in path.iter().enumerate().skip(depth) {
                let value = if deeper + 1 == path.len() { format!(" {}", quoted(value)) } else { String::new() };
                block.push(format!("{indent}{}{}:{value}", unit.repeat(deeper - depth), quoted(key)));
            }
            let place = place_of(lines, (start, end), &indent, key);
            lines.splice(place..place, block);
            return Some(());
        };
        if is_last && value_and_comment(&lines[at]).0.is_empty() {
            raise_value(lines, at);
        }
        let (held, comment) = value_and_comment(&lines[at]);
        let head = lines[at][..key_end(&lines[at])?].to_owned();
        if is_last {
            lines[at] = format!("{head}: {}{comment}", scalar(held, value)?);
            return Some(());
        }
        if held.starts_with('{') {
            let set = flow::set(held, &path[depth + 1..], value)?;
            lines[at] = with_value(&lines[at], &set);
            return Some(());
        }
        match held {
            "" => {}
            "~" | "null" => lines[at] = without_value(&lines[at]),
            _ => return None,
        }
        let deeper = |line: &String| {
            line.trim().is_empty() || line.trim_start().starts_with('#') || depth_of(line) > indent.len()
        };
        (start, end) = (at + 1, at + 1 + lines[at + 1..end].iter().take_while(|line| deeper(line)).count());
        // Blank lines and comments before the next key are not of this one.
        while end > start && (lines[end - 1].trim().is_empty() || depth_of(&lines[end - 1]) <= indent.len()) {
            end -= 1;
        }
        let first =
            lines[start..end].iter().find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
        indent = first.map_or_else(|| format!("{indent}{unit}"), |line| " ".repeat(depth_of(line)));
    }
    None
}

/// Puts a value that stands on the line after its key behind that, with its comment, as it is written.
fn raise_value(lines: &mut Vec<String>, at: usize) -> Option<()> {
    let below = lines.get(at + 1).filter(|below| depth_of(below) > depth_of(&lines[at]))?;
    let (value, comment) = split_comment(below);
    if value.is_empty() || value.starts_with('-') || key_end(below).is_some() {
        return None;
    }
    lines[at] = format!("{}: {value}{comment}", &lines[at][..key_end(&lines[at])?]);
    lines.remove(at + 1);
    Some(())
}

/// A value in the place of another, with its anchor; quotes that it does not need go, as pnpm has it. What refers to an
/// anchor stays, and whoever reads the result sees whether it leads to the value.
fn scalar(held: &str, value: &str) -> Option<String> {
    let (anchor, held) = match held.split_once(' ') {
        Some((anchor, held)) if anchor.starts_with('&') => (format!("{anchor} "), held.trim_start()),
        _ => (String::new(), held),
    };
    if held.starts_with('*') && anchor.is_empty() {
        return Some(held.to_owned());
    }
    if held.starts_with(['{', '[', '&', '*', '|', '>', '!']) {
        return None;
    }
    Some(anchor + &quoted(value))
}

/// Where a new key goes among its siblings.
fn place_of(lines: &[String], (start, end): (usize, usize), indent: &str, key: &str) -> usize {
    let siblings: Vec<(usize, &str)> = (start..end).filter_map(|at| Some((at, key_of(&lines[at], indent)?))).collect();
    let by_alphabet = siblings.is_sorted_by(|a, b| a.1 <= b.1);
    let next = siblings.iter().find(|(_, other)| by_alphabet && *other > key);
    let start_of =
        |at: usize| at - lines[start..at].iter().rev().take_while(|line| line.trim_start().starts_with('#')).count();
    next.map_or(end, |(at, _)| start_of(*at))
}

fn indent_of_mappings(lines: &[String]) -> String {
    let first = lines.iter().find(|line| depth_of(line) > 0 && !line.trim_start().starts_with(['#', '-']));
    first.map_or("  ".to_owned(), |line| " ".repeat(depth_of(line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str, entries: &[[&str; 3]]) -> Result<String, EditError> {
        let entry = |[catalog, alias, specifier]: &[&str; 3]| CatalogEntry {
            catalog: (*catalog).to_owned(),
            alias: (*alias).to_owned(),
            specifier: (*specifier).to_owned(),
        };
        set_catalogs(text, &entries.iter().map(entry).collect::<Vec<_>>())
    }

    fn catalog(text: &str, name: &str) -> String {
        set(text, &[[name, "b", "^2.0.0"]]).unwrap()
    }

    #[test]
    fn an_entry_of_a_catalog_is_changed_where_it_stands() {
        let text = "catalog:\n  # why\n  b: ^1.0.0 # because\n  'c': 1\nx: 1\n";
        assert_eq!(catalog(text, "default"), text.replace("^1.0.0", "^2.0.0"));
        let text = "catalogs:\n    one:\n        'b': '^1.0.0'\n    default:\n        b: \"1\"\n";
        assert_eq!(catalog(text, "one"), text.replace("'^1.0.0'", "^2.0.0"));
        assert_eq!(catalog(text, "default"), text.replace("\"1\"", "^2.0.0"));
    }

    #[test]
    fn a_value_on_the_line_after_its_key_is_put_behind_that() {
        let text = "catalog:\n  b:\n    '^1.0.0' # why\n  c: 1\n";
        assert_eq!(catalog(text, "default"), "catalog:\n  b: ^2.0.0 # why\n  c: 1\n");
        for text in
            ["catalog:\n  b:\n    1\n    2\n", "catalog:\n  b:\n    # why\n    1\n", "catalog:\n  b:\n    c: 1\n"]
        {
            assert!(set(text, &[["default", "b", "2"]]).is_err(), "{text}");
        }
    }

    #[test]
    fn an_entry_of_a_catalog_that_is_not_there_is_added() {
        assert_eq!(catalog("", "default"), "catalog:\n  b: ^2.0.0\n");
        assert_eq!(catalog("packages:\n  - a\n", "one"), "catalogs:\n  one:\n    b: ^2.0.0\npackages:\n  - a\n");
        let text = "catalog:\n  a: 1\n  # of c\n  c: 1\n\npackages:\n  - a\n";
        assert_eq!(catalog(text, "default"), text.replace("  # of c", "  b: ^2.0.0\n  # of c"));
        assert_eq!(catalog("catalog:\n  z: 1\n  a: 1\n", "default"), "catalog:\n  z: 1\n  a: 1\n  b: ^2.0.0\n");
        assert_eq!(catalog("catalog: ~ # why\n", "default"), "catalog: # why\n  b: ^2.0.0\n");
        let scoped = set("catalogs:\n  x:\n    c: 1\n", &[["x", "@s/b", "1"]]).unwrap();
        assert_eq!(scoped, "catalogs:\n  x:\n    '@s/b': 1\n    c: 1\n");
    }

    #[test]
    fn a_catalog_in_another_form_is_refused() {
        for text in
            ["catalog: {\n  b: 1 }\n", "catalog: *other\n", "catalog: &a\n  b: 1\n", "{catalog: {}}", "catalog: []\n"]
        {
            assert!(set(text, &[["default", "b", "2"]]).is_err(), "{text}");
        }
    }

    #[test]
    fn white_space_before_a_comment_and_anchors_stay() {
        let text = "catalog:\n  a: &v 1  # two\n  b: &w ^1.0.0\t# a tab\n  c: 'x # y'   # three\n";
        assert_eq!(catalog(text, "default"), text.replace("^1.0.0", "^2.0.0"));
        assert_eq!(catalog("catalog:\n  b: '1 # 2'  # why\n", "default"), "catalog:\n  b: ^2.0.0  # why\n");
        let text = "catalog:\n  a: &v ^1.0.0\n  b: *v\n";
        let both = [["default", "a", "^2.0.0"], ["default", "b", "^2.0.0"]];
        assert_eq!(set(text, &both).unwrap(), text.replace("^1.0.0", "^2.0.0"));
    }

    #[test]
    fn an_anchor_that_others_refer_to_is_not_changed_for_them() {
        let text = "catalog:\n  a: &v 1\n  b: *v\ncatalogs:\n  x:\n    c: *v\n";
        for (name, alias) in [("default", "a"), ("default", "b"), ("x", "c")] {
            assert_eq!(set(text, &[[name, alias, "2"]]), Err(EditError::Misread("catalogs".to_owned())), "{alias}");
        }
        assert!(set("other:\n  a: &v 1\n  w: *v\ncatalog:\n  a: *v\n", &[["default", "a", "2"]]).is_err());
    }

    #[test]
    fn only_a_catalog_that_is_called_default_stands_for_the_default_one() {
        let text = "catalog:\n  a: 1\ncatalogs:\n  x:\n    default: 1\n";
        assert_eq!(catalog(text, "default"), text.replace("  a: 1\n", "  a: 1\n  b: ^2.0.0\n"));
        let text = "catalogs: {x: {}, default: {a: 1}} # c\n";
        assert_eq!(catalog(text, "default"), text.replace("{a: 1}", "{ a: 1, b: ^2.0.0 }"));
        let text = "catalogs:\n  default: {b: 1}\n";
        assert_eq!(catalog(text, "default"), text.replace("{b: 1}", "{ b: ^2.0.0 }"));
    }

    #[test]
    fn tabs_behind_keys_and_a_mark_before_the_first_are_no_other_keys() {
        assert_eq!(catalog("catalog:\t{a: 1}\n", "default"), "catalog:\t{ a: 1, b: ^2.0.0 }\n");
        let text = "\u{feff}catalogs:\t# c\n  x:\t# d\n    b:\t^1.0.0\t# e\n";
        assert_eq!(catalog(text, "x"), text.replace("b:\t^1.0.0", "b: ^2.0.0"));
        let text = "\u{feff}catalog :\n  a: 1\n";
        assert_eq!(catalog(text, "default"), text.replace("1", "1\n  b: ^2.0.0"));
    }
}
