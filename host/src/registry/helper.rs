//! Runs a token helper: an absolute path from a trusted file, without arguments and without a shell, killed after half
//! a minute.

use std::{
    io::Read,
    process::{Command, Stdio},
    sync::mpsc,
    time::Duration,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// What the helper prints.
pub(super) fn run(path: &str) -> Result<String, String> {
    run_within(path, PATIENCE)
}

fn run_within(path: &str, patience: Duration) -> Result<String, String> {
    let mut child = Command::new(path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("the token helper {path} cannot be run: {error}"))?;
    let mut stdout = child.stdout.take().expect("its standard output is piped");
    let (sender, printed) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let read = stdout.by_ref().take(1 << 16).read_to_string(&mut text);
        // Whoever waited has given up.
        drop(sender.send(read.map(|_| text)));
    });
    let Ok(printed) = printed.recv_timeout(patience) else {
        // Both fail only if it has ended in the meantime.
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("the token helper {path} took longer than {} seconds", patience.as_secs()));
    };
    let status = child.wait().map_err(|error| format!("the token helper {path} is lost: {error}"))?;
    if !status.success() {
        return Err(format!("the token helper {path} failed: {status}"));
    }
    printed.map_err(|error| format!("the token helper {path} printed no text: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_that_fails_or_hangs_is_an_error() {
        assert!(run("/bin/false").is_err());
        assert!(run("/nonexistent/helper").is_err());
        assert!(run_within("/usr/bin/yes", Duration::from_millis(1)).is_err());
        assert_eq!(run("/bin/true"), Ok(String::new()));
    }
}
