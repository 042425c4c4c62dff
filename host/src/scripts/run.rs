//! One script at a time: `sh -c`, output line by line as events, its end awaited. A script that is under way can be
//! ended from another thread, so that it does not outlive a command that is told to stop.

use std::{
    io::{self, BufRead as _, BufReader, Read},
    path::PathBuf,
    process::{self, Child, Stdio as Pipe},
    sync::{Mutex, PoisonError},
};

use super::{Environment, Project, shown};
use crate::{
    diagnostic::Diagnose,
    report::{Event, Report, event::Stdio},
};

/// Longer lines are cut here; bytes.
const MAX_LINE: u64 = 1 << 20;

/// Why a script did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// It ended with another code than 0.
    #[error("{} {stage}: `{script}` exited with code {exit_code}", folder.display())]
    Failed {
        /// Where it ran.
        folder: PathBuf,
        /// Its name.
        stage: String,
        /// Its command line.
        script: String,
        /// Its code; 128 and the signal's number if a signal ended it.
        exit_code: i32,
    },
    /// It could not be started or awaited.
    #[error("{} {stage}: cannot run `{script}`", folder.display())]
    Start {
        /// Where it should run.
        folder: PathBuf,
        /// Its name.
        stage: String,
        /// Its command line.
        script: String,
        /// The system's words.
        #[source]
        source: io::Error,
    },
}

impl Diagnose for ScriptError {
    fn code(&self) -> &'static str {
        "ERR_PNPM_EXECUTOR_LIFECYCLE_SCRIPT_FAILED"
    }

    fn hint(&self) -> Option<String> {
        Some("packages are installed; run with --ignore-scripts to leave the project's scripts out".to_owned())
    }
}

/// What is to run.
pub(super) struct Command<'a> {
    pub(super) project: &'a Project,
    pub(super) stage: &'a str,
    pub(super) script: &'a str,
    pub(super) environment: &'a Environment,
}

/// The script that is under way, if there is one.
#[derive(Debug, Default)]
pub struct Running(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    child: Option<rustix::process::Pid>,
    stopped: bool,
}

impl Running {
    /// Ends the script that is under way and keeps others from starting. Each script has a process group of its own,
    /// so what it has started ends with it.
    pub fn stop(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.stopped = true;
        if let Some(child) = state.child {
            let _ = rustix::process::kill_process_group(child, rustix::process::Signal::TERM);
        }
    }

    pub(super) fn run(&self, command: &Command<'_>, report: &dyn Report) -> Result<(), ScriptError> {
        let (dep_path, wd) = (shown(&command.project.folder), shown(&command.project.folder));
        let (stage, script) = (command.stage.to_owned(), command.script.to_owned());
        report.event(Event::ScriptStarted {
            dep_path: dep_path.clone(),
            stage: stage.clone(),
            script: script.clone(),
            wd: wd.clone(),
        });
        let folder = command.project.folder.clone();
        let exit_code = self.execute(command, report).map_err(|source| ScriptError::Start {
            folder: folder.clone(),
            stage: stage.clone(),
            script: script.clone(),
            source,
        })?;
        report.event(Event::ScriptExited { dep_path, stage: stage.clone(), exit_code, wd });
        if exit_code == 0 { Ok(()) } else { Err(ScriptError::Failed { folder, stage, script, exit_code }) }
    }

    fn execute(&self, command: &Command<'_>, report: &dyn Report) -> io::Result<i32> {
        use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
        let mut shell = process::Command::new("sh");
        shell.arg("-c").arg(command.script).current_dir(&command.project.folder).process_group(0);
        shell.env_clear().envs(command.environment.of(command.project, command.stage, command.script));
        shell.stdin(Pipe::null()).stdout(Pipe::piped()).stderr(Pipe::piped());
        let mut child = self.start(&mut shell)?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        std::thread::scope(|scope| {
            scope.spawn(|| forward(stdout, Stdio::Stdout, command, report));
            forward(stderr, Stdio::Stderr, command, report);
        });
        let status = child.wait();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).child = None;
        let status = status?;
        Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
    }

    /// Under the lock, so that no script starts after [`Running::stop`].
    fn start(&self, shell: &mut process::Command) -> io::Result<Child> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.stopped {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "the command was told to stop"));
        }
        let child = shell.spawn()?;
        state.child = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
        Ok(child)
    }
}

fn forward(pipe: Option<impl Read>, stdio: Stdio, command: &Command<'_>, report: &dyn Report) {
    let Some(pipe) = pipe else { return };
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        report.event(Event::ScriptLine {
            dep_path: shown(&command.project.folder),
            stage: command.stage.to_owned(),
            line: text.trim_end_matches(['\n', '\r']).to_owned(),
            stdio,
            wd: shown(&command.project.folder),
        });
    }
}
