//! Patterns as `.gitignore`, `.npmignore` and the `files` of a manifest have them (format:
//! <https://git-scm.com/docs/gitignore>); braces are alternatives, as npm has them in `files`.

/// At most so many alternatives of one pattern; more are no longer taken apart.
const MAX_ALTERNATIVES: usize = 64;

/// The patterns of one file, in their order.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    negated: bool,
    folders_only: bool,
    /// `**` stands for any number of components.
    parts: Vec<Vec<char>>,
}

impl Patterns {
    /// Reads patterns, one a line.
    pub(super) fn parse<'a>(lines: impl Iterator<Item = &'a str>) -> Self {
        let mut rules = Vec::new();
        for line in lines {
            let line = line.strip_suffix('\r').unwrap_or(line);
            let line = if line.ends_with("\\ ") { line } else { line.trim_end() };
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (negated, line) = match line.strip_prefix('!') {
                Some(rest) => (true, rest),
                None => (false, line),
            };
            let mut all = Vec::new();
            alternatives(line, &mut all);
            rules.extend(all.iter().filter_map(|text| Rule::parse(text, negated)));
        }
        Self { rules }
    }

    /// No pattern at all.
    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What the last pattern that fits says: `Some(true)` if it names the path, `Some(false)` if it takes it back.
    pub(super) fn says(&self, path: &str, is_folder: bool) -> Option<bool> {
        let parts: Vec<Vec<char>> = path.split('/').map(|part| part.chars().collect()).collect();
        let rule = self.rules.iter().rev().find(|rule| (is_folder || !rule.folders_only) && fits(&rule.parts, &parts));
        rule.map(|rule| !rule.negated)
    }

    /// Whether a file is named, itself or by a folder it is in; what says something of the nearest counts.
    pub(super) fn names(&self, path: &str) -> bool {
        let mut said = self.says(path, false);
        let mut rest = path;
        while let (None, Some((folder, _))) = (said, rest.rsplit_once('/')) {
            said = self.says(folder, true);
            rest = folder;
        }
        said == Some(true)
    }
}

impl Rule {
    fn parse(text: &str, negated: bool) -> Option<Self> {
        let (text, folders_only) = match text.strip_suffix('/') {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let anchored = text.contains('/');
        let text = text.strip_prefix('/').unwrap_or(text);
        if text.is_empty() {
            return None;
        }
        let mut parts: Vec<Vec<char>> = text.split('/').map(|part| part.chars().collect()).collect();
        if !anchored {
            parts.insert(0, vec!['*', '*']);
        }
        Some(Self { negated, folders_only, parts })
    }
}

/// `a{b,c}` as `ab` and `ac`.
fn alternatives(text: &str, all: &mut Vec<String>) {
    let braces = text.find('{').and_then(|open| text[open..].find('}').map(|length| (open, open + length)));
    let Some((open, close)) = braces.filter(|(open, close)| text[*open..*close].contains(',')) else {
        all.push(text.to_owned());
        return;
    };
    for middle in text[open + 1..close].split(',') {
        if all.len() < MAX_ALTERNATIVES {
            alternatives(&format!("{}{middle}{}", &text[..open], &text[close + 1..]), all);
        }
    }
}

/// Components against components: after a mismatch the last `**` takes one more, so the work is bounded by the product
/// of the lengths.
fn fits(pattern: &[Vec<char>], path: &[Vec<char>]) -> bool {
    let any = |part: &Vec<char>| part.as_slice() == ['*', '*'];
    let (mut at, mut from, mut again) = (0, 0, None);
    while from < path.len() {
        match pattern.get(at) {
            // At the end it stands for what is inside, not for the folder itself.
            Some(part) if any(part) => {
                again = Some((at, from));
                at += 1;
                if at == pattern.len() {
                    return true;
                }
                continue;
            }
            Some(part) if component(part, &path[from]) => {
                at += 1;
                from += 1;
                continue;
            }
            _ => {}
        }
        let Some((star, start)) = again else { return false };
        again = Some((star, start + 1));
        (at, from) = (star + 1, start + 1);
    }
    at == pattern.len()
}

/// One component against one pattern: `*`, `?`, `[a-z]`, `\` before what is meant literally.
fn component(pattern: &[char], text: &[char]) -> bool {
    let (mut at, mut from, mut again) = (0, 0, None);
    while from < text.len() {
        if pattern.get(at) == Some(&'*') {
            again = Some((at, from));
            at += 1;
            continue;
        }
        if let Some(length) = one(&pattern[at..], text[from]) {
            at += length;
            from += 1;
            continue;
        }
        let Some((star, start)) = again else { return false };
        again = Some((star, start + 1));
        (at, from) = (star + 1, start + 1);
    }
    pattern[at..].iter().all(|c| *c == '*')
}

/// How much of the pattern stands for this character; `None` if it does not.
fn one(pattern: &[char], c: char) -> Option<usize> {
    match pattern {
        ['?', ..] => Some(1),
        ['\\', literal, ..] => (*literal == c).then_some(2),
        ['[', rest @ ..] => {
            let (negated, set) = match rest {
                ['!' | '^', set @ ..] => (true, set),
                set => (false, set),
            };
            let Some(end) = set.iter().skip(1).position(|c| *c == ']').map(|at| at + 1) else {
                return (c == '[').then_some(1);
            };
            (in_set(&set[..end], c) != negated).then_some(end + 2 + usize::from(negated))
        }
        [literal, ..] => (*literal == c).then_some(1),
        [] => None,
    }
}

fn in_set(set: &[char], c: char) -> bool {
    match set {
        [first, '-', last, rest @ ..] => (*first..=*last).contains(&c) || in_set(rest, c),
        [one, rest @ ..] => *one == c || in_set(rest, c),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::Patterns;

    fn names(patterns: &str, path: &str) -> bool {
        Patterns::parse(patterns.lines()).names(path)
    }

    #[test]
    fn patterns_mean_what_git_says() {
        for (patterns, path, expected) in [
            ("tests", "tests/a.js", true),
            ("tests", "lib/tests/a.js", true),
            ("/tests", "lib/tests/a.js", false),
            ("tests/", "tests", false),
            ("a/b", "x/a/b", false),
            ("*.log", "x/y.log", true),
            ("dist/**", "dist/a/b", true),
            ("dist/**", "dist", false),
            ("**/x", "a/b/x", true),
            ("a/**/x", "a/x", true),
            ("dist/*", "dist/a/b", true),
            ("dist/*.{js,css}", "dist/a.css", true),
            ("dist/*.{js,css}", "dist/a.ts", false),
            ("dist\n!dist/private", "dist/private/x", false),
            ("[a-c].js", "b.js", true),
            ("[!a-c].js", "b.js", false),
            ("\\!x", "!x", true),
            ("# comment", "# comment", false),
            ("", "a", false),
        ] {
            assert_eq!(names(patterns, path), expected, "{patterns:?} {path}");
        }
    }

    #[test]
    fn a_hostile_pattern_ends() {
        let pattern = "*a".repeat(200);
        assert!(!names(&pattern, &"a".repeat(199)));
        assert!(!names(&format!("{}x", "**/".repeat(300)), &format!("{}b", "a/".repeat(200))));
        assert!(!names(&"{a,b}".repeat(40), "c"));
    }
}
