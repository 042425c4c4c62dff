//! `blockExoticSubdeps`: only projects may ask for repositories and for tarballs at an address. A package of a registry
//! that asks for one would bring in bytes that no registry and no lockfile of others vouches for. Judged by the
//! specifier, so that nothing is fetched to be refused. A folder or tarball of the user's disk is never for a stranger
//! to name, whatever the setting: only projects, copied folders and overrides may. What a plugin resolves is never
//! exotic: the user granted it.

use wit::guest::wasi_pm::resolver::types::Failure;

use crate::specifier::{Specifier, WorkspaceTarget};

use super::context::Context;
use super::edges::Edge;
use super::tree::{Origin, Resolved};
use super::wanted::failure;

/// The code of a refused edge. It is an error for optional edges too.
pub const EXOTIC_SUBDEP: &str = "ERR_PNPM_EXOTIC_SUBDEP";

/// Why an edge below `parent` is refused; `None` if it is not, or if a project stands above it.
pub fn refused(ctx: &Context, edge: &Edge, parent: Option<&Resolved>) -> Option<Failure> {
    let parent = parent?;
    let specifier = ctx.specifier(edge.alias, edge.specifier);
    if is_local(&specifier) {
        return local(ctx, edge, parent);
    }
    if !ctx.settings.policy.block_exotic_subdeps {
        return None;
    }
    if matches!(&parent.origin, Origin::Directory(folder) if ctx.project(folder).is_some()) {
        return None;
    }
    let via = match &*specifier {
        Specifier::Git(_) => "git-repository",
        Specifier::Tarball(_) => "url",
        _ => return None,
    };
    let alias = ctx.text(edge.alias);
    let message = format!(
        "Exotic dependency \"{alias}\" (resolved via {via}) is not allowed in subdependencies when blockExoticSubdeps \
         is enabled"
    );
    let mut failure = failure(EXOTIC_SUBDEP, message);
    failure.hint = Some(format!(
        "Lead it to a version of a registry with an override for \"{}>{alias}\", or set blockExoticSubdeps to false",
        ctx.text(parent.name)
    ));
    Some(failure)
}

fn is_local(specifier: &Specifier) -> bool {
    match specifier {
        Specifier::Link(_) | Specifier::File(_) => true,
        Specifier::Workspace(want) => matches!(want.target, WorkspaceTarget::Directory(_)),
        _ => false,
    }
}

fn local(ctx: &Context, edge: &Edge, parent: &Resolved) -> Option<Failure> {
    let text = ctx.text(edge.specifier);
    let overridden = ctx.overrides.is_value(&text);
    let extended = ctx.settings.rules.package_extensions.values().any(|extension| {
        let added = extension.dependencies.iter().chain(&extension.optional_dependencies);
        added.into_iter().any(|(_, value)| **value == *text)
    });
    if matches!(parent.origin, Origin::Directory(_)) || overridden || extended {
        return None;
    }
    let alias = ctx.text(edge.alias);
    let message = format!("The dependency \"{alias}\" of {} leads to this machine's disk", parent.id);
    let mut failure = failure(EXOTIC_SUBDEP, message);
    failure.facts.push(("specifier".to_owned(), text.chars().take(200).collect()));
    failure.hint = Some(format!("Lead it to a version of a registry with an override for \"{alias}\""));
    Some(failure)
}
