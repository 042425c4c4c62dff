//! Dependencies on projects of the workspace, as they are written.

use wit::settings::WorkspaceProtocol;

use crate::resolve::context::Context;
use crate::semver::Version;
use crate::specifier::Want;

use super::range::Style;

/// What a dependency is written as so far, and what was asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Declared<'a> {
    /// In the manifest.
    pub so_far: Option<&'a str>,
    /// On the command line.
    pub asked: Option<&'a str>,
}

/// The highest version among the projects of this name that satisfies what is wanted; `None`: there is none.
#[must_use]
pub fn version(ctx: &Context, name: &str, want: &Want) -> Option<Version> {
    let named = ctx.workspace_named(name);
    let version = |text: Option<&str>| Version::parse_loose(text.unwrap_or("0.0.0"));
    let all = named.filter_map(|project| version(project.manifest.version.as_deref()));
    let fits = |version: &Version| match want {
        Want::Tag(_) => true,
        Want::Version(exact) => exact == version,
        Want::Range(range) => range.range.satisfies_as_peer(version) || &*range.text == "*",
    };
    all.filter(fits).max()
}

/// Whether there is a project of this name.
#[must_use]
pub fn has(ctx: &Context, name: &str) -> bool {
    ctx.workspace_named(name).next().is_some()
}

/// The specifier of a dependency `alias` on the project `name`.
#[must_use]
pub fn specifier(
    declared: Declared<'_>,
    alias: &str,
    (name, version): (&str, Option<&Version>),
    protocol: WorkspaceProtocol,
    default: Style,
) -> String {
    let prefix = if alias == name { "workspace:".to_owned() } else { format!("workspace:{name}@") };
    let Some(version) = version.filter(|_| protocol != WorkspaceProtocol::Rolling) else {
        return rolling(&prefix, declared);
    };
    if version.is_prerelease() {
        return format!("{prefix}{version}");
    }
    let style = declared.so_far.and_then(Style::in_specifier).unwrap_or(default);
    format!("{prefix}{}", style.over(&version.to_string()))
}

/// Without a version: with what stood before one.
fn rolling(prefix: &str, Declared { so_far, asked }: Declared<'_>) -> String {
    let Some(declared) = so_far.or(asked) else { return format!("{prefix}^") };
    if declared.strip_prefix(prefix).is_some_and(|rest| ["*", "^", "~"].contains(&rest)) {
        return declared.to_owned();
    }
    let sign = match Style::in_specifier(declared) {
        Some(Style::Minor) => "~",
        Some(Style::Patch | Style::Exact | Style::Any) => "*",
        Some(Style::Major) | None => "^",
    };
    format!("{prefix}{sign}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_written_with_or_without_its_version() {
        let version = Version::parse("1.2.3").unwrap();
        let write = |so_far, asked, alias, protocol| {
            specifier(Declared { so_far, asked }, alias, ("a", Some(&version)), protocol, Style::Major)
        };
        let rolling = WorkspaceProtocol::Rolling;
        assert_eq!(write(None, None, "a", rolling), "workspace:^");
        assert_eq!(write(None, Some("workspace:*"), "a", rolling), "workspace:*");
        assert_eq!(write(Some("~1.0.0"), Some("workspace:*"), "a", rolling), "workspace:~");
        assert_eq!(write(Some("1.0.0"), None, "a", rolling), "workspace:*");
        assert_eq!(write(None, None, "b", rolling), "workspace:a@^");
        assert_eq!(write(Some("~1.0.0"), None, "a", WorkspaceProtocol::On), "workspace:~1.2.3");
        assert_eq!(write(None, None, "b", WorkspaceProtocol::On), "workspace:a@^1.2.3");
    }
}
