//! The text of a shim: the small shell script in `.bin` that starts an executable with the right program. It does what
//! pnpm's does (finds itself through links, sets `NODE_PATH`, prefers a `node` beside it) and ends with pnpm's trailer,
//! by which pnpm knows where a shim leads; the script itself is ours.
//!
//! Every value in it is single-quoted, so that no name can leave its quotes.

use std::fmt::Write as _;

/// What a shim starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shim<'a> {
    /// The file, relative to the shim's folder.
    pub(super) target: &'a str,
    /// What runs it.
    pub(super) runtime: &'a Runtime,
    /// Folders for `NODE_PATH`, relative to the shim's folder; none: it is left alone.
    pub(super) node_path: &'a [String],
}

/// What runs an executable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Runtime {
    /// A program, looked up beside the shim and then in `PATH`; `None`: the file runs itself.
    pub(super) program: Option<String>,
    /// Its arguments before the file.
    pub(super) arguments: Vec<String>,
}

const FIND_SELF: &str = r#"#!/bin/sh
self=$0
case $self in */*) ;; *) self=./$self ;; esac
hops=0
while [ -L "$self" ] && [ "$hops" -lt 40 ]; do
  hops=$((hops + 1))
  next=$(command -p readlink "$self") || exit
  case $next in /*) self=$next ;; *) self=${self%/*}/$next ;; esac
done
here=$(CDPATH='' cd -P -- "${self%/*}" && pwd -P) || exit
"#;

impl Runtime {
    /// From the first bytes of a file and its name: the program of its `#!` line, else the one of its extension.
    pub(super) fn detect(head: &[u8], path: &str) -> Self {
        if let Some(line) = head.strip_prefix(b"#!") {
            let end = line.iter().position(|byte| *byte == b'\n').unwrap_or(line.len());
            if let Some(runtime) = std::str::from_utf8(&line[..end]).ok().and_then(Self::from_shebang) {
                return runtime;
            }
        }
        let program = match path.rsplit_once('.').map(|(_, extension)| extension) {
            Some("js" | "cjs" | "mjs") => Some("node"),
            Some("sh") => Some("sh"),
            Some("cmd" | "bat") => Some("cmd"),
            Some("ps1") => Some("pwsh"),
            _ => None,
        };
        Self { program: program.map(str::to_owned), arguments: Vec::new() }
    }

    fn from_shebang(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace().peekable();
        let mut program = words.next()?;
        if program.ends_with("/env") {
            words.next_if(|word| *word == "-S");
            while words.next_if(|word| word.contains('=')).is_some() {}
            program = words.next()?;
        }
        let program = program.rsplit('/').next().filter(|name| !name.is_empty() && !name.starts_with('-'))?;
        Some(Self { program: Some(program.to_owned()), arguments: words.map(str::to_owned).collect() })
    }
}

impl Shim<'_> {
    /// The script.
    pub(super) fn text(&self) -> String {
        let mut text = String::with_capacity(1024);
        text.push_str(FIND_SELF);
        if !self.node_path.is_empty() {
            let folders: Vec<String> = self.node_path.iter().map(|folder| in_here(folder)).collect();
            writeln!(text, "export NODE_PATH={}\"${{NODE_PATH:+:$NODE_PATH}}\"", folders.join(":"))
                .expect("a String takes all that is written");
        }
        let target = in_here(self.target);
        match &self.runtime.program {
            None => writeln!(text, "exec {target} \"$@\""),
            Some(program) => {
                let mut arguments = String::new();
                for argument in &self.runtime.arguments {
                    arguments.push_str(&quoted(argument));
                    arguments.push(' ');
                }
                let (beside, named) = (in_here(program), quoted(program));
                writeln!(
                    text,
                    "[ -x {beside} ] && exec {beside} {arguments}{target} \"$@\"\nexec {named} {arguments}{target} \"$@\""
                )
            }
        }
        .expect("a String takes all that is written");
        // A comment ends with its line: a target with line breaks never gets here, names are checked before.
        writeln!(text, "# cmd-shim-target={}", self.target).expect("a String takes all that is written");
        text
    }
}

fn in_here(path: &str) -> String {
    format!("\"$here\"/{}", quoted(path))
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::{Runtime, Shim};

    #[test]
    fn the_program_comes_from_the_first_line_and_then_from_the_extension() {
        let program = |head: &[u8], path| Runtime::detect(head, path).program;
        assert_eq!(program(b"#!/usr/bin/env node\n", "cli"), Some("node".to_owned()));
        assert_eq!(program(b"#!/bin/sh\r\n", "cli"), Some("sh".to_owned()));
        assert_eq!(program(b"console.log(1)", "cli.mjs"), Some("node".to_owned()));
        assert_eq!(program(b"\x7fELF", "bin/tool"), None);
        let deno = Runtime::detect(b"#!/usr/bin/env -S deno run -A\n", "x.ts");
        assert_eq!((deno.program.as_deref(), deno.arguments), (Some("deno"), vec!["run".to_owned(), "-A".to_owned()]));
    }

    #[test]
    fn f11_a_quote_in_a_path_does_not_leave_its_quotes() {
        let runtime = Runtime { program: Some("node".to_owned()), arguments: Vec::new() };
        let text = Shim { target: "../it's $(evil)/x.js", runtime: &runtime, node_path: &[] }.text();
        assert!(text.contains(r#"exec 'node' "$here"/'../it'\''s $(evil)/x.js' "$@""#), "{text}");
    }
}
