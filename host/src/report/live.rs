//! The line that is drawn again and again while packages come in.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::text::size;

/// How many packages have come how far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) resolved: usize,
    pub(super) reused: usize,
    pub(super) downloaded: usize,
    pub(super) added: usize,
    /// Bytes over the network.
    pub(super) bytes: u64,
}

impl Counts {
    /// pnpm's line, with the bytes where there are any.
    pub(super) fn line(&self, with_bytes: bool) -> String {
        let bytes = if with_bytes && self.bytes > 0 { format!(" ({})", size(self.bytes)) } else { String::new() };
        let Self { resolved, reused, downloaded, added, .. } = self;
        format!("Progress: resolved {resolved}, reused {reused}, downloaded {downloaded}{bytes}, added {added}")
    }
}

/// The line on the terminal.
pub(super) struct Live(ProgressBar);

impl Live {
    /// Starts to draw on standard output.
    pub(super) fn start() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout_with_hz(15));
        let style = ProgressStyle::with_template("{spinner:.cyan} {wide_msg}");
        bar.set_style(style.expect("the template is a constant").tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ "));
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    /// Shows other counts.
    pub(super) fn show(&self, counts: &Counts) {
        self.0.set_message(counts.line(true));
    }

    /// Takes the line away while something else is written.
    pub(super) fn around<T>(&self, write: impl FnOnce() -> T) -> T {
        self.0.suspend(write)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
