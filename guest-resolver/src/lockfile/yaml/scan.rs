//! One pass over YAML as pnpm writes it. It takes only what the emitter would have written in the same way, and says
//! nothing about other text: that is the full parser's.

use std::borrow::Cow;

use super::{Entries, Node, scalar};

const DEEPEST: usize = 12;

/// The tree, or `None` if the text is not as pnpm writes it.
pub(crate) fn scan(text: &str) -> Option<Node<'_>> {
    let mut scanner = Scanner { text, at: 0 };
    let entries = scanner.map(0, 0)?;
    (scanner.line()?.is_none() && !entries.is_empty()).then_some(Node::Map(entries))
}

/// A line that is not blank.
#[derive(Clone, Copy)]
struct Line<'a> {
    indent: usize,
    content: &'a str,
    /// Where the next line starts.
    next: usize,
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    /// The line ahead; blank ones are stepped over. The outer `None`: not canonical.
    #[expect(clippy::option_option, reason = "the outer one is `?`, the inner one the end of the text")]
    fn line(&mut self) -> Option<Option<Line<'a>>> {
        loop {
            let rest = &self.text[self.at..];
            if rest.is_empty() {
                return Some(None);
            }
            let end = rest.find('\n').unwrap_or(rest.len());
            let next = self.at + (end + 1).min(rest.len());
            let indent = rest.bytes().take_while(|b| *b == b' ').count();
            if indent < end {
                return Some(Some(Line { indent, content: &rest[indent..end], next }));
            }
            if indent > end || indent > 0 {
                return None;
            }
            self.at = next;
        }
    }

    fn map(&mut self, indent: usize, depth: usize) -> Option<Entries<'a>> {
        if depth > DEEPEST {
            return None;
        }
        let mut entries: Entries<'a> = Vec::new();
        let mut sorted = true;
        while let Some(line) = self.line()? {
            if line.indent < indent {
                break;
            }
            if line.indent > indent {
                return None;
            }
            self.at = line.next;
            let (key, value) = split_key(line.content)?;
            sorted = sorted && entries.last().is_none_or(|(last, _)| *last < key);
            let node = match value {
                "" => self.below(indent + 2, depth)?,
                value if value.starts_with('|') => Node::Text(Cow::Owned(self.literal(value, indent + 2)?)),
                value => inline(value)?,
            };
            entries.push((key, node));
        }
        (sorted || !has_duplicates(&entries)).then_some(entries)
    }

    /// The block under a key.
    fn below(&mut self, indent: usize, depth: usize) -> Option<Node<'a>> {
        let line = self.line()??;
        if line.indent != indent {
            return None;
        }
        if !line.content.starts_with("- ") {
            return self.map(indent, depth + 1).map(Node::Map);
        }
        let mut items = Vec::new();
        while let Some(line) = self.line()? {
            if line.indent < indent {
                break;
            }
            if line.indent > indent {
                return None;
            }
            self.at = line.next;
            items.push(inline(line.content.strip_prefix("- ")?)?);
        }
        Some(Node::List(items))
    }

    /// The lines of a literal block; those that need an indentation indicator are left to the full parser.
    fn literal(&mut self, header: &str, indent: usize) -> Option<String> {
        if !matches!(header, "|" | "|-") {
            return None;
        }
        let mut text = String::new();
        loop {
            let rest = &self.text[self.at..];
            let end = rest.find('\n').unwrap_or(rest.len());
            let line = &rest[..end];
            let blank = line.is_empty();
            let inside = line.len() >= indent && line.as_bytes()[..indent].iter().all(|b| *b == b' ');
            if rest.is_empty() || !blank && !inside {
                break;
            }
            if text.is_empty() && (blank || line.as_bytes().get(indent) == Some(&b' ')) {
                return None;
            }
            if !blank {
                text.push_str(&line[indent..]);
            }
            text.push('\n');
            self.at += (end + 1).min(rest.len());
        }
        let kept = text.trim_end_matches('\n').len();
        text.truncate(if header == "|" { kept + 1 } else { kept });
        (kept > 0 && text.chars().all(|c| c == '\n' || c >= ' ' && c != '\u{7f}')).then_some(text)
    }
}

fn has_duplicates(entries: &Entries<'_>) -> bool {
    if entries.len() < 2 {
        return false;
    }
    let mut keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_ref()).collect();
    keys.sort_unstable();
    keys.windows(2).any(|pair| pair[0] == pair[1])
}

/// `key: value` or `key:`.
fn split_key(content: &str) -> Option<(Cow<'_, str>, &str)> {
    let (key, rest) = if content.starts_with('\'') {
        let (key, rest) = quoted(content)?;
        (key, rest.strip_prefix(':')?)
    } else {
        let bytes = content.as_bytes();
        let ends = |at: &usize| bytes[*at] == b':' && matches!(bytes.get(at + 1), None | Some(b' '));
        let end = (0..bytes.len()).find(ends)?;
        let key = &content[..end];
        (scalar::is_plain(key, true).then_some(Cow::Borrowed(key))?, content[end..].strip_prefix(':')?)
    };
    match rest {
        "" => Some((key, "")),
        rest => rest.strip_prefix(' ').filter(|value| !value.is_empty()).map(|value| (key, value)),
    }
}

/// A value on the line of its key.
fn inline(value: &str) -> Option<Node<'_>> {
    match value.as_bytes()[0] {
        b'\'' => quoted(value).filter(|(_, rest)| rest.is_empty()).map(|(text, _)| Node::Text(text)),
        b'"' => double_quoted(value).filter(|(_, rest)| rest.is_empty()).map(|(text, _)| Node::Text(text)),
        b'{' | b'[' => flow(value, 0).filter(|(_, rest)| rest.is_empty()).map(|(node, _)| node),
        _ => plain(value, true),
    }
}

fn plain(value: &str, in_block: bool) -> Option<Node<'_>> {
    if !scalar::is_plain_shape(value, in_block) {
        return None;
    }
    if !scalar::is_typed(value) {
        return Some(Node::text(value));
    }
    let number =
        value.len() < 10 && value.bytes().all(|b| b.is_ascii_digit()) && (value == "0" || !value.starts_with('0'));
    (number || matches!(value, "true" | "false")).then_some(Node::Plain(Cow::Borrowed(value)))
}

/// A text in single quotes, and what follows it.
fn quoted(value: &str) -> Option<(Cow<'_, str>, &str)> {
    let body = value.strip_prefix('\'')?;
    let bytes = body.as_bytes();
    let mut doubled = false;
    let mut at = 0;
    loop {
        at += bytes[at..].iter().position(|b| *b == b'\'')?;
        if bytes.get(at + 1) != Some(&b'\'') {
            break;
        }
        doubled = true;
        at += 2;
    }
    let text = &body[..at];
    if text.bytes().any(|b| b < b' ' || b == 0x7f) {
        return None;
    }
    let text = if doubled { Cow::Owned(text.replace("''", "'")) } else { Cow::Borrowed(text) };
    Some((text, &body[at + 1..]))
}

/// A text in double quotes, which holds what cannot be printed, and what follows it.
fn double_quoted(value: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut text = String::new();
    let mut rest = value.strip_prefix('"')?;
    loop {
        let end = rest.find(['"', '\\'])?;
        let (plain, after) = rest.split_at(end);
        if plain.chars().any(|c| c < ' ') {
            return None;
        }
        text.push_str(plain);
        if let Some(after) = after.strip_prefix('"') {
            return Some((Cow::Owned(text), after));
        }
        let (escaped, after) = escape(&after[1..])?;
        text.push(escaped);
        rest = after;
    }
}

/// The character behind a backslash, and what follows it.
fn escape(rest: &str) -> Option<(char, &str)> {
    const SHORT: [(char, char); 15] = [
        ('0', '\0'),
        ('a', '\x07'),
        ('b', '\x08'),
        ('t', '\t'),
        ('n', '\n'),
        ('v', '\x0b'),
        ('f', '\x0c'),
        ('r', '\r'),
        ('e', '\x1b'),
        ('"', '"'),
        ('\\', '\\'),
        ('N', '\u{85}'),
        ('_', '\u{a0}'),
        ('L', '\u{2028}'),
        ('P', '\u{2029}'),
    ];
    let letter = rest.chars().next()?;
    let after = &rest[letter.len_utf8()..];
    let digits = match letter {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => return SHORT.iter().find(|(short, _)| *short == letter).map(|(_, c)| (*c, after)),
    };
    let (code, after) = after.split_at_checked(digits)?;
    let code = code.bytes().all(|b| b.is_ascii_hexdigit()).then_some(code)?;
    Some((char::from_u32(u32::from_str_radix(code, 16).ok()?)?, after))
}

/// `{a: b, c: d}` or `[a, b]`, and what follows it.
fn flow(value: &str, depth: usize) -> Option<(Node<'_>, &str)> {
    if depth > DEEPEST {
        return None;
    }
    if let Some(mut rest) = value.strip_prefix('[') {
        let mut items = Vec::new();
        loop {
            let (item, after) = flow_value(rest, depth)?;
            items.push(item);
            match after.strip_prefix(", ") {
                Some(more) => rest = more,
                None => return Some((Node::List(items), after.strip_prefix(']')?)),
            }
        }
    }
    let mut rest = value.strip_prefix('{')?;
    let mut entries: Entries<'_> = Vec::new();
    if let Some(after) = rest.strip_prefix('}') {
        return Some((Node::Map(entries), after));
    }
    loop {
        let (key, after) = if rest.starts_with('\'') {
            quoted(rest)?
        } else {
            let end = rest.bytes().position(|b| b":,}]".contains(&b))?;
            (scalar::is_plain(&rest[..end], false).then_some(Cow::Borrowed(&rest[..end]))?, &rest[end..])
        };
        let (node, after) = flow_value(after.strip_prefix(": ")?, depth)?;
        entries.push((key, node));
        match after.strip_prefix(", ") {
            Some(more) => rest = more,
            None => {
                let after = after.strip_prefix('}')?;
                return (!has_duplicates(&entries)).then_some((Node::Map(entries), after));
            }
        }
    }
}

fn flow_value(rest: &str, depth: usize) -> Option<(Node<'_>, &str)> {
    match rest.as_bytes().first()? {
        b'\'' => quoted(rest).map(|(text, after)| (Node::Text(text), after)),
        b'"' => double_quoted(rest).map(|(text, after)| (Node::Text(text), after)),
        b'{' | b'[' => flow(rest, depth + 1),
        _ => {
            let end = rest.bytes().position(|b| matches!(b, b',' | b'[' | b']' | b'{' | b'}'))?;
            Some((plain(&rest[..end], false)?, &rest[end..]))
        }
    }
}
