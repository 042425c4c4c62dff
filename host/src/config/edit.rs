//! Changes a list, or an entry of a catalog, in the text of `pnpm-workspace.yaml` and leaves all else as the user wrote it:
//! comments, order, quotes. Knows block lists, lists in brackets on one line and block mappings; anything else is refused,
//! never rewritten.

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
    if lines.iter().any(|line| line.starts_with(['{', '[', '%']) || line.contains('\t')) {
        return Err(refused());
    }
    match lines.iter().position(|line| key_of(line) == Some(key)) {
        None => insert(&mut lines, key, items),
        Some(at) => match value_of(&lines[at]) {
            "" | "~" | "null" => change_block(&mut lines, at, items, is_same),
            "[]" => {
                lines[at] = format!("{key}: [{}]", items.iter().map(|item| quoted(item)).collect::<Vec<_>>().join(", "))
            }
            value => {
                let inner = value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).ok_or_else(refused)?;
                let mut held: Vec<String> = inner.split(',').map(|item| plain(item.trim()).to_owned()).collect();
                merge(&mut held, items, is_same);
                let all: Vec<String> = held.iter().map(|item| quoted(item)).collect();
                lines[at] = format!("{key}: [{}]", all.join(", "));
            }
        },
    }
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    Ok(lines.into_iter().flat_map(|line| [line, end.to_owned()]).collect())
}

/// Makes the entry `alias` of a catalog hold `specifier`. The default catalog is `catalog`, unless it stands as `default`
/// among `catalogs`. What is not there is put where the alphabet has it, if what is there goes by the alphabet, else at the
/// end.
///
/// # Errors
/// If a value on the way is no block mapping.
pub fn set_catalog(text: &str, catalog: &str, alias: &str, specifier: &str) -> Result<String, EditError> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let refused = || EditError("catalogs".to_owned());
    if lines.iter().any(|line| line.starts_with(['{', '[', '%']) || line.contains('\t')) {
        return Err(refused());
    }
    let is_named = catalog != "default" || {
        let catalogs = lines.iter().position(|line| key_of(line) == Some("catalogs"));
        catalogs.is_some_and(|at| entry(&lines, at, "default").is_some())
    };
    let path: Vec<&str> = if is_named { vec!["catalogs", catalog, alias] } else { vec!["catalog", alias] };
    set_entry(&mut lines, &path, specifier).ok_or_else(refused)?;
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    Ok(lines.into_iter().flat_map(|line| [line, end.to_owned()]).collect())
}

/// Writes a value below keys that are there, or that are made; `None` where something else stands in the way.
fn set_entry(lines: &mut Vec<String>, path: &[&str], value: &str) -> Option<()> {
    let unit = indent_of_mappings(lines);
    let (mut start, mut end, mut indent) = (0, lines.len(), String::new());
    for (depth, key) in path.iter().enumerate() {
        let is_last = depth + 1 == path.len();
        let found = (start..end).find(|at| entry_key(&lines[*at], &indent) == Some(key));
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
        let held = value_behind(&lines[at]);
        if is_last {
            let comment = lines[at].find(" #").map(|at_comment| lines[at][at_comment..].to_owned());
            if held.starts_with(['{', '[', '&', '*', '|', '>']) {
                return None;
            }
            let quote = held.chars().next().filter(|first| ['\'', '"'].contains(first));
            let written = quote.map_or_else(|| quoted(value), |quote| format!("{quote}{value}{quote}"));
            let head = &lines[at][..key_end(&lines[at])?];
            lines[at] = format!("{head}: {written}{}", comment.unwrap_or_default());
            return Some(());
        }
        if !["", "~", "null", "{}"].contains(&held) {
            return None;
        }
        if !held.is_empty() {
            lines[at] = format!("{}:", &lines[at][..key_end(&lines[at])?]);
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

fn depth_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Where the key of a line ends, before its colon.
fn key_end(line: &str) -> Option<usize> {
    let start = depth_of(line);
    let quote = line[start..].chars().next().filter(|first| ['\'', '"'].contains(first));
    match quote {
        Some(quote) => {
            let end = start + 1 + line[start + 1..].find(quote)? + 1;
            line[end..].starts_with(':').then_some(end)
        }
        None => line[start..].find(": ").or_else(|| line[start..].strip_suffix(':').map(str::len)).map(|at| start + at),
    }
}

/// The key of a line at just this depth.
fn entry_key<'a>(line: &'a str, indent: &str) -> Option<&'a str> {
    let is_key = depth_of(line) == indent.len() && !line.trim_start().starts_with(['#', '-']);
    is_key.then(|| key_end(line)).flatten().map(|end| plain(line[indent.len()..end].trim()))
}

fn value_behind(line: &str) -> &str {
    let value = key_end(line).map_or("", |end| &line[end + 1..]);
    value.split(" #").next().unwrap_or_default().trim()
}

/// The line of a key below another.
fn entry(lines: &[String], at: usize, key: &str) -> Option<usize> {
    let below = lines[at + 1..].iter().take_while(|line| line.trim().is_empty() || line.starts_with([' ', '#']));
    let found = below
        .enumerate()
        .find(|(_, line)| entry_key(line, &" ".repeat(depth_of(line))) == Some(key) && depth_of(line) > 0);
    found.map(|(offset, _)| at + 1 + offset)
}

/// Where a new key goes among its siblings.
fn place_of(lines: &[String], (start, end): (usize, usize), indent: &str, key: &str) -> usize {
    let siblings: Vec<(usize, &str)> =
        (start..end).filter_map(|at| Some((at, entry_key(&lines[at], indent)?))).collect();
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

/// What stands behind the key, without a comment.
fn value_of(line: &str) -> &str {
    let value = line.split_once(':').map_or("", |(_, value)| value);
    value.split(" #").next().unwrap_or_default().trim()
}

/// The text of a list item without quotes and comment; `None`: the line is no item.
fn item_of(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("- ")?;
    Some(plain(rest.split(" #").next().unwrap_or_default().trim()))
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
            Some(place) => lines[*place] = format!("{indent}- {}", quoted(item)),
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
        assert_eq!(add("list: ['x', \"a@1.0.0\"] # why\n"), "list: [x, a@1.0.0 || 1.1.0, '@s/b@1.0.0']\n");
        assert_eq!(
            add("list:\n# why\n- z  # because\n- a@1.0.0\nm: 1"),
            "list:\n# why\n- z  # because\n- a@1.0.0 || 1.1.0\n- '@s/b@1.0.0'\nm: 1\n"
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

    fn catalog(text: &str, name: &str) -> String {
        set_catalog(text, name, "b", "^2.0.0").unwrap()
    }

    #[test]
    fn an_entry_of_a_catalog_is_changed_where_it_stands() {
        let text = "catalog:\n  # why\n  b: ^1.0.0 # because\n  'c': 1\nx: 1\n";
        assert_eq!(catalog(text, "default"), text.replace("^1.0.0", "^2.0.0"));
        let text = "catalogs:\n    one:\n        'b': '^1.0.0'\n    default:\n        b: \"1\"\n";
        assert_eq!(catalog(text, "one"), text.replace("^1.0.0", "^2.0.0"));
        assert_eq!(catalog(text, "default"), text.replace("\"1\"", "\"^2.0.0\""));
    }

    #[test]
    fn an_entry_of_a_catalog_that_is_not_there_is_added() {
        assert_eq!(catalog("", "default"), "catalog:\n  b: ^2.0.0\n");
        assert_eq!(catalog("packages:\n  - a\n", "one"), "catalogs:\n  one:\n    b: ^2.0.0\npackages:\n  - a\n");
        let text = "catalog:\n  a: 1\n  # of c\n  c: 1\n\npackages:\n  - a\n";
        assert_eq!(catalog(text, "default"), text.replace("  # of c", "  b: ^2.0.0\n  # of c"));
        assert_eq!(catalog("catalog:\n  z: 1\n  a: 1\n", "default"), "catalog:\n  z: 1\n  a: 1\n  b: ^2.0.0\n");
        assert_eq!(catalog("catalog: {}\n", "default"), "catalog:\n  b: ^2.0.0\n");
        let scoped = set_catalog("catalogs:\n  x:\n    c: 1\n", "x", "@s/b", "1").unwrap();
        assert_eq!(scoped, "catalogs:\n  x:\n    '@s/b': 1\n    c: 1\n");
    }

    #[test]
    fn a_catalog_in_another_form_is_refused() {
        for text in ["catalog: {b: 1}\n", "catalog: *other\n", "catalogs: {one: {b: 1}}\n", "{catalog: {}}"] {
            assert!(
                set_catalog(text, if text.contains("one") { "one" } else { "default" }, "b", "2").is_err(),
                "{text}"
            );
        }
    }

    #[test]
    fn what_cannot_be_changed_in_place_is_refused() {
        let same = |a: &str, b: &str| a == b;
        for text in ["{a: 1}", "list: [\n  a ]\n", "list: *alias\n", "list: x\n"] {
            assert!(set_list(text, "list", &["a".to_owned()], same).is_err(), "{text}");
        }
    }
}
