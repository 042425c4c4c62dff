//! The registry where no flag, variable or file names one: what npm answers, asked once and remembered. Its address
//! is not built in.

use std::{fs, io, path::Path};

use crate::{cache, diagnostic::Diagnose};

/// Why there is no default registry.
#[derive(Debug, thiserror::Error)]
pub enum DefaultRegistryError {
    /// npm could not be run.
    #[error("no registry is configured, and npm could not be asked for its own")]
    NoNpm(#[source] io::Error),
    /// npm answered with something else than an http(s) address.
    #[error("no registry is configured, and npm's answer is no address: {0:?}")]
    NoAddress(String),
}

impl Diagnose for DefaultRegistryError {
    fn code(&self) -> &'static str {
        "ERR_WASI_PM_NO_REGISTRY"
    }

    fn hint(&self) -> Option<String> {
        Some("set registry in pnpm-workspace.yaml or in an .npmrc, or pass --registry".to_owned())
    }
}

/// What npm's own variable says, the remembered answer, or else what `run` prints: `npm config get registry`, run in a
/// folder without a project. The variable counts for this run alone. The answer ends in `/`.
///
/// # Errors
/// [`DefaultRegistryError`]; nothing is remembered then.
pub fn default_registry(
    cache_dir: &Path,
    variable: Option<&str>,
    run: impl FnOnce() -> io::Result<String>,
) -> Result<String, DefaultRegistryError> {
    if let Some(found) = variable.and_then(address) {
        return Ok(found);
    }
    let file = cache_dir.join("v1").join("default-registry");
    if let Some(held) = fs::read_to_string(&file).ok().and_then(|text| address(&text)) {
        return Ok(held);
    }
    let printed = run().map_err(DefaultRegistryError::NoNpm)?;
    let Some(found) = address(&printed) else {
        return Err(DefaultRegistryError::NoAddress(printed.trim().chars().take(120).collect()));
    };
    // A cache that cannot be written costs the question again, no more.
    let _ = cache::replace(&file, &[found.as_bytes()]);
    Ok(found)
}

fn address(text: &str) -> Option<String> {
    let mut url = super::urls::parse(text.trim()).ok()?.to_string();
    if !url.ends_with('/') {
        url.push('/');
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn npm_is_asked_once() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let first = default_registry(folder.path(), None, || Ok("https://registry.example\n".to_owned()));
        assert_eq!(first.expect("an address"), "https://registry.example/");
        let second = default_registry(folder.path(), None, || Err(io::ErrorKind::NotFound.into()));
        assert_eq!(second.expect("the remembered one"), "https://registry.example/");
    }

    #[test]
    fn npms_variable_is_obeyed_and_not_remembered() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let nobody = || Err(io::ErrorKind::NotFound.into());
        let by_variable = default_registry(folder.path(), Some("http://127.0.0.1:9"), nobody);
        assert_eq!(by_variable.expect("the variable's"), "http://127.0.0.1:9/");
        assert!(default_registry(folder.path(), None, nobody).is_err());
        let asked = default_registry(folder.path(), Some(""), || Ok("https://registry.example".to_owned()));
        assert_eq!(asked.expect("npm's"), "https://registry.example/");
    }

    #[test]
    fn an_answer_that_is_no_address_is_not_remembered() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert!(default_registry(folder.path(), None, || Ok("undefined".to_owned())).is_err());
        assert!(default_registry(folder.path(), None, || Err(io::ErrorKind::NotFound.into())).is_err());
    }
}
