//! What `git ls-remote` prints, and which commit a reference means.

use std::collections::{BTreeMap, BTreeSet};

/// Why a reference leads to no commit.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoCommit {
    /// There is no such reference.
    Unknown,
    /// It looks like the beginning of a commit, and names a branch or tag at another one.
    Ambiguous(String),
}

/// A whole commit.
pub(super) fn is_commit(text: &str) -> bool {
    text.len() == 40 && may_be_commit(text)
}

/// The beginning of a commit.
pub(super) fn may_be_commit(text: &str) -> bool {
    (7..=40).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn read(printed: &str) -> BTreeMap<&str, &str> {
    let lines = printed.lines().filter_map(|line| line.split_once('\t'));
    lines.filter(|(commit, _)| is_commit(commit)).map(|(commit, name)| (name, commit)).collect()
}

/// The commit of a reference: the name itself, then as a tag, then as a branch, then as the beginning of a commit.
pub(super) fn pick(printed: &str, reference: &str) -> Result<String, NoCommit> {
    let refs = read(printed);
    let names = [
        format!("{reference}^{{}}"),
        reference.to_owned(),
        format!("refs/{reference}^{{}}"),
        format!("refs/{reference}"),
        format!("refs/tags/{reference}^{{}}"),
        format!("refs/tags/{reference}"),
        format!("refs/heads/{reference}"),
    ];
    if let Some(commit) = names.iter().find_map(|name| refs.get(name.as_str())) {
        return match may_be_commit(reference) && !commit.starts_with(reference) {
            true => Err(NoCommit::Ambiguous((*commit).to_owned())),
            false => Ok((*commit).to_owned()),
        };
    }
    let begins: BTreeSet<&str> = refs.values().copied().filter(|commit| commit.starts_with(reference)).collect();
    match begins.into_iter().collect::<Vec<_>>()[..] {
        [commit] if may_be_commit(reference) => Ok(commit.to_owned()),
        _ => Err(NoCommit::Unknown),
    }
}

/// The names of all tags.
pub(super) fn tags(printed: &str) -> Vec<String> {
    let names = read(printed).into_keys().filter_map(|name| name.strip_prefix("refs/tags/"));
    let names: BTreeSet<&str> = names.map(|name| name.strip_suffix("^{}").unwrap_or(name)).collect();
    names.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "1111111111111111111111111111111111111111";
    const TWO: &str = "2222222222222222222222222222222222222222";

    fn printed() -> String {
        format!(
            "{ONE}\tHEAD\n{ONE}\trefs/heads/main\n{TWO}\trefs/heads/dev\n3333333333333333333333333333333333333333\t\
             refs/tags/v1.0.0\n{TWO}\trefs/tags/v1.0.0^{{}}\n{ONE}\trefs/tags/dev2\n{TWO}\trefs/heads/1111111\n"
        )
    }

    #[test]
    fn references_lead_to_commits() {
        for (reference, commit) in
            [("HEAD", ONE), ("main", ONE), ("dev", TWO), ("v1.0.0", TWO), ("refs/tags/v1.0.0", TWO), ("2222222", TWO)]
        {
            assert_eq!(pick(&printed(), reference), Ok(commit.to_owned()), "{reference}");
        }
        assert_eq!(pick(&printed(), "none"), Err(NoCommit::Unknown));
        assert_eq!(pick(&printed(), "4444444"), Err(NoCommit::Unknown));
        assert_eq!(pick(&printed(), "1111111"), Err(NoCommit::Ambiguous(TWO.to_owned())));
        assert_eq!(tags(&printed()), ["dev2", "v1.0.0"]);
    }
}
