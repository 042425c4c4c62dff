//! A project in a folder of its own, with a home, store and cache that no other test shares. Children get a clean
//! environment: `CI`, `HOME` and `PNPM_CONFIG_*` of the caller never reach them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use tempfile::TempDir;

/// A project to install in.
pub struct Project {
    root: TempDir,
    registry: String,
    binary: PathBuf,
}

/// What a run of the program gave.
#[derive(Debug)]
pub struct Run {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Run {
    /// Fails the test unless the run succeeded.
    ///
    /// # Panics
    /// With all output.
    pub fn ok(&self) -> &Self {
        assert_eq!(self.code, Some(0), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test unless the run ended with this error code.
    ///
    /// # Panics
    /// With all output.
    pub fn fails_with(&self, code: &str) -> &Self {
        let said = self.stderr.contains(&format!("[{code}]"));
        assert!(self.code == Some(1) && said, "no {code}: {:?}\n{}\n{}", self.code, self.stdout, self.stderr);
        self
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Project {
    /// An empty folder whose registry is `registry`; `binary` is the program to run.
    ///
    /// # Panics
    /// If the folder cannot be made.
    #[must_use]
    pub fn new(registry: &str, binary: impl Into<PathBuf>) -> Self {
        let root = tempfile::tempdir().expect("a temporary folder can be made");
        for folder in ["project", "home"] {
            fs::create_dir(root.path().join(folder)).expect("a new folder can be filled");
        }
        Self { root, registry: registry.to_owned(), binary: binary.into() }
    }

    /// The project's folder.
    #[must_use]
    pub fn dir(&self) -> PathBuf {
        self.root.path().join("project")
    }

    /// The store's folder.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.root.path().join("store")
    }

    /// The cache folder.
    #[must_use]
    pub fn cache(&self) -> PathBuf {
        self.root.path().join("cache")
    }

    /// The home folder.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// Writes a file below the project.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, path: &str, text: &str) -> &Self {
        let path = self.dir().join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).expect("the project's folder is writable");
        fs::write(path, text).expect("the project's folder is writable");
        self
    }

    /// Reads a file below the project.
    ///
    /// # Panics
    /// If it is not there.
    #[must_use]
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.dir().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Is there anything at this path?
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.dir().join(path).symlink_metadata().is_ok()
    }

    /// The program with these arguments, in a clean environment.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments);
        self.isolate(&mut command);
        command
    }

    /// Gives any program the same clean environment.
    pub fn isolate(&self, command: &mut Command) {
        let path = std::env::var_os("PATH").unwrap_or_default();
        command
            .current_dir(self.dir())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.home())
            .env("PNPM_CONFIG_STORE_DIR", self.store())
            .env("PNPM_CONFIG_CACHE_DIR", self.cache())
            .env("PNPM_CONFIG_REGISTRY", &self.registry)
            .stdin(Stdio::null());
    }

    /// Runs the program to its end.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Run {
        self.command(arguments).output().expect("the program can be started").into()
    }

    /// Starts the program.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program can be started")
    }
}
