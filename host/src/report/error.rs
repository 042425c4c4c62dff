//! Errors, rendered in one place, the same words with and without colour:
//!
//! ```text
//! error[ERR_PNPM_NO_MATCHING_VERSION]: No version of b satisfies ^9.0.0
//!   .
//!   └─ a@1.0.0
//!      └─ b@^9.0.0
//!   latest: 2.0.0
//!
//! hint: Ask for ^2.0.0
//! ```

use super::text::{clean, one_line, redact};
use crate::diagnostic::Diagnostic;

const RED: &str = "\u{1b}[1;31m";
const CYAN: &str = "\u{1b}[36m";
const DIM: &str = "\u{1b}[2m";
const RESET: &str = "\u{1b}[0m";

/// The text of a diagnostic, ending in a line end.
#[must_use]
pub fn render(diagnostic: &Diagnostic, color: bool) -> String {
    let paint = |style: &'static str| if color { style } else { "" };
    let (red, cyan, dim, reset) = (paint(RED), paint(CYAN), paint(DIM), paint(RESET));
    let code = one_line(&diagnostic.code);
    let mut text = format!("{red}error[{code}]{reset}: {}\n", safe(&diagnostic.message));
    for (depth, step) in diagnostic.chain.iter().enumerate() {
        let branch = if depth == 0 { String::new() } else { format!("{}└─ ", "   ".repeat(depth - 1)) };
        text.push_str(&format!("  {dim}{branch}{reset}{}\n", safe(step)));
    }
    for (depth, cause) in diagnostic.causes.iter().enumerate() {
        // Facts stand side by side, causes below one another.
        let indent = if cause.contains(": ") && diagnostic.chain.len() > 1 { 1 } else { depth.min(8) + 1 };
        for line in redact(&clean(cause)).lines() {
            text.push_str(&format!("{}{line}\n", "  ".repeat(indent)));
        }
    }
    if let Some(hint) = &diagnostic.hint {
        text.push_str(&format!("\n{cyan}hint{reset}: {}\n", safe(hint)));
    }
    text
}

fn safe(text: &str) -> String {
    redact(&one_line(text))
}
