//! Random worlds: small registries, manifests and workspaces that meet every rule of resolution in a few packages,
//! made from a seed alone, and their shrinking to the smallest that still shows a difference.

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::{
    scenario::{Scenario, Step},
    web::Web,
    world::Package,
};

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

/// The world of a seed with commands in place of changes of manifests: `steps` of `add`, `remove`, `update` after the first
/// install. The worlds are those of [`scenario`].
#[must_use]
pub fn commands(seed: u64, steps: usize) -> Scenario {
    let mut made = scenario(seed, 1);
    let mut numbers = Numbers(seed ^ 0x636f_6d6d_616e_6473);
    let mut versions: IndexMap<String, Vec<String>> =
        made.world.iter().map(|(name, package)| (name.clone(), package.versions.keys().cloned().collect())).collect();
    for _ in 1..steps {
        let mut step = Step::default();
        if numbers.chance(50) {
            publish_one(&mut numbers, &made, &mut versions, &mut step);
        }
        let projects: Vec<&str> = made.files.keys().filter_map(|path| path.strip_suffix("/package.json")).collect();
        let is_workspace = !projects.is_empty();
        if is_workspace && numbers.chance(40) {
            step.folder = (*numbers.pick(&projects)).to_owned();
        }
        step.run = command(&mut numbers, &versions, is_workspace);
        made.steps.push(step);
    }
    // pnpm 12.21 takes the name out of an alias whose range is a union when it updates it.
    for (path, content) in &mut made.files {
        for group in GROUPS.into_iter().filter(|_| path.ends_with("package.json")) {
            let Some(entries) = content.get_mut(group).and_then(Value::as_object_mut) else { continue };
            for specifier in entries.values_mut().filter(|it| it.as_str().is_some_and(|it| it.starts_with("npm:"))) {
                let plain =
                    specifier.as_str().and_then(|text| text.split_once(" || ")).map(|(plain, _)| plain.to_owned());
                specifier.clone_from(&plain.map_or_else(|| specifier.clone(), Value::from));
            }
        }
    }
    made.about = format!("Random commands of seed {seed}.");
    made.name = format!("commands-{seed}");
    drop_aliases_below(&mut made);
    made
}

/// A command that a person types.
fn command(numbers: &mut Numbers, versions: &IndexMap<String, Vec<String>>, is_workspace: bool) -> String {
    let name = |numbers: &mut Numbers| {
        let (name, theirs) = versions.get_index(numbers.below(versions.len())).expect("an index below the length");
        (name.clone(), theirs.clone())
    };
    let kind = numbers.below(10);
    let mut words: Vec<String> = Vec::new();
    match kind {
        0..=3 => {
            words.push("add".to_owned());
            for _ in 0..1 + numbers.below(2) {
                let (name, theirs) = name(numbers);
                words.push(match numbers.below(8) {
                    0..=2 => name,
                    3 => format!("{name}@{}", numbers.pick(&theirs)),
                    4 => format!("{name}@latest"),
                    5 => format!("alias-{}@npm:{name}@^{}", name.trim_start_matches("@s/"), numbers.pick(&theirs)),
                    _ => format!("{name}@{}{}", numbers.pick(&["^", "~", ">=", "="]), numbers.pick(&theirs)),
                });
            }
            words.extend(option(numbers, &["-D", "-O", "-P", "-E", "--save-peer", "--save-prefix=~"], 40));
        }
        4 | 5 => {
            words.push("remove".to_owned());
            words.push(name(numbers).0);
            words.extend(option(numbers, &["-D", "-O", "-P"], 10));
        }
        _ => {
            words.push("update".to_owned());
            if numbers.chance(60) {
                let (name, theirs) = name(numbers);
                words.push(match numbers.below(6) {
                    0 => format!("{name}@{}", numbers.pick(&theirs)),
                    1 => format!("{name}@{}{}", numbers.pick(&["^", "~"]), numbers.pick(&theirs)),
                    2 => (*numbers.pick(&["@s/*", "!a", "*", "alias-*"])).to_owned(),
                    _ => name,
                });
            }
            words.extend(option(
                numbers,
                &["--latest", "-L", "--depth=0", "--no-save", "--prod", "--dev", "--no-optional", "-E"],
                60,
            ));
        }
    }
    if is_workspace && numbers.chance(25) {
        words.push("-r".to_owned());
    }
    words.join(" ")
}

fn option(numbers: &mut Numbers, options: &[&str], percent: usize) -> Option<String> {
    numbers.chance(percent).then(|| (*numbers.pick(options)).to_owned())
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

fn name_of(at: usize, scoped: bool) -> String {
    let letter = char::from(b'a' + u8::try_from(at % 26).expect("below 26"));
    if scoped { format!("@s/{letter}") } else { letter.to_string() }
}

fn some_versions(numbers: &mut Numbers) -> Vec<String> {
    let mut versions = Vec::new();
    let (mut major, mut minor, mut patch) = (numbers.below(2), 0, numbers.below(2));
    for _ in 0..1 + numbers.below(5) {
        let text = format!("{major}.{minor}.{patch}");
        versions.push(if numbers.chance(8) { format!("{text}-rc.{}", numbers.below(3)) } else { text });
        match numbers.below(3) {
            0 => (major, minor, patch) = (major + 1, 0, 0),
            1 => (minor, patch) = (minor + 1, 0),
            _ => patch += 1,
        }
    }
    versions
}

/// A range that usually some version satisfies.
fn range(numbers: &mut Numbers, versions: &[String]) -> String {
    let base = numbers.pick(versions).clone();
    let major = base.split('.').next().unwrap_or("0").to_owned();
    match numbers.below(10) {
        0..=4 => format!("^{base}"),
        5 => format!("~{base}"),
        6 => base,
        7 => "*".to_owned(),
        8 => format!(">={base}"),
        _ => format!("{major} || ^{base}"),
    }
}

fn edges(
    numbers: &mut Numbers,
    own: &str,
    versions: &IndexMap<String, Vec<String>>,
    most: usize,
) -> Map<String, Value> {
    let mut map = Map::new();
    for _ in 0..numbers.below(most + 1) {
        let (name, theirs) = versions.get_index(numbers.below(versions.len())).expect("an index below the length");
        if name == own {
            continue;
        }
        let range = range(numbers, theirs);
        if numbers.chance(7) {
            map.insert(format!("alias-{}", name.trim_start_matches("@s/")), format!("npm:{name}@{range}").into());
        } else {
            map.insert(name.clone(), range.into());
        }
    }
    map
}

fn put(fields: &mut Map<String, Value>, key: &str, map: Map<String, Value>) {
    if !map.is_empty() {
        fields.insert(key.to_owned(), Value::Object(map));
    }
}

fn package(numbers: &mut Numbers, name: &str, versions: &IndexMap<String, Vec<String>>) -> Package {
    let mut package = Package::default();
    for version in &versions[name] {
        let mut fields = Map::new();
        put(&mut fields, "dependencies", edges(numbers, name, versions, 3));
        if numbers.chance(20) {
            put(&mut fields, "optionalDependencies", edges(numbers, name, versions, 1));
        }
        if numbers.chance(35) {
            let mut peers = edges(numbers, name, versions, 2);
            peers.retain(|alias, _| !alias.starts_with("alias-"));
            let meta: Map<String, Value> = peers
                .keys()
                .filter(|_| numbers.chance(35))
                .map(|peer| (peer.clone(), json!({ "optional": true })))
                .collect();
            put(&mut fields, "peerDependenciesMeta", meta);
            put(&mut fields, "peerDependencies", peers);
        }
        if numbers.chance(6) {
            fields.insert("os".to_owned(), json!([if numbers.chance(50) { "darwin" } else { "linux" }]));
        }
        if numbers.chance(8) {
            fields.insert("deprecated".to_owned(), "do not use".into());
        }
        if numbers.chance(8) {
            fields.insert("engines".to_owned(), json!({ "node": ">=4" }));
        }
        package.versions.insert(version.clone(), fields);
    }
    if numbers.chance(15) {
        package.tags.insert("latest".to_owned(), numbers.pick(&versions[name]).clone());
    }
    package
}

fn manifest(numbers: &mut Numbers, name: &str, versions: &IndexMap<String, Vec<String>>, others: &[String]) -> Value {
    let mut fields = Map::new();
    fields.insert("name".to_owned(), name.into());
    fields.insert("version".to_owned(), "1.0.0".into());
    let mut dependencies = edges(numbers, name, versions, 4);
    for other in others {
        if other != name && numbers.chance(30) {
            dependencies.insert(other.clone(), numbers.pick(&["workspace:*", "workspace:^"]).to_owned().into());
        }
    }
    put(&mut fields, "dependencies", dependencies);
    if numbers.chance(40) {
        put(&mut fields, "devDependencies", edges(numbers, name, versions, 2));
    }
    if numbers.chance(20) {
        put(&mut fields, "optionalDependencies", edges(numbers, name, versions, 1));
    }
    if numbers.chance(15) {
        let mut peers = edges(numbers, name, versions, 1);
        peers.retain(|alias, _| !alias.starts_with("alias-"));
        put(&mut fields, "peerDependencies", peers);
    }
    Value::Object(fields)
}

fn project(numbers: &mut Numbers, versions: &IndexMap<String, Vec<String>>) -> IndexMap<String, Value> {
    let mut files = IndexMap::new();
    let others: Vec<String> =
        if numbers.chance(35) { (0..1 + numbers.below(3)).map(|at| format!("w{at}")).collect() } else { Vec::new() };
    files.insert("package.json".to_owned(), manifest(numbers, "root", versions, &others));
    for other in &others {
        files.insert(format!("packages/{other}/package.json"), manifest(numbers, other, versions, &others));
    }
    let mut settings = String::new();
    if !others.is_empty() {
        settings += "packages:\n  - packages/*\n";
    }
    if numbers.chance(12) {
        let (name, theirs) = versions.get_index(numbers.below(versions.len())).expect("an index below the length");
        settings += &format!("overrides:\n  '{name}': '{}'\n", range(numbers, theirs));
    }
    if numbers.chance(8) {
        settings += "autoInstallPeers: false\n";
    }
    if numbers.chance(6) {
        settings += "dedupePeerDependents: false\n";
    }
    if !settings.is_empty() {
        files.insert("pnpm-workspace.yaml".to_owned(), settings.into());
    }
    files
}

/// A later step: perhaps a new version is published, then a project changes, comes or goes.
fn change(
    numbers: &mut Numbers,
    scenario: &Scenario,
    manifests: &mut Vec<String>,
    versions: &mut IndexMap<String, Vec<String>>,
) -> Step {
    let mut step = Step::default();
    if numbers.chance(30) {
        publish_one(numbers, scenario, versions, &mut step);
    }
    let projects = scenario.files.contains_key("packages/w0/package.json");
    if projects && numbers.chance(10) {
        let name = format!("w{}", scenario.steps.len() + 3);
        let path = format!("packages/{name}/package.json");
        step.write.insert(path.clone(), manifest(numbers, &name, versions, &[]));
        manifests.push(path);
        return step;
    }
    let path = numbers.pick(manifests).clone();
    if manifests.len() > 2 && path != "package.json" && numbers.chance(10) {
        manifests.retain(|held| *held != path);
        step.remove.push(path);
        return step;
    }
    let written = scenario.steps.iter().rev().find_map(|step| step.write.get(&path));
    let mut manifest = written.unwrap_or_else(|| &scenario.files[&path]).clone();
    if let Some(fields) = manifest.as_object_mut() {
        edit(numbers, fields, versions);
    }
    step.write.insert(path, manifest);
    step
}

fn publish_one(
    numbers: &mut Numbers,
    scenario: &Scenario,
    versions: &mut IndexMap<String, Vec<String>>,
    step: &mut Step,
) {
    let at = numbers.below(versions.len());
    let (name, theirs) = versions.get_index_mut(at).expect("an index below the length");
    let major = theirs.iter().filter_map(|v| v.split('.').next()?.parse::<usize>().ok()).max().unwrap_or(0);
    theirs.push(format!("{major}.9.{}", theirs.len()));
    let name = name.clone();
    let mut package = package(numbers, &name, versions);
    let published = scenario.steps.iter().rev().find_map(|step| step.publish.get(&name));
    for (version, fields) in &published.unwrap_or_else(|| &scenario.world[&name]).versions {
        package.versions.insert(version.clone(), fields.clone()); // what is published stays as it is
    }
    step.publish.insert(name, package);
}

const GROUPS: [&str; 3] = ["dependencies", "devDependencies", "optionalDependencies"];

/// One edit that a person makes in a manifest.
fn edit(numbers: &mut Numbers, fields: &mut Map<String, Value>, versions: &IndexMap<String, Vec<String>>) {
    let declared: Vec<(&str, String)> = GROUPS
        .iter()
        .flat_map(|group| {
            let aliases = fields.get(*group).and_then(Value::as_object).into_iter().flat_map(Map::keys);
            aliases.map(|alias| (*group, alias.clone())).collect::<Vec<_>>()
        })
        .collect();
    let kind = if declared.is_empty() { 0 } else { numbers.below(6) };
    let one = (!declared.is_empty()).then(|| numbers.pick(&declared).clone());
    match (kind, one) {
        (1 | 2, Some((group, alias))) => {
            take(fields, group, &alias);
            if kind == 2 {
                add(fields, "dependencies", edges(numbers, "", versions, 2));
            }
        }
        (3 | 4, Some((group, alias))) => {
            if let Some(theirs) = versions.get(&alias) {
                let to = if kind == 3 { group } else { *numbers.pick(&GROUPS) };
                let range = range(numbers, theirs);
                take(fields, group, &alias);
                add(fields, to, Map::from_iter([(alias, range.into())]));
            }
        }
        (5, Some((group, alias))) => {
            if let Some(held) = take(fields, group, &alias) {
                let to = *numbers.pick(&GROUPS);
                add(fields, to, Map::from_iter([(alias, held)]));
            }
        }
        _ => add(fields, "dependencies", edges(numbers, "", versions, 2)),
    }
}

fn take(fields: &mut Map<String, Value>, group: &str, alias: &str) -> Option<Value> {
    fields.get_mut(group)?.as_object_mut()?.shift_remove(alias)
}

fn add(fields: &mut Map<String, Value>, group: &str, more: Map<String, Value>) {
    if let Some(map) = fields.entry(group).or_insert_with(|| json!({})).as_object_mut() {
        map.extend(more);
    }
}

/// Every scenario that has one thing less: a package, a version, a field of a manifest, an edge, a file, a step.
#[must_use]
pub fn smaller(scenario: &Scenario) -> Vec<Scenario> {
    let mut found = Vec::new();
    for at in 1..scenario.steps.len() {
        let mut less = scenario.clone();
        less.steps.truncate(at);
        found.push(less);
    }
    for at in (1..scenario.steps.len()).filter(|_| scenario.has_commands()) {
        let mut less = scenario.clone();
        less.steps.remove(at);
        found.push(less);
        if !scenario.steps[at].publish.is_empty() {
            let mut less = scenario.clone();
            less.steps[at].publish.clear();
            found.push(less);
        }
    }
    for name in scenario.world.keys() {
        let mut less = scenario.clone();
        less.world.shift_remove(name);
        less.steps.iter_mut().for_each(|step| drop(step.publish.shift_remove(name)));
        found.push(less);
    }
    for (name, package) in &scenario.world {
        for version in package.versions.keys() {
            let mut less = scenario.clone();
            less.world[name].versions.shift_remove(version);
            less.world[name].tags.retain(|_, to| to != version);
            for package in less.steps.iter_mut().filter_map(|step| step.publish.get_mut(name)) {
                package.versions.shift_remove(version);
                package.tags.retain(|_, to| to != version);
            }
            found.push(less);
        }
        if !package.tags.is_empty() {
            let mut less = scenario.clone();
            less.world[name].tags.clear();
            found.push(less);
        }
        for (version, fields) in &package.versions {
            for fewer in smaller_fields(fields) {
                let mut less = scenario.clone();
                for package in less.steps.iter_mut().filter_map(|step| step.publish.get_mut(name)) {
                    package.versions.insert(version.clone(), fewer.clone());
                }
                less.world[name].versions[version] = fewer;
                found.push(less);
            }
        }
    }
    for (path, content) in &scenario.files {
        if path != "package.json" && !(path == "pnpm-workspace.yaml" && scenario.has_commands()) {
            let mut less = scenario.clone();
            less.files.shift_remove(path);
            found.push(less);
        }
        let Some(fields) = content.as_object() else { continue };
        for fewer in smaller_fields(fields) {
            let mut less = scenario.clone();
            less.files[path] = Value::Object(fewer);
            found.push(less);
        }
    }
    for (at, step) in scenario.steps.iter().enumerate() {
        if at > 0 && at + 1 < scenario.steps.len() {
            let mut less = scenario.clone();
            less.steps.remove(at);
            found.push(less);
        }
        for (name, package) in &step.publish {
            let mut less = scenario.clone();
            less.steps[at].publish.shift_remove(name);
            found.push(less);
            for (version, fields) in package.versions.iter().filter(|(version, _)| {
                scenario.world.get(name).is_none_or(|world| !world.versions.contains_key(*version))
            }) {
                for fewer in smaller_fields(fields) {
                    let mut less = scenario.clone();
                    less.steps[at].publish[name].versions[version] = fewer;
                    found.push(less);
                }
            }
        }
        for (path, content) in &step.write {
            for fewer in content.as_object().map(smaller_fields).unwrap_or_default() {
                let mut less = scenario.clone();
                less.steps[at].write[path] = Value::Object(fewer);
                found.push(less);
            }
        }
    }
    found
}

/// The same fields with one of them, or one entry of one of them, less.
fn smaller_fields(fields: &Map<String, Value>) -> Vec<Map<String, Value>> {
    let mut found = Vec::new();
    for (key, value) in fields {
        if matches!(key.as_str(), "name" | "version") {
            continue;
        }
        let mut less = fields.clone();
        less.shift_remove(key);
        found.push(less);
        let Some(map) = value.as_object().filter(|map| map.len() > 1) else { continue };
        for entry in map.keys() {
            let mut less = fields.clone();
            if let Some(map) = less[key].as_object_mut() {
                map.shift_remove(entry);
            }
            found.push(less);
        }
    }
    found
}
