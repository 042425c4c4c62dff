//! Git repositories made from commits as data, served by git itself.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

use super::{Commit, Web};
use crate::world::gzip;

/// All repositories of a scenario, in a folder that goes with it.
pub(super) struct Repositories {
    root: TempDir,
}

/// What is asked of a repository over https.
pub(super) struct Query<'a> {
    pub(super) method: &'a str,
    /// `host/user/project`.
    pub(super) repository: &'a str,
    /// What stands behind it: `info/refs`.
    pub(super) service: &'a str,
    pub(super) parameters: &'a str,
    pub(super) header: &'a dyn Fn(&str) -> Option<String>,
    pub(super) body: &'a [u8],
}

impl Repositories {
    pub(super) fn new(web: &Web) -> Self {
        let all = Self { root: tempfile::tempdir().expect("a temporary folder can be made") };
        all.push(web);
        all
    }

    /// Adds commits.
    pub(super) fn push(&self, web: &Web) {
        for (name, commits) in &web.git {
            let folder = self.folder(name);
            if !folder.exists() {
                fs::create_dir_all(&folder).expect("a temporary folder can be filled");
                git(&folder, &["init", "-q", "--bare", "-b", "main"], b"");
                git(&folder, &["config", "uploadpack.allowAnySHA1InWant", "true"], b"");
            }
            for commit in commits {
                let stream = stream(commit, &|branch| {
                    run(&folder, &["rev-parse", "--verify", "-q", &format!("refs/heads/{branch}")], b"").is_some()
                });
                git(&folder, &["fast-import", "--quiet", "--force"], stream.as_bytes());
            }
        }
    }

    pub(super) fn has(&self, repository: &str) -> bool {
        self.folder(repository).is_dir()
    }

    /// The archive that a host makes of a commit, branch or tag: the same bytes on every machine.
    pub(super) fn archive(&self, repository: &str, reference: &str) -> Option<Vec<u8>> {
        let folder = self.folder(repository);
        let project = repository.rsplit('/').next().unwrap_or(repository);
        let prefix = format!("--prefix={project}-{}/", reference.replace('/', "-"));
        run(&folder, &["archive", "--format=tar", &prefix, reference], b"").map(|tar| gzip(&tar))
    }

    /// What git answers over https: status, content type, body.
    pub(super) fn ask(&self, query: &Query<'_>) -> Option<(u16, String, Vec<u8>)> {
        let mut command = base(self.root.path());
        command
            .args(["http-backend"])
            .env("GIT_PROJECT_ROOT", self.root.path())
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("REQUEST_METHOD", query.method)
            .env("PATH_INFO", format!("/{}.git/{}", query.repository, query.service))
            .env("QUERY_STRING", query.parameters)
            .env("CONTENT_LENGTH", query.body.len().to_string());
        for (name, header) in [
            ("CONTENT_TYPE", "content-type"),
            ("GIT_PROTOCOL", "git-protocol"),
            ("HTTP_CONTENT_ENCODING", "content-encoding"),
        ] {
            command.envs((query.header)(header).map(|value| (name, value)));
        }
        let output = finish(command, query.body)?;
        let end = output.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&output[..end]).into_owned();
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let status = field("Status:").and_then(|text| text.get(..3)?.parse().ok()).unwrap_or(200);
        Some((status, field("Content-Type:").unwrap_or_default().to_owned(), output[end + 4..].to_vec()))
    }

    /// The folder of all of them, `host/user/project.git` in it.
    pub(super) fn root(&self) -> &Path {
        self.root.path()
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.root.path().join(format!("{name}.git"))
    }
}

/// What `git fast-import` reads.
fn stream(commit: &Commit, is_there: &dyn Fn(&str) -> bool) -> String {
    let mut text = String::new();
    let mut line = |line: &str| writeln!(text, "{line}").expect("writing to memory");
    let branch = commit.branch.as_deref().unwrap_or("main");
    let parent = if is_there(branch) { Some(branch) } else { commit.from.as_deref() };
    let who = "t <t@mail.example> 1577836800 +0000";
    if !commit.files.is_empty() {
        line(&format!("commit refs/heads/{branch}\nmark :1\ncommitter {who}\ndata 2\nx\n"));
        if let Some(parent) = parent {
            line(&format!("from refs/heads/{parent}^0"));
        }
        line("deleteall");
        for (path, content) in &commit.files {
            let mode = if content.starts_with("#!") { "100755" } else { "100644" };
            line(&format!("M {mode} inline {path}\ndata {}\n{content}", content.len()));
        }
    }
    let tagged = if commit.files.is_empty() { format!("refs/heads/{branch}^0") } else { ":1".to_owned() };
    for tag in &commit.tags {
        line(&format!("reset refs/tags/{tag}\nfrom {tagged}\n"));
    }
    for tag in &commit.annotated {
        line(&format!("tag {tag}\nfrom {tagged}\ntagger {who}\ndata 2\nx\n"));
    }
    text
}

fn base(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn finish(mut command: Command, input: &[u8]) -> Option<Vec<u8>> {
    let mut child = command.spawn().expect("git can be started");
    // Git may end before it has read everything.
    drop(child.stdin.take().map(|mut stdin| stdin.write_all(input)));
    let output = child.wait_with_output().expect("git ends");
    output.status.success().then_some(output.stdout)
}

fn run(folder: &Path, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let mut command = base(folder);
    command.args(arguments);
    finish(command, input)
}

fn git(folder: &Path, arguments: &[&str], input: &[u8]) {
    assert!(run(folder, arguments, input).is_some(), "git {arguments:?} fails on {}", String::from_utf8_lossy(input));
}
