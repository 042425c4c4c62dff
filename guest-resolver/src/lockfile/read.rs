//! Text to [`Lockfile`]. Text as pnpm writes it takes one pass, all other text a full YAML parser; the model is the
//! same. A lockfile that cannot be read is an error that names the way out, never an empty lockfile: its pins would be
//! lost.

mod fill;
mod validate;

use std::borrow::Cow;

pub(crate) use validate::join;
use wit::settings::Settings;

use super::{
    Lockfile,
    error::{BREAKING_CHANGE, LockfileError, RESTORE},
    merge,
    yaml::{Node, full, scan},
};

/// Longer texts are refused: 256 MiB, as pnpm.
const LONGEST: usize = 256 << 20;

/// Reads a lockfile, checks every name and every reference in it.
///
/// # Errors
/// [`LockfileError`] with pnpm's code where it has one.
pub fn read(text: &str) -> Result<Lockfile, LockfileError> {
    read_for(text, &Settings::default())
}

/// Reads the lockfile that settings are about: beside its neighbours, projects of the same workspace that links may
/// lead to, and with the lockfiles of branches merged into it.
///
/// # Errors
/// As [`read`]; what is wrong with the lockfile of a branch begins with its name.
pub fn read_for(text: &str, settings: &Settings) -> Result<Lockfile, LockfileError> {
    let mut lockfile = read_unchecked(text)?;
    for (name, text) in &settings.lockfile.branches {
        if split_documents(&normalize(text)).1.trim().is_empty() {
            continue;
        }
        lockfile = merge::merge(lockfile, read_unchecked(text).map_err(|error| error.of_branch(name))?);
    }
    validate::validate(&lockfile, &settings.workspace.neighbours)?;
    Ok(lockfile)
}

/// The lockfile, with both sides of a conflict merged; nothing in it is checked.
fn read_unchecked(text: &str) -> Result<Lockfile, LockfileError> {
    if text.len() > LONGEST {
        return Err(LockfileError::broken("the lockfile has more than 256 MiB"));
    }
    let text = normalize(text);
    let (environment, body) = split_documents(&text);
    if let Some(root) = scan::scan(body) {
        return from_node(root, environment);
    }
    if let Some((ours, theirs)) = conflict(body).and_then(|_| merge::sides(&text)) {
        let mut merged = merge::merge(parse(&ours)?, parse(&theirs)?);
        merge::prune(&mut merged);
        return Ok(merged);
    }
    from_node(parse_other(body)?, environment)
}

fn parse(text: &str) -> Result<Lockfile, LockfileError> {
    let (environment, body) = split_documents(text);
    let root = scan::scan(body).map_or_else(|| parse_other(body), Ok)?;
    from_node(root, environment)
}

fn from_node(root: Node<'_>, environment: Option<&str>) -> Result<Lockfile, LockfileError> {
    let Node::Map(entries) = root else {
        return Err(LockfileError::broken(format!("the lockfile holds {}, not a map", root.kind())));
    };
    check_version(entries.iter().find(|(key, _)| key == "lockfileVersion").map(|(_, value)| value))?;
    let mut lockfile = fill::lockfile(entries).map_err(|wrong| {
        LockfileError::broken(format!("the lockfile is incomplete or damaged at {}: {}", wrong.path(), wrong.reason()))
    })?;
    lockfile.environment_document = environment.map(str::to_owned);
    Ok(lockfile)
}

/// Without a byte order mark and with Unix line ends.
fn normalize(text: &str) -> Cow<'_, str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n")) } else { Cow::Borrowed(text) }
}

/// pnpm keeps its environment lockfile as a first document: `---\n…\n---\n`.
fn split_documents(text: &str) -> (Option<&str>, &str) {
    let end = text.strip_prefix("---\n").and_then(|rest| rest.find("\n---\n"));
    match end {
        Some(end) => {
            let (first, rest) = text.split_at("---\n".len() + end + "\n---\n".len());
            (Some(first), rest)
        }
        None => (None, text),
    }
}

fn parse_other(body: &str) -> Result<Node<'static>, LockfileError> {
    if body.trim().is_empty() {
        return Err(LockfileError::broken("the lockfile is empty"));
    }
    if body.contains('\0') {
        return Err(LockfileError::broken("the lockfile is not a text file"));
    }
    if let Some(line) = conflict(body) {
        return Err(LockfileError::broken(format!(
            "the lockfile has merge conflict markers, the first in line {line}"
        ))
        .fact("line", line.to_string())
        .hint("Resolve the conflict: take one side of pnpm-lock.yaml and install again"));
    }
    full::parse(body).map_err(|reason| {
        let reason = reason.lines().next().unwrap_or("it is not YAML").to_owned();
        LockfileError::broken(format!("the lockfile cannot be read: {reason}"))
    })
}

/// The line of the first conflict marker, from 1.
fn conflict(body: &str) -> Option<usize> {
    let marker = |line: &str| line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ");
    body.lines().position(marker).map(|at| at + 1)
}

fn check_version(version: Option<&Node<'_>>) -> Result<(), LockfileError> {
    let text = match version {
        Some(Node::Text(text) | Node::Plain(text)) => text.as_ref(),
        Some(_) => return Err(LockfileError::broken("lockfileVersion is not a version")),
        None => return Err(LockfileError::broken("the lockfile has no lockfileVersion")),
    };
    let major = text.split('.').next().and_then(|major| major.parse::<u32>().ok());
    let hint = match major {
        Some(9) => return Ok(()),
        Some(older) if older < 9 => "Let pnpm 9 or newer rewrite the lockfile, or delete it and install again",
        Some(_) => "A newer pnpm wrote it: use that pnpm, or delete pnpm-lock.yaml and install again",
        None => RESTORE,
    };
    let message = format!("the lockfile has version {text}, but only version 9 is known");
    Err(LockfileError::new(BREAKING_CHANGE, message).fact("found", text).fact("known", "9.0").hint(hint))
}

#[cfg(test)]
mod tests;
