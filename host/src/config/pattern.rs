//! The patterns of `packages` in `pnpm-workspace.yaml`: `packages/*`, `apps/**`, `{a,b}/x`, `!**/fixtures/**`.
//! A pattern names folders, relative to the workspace, component by component, so that a walk can leave out what no
//! pattern can match.

use super::ConfigError;

/// More expansions of braces than these are refused.
const MAX_EXPANSIONS: usize = 1024;
/// A longer pattern is refused; bytes.
const MAX_BYTES: usize = 4096;

/// One component of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// `**`: any number of folders.
    Deep,
    /// A name with `*`, `?` and `[…]`.
    Name(Vec<char>),
}

/// All patterns of a workspace.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    include: Vec<Vec<Part>>,
    exclude: Vec<Vec<Part>>,
}

/// How far the patterns have been matched on the way to a folder: pattern and component.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Progress(Vec<(usize, usize)>);

impl Patterns {
    /// Parses the list as it stands in the file.
    ///
    /// # Errors
    /// A pattern leads out of the workspace, or is over a limit.
    pub(super) fn parse(list: &[String]) -> Result<Self, ConfigError> {
        let mut patterns = Self::default();
        for pattern in list {
            let (body, place) = match pattern.strip_prefix('!') {
                Some(body) => (body, &mut patterns.exclude),
                None => (pattern.as_str(), &mut patterns.include),
            };
            let fail = |reason| ConfigError::Pattern { pattern: pattern.chars().take(120).collect(), reason };
            for text in expand(body).map_err(fail)? {
                let parts = parts(&text).map_err(fail)?;
                if !parts.is_empty() {
                    place.push(parts);
                }
            }
        }
        Ok(patterns)
    }

    /// Where a walk starts.
    #[must_use]
    pub(super) fn start(&self) -> Progress {
        let mut progress = Progress((0..self.include.len()).map(|pattern| (pattern, 0)).collect());
        self.close(&mut progress);
        progress
    }

    /// Goes down into a folder; an empty [`Progress`] means that nothing below it can match.
    #[must_use]
    pub(super) fn step(&self, from: &Progress, name: &str) -> Progress {
        let mut next = Progress::default();
        let letters: Vec<char> = name.chars().collect();
        for &(pattern, at) in &from.0 {
            match self.include[pattern].get(at) {
                Some(Part::Deep) if !name.starts_with('.') => next.0.push((pattern, at)),
                Some(Part::Name(part)) if name_matches(part, &letters) => next.0.push((pattern, at + 1)),
                _ => {}
            }
        }
        self.close(&mut next);
        next
    }

    /// The folder matches, and no negated pattern takes it out. `path` is relative, its components in order.
    #[must_use]
    pub(super) fn matches(&self, progress: &Progress, path: &[&str]) -> bool {
        let included = progress.0.iter().any(|&(pattern, at)| at == self.include[pattern].len());
        included && !self.exclude.iter().any(|parts| path_matches(parts, path))
    }

    /// Something below the folder can match.
    #[must_use]
    pub(super) fn lead_on(&self, progress: &Progress) -> bool {
        progress.0.iter().any(|&(pattern, at)| at < self.include[pattern].len())
    }

    /// Nothing below can match.
    #[must_use]
    pub(super) fn is_dead(progress: &Progress) -> bool {
        progress.0.is_empty()
    }

    /// `**` also stands for no folder at all.
    fn close(&self, progress: &mut Progress) {
        let mut at = 0;
        while let Some(&(pattern, part)) = progress.0.get(at) {
            let next = (pattern, part + 1);
            if self.include[pattern].get(part) == Some(&Part::Deep) && !progress.0.contains(&next) {
                progress.0.push(next);
            }
            at += 1;
        }
    }
}

fn parts(text: &str) -> Result<Vec<Part>, &'static str> {
    if text.starts_with('/') || text.contains('\\') || text.contains(':') {
        return Err("it is not a relative path with /");
    }
    let mut parts = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err("it leads out of the workspace"),
            "**" if parts.last() == Some(&Part::Deep) => {}
            "**" => parts.push(Part::Deep),
            name => parts.push(Part::Name(name.chars().collect())),
        }
    }
    Ok(parts)
}

/// `a{b,c}` becomes `ab` and `ac`; braces may be nested.
fn expand(pattern: &str) -> Result<Vec<String>, &'static str> {
    if pattern.len() > MAX_BYTES {
        return Err("it has more than 4096 bytes");
    }
    let mut open = vec![pattern.to_owned()];
    let mut done = Vec::new();
    while let Some(text) = open.pop() {
        if open.len() + done.len() > MAX_EXPANSIONS {
            return Err("its braces expand to more than 1024 patterns");
        }
        let Some((start, end, choices)) = first_braces(&text) else {
            done.push(text);
            continue;
        };
        for choice in choices.into_iter().rev() {
            open.push(format!("{}{}{}", &text[..start], choice, &text[end..]));
        }
    }
    Ok(done)
}

/// The first pair of braces with a comma inside: where it starts and ends, and what it chooses from.
fn first_braces(text: &str) -> Option<(usize, usize, Vec<String>)> {
    let start = text.find('{')?;
    let (mut depth, mut from, mut choices) = (0, start + 1, Vec::new());
    for (at, letter) in text[start..].char_indices().map(|(at, letter)| (at + start, letter)) {
        match letter {
            '{' => depth += 1,
            ',' if depth == 1 => {
                choices.push(text[from..at].to_owned());
                from = at + 1;
            }
            '}' => {
                depth -= 1;
                if depth == 0 {
                    choices.push(text[from..at].to_owned());
                    return Some((start, at + 1, choices));
                }
            }
            _ => {}
        }
    }
    None
}

/// A name against a part: `*` and `?` do not match a leading dot. Linear in the name for each `*`.
fn name_matches(part: &[char], name: &[char]) -> bool {
    if name.first() == Some(&'.') && part.first() != Some(&'.') {
        return false;
    }
    let (mut p, mut n) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        if part.get(p) == Some(&'*') {
            retry = Some((p + 1, n + 1));
            p += 1;
            continue;
        }
        if let Some(width) = letter_matches(&part[p.min(part.len())..], name[n]) {
            p += width;
            n += 1;
        } else if let Some((after, from)) = retry {
            (p, n) = (after, from);
            retry = Some((after, from + 1));
        } else {
            return false;
        }
    }
    part[p..].iter().all(|letter| *letter == '*')
}

/// How many letters of the pattern one letter of a name uses up; `None`: it does not match.
fn letter_matches(part: &[char], letter: char) -> Option<usize> {
    match part.first()? {
        '?' => Some(1),
        '[' => {
            let Some(end) = part.iter().skip(2).position(|found| *found == ']').map(|at| at + 2) else {
                return (letter == '[').then_some(1);
            };
            let negated = matches!(part[1], '!' | '^');
            let set = &part[if negated { 2 } else { 1 }..end];
            (set_has(set, letter) != negated).then_some(end + 1)
        }
        exact => (*exact == letter).then_some(1),
    }
}

fn set_has(set: &[char], letter: char) -> bool {
    let mut at = 0;
    while at < set.len() {
        if set.get(at + 1) == Some(&'-') && at + 2 < set.len() {
            if (set[at]..=set[at + 2]).contains(&letter) {
                return true;
            }
            at += 3;
        } else if set[at] == letter {
            return true;
        } else {
            at += 1;
        }
    }
    false
}

/// A whole path against the components of a negated pattern.
fn path_matches(parts: &[Part], path: &[&str]) -> bool {
    let mut reached = vec![false; parts.len() + 1];
    reached[0] = true;
    close(parts, &mut reached);
    for name in path {
        let letters: Vec<char> = name.chars().collect();
        let mut next = vec![false; parts.len() + 1];
        for (at, part) in parts.iter().enumerate().filter(|(at, _)| reached[*at]) {
            match part {
                Part::Deep => next[at] = true,
                Part::Name(part) if name_matches(part, &letters) => next[at + 1] = true,
                Part::Name(_) => {}
            }
        }
        close(parts, &mut next);
        reached = next;
    }
    reached[parts.len()]
}

fn close(parts: &[Part], reached: &mut [bool]) {
    for (at, part) in parts.iter().enumerate() {
        if reached[at] && *part == Part::Deep {
            reached[at + 1] = true;
        }
    }
}

#[cfg(test)]
mod tests;
