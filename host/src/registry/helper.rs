//! Runs a token helper: an absolute path from a trusted file, without arguments and without a shell, killed after half
//! a minute.

use std::{
    io::{self, Read},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use crate::within::within;

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
    let deadline = Instant::now() + patience;
    let printed = within(patience, move || {
        let mut text = String::new();
        stdout.by_ref().take(1 << 16).read_to_string(&mut text).map(|_| text)
    });
    let ended = |printed| Some((printed, ended(&mut child, deadline)?));
    let Some((printed, status)) = printed.and_then(ended) else {
        // Both fail only if it has ended in the meantime.
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("the token helper {path} took longer than {} seconds", patience.as_secs()));
    };
    let status = status.map_err(|error| format!("the token helper {path} is lost: {error}"))?;
    if !status.success() {
        return Err(format!("the token helper {path} failed: {status}"));
    }
    printed.map_err(|error| format!("the token helper {path} printed no text: {error}"))
}

/// How it ends, if it does so in time: it may have closed its output long before.
fn ended(child: &mut Child, deadline: Instant) -> Option<io::Result<ExitStatus>> {
    loop {
        match child.try_wait().transpose() {
            Some(ended) => return Some(ended),
            None if Instant::now() >= deadline => return None,
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    }
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

    #[test]
    fn a_helper_that_prints_and_does_not_end_is_an_error() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("helper");
        // Written by another process: while a file is open here, a thread that starts a program keeps it busy.
        let script = r#"printf '#!/bin/sh\necho token\nexec >&-\nexec sleep 60\n' > "$0" && chmod +x "$0""#;
        let written = Command::new("/bin/sh").args(["-c", script]).arg(&path).status();
        assert!(written.expect("there is a shell").success());
        let failed = run_within(&path.display().to_string(), Duration::from_millis(500));
        assert!(failed.is_err_and(|error| error.contains("took longer")));
    }
}
