//! Items of lists.

use serde_json::{Map, Value};

use super::{
    Change, EditError, changed, flow, key_of, plain, quoted, split_comment, value_and_comment, with_value,
    without_value,
};

/// Makes the list `key` hold `items`: an entry whose place `is_same` finds is replaced, the others are added. A key
/// that is not there is put where the alphabet has it, if the file goes by the alphabet, else at the end.
///
/// # Errors
/// If the value is no list, or one that spans lines in brackets, or if more than the list would change.
pub fn set_list(
    text: &str,
    key: &str,
    items: &[String],
    is_same: impl Fn(&str, &str) -> bool,
) -> Result<String, EditError> {
    changed(text, &List { key, items, is_same })
}

struct List<'a, F> {
    key: &'a str,
    items: &'a [String],
    is_same: F,
}

impl<F: Fn(&str, &str) -> bool> Change for List<'_, F> {
    fn key(&self) -> &str {
        self.key
    }

    fn write(&self, lines: &mut Vec<String>, _: &Map<String, Value>) -> Option<()> {
        let Some(at) = lines.iter().position(|line| key_of(line, "") == Some(self.key)) else {
            insert(lines, self.key, self.items);
            return Some(());
        };
        match value_and_comment(&lines[at]).0 {
            "" | "~" | "null" => change_block(lines, at, self.items, &self.is_same),
            value => {
                let held = flow::items(value)?;
                let mut held: Vec<String> = held.into_iter().map(|item| plain(item).to_owned()).collect();
                for item in self.items {
                    match held.iter_mut().find(|held| (self.is_same)(held, item)) {
                        Some(held) => held.clone_from(item),
                        None => held.push(item.clone()),
                    }
                }
                let all: Vec<String> = held.iter().map(|item| flow::safe(item)).collect();
                // As pnpm writes it, with a blank inside of each bracket.
                lines[at] = with_value(&lines[at], &format!("[ {} ]", all.join(", ")));
            }
        }
        Some(())
    }

    fn apply(&self, settings: &mut Map<String, Value>) -> Option<()> {
        let mut held = match settings.remove(self.key) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(held)) => held,
            Some(_) => return None,
        };
        for item in self.items {
            let new = Value::String(item.clone());
            match held.iter_mut().find(|held| held.as_str().is_some_and(|held| (self.is_same)(held, item))) {
                Some(held) => *held = new,
                None => held.push(new),
            }
        }
        settings.insert(self.key.to_owned(), Value::Array(held));
        Some(())
    }
}

/// The text of a list item without quotes and comment; `None`: the line is no item.
fn item_of(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix('-').filter(|rest| rest.starts_with([' ', '\t']))?;
    Some(plain(split_comment(rest).0))
}

fn change_block(lines: &mut Vec<String>, at: usize, items: &[String], is_same: &impl Fn(&str, &str) -> bool) {
    let belongs = |line: &&String| line.is_empty() || line.starts_with([' ', '#', '-']);
    let end = at + 1 + lines[at + 1..].iter().take_while(belongs).count();
    let places: Vec<usize> = (at + 1..end).filter(|place| item_of(&lines[*place]).is_some()).collect();
    let indent = match places.first() {
        Some(first) => lines[*first].chars().take_while(|c| *c == ' ').collect(),
        None => indent_of_lists(lines),
    };
    let mut after = places.last().map_or(at + 1, |last| last + 1);
    if places.is_empty() {
        lines[at] = without_value(&lines[at]);
    }
    for item in items {
        let place = places.iter().find(|place| item_of(&lines[**place]).is_some_and(|held| is_same(held, item)));
        match place {
            Some(place) if item_of(&lines[*place]) == Some(item) => {}
            Some(place) => {
                let comment = split_comment(&lines[*place]).1;
                lines[*place] = format!("{indent}- {}{comment}", quoted(item));
            }
            None => {
                lines.insert(after, format!("{indent}- {}", quoted(item)));
                after += 1;
            }
        }
    }
}

fn indent_of_lists(lines: &[String]) -> String {
    let first = lines.iter().find(|line| item_of(line).is_some());
    first.map_or("  ".to_owned(), |line| line.chars().take_while(|c| *c == ' ').collect())
}

fn insert(lines: &mut Vec<String>, key: &str, items: &[String]) {
    let indent = indent_of_lists(lines);
    let mut block = vec![format!("{key}:")];
    block.extend(items.iter().map(|item| format!("{indent}- {}", quoted(item))));
    let keys: Vec<(usize, String)> =
        lines.iter().enumerate().filter_map(|(at, line)| Some((at, key_of(line, "")?.to_owned()))).collect();
    let by_alphabet = keys.is_sorted_by(|a, b| a.1 <= b.1);
    // What is said of a key stays with it.
    let start_of = |at: usize| at - lines[..at].iter().rev().take_while(|line| line.starts_with('#')).count();
    let spaced = keys.iter().skip(1).any(|(at, _)| start_of(*at) > 0 && lines[start_of(*at) - 1].is_empty());
    let next = keys.iter().find(|(_, other)| by_alphabet && other.as_str() > key);
    match next {
        Some((at, _)) => {
            let start = start_of(*at);
            if spaced {
                block.push(String::new());
            }
            lines.splice(start..start, block);
        }
        None => {
            if spaced && lines.last().is_some_and(|line| !line.is_empty()) {
                lines.push(String::new());
            }
            lines.extend(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(text: &str) -> String {
        let same = |a: &str, b: &str| a.split('@').next() == b.split('@').next();
        set_list(text, "list", &["a@1.0.0 || 1.1.0".to_owned(), "@s/b@1.0.0".to_owned()], same).unwrap()
    }

    #[test]
    fn a_list_that_is_there_is_changed_in_its_own_style() {
        assert_eq!(add("list: []\nz: 1\n"), "list: [ a@1.0.0 || 1.1.0, '@s/b@1.0.0' ]\nz: 1\n");
        assert_eq!(add("list: ['x', \"a@1.0.0\"] # why\n"), "list: [ x, a@1.0.0 || 1.1.0, '@s/b@1.0.0' ] # why\n");
        assert_eq!(
            add("list:\n# why\n- z  # because\n- a@1.0.0  # so\nm: 1"),
            "list:\n# why\n- z  # because\n- a@1.0.0 || 1.1.0  # so\n- '@s/b@1.0.0'\nm: 1\n"
        );
        assert_eq!(add("list:\nz: 1\n"), "list:\n  - a@1.0.0 || 1.1.0\n  - '@s/b@1.0.0'\nz: 1\n");
        let same = "list:\n    - a@1.0.0 || 1.1.0 # kept\n    - '@s/b@1.0.0'\n";
        assert_eq!(add(same), same);
    }

    #[test]
    fn a_list_that_is_not_there_is_put_where_it_belongs() {
        let block = "list:\n  - a@1.0.0 || 1.1.0\n  - '@s/b@1.0.0'\n";
        assert_eq!(add(""), block);
        assert_eq!(add("# first\nz: 1\n"), format!("{block}# first\nz: 1\n"));
        assert_eq!(add("z: 1\na: 2\n"), format!("z: 1\na: 2\n{block}"));
        assert_eq!(add("a: 1\n\n# of z\nz:\n  - 1\n"), format!("a: 1\n\n{block}\n# of z\nz:\n  - 1\n"));
        assert_eq!(add("a:\n- x\n").lines().nth(3), Some("- a@1.0.0 || 1.1.0"));
        assert_eq!(add("a: 1\r\n").lines().count(), 4);
    }

    #[test]
    fn what_cannot_be_changed_in_place_is_refused() {
        let same = |a: &str, b: &str| a == b;
        for text in ["{a: 1}", "list: [\n  a ]\n", "list: *alias\n", "list: x\n"] {
            assert!(set_list(text, "list", &["a".to_owned()], same).is_err(), "{text}");
        }
    }

    #[test]
    fn tabs_and_a_mark_before_the_first_key_are_no_other_key() {
        assert_eq!(add("a: 1\nlist:\t[x]\t# c\n"), "a: 1\nlist:\t[ x, a@1.0.0 || 1.1.0, '@s/b@1.0.0' ]\t# c\n");
        let (a, b) = ("  - a@1.0.0 || 1.1.0\n", "  - '@s/b@1.0.0'\n");
        assert_eq!(add("list:\t# c\n  - x\n"), format!("list:\t# c\n  - x\n{a}{b}"));
        assert_eq!(add("\u{feff}list:\n  - x\n"), format!("\u{feff}list:\n  - x\n{a}{b}"));
        assert_eq!(add("'list' :\n  - x\n"), format!("'list' :\n  - x\n{a}{b}"));
        let kept = "list:\n  - a@1.0.0 || 1.1.0\t# why\n";
        assert_eq!(add(kept), format!("{kept}{b}"));
        assert_eq!(add("list:\n  -\ta@1.0.0\t# why\n"), format!("{kept}{b}"));
        assert_eq!(add("list: ~ # c\n"), format!("list: # c\n{a}{b}"));
    }

    /// A setting that looks like another, one that stands twice, one within a text: none may be lost or changed.
    #[test]
    fn a_change_that_would_be_read_as_another_is_refused() {
        let same = |a: &str, b: &str| a == b;
        let set = |text: &str| set_list(text, "list", &["a".to_owned()], same);
        for text in ["\"li\\x73t\": [x]\n", "? list\n: [x]\n", "list: &v [x]\nother: *v\n", "a: \"\nlist:\n  - x\"\n"] {
            assert!(set(text).is_err(), "{text}");
        }
        assert!(matches!(set("list: [x]\nlist: [y]\n"), Err(EditError::Unreadable(_))));
        let misread = set("\"li\\x73t\": [x]\n");
        assert_eq!(misread, Err(EditError::Misread("list".to_owned())));
    }
}
