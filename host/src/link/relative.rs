//! Relative paths between two places, as texts: what symbolic links and shims hold.

/// The way from one folder to another place. Both are absolute, normal and use `/`.
#[must_use]
pub fn relative(from: &str, to: &str) -> String {
    let (mut rest, mut text) = (parts(to), String::with_capacity(to.len()));
    let mut up = parts(from);
    loop {
        let (mut left, mut right) = (up.clone(), rest.clone());
        match (left.next(), right.next()) {
            (Some(one), Some(other)) if one == other => (up, rest) = (left, right),
            _ => break,
        }
    }
    for part in up.map(|_| "..").chain(rest) {
        if !text.is_empty() {
            text.push('/');
        }
        text.push_str(part);
    }
    if text.is_empty() { ".".to_owned() } else { text }
}

fn parts(path: &str) -> impl Iterator<Item = &str> + Clone {
    path.split('/').filter(|part| !part.is_empty())
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
    }

    #[test]
    fn an_importer_beside_the_lockfile_is_joined_upwards() {
        assert_eq!(join("/w/root", "../other"), "/w/other");
        assert_eq!(join("/w/root", "."), "/w/root");
    }
}
