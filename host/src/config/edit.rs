//! Changes a list, or an entry of a catalog, in the text of `pnpm-workspace.yaml` and leaves all else as the user wrote it:
//! comments, order, quotes. Knows block lists, block mappings, and lists and mappings in brackets on one line; anything
//! else is refused, never rewritten.

mod catalogs;
mod flow;

pub use catalogs::set_catalog;

/// Why a list cannot be changed in place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the value of {0} is written in a way that cannot be changed in place")]
pub struct EditError(String);

/// Makes the list `key` hold `items`: an entry whose place `is_same` finds is replaced, the others are added. A key that
/// is not there is put where the alphabet has it, if the file goes by the alphabet, else at the end.
///
/// # Errors
/// If the value is no list, or one that spans lines in brackets.
pub fn set_list(
    text: &str,
    key: &str,
    items: &[String],
    is_same: impl Fn(&str, &str) -> bool,
) -> Result<String, EditError> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let refused = || EditError(key.to_owned());
    if is_foreign(&lines) {
        return Err(refused());
    }
    match lines.iter().position(|line| key_of(line) == Some(key)) {
        None => insert(&mut lines, key, items),
        Some(at) => match split_comment(lines[at].split_once(':').map_or("", |(_, rest)| rest)) {
            ("" | "~" | "null", _) => change_block(&mut lines, at, items, is_same),
            (value, comment) => {
                let inner = value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).ok_or_else(refused)?;
                let held = inner.split(',').map(|item| plain(item.trim()).to_owned());
                let mut held: Vec<String> = held.filter(|item| !item.is_empty()).collect();
                merge(&mut held, items, is_same);
                let all: Vec<String> = held.iter().map(|item| quoted(item)).collect();
                lines[at] = format!("{key}: [{}]{comment}", all.join(", "));
            }
        },
    }
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    Ok(lines.into_iter().flat_map(|line| [line, end.to_owned()]).collect())
}

/// A value, and the comment behind it with the white space before.
fn split_comment(rest: &str) -> (&str, &str) {
    let mut quote = None;
    let mut before = ' ';
    for (at, letter) in rest.char_indices() {
        match quote {
            Some(open) if letter == open => quote = None,
            Some(_) => {}
            // Inside of a plain word a quote is a letter like others.
            None if ['\'', '"'].contains(&letter) && " \t{[,:".contains(before) => quote = Some(letter),
            None if letter == '#' && before.is_whitespace() => {
                let value = rest[..at].trim_end();
                return (value.trim_start(), &rest[value.len()..]);
            }
            None => {}
        }
        before = letter;
    }
    let value = rest.trim_end();
    (value.trim_start(), &rest[value.len()..])
}

/// Whether the file is no block mapping, or indented by what YAML forbids.
fn is_foreign(lines: &[String]) -> bool {
    lines.iter().any(|line| line.starts_with(['{', '[', '%']) || line.trim_start_matches(' ').starts_with('\t'))
}

fn merge(held: &mut Vec<String>, items: &[String], is_same: impl Fn(&str, &str) -> bool) {
    for item in items {
        match held.iter_mut().find(|held| is_same(held, item)) {
            Some(held) => held.clone_from(item),
            None => held.push(item.clone()),
        }
    }
}

/// The key of a line at the top level.
fn key_of(line: &str) -> Option<&str> {
    if line.starts_with([' ', '#', '-', '.']) {
        return None;
    }
    let (key, rest) = line.split_once(':')?;
    (rest.is_empty() || rest.starts_with(' ')).then(|| plain(key.trim()))
}

/// The text of a list item without quotes and comment; `None`: the line is no item.
fn item_of(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("- ")?;
    Some(plain(split_comment(rest).0))
}

fn plain(text: &str) -> &str {
    let inside = |quote: char| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inside('\'').or_else(|| inside('"')).unwrap_or(text)
}

fn quoted(item: &str) -> String {
    let special =
        item.starts_with(|c: char| "@*&!|>%#'\"[]{},?:-`".contains(c)) || item.contains(": ") || item.contains(" #");
    if special { format!("'{}'", item.replace('\'', "''")) } else { item.to_owned() }
}

fn change_block(lines: &mut Vec<String>, at: usize, items: &[String], is_same: impl Fn(&str, &str) -> bool) {
    let belongs = |line: &&String| line.is_empty() || line.starts_with([' ', '#', '-']);
    let end = at + 1 + lines[at + 1..].iter().take_while(belongs).count();
    let places: Vec<usize> = (at + 1..end).filter(|place| item_of(&lines[*place]).is_some()).collect();
    let indent = match places.first() {
        Some(first) => lines[*first].chars().take_while(|c| *c == ' ').collect(),
        None => indent_of_lists(lines),
    };
    let mut after = places.last().map_or(at + 1, |last| last + 1);
    if places.is_empty() {
        let key = key_of(&lines[at]).unwrap_or_default().to_owned();
        lines[at] = format!("{key}:");
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
        lines.iter().enumerate().filter_map(|(at, line)| Some((at, key_of(line)?.to_owned()))).collect();
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
        assert_eq!(add("list: []\nz: 1\n"), "list: [a@1.0.0 || 1.1.0, '@s/b@1.0.0']\nz: 1\n");
        assert_eq!(add("list: ['x', \"a@1.0.0\"] # why\n"), "list: [x, a@1.0.0 || 1.1.0, '@s/b@1.0.0'] # why\n");
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
}
