//! Paths of the workspace, as text with `/`, relative to the lockfile's folder. Nothing is looked up.

/// `path` as seen from `base`; `.` is the lockfile's own folder. An absolute path stays as it is.
pub fn join(base: &str, path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

/// How to get from the folder `from` to `to`; empty if they are one.
pub fn relative(from: &str, to: &str) -> String {
    if to.starts_with('/') {
        return to.to_owned();
    }
    let split = |path: &str| -> Vec<String> {
        path.split('/').filter(|part| !matches!(*part, "" | ".")).map(str::to_owned).collect()
    };
    let (from, to) = (split(from), split(to));
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = from[shared..].iter().map(|_| "..".to_owned());
    up.chain(to[shared..].iter().cloned()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::{join, relative};

    #[test]
    fn paths_are_joined_and_related_without_a_disk() {
        assert_eq!(join("packages/a", "../b"), "packages/b");
        assert_eq!(join(".", "./"), ".");
        assert_eq!(join("a", "../../x"), "../x");
        assert_eq!(relative("packages/a", "packages/b"), "../b");
        assert_eq!(relative(".", "packages/b"), "packages/b");
        assert_eq!(relative("a", "."), "..");
    }
}
