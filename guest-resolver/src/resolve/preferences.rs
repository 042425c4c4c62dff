//! Versions to prefer: what a project's own manifest asks for, what the existing lockfile holds. Projects of a
//! workspace do not look at each other's manifests, as pnpm 12 does not.

use crate::intern::{NumberMap, NumberSet, Symbol};
use crate::pick::{DIRECT_WEIGHT, LOCKED_WEIGHT, Preference};
use crate::semver::Version;
use crate::specifier::Want;

/// Preferences by project and real name.
#[derive(Debug, Default)]
pub struct Preferences {
    declared: NumberMap<Symbol, NumberMap<Symbol, Vec<Want>>>,
    declared_names: NumberSet<Symbol>,
    locked: NumberMap<Symbol, Vec<Version>>,
    /// By project, what the lockfile holds and others let go of.
    kept: NumberMap<(Symbol, Symbol), Vec<Version>>,
    /// Versions that were named on the command line.
    named: Vec<(Symbol, Version)>,
    /// Versions that were found for dependencies of projects before they were written.
    expected: Vec<(Symbol, Symbol, Version)>,
    /// The peers that projects ask for themselves, with the versions they are locked to.
    own_peers: NumberMap<(Symbol, Symbol), Option<Version>>,
}

/// The weight of a version that was named: more than that of one that is locked.
const NAMED_WEIGHT: u32 = LOCKED_WEIGHT + 1;

/// The weight that being locked adds to a version of a project's own peer: less than what another project asks for.
const OWN_PEER_WEIGHT: u32 = 1;

impl Preferences {
    /// A project's manifest asks for it.
    pub fn declare(&mut self, importer: Symbol, name: Symbol, want: Want) {
        self.declared_names.insert(name);
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

    /// The lockfile holds it, and this project does not let go of it as others do.
    pub fn keep(&mut self, importer: Symbol, name: Symbol, version: Version) {
        let held = self.kept.entry((importer, name)).or_default();
        if !held.contains(&version) {
            held.push(version);
        }
    }

    /// It was found for a dependency of a project.
    pub fn expect(&mut self, importer: Symbol, name: Symbol, version: Version) {
        self.expected.push((importer, name, version));
    }

    /// What was found for a dependency of a project itself.
    pub fn expected(&self, importer: Symbol, name: Symbol) -> impl Iterator<Item = Preference> {
        let own = self.expected.iter().filter(move |(whose, which, _)| *whose == importer && *which == name);
        own.map(|(.., version)| Preference { want: Want::Version(version.clone()), weight: NAMED_WEIGHT })
    }

    /// It was named on the command line.
    pub fn name(&mut self, name: Symbol, version: Version) {
        self.named.push((name, version));
    }

    /// A project leaves the choice of a peer of its own to the others; `locked` is the version it has.
    pub fn leave_to_others(&mut self, importer: Symbol, name: Symbol, locked: Option<Version>) {
        self.own_peers.insert((importer, name), locked);
    }

    /// What a project asks for, or what others do, for a peer of its own.
    pub fn declared(&self, importer: Symbol, name: Symbol) -> &[Want] {
        self.declared.get(&importer).and_then(|own| own.get(&name)).map(Vec::as_slice).unwrap_or_default()
    }

    /// What counts for a project's own peer where others depend on that package. The version that it is locked to has
    /// no advantage, nor has one that somebody asks for exactly.
    pub fn of_own_peer(&self, importer: Symbol, name: Symbol) -> Option<Vec<Preference>> {
        let own = self.own_peers.get(&(importer, name))?;
        let declared = self.declared(importer, name);
        let locked = self.locked.get(&name).into_iter().flatten().filter(|version| own.as_ref() != Some(*version));
        let locked = locked.map(|version| Want::Version(version.clone())).filter(|want| !declared.contains(want));
        let asked = declared.iter().map(|want| Preference { want: want.clone(), weight: DIRECT_WEIGHT });
        Some(asked.chain(locked.map(|want| Preference { want, weight: OWN_PEER_WEIGHT })).collect())
    }

    /// Whether a project has preferences of its own.
    pub fn is_declared(&self, importer: Symbol, name: Symbol) -> bool {
        self.declared.get(&importer).is_some_and(|own| own.contains_key(&name))
    }

    /// Whether a project's manifest asks for it.
    pub fn is_declared_anywhere(&self, name: Symbol) -> bool {
        self.declared_names.contains(&name)
    }

    /// All preferences that count below a project; weights of one version add up.
    pub fn of(&self, importer: Symbol, name: Symbol) -> Vec<Preference> {
        let mut all = self.of_manifest(importer, name);
        let kept = self.kept.get(&(importer, name)).into_iter().flatten();
        let locked = self.locked.get(&name).into_iter().flatten().chain(kept).map(|version| (version, LOCKED_WEIGHT));
        let named = self.named.iter().filter(|(named, _)| *named == name).map(|(_, version)| (version, NAMED_WEIGHT));
        for (version, weight) in locked.chain(named) {
            let want = Want::Version(version.clone());
            match all.iter_mut().find(|held| held.want == want) {
                Some(held) => held.weight = held.weight.saturating_add(weight),
                None => all.push(Preference { want, weight }),
            }
        }
        all
    }

    /// Those of the project's manifest alone.
    pub fn of_manifest(&self, importer: Symbol, name: Symbol) -> Vec<Preference> {
        let declared = self.declared(importer, name).iter();
        declared.map(|want| Preference { want: want.clone(), weight: DIRECT_WEIGHT }).collect()
    }
}
