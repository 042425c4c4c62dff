//! The document of a lockfile that is about the project: pnpm may put one about the package manager itself before it.

/// What comes after the first document, if there are two.
pub(super) fn of(lockfile: &str) -> &str {
    let two = lockfile.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n"));
    two.map_or(lockfile, |(_, project)| project)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_first_of_two_documents_is_left_out() {
        assert_eq!(super::of("---\nabout: pnpm\n\n---\nlockfileVersion: '9.0'\n"), "lockfileVersion: '9.0'\n");
        for one in ["", "---\n", "---\na: 1\n", "a: 1\n---\nb: 2\n"] {
            assert_eq!(super::of(one), one);
        }
    }
}
