//! Entries of catalogs.

use super::{EditError, flow, is_foreign, key_of, plain, quoted, split_comment};

/// Makes the entry `alias` of a catalog hold `specifier`. The default catalog is `catalog`, unless it stands as `default`
/// among `catalogs`. What is not there is put where the alphabet has it, if what is there goes by the alphabet, else at the
/// end.
///
/// # Errors
/// If a value on the way is no mapping, or one in brackets that spans lines.
pub fn set_catalog(text: &str, catalog: &str, alias: &str, specifier: &str) -> Result<String, EditError> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let refused = || EditError("catalogs".to_owned());
    if is_foreign(&lines) {
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
        let (held, comment) = value_and_comment(&lines[at]);
        let head = lines[at][..key_end(&lines[at])?].to_owned();
        if is_last {
            lines[at] = format!("{head}: {}{comment}", scalar(held, value)?);
            return Some(());
        }
        if held.starts_with('{') {
            lines[at] = format!("{head}: {}{comment}", flow::set(held, &path[depth + 1..], value)?);
            return Some(());
        }
        match held {
            "" => {}
            "~" | "null" => lines[at] = format!("{head}:{comment}"),
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

/// What stands behind the key, and the comment with the white space before it.
fn value_and_comment(line: &str) -> (&str, &str) {
    split_comment(key_end(line).map_or("", |end| &line[end + 1..]))
}

/// A value in the place of another, with its quotes and its anchor. What refers to an anchor stays, and whoever reads the
/// result sees whether it leads to the value.
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
    let quote = held.chars().next().filter(|first| ['\'', '"'].contains(first));
    Some(anchor + &quote.map_or_else(|| quoted(value), |quote| format!("{quote}{value}{quote}")))
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

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(catalog("catalog: ~ # why\n", "default"), "catalog: # why\n  b: ^2.0.0\n");
        let scoped = set_catalog("catalogs:\n  x:\n    c: 1\n", "x", "@s/b", "1").unwrap();
        assert_eq!(scoped, "catalogs:\n  x:\n    '@s/b': 1\n    c: 1\n");
    }

    #[test]
    fn a_catalog_in_another_form_is_refused() {
        for text in
            ["catalog: {\n  b: 1 }\n", "catalog: *other\n", "catalog: &a\n  b: 1\n", "{catalog: {}}", "catalog: []\n"]
        {
            assert!(set_catalog(text, "default", "b", "2").is_err(), "{text}");
        }
    }

    #[test]
    fn white_space_before_a_comment_and_anchors_stay() {
        let text = "catalog:\n  a: &v 1  # two\n  b: &w ^1.0.0\t# a tab\n  c: 'x # y'   # three\n";
        assert_eq!(catalog(text, "default"), text.replace("^1.0.0", "^2.0.0"));
        assert_eq!(catalog("catalog:\n  b: '1 # 2'  # why\n", "default"), "catalog:\n  b: '^2.0.0'  # why\n");
        assert_eq!(catalog("catalog:\n  a: &v 1\n  b: *v\n", "default"), "catalog:\n  a: &v 1\n  b: *v\n");
    }
}
