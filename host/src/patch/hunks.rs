//! Hunks of a text patch, applied as pnpm does: what stands at the end of a line does not matter when lines are
//! compared, so that a patch fits a file with other line ends, and a hunk may have moved by twenty lines.

use diffy::{Line, Patch};

/// A hunk is looked for so many lines before and behind its place.
const FUZZ: isize = 20;

/// An edit of the lines as they were: what stands from here on, so many lines, gives way to these.
struct Edit<'a> {
    at: usize,
    remove: usize,
    insert: Vec<&'a str>,
    /// What the file then ends with: a line end or none; `None`: as before.
    end: Option<bool>,
}

/// The text after a patch.
///
/// # Errors
/// Which hunk does not fit.
pub(super) fn apply(text: &str, patch: &Patch<'_, str>) -> Result<String, String> {
    let lines: Vec<&str> = text.split('\n').collect();
    let mut edits = Vec::new();
    for (at, hunk) in patch.hunks().iter().enumerate() {
        let start = isize::try_from(hunk.old_range().start()).unwrap_or(isize::MAX) - 1;
        // An empty file has its first line at 0.
        let start = start.max(0);
        let offsets = std::iter::once(0).chain((1..=FUZZ).flat_map(|offset| [-offset, offset]));
        let found = offsets
            .filter_map(|offset| usize::try_from(start.saturating_add(offset)).ok())
            .find_map(|start| fit(hunk.lines(), &lines, start));
        edits.extend(found.ok_or_else(|| format!("hunk {} does not fit", at + 1))?);
    }
    join(&lines, edits)
}

/// The edits of a hunk at a place, if its context stands there.
fn fit<'a>(hunk: &[Line<'a, str>], lines: &[&str], start: usize) -> Option<Vec<Edit<'a>>> {
    let mut edits: Vec<Edit<'a>> = Vec::new();
    let mut at = start;
    for line in hunk {
        match line {
            Line::Context(wanted) => {
                is_line(lines, at, wanted)?;
                at += 1;
            }
            Line::Delete(wanted) => {
                is_line(lines, at, wanted)?;
                let edit = edit_at(&mut edits, at);
                edit.remove += 1;
                if !wanted.ends_with('\n') {
                    edit.end = Some(true);
                }
                at += 1;
            }
            Line::Insert(new) => {
                let edit = edit_at(&mut edits, at);
                edit.insert.push(new.strip_suffix('\n').unwrap_or(new));
                if !new.ends_with('\n') {
                    // Where the old text had no end of line either, all stays as it is.
                    edit.end = if edit.end == Some(true) { None } else { Some(false) };
                }
            }
        }
    }
    Some(edits)
}

/// The edit that goes on here, or a new one.
fn edit_at<'e, 'a>(edits: &'e mut Vec<Edit<'a>>, at: usize) -> &'e mut Edit<'a> {
    if edits.last().is_none_or(|last| last.at + last.remove != at) {
        edits.push(Edit { at, remove: 0, insert: Vec::new(), end: None });
    }
    edits.last_mut().expect("one was just put there")
}

fn is_line(lines: &[&str], at: usize, wanted: &str) -> Option<()> {
    (lines.get(at)?.trim_end() == wanted.trim_end()).then_some(())
}

fn join<'a>(lines: &[&'a str], edits: Vec<Edit<'a>>) -> Result<String, String> {
    let mut out: Vec<&str> = Vec::with_capacity(lines.len());
    let (mut from, mut end) = (0, None);
    for edit in edits {
        let before = lines.get(from..edit.at).ok_or("hunks overlap")?;
        out.extend(before);
        out.extend(edit.insert);
        from = edit.at + edit.remove;
        end = edit.end.or(end);
    }
    out.extend(&lines[from.min(lines.len())..]);
    match end {
        Some(true) => out.push(""),
        Some(false) => drop(out.pop()),
        None => {}
    }
    Ok(out.join("\n"))
}
