//! Whether a package fits the machine: `os`, `cpu`, `libc` and `engines` against what is there or pretended.

#[cfg(test)]
mod tests;

use wit::settings::SupportedArchitectures;

use crate::semver::{Options, Range, Version};

/// The version of pnpm that `engines.pnpm` is held against: the one whose behaviour is reproduced.
pub const PNPM_VERSION: &str = "12.21.0";

/// What a manifest says of platforms; `None`: nothing. `any`, `!win32` and the like as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// `os`
    pub os: Option<Vec<String>>,
    /// `cpu`
    pub cpu: Option<Vec<String>>,
    /// `libc`
    pub libc: Option<Vec<String>>,
    /// `engines.node`
    pub node: Option<String>,
    /// `engines.pnpm`
    pub pnpm: Option<String>,
}

/// The machine. As the WIT record `platform`.
#[derive(Debug, Clone, Copy)]
pub struct Machine<'a> {
    /// `process.platform`.
    pub os: &'a str,
    /// `process.arch`.
    pub cpu: &'a str,
    /// `None`: unknown, and not checked.
    pub libc: Option<&'a str>,
    /// `None`: no Node, and not checked.
    pub node: Option<&'a str>,
}

/// The verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// It fits.
    Fits,
    /// `os`, `cpu` or `libc` do not fit: wanted and present, as JSON.
    UnsupportedPlatform(String),
    /// `engines` do not fit: wanted and present, as JSON.
    UnsupportedEngine(String),
}

/// Judges a package; the platform first.
pub fn check(wanted: &Wanted, machine: Machine<'_>, supported: &SupportedArchitectures) -> Fit {
    let libc_fits = machine.libc.is_none_or(|libc| axis_fits(libc, &supported.libc, wanted.libc.as_deref()));
    if !libc_fits
        || !axis_fits(machine.os, &supported.os, wanted.os.as_deref())
        || !axis_fits(machine.cpu, &supported.cpu, wanted.cpu.as_deref())
    {
        let lists = [("os", &wanted.os), ("cpu", &wanted.cpu), ("libc", &wanted.libc)];
        let lists = lists.into_iter().filter_map(|(key, list)| Some((key, serde_json::json!(list.as_ref()?))));
        let current = [("os", machine.os), ("cpu", machine.cpu), ("libc", machine.libc.unwrap_or("unknown"))];
        let current = current.into_iter().map(|(key, value)| (key, serde_json::json!(value)));
        return Fit::UnsupportedPlatform(detail(lists, current));
    }
    let node = wanted.node.as_deref().filter(|range| machine.node.is_some_and(|node| !engine_fits(node, range)));
    let pnpm = wanted.pnpm.as_deref().filter(|range| !engine_fits(PNPM_VERSION, range));
    if node.is_none() && pnpm.is_none() {
        return Fit::Fits;
    }
    let engines = [("node", node), ("pnpm", pnpm)].into_iter();
    let engines = engines.filter_map(|(key, range)| Some((key, serde_json::json!(range?))));
    let current = [("node", machine.node), ("pnpm", Some(PNPM_VERSION))].into_iter();
    Fit::UnsupportedEngine(detail(engines, current.filter_map(|(key, value)| Some((key, serde_json::json!(value?))))))
}

type Entry = (&'static str, serde_json::Value);

fn detail(wanted: impl Iterator<Item = Entry>, current: impl Iterator<Item = Entry>) -> String {
    let object = |entries: &mut dyn Iterator<Item = Entry>| {
        let entries: Vec<String> = entries.map(|(key, value)| format!("\"{key}\":{value}")).collect();
        format!("{{{}}}", entries.join(","))
    };
    let (mut wanted, mut current) = (wanted, current);
    format!("wanted {} (current: {})", object(&mut wanted), object(&mut current))
}

fn engine_fits(version: &str, range: &str) -> bool {
    let range = Range::parse_with(range, Options { loose: true, include_prerelease: true });
    range.is_ok_and(|range| Version::parse_loose(version).is_some_and(|version| range.satisfies(&version)))
}

/// A list with only negations fits what none of them names.
fn axis_fits(current: &str, supported: &[String], wanted: Option<&[String]>) -> bool {
    let Some(wanted) = wanted else { return true };
    if wanted.len() == 1 && wanted[0] == "any" {
        return true;
    }
    let values: &mut dyn Iterator<Item = &str> = if supported.is_empty() {
        &mut std::iter::once(current)
    } else {
        &mut supported.iter().map(|value| if value == "current" { current } else { value.as_str() })
    };
    let mut matched = false;
    for value in values {
        // The first entry that speaks of the value decides.
        match wanted.iter().find(|entry| entry.strip_prefix('!').unwrap_or(entry) == value) {
            Some(entry) if entry.starts_with('!') => return false,
            Some(_) => matched = true,
            None => {}
        }
    }
    matched || wanted.iter().all(|entry| entry.starts_with('!'))
}

impl Wanted {
    /// Fills fields that an optional dependency lacks from the words of its name (`-linux-x64-musl`). Nothing is
    /// guessed where neither a field nor the name speaks of an operating system.
    pub fn infer_from_name(&mut self, name: &str) {
        let unscoped = name.split_once('/').map_or(name, |(_, name)| name).to_lowercase();
        let words: Vec<&str> = unscoped.split(['-', '_', '.']).collect();
        let os = values(&words, os_of_word);
        if self.os.is_none() && self.cpu.is_none() && self.libc.is_none() && os.is_none() {
            return;
        }
        self.os = self.os.take().or(os);
        self.cpu = self.cpu.take().or_else(|| values(&words, cpu_of_word));
        self.libc = self.libc.take().or_else(|| values(&words, libc_of_word));
    }
}

fn values(words: &[&str], value_of: fn(&str) -> Option<&'static str>) -> Option<Vec<String>> {
    let mut found: Vec<String> = Vec::new();
    for value in words.iter().filter_map(|word| value_of(word)) {
        if !found.iter().any(|seen| seen == value) {
            found.push(value.to_owned());
        }
    }
    (!found.is_empty()).then_some(found)
}

fn os_of_word(word: &str) -> Option<&'static str> {
    const SAME: [&str; 9] =
        ["aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos"];
    match word {
        "macos" | "osx" => Some("darwin"),
        "win32" | "windows" => Some("win32"),
        _ => SAME.into_iter().find(|os| *os == word),
    }
}

fn cpu_of_word(word: &str) -> Option<&'static str> {
    const SAME: [&str; 9] = ["arm", "arm64", "ia32", "loong64", "mips64el", "riscv64", "s390x", "x64", "wasm32"];
    match word {
        "armv6" | "armv7" => Some("arm"),
        "aarch64" => Some("arm64"),
        "amd64" => Some("x64"),
        "ppc64" | "ppc64le" => Some("ppc64"),
        _ => SAME.into_iter().find(|cpu| *cpu == word),
    }
}

fn libc_of_word(word: &str) -> Option<&'static str> {
    match word {
        "glibc" | "gnu" | "gnueabihf" => Some("glibc"),
        "musl" | "musleabihf" => Some("musl"),
        _ => None,
    }
}
