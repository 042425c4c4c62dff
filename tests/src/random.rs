//! Random worlds: small registries, manifests and workspaces that meet every rule of resolution in a few packages,
//! made from a seed alone, and their shrinking to the smallest that still shows a difference.

mod changes;
mod commands;
mod smaller;
mod world;

use indexmap::IndexMap;
use serde_json::Value;

use self::{
    changes::change,
    world::{name_of, package, project, some_versions},
};
pub use self::{commands::commands, smaller::smaller};
use crate::{
    plugin::Plugin,
    scenario::{Scenario, Step},
    web::Web,
};

/// The groups of dependencies in a manifest that are installed.
const GROUPS: [&str; 3] = ["dependencies", "devDependencies", "optionalDependencies"];

/// A small generator of numbers (splitmix64): equal seeds give equal worlds on every machine and for ever.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `limit`.
    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).expect("it is below a usize")
    }

    /// True so often out of a hundred.
    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// The scenario of a seed: `steps` installs, with changes of manifests and publishes between them.
#[must_use]
pub fn scenario(seed: u64, steps: usize) -> Scenario {
    let mut numbers = Numbers(seed);
    let names: Vec<String> = (0..2 + numbers.below(9)).map(|at| name_of(at, numbers.chance(15))).collect();
    let mut versions: IndexMap<String, Vec<String>> = IndexMap::new();
    for name in &names {
        versions.insert(name.clone(), some_versions(&mut numbers));
    }
    let world = names.iter().map(|name| (name.clone(), package(&mut numbers, name, &versions))).collect();
    let files = project(&mut numbers, &versions);
    let mut manifests: Vec<String> = files.keys().filter(|path| path.ends_with("package.json")).cloned().collect();
    let mut made = Scenario {
        about: format!("Random world of seed {seed}."),
        world,
        files,
        env: IndexMap::new(),
        web: Web::default(),
        plugin: Plugin::default(),
        steps: vec![Step::default()],
        name: format!("random-{seed}"),
    };
    for _ in 1..steps {
        let step = change(&mut numbers, &made, &mut manifests, &mut versions);
        made.steps.push(step);
    }
    if steps > 1 {
        drop_aliases_below(&mut made);
    }
    made
}

/// Takes aliases out of the dependencies of packages. Where pnpm 12.21 keeps one at its locked version, it asks the
/// registry for a package of the alias's name.
fn drop_aliases_below(scenario: &mut Scenario) {
    let published = scenario.steps.iter_mut().flat_map(|step| step.publish.values_mut());
    for package in scenario.world.values_mut().chain(published) {
        for fields in package.versions.values_mut() {
            for group in ["dependencies", "optionalDependencies"] {
                if let Some(map) = fields.get_mut(group).and_then(Value::as_object_mut) {
                    map.retain(|alias, _| !alias.starts_with("alias-"));
                }
            }
        }
    }
}
