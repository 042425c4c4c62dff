//! Texts of strangers, made fit for a terminal.

/// Without control characters (escape sequences among them) and without characters that change the direction of text;
/// line ends and tabs stay. An escape sequence is dropped whole.
#[must_use]
pub fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' => skip_sequence(&mut letters),
            '\n' | '\t' => clean.push(letter),
            _ if letter.is_control() || is_direction(letter) => {}
            _ => clean.push(letter),
        }
    }
    clean
}

/// `clean`, on one line.
#[must_use]
pub(super) fn one_line(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    clean(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Visible ASCII with single spaces between, as names and versions are: there is nothing to be cleaned.
fn is_plain(text: &str) -> bool {
    let is_visible = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    is_visible && !text.starts_with(' ') && !text.ends_with(' ') && !text.contains("  ")
}

/// Without the user and password of addresses: `https://user:secret@host/` becomes `https://***@host/`.
#[must_use]
pub(super) fn redact(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        safe.push_str(before);
        let end = after.find(|letter: char| letter == '/' || letter.is_whitespace() || letter == '"');
        let authority = &after[..end.unwrap_or(after.len())];
        rest = match authority.rfind('@') {
            Some(user) => {
                safe.push_str("***");
                &after[user..]
            }
            None => after,
        };
    }
    safe.push_str(rest);
    safe
}

/// A count of bytes for people: `1.2 MB`.
#[must_use]
pub(super) fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 1000.0 || unit == "GB" {
            return if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1000.0;
    }
    unreachable!("the last unit returns")
}

/// A time for people, as pnpm writes it: `515ms`, `2.3s`.
#[must_use]
pub(super) fn duration(milliseconds: u64) -> String {
    if milliseconds < 1000 {
        return format!("{milliseconds}ms");
    }
    let tenths = milliseconds / 100;
    if tenths < 600 {
        return format!("{}.{}s", tenths / 10, tenths % 10);
    }
    format!("{}m {}s", milliseconds / 60_000, milliseconds / 1000 % 60)
}

fn skip_sequence(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match letters.next() {
        // CSI: parameters, then one letter.
        Some('[') => while letters.next().is_some_and(|letter| !('@'..='~').contains(&letter)) {},
        // OSC and its like: up to BEL or ESC \.
        Some(']' | 'P' | '_' | '^' | 'X') => {
            while let Some(letter) = letters.next() {
                if letter == '\u{7}' || letter == '\u{9c}' {
                    break;
                }
                if letter == '\u{1b}' {
                    letters.next_if_eq(&'\\');
                    break;
                }
            }
        }
        _ => {}
    }
}

fn is_direction(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests;
