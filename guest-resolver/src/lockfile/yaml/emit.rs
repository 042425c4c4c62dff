//! The emitter of pnpm's lockfiles: block style with two spaces, blank lines between the entries of the top level and
//! of `importers`, `packages` and `snapshots`, flow style for a few short fields.

use super::{
    Entries, Node,
    scalar::{self, Place},
};

/// A rendered key of more UTF-16 units is written as `? key`: YAML allows no longer one in front of a colon.
const LONGEST_KEY: usize = 1024;

/// The text of a document.
pub(crate) fn document(root: &Entries<'_>, capacity: usize) -> String {
    let mut out = String::with_capacity(capacity);
    write_map(&mut out, root, 0, true, true);
    out.push('\n');
    out
}

/// What follows `key:` for a value at this level: with its leading space or line break.
pub(crate) fn after_key(key: &str, value: &Node<'_>, level: usize) -> String {
    let mut out = String::new();
    write_value(&mut out, key, value, level, false);
    out
}

/// `compact`: the first key stands on the line that is already begun.
fn write_map(out: &mut String, entries: &Entries<'_>, level: usize, compact: bool, blank_lines: bool) {
    let line = |out: &mut String, blank: bool| {
        out.push_str(if blank { "\n\n" } else { "\n" });
        out.extend(std::iter::repeat_n(' ', 2 * level));
    };
    for (at, (key, value)) in entries.iter().enumerate() {
        if at > 0 || !compact {
            line(out, blank_lines);
        }
        let start = out.len();
        scalar::write(out, key, Place::Key, 0);
        let explicit = out.len() - start > LONGEST_KEY && out[start..].encode_utf16().count() > LONGEST_KEY;
        if explicit {
            out.insert_str(start, "? ");
            line(out, false);
        }
        out.push(':');
        write_value(out, key, value, level + 1, explicit);
    }
}

fn write_value(out: &mut String, key: &str, value: &Node<'_>, level: usize, compact: bool) {
    match value {
        Node::Raw(text) => out.push_str(text),
        Node::Map(entries) if !entries.is_empty() && !is_one_line(key, entries) => {
            if compact {
                out.push(' ');
            }
            write_map(out, entries, level, compact, matches!(key, "packages" | "importers" | "snapshots"));
        }
        Node::List(items) if !items.is_empty() && !is_one_line_key(key) => {
            if compact {
                out.push(' ');
            }
            write_list(out, items, level, compact);
        }
        Node::Map(entries) => {
            out.push(' ');
            write_flow_map(out, entries);
        }
        Node::List(items) => {
            out.push(' ');
            write_flow_list(out, items);
        }
        Node::Text(text) => {
            out.push(' ');
            scalar::write(out, text, Place::Block, 2 * level);
        }
        Node::Plain(text) => {
            out.push(' ');
            out.push_str(text);
        }
    }
}

fn write_list(out: &mut String, items: &[Node<'_>], level: usize, compact: bool) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 || !compact {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', 2 * level));
        }
        out.push('-');
        match item {
            Node::Map(entries) if !entries.is_empty() => {
                out.push(' ');
                write_map(out, entries, level + 1, true, false);
            }
            Node::List(items) if !items.is_empty() => {
                out.push(' ');
                write_list(out, items, level + 1, true);
            }
            other => write_value(out, "", other, level + 1, true),
        }
    }
}

fn write_flow_map(out: &mut String, entries: &Entries<'_>) {
    out.push('{');
    for (at, (key, value)) in entries.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        scalar::write(out, key, Place::Flow, 0);
        out.push_str(": ");
        write_flow(out, value);
    }
    out.push('}');
}

fn write_flow_list(out: &mut String, items: &[Node<'_>]) {
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        write_flow(out, item);
    }
    out.push(']');
}

fn write_flow(out: &mut String, value: &Node<'_>) {
    match value {
        Node::Text(text) => scalar::write(out, text, Place::Flow, 0),
        Node::Plain(text) => out.push_str(text),
        Node::Raw(text) => out.push_str(text),
        Node::Map(entries) => write_flow_map(out, entries),
        Node::List(items) => write_flow_list(out, items),
    }
}

fn is_one_line_key(key: &str) -> bool {
    matches!(key, "cpu" | "engines" | "os" | "libc")
}

/// Runtimes spread their `resolution` over lines, all others keep it on one.
fn is_one_line(key: &str, entries: &Entries<'_>) -> bool {
    let spread = |node: &Node<'_>| matches!(node, Node::Text(kind) if matches!(kind.as_ref(), "variations" | "binary"));
    is_one_line_key(key) || key == "resolution" && !entries.iter().any(|(key, node)| key == "type" && spread(node))
}
