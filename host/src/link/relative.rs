//! Relative paths between two places, as texts: what symbolic links and shims hold.

/// The way from one folder to another place. Both are absolute, normal and use `/`.
#[must_use]
pub fn relative(from: &str, to: &str) -> String {
    let (from, to) = (from.trim_end_matches('/'), to.trim_end_matches('/'));
    let same = from.bytes().zip(to.bytes()).take_while(|(one, other)| one == other).count();
    let ends = |path: &str| path.as_bytes().get(same).is_none_or(|byte| *byte == b'/');
    // Up to where both have a folder in common.
    let shared = match ends(from) && ends(to) {
        true => same,
        false => from.as_bytes()[..same].iter().rposition(|byte| *byte == b'/').unwrap_or_default(),
    };
    let (up, down) = (&from[shared..], to[shared..].trim_start_matches('/'));
    let ups = up.bytes().filter(|byte| *byte == b'/').count();
    let mut text = String::with_capacity(ups * 3 + down.len());
    for _ in 0..ups {
        text.push_str("../");
    }
    text.push_str(down);
    if down.is_empty() {
        text.pop();
    }
    if text.is_empty() { ".".to_owned() } else { text }
}

/// Joins a relative path with `/`, `.` and leading `..` to an absolute one.
#[must_use]
pub fn join(base: &str, path: &str) -> String {
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::{join, relative};

    #[test]
    fn a_path_goes_up_to_the_shared_folder_and_down_again() {
        assert_eq!(relative("/p/node_modules/.bin", "/p/node_modules/.pnpm/a@1"), "../.pnpm/a@1");
        assert_eq!(relative("/p/a", "/p/a"), ".");
        assert_eq!(relative("/p/ab", "/p/a"), "../a");
        assert_eq!(relative("/p/a", "/p/ab"), "../ab");
        assert_eq!(relative("/p/a/b", "/p"), "../..");
        assert_eq!(relative("/p", "/p/a/b"), "a/b");
        assert_eq!(relative("/", "/p/a"), "p/a");
        assert_eq!(relative("/p/a", "/"), "../..");
        assert_eq!(relative("/p/é", "/p/è"), "../è");
    }

    #[test]
    fn an_importer_beside_the_lockfile_is_joined_upwards() {
        assert_eq!(join("/w/root", "../other"), "/w/other");
        assert_eq!(join("/w/root", "."), "/w/root");
    }
}
