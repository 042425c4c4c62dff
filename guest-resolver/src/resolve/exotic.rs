//! `blockExoticSubdeps`: only projects may ask for repositories and for tarballs at an address. A package of a registry
//! that asks for one would bring in bytes that no registry and no lockfile of others vouches for. Judged by the
//! specifier, so that nothing is fetched to be refused.

use wit::guest::wasi_pm::resolver::types::Failure;

use crate::specifier::Specifier;

use super::context::Context;
use super::tree::{Origin, Resolved};
use super::walk::Edge;
use super::wanted::failure;

/// The code of a refused edge. It is an error for optional edges too.
pub const EXOTIC_SUBDEP: &str = "ERR_PNPM_EXOTIC_SUBDEP";

/// Why an edge below `parent` is refused; `None` if it is not, or if a project stands above it.
pub fn refused(ctx: &Context, edge: &Edge, parent: Option<&Resolved>) -> Option<Failure> {
    let parent = parent.filter(|_| ctx.settings.policy.block_exotic_subdeps)?;
    if matches!(&parent.origin, Origin::Directory(folder) if ctx.projects.contains_key(folder)) {
        return None;
    }
    let via = match &*ctx.specifier(edge.alias, edge.specifier) {
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
