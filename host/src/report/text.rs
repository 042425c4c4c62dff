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
    clean(text).split_whitespace().collect::<Vec<_>>().join(" ")
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
