//! `completion <shell>`: a script for the shell, made from what clap knows.

use clap_complete::{Shell, generate};

use crate::cli;

/// The script.
pub(super) fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    generate(shell, &mut cli::command(), "wasi-pm", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
