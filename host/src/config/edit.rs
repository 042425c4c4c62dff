//! Changes a list, or entries of catalogs, in the text of `pnpm-workspace.yaml` and leaves all else as the user wrote
//! it: comments, order, quotes. Knows block lists, block mappings, and lists and mappings in brackets on one line;
//! anything else is refused, never rewritten. What is changed is read again, and given back only if it means what was
//! there before and the change, and nothing else.

use std::path::Path;

use serde_json::{Map, Value};

use super::project;

mod catalogs;
mod flow;
mod list;

pub use catalogs::set_catalogs;
pub use list::set_list;

/// Why a text cannot be changed in place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// It is written in a form that is not known here.
    #[error("the value of {0} is written in a way that cannot be changed in place")]
    Form(String),
    /// The text is no mapping of settings.
    #[error("{0}")]
    Unreadable(String),
    /// What was changed would mean something else.
    #[error("{0} would not be read as it was written")]
    Misread(String),
}

/// A change: what it does to the lines, and what to the settings that are read from them. `None`: it cannot be made.
trait Change {
    /// The setting that it is about, for what is said of it.
    fn key(&self) -> &str;
    fn write(&self, lines: &mut Vec<String>, settings: &Map<String, Value>) -> Option<()>;
    fn apply(&self, settings: &mut Map<String, Value>) -> Option<()>;
}

/// The text with a change, which is seen to do to the settings what it should.
fn changed(text: &str, change: &impl Change) -> Result<String, EditError> {
    let key = || change.key().to_owned();
    let (mark, text) = text.strip_prefix(MARK).map_or(("", text), |text| (MARK, text));
    let read = |text: &str| project::parse_yaml(Path::new("pnpm-workspace.yaml"), text);
    let mut settings = read(text).map_err(|error| EditError::Unreadable(error.to_string()))?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if is_foreign(&lines) {
        return Err(EditError::Form(key()));
    }
    change.write(&mut lines, &settings).ok_or_else(|| EditError::Form(key()))?;
    change.apply(&mut settings).ok_or_else(|| EditError::Form(key()))?;
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let changed: String = lines.into_iter().flat_map(|line| [line, end.to_owned()]).collect();
    let is_meant = read(&changed).is_ok_and(|changed| changed == settings);
    if is_meant { Ok(format!("{mark}{changed}")) } else { Err(EditError::Misread(key())) }
}

/// What some editors put before a text.
const MARK: &str = "\u{feff}";

/// Whether the file is no block mapping, or indented by what YAML forbids.
fn is_foreign(lines: &[String]) -> bool {
    lines.iter().any(|line| line.starts_with(['{', '[', '%']) || line.trim_start_matches(' ').starts_with('\t'))
}

fn depth_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Where the key of a line ends, before its colon.
fn key_end(line: &str) -> Option<usize> {
    let start = depth_of(line);
    let is_colon =
        |rest: &str| rest.strip_prefix(':').is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']));
    match line[start..].chars().next().filter(|first| ['\'', '"'].contains(first)) {
        Some(quote) => {
            let end = start + 1 + line[start + 1..].find(quote)? + 1;
            let end = line.len() - line[end..].trim_start().len();
            is_colon(&line[end..]).then_some(end)
        }
        None => line[start..].match_indices(':').map(|(at, _)| start + at).find(|at| is_colon(&line[*at..])),
    }
}

/// The key of a line at just this depth.
fn key_of<'a>(line: &'a str, indent: &str) -> Option<&'a str> {
    let is_key = depth_of(line) == indent.len() && !line.trim_start().starts_with(['#', '-']);
    is_key.then(|| key_end(line)).flatten().map(|end| plain(line[indent.len()..end].trim()))
}

/// What stands behind the key, and the comment with the white space before it.
fn value_and_comment(line: &str) -> (&str, &str) {
    split_comment(key_end(line).map_or("", |end| &line[end + 1..]))
}

/// A line with another value in brackets behind its key; the white space before the value stays.
fn with_value(line: &str, value: &str) -> String {
    let start = key_end(line).map_or(line.len(), |end| end + 1);
    let (_, comment) = value_and_comment(line);
    let space = line[start..].len() - line[start..].trim_start().len();
    format!("{}{value}{comment}", &line[..start + space])
}

/// A line without its value.
fn without_value(line: &str) -> String {
    let end = key_end(line).map_or(line.len(), |end| end + 1);
    format!("{}{}", &line[..end], value_and_comment(line).1)
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

fn plain(text: &str) -> &str {
    let inside = |quote: char| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inside('\'').or_else(|| inside('"')).unwrap_or(text)
}

fn quoted(item: &str) -> String {
    let special =
        item.starts_with(|c: char| "@*&!|>%#'\"[]{},?:-`".contains(c)) || item.contains(": ") || item.contains(" #");
    if special { format!("'{}'", item.replace('\'', "''")) } else { item.to_owned() }
}
