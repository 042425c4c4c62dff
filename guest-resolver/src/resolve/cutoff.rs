//! `resolutionMode: time-based`: dependencies of dependencies are no newer than the newest of the projects' own, by an
//! hour at most. Which that is has to be known before anything below the projects is decided, so all their own
//! dependencies are resolved first.

use std::collections::BTreeMap;
use std::task::Poll;

use wit::settings::ResolutionMode;

use crate::age::{AgePolicy, parse_time};
use crate::facts::PackumentKey;
use crate::lockfile::model::package_key;

use super::context::Context;
use super::edges::Edge;
use super::tree::{Origin, Resolved};
use super::wanted::{self, Wanted};

/// What is released together with a package may come a little later; milliseconds.
const HOUR: i64 = 3_600_000;

/// What the projects' own dependencies have settled.
#[derive(Debug)]
pub struct Cutoff {
    /// The age rule below the projects.
    pub age: Option<AgePolicy>,
    /// `time` of the lockfile: when each of the projects' own dependencies was published.
    pub times: BTreeMap<String, String>,
}

/// Publish times are needed of every package.
pub fn needs_times(ctx: &Context) -> bool {
    is_time_based(ctx) && !ctx.settings.rules.registry_supports_time_field
}

/// What lies below the projects has to wait.
pub fn is_open(ctx: &Context) -> bool {
    is_time_based(ctx) && ctx.cutoff.get().is_none()
}

/// The age rule for an edge.
pub fn age<'a>(ctx: &'a Context, wanted: &Wanted) -> Option<&'a AgePolicy> {
    match ctx.cutoff.get() {
        Some(cutoff) if !wanted.direct => cutoff.age.as_ref(),
        _ => ctx.age.as_ref(),
    }
}

/// Resolves the projects' own dependencies and settles what is new enough below them. What fails here fails again in
/// the walk, and is told there.
pub async fn settle(ctx: &Context, projects: &[(String, Vec<Edge>)]) {
    if !is_time_based(ctx) {
        return;
    }
    let all: Vec<Wanted> = projects
        .iter()
        .flat_map(|(id, edges)| {
            let importer = ctx.symbol(id);
            edges.iter().map(move |edge| Wanted {
                alias: edge.alias,
                specifier: edge.specifier,
                optional: edge.optional,
                injected: edge.injected,
                direct: true,
                importer,
                base: importer,
                likely: false,
            })
        })
        .collect();
    let mut times = BTreeMap::new();
    std::future::poll_fn(|_| {
        times.clear();
        let mut waits = false;
        for wanted in &all {
            match wanted::resolve(ctx, *wanted, &[]) {
                Poll::Pending => waits = true,
                Poll::Ready(Ok(resolved)) => times.extend(published(ctx, &resolved)),
                Poll::Ready(Err(_)) => {}
            }
        }
        if waits { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    let newest = times.values().filter_map(|text: &String| parse_time(text)).max();
    let age = match newest {
        Some(newest) => Some(AgePolicy::below(ctx.age.as_ref(), &ctx.settings.policy, newest.saturating_add(HOUR))),
        None => ctx.age.clone(),
    };
    // Settled once: the walk starts after this.
    drop(ctx.cutoff.set(Cutoff { age, times }));
}

/// When a package of a registry was published: by its metadata, else as the old lockfile has it.
fn published(ctx: &Context, resolved: &Resolved) -> Option<(String, String)> {
    let Origin::Registry(alias) = &resolved.origin else { return None };
    let id = package_key(&resolved.id).to_owned();
    let registry = alias.as_ref().map(|alias| ctx.symbol(alias));
    let told = [true, false].into_iter().find_map(|full| {
        let packument = ctx.facts.known_packument(PackumentKey { name: resolved.name, registry, full })?;
        let line = packument.find(&ctx.text(resolved.version))?;
        packument.time_text(line).map(str::to_owned)
    });
    let time = told.or_else(|| ctx.lockfile.as_ref()?.time.get(&id).cloned())?;
    Some((id, time))
}

/// What lies below the projects is held to the time of what they ask for themselves.
pub fn is_time_based(ctx: &Context) -> bool {
    ctx.settings.rules.resolution_mode == ResolutionMode::TimeBased
}
