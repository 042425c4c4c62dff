//! What is written for a word of `add`: as a project of the workspace, through a catalog, as others have it, or as a
//! range over the version that the word leads to.

use std::task::{Poll, ready};

use wit::guest::wasi_pm::resolver::types::Failure;
use wit::settings::{LinkWorkspacePackages, WorkspaceProtocol};

use crate::manifest::Manifest;
use crate::resolve::context::Context;
use crate::resolve::hooks;
use crate::resolve::wanted::{self, Wanted, failure};
use crate::semver::Version;
use crate::specifier::{Specifier, Want};

use super::super::catalog;
use super::super::latest::{self, Package};
use super::super::range::{self, Style};
use super::super::text::ManifestText;
use super::super::workspace::{self, Declared};
use super::nameless::{no_name, shortcut};
use super::typed::Typed;
use super::{Found, GUESSED, not_in_workspace};

/// A specifier, and the package of a registry that it leads to.
type Saved = (String, Option<(String, Version)>);

/// Where a project looks for what it adds.
pub(super) struct Search<'a> {
    pub(super) ctx: &'a Context,
    pub(super) id: &'a str,
    pub(super) manifest: &'a ManifestText,
    pub(super) only_workspace: bool,
}

pub(super) type Answer<T> = Poll<Result<T, Failure>>;

impl Search<'_> {
    pub(super) fn find(&self, typed: &Typed) -> Answer<Found> {
        let Typed { alias, specifier } = typed;
        match (alias, specifier) {
            (Some(alias), Some(specifier)) if specifier.trim() == "npm:" => {
                let message = format!("\"{alias}@{specifier}\" names no package after \"npm:\"");
                let hint = Some("Name a package as name, name@version or alias@npm:name@version".to_owned());
                Poll::Ready(Err(Failure { hint, ..failure("ERR_PNPM_INVALID_PACKAGE_NAME", message) }))
            }
            (Some(alias), specifier) => {
                let (specifier, package) = ready!(self.specifier(alias, specifier.as_deref()))?;
                Poll::Ready(Ok(Found { alias: alias.clone(), specifier, package }))
            }
            (None, Some(specifier)) => self.without_alias(specifier),
            (None, None) => Poll::Ready(Err(no_name(""))),
        }
    }

    /// What is written for a name.
    pub(super) fn specifier(&self, alias: &str, asked: Option<&str>) -> Answer<Saved> {
        let so_far = self.manifest.find(&GUESSED, alias).map(|(_, specifier)| specifier);
        let asked_of_workspace = || format!("workspace:{}", asked.unwrap_or("*").trim_start_matches("workspace:"));
        let asked_of_workspace = self.only_workspace.then(asked_of_workspace);
        let asked = asked_of_workspace.as_deref().or(asked);
        if self.only_workspace && !workspace::has(self.ctx, alias) {
            return Poll::Ready(Err(not_in_workspace(self.ctx, alias)));
        }
        if let Some(found) = self.in_workspace(alias, Declared { so_far, asked }) {
            return Poll::Ready(Ok((found, None)));
        }
        let default = Style::of(&self.ctx.settings.saving);
        match (asked, so_far) {
            (Some(asked), so_far) => self.asked(alias, asked, so_far, default),
            (None, Some(so_far)) => Poll::Ready(Ok((so_far.to_owned(), None))),
            (None, None) if let Some(reference) = self.in_catalog(alias) => Poll::Ready(Ok((reference, None))),
            (None, None) if let Some(shared) = self.shared(alias) => self.as_shared(alias, &shared, default),
            (None, None) => {
                let package = Package { alias, name: alias, registry: None };
                Poll::Ready(match ready!(latest::version(self.ctx, package, &Want::latest())) {
                    // What is looked up for its range alone: a locked version that this allows stays preferred.
                    Ok(version) => Ok((range::saved(&version, None, None, default), None)),
                    Err(why) => Err(Failure {
                        code: "ERR_PNPM_PACKAGE_MANAGER_ADD_RESOLVE_LATEST".to_owned(),
                        message: format!("Failed to resolve the latest version of {alias}: {}", why.message),
                        ..why
                    }),
                })
            }
        }
    }

    /// What an override says of it, or what all other projects agree on that ask for it, each in the first of its
    /// groups.
    fn shared(&self, alias: &str) -> Option<String> {
        let mut asked = Manifest::default();
        asked.dependencies.insert(alias.to_owned(), "*".to_owned());
        hooks::rewrite(&self.ctx.settings, &self.ctx.overrides, &mut asked, Some(self.id));
        let overridden = asked.dependencies.get(alias).filter(|specifier| *specifier != "*").cloned();
        if overridden.is_some() {
            return overridden;
        }
        let others = self.ctx.workspace().filter(|project| project.id != self.id);
        let mut declared = others.filter_map(|project| {
            let manifest = &project.written;
            let groups = [&manifest.dependencies, &manifest.dev_dependencies, &manifest.optional_dependencies];
            groups.into_iter().find_map(|group| group.get(alias))
        });
        let first = declared.next()?;
        let is_range = matches!(Want::parse(first), Some(Want::Version(_) | Want::Range(_)));
        (is_range && first != "*" && declared.all(|other| other == first)).then(|| first.clone())
    }

    /// What is written where others have said what they want: their range over the version that it leads to.
    fn as_shared(&self, alias: &str, shared: &str, default: Style) -> Answer<Saved> {
        let style = match Want::parse(shared) {
            Some(Want::Version(_)) => None,
            Some(Want::Range(_)) if let Some(style) = Style::in_specifier(shared) => Some(style),
            // What says more than a version could stays as it is, and leads where it leads this project.
            Some(Want::Range(_)) => {
                let version = ready!(self.version(alias, shared))?;
                return Poll::Ready(Ok((shared.to_owned(), Some((alias.to_owned(), version)))));
            }
            _ => return Poll::Ready(Ok((shared.to_owned(), None))),
        };
        let version = ready!(self.version(alias, shared))?;
        Poll::Ready(Ok((range::saved(&version, None, style, default), Some((alias.to_owned(), version)))))
    }

    /// The reference to an entry that a catalog has for it.
    fn in_catalog(&self, alias: &str) -> Option<String> {
        let catalog = self.ctx.settings.saving.catalog_name.as_deref().unwrap_or("default");
        let entries = self.ctx.settings.rules.catalogs.get(catalog)?;
        entries.contains_key(alias).then(|| catalog::reference(catalog))
    }

    /// What is written for a project of the workspace; `None`: it is none.
    fn in_workspace(&self, alias: &str, declared: Declared<'_>) -> Option<String> {
        let Declared { so_far, asked } = declared;
        let settings = &self.ctx.settings;
        let explicit = asked.and_then(|asked| asked.strip_prefix("workspace:"));
        let (name, version) = if let Some(rest) = explicit {
            if rest.starts_with(['.', '/', '~']) && rest.len() > 1 {
                return None;
            }
            let name = rest.rfind('@').filter(|at| *at > 0).map_or(alias, |at| &rest[..at]);
            (name, workspace::version(self.ctx, name, &Want::any()))
        } else {
            if settings.workspace.link_workspace_packages == LinkWorkspacePackages::Off {
                return None;
            }
            let want = Want::parse(asked.unwrap_or("latest"))?;
            (alias, Some(workspace::version(self.ctx, alias, &want)?))
        };
        let protocol = settings.saving.workspace_protocol;
        let (declared, default) = (Declared { so_far, asked }, Style::of(&settings.saving));
        let written = workspace::specifier(declared, alias, (name, version.as_ref()), protocol, default);
        match written.strip_prefix("workspace:") {
            Some(plain) if protocol == WorkspaceProtocol::Off && explicit.is_none() => Some(plain.to_owned()),
            _ => Some(written),
        }
    }

    /// What is written for a specifier: a range over the version that it leads to, or the text as it is.
    fn asked(&self, alias: &str, asked: &str, so_far: Option<&str>, default: Style) -> Answer<Saved> {
        let registries = &self.ctx.settings.registries;
        let (name, prefix) = match Specifier::parse(alias, asked, registries) {
            Specifier::Registry { name, registry: None, .. } if !asked.contains("://") => {
                let prefix = if name == alias { String::new() } else { format!("npm:{name}@") };
                (name, prefix)
            }
            Specifier::Unsupported(refused) => return Poll::Ready(Err(failure(refused.code, refused.message))),
            Specifier::Git(_) => return Poll::Ready(Ok((shortcut(asked), None))),
            _ => return Poll::Ready(Ok((asked.to_owned(), None))),
        };
        // What says more than a version could stays as it is, once it stands there.
        let is_range = matches!(Want::parse(asked), Some(Want::Range(_)));
        if so_far == Some(asked) && is_range && Style::in_specifier(asked).is_none() {
            return Poll::Ready(Ok((asked.to_owned(), None)));
        }
        let version = ready!(self.version(alias, asked))?;
        let so_far = so_far.filter(|so_far| {
            let read = Specifier::parse(alias, so_far, registries);
            matches!(read, Specifier::Registry { registry: None, .. }) && !so_far.contains("://")
        });
        let (so_far, style) = (so_far.and_then(Style::in_specifier), Style::in_specifier(asked));
        Poll::Ready(Ok((format!("{prefix}{}", range::saved(&version, so_far, style, default)), Some((name, version)))))
    }

    /// The version that the project's own resolution will lead to.
    fn version(&self, alias: &str, specifier: &str) -> Answer<Version> {
        let found = ready!(wanted::resolve(self.ctx, self.wanted(alias, specifier), &[]))?;
        let text = self.ctx.text(found.version);
        let version = Version::parse_loose(&text);
        Poll::Ready(version.ok_or_else(|| failure("ERR_WASI_PM_BUG", format!("{text} is no version"))))
    }

    pub(super) fn wanted(&self, alias: &str, specifier: &str) -> Wanted {
        let importer = self.ctx.symbol(self.id);
        Wanted {
            alias: self.ctx.symbol(alias),
            specifier: self.ctx.symbol(specifier),
            optional: false,
            injected: false,
            direct: true,
            importer,
            base: importer,
            likely: false,
        }
    }
}
