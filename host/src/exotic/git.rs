//! Git repositories: from a specifier to a commit, from a commit to the files of the package. A repository at one of
//! the three known hosts is taken as the archive that the host makes of the commit, where that can be had without
//! credentials; all others through the `git` program.

mod checkout;
mod program;
mod refs;
mod spec;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use store::{SourceFile, Store};

use self::{checkout::Checkout, program::Git, spec::Spec};
use super::{ExoticError, Sources, remembered, remote};
use crate::{graph::Source, pack};

/// What a session is told a repository's tags by: it picks the one that satisfies `semver:`.
const TAGS: &str = "tags";

impl Sources {
    /// The commit, archive or tags behind a specifier.
    pub(super) fn git(&self, text: &str, store: Option<&Store>) -> Result<(Source, Vec<u8>), ExoticError> {
        let spec = Spec::parse(text).ok_or_else(|| ExoticError::unsupported(text))?;
        if spec.range.is_some() {
            let tags = refs::tags(&self.ask(&spec, None)?);
            return Ok((Source::Unsupported(TAGS.to_owned()), tags.join("\n").into_bytes()));
        }
        let commit = self.commit_of(&spec)?;
        if let Some(archive) = spec.archive(&commit)
            && let Ok(bytes) = self.download(&archive)
        {
            let files = self.archived(&bytes, spec.path.as_deref())?;
            let integrity = Some(remote::integrity(&bytes).to_string());
            let manifest = remote::manifest(&files);
            self.keep(store, &["archive", integrity.as_deref().unwrap_or_default(), spec.inside()], &files);
            return Ok((Source::Tarball { url: archive, integrity, git_hosted: true, path: spec.path }, manifest));
        }
        let key = ["git", &spec.repository, &commit, spec.inside()];
        let files = self.commit(&spec.repository, &commit, spec.path.as_deref())?;
        let manifest = remote::manifest(&files);
        self.keep(store, &key, &files);
        Ok((Source::Git { repository: spec.repository, commit, path: spec.path }, manifest))
    }

    /// Keeps files that are at hand anyway, if they are the package as it is. Whatever goes wrong is told when the
    /// package is wanted.
    fn keep(&self, store: Option<&Store>, key: &[&str], files: &[SourceFile]) {
        let Some(store) = store.filter(|_| self.refuse_unbuilt(files).is_ok()) else { return };
        if let Ok(imported) = self.import(store, files) {
            remembered::Note::new(&self.around.cache_dir, key).keep(&imported.integrity);
        }
    }

    fn commit_of(&self, spec: &Spec) -> Result<String, ExoticError> {
        let reference = spec.reference.as_deref().unwrap_or("HEAD");
        if refs::is_commit(reference) {
            return Ok(reference.to_owned());
        }
        let filter = (!refs::may_be_commit(reference)).then_some(reference);
        refs::pick(&self.ask(spec, filter)?, reference).map_err(|why| {
            let repository = crate::registry::without_secrets(&spec.repository);
            match why {
                refs::NoCommit::Unknown => ExoticError::new(
                    "ERR_PNPM_GIT_UNKNOWN_REF",
                    format!("Could not resolve {reference} to a commit of {repository}"),
                ),
                refs::NoCommit::Ambiguous(commit) => ExoticError::new(
                    "ERR_PNPM_GIT_AMBIGUOUS_REF",
                    format!("resolved commit {commit} from commit-ish reference {reference}"),
                ),
            }
        })
    }

    fn ask(&self, spec: &Spec, reference: Option<&str>) -> Result<String, ExoticError> {
        if self.is_offline() && !spec.is_local() {
            return Err(ExoticError::offline(&crate::registry::without_secrets(&spec.repository)));
        }
        self.program().ls_remote(&spec.repository, reference)
    }

    /// The files of the package at a commit.
    pub(super) fn commit(
        &self,
        repository: &str,
        commit: &str,
        path: Option<&str>,
    ) -> Result<Vec<SourceFile>, ExoticError> {
        if !refs::is_commit(commit) {
            let shown: String = commit.chars().take(80).collect();
            let message = format!("Invalid git commit hash {shown:?}. Expected a 40-character hexadecimal SHA");
            return Err(ExoticError::new("ERR_PNPM_INVALID_GIT_COMMIT", message));
        }
        spec::check_repository(repository)?;
        if self.is_offline() && !repository.starts_with("file:") {
            return Err(ExoticError::offline(&crate::registry::without_secrets(repository)));
        }
        let checkout = Checkout::new(&self.around.cache_dir)?;
        self.program().checkout(repository, commit, &checkout.folder)?;
        let folder = inside(&checkout.folder, path)?;
        Ok(pack::folder(&folder, &self.limits)?)
    }

    fn program(&self) -> Git<'_> {
        Git { environment: &self.around.git_environment }
    }
}

/// A folder of a checkout; links do not lead out of it.
fn inside(checkout: &Path, path: Option<&str>) -> Result<PathBuf, ExoticError> {
    let Some(path) = path else { return Ok(checkout.to_owned()) };
    let refused = || remote::invalid_path(path);
    let below = path.trim_start_matches(['/', '\\']);
    let joined = checkout.join(below).canonicalize().map_err(|_| refused())?;
    let root = checkout.canonicalize().map_err(|_| refused())?;
    let is_below = joined.starts_with(&root) && !joined.starts_with(root.join(".git"));
    if is_below && joined.is_dir() && !below.split('/').any(|part| part == "..") { Ok(joined) } else { Err(refused()) }
}

fn fields(files: &[SourceFile]) -> Map<String, Value> {
    serde_json::from_slice(&remote::manifest(files)).unwrap_or_default()
}

/// Whether a source tree is not the package yet: it has a `prepare` script, or one that makes a `main` that is missing.
pub(super) fn has_to_be_built(files: &[SourceFile]) -> bool {
    let manifest = fields(files);
    let has = |name: &str| {
        let script = manifest.get("scripts").and_then(|scripts| scripts.get(name)).and_then(Value::as_str);
        script.is_some_and(|script| !script.is_empty())
    };
    if has("prepare") {
        return true;
    }
    let main = manifest.get("main").and_then(Value::as_str).unwrap_or("index.js").trim_start_matches("./");
    let is_there = files.iter().any(|file| file.path == main || file.path.starts_with(&format!("{main}/")));
    ["prepublish", "prepack", "publish"].into_iter().any(has) && !is_there
}

/// Name and version, as far as the manifest has them.
pub(super) fn identity(files: &[SourceFile]) -> (String, String) {
    let manifest = fields(files);
    let text = |key: &str| manifest.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    (text("name"), text("version"))
}
