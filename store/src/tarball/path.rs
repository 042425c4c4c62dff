//! The path of an entry, from a stranger's bytes to normal components below the package.

use std::borrow::Cow;

use super::{Limits, Rejection};

/// Takes off the one folder that every npm tarball has at its top, whatever its name, and checks the rest.
pub(crate) fn below_package<'a>(raw: &'a [u8], limits: &Limits) -> Result<Cow<'a, str>, Rejection> {
    let shown = || String::from_utf8_lossy(raw).escape_debug().take(200).collect::<String>();
    let refused = |reason| Rejection::Path { path: shown(), reason };
    let traversal = || Rejection::Traversal { path: shown() };
    if raw.len() > limits.path {
        return Err(Rejection::TooLarge { what: "length of a path", limit: limits.path as u64 });
    }
    let path = std::str::from_utf8(raw).map_err(|_| refused("it is not UTF-8"))?;
    if path.chars().any(char::is_control) {
        return Err(refused("it has control characters"));
    }
    if path.contains('\\') {
        return Err(refused("it has a backslash"));
    }
    if path.starts_with('/') || path.as_bytes().get(1) == Some(&b':') {
        return Err(traversal());
    }
    let mut parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
    let top = parts.next().ok_or_else(|| refused("it is empty"))?;
    let rest: Vec<&str> = parts.collect();
    if top == ".." || rest.contains(&"..") {
        return Err(traversal());
    }
    if rest.is_empty() {
        return Err(refused("it lies outside the package's own folder"));
    }
    if rest.len() > limits.depth {
        return Err(Rejection::TooLarge { what: "depth of a path", limit: limits.depth as u64 });
    }
    if rest.iter().any(|part| part.len() > 255) {
        return Err(refused("a component has more than 255 bytes"));
    }
    // The common case: nothing was dropped in the middle, so the rest stands in the input as it is.
    let tail = path.find('/').map_or("", |slash| &path[slash + 1..]);
    let plain = tail.split('/').eq(rest.iter().copied());
    Ok(if plain { Cow::Borrowed(tail) } else { Cow::Owned(rest.join("/")) })
}
