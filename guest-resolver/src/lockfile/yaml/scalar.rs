//! How the emitter of pnpm (a fork of js-yaml: no folding, no YAML 1.1 quirks, single quotes) writes a string, and what
//! a plain scalar would be read as. The scanner uses the same rules to know whether text is canonical.

/// Where a scalar stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A value of a block map or block list: may span lines.
    Block,
    /// A key: one line.
    Key,
    /// Inside `{}` or `[]`: one line.
    Flow,
}

impl Place {
    fn in_block(self) -> bool {
        matches!(self, Self::Block | Self::Key)
    }
}

/// Writes a string; `indent` is that of the lines of a literal block.
pub(crate) fn write(out: &mut String, text: &str, place: Place, indent: usize) {
    if text.is_empty() {
        out.push_str("''");
        return;
    }
    if is_plain(text, place.in_block()) {
        out.push_str(text);
        return;
    }
    // pnpm's emitter begins a literal block inside `[]` too, where nothing can read it.
    let one_line = place != Place::Block;
    if text.chars().any(|c| !is_printable(c) && (one_line || c != '\n')) {
        return write_double(out, text);
    }
    if text.contains('\n') {
        return write_literal(out, text, indent);
    }
    out.push('\'');
    for (at, part) in text.split('\'').enumerate() {
        if at > 0 {
            out.push_str("''");
        }
        out.push_str(part);
    }
    out.push('\'');
}

/// Whether it is written without quotes: nothing in it has a meaning in YAML, and it is read as a string.
pub(crate) fn is_plain(text: &str, in_block: bool) -> bool {
    is_plain_shape(text, in_block) && !is_typed(text)
}

/// Bytes that mean nothing wherever they stand behind the first: most of what there is, in checksums above all.
const IS_HARMLESS: [bool; 256] = {
    let mut harmless = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        harmless[byte] = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'+' | b'-' | b'.' | b'/' | b'=');
        byte += 1;
    }
    harmless
};

/// Whether nothing in it has a meaning in YAML.
pub(crate) fn is_plain_shape(text: &str, in_block: bool) -> bool {
    let bytes = text.as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else { return false };
    if b" \t-?:,[]{}#&*!|=>'\"%@`".contains(&first) || b" \t:".contains(&last) {
        return false;
    }
    if !text.is_ascii() && !text.chars().all(|c| c == '\t' || is_printable(c)) {
        return false;
    }
    let mut before = 0;
    for &byte in bytes {
        let safe = IS_HARMLESS[byte as usize]
            || match byte {
                0..0x20 | 0x7f => false,
                b' ' => before != b':',
                b'#' => before != 0 && before != b' ',
                // js-yaml lets them pass behind a colon, and cannot read what it wrote.
                b',' | b'[' | b']' | b'{' | b'}' => in_block,
                _ => true,
            };
        if !safe {
            return false;
        }
        before = byte;
    }
    true
}

fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a1}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
        && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

fn write_literal(out: &mut String, text: &str, indent: usize) {
    out.push('|');
    if text.trim_start_matches('\n').starts_with(' ') {
        out.push('2');
    }
    if !text.ends_with('\n') {
        out.push('-');
    } else if text == "\n" || text.ends_with("\n\n") {
        out.push('+');
    }
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            out.extend(std::iter::repeat_n(' ', indent));
            out.push_str(line);
        }
    }
}

fn write_double(out: &mut String, text: &str) {
    use std::fmt::Write as _;
    out.push('"');
    for c in text.chars() {
        let short = match c {
            '\0' => "\\0",
            '\x07' => "\\a",
            '\x08' => "\\b",
            '\t' => "\\t",
            '\n' => "\\n",
            '\x0b' => "\\v",
            '\x0c' => "\\f",
            '\r' => "\\r",
            '\x1b' => "\\e",
            '"' => "\\\"",
            '\\' => "\\\\",
            '\u{85}' => "\\N",
            '\u{a0}' => "\\_",
            '\u{2028}' => "\\L",
            '\u{2029}' => "\\P",
            _ => "",
        };
        let code = u32::from(c);
        let written = match short {
            "" if is_printable(c) => write!(out, "{c}"),
            "" if code <= 0xff => write!(out, "\\x{code:02X}"),
            "" if code <= 0xffff => write!(out, "\\u{code:04X}"),
            "" => write!(out, "\\U{code:08X}"),
            short => write!(out, "{short}"),
        };
        written.expect("a string takes all that is written to it");
    }
    out.push('"');
}

/// Whether YAML reads it as something other than a string: nothing, a boolean, a number, a time, a merge key.
pub(crate) fn is_typed(text: &str) -> bool {
    match text.as_bytes().first() {
        Some(b'0'..=b'9') => is_integer(text) || is_float(text) || is_time(text),
        Some(b'-' | b'+' | b'.') => is_integer(text) || is_float(text),
        Some(b'~' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'<') => {
            const WORDS: [&str; 11] =
                ["~", "null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE", "<<"];
            WORDS.contains(&text)
        }
        _ => false,
    }
}

fn is_integer(text: &str) -> bool {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (digits, base) = match body.as_bytes() {
        [b'0', b'b', ..] => (&body[2..], 2),
        [b'0', b'x', ..] => (&body[2..], 16),
        [b'0', b'o', ..] => (&body[2..], 8),
        [b'_', ..] | [b'0', b'_', ..] => return false,
        _ => (body, 10),
    };
    !digits.ends_with('_') && digits.chars().all(|c| c == '_' || c.is_digit(base)) && digits.chars().any(|c| c != '_')
}

fn is_float(text: &str) -> bool {
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(body, ".inf" | ".Inf" | ".INF") {
        return true;
    }
    let digits = |text: &str| text.bytes().take_while(|b| b.is_ascii_digit() || *b == b'_').count();
    let whole = digits(body);
    let mut rest = &body[whole..];
    match rest.strip_prefix('.') {
        Some(fraction) => {
            let length = digits(fraction);
            if whole == 0 && (length == 0 || body.len() != text.len()) {
                return false;
            }
            rest = &fraction[length..];
        }
        None if whole == 0 => return false,
        None => {}
    }
    let exponent = match rest.strip_prefix(['e', 'E']) {
        None => rest.is_empty(),
        Some(power) => {
            let power = power.strip_prefix(['-', '+']).unwrap_or(power);
            !power.is_empty() && power.bytes().all(|b| b.is_ascii_digit())
        }
    };
    exponent && !body.starts_with('_') && !text.ends_with('_')
}

/// `2001-12-14`, or `2001-12-14T21:59:43.10-05:00` with the liberties that YAML takes.
fn is_time(text: &str) -> bool {
    let mut rest = text;
    let year = eat_digits(&mut rest, 4, 4) && eat(&mut rest, "-");
    let short = rest;
    if year && rest.len() == 5 && eat_digits(&mut rest, 2, 2) && eat(&mut rest, "-") && eat_digits(&mut rest, 2, 2) {
        return true;
    }
    rest = short;
    if !(year && eat_digits(&mut rest, 1, 2) && eat(&mut rest, "-") && eat_digits(&mut rest, 1, 2)) {
        return false;
    }
    if !eat(&mut rest, "T") && !eat(&mut rest, "t") {
        let blank = rest.trim_start_matches([' ', '\t']);
        if blank.len() == rest.len() {
            return false;
        }
        rest = blank;
    }
    let clock = eat_digits(&mut rest, 1, 2)
        && eat(&mut rest, ":")
        && eat_digits(&mut rest, 2, 2)
        && eat(&mut rest, ":")
        && eat_digits(&mut rest, 2, 2);
    if !clock {
        return false;
    }
    if eat(&mut rest, ".") {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    if rest.is_empty() {
        return true;
    }
    rest = rest.trim_start_matches([' ', '\t']);
    if rest == "Z" {
        return true;
    }
    (eat(&mut rest, "+") || eat(&mut rest, "-"))
        && eat_digits(&mut rest, 1, 2)
        && (rest.is_empty() || eat(&mut rest, ":") && eat_digits(&mut rest, 2, 2) && rest.is_empty())
}

fn eat(rest: &mut &str, word: &str) -> bool {
    match rest.strip_prefix(word) {
        Some(after) => {
            *rest = after;
            true
        }
        None => false,
    }
}

fn eat_digits(rest: &mut &str, least: usize, most: usize) -> bool {
    let count = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    *rest = &rest[count..];
    count >= least
}
