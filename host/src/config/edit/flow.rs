//! Mappings and lists in brackets on one line: `{ a: 1, b: { c: 2 } }`. Where one changes it is written as pnpm writes
//! it, with a blank inside of each bracket; those around it stay as they are.

use super::{plain, quoted};

/// One entry, by where it stands.
struct Entry<'a> {
    /// With its quotes.
    key: &'a str,
    value: &'a str,
}

/// The mapping with a value below keys that are there, or that are made; `None` where it is none, or holds what is not
/// understood.
pub(super) fn set(mapping: &str, path: &[&str], value: &str) -> Option<String> {
    let (key, deeper) = path.split_first()?;
    let entries = entries(mapping)?;
    let found = entries.iter().position(|entry| plain(entry.key) == *key);
    if let Some(entry) = found.map(|at| &entries[at]).filter(|_| !deeper.is_empty()) {
        let start = entry.value.as_ptr() as usize - mapping.as_ptr() as usize;
        let changed = set(entry.value, deeper, value)?;
        return Some(format!("{}{changed}{}", &mapping[..start], &mapping[start + entry.value.len()..]));
    }
    let mut written: Vec<String> = entries.iter().map(|Entry { key, value }| format!("{key}: {value}")).collect();
    let new = match deeper {
        [] => safe(value),
        deeper => set("{}", deeper, value)?,
    };
    match found {
        Some(at) => written[at] = format!("{}: {new}", entries[at].key),
        None => written.insert(place_of(&entries, key), format!("{}: {new}", safe(key))),
    }
    Some(format!("{{ {} }}", written.join(", ")))
}

/// Where a new key goes: by the alphabet, if what is there does.
fn place_of(entries: &[Entry<'_>], key: &str) -> usize {
    let is_sorted = entries.is_sorted_by(|a, b| plain(a.key) <= plain(b.key));
    let next = entries.iter().position(|entry| plain(entry.key) > key);
    next.filter(|_| is_sorted).unwrap_or(entries.len())
}

/// The items of a list, with their quotes; `None` where it is none.
pub(super) fn items(list: &str) -> Option<Vec<&str>> {
    let parts = split(list.strip_prefix('[')?.strip_suffix(']')?, ',')?;
    Some(parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect())
}

/// A text that means the same between brackets.
pub(super) fn safe(text: &str) -> String {
    let plain = quoted(text);
    if plain == text && text.contains([',', '[', ']', '{', '}']) { format!("'{text}'") } else { plain }
}

fn entries(mapping: &str) -> Option<Vec<Entry<'_>>> {
    let inner = mapping.strip_prefix('{')?.strip_suffix('}')?;
    let parts = split(inner, ',')?;
    let parts = parts.into_iter().map(str::trim).filter(|part| !part.is_empty());
    parts.map(entry).collect()
}

fn entry(part: &str) -> Option<Entry<'_>> {
    let key_end = match part.chars().next()? {
        quote @ ('\'' | '"') => 1 + part[1..].find(quote)? + 1,
        '?' | '&' | '*' | '<' | '{' | '[' | '!' => return None,
        _ => part.find(": ").or_else(|| part.strip_suffix(':').map(str::len))?,
    };
    let value = part[key_end..].trim_start().strip_prefix(':')?.trim();
    let is_understood = !value.starts_with(['&', '*', '!']);
    is_understood.then_some(Entry { key: part[..key_end].trim_end(), value })
}

/// The parts between separators that stand in no quotes and no inner brackets; `None` where one is not closed.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut start, mut depth, mut quote, mut before) = (Vec::new(), 0, 0_usize, None, ' ');
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), _) => quote = if letter == open { None } else { quote },
            (None, '\'' | '"') if " {[,:".contains(before) => quote = Some(letter),
            (None, '{' | '[') => depth += 1,
            (None, '}' | ']') => depth = depth.checked_sub(1)?,
            (None, _) if letter == separator && depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            (None, _) => {}
        }
        before = letter;
    }
    parts.push(&text[start..]);
    (depth == 0 && quote.is_none()).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_is_written_with_blanks_and_what_is_around_it_stays() {
        let set = |text: &str, path: &[&str]| set(text, path, "^2.0.0").unwrap();
        assert_eq!(set("{}", &["b"]), "{ b: ^2.0.0 }");
        assert_eq!(set("{}", &["x", "b"]), "{ x: { b: ^2.0.0 } }");
        assert_eq!(set("{a: 1,c: 'x, y'}", &["b"]), "{ a: 1, b: ^2.0.0, c: 'x, y' }");
        assert_eq!(set("{c: 1, a: 1}", &["b"]), "{ c: 1, a: 1, b: ^2.0.0 }");
        assert_eq!(set("{  'b': '1' , c: 1 , }", &["b"]), "{ 'b': ^2.0.0, c: 1 }");
        assert_eq!(set("{x: {b: 1}, y: {}}", &["x", "b"]), "{x: { b: ^2.0.0 }, y: {}}");
        assert_eq!(set("{x: {b: 1}}", &["y", "b"]), "{ x: {b: 1}, y: { b: ^2.0.0 } }");
        assert_eq!(set("{a: 1}", &["@s/b"]), "{ '@s/b': ^2.0.0, a: 1 }");
        assert_eq!(super::set("{a: 1}", &["b"], "1, 2").unwrap(), "{ a: 1, b: '1, 2' }");
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for text in ["{a", "[a]", "{a: {b}", "{a: &v 1}", "{<<: *v}", "{a: 'x}", "{a}", "{a: 1}}"] {
            assert_eq!(set(text, &["b"], "1"), None, "{text}");
        }
        assert_eq!(set("{x: 1}", &["x", "b"], "1"), None);
    }
}
