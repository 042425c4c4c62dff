//! Versions to prefer: what a project's own manifest asks for, what the existing lockfile holds. Projects of a workspace
//! do not look at each other's manifests, as pnpm 12 does not.

use crate::intern::{NumberMap, Symbol};
use crate::pick::{DIRECT_WEIGHT, LOCKED_WEIGHT, Preference};
use crate::semver::Version;
use crate::specifier::Want;

/// Preferences by project and real name.
#[derive(Debug, Default)]
pub struct Preferences {
    declared: NumberMap<Symbol, NumberMap<Symbol, Vec<Want>>>,
    locked: NumberMap<Symbol, Vec<Version>>,
}

impl Preferences {
    /// A project's manifest asks for it.
    pub fn declare(&mut self, importer: Symbol, name: Symbol, want: Want) {
        let held = self.declared.entry(importer).or_default().entry(name).or_default();
        if !held.contains(&want) {
            held.push(want);
        }
    }

    /// The lockfile holds it.
    pub fn lock(&mut self, name: Symbol, version: Version) {
        let held = self.locked.entry(name).or_default();
        if !held.contains(&version) {
            held.push(version);
        }
    }

    /// Whether a project has preferences of its own.
    pub fn is_declared(&self, importer: Symbol, name: Symbol) -> bool {
        self.declared.get(&importer).is_some_and(|own| own.contains_key(&name))
    }

    /// All preferences that count below a project; weights of one version add up.
    pub fn of(&self, importer: Symbol, name: Symbol) -> Vec<Preference> {
        let declared = self.declared.get(&importer).and_then(|own| own.get(&name)).into_iter().flatten();
        let mut all: Vec<Preference> =
            declared.map(|want| Preference { want: want.clone(), weight: DIRECT_WEIGHT }).collect();
        for version in self.locked.get(&name).into_iter().flatten() {
            let want = Want::Version(version.clone());
            match all.iter_mut().find(|held| held.want == want) {
                Some(held) => held.weight = held.weight.saturating_add(LOCKED_WEIGHT),
                None => all.push(Preference { want, weight: LOCKED_WEIGHT }),
            }
        }
        all
    }
}
